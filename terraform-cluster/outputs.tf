# What deploy.env reads, and what people look for.

output "region" {
  description = "NOMAD_REGION of deploy.env, and the datacenter of Nomad and Consul."
  value       = var.region
}

output "vcn_cidr_block" {
  description = "VCN_CIDR of deploy.env."
  value       = var.vcn_cidr
}

output "server_private_ips" {
  description = "SERVER_POOL_PRIVATE and CONSUL_SERVERS of deploy.env."
  value       = sort(data.oci_core_instance.server[*].private_ip)
}

output "api_private_ips" {
  description = "API_POOL_PRIVATE of deploy.env."
  value       = sort(data.oci_core_instance.api[*].private_ip)
}

output "client_private_ips" {
  description = "CLIENT_POOL_PRIVATE of deploy.env."
  value       = sort(data.oci_core_instance.client[*].private_ip)
}

output "sandboxes_host_network_cidr" {
  description = "SANDBOXES_HOST_NETWORK_CIDR of deploy.env."
  value       = var.sandboxes_host_network_cidr
}

output "sandboxes_vrt_network_cidr" {
  description = "SANDBOXES_VRT_NETWORK_CIDR of deploy.env."
  value       = var.sandboxes_vrt_network_cidr
}

output "pool_ids" {
  description = "The instance pools."
  value       = { for role, pool in oci_core_instance_pool.pool : role => pool.id }
}

output "instance_names" {
  description = "Name of each host by its address: as it is called in Nomad and Consul."
  value = {
    for instance in concat(data.oci_core_instance.server, data.oci_core_instance.api, data.oci_core_instance.client) :
    instance.private_ip => instance.display_name
  }
}

output "image_id" {
  description = "The image that new instances get."
  value       = local.image
}

output "user_data_bytes" {
  description = "Length of each pool's user_data; OCI takes 32,000."
  value       = { for role, data in module.user_data : role => length(data.base64) }
}
