# --- Where.

variable "tenancy_ocid" {
  description = "OCID of the tenancy. Resource Manager fills it in."
  type        = string

  validation {
    condition     = startswith(var.tenancy_ocid, "ocid1.tenancy.")
    error_message = "tenancy_ocid must be the OCID of a tenancy: it begins with ocid1.tenancy."
  }
}

variable "compartment_ocid" {
  description = "OCID of the compartment that everything is made in."
  type        = string

  validation {
    condition     = can(regex("^ocid1\\.(compartment|tenancy)\\.", var.compartment_ocid))
    error_message = "compartment_ocid must be the OCID of a compartment, not its name: it begins with ocid1.compartment."
  }
}

variable "region" {
  description = "Region by its full name, such as us-ashburn-1; its short key (iad) would name another datacenter than the one that the nodes are told."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+-[0-9]+$", var.region))
    error_message = "region must be the full name, such as us-ashburn-1, not its short key."
  }
}

variable "prefix" {
  description = "Begins the name of everything, and tells this cluster from others in the compartment. The cluster stack must have the same."
  type        = string
  default     = "e2b"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,11}$", var.prefix))
    error_message = "prefix must be 1 to 12 lower-case letters, digits and dashes, and begin with a letter."
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
    condition     = !contains(keys(var.freeform_tags), "E2BCluster")
    error_message = "freeform_tags must not set E2BCluster: the stack sets it to the prefix."
  }
}

# --- Network.

variable "vcn_cidr" {
  description = "Network of the VCN. Must overlap neither the sandboxes' networks (10.11.0.0/16 and 10.12.0.0/16) nor Docker's (172.17.0.0/16)."
  type        = string
  default     = "10.0.0.0/16"

  validation {
    condition     = can(cidrnetmask(var.vcn_cidr)) && can(regex("/(1[6-9]|2[0-4])$", var.vcn_cidr))
    error_message = "vcn_cidr must be an IPv4 network of /16 to /24, such as 10.0.0.0/16."
  }

  validation {
    condition     = !can(regex("^(10\\.1[12]|172\\.17)\\.", var.vcn_cidr))
    error_message = "vcn_cidr overlaps a network of the sandboxes (10.11.0.0/16, 10.12.0.0/16) or Docker's (172.17.0.0/16)."
  }
}

variable "public_subnet_cidr" {
  description = "Subnet of the bastion; empty for the second /24 of a /16 (in smaller networks, the second sixteenth of it)."
  type        = string
  default     = ""

  validation {
    condition     = var.public_subnet_cidr == "" || can(cidrnetmask(var.public_subnet_cidr))
    error_message = "public_subnet_cidr must be an IPv4 network, such as 10.0.1.0/24."
  }
}

variable "private_subnet_cidr" {
  description = "Subnet of the cluster, the database and Redis; empty for the third."
  type        = string
  default     = ""

  validation {
    condition     = var.private_subnet_cidr == "" || can(cidrnetmask(var.private_subnet_cidr))
    error_message = "private_subnet_cidr must be an IPv4 network, such as 10.0.2.0/24."
  }
}

variable "create_load_balancer_subnet" {
  description = "A public subnet for a load balancer, whose security group may reach the API (50001) and the sandboxes' traffic (3002)."
  type        = bool
  default     = false
}

variable "load_balancer_subnet_cidr" {
  description = "Subnet of the load balancer; empty for the fourth."
  type        = string
  default     = ""

  validation {
    condition     = var.load_balancer_subnet_cidr == "" || can(cidrnetmask(var.load_balancer_subnet_cidr))
    error_message = "load_balancer_subnet_cidr must be an IPv4 network, such as 10.0.3.0/24."
  }
}

variable "load_balancer_allowed_cidrs" {
  description = "Networks that may reach the load balancer on 443."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for cidr in var.load_balancer_allowed_cidrs : can(cidrnetmask(cidr))])
    error_message = "load_balancer_allowed_cidrs must be IPv4 networks, such as 203.0.113.0/24."
  }
}

# --- Bastion.

