# Three pools of the same make: servers, API hosts, client hosts.

locals {
  pools = {
    server = {
      size = var.server_count, shape = var.server_shape, ocpus = var.server_ocpus, memory = var.server_memory_in_gbs
      disk = var.server_boot_volume_in_gbs, groups = [var.cluster_nsg_id]
    }
    api = {
      size = var.api_count, shape = var.api_shape, ocpus = var.api_ocpus, memory = var.api_memory_in_gbs
      disk = var.api_boot_volume_in_gbs, groups = [var.cluster_nsg_id, var.api_nsg_id]
    }
    client = {
      size = var.client_count, shape = var.client_shape, ocpus = var.client_ocpus, memory = var.client_memory_in_gbs
      disk = var.client_boot_volume_in_gbs, groups = [var.cluster_nsg_id, var.client_nsg_id]
    }
  }

  tags = merge(var.freeform_tags, { E2BCluster = var.prefix })

  availability_domains = (length(var.availability_domains) > 0
    ? var.availability_domains
    : data.oci_identity_availability_domains.all.availability_domains[*].name
  )

  images = [
    for image in data.oci_core_images.platform.images : image.id if startswith(image.display_name, var.image_name)
  ]
  image = var.image_ocid != "" ? var.image_ocid : try(local.images[0], "")

  # First and last address of each network as numbers, to see whether two overlap.
  networks = {
    for name, cidr in {
      vcn_cidr                    = var.vcn_cidr
      sandboxes_host_network_cidr = var.sandboxes_host_network_cidr
      sandboxes_vrt_network_cidr  = var.sandboxes_vrt_network_cidr
      "Docker's 172.17.0.0/16"    = "172.17.0.0/16"
      } : name => [
      for address in [cidrhost(cidr, 0), cidrhost(cidr, -1)] :
      sum([for place, part in split(".", address) : tonumber(part) * pow(256, 3 - place)])
    ]
  }
  names = keys(local.networks)
  overlaps = flatten([
    for at, one in local.names : [
      for other in slice(local.names, at + 1, length(local.names)) : "${one} overlaps ${other}"
      if local.networks[one][0] <= local.networks[other][1] && local.networks[other][0] <= local.networks[one][1]
    ]
  ])
}

data "oci_identity_availability_domains" "all" {
  compartment_id = var.compartment_ocid
}

data "oci_core_images" "platform" {
  compartment_id = var.compartment_ocid
  state          = "AVAILABLE"
  sort_by        = "TIMECREATED"
  sort_order     = "DESC"
}

module "user_data" {
  source   = "./user-data"
  for_each = local.pools

  role                        = each.key
  region                      = var.region
  compartment_ocid            = var.compartment_ocid
  prefix                      = var.prefix
  server_count                = var.server_count
  consul_gossip_secret_ocid   = var.consul_gossip_secret_ocid
  join_retry_seconds          = var.join_retry_seconds
  drain_timeout_seconds       = var.drain_timeout_seconds
  vcn_cidr                    = var.vcn_cidr
  sandboxes_host_network_cidr = var.sandboxes_host_network_cidr
  sandboxes_vrt_network_cidr  = var.sandboxes_vrt_network_cidr
}

