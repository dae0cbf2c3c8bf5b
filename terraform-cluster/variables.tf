# --- Where: outputs of the base stack.

variable "compartment_ocid" {
  description = "OCID of the base stack's compartment."
  type        = string

  validation {
    condition     = can(regex("^ocid1\\.(compartment|tenancy)\\.", var.compartment_ocid))
    error_message = "compartment_ocid must be the OCID of a compartment, not its name: it begins with ocid1.compartment."
  }
}

variable "region" {
  description = "Region by its full name, such as us-ashburn-1: also the datacenter of Nomad and Consul."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+-[0-9]+$", var.region))
    error_message = "region must be the full name, such as us-ashburn-1, not its short key."
  }
}

variable "prefix" {
  description = "The base stack's prefix: the cluster's name. Hosts find the servers by it."
  type        = string
  default     = "e2b"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,11}$", var.prefix))
    error_message = "prefix must be 1 to 12 lower-case letters, digits and dashes, and begin with a letter."
  }
}

variable "vcn_cidr" {
  description = "vcn_cidr_block of the base stack: hosts of this network may reach the platform's ports."
  type        = string
  default     = "10.0.0.0/16"

  validation {
    condition     = can(cidrnetmask(var.vcn_cidr))
    error_message = "vcn_cidr must be an IPv4 network, such as 10.0.0.0/16."
  }
}

variable "private_subnet_id" {
  description = "private_subnet_id of the base stack."
  type        = string

  validation {
    condition     = startswith(var.private_subnet_id, "ocid1.subnet.")
    error_message = "private_subnet_id must be the OCID of a subnet: it begins with ocid1.subnet."
  }
}

variable "cluster_nsg_id" {
  description = "The security group `cluster` of the base stack's security_group_ids: every host."
  type        = string

  validation {
    condition     = startswith(var.cluster_nsg_id, "ocid1.networksecuritygroup.")
    error_message = "cluster_nsg_id must be the OCID of a network security group: it begins with ocid1.networksecuritygroup."
  }
}

variable "api_nsg_id" {
  description = "The security group `api` of the base stack's security_group_ids."
  type        = string

  validation {
    condition     = startswith(var.api_nsg_id, "ocid1.networksecuritygroup.")
    error_message = "api_nsg_id must be the OCID of a network security group: it begins with ocid1.networksecuritygroup."
  }
}

variable "client_nsg_id" {
  description = "The security group `client` of the base stack's security_group_ids."
  type        = string

  validation {
    condition     = startswith(var.client_nsg_id, "ocid1.networksecuritygroup.")
    error_message = "client_nsg_id must be the OCID of a network security group: it begins with ocid1.networksecuritygroup."
  }
}

variable "consul_gossip_secret_ocid" {
  description = "consul_gossip_secret_ocid of the base stack. The hosts read the secret; it is in no user_data."
  type        = string

  validation {
    condition     = startswith(var.consul_gossip_secret_ocid, "ocid1.vaultsecret.")
    error_message = "consul_gossip_secret_ocid must be the OCID of a vault secret, never the key itself: it begins with ocid1.vaultsecret."
  }
}

variable "defined_tags" {
  description = "Defined tags of everything, as namespace.key = value."
  type        = map(string)
  default     = {}
}

variable "freeform_tags" {
  description = "Free-form tags of everything."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(setintersection(keys(var.freeform_tags), ["E2BCluster", "ClusterRole"])) == 0
    error_message = "freeform_tags must set neither E2BCluster nor ClusterRole: hosts find each other by these, which the stack sets."
  }
}

# --- Image and access.

variable "image_ocid" {
  description = "Image of the hosts, with Nomad, Consul and the OCI CLI; empty for the newest whose name begins with image_name."
  type        = string
  default     = ""

  validation {
    condition     = var.image_ocid == "" || startswith(var.image_ocid, "ocid1.image.")
    error_message = "image_ocid must be the OCID of an image, or empty: it begins with ocid1.image."
  }
}

