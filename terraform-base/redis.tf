# Redis, when the sandbox catalog is to survive the client-proxy.

resource "oci_redis_redis_cluster" "this" {
  count = var.create_redis ? 1 : 0

  compartment_id     = var.compartment_ocid
  display_name       = "${var.prefix}-redis"
  node_count         = var.redis_node_count
  node_memory_in_gbs = var.redis_node_memory_in_gbs
  software_version   = "REDIS_7_0"
  subnet_id          = oci_core_subnet.private.id
  nsg_ids            = [oci_core_network_security_group.this["redis"].id]
  defined_tags       = var.defined_tags
  freeform_tags      = local.tags
}