resource "oci_core_instance_configuration" "pool" {
  for_each = local.pools

  compartment_id = var.compartment_ocid
  display_name   = "${var.prefix}-${each.key}"
  defined_tags   = var.defined_tags
  freeform_tags  = local.tags

  instance_details {
    instance_type = "compute"

    launch_details {
      compartment_id = var.compartment_ocid
      display_name   = "${var.prefix}-${each.key}"
      shape          = each.value.shape
      defined_tags   = var.defined_tags
      # The tags by which hosts find the servers. They must be here: those of the pool do not reach its instances.
      freeform_tags = merge(local.tags, { ClusterRole = each.key })

      # Bare metal comes in one size.
      dynamic "shape_config" {
        for_each = endswith(each.value.shape, ".Flex") ? [each.value] : []
        content {
          ocpus         = shape_config.value.ocpus
          memory_in_gbs = shape_config.value.memory
        }
      }

      source_details {
        source_type             = "image"
        image_id                = local.image
        boot_volume_size_in_gbs = tostring(each.value.disk)
      }

      create_vnic_details {
        subnet_id        = var.private_subnet_id
        assign_public_ip = false
        nsg_ids          = each.value.groups
      }

      # The old form of the metadata service answers every process that can be made to fetch a URL, a sandbox's included.
      instance_options {
        are_legacy_imds_endpoints_disabled = true
      }

      metadata = {
        ssh_authorized_keys = var.ssh_public_key
        user_data           = module.user_data[each.key].base64
      }
    }
  }

  lifecycle {
    # A pool cannot be without one. Instances that run keep the old one: README says how they are replaced.
    create_before_destroy = true

    precondition {
      condition     = local.image != ""
      error_message = "No available image in the compartment has a name that begins with ${var.image_name}: build it first, or give image_ocid."
    }

    precondition {
      condition     = length(module.user_data[each.key].base64) + length(var.ssh_public_key) <= 32000
      error_message = "The metadata of the ${each.key} pool is longer than the 32,000 bytes that OCI takes: shorten ssh_public_key."
    }

    precondition {
      condition     = length(local.overlaps) == 0
      error_message = "Networks overlap, so that packets to one would reach the other: ${join("; ", local.overlaps)}."
    }

    precondition {
      condition     = !endswith(each.value.shape, ".Flex") || (each.value.memory >= each.value.ocpus && each.value.memory <= 64 * each.value.ocpus)
      error_message = "${each.key}_memory_in_gbs must be 1 to 64 for each OCPU, of which ${each.key}_ocpus asks for ${each.value.ocpus}."
    }
  }
}

resource "oci_core_instance_pool" "pool" {
  for_each = local.pools

  compartment_id                  = var.compartment_ocid
  display_name                    = "${var.prefix}-${each.key}"
  instance_configuration_id       = oci_core_instance_configuration.pool[each.key].id
  size                            = each.value.size
  instance_display_name_formatter = "${var.prefix}-${each.key}-$${launchCount}"
  # Also the name of the host in Nomad and Consul.
  instance_hostname_formatter = "${var.prefix}-${each.key}-$${launchCount}"
  defined_tags                = var.defined_tags
  freeform_tags               = local.tags

  dynamic "placement_configurations" {
    for_each = local.availability_domains
    content {
      availability_domain = placement_configurations.value
      fault_domains       = var.fault_domains

      primary_vnic_subnets {
        subnet_id = var.private_subnet_id
      }
    }
  }

  # Before the pool terminates a client, it waits until the host has drained itself and says so (e2b-drain watch), or this
  # time is up: two minutes longer than a drain may take, for the host to notice. The boot volume, with the templates, goes
  # with the host either way.
  dynamic "lifecycle_management" {
    for_each = each.key == "client" ? [var.drain_timeout_seconds + 120] : []
    content {
      lifecycle_actions {
        pre_termination {
          is_enabled = true
          timeout    = lifecycle_management.value
          on_timeout {
            preserve_block_volume_mode = "DELETE_ALWAYS"
            preserve_boot_volume_mode  = "DELETE_ALWAYS"
          }
        }
      }
    }
  }

  # The provider's own twenty minutes, and what a pool waits for drains.
  timeouts {
    update = "${22 + ceil(var.drain_timeout_seconds / 60)}m"
    delete = "${22 + ceil(var.drain_timeout_seconds / 60)}m"
  }
}

# --- The addresses, which nobody has to copy from the console any more.

data "oci_core_instance_pool_instances" "pool" {
  for_each = local.pools

  compartment_id   = var.compartment_ocid
  instance_pool_id = oci_core_instance_pool.pool[each.key].id
}

# Counted by the size asked for, which is known while planning; the ids of the instances are not.
data "oci_core_instance" "server" {
  count       = var.server_count
  instance_id = data.oci_core_instance_pool_instances.pool["server"].instances[count.index].id
}

data "oci_core_instance" "api" {
  count       = var.api_count
  instance_id = data.oci_core_instance_pool_instances.pool["api"].instances[count.index].id
}

data "oci_core_instance" "client" {
  count       = var.client_count
  instance_id = data.oci_core_instance_pool_instances.pool["client"].instances[count.index].id
}

check "addresses" {
  assert {
    condition = length(distinct(compact(concat(
      data.oci_core_instance.server[*].private_ip,
      data.oci_core_instance.api[*].private_ip,
      data.oci_core_instance.client[*].private_ip,
    )))) == var.server_count + var.api_count + var.client_count
    error_message = "Not every instance has an address of its own yet: apply once more when the pools are running, then take the outputs."
  }
}
