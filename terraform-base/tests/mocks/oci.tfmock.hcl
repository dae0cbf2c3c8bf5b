# What OCI answers in the tests: a region of three availability domains that is not the tenancy's home region.

mock_data "oci_identity_region_subscriptions" {
  defaults = {
    region_subscriptions = [
      { is_home_region = false, region_key = "IAD", region_name = "us-ashburn-1", state = "READY", tenancy_id = "ocid1.tenancy.oc1..t" },
      { is_home_region = true, region_key = "PHX", region_name = "us-phoenix-1", state = "READY", tenancy_id = "ocid1.tenancy.oc1..t" },
    ]
  }
}

mock_data "oci_identity_availability_domains" {
  defaults = {
    availability_domains = [
      { name = "Uocm:US-ASHBURN-AD-1", id = "1", compartment_id = "c" },
      { name = "Uocm:US-ASHBURN-AD-2", id = "2", compartment_id = "c" },
      { name = "Uocm:US-ASHBURN-AD-3", id = "3", compartment_id = "c" },
    ]
  }
}

mock_data "oci_core_services" {
  defaults = {
    services = [{
      id         = "ocid1.service.oc1.iad.all", name = "All IAD Services In Oracle Services Network"
      cidr_block = "all-iad-services-in-oracle-services-network", description = "all"
    }]
  }
}

mock_data "oci_core_images" {
  defaults = {
    images = [{ id = "ocid1.image.oc1.iad.newest" }, { id = "ocid1.image.oc1.iad.older" }]
  }
}

mock_data "oci_objectstorage_namespace" {
  defaults = { namespace = "tenancyspace" }
}

mock_data "oci_psql_db_system_connection_detail" {
  defaults = {
    ca_certificate      = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
    primary_db_endpoint = [{ fqdn = "primary.abc.postgresql.us-ashburn-1.oci.oraclecloud.com", ip_address = "10.0.2.9", port = 5432 }]
    reader_endpoint     = []
    instance_endpoints  = []
  }
}

mock_resource "oci_core_vcn" {
  defaults = { id = "ocid1.vcn.oc1.iad.v", default_security_list_id = "ocid1.securitylist.oc1.iad.d" }
}

mock_resource "oci_core_instance" {
  defaults = { id = "ocid1.instance.oc1.iad.bastion", public_ip = "203.0.113.20" }
}

mock_resource "oci_kms_vault" {
  defaults = { id = "ocid1.vault.oc1.iad.made", management_endpoint = "https://made-management.kms.us-ashburn-1.oraclecloud.com" }
}

mock_resource "oci_kms_key" {
  defaults = { id = "ocid1.key.oc1.iad.made" }
}

mock_resource "oci_redis_redis_cluster" {
  defaults = { primary_fqdn = "redis.abc.us-ashburn-1.oci.oraclecloud.com" }
}
