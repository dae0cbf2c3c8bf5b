# The VCN: a public subnet that holds the bastion alone, and a private one for everything else, whose way out is NAT.

locals {
  # Sixteenths of the network, or /24 of a /16: the first stays free.
  subnet_bits = tonumber(split("/", var.vcn_cidr)[1]) == 16 ? 8 : 4

  public_cidr        = var.public_subnet_cidr != "" ? var.public_subnet_cidr : cidrsubnet(var.vcn_cidr, local.subnet_bits, 1)
  private_cidr       = var.private_subnet_cidr != "" ? var.private_subnet_cidr : cidrsubnet(var.vcn_cidr, local.subnet_bits, 2)
  load_balancer_cidr = var.load_balancer_subnet_cidr != "" ? var.load_balancer_subnet_cidr : cidrsubnet(var.vcn_cidr, local.subnet_bits, 3)

  # Whether a network lies in the VCN: cut to the VCN's length, it has the VCN's first address.
  vcn_bits = tonumber(split("/", var.vcn_cidr)[1])
  outside = [
    for name, cidr in {
      public_subnet_cidr        = local.public_cidr
      private_subnet_cidr       = local.private_cidr
      load_balancer_subnet_cidr = local.load_balancer_cidr
    } : name if cidrhost("${split("/", cidr)[0]}/${local.vcn_bits}", 0) != cidrhost(var.vcn_cidr, 0)
    || tonumber(split("/", cidr)[1]) < local.vcn_bits
  ]
}

data "oci_core_services" "oracle" {
  filter {
    name   = "name"
    values = ["All .* Services In Oracle Services Network"]
    regex  = true
  }
}

resource "oci_core_vcn" "this" {
  compartment_id = var.compartment_ocid
  display_name   = "${var.prefix}-vcn"
  cidr_blocks    = [var.vcn_cidr]
  dns_label      = replace(var.prefix, "-", "")
  defined_tags   = var.defined_tags
  freeform_tags  = local.tags

  lifecycle {
    precondition {
      condition     = length(local.outside) == 0
      error_message = "${join(", ", local.outside)} does not lie in vcn_cidr (${var.vcn_cidr})."
    }

    precondition {
      condition     = length(distinct([local.public_cidr, local.private_cidr, local.load_balancer_cidr])) == 3
      error_message = "The subnets must differ: public ${local.public_cidr}, private ${local.private_cidr}, load balancer ${local.load_balancer_cidr}."
    }
  }
}

resource "oci_core_internet_gateway" "this" {
  compartment_id = var.compartment_ocid
  vcn_id         = oci_core_vcn.this.id
  display_name   = "${var.prefix}-internet"
  defined_tags   = var.defined_tags
  freeform_tags  = local.tags
}

resource "oci_core_nat_gateway" "this" {
  compartment_id = var.compartment_ocid
  vcn_id         = oci_core_vcn.this.id
  display_name   = "${var.prefix}-nat"
  defined_tags   = var.defined_tags
  freeform_tags  = local.tags
}

resource "oci_core_service_gateway" "this" {
  compartment_id = var.compartment_ocid
  vcn_id         = oci_core_vcn.this.id
  display_name   = "${var.prefix}-services"
  defined_tags   = var.defined_tags
  freeform_tags  = local.tags

  services {
    service_id = data.oci_core_services.oracle.services[0].id
  }
}

resource "oci_core_route_table" "public" {
  compartment_id = var.compartment_ocid
  vcn_id         = oci_core_vcn.this.id
  display_name   = "${var.prefix}-public"
  defined_tags   = var.defined_tags
  freeform_tags  = local.tags

  route_rules {
    description       = "the Internet"
    destination       = "0.0.0.0/0"
    destination_type  = "CIDR_BLOCK"
    network_entity_id = oci_core_internet_gateway.this.id
  }
}

resource "oci_core_route_table" "private" {
  compartment_id = var.compartment_ocid
  vcn_id         = oci_core_vcn.this.id
  display_name   = "${var.prefix}-private"
  defined_tags   = var.defined_tags
  freeform_tags  = local.tags

  route_rules {
    description       = "the Internet, outwards alone"
    destination       = "0.0.0.0/0"
    destination_type  = "CIDR_BLOCK"
    network_entity_id = oci_core_nat_gateway.this.id
  }

  # The vault, object storage and the compute API, without leaving Oracle's network.
  route_rules {
    description       = "Oracle's services"
    destination       = data.oci_core_services.oracle.services[0].cidr_block
    destination_type  = "SERVICE_CIDR_BLOCK"
    network_entity_id = oci_core_service_gateway.this.id
  }
}

# The VCN's own list opens port 22 to the world. Subnets without a list of their own get it, so it is emptied: the
# security groups alone decide.
resource "oci_core_default_security_list" "empty" {
  manage_default_resource_id = oci_core_vcn.this.default_security_list_id
  display_name               = "${var.prefix}-empty"
  defined_tags               = var.defined_tags
  freeform_tags              = local.tags
}

resource "oci_core_subnet" "public" {
  compartment_id             = var.compartment_ocid
  vcn_id                     = oci_core_vcn.this.id
  display_name               = "${var.prefix}-public"
  cidr_block                 = local.public_cidr
  dns_label                  = "public"
  route_table_id             = oci_core_route_table.public.id
  security_list_ids          = [oci_core_default_security_list.empty.id]
  prohibit_public_ip_on_vnic = false
  defined_tags               = var.defined_tags
  freeform_tags              = local.tags
}

resource "oci_core_subnet" "private" {
  compartment_id             = var.compartment_ocid
  vcn_id                     = oci_core_vcn.this.id
  display_name               = "${var.prefix}-private"
  cidr_block                 = local.private_cidr
  dns_label                  = "private"
  route_table_id             = oci_core_route_table.private.id
  security_list_ids          = [oci_core_default_security_list.empty.id]
  prohibit_public_ip_on_vnic = true
  defined_tags               = var.defined_tags
  freeform_tags              = local.tags
}

resource "oci_core_subnet" "load_balancer" {
  count = var.create_load_balancer_subnet ? 1 : 0

  compartment_id             = var.compartment_ocid
  vcn_id                     = oci_core_vcn.this.id
  display_name               = "${var.prefix}-load-balancer"
  cidr_block                 = local.load_balancer_cidr
  dns_label                  = "lb"
  route_table_id             = oci_core_route_table.public.id
  security_list_ids          = [oci_core_default_security_list.empty.id]
  prohibit_public_ip_on_vnic = false
  defined_tags               = var.defined_tags
  freeform_tags              = local.tags
}
