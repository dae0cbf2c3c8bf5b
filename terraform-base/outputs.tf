# What the cluster stack and deploy.env read. Secrets are named by their OCIDs, never shown.

output "region" {
  description = "The region, for the cluster stack."
  value       = var.region
}

output "prefix" {
  description = "The name of the cluster, for the cluster stack."
  value       = var.prefix
}

output "compartment_ocid" {
  description = "The compartment, for the cluster stack."
  value       = var.compartment_ocid
}

output "vcn_id" {
  description = "The network."
  value       = oci_core_vcn.this.id
}

output "vcn_cidr_block" {
  description = "The network's addresses: VCN_CIDR of deploy.env."
  value       = var.vcn_cidr
}

output "public_subnet_id" {
  description = "The bastion's subnet."
  value       = oci_core_subnet.public.id
}

output "private_subnet_id" {
  description = "The cluster's subnet, for the cluster stack."
  value       = oci_core_subnet.private.id
}

output "load_balancer_subnet_id" {
  description = "The load balancer's subnet; empty without one."
  value       = one(oci_core_subnet.load_balancer[*].id) == null ? "" : one(oci_core_subnet.load_balancer[*].id)
}

output "security_group_ids" {
  description = "The security groups by kind of host; cluster, api and client are for the cluster stack."
  value       = { for name, group in oci_core_network_security_group.this : name => group.id }
}

output "availability_domains" {
  description = "The region's availability domains."
  value       = local.availability_domains
}

output "bastion_public_ip" {
  description = "BASTION_HOST of deploy.env."
  value       = oci_core_instance.bastion.public_ip
}

output "bastion_instance_id" {
  description = "The bastion."
  value       = oci_core_instance.bastion.id
}

output "bastion_service_id" {
  description = "OCI's Bastion service; empty without one."
  value       = var.create_bastion_service ? oci_bastion_bastion.this[0].id : ""
}

output "ssh_user" {
  description = "SSH_USER of deploy.env: the account of Ubuntu's images."
  value       = "ubuntu"
}

output "home_region" {
  description = "Where identity resources were made."
  value       = local.home_region
}

output "dynamic_group_name" {
  description = "The hosts' dynamic group; empty when somebody else makes it."
  value       = var.create_iam ? oci_identity_dynamic_group.hosts[0].name : ""
}

output "object_storage_namespace" {
  description = "The tenancy's namespace of buckets."
  value       = data.oci_objectstorage_namespace.this.namespace
}

output "object_storage_buckets" {
  description = "The buckets' names."
  value       = local.bucket_names
}

output "vault_ocid" {
  description = "The vault that the secrets are in."
  value       = local.vault_ocid
}

output "consul_gossip_secret_ocid" {
  description = "The secret behind Consul's gossip key, for the cluster stack."
  value       = local.gossip_secret_ocid
}

output "postgres_password_secret_ocid" {
  description = "The secret with POSTGRES_PASSWORD of deploy.env; empty without a database."
  value       = var.create_postgres ? local.password_secret_ocid : ""
}

output "postgres_db_system_id" {
  description = "The database system; empty without one."
  value       = var.create_postgres ? oci_psql_db_system.this[0].id : ""
}

output "postgres_host" {
  description = "POSTGRES_HOST of deploy.env."
  value       = try(data.oci_psql_db_system_connection_detail.this[0].primary_db_endpoint[0].fqdn, "")
}

output "postgres_port" {
  description = "POSTGRES_PORT of deploy.env."
  value       = try(data.oci_psql_db_system_connection_detail.this[0].primary_db_endpoint[0].port, 5432)
}

output "postgres_user" {
  description = "POSTGRES_USER of deploy.env."
  value       = local.postgres_user
}

output "postgres_database" {
  description = "POSTGRES_DB of deploy.env: there from the beginning."
  value       = "postgres"
}

output "postgres_ca_certificate" {
  description = "The authority of the database's certificate (public), for the file that POSTGRES_SSLROOTCERT names."
  value       = try(data.oci_psql_db_system_connection_detail.this[0].ca_certificate, "")
}

output "redis_endpoint" {
  description = "REDIS_ENDPOINT of deploy.env; empty without Redis."
  value       = var.create_redis ? oci_redis_redis_cluster.this[0].primary_fqdn : ""
}

output "redis_port" {
  description = "REDIS_PORT of deploy.env."
  value       = 6379
}