variable "image_name" {
  description = "How the names of the platform's images in the compartment begin."
  type        = string
  default     = "e2b-"

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9._-]*$", var.image_name))
    error_message = "image_name must be the beginning of an image's name, of letters, digits, dots, dashes and underscores."
  }
}

variable "ssh_public_key" {
  description = "Public key of the operators, as in an id_ed25519.pub; several on lines of their own."
  type        = string

  validation {
    condition     = can(regex("^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/=]+", var.ssh_public_key))
    error_message = "ssh_public_key must be an OpenSSH public key: the content of a .pub file, never of the private one."
  }
}

# --- Pools.

variable "server_count" {
  description = "Nomad and Consul servers: 3 survive the loss of one, 5 of two."
  type        = number
  default     = 3

  validation {
    condition     = contains([1, 3, 5], var.server_count)
    error_message = "server_count must be 1, 3 or 5: an even number survives no more losses than the odd one below it."
  }
}

variable "api_count" {
  description = "Hosts of API and client-proxy."
  type        = number
  default     = 1

  validation {
    condition     = var.api_count >= 1 && var.api_count <= 20 && floor(var.api_count) == var.api_count
    error_message = "api_count must be 1 to 20."
  }
}

variable "client_count" {
  description = "Hosts of the sandboxes."
  type        = number
  default     = 1

  validation {
    condition     = var.client_count >= 1 && var.client_count <= 150 && floor(var.client_count) == var.client_count
    error_message = "client_count must be 1 to 150."
  }
}

variable "server_shape" {
  description = "Flexible shape of the servers."
  type        = string
  default     = "VM.Standard.E5.Flex"

  validation {
    condition     = can(regex("^VM\\..+\\.Flex$", var.server_shape))
    error_message = "server_shape must be a flexible virtual machine shape, such as VM.Standard.E5.Flex."
  }
}

variable "api_shape" {
  description = "Flexible shape of the API hosts."
  type        = string
  default     = "VM.Standard.E5.Flex"

  validation {
    condition     = can(regex("^VM\\..+\\.Flex$", var.api_shape))
    error_message = "api_shape must be a flexible virtual machine shape, such as VM.Standard.E5.Flex."
  }
}

variable "client_shape" {
  description = "Shape of the sandboxes' hosts. Firecracker needs /dev/kvm: an Intel virtual machine shape with nested virtualisation, or bare metal."
  type        = string
  default     = "VM.Standard3.Flex"

  validation {
    condition     = can(regex("^(VM\\.Standard3\\.Flex|VM\\.Optimized3\\.Flex|BM\\..+)$", var.client_shape))
    error_message = "client_shape must be VM.Standard3.Flex, VM.Optimized3.Flex or a bare metal shape (BM.…): others have no /dev/kvm, without which no sandbox starts."
  }
}

variable "server_ocpus" {
  description = "OCPUs of each server."
  type        = number
  default     = 1

  validation {
    condition     = var.server_ocpus >= 1 && var.server_ocpus <= 64
    error_message = "server_ocpus must be 1 to 64."
  }
}

variable "api_ocpus" {
  description = "OCPUs of each API host."
  type        = number
  default     = 2

  validation {
    condition     = var.api_ocpus >= 1 && var.api_ocpus <= 64
    error_message = "api_ocpus must be 1 to 64."
  }
}

variable "client_ocpus" {
  description = "OCPUs of each client host; of no meaning for bare metal."
  type        = number
  default     = 8

  validation {
    condition     = var.client_ocpus >= 2 && var.client_ocpus <= 128
    error_message = "client_ocpus must be 2 to 128."
  }
}

variable "server_memory_in_gbs" {
  description = "Memory of each server in GB."
  type        = number
  default     = 8

  validation {
    condition     = var.server_memory_in_gbs >= 4 && var.server_memory_in_gbs <= 1024
    error_message = "server_memory_in_gbs must be 4 to 1024."
  }
}

