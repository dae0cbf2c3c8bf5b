# What the stack refuses, each with a sentence of its own.

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

run "a_short_region_key" {
  command = plan

  variables {
    region = "phx"
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

run "a_prefix_with_capitals" {
  command = plan

  variables {
    prefix = "E2B"
  }

  expect_failures = [var.prefix]
}

run "a_network_that_is_none" {
  command = plan

  variables {
    vcn_cidr = "10.0.0.0"
  }

  expect_failures = [var.vcn_cidr]
}

run "a_subnets_name" {
  command = plan

  variables {
    private_subnet_id = "private"
  }

  expect_failures = [var.private_subnet_id]
}

run "no_security_group" {
  command = plan

  variables {
    cluster_nsg_id = "ocid1.subnet.oc1.iad.private"
  }

  expect_failures = [var.cluster_nsg_id]
}

run "no_api_security_group" {
  command = plan

  variables {
    api_nsg_id = ""
  }

  expect_failures = [var.api_nsg_id]
}

run "no_client_security_group" {
  command = plan

  variables {
    client_nsg_id = ""
  }

  expect_failures = [var.client_nsg_id]
}

run "a_gossip_key_itself" {
  command = plan

  variables {
    consul_gossip_secret_ocid = "c2VjcmV0"
  }

  expect_failures = [var.consul_gossip_secret_ocid]
}

run "a_tag_of_the_stacks_own" {
  command = plan

  variables {
    freeform_tags = { ClusterRole = "server" }
  }

  expect_failures = [var.freeform_tags]
}

run "an_images_name" {
  command = plan

  variables {
    image_ocid = "e2b-20261101"
  }

  expect_failures = [var.image_ocid]
}

run "no_name_of_images" {
  command = plan

  variables {
    image_name = ""
  }

  expect_failures = [var.image_name]
}

run "an_image_that_is_not_there" {
  command = plan

  variables {
    image_name = "nothing-"
  }

  expect_failures = [oci_core_instance_configuration.pool]
}

run "a_private_key" {
  command = plan

  variables {
    ssh_public_key = "-----BEGIN OPENSSH PRIVATE KEY-----"
  }

  expect_failures = [var.ssh_public_key]
}

run "an_even_number_of_servers" {
  command = plan

  variables {
    server_count = 2
  }

  expect_failures = [var.server_count]
}

run "no_api_hosts" {
  command = plan

  variables {
    api_count = 0
  }

  expect_failures = [var.api_count]
}

run "half_a_client" {
  command = plan

  variables {
    client_count = 1.5
  }

  expect_failures = [var.client_count]
}

run "a_fixed_server_shape" {
  command = plan

  variables {
    server_shape = "VM.Standard2.1"
  }

  expect_failures = [var.server_shape]
}

run "a_fixed_api_shape" {
  command = plan

  variables {
    api_shape = "VM.Standard2.1"
  }

  expect_failures = [var.api_shape]
}

run "a_client_without_virtualisation" {
  command = plan

  variables {
    client_shape = "VM.Standard.E5.Flex"
  }

  expect_failures = [var.client_shape]
}

run "a_server_without_ocpus" {
  command = plan

  variables {
    server_ocpus = 0
  }

  expect_failures = [var.server_ocpus]
}

run "too_many_api_ocpus" {
  command = plan

  variables {
    api_ocpus = 65
  }

  expect_failures = [var.api_ocpus]
}

run "a_client_of_one_ocpu" {
  command = plan

  variables {
    client_ocpus = 1
  }

  expect_failures = [var.client_ocpus]
}

run "a_server_of_little_memory" {
  command = plan

  variables {
    server_memory_in_gbs = 1
  }

  expect_failures = [var.server_memory_in_gbs]
}

run "an_api_host_of_little_memory" {
  command = plan

  variables {
    api_memory_in_gbs = 2
  }

  expect_failures = [var.api_memory_in_gbs]
}

run "a_client_of_little_memory" {
  command = plan

  variables {
    client_memory_in_gbs = 8
  }

  expect_failures = [var.client_memory_in_gbs]
}

run "more_memory_than_the_ocpus_have" {
  command = plan

  variables {
    server_memory_in_gbs = 128
  }

  expect_failures = [oci_core_instance_configuration.pool["server"]]
}

run "a_small_server_disk" {
  command = plan

  variables {
    server_boot_volume_in_gbs = 10
  }

  expect_failures = [var.server_boot_volume_in_gbs]
}

run "a_small_api_disk" {
  command = plan

  variables {
    api_boot_volume_in_gbs = 10
  }

  expect_failures = [var.api_boot_volume_in_gbs]
}

run "a_small_client_disk" {
  command = plan

  variables {
    client_boot_volume_in_gbs = 50
  }

  expect_failures = [var.client_boot_volume_in_gbs]
}

run "a_fourth_fault_domain" {
  command = plan

  variables {
    fault_domains = ["FAULT-DOMAIN-4"]
  }

  expect_failures = [var.fault_domains]
}

run "no_pause_between_attempts" {
  command = plan

  variables {
    join_retry_seconds = 0
  }

  expect_failures = [var.join_retry_seconds]
}

run "a_drain_of_a_day" {
  command = plan

  variables {
    drain_timeout_seconds = 86400
  }

  expect_failures = [var.drain_timeout_seconds]
}

run "a_sandbox_network_that_is_none" {
  command = plan

  variables {
    sandboxes_host_network_cidr = "10.11"
  }

  expect_failures = [var.sandboxes_host_network_cidr]
}

run "another_sandbox_network_that_is_none" {
  command = plan

  variables {
    sandboxes_vrt_network_cidr = "10.12"
  }

  expect_failures = [var.sandboxes_vrt_network_cidr]
}

run "networks_that_overlap" {
  command = plan

  variables {
    sandboxes_vrt_network_cidr = "10.0.128.0/17"
  }

  expect_failures = [oci_core_instance_configuration.pool]
}

run "keys_that_fill_the_metadata" {
  command = plan

  variables {
    ssh_public_key = join("\n", [for number in range(400) : "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0000000000000000000000000000000000000000 operator-${number}"])
  }

  expect_failures = [oci_core_instance_configuration.pool]
}
