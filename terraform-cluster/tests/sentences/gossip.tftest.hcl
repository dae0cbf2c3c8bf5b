# Fails on purpose: tools/terraform.sh looks for the sentence.
# says: consul_gossip_secret_ocid must be the OCID of a vault secret, never the key itself: it begins with ocid1.vaultsecret.

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

run "gossip" {
  command = plan

  variables {
    consul_gossip_secret_ocid = "bm90IGFuIE9DSUQ="
  }
}
