# What the stack refuses, each with a sentence of its own.

mock_provider "oci" {
  source = "./tests/mocks"
}

mock_provider "oci" {
  alias  = "home"
  source = "./tests/mocks"
}

variables {
  tenancy_ocid      = "ocid1.tenancy.oc1..t"
  compartment_ocid  = "ocid1.compartment.oc1..c"
  region            = "us-ashburn-1"
  allowed_ssh_cidrs = ["203.0.113.7/32"]
  ssh_public_key    = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0 operator"

  # its endpoint is known after the apply alone, which the check of it would tell in each of these runs
  create_postgres = false
}

run "a_short_region_key" {
  command = plan

  variables {
    region = "iad"
  }

  expect_failures = [var.region]
}

run "a_compartments_name" {
  command = plan

  variables {
    compartment_ocid = "production"
  }

  expect_failures = [var.compartment_ocid]
}

run "no_tenancy" {
  command = plan

  variables {
    tenancy_ocid = "ocid1.compartment.oc1..t"
  }

  expect_failures = [var.tenancy_ocid]
}

run "a_long_prefix" {
  command = plan

  variables {
    prefix = "a-very-long-prefix"
  }

  expect_failures = [var.prefix]
}

run "a_tag_of_the_stacks_own" {
  command = plan

  variables {
    freeform_tags = { E2BCluster = "x" }
  }

  expect_failures = [var.freeform_tags]
}

run "a_network_that_is_none" {
  command = plan

  variables {
    vcn_cidr = "10.0.0.0"
  }

  expect_failures = [var.vcn_cidr]
}

run "a_network_of_the_sandboxes" {
  command = plan

  variables {
    vcn_cidr = "10.11.0.0/16"
  }

  expect_failures = [var.vcn_cidr]
}

run "a_subnet_that_is_none" {
  command = plan

  variables {
    public_subnet_cidr = "10.0.1.0/33"
  }

  expect_failures = [var.public_subnet_cidr]
}

run "a_private_subnet_that_is_none" {
  command = plan

  variables {
    private_subnet_cidr = "ten"
  }

  expect_failures = [var.private_subnet_cidr]
}

run "a_load_balancer_subnet_that_is_none" {
  command = plan

  variables {
    load_balancer_subnet_cidr = "10.0.3.0"
  }

  expect_failures = [var.load_balancer_subnet_cidr]
}

run "load_balancer_clients_that_are_none" {
  command = plan

  variables {
    load_balancer_allowed_cidrs = ["anywhere"]
  }

  expect_failures = [var.load_balancer_allowed_cidrs]
}

run "a_subnet_outside_of_the_network" {
  command = plan

  variables {
    private_subnet_cidr = "10.1.2.0/24"
  }

  expect_failures = [oci_core_vcn.this]
}

run "two_equal_subnets" {
  command = plan

  variables {
    private_subnet_cidr = "10.0.1.0/24"
  }

  expect_failures = [oci_core_vcn.this]
}

run "nobody_allowed" {
  command = plan

  variables {
    allowed_ssh_cidrs = []
  }

  expect_failures = [var.allowed_ssh_cidrs]
}

run "everybody_allowed" {
  command = plan

  variables {
    allowed_ssh_cidrs = ["0.0.0.0/0"]
  }

  expect_failures = [var.allowed_ssh_cidrs]
}

run "half_of_everybody_allowed" {
  command = plan

  variables {
    allowed_ssh_cidrs = ["0.0.0.0/1", "128.0.0.0/1"]
  }

  expect_failures = [var.allowed_ssh_cidrs]
}

run "an_address_without_its_length" {
  command = plan

  variables {
    allowed_ssh_cidrs = ["203.0.113.7"]
  }

  expect_failures = [var.allowed_ssh_cidrs]
}

run "a_private_key" {
  command = plan

  variables {
    ssh_public_key = "-----BEGIN OPENSSH PRIVATE KEY-----"
  }

  expect_failures = [var.ssh_public_key]
}

