# The only host with a public address. It forwards connections and does nothing else.

data "oci_core_images" "bastion" {
  compartment_id           = var.compartment_ocid
  operating_system         = "Canonical Ubuntu"
  operating_system_version = "22.04"
  shape                    = var.bastion_shape
  sort_by                  = "TIMECREATED"
  sort_order               = "DESC"
}

locals {
  bastion_images = data.oci_core_images.bastion.images[*].id
  bastion_image  = var.bastion_image_ocid != "" ? var.bastion_image_ocid : try(local.bastion_images[0], "")
}

resource "oci_core_instance" "bastion" {
  compartment_id      = var.compartment_ocid
  availability_domain = local.availability_domains[0]
  display_name        = "${var.prefix}-bastion"
  shape               = var.bastion_shape
  defined_tags        = var.defined_tags
  freeform_tags       = merge(local.tags, { ClusterRole = "bastion" })

  shape_config {
    ocpus         = var.bastion_ocpus
    memory_in_gbs = var.bastion_memory_in_gbs
  }

  source_details {
    source_type = "image"
    source_id   = local.bastion_image
  }

  create_vnic_details {
    subnet_id        = oci_core_subnet.public.id
    assign_public_ip = true
    hostname_label   = "bastion"
    nsg_ids          = [oci_core_network_security_group.this["bastion"].id]
  }

  # The old form of the metadata service answers every process that can be made to fetch a URL.
  instance_options {
    are_legacy_imds_endpoints_disabled = true
  }

  metadata = {
    ssh_authorized_keys = var.ssh_public_key
    user_data           = filebase64("${path.module}/cloud-init/bastion.yaml")
  }

  lifecycle {
    # A new image of the platform every month is no reason for a new bastion, whose host key people have verified.
    ignore_changes = [source_details[0].source_id]

    precondition {
      condition     = local.bastion_image != ""
      error_message = "There is no Ubuntu 22.04 image for ${var.bastion_shape} in ${var.region}: give bastion_image_ocid or another bastion_shape."
    }
  }
}

resource "oci_bastion_bastion" "this" {
  count = var.create_bastion_service ? 1 : 0

  compartment_id               = var.compartment_ocid
  name                         = replace("${var.prefix}bastion", "-", "")
  bastion_type                 = "standard"
  target_subnet_id             = oci_core_subnet.private.id
  client_cidr_block_allow_list = var.allowed_ssh_cidrs
  max_session_ttl_in_seconds   = var.bastion_service_max_session_ttl
  defined_tags                 = var.defined_tags
  freeform_tags                = local.tags
}
