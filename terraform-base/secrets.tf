# The vault generates the secrets itself: they pass through neither this stack's variables nor its state nor an output.

locals {
  make_password   = var.create_postgres && var.postgres_password_secret_ocid == ""
  make_gossip_key = var.consul_gossip_secret_ocid == ""
  make_any        = local.make_password || local.make_gossip_key
  make_vault      = local.make_any && var.vault_ocid == ""

  vault_ocid = local.make_vault ? oci_kms_vault.this[0].id : var.vault_ocid
  key_ocid   = local.make_vault ? oci_kms_key.this[0].id : var.vault_key_ocid

  password_secret_ocid = local.make_password ? oci_vault_secret.postgres_password[0].id : var.postgres_password_secret_ocid
  gossip_secret_ocid   = local.make_gossip_key ? oci_vault_secret.consul_gossip_key[0].id : var.consul_gossip_secret_ocid

  # Those that hosts read. The database's password is none of them: operators read it.
  secret_ocids = [local.gossip_secret_ocid]
}

resource "oci_kms_vault" "this" {
  count = local.make_vault ? 1 : 0

  compartment_id = var.compartment_ocid
  display_name   = "${var.prefix}-vault"
  # Shared hardware: free of charge.
  vault_type    = "DEFAULT"
  defined_tags  = var.defined_tags
  freeform_tags = local.tags
}

resource "oci_kms_key" "this" {
  count = local.make_vault ? 1 : 0

  compartment_id      = var.compartment_ocid
  display_name        = "${var.prefix}-secrets"
  management_endpoint = oci_kms_vault.this[0].management_endpoint
  protection_mode     = "SOFTWARE"
  defined_tags        = var.defined_tags
  freeform_tags       = local.tags

  key_shape {
    algorithm = "AES"
    length    = 32
  }
}

resource "oci_vault_secret" "postgres_password" {
  count = local.make_password ? 1 : 0

  compartment_id         = var.compartment_ocid
  vault_id               = local.vault_ocid
  key_id                 = local.key_ocid
  secret_name            = "${var.prefix}-postgres-password"
  description            = "Password of PostgreSQL's administrator"
  enable_auto_generation = true
  defined_tags           = var.defined_tags
  freeform_tags          = local.tags

  secret_generation_context {
    generation_type     = "PASSPHRASE"
    generation_template = "DBAAS_DEFAULT_PASSWORD"
    passphrase_length   = 24
  }

  lifecycle {
    precondition {
      condition     = local.make_vault || var.vault_key_ocid != ""
      error_message = "vault_ocid is given without vault_key_ocid: secrets in a vault need one of its keys."
    }
  }
}

resource "oci_vault_secret" "consul_gossip_key" {
  count = local.make_gossip_key ? 1 : 0

  compartment_id         = var.compartment_ocid
  vault_id               = local.vault_ocid
  key_id                 = local.key_ocid
  secret_name            = "${var.prefix}-consul-gossip-key"
  description            = "What Consul's gossip key is derived from (SHA-256)"
  enable_auto_generation = true
  defined_tags           = var.defined_tags
  freeform_tags          = local.tags

  secret_generation_context {
    generation_type     = "PASSPHRASE"
    generation_template = "SECRETS_DEFAULT_PASSWORD"
    passphrase_length   = 32
  }

  lifecycle {
    precondition {
      condition     = local.make_vault || var.vault_key_ocid != ""
      error_message = "vault_ocid is given without vault_key_ocid: secrets in a vault need one of its keys."
    }
  }
}
