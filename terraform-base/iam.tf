# What the cluster's hosts may do as themselves: find each other, read the two secrets, use the buckets. Statements name
# the compartment by its OCID: a name breaks for a compartment inside another.

resource "oci_identity_dynamic_group" "hosts" {
  count    = var.create_iam ? 1 : 0
  provider = oci.home

  compartment_id = var.tenancy_ocid
  name           = "${var.prefix}-hosts"
  description    = "Hosts of the E2B cluster ${var.prefix}"
  matching_rule  = "ALL {instance.compartment.id = '${var.compartment_ocid}'}"
  defined_tags   = var.defined_tags
  freeform_tags  = local.tags
}

locals {
  hosts_may = concat(
    # e2b-join finds the servers with these
    ["read instance-family", "read virtual-network-family"],
    # e2b-drain sees that a pool is about to terminate the host, and lets it go on
    ["read instance-pools", "manage instance-pools|where request.operation = 'TerminationProceedInstancePoolInstance'"],
    [
      for ocid in local.secret_ocids : "read secret-bundles|where target.secret.id = '${ocid}'"
    ],
    [for name in local.bucket_names : "manage objects|where target.bucket.name = '${name}'"],
    [for name in local.bucket_names : "read buckets|where target.bucket.name = '${name}'"],
  )
}

resource "oci_identity_policy" "hosts" {
  count    = var.create_iam ? 1 : 0
  provider = oci.home

  compartment_id = var.compartment_ocid
  name           = "${var.prefix}-hosts"
  description    = "What hosts of the E2B cluster ${var.prefix} may do"
  defined_tags   = var.defined_tags
  freeform_tags  = local.tags

  statements = [
    for grant in local.hosts_may : trimspace(join(" ", concat([
      "Allow dynamic-group ${oci_identity_dynamic_group.hosts[0].name} to ${split("|", grant)[0]}",
      "in compartment id ${var.compartment_ocid}",
    ], slice(split("|", grant), 1, length(split("|", grant))))))
  ]
}
