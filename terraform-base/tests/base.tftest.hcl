# What the stack makes, by its variables.

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
}

run "defaults" {
  assert {
    condition     = oci_core_subnet.public.cidr_block == "10.0.1.0/24" && oci_core_subnet.private.cidr_block == "10.0.2.0/24"
    error_message = "The subnets are not the second and third /24."
  }

  assert {
    condition     = oci_core_subnet.private.prohibit_public_ip_on_vnic && !oci_core_subnet.public.prohibit_public_ip_on_vnic
    error_message = "Public addresses are allowed in the wrong subnet."
  }

  assert {
    condition     = length(oci_core_subnet.load_balancer) == 0 && length(oci_bastion_bastion.this) == 0 && length(oci_redis_redis_cluster.this) == 0 && length(oci_objectstorage_bucket.this) == 0
    error_message = "Something optional was made unasked."
  }

  assert {
    condition = toset(keys(oci_core_network_security_group_security_rule.ingress)) == toset([
      "bastion tcp 22 from 203.0.113.7/32",
      "cluster tcp 22 from bastion",
      "cluster tcp 4646-4648 from cluster",
      "cluster udp 4648 from cluster",
      "cluster tcp 8300-8302 from cluster",
      "cluster udp 8301-8302 from cluster",
      "cluster tcp 8500 from cluster",
      "cluster tcp 8600 from cluster",
      "cluster udp 8600 from cluster",
      "api tcp 3001 from api",
      "client tcp 5007 from api",
      "client tcp 5008 from api",
      "client tcp 5009 from api",
      "client tcp 15007 from api",
      "postgres tcp 5432 from api",
    ])
    error_message = "The open ports are others than the table's."
  }

  assert {
    condition = alltrue([
      for name, rule in oci_core_network_security_group_security_rule.ingress :
      rule.protocol == (strcontains(name, " udp ") ? "17" : "6")
      && length(rule.tcp_options) == (strcontains(name, " udp ") ? 0 : 1)
      && length(rule.udp_options) == (strcontains(name, " udp ") ? 1 : 0)
    ])
    error_message = "A rule's protocol and ports do not fit."
  }

  assert {
    condition     = oci_core_network_security_group_security_rule.ingress["cluster tcp 4646-4648 from cluster"].tcp_options[0].destination_port_range[0].max == 4648
    error_message = "A range of ports ends early."
  }

  assert {
    condition     = !anytrue([for rule in oci_core_network_security_group_security_rule.ingress : rule.source == "0.0.0.0/0"])
    error_message = "Something is open to the world."
  }

  assert {
    condition     = length(oci_core_default_security_list.empty.ingress_security_rules) == 0 && toset(oci_core_subnet.public.security_list_ids) == toset([oci_core_default_security_list.empty.id])
    error_message = "The VCN's own list still opens ports."
  }

  assert {
    condition     = length(oci_core_network_security_group_security_rule.path_mtu) == 5 && length(oci_core_network_security_group_security_rule.egress) == 4
    error_message = "Path MTU discovery or egress is missing for a group."
  }

  assert {
    condition     = oci_core_route_table.private.route_rules != null && length(oci_core_route_table.private.route_rules) == 2 && length(oci_core_route_table.public.route_rules) == 1
    error_message = "The private subnet needs NAT and the service gateway, the public one the Internet gateway."
  }
}

run "bastion" {
  assert {
    condition     = oci_core_instance.bastion.source_details[0].source_id == "ocid1.image.oc1.iad.newest"
    error_message = "The bastion's image is not the newest."
  }

  assert {
    condition     = oci_core_instance.bastion.shape == "VM.Standard.E5.Flex" && oci_core_instance.bastion.shape_config[0].ocpus == 1 && oci_core_instance.bastion.shape_config[0].memory_in_gbs == 4
    error_message = "The bastion's default size changed: README and guide name it."
  }

  assert {
    condition     = strcontains(base64decode(oci_core_instance.bastion.metadata.user_data), "MaxStartups 60:30:200")
    error_message = "The bastion's sshd has the distribution's limits."
  }

  assert {
    condition     = length(oci_core_instance.bastion.metadata.user_data) <= 32000
    error_message = "The bastion's user_data is longer than OCI takes."
  }

  assert {
    condition     = oci_core_instance.bastion.create_vnic_details[0].assign_public_ip == "true" && oci_core_instance.bastion.instance_options[0].are_legacy_imds_endpoints_disabled
    error_message = "The bastion has no public address, or the old metadata service."
  }
}

