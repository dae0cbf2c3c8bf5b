terraform {
  # Resource Manager runs 1.5. The tests (tests/) need 1.11.
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
