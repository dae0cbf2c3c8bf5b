# Fails on purpose: tools/terraform.sh looks for the sentence.
# says: vcn_cidr overlaps a network of the sandboxes (10.11.0.0/16, 10.12.0.0/16) or Docker's (172.17.0.0/16).

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
  create_postgres   = false
}

run "overlap" {
  command = plan

  variables {
    vcn_cidr = "10.12.0.0/16"
  }
}
