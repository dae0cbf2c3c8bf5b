terraform {
  # Resource Manager runs 1.5. The tests (tests/) need 1.7, whose mocks stand in for the provider.
  required_version = ">= 1.5"

  required_providers {
    oci = {
      source = "oracle/oci"
      # A lower bound alone: a major version of this provider comes every few months and removes next to nothing, and
      # Resource Manager offers the newest. Written and validated against 8.28.
      version = ">= 6.0"
    }
  }
}

provider "oci" {
  region = var.region
}

# Changes of identity resources are accepted in the tenancy's home region alone.
provider "oci" {
  alias  = "home"
  region = local.home_region
}

data "oci_identity_region_subscriptions" "all" {
  tenancy_id = var.tenancy_ocid
}

locals {
  home_region = one([
    for subscription in data.oci_identity_region_subscriptions.all.region_subscriptions :
    subscription.region_name if subscription.is_home_region
  ])
}

data "oci_identity_availability_domains" "all" {
  compartment_id = var.tenancy_ocid
}

locals {
  availability_domains = data.oci_identity_availability_domains.all.availability_domains[*].name

  tags = merge({ E2BCluster = var.prefix }, var.freeform_tags)
}