run "bastion_of_ones_own_size" {
  # what is ignored in changes would stay as the runs before made it
  state_key = "bastion_of_ones_own_size"

  variables {
    bastion_shape                   = "VM.Standard3.Flex"
    bastion_ocpus                   = 2
    bastion_memory_in_gbs           = 8
    bastion_image_ocid              = "ocid1.image.oc1.iad.mine"
    create_bastion_service          = true
    bastion_service_max_session_ttl = 3600
    allowed_ssh_cidrs               = ["203.0.113.7/32", "198.51.100.0/24"]
  }

  assert {
    condition     = oci_core_instance.bastion.source_details[0].source_id == "ocid1.image.oc1.iad.mine" && oci_core_instance.bastion.shape_config[0].memory_in_gbs == 8
    error_message = "The bastion is not as asked."
  }

  assert {
    condition     = oci_bastion_bastion.this[0].max_session_ttl_in_seconds == 3600 && toset(oci_bastion_bastion.this[0].client_cidr_block_allow_list) == toset(["203.0.113.7/32", "198.51.100.0/24"])
    error_message = "The Bastion service is not as asked."
  }

  assert {
    condition     = contains(keys(oci_core_network_security_group_security_rule.ingress), "bastion tcp 22 from 198.51.100.0/24") && contains(keys(oci_core_network_security_group_security_rule.ingress), "cluster tcp 22 from 10.0.2.0/24")
    error_message = "A way in is missing."
  }

  assert {
    condition     = output.bastion_service_id != ""
    error_message = "The Bastion service is in no output."
  }
}

run "identity_is_written_in_the_home_region_and_by_ocid" {
  assert {
    condition     = output.home_region == "us-phoenix-1"
    error_message = "The home region was not looked up."
  }

  assert {
    condition     = oci_identity_dynamic_group.hosts[0].compartment_id == "ocid1.tenancy.oc1..t" && strcontains(oci_identity_dynamic_group.hosts[0].matching_rule, "'ocid1.compartment.oc1..c'")
    error_message = "The dynamic group is not the compartment's."
  }

  assert {
    condition = oci_identity_policy.hosts[0].statements == tolist([
      "Allow dynamic-group e2b-hosts to read instance-family in compartment id ocid1.compartment.oc1..c",
      "Allow dynamic-group e2b-hosts to read virtual-network-family in compartment id ocid1.compartment.oc1..c",
      "Allow dynamic-group e2b-hosts to read instance-pools in compartment id ocid1.compartment.oc1..c",
      "Allow dynamic-group e2b-hosts to manage instance-pools in compartment id ocid1.compartment.oc1..c where request.operation = 'TerminationProceedInstancePoolInstance'",
      "Allow dynamic-group e2b-hosts to read secret-bundles in compartment id ocid1.compartment.oc1..c where target.secret.id = '${oci_vault_secret.consul_gossip_key[0].id}'",
    ])
    error_message = "The hosts may do other things than they need."
  }
}

run "without_identity_resources" {
  variables {
    create_iam = false
  }

  assert {
    condition     = length(oci_identity_dynamic_group.hosts) == 0 && length(oci_identity_policy.hosts) == 0 && output.dynamic_group_name == ""
    error_message = "create_iam = false still makes identity resources."
  }
}

run "secrets_are_the_vaults" {
  assert {
    condition     = oci_vault_secret.postgres_password[0].enable_auto_generation && oci_vault_secret.consul_gossip_key[0].enable_auto_generation && oci_kms_vault.this[0].vault_type == "DEFAULT" && oci_kms_key.this[0].protection_mode == "SOFTWARE"
    error_message = "The vault does not generate the secrets, or costs money."
  }

  assert {
    condition     = oci_psql_db_system.this[0].credentials[0].password_details[0].password_type == "VAULT_SECRET"
    error_message = "The database's password is not the vault's."
  }

  assert {
    condition     = output.postgres_password_secret_ocid == oci_vault_secret.postgres_password[0].id && output.consul_gossip_secret_ocid == oci_vault_secret.consul_gossip_key[0].id && output.vault_ocid == "ocid1.vault.oc1.iad.made"
    error_message = "A secret's OCID is in no output."
  }
}

run "secrets_of_ones_own" {
  # what is ignored in changes would stay as the runs before made it
  state_key = "secrets_of_ones_own"

  variables {
    vault_ocid                    = "ocid1.vault.oc1.iad.mine"
    vault_key_ocid                = "ocid1.key.oc1.iad.mine"
    postgres_password_secret_ocid = "ocid1.vaultsecret.oc1.iad.password"
    consul_gossip_secret_ocid     = "ocid1.vaultsecret.oc1.iad.gossip"
  }

  assert {
    condition     = length(oci_kms_vault.this) == 0 && length(oci_vault_secret.postgres_password) == 0 && length(oci_vault_secret.consul_gossip_key) == 0
    error_message = "Secrets are made although there are some."
  }

  assert {
    condition     = oci_psql_db_system.this[0].credentials[0].password_details[0].secret_id == "ocid1.vaultsecret.oc1.iad.password" && output.consul_gossip_secret_ocid == "ocid1.vaultsecret.oc1.iad.gossip"
    error_message = "The secrets that were given are not used."
  }
}

