# Fails on purpose: tools/terraform.sh looks for the sentence.
# says: ssh_public_key must be an OpenSSH public key: the content of a .pub file, never of the private one.

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

run "key" {
  command = plan

  variables {
    ssh_public_key = "-----BEGIN OPENSSH PRIVATE KEY-----"
  }
}
