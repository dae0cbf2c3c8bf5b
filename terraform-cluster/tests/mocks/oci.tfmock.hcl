# What OCI answers in the tests: three availability domains, images of the platform and of others.

mock_data "oci_identity_availability_domains" {
  defaults = {
    availability_domains = [
      { name = "Uocm:US-ASHBURN-AD-1", id = "1", compartment_id = "c" },
      { name = "Uocm:US-ASHBURN-AD-2", id = "2", compartment_id = "c" },
      { name = "Uocm:US-ASHBURN-AD-3", id = "3", compartment_id = "c" },
    ]
  }
}

mock_data "oci_core_images" {
  defaults = {
    images = [
      { id = "ocid1.image.oc1.iad.other", display_name = "Canonical-Ubuntu-22.04" },
      { id = "ocid1.image.oc1.iad.newest", display_name = "e2b-20261101" },
      { id = "ocid1.image.oc1.iad.older", display_name = "e2b-20261001" },
    ]
  }
}

mock_data "oci_core_instance_pool_instances" {
  defaults = {
    instances = [
      { id = "ocid1.instance.oc1.iad.1" }, { id = "ocid1.instance.oc1.iad.2" }, { id = "ocid1.instance.oc1.iad.3" },
      { id = "ocid1.instance.oc1.iad.4" }, { id = "ocid1.instance.oc1.iad.5" },
    ]
  }
}