variable "api_memory_in_gbs" {
  description = "Memory of each API host in GB."
  type        = number
  default     = 16

  validation {
    condition     = var.api_memory_in_gbs >= 4 && var.api_memory_in_gbs <= 1024
    error_message = "api_memory_in_gbs must be 4 to 1024."
  }
}

variable "client_memory_in_gbs" {
  description = "Memory of each client host in GB; of no meaning for bare metal."
  type        = number
  default     = 64

  validation {
    condition     = var.client_memory_in_gbs >= 16 && var.client_memory_in_gbs <= 2048
    error_message = "client_memory_in_gbs must be 16 to 2048."
  }
}

variable "server_boot_volume_in_gbs" {
  description = "Boot volume of each server in GB."
  type        = number
  default     = 50

  validation {
    condition     = var.server_boot_volume_in_gbs >= 50 && var.server_boot_volume_in_gbs <= 32768
    error_message = "server_boot_volume_in_gbs must be 50 to 32768."
  }
}

variable "api_boot_volume_in_gbs" {
  description = "Boot volume of each API host in GB."
  type        = number
  default     = 50

  validation {
    condition     = var.api_boot_volume_in_gbs >= 50 && var.api_boot_volume_in_gbs <= 32768
    error_message = "api_boot_volume_in_gbs must be 50 to 32768."
  }
}

variable "client_boot_volume_in_gbs" {
  description = "Boot volume of each client host in GB: templates and snapshots lie on it."
  type        = number
  default     = 200

  validation {
    condition     = var.client_boot_volume_in_gbs >= 100 && var.client_boot_volume_in_gbs <= 32768
    error_message = "client_boot_volume_in_gbs must be 100 to 32768: Docker's images, templates and snapshots lie there."
  }
}

variable "fault_domains" {
  description = "Fault domains that the pools are spread over in each availability domain; empty to let OCI choose."
  type        = list(string)
  default     = ["FAULT-DOMAIN-1", "FAULT-DOMAIN-2", "FAULT-DOMAIN-3"]

  validation {
    condition     = alltrue([for name in var.fault_domains : can(regex("^FAULT-DOMAIN-[1-3]$", name))])
    error_message = "fault_domains must be FAULT-DOMAIN-1, FAULT-DOMAIN-2 and FAULT-DOMAIN-3, or some of them."
  }
}

variable "availability_domains" {
  description = "Availability domains of the pools; empty for all of the region."
  type        = list(string)
  default     = []
}

# --- What the hosts do.

variable "join_retry_seconds" {
  description = "Pause between two attempts of a host to find the servers and join."
  type        = number
  default     = 10

  validation {
    condition     = var.join_retry_seconds >= 1 && var.join_retry_seconds <= 300
    error_message = "join_retry_seconds must be 1 to 300."
  }
}

variable "drain_timeout_seconds" {
  description = "How long a client that its pool is about to terminate, or that shuts down, may move its work away. OCI turns a host off 15 minutes after it has asked it to shut down, so that counts there at most."
  type        = number
  default     = 600

  validation {
    condition     = var.drain_timeout_seconds >= 10 && var.drain_timeout_seconds <= 7000
    error_message = "drain_timeout_seconds must be 10 to 7000: a pool waits two hours at most, and two minutes of it are for the host to notice."
  }
}

variable "sandboxes_host_network_cidr" {
  description = "SANDBOXES_HOST_NETWORK_CIDR of deploy.env."
  type        = string
  default     = "10.11.0.0/16"

  validation {
    condition     = can(cidrnetmask(var.sandboxes_host_network_cidr))
    error_message = "sandboxes_host_network_cidr must be an IPv4 network, such as 10.11.0.0/16."
  }
}

variable "sandboxes_vrt_network_cidr" {
  description = "SANDBOXES_VRT_NETWORK_CIDR of deploy.env."
  type        = string
  default     = "10.12.0.0/16"

  validation {
    condition     = can(cidrnetmask(var.sandboxes_vrt_network_cidr))
    error_message = "sandboxes_vrt_network_cidr must be an IPv4 network, such as 10.12.0.0/16."
  }
}