variable "allowed_ssh_cidrs" {
  description = "Networks that may reach the bastion on port 22: the operators' own. There is no default on purpose."
  type        = list(string)

  validation {
    condition     = length(var.allowed_ssh_cidrs) > 0
    error_message = "allowed_ssh_cidrs is empty: name the networks that operators come from, such as 203.0.113.7/32."
  }

  validation {
    condition     = alltrue([for cidr in var.allowed_ssh_cidrs : can(cidrnetmask(cidr))])
    error_message = "allowed_ssh_cidrs must be IPv4 networks; for one address write it with /32, such as 203.0.113.7/32."
  }

  validation {
    condition     = !anytrue([for cidr in var.allowed_ssh_cidrs : can(regex("/[0-7]$", cidr))])
    error_message = "allowed_ssh_cidrs opens SSH to a large part of the Internet: name networks of /8 and longer, best single addresses."
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

variable "bastion_shape" {
  description = "Flexible shape of the bastion."
  type        = string
  default     = "VM.Standard.E5.Flex"

  validation {
    condition     = can(regex("^VM\\..+\\.Flex$", var.bastion_shape))
    error_message = "bastion_shape must be a flexible virtual machine shape, such as VM.Standard.E5.Flex."
  }
}

variable "bastion_ocpus" {
  description = "OCPUs of the bastion. It forwards bytes: one is enough."
  type        = number
  default     = 1

  validation {
    condition     = var.bastion_ocpus >= 1 && var.bastion_ocpus <= 16
    error_message = "bastion_ocpus must be 1 to 16."
  }
}

variable "bastion_memory_in_gbs" {
  description = "Memory of the bastion in GB."
  type        = number
  default     = 4

  validation {
    condition     = var.bastion_memory_in_gbs >= 1 && var.bastion_memory_in_gbs <= 64
    error_message = "bastion_memory_in_gbs must be 1 to 64."
  }
}

variable "bastion_image_ocid" {
  description = "Image of the bastion; empty for the newest Ubuntu 22.04 of the platform."
  type        = string
  default     = ""

  validation {
    condition     = var.bastion_image_ocid == "" || startswith(var.bastion_image_ocid, "ocid1.image.")
    error_message = "bastion_image_ocid must be the OCID of an image, or empty: it begins with ocid1.image."
  }
}

variable "create_bastion_service" {
  description = "Also OCI's Bastion service, as a second way in: sessions of its own instead of the instance's accounts."
  type        = bool
  default     = false
}

variable "bastion_service_max_session_ttl" {
  description = "Longest session of the Bastion service in seconds."
  type        = number
  default     = 10800

  validation {
    condition     = var.bastion_service_max_session_ttl >= 1800 && var.bastion_service_max_session_ttl <= 10800
    error_message = "bastion_service_max_session_ttl must be 1800 to 10800 seconds."
  }
}

# --- Identity and storage.

variable "create_iam" {
  description = "The dynamic group and policies of the cluster's hosts. They need an administrator of the tenancy; without them, somebody else has to make them (README)."
  type        = bool
  default     = true
}

variable "create_buckets" {
  description = "Object storage buckets for templates, kernels, Firecracker versions and logs. Today's deployment keeps templates on the clients' disks, so nothing needs them."
  type        = bool
  default     = false
}

# --- Secrets.

variable "vault_ocid" {
  description = "Vault for the secrets; empty to make one."
  type        = string
  default     = ""

  validation {
    condition     = var.vault_ocid == "" || startswith(var.vault_ocid, "ocid1.vault.")
    error_message = "vault_ocid must be the OCID of a vault, or empty: it begins with ocid1.vault."
  }
}

variable "vault_key_ocid" {
  description = "Key of that vault; needed with vault_ocid."
  type        = string
  default     = ""

  validation {
    condition     = var.vault_key_ocid == "" || startswith(var.vault_key_ocid, "ocid1.key.")
    error_message = "vault_key_ocid must be the OCID of a key, or empty: it begins with ocid1.key."
  }
}

variable "postgres_password_secret_ocid" {
  description = "Vault secret with the database's password; empty to have the vault generate one."
  type        = string
  default     = ""

  validation {
    condition     = var.postgres_password_secret_ocid == "" || startswith(var.postgres_password_secret_ocid, "ocid1.vaultsecret.")
    error_message = "postgres_password_secret_ocid must be the OCID of a vault secret, never a password: it begins with ocid1.vaultsecret."
  }
}

variable "consul_gossip_secret_ocid" {
  description = "Vault secret that Consul's gossip key comes from; empty to have the vault generate one."
  type        = string
  default     = ""

  validation {
    condition     = var.consul_gossip_secret_ocid == "" || startswith(var.consul_gossip_secret_ocid, "ocid1.vaultsecret.")
    error_message = "consul_gossip_secret_ocid must be the OCID of a vault secret, never the key itself: it begins with ocid1.vaultsecret."
  }
}

# --- PostgreSQL.

variable "create_postgres" {
  description = "The managed PostgreSQL; without it, POSTGRES_HOST is somebody else's."
  type        = bool
  default     = true
}

variable "postgres_version" {
  description = "Major version of PostgreSQL."
  type        = string
  default     = "15"

  validation {
    condition     = contains(["14", "15", "16"], var.postgres_version)
    error_message = "postgres_version must be 14, 15 or 16."
  }
}

variable "postgres_shape" {
  description = "Shape of the database's nodes."
  type        = string
  default     = "PostgreSQL.VM.Standard.E5.Flex"

  validation {
    condition     = can(regex("^PostgreSQL\\.VM\\..+\\.Flex$", var.postgres_shape))
    error_message = "postgres_shape must be a flexible PostgreSQL shape, such as PostgreSQL.VM.Standard.E5.Flex."
  }
}

variable "postgres_ocpus" {
  description = "OCPUs of each database node."
  type        = number
  default     = 2

  validation {
    condition     = var.postgres_ocpus >= 2 && var.postgres_ocpus <= 64
    error_message = "postgres_ocpus must be 2 to 64."
  }
}

variable "postgres_memory_in_gbs" {
  description = "Memory of each database node in GB: 16 for each OCPU."
  type        = number
  default     = 32

  validation {
    condition     = var.postgres_memory_in_gbs >= 32 && var.postgres_memory_in_gbs <= 1024
    error_message = "postgres_memory_in_gbs must be 32 to 1024."
  }
}

variable "postgres_instance_count" {
  description = "Database nodes: one primary, the others can take over."
  type        = number
  default     = 1

  validation {
    condition     = var.postgres_instance_count >= 1 && var.postgres_instance_count <= 3
    error_message = "postgres_instance_count must be 1 to 3."
  }
}

variable "postgres_iops" {
  description = "I/O operations a second that the storage is paid for."
  type        = number
  default     = 75000

  validation {
    condition     = contains([75000, 150000, 225000, 300000], var.postgres_iops)
    error_message = "postgres_iops must be 75000, 150000, 225000 or 300000: the performance tiers of the service."
  }
}

variable "postgres_extensions" {
  description = "Extensions that the administrator may create: those of the platform's migrations."
  type        = set(string)
  default     = ["btree_gin", "pgcrypto", "unaccent"]

  validation {
    condition     = alltrue([for name in var.postgres_extensions : can(regex("^[a-z0-9_-]+$", name))])
    error_message = "postgres_extensions must be names of extensions, such as pgcrypto."
  }
}

variable "postgres_backup_retention_days" {
  description = "How long the daily backups are kept."
  type        = number
  default     = 7

  validation {
    condition     = var.postgres_backup_retention_days >= 1 && var.postgres_backup_retention_days <= 35
    error_message = "postgres_backup_retention_days must be 1 to 35."
  }
}

# --- Redis.

variable "create_redis" {
  description = "A managed Redis, so that the sandbox catalog survives the client-proxy. It speaks TLS alone."
  type        = bool
  default     = false
}

variable "redis_node_count" {
  description = "Nodes of Redis."
  type        = number
  default     = 1

  validation {
    condition     = var.redis_node_count >= 1 && var.redis_node_count <= 5
    error_message = "redis_node_count must be 1 to 5."
  }
}

variable "redis_node_memory_in_gbs" {
  description = "Memory of each Redis node in GB."
  type        = number
  default     = 2

  validation {
    condition     = var.redis_node_memory_in_gbs >= 2 && var.redis_node_memory_in_gbs <= 500
    error_message = "redis_node_memory_in_gbs must be 2 to 500."
  }
}
