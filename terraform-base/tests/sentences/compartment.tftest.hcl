# Fails on purpose: tools/terraform.sh looks for the sentence.
# says: compartment_ocid must be the OCID of a compartment, not its name: it begins with ocid1.compartment.

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

run "compartment" {
  command = plan

  variables {
    compartment_ocid = "production"
  }
}
