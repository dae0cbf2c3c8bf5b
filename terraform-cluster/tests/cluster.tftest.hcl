# What the stack makes, by its variables.

mock_provider "oci" {
  source = "./tests/mocks"
}

variables {
  compartment_ocid          = "ocid1.compartment.oc1..c"
  region                    = "us-ashburn-1"
  private_subnet_id         = "ocid1.subnet.oc1.iad.private"
  cluster_nsg_id            = "ocid1.networksecuritygroup.oc1.iad.cluster"
  api_nsg_id                = "ocid1.networksecuritygroup.oc1.iad.api"
  client_nsg_id             = "ocid1.networksecuritygroup.oc1.iad.client"
  consul_gossip_secret_ocid = "ocid1.vaultsecret.oc1.iad.gossip"
  ssh_public_key            = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0 operator"
}

# Each instance with an address of its own, out of order.
override_data {
  target = data.oci_core_instance.server[0]
  values = { private_ip = "10.0.2.20", display_name = "e2b-server-1" }
}

override_data {
  target = data.oci_core_instance.server[1]
  values = { private_ip = "10.0.2.12", display_name = "e2b-server-2" }
}

override_data {
  target = data.oci_core_instance.server[2]
  values = { private_ip = "10.0.2.13", display_name = "e2b-server-3" }
}

override_data {
  target = data.oci_core_instance.api[0]
  values = { private_ip = "10.0.2.30", display_name = "e2b-api-1" }
}

override_data {
  target = data.oci_core_instance.client[0]
  values = { private_ip = "10.0.2.101", display_name = "e2b-client-1" }
}

run "defaults" {
  assert {
    condition     = { for role, pool in oci_core_instance_pool.pool : role => pool.size } == { server = 3, api = 1, client = 1 }
    error_message = "The pools have other sizes than README and guide say."
  }

  assert {
    condition = {
      for role, configuration in oci_core_instance_configuration.pool : role => join(" ", [
        configuration.instance_details[0].launch_details[0].shape,
        configuration.instance_details[0].launch_details[0].shape_config[0].ocpus,
        configuration.instance_details[0].launch_details[0].shape_config[0].memory_in_gbs,
        configuration.instance_details[0].launch_details[0].source_details[0].boot_volume_size_in_gbs,
      ])
      } == {
      server = "VM.Standard.E5.Flex 1 8 50"
      api    = "VM.Standard.E5.Flex 2 16 50"
      client = "VM.Standard3.Flex 8 64 200"
    }
    error_message = "The hosts have other sizes than README and guide say."
  }

  assert {
    condition = alltrue([
      for role, configuration in oci_core_instance_configuration.pool :
      configuration.instance_details[0].launch_details[0].freeform_tags == tomap({ E2BCluster = "e2b", ClusterRole = role })
    ])
    error_message = "Instances lack the tags by which hosts find the servers."
  }

  assert {
    condition = {
      for role, configuration in oci_core_instance_configuration.pool : role =>
      join(" ", sort([for id in configuration.instance_details[0].launch_details[0].create_vnic_details[0].nsg_ids : split(".", id)[4]]))
    } == { server = "cluster", api = "api cluster", client = "client cluster" }
    error_message = "The hosts are in other security groups."
  }

  assert {
    condition = alltrue([
      for configuration in oci_core_instance_configuration.pool :
      configuration.instance_details[0].launch_details[0].create_vnic_details[0].assign_public_ip == false
      && configuration.instance_details[0].launch_details[0].create_vnic_details[0].subnet_id == "ocid1.subnet.oc1.iad.private"
      && configuration.instance_details[0].launch_details[0].instance_options[0].are_legacy_imds_endpoints_disabled
    ])
    error_message = "A host has a public address, another subnet, or the old metadata service."
  }

  assert {
    condition     = output.image_id == "ocid1.image.oc1.iad.newest" && oci_core_instance_configuration.pool["api"].instance_details[0].launch_details[0].source_details[0].image_id == "ocid1.image.oc1.iad.newest"
    error_message = "The image is not the newest of the platform."
  }

  assert {
    condition = alltrue([for pool in oci_core_instance_pool.pool :
      length(pool.placement_configurations) == 3
      && alltrue([for placement in pool.placement_configurations : length(placement.fault_domains) == 3 && placement.primary_vnic_subnets[0].subnet_id == "ocid1.subnet.oc1.iad.private"])
    ])
    error_message = "The pools are not spread over availability and fault domains."
  }

  assert {
    condition     = oci_core_instance_pool.pool["client"].lifecycle_management[0].lifecycle_actions[0].pre_termination[0].timeout == 720 && oci_core_instance_pool.pool["client"].lifecycle_management[0].lifecycle_actions[0].pre_termination[0].is_enabled && length(oci_core_instance_pool.pool["server"].lifecycle_management) == 0
    error_message = "The client pool does not wait for a drain."
  }

  # the provider takes any text; OCI takes these
  assert {
    condition = alltrue([
      for timeout in oci_core_instance_pool.pool["client"].lifecycle_management[0].lifecycle_actions[0].pre_termination[0].on_timeout :
      alltrue([for mode in [timeout.preserve_block_volume_mode, timeout.preserve_boot_volume_mode] : contains(["PRESERVE_ALWAYS", "PRESERVE_ON_TIMEOUT", "DELETE_ALWAYS"], mode)])
    ])
    error_message = "What becomes of the volumes is said in words that OCI does not know."
  }

  assert {
    condition     = oci_core_instance_pool.pool["client"].instance_hostname_formatter == "e2b-client-$${launchCount}"
    error_message = "Host names are not those of Nomad and Consul."
  }
}

