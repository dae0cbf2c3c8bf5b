# Buckets for object storage drivers. Nothing of today's deployment needs them.

data "oci_objectstorage_namespace" "this" {
  compartment_id = var.compartment_ocid
}

locals {
  bucket_names = var.create_buckets ? [
    for purpose in ["fc-kernels", "fc-templates", "fc-versions", "loki"] : "${var.prefix}-${purpose}"
  ] : []
}

resource "oci_objectstorage_bucket" "this" {
  for_each = toset(local.bucket_names)

  compartment_id = var.compartment_ocid
  namespace      = data.oci_objectstorage_namespace.this.namespace
  name           = each.key
  access_type    = "NoPublicAccess"
  storage_tier   = "Standard"
  versioning     = "Disabled"
  defined_tags   = var.defined_tags
  freeform_tags  = local.tags
}