run "a_fixed_shape" {
  command = plan

  variables {
    bastion_shape = "VM.Standard2.1"
  }

  expect_failures = [var.bastion_shape]
}

run "no_ocpus" {
  command = plan

  variables {
    bastion_ocpus = 0
  }

  expect_failures = [var.bastion_ocpus]
}

run "too_much_memory" {
  command = plan

  variables {
    bastion_memory_in_gbs = 65
  }

  expect_failures = [var.bastion_memory_in_gbs]
}

run "an_images_name" {
  command = plan

  variables {
    bastion_image_ocid = "Ubuntu"
  }

  expect_failures = [var.bastion_image_ocid]
}

run "a_session_of_a_day" {
  command = plan

  variables {
    bastion_service_max_session_ttl = 86400
  }

  expect_failures = [var.bastion_service_max_session_ttl]
}

run "a_vaults_name" {
  command = plan

  variables {
    vault_ocid = "vault"
  }

  expect_failures = [var.vault_ocid]
}

run "a_keys_name" {
  command = plan

  variables {
    vault_key_ocid = "key"
  }

  expect_failures = [var.vault_key_ocid]
}

run "a_vault_without_its_key" {
  command = plan

  variables {
    vault_ocid = "ocid1.vault.oc1.iad.mine"
  }

  expect_failures = [oci_vault_secret.consul_gossip_key]
}

run "a_password_itself" {
  command = plan

  variables {
    postgres_password_secret_ocid = "hunter2"
  }

  expect_failures = [var.postgres_password_secret_ocid]
}

run "a_gossip_key_itself" {
  command = plan

  variables {
    consul_gossip_secret_ocid = "c2VjcmV0"
  }

  expect_failures = [var.consul_gossip_secret_ocid]
}

run "an_old_postgres" {
  command = plan

  variables {
    postgres_version = "9"
  }

  expect_failures = [var.postgres_version]
}

run "another_services_shape" {
  command = plan

  variables {
    postgres_shape = "VM.Standard.E5.Flex"
  }

  expect_failures = [var.postgres_shape]
}

run "a_database_of_one_ocpu" {
  command = plan

  variables {
    postgres_ocpus = 1
  }

  expect_failures = [var.postgres_ocpus]
}

run "a_database_of_little_memory" {
  command = plan

  variables {
    postgres_memory_in_gbs = 8
  }

  expect_failures = [var.postgres_memory_in_gbs]
}

run "memory_that_does_not_fit_the_ocpus" {
  command = plan

  variables {
    create_postgres = true
    postgres_ocpus  = 4
  }

  override_data {
    target          = data.oci_psql_db_system_connection_detail.this
    override_during = plan
    values          = { primary_db_endpoint = [{ fqdn = "x", ip_address = "10.0.2.9", port = 5432 }] }
  }

  override_resource {
    target          = oci_psql_db_system.this
    override_during = plan
    values          = { id = "ocid1.postgresqldbsystem.oc1.iad.p" }
  }

  expect_failures = [oci_psql_db_system.this]
}

run "no_database_nodes" {
  command = plan

  variables {
    postgres_instance_count = 0
  }

  expect_failures = [var.postgres_instance_count]
}

run "iops_between_tiers" {
  command = plan

  variables {
    postgres_iops = 80000
  }

  expect_failures = [var.postgres_iops]
}

run "an_extension_with_a_quote" {
  command = plan

  variables {
    postgres_extensions = ["x'y"]
  }

  expect_failures = [var.postgres_extensions]
}

run "backups_for_a_year" {
  command = plan

  variables {
    postgres_backup_retention_days = 365
  }

  expect_failures = [var.postgres_backup_retention_days]
}

run "redis_without_nodes" {
  command = plan

  variables {
    redis_node_count = 0
  }

  expect_failures = [var.redis_node_count]
}

run "redis_without_memory" {
  command = plan

  variables {
    redis_node_memory_in_gbs = 1
  }

  expect_failures = [var.redis_node_memory_in_gbs]
}