run "outputs" {
  assert {
    condition     = join(",", output.server_private_ips) == "10.0.2.12,10.0.2.13,10.0.2.20" && join(",", output.api_private_ips) == "10.0.2.30" && join(",", output.client_private_ips) == "10.0.2.101"
    error_message = "The addresses are not in the outputs, sorted."
  }

  assert {
    condition     = output.instance_names["10.0.2.101"] == "e2b-client-1" && length(output.instance_names) == 5
    error_message = "The names are not in the outputs."
  }

  assert {
    condition     = output.region == "us-ashburn-1" && output.vcn_cidr_block == "10.0.0.0/16" && output.sandboxes_host_network_cidr == "10.11.0.0/16" && output.sandboxes_vrt_network_cidr == "10.12.0.0/16"
    error_message = "What deploy.env needs is in no output."
  }

  assert {
    condition     = toset(keys(output.pool_ids)) == toset(["server", "api", "client"]) && output.pool_ids["api"] == oci_core_instance_pool.pool["api"].id
    error_message = "The pools are in no output."
  }

  assert {
    condition     = alltrue([for role in ["server", "api", "client"] : output.user_data_bytes[role] > 1000 && output.user_data_bytes[role] <= 32000])
    error_message = "The user_data does not fit into OCI's metadata."
  }
}

run "sizes_of_ones_own" {
  variables {
    server_count              = 1
    api_count                 = 1
    client_count              = 1
    server_shape              = "VM.Standard3.Flex"
    api_shape                 = "VM.Standard3.Flex"
    client_shape              = "BM.Standard3.64"
    server_ocpus              = 2
    server_memory_in_gbs      = 32
    api_ocpus                 = 4
    api_memory_in_gbs         = 64
    client_ocpus              = 64
    client_memory_in_gbs      = 1024
    server_boot_volume_in_gbs = 60
    api_boot_volume_in_gbs    = 70
    client_boot_volume_in_gbs = 800
    fault_domains             = ["FAULT-DOMAIN-2"]
    availability_domains      = ["Uocm:US-ASHBURN-AD-3"]
    drain_timeout_seconds     = 900
    image_ocid                = "ocid1.image.oc1.iad.mine"
    prefix                    = "team-a"
  }

  assert {
    condition = {
      for role in ["server", "api"] : role => join(" ", [
        oci_core_instance_configuration.pool[role].instance_details[0].launch_details[0].shape,
        oci_core_instance_configuration.pool[role].instance_details[0].launch_details[0].shape_config[0].ocpus,
        oci_core_instance_configuration.pool[role].instance_details[0].launch_details[0].shape_config[0].memory_in_gbs,
        oci_core_instance_configuration.pool[role].instance_details[0].launch_details[0].source_details[0].boot_volume_size_in_gbs,
      ])
    } == { server = "VM.Standard3.Flex 2 32 60", api = "VM.Standard3.Flex 4 64 70" }
    error_message = "The hosts are not as asked."
  }

  assert {
    condition     = length(oci_core_instance_configuration.pool["client"].instance_details[0].launch_details[0].shape_config) == 0 && oci_core_instance_configuration.pool["client"].instance_details[0].launch_details[0].source_details[0].boot_volume_size_in_gbs == "800"
    error_message = "Bare metal has one size, and its boot volume is as asked."
  }

  assert {
    condition     = length(oci_core_instance_pool.pool["client"].placement_configurations) == 1 && one(oci_core_instance_pool.pool["client"].placement_configurations).availability_domain == "Uocm:US-ASHBURN-AD-3" && one(oci_core_instance_pool.pool["client"].placement_configurations).fault_domains[0] == "FAULT-DOMAIN-2"
    error_message = "The placement is not as asked."
  }

  assert {
    condition     = oci_core_instance_pool.pool["client"].lifecycle_management[0].lifecycle_actions[0].pre_termination[0].timeout == 1020 && output.image_id == "ocid1.image.oc1.iad.mine"
    error_message = "Drain or image are not as asked."
  }

  assert {
    condition     = oci_core_instance_pool.pool["api"].display_name == "team-a-api" && strcontains(module.user_data["api"].mime, "E2B_CLUSTER=team-a\\n")
    error_message = "The cluster's name does not reach the hosts."
  }
}

