# The user_data of one pool: a cloud-config that writes files, and a script that starts what they are. No provider is
# needed for it, so that the rehearsal cluster renders the very same with `terraform apply` in this directory.

terraform {
  required_version = ">= 1.5"
}

variable "role" {
  description = "server, api or client."
  type        = string
}

variable "region" {
  description = "Full name of the region: Consul's and Nomad's datacenter and region."
  type        = string
}

variable "compartment_ocid" {
  description = "Where the servers are looked for."
  type        = string
}

variable "prefix" {
  description = "The cluster's name: the value of the tag E2BCluster."
  type        = string
}

variable "server_count" {
  description = "Servers of the cluster."
  type        = number
}

variable "consul_gossip_secret_ocid" {
  description = "Vault secret behind the gossip key."
  type        = string
}

variable "join_retry_seconds" {
  description = "Pause between two attempts to join."
  type        = number
}

variable "drain_timeout_seconds" {
  description = "How long a client may drain before it goes."
  type        = number
}

variable "vcn_cidr" {
  description = "Network whose hosts may reach the platform's ports."
  type        = string
}

variable "sandboxes_host_network_cidr" {
  description = "Host side addresses of the sandboxes."
  type        = string
}

variable "sandboxes_vrt_network_cidr" {
  description = "Addresses of the sandboxes' veth pairs."
  type        = string
}

locals {
  # Read by the scripts. No secret is in it: user_data can be read by every process of a host.
  node_env = join("", [for name, value in {
    E2B_CLUSTER              = var.prefix
    E2B_COMPARTMENT          = var.compartment_ocid
    E2B_DRAIN_SECONDS        = var.drain_timeout_seconds
    E2B_GOSSIP_SECRET        = var.consul_gossip_secret_ocid
    E2B_JOIN_RETRY_SECONDS   = var.join_retry_seconds
    E2B_REGION               = var.region
    E2B_ROLE                 = var.role
    E2B_SERVER_COUNT         = var.server_count
    E2B_SANDBOX_HOST_NETWORK = var.sandboxes_host_network_cidr
  } : "${name}=${value}\n"])

  sbin = "/opt/e2b/sbin"
  unit = "/etc/systemd/system"

  everywhere = {
    "/etc/e2b/node.env"                   = { mode = "0644", text = local.node_env }
    "${local.sbin}/e2b-bootstrap"         = { mode = "0755", text = file("${path.module}/files/e2b-bootstrap") }
    "${local.sbin}/e2b-join"              = { mode = "0755", text = file("${path.module}/files/e2b-join") }
    "${local.sbin}/e2b-firewall"          = { mode = "0755", text = templatefile("${path.module}/templates/e2b-firewall", { vcn_cidr = var.vcn_cidr }) }
    "${local.unit}/consul.service"        = { mode = "0644", text = file("${path.module}/files/consul.service") }
    "${local.unit}/nomad.service"         = { mode = "0644", text = file("${path.module}/files/nomad.service") }
    "${local.unit}/e2b-bootstrap.service" = { mode = "0644", text = file("${path.module}/files/e2b-bootstrap.service") }
    "${local.unit}/e2b-firewall.service"  = { mode = "0644", text = file("${path.module}/files/e2b-firewall.service") }
    "${local.unit}/e2b-join.service"      = { mode = "0644", text = file("${path.module}/files/e2b-join.service") }
  }

  networks = {
    host_network = var.sandboxes_host_network_cidr
    vrt_network  = var.sandboxes_vrt_network_cidr
  }

  # What sandboxes need of the kernel, in the files that `deploy.rhai` writes too: it then finds them as they should be.
  on_clients = {
    "/etc/modules-load.d/60-e2bscript-nbd.conf"                   = { mode = "0644", text = "nbd\n" }
    "/etc/modprobe.d/60-e2bscript-nbd.conf"                       = { mode = "0644", text = "options nbd max_part=16 nbds_max=128\n" }
    "/etc/sysctl.d/60-e2bscript-net.ipv4.ip_forward.conf"         = { mode = "0644", text = "net.ipv4.ip_forward = 1\n" }
    "/etc/nftables.d/e2bscript-inet-e2b.nft"                      = { mode = "0644", text = templatefile("${path.module}/templates/e2bscript-inet-e2b.nft", local.networks) }
    "${local.unit}/e2bscript-nft-inet-e2b.service"                = { mode = "0644", text = file("${path.module}/files/e2bscript-nft-inet-e2b.service") }
    "${local.unit}/nftables.service.d/60-e2bscript-inet-e2b.conf" = { mode = "0644", text = file("${path.module}/files/nftables-drop-in.conf") }
    "${local.sbin}/e2b-cleanup-network"                           = { mode = "0755", text = file("${path.module}/files/e2b-cleanup-network") }
    "${local.unit}/e2b-cleanup-network.service"                   = { mode = "0644", text = file("${path.module}/files/e2b-cleanup-network.service") }
    "${local.unit}/e2b-cleanup-network.timer"                     = { mode = "0644", text = file("${path.module}/files/e2b-cleanup-network.timer") }
    "${local.sbin}/e2b-drain"                                     = { mode = "0755", text = file("${path.module}/files/e2b-drain") }
    "${local.unit}/e2b-drain-watch.service"                       = { mode = "0644", text = file("${path.module}/files/e2b-drain-watch.service") }
    "${local.unit}/e2b-drain.service"                             = { mode = "0644", text = templatefile("${path.module}/templates/e2b-drain.service", { seconds = var.drain_timeout_seconds }) }
  }

  files = merge(local.everywhere, var.role == "client" ? local.on_clients : {})

  # JSON is YAML.
  cloud_config = "#cloud-config\n${jsonencode({
    write_files = [
      for path in sort(keys(local.files)) : {
        path        = path
        owner       = "root:root"
        permissions = local.files[path].mode
        content     = local.files[path].text
      }
    ]
  })}\n"

  parts = [
    { name = "files.yaml", type = "text/cloud-config", text = local.cloud_config },
    { name = "start.sh", type = "text/x-shellscript", text = file("${path.module}/files/start.sh") },
  ]

  boundary = "e2b-part-of-user-data"

  mime = join("", concat(
    ["Content-Type: multipart/mixed; boundary=\"${local.boundary}\"\nMIME-Version: 1.0\n\n"],
    [for part in local.parts : join("\n", [
      "--${local.boundary}",
      "Content-Type: ${part.type}; charset=\"utf-8\"",
      "MIME-Version: 1.0",
      "Content-Disposition: attachment; filename=\"${part.name}\"",
      "",
      part.text,
    ])],
    ["--${local.boundary}--\n"],
  ))
}

output "mime" {
  description = "The user_data as cloud-init reads it."
  value       = local.mime
}

output "base64" {
  description = "The user_data as OCI's metadata takes it: compressed, in base64."
  value       = base64gzip(local.mime)

  precondition {
    condition     = length(base64gzip(local.mime)) <= 32000
    error_message = "The user_data of the ${var.role} pool has ${length(base64gzip(local.mime))} bytes; OCI takes 32,000."
  }
}

output "paths" {
  description = "The files that it writes."
  value       = sort(keys(local.files))
}
