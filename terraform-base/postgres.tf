# The managed PostgreSQL, reachable from the API hosts alone.

locals {
  # Storage in several availability domains, where the region has them.
  regionally_durable = length(local.availability_domains) > 1
}

resource "oci_psql_configuration" "this" {
  count = var.create_postgres ? 1 : 0

  compartment_id              = var.compartment_ocid
  display_name                = "${var.prefix}-postgres"
  db_version                  = var.postgres_version
  shape                       = var.postgres_shape
  is_flexible                 = false
  instance_ocpu_count         = var.postgres_ocpus
  instance_memory_size_in_gbs = var.postgres_memory_in_gbs
  defined_tags                = var.defined_tags
  freeform_tags               = local.tags

  db_configuration_overrides {
    # Without this the administrator may create no extension, and the first migration fails.
    items {
      config_key             = "oci.admin_enabled_extensions"
      overriden_config_value = join(",", sort(var.postgres_extensions))
    }
  }
}

resource "oci_psql_db_system" "this" {
  count = var.create_postgres ? 1 : 0

  compartment_id              = var.compartment_ocid
  display_name                = "${var.prefix}-postgres"
  db_version                  = var.postgres_version
  shape                       = var.postgres_shape
  instance_count              = var.postgres_instance_count
  instance_ocpu_count         = var.postgres_ocpus
  instance_memory_size_in_gbs = var.postgres_memory_in_gbs
  config_id                   = oci_psql_configuration.this[0].id
  system_type                 = "OCI_OPTIMIZED_STORAGE"
  defined_tags                = var.defined_tags
  freeform_tags               = local.tags

  network_details {
    subnet_id = oci_core_subnet.private.id
    nsg_ids   = [oci_core_network_security_group.this["postgres"].id]
  }

  storage_details {
    system_type           = "OCI_OPTIMIZED_STORAGE"
    is_regionally_durable = local.regionally_durable
    availability_domain   = local.regionally_durable ? null : local.availability_domains[0]
    iops                  = tostring(var.postgres_iops)
  }

  credentials {
    username = local.postgres_user
    password_details {
      password_type  = "VAULT_SECRET"
      secret_id      = local.password_secret_ocid
      secret_version = "1"
    }
  }

  management_policy {
    backup_policy {
      kind           = "DAILY"
      backup_start   = "02:00"
      retention_days = var.postgres_backup_retention_days
    }
  }

  lifecycle {
    # The password is the database's own from its creation on: a new version of the secret changes nothing here.
    ignore_changes = [credentials]

    precondition {
      condition     = var.postgres_memory_in_gbs == 16 * var.postgres_ocpus
      error_message = "postgres_memory_in_gbs must be 16 for each of the ${var.postgres_ocpus} OCPUs, which is ${16 * var.postgres_ocpus}."
    }
  }
}

locals {
  postgres_user = "admin"
}

# Host name and certificate authority are known only to this data source.
data "oci_psql_db_system_connection_detail" "this" {
  count = var.create_postgres ? 1 : 0

  db_system_id = oci_psql_db_system.this[0].id
}

check "postgres_endpoint" {
  assert {
    condition     = !var.create_postgres || try(data.oci_psql_db_system_connection_detail.this[0].primary_db_endpoint[0].fqdn, "") != ""
    error_message = "PostgreSQL has no endpoint yet: apply once more when the database system is active, then take the outputs."
  }
}