run "a_vault_of_ones_own" {
  variables {
    vault_ocid     = "ocid1.vault.oc1.iad.mine"
    vault_key_ocid = "ocid1.key.oc1.iad.mine"
  }

  assert {
    condition     = length(oci_kms_vault.this) == 0 && oci_vault_secret.postgres_password[0].vault_id == "ocid1.vault.oc1.iad.mine" && oci_vault_secret.postgres_password[0].key_id == "ocid1.key.oc1.iad.mine"
    error_message = "The vault that was given is not used."
  }
}

run "postgres" {
  assert {
    condition     = oci_psql_db_system.this[0].storage_details[0].is_regionally_durable && oci_psql_db_system.this[0].storage_details[0].availability_domain == null && oci_psql_db_system.this[0].storage_details[0].iops == "75000"
    error_message = "The storage is not that of a region with several availability domains."
  }

  assert {
    condition     = oci_psql_db_system.this[0].instance_ocpu_count == 2 && oci_psql_db_system.this[0].instance_memory_size_in_gbs == 32 && oci_psql_db_system.this[0].instance_count == 1
    error_message = "The database's default size changed: README and guide name it."
  }

  assert {
    condition     = one(oci_psql_configuration.this[0].db_configuration_overrides[0].items).overriden_config_value == "btree_gin,pgcrypto,unaccent"
    error_message = "The administrator may not create the extensions of the migrations."
  }

  assert {
    condition     = output.postgres_host == "primary.abc.postgresql.us-ashburn-1.oci.oraclecloud.com" && output.postgres_port == 5432 && output.postgres_user == "admin" && output.postgres_database == "postgres" && startswith(output.postgres_ca_certificate, "-----BEGIN CERTIFICATE-----")
    error_message = "What deploy.env needs of the database is in no output."
  }
}

run "postgres_of_ones_own_size" {
  variables {
    postgres_version               = "16"
    postgres_shape                 = "PostgreSQL.VM.Standard3.Flex"
    postgres_ocpus                 = 4
    postgres_memory_in_gbs         = 64
    postgres_instance_count        = 2
    postgres_iops                  = 150000
    postgres_extensions            = ["pgcrypto"]
    postgres_backup_retention_days = 14
  }

  override_data {
    target = data.oci_identity_availability_domains.all
    values = { availability_domains = [{ name = "Uocm:AP-OSAKA-1-AD-1", id = "1", compartment_id = "c" }] }
  }

  assert {
    condition     = oci_psql_db_system.this[0].db_version == "16" && oci_psql_db_system.this[0].shape == "PostgreSQL.VM.Standard3.Flex" && oci_psql_db_system.this[0].instance_count == 2 && oci_psql_db_system.this[0].management_policy[0].backup_policy[0].retention_days == 14 && oci_psql_db_system.this[0].storage_details[0].iops == "150000"
    error_message = "The database is not as asked."
  }

  assert {
    condition     = !oci_psql_db_system.this[0].storage_details[0].is_regionally_durable && oci_psql_db_system.this[0].storage_details[0].availability_domain == "Uocm:AP-OSAKA-1-AD-1"
    error_message = "In a region of one availability domain, the storage must name it."
  }

  assert {
    condition     = one(oci_psql_configuration.this[0].db_configuration_overrides[0].items).overriden_config_value == "pgcrypto" && output.availability_domains == tolist(["Uocm:AP-OSAKA-1-AD-1"])
    error_message = "Extensions or availability domains are others."
  }
}

run "without_postgres" {
  variables {
    create_postgres = false
  }

  assert {
    condition     = length(oci_psql_db_system.this) == 0 && length(oci_vault_secret.postgres_password) == 0 && output.postgres_host == "" && output.postgres_password_secret_ocid == "" && output.postgres_db_system_id == ""
    error_message = "create_postgres = false still makes something."
  }

  assert {
    condition     = !anytrue([for name, rule in oci_core_network_security_group_security_rule.ingress : strcontains(name, "5432")])
    error_message = "The port of a database that is not there is open."
  }
}

run "redis" {
  variables {
    create_redis             = true
    redis_node_count         = 3
    redis_node_memory_in_gbs = 16
  }

  assert {
    condition     = oci_redis_redis_cluster.this[0].node_count == 3 && oci_redis_redis_cluster.this[0].node_memory_in_gbs == 16
    error_message = "Redis is not as asked."
  }

  assert {
    condition     = output.redis_endpoint == "redis.abc.us-ashburn-1.oci.oraclecloud.com" && output.redis_port == 6379
    error_message = "Redis is in no output."
  }

  assert {
    condition     = contains(keys(oci_core_network_security_group_security_rule.ingress), "redis tcp 6379 from api")
    error_message = "The API hosts cannot reach Redis."
  }
}