run "more_of_each" {
  variables {
    server_count = 5
    api_count    = 2
    client_count = 3
  }

  assert {
    condition     = length(output.server_private_ips) == 5 && length(output.api_private_ips) == 2 && length(output.client_private_ips) == 3
    error_message = "An address of a pool is in no output."
  }

  assert {
    condition     = { for role, pool in oci_core_instance_pool.pool : role => pool.size } == { server = 5, api = 2, client = 3 }
    error_message = "The pools are not as asked."
  }
}

run "an_instance_without_an_address_is_told" {
  override_data {
    target = data.oci_core_instance.server[1]
    values = { private_ip = "", display_name = "e2b-server-2" }
  }

  expect_failures = [check.addresses]
}

run "an_image_by_name" {
  variables {
    image_name = "e2b-202610"
  }

  assert {
    condition     = output.image_id == "ocid1.image.oc1.iad.older"
    error_message = "The image was not chosen by its name."
  }
}

run "tags" {
  variables {
    freeform_tags = { Team = "platform" }
    defined_tags  = { "Operations.CostCenter" = "42" }
  }

  assert {
    condition = alltrue([for pool in oci_core_instance_pool.pool : pool.freeform_tags.Team == "platform" && pool.defined_tags["Operations.CostCenter"] == "42"]) && alltrue([
      for configuration in oci_core_instance_configuration.pool :
      configuration.instance_details[0].launch_details[0].freeform_tags.Team == "platform" && configuration.instance_details[0].launch_details[0].defined_tags["Operations.CostCenter"] == "42"
    ])
    error_message = "A resource lacks the tags."
  }
}

run "user_data" {
  variables {
    join_retry_seconds          = 7
    drain_timeout_seconds       = 120
    vcn_cidr                    = "192.168.0.0/16"
    sandboxes_host_network_cidr = "10.21.0.0/16"
    sandboxes_vrt_network_cidr  = "10.22.0.0/16"
  }

  assert {
    condition = alltrue([for role in ["server", "api", "client"] :
      oci_core_instance_configuration.pool[role].instance_details[0].launch_details[0].metadata.user_data == module.user_data[role].base64
      && oci_core_instance_configuration.pool[role].instance_details[0].launch_details[0].metadata.ssh_authorized_keys == "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0 operator"
    ])
    error_message = "A pool has not its user_data, or not the operators' key."
  }

  assert {
    condition = alltrue([for role in ["server", "api", "client"] : alltrue([for line in [
      "E2B_ROLE=${role}", "E2B_REGION=us-ashburn-1", "E2B_CLUSTER=e2b", "E2B_COMPARTMENT=ocid1.compartment.oc1..c", "E2B_SERVER_COUNT=3",
      "E2B_GOSSIP_SECRET=ocid1.vaultsecret.oc1.iad.gossip", "E2B_JOIN_RETRY_SECONDS=7", "E2B_DRAIN_SECONDS=120", "E2B_SANDBOX_HOST_NETWORK=10.21.0.0/16",
    ] : strcontains(module.user_data[role].mime, "${line}\\n")])])
    error_message = "A variable does not reach the hosts."
  }

  assert {
    condition     = strcontains(module.user_data["server"].mime, "-s 192.168.0.0/16 -p") && strcontains(module.user_data["client"].mime, "{ 10.21.0.0/16, 10.22.0.0/16 } masquerade") && strcontains(module.user_data["client"].mime, "TimeoutStopSec=140")
    error_message = "A template is not filled in."
  }

  assert {
    condition     = contains(module.user_data["client"].paths, "/opt/e2b/sbin/e2b-cleanup-network") && !contains(module.user_data["api"].paths, "/opt/e2b/sbin/e2b-cleanup-network")
    error_message = "Only clients have network slots to clean up."
  }

  assert {
    condition     = !anytrue([for role in ["server", "api", "client"] : can(regex("\\$\\{(vcn_cidr|vrt_network|seconds)", module.user_data[role].mime))])
    error_message = "A placeholder is left."
  }
}