run "buckets" {
  variables {
    create_buckets = true
    prefix         = "team-a"
  }

  assert {
    condition     = join(" ", output.object_storage_buckets) == "team-a-fc-kernels team-a-fc-templates team-a-fc-versions team-a-loki" && output.object_storage_namespace == "tenancyspace"
    error_message = "The buckets are others."
  }

  assert {
    condition     = alltrue([for bucket in oci_objectstorage_bucket.this : bucket.access_type == "NoPublicAccess"])
    error_message = "A bucket is public."
  }

  assert {
    condition     = contains(oci_identity_policy.hosts[0].statements, "Allow dynamic-group team-a-hosts to manage objects in compartment id ocid1.compartment.oc1..c where target.bucket.name = 'team-a-loki'")
    error_message = "The hosts may not use a bucket."
  }

  assert {
    condition     = oci_core_vcn.this.dns_label == "teama"
    error_message = "The label of the network holds what DNS labels of OCI may not."
  }
}

run "load_balancer_subnet" {
  variables {
    create_load_balancer_subnet = true
    load_balancer_subnet_cidr   = "10.0.9.0/24"
    load_balancer_allowed_cidrs = ["198.51.100.0/24"]
  }

  assert {
    condition     = oci_core_subnet.load_balancer[0].cidr_block == "10.0.9.0/24" && output.load_balancer_subnet_id != ""
    error_message = "The load balancer's subnet is not as asked."
  }

  assert {
    condition = length(setintersection(keys(oci_core_network_security_group_security_rule.ingress), [
      "load_balancer tcp 443 from 198.51.100.0/24", "api tcp 50001 from load_balancer", "api tcp 3002 from load_balancer",
    ])) == 3
    error_message = "The load balancer cannot be reached, or reaches nothing."
  }
}

run "a_network_of_ones_own" {
  variables {
    vcn_cidr            = "192.168.16.0/20"
    public_subnet_cidr  = "192.168.30.0/26"
    private_subnet_cidr = "192.168.20.0/22"
  }

  assert {
    condition     = oci_core_subnet.public.cidr_block == "192.168.30.0/26" && oci_core_subnet.private.cidr_block == "192.168.20.0/22" && output.vcn_cidr_block == "192.168.16.0/20"
    error_message = "The network is not as asked."
  }
}

run "a_small_network" {
  variables {
    vcn_cidr = "192.168.16.0/20"
  }

  assert {
    condition     = oci_core_subnet.public.cidr_block == "192.168.17.0/24" && oci_core_subnet.private.cidr_block == "192.168.18.0/24"
    error_message = "The subnets are not sixteenths of the network."
  }
}

run "tags" {
  variables {
    freeform_tags = { Team = "platform" }
    defined_tags  = { "Operations.CostCenter" = "42" }
  }

  assert {
    condition = alltrue([for resource in [oci_core_vcn.this, oci_core_subnet.private, oci_core_instance.bastion, oci_psql_db_system.this[0], oci_kms_vault.this[0]] :
    resource.freeform_tags.Team == "platform" && resource.freeform_tags.E2BCluster == "e2b" && resource.defined_tags["Operations.CostCenter"] == "42"])
    error_message = "A resource lacks the tags."
  }
}

run "outputs" {
  assert {
    condition     = output.bastion_public_ip == "203.0.113.20" && output.ssh_user == "ubuntu" && output.bastion_instance_id == "ocid1.instance.oc1.iad.bastion"
    error_message = "The bastion is in no output."
  }

  assert {
    condition     = output.region == "us-ashburn-1" && output.prefix == "e2b" && output.compartment_ocid == "ocid1.compartment.oc1..c" && output.vcn_id == "ocid1.vcn.oc1.iad.v"
    error_message = "What the cluster stack needs is in no output."
  }

  assert {
    condition     = output.private_subnet_id == oci_core_subnet.private.id && output.public_subnet_id == oci_core_subnet.public.id && output.load_balancer_subnet_id == ""
    error_message = "The subnets are in no output."
  }

  assert {
    condition     = toset(keys(output.security_group_ids)) == toset(["bastion", "cluster", "api", "client", "postgres"])
    error_message = "A security group is in no output."
  }

  assert {
    condition     = output.vcn_cidr_block == "10.0.0.0/16" && output.redis_endpoint == "" && output.bastion_service_id == "" && length(output.availability_domains) == 3 && output.dynamic_group_name == "e2b-hosts"
    error_message = "An output is missing."
  }
}

run "an_endpoint_that_is_not_there_yet_is_told" {
  override_data {
    target = data.oci_psql_db_system_connection_detail.this
    values = { primary_db_endpoint = [], ca_certificate = "" }
  }

  expect_failures = [check.postgres_endpoint]
}
