# Who may reach whom: one security group for each kind of host, and one table of all that is open. A port that is not in
# it is closed.

locals {
  groups = toset(concat(
    ["bastion", "cluster", "api", "client"],
    var.create_postgres ? ["postgres"] : [],
    var.create_redis ? ["redis"] : [],
    var.create_load_balancer_subnet ? ["load_balancer"] : [],
  ))

  # to, protocol, first and last port, from (a group), what for
  between_groups = concat(
    [
      ["cluster", "tcp", 22, 22, "bastion", "SSH through the bastion"],
      ["cluster", "tcp", 4646, 4648, "cluster", "Nomad: HTTP, RPC, gossip"],
      ["cluster", "udp", 4648, 4648, "cluster", "Nomad: gossip"],
      ["cluster", "tcp", 8300, 8302, "cluster", "Consul: RPC, gossip"],
      ["cluster", "udp", 8301, 8302, "cluster", "Consul: gossip"],
      ["cluster", "tcp", 8500, 8500, "cluster", "Consul: HTTP"],
      ["cluster", "tcp", 8600, 8600, "cluster", "Consul: DNS"],
      ["cluster", "udp", 8600, 8600, "cluster", "Consul: DNS"],
      ["api", "tcp", 3001, 3001, "api", "client-proxy: edge API and health"],
      ["client", "tcp", 5007, 5007, "api", "orchestrator: traffic of the sandboxes"],
      ["client", "tcp", 5008, 5008, "api", "orchestrator: gRPC and health"],
      ["client", "tcp", 5009, 5009, "api", "template-manager: gRPC"],
      ["client", "tcp", 15007, 15007, "api", "template-manager: proxy"],
    ],
    var.create_postgres ? [["postgres", "tcp", 5432, 5432, "api", "PostgreSQL"]] : [],
    var.create_redis ? [["redis", "tcp", 6379, 6379, "api", "Redis over TLS"]] : [],
    var.create_load_balancer_subnet ? [
      ["api", "tcp", 50001, 50001, "load_balancer", "API"],
      ["api", "tcp", 3002, 3002, "load_balancer", "traffic of the sandboxes"],
    ] : [],
  )

  # to, protocol, first and last port, from (a network), what for
  from_networks = concat(
    [for cidr in var.allowed_ssh_cidrs : ["bastion", "tcp", 22, 22, cidr, "SSH of the operators"]],
    var.create_load_balancer_subnet ? [
      for cidr in var.load_balancer_allowed_cidrs : ["load_balancer", "tcp", 443, 443, cidr, "HTTPS"]
    ] : [],
    # The Bastion service reaches out from addresses of its own in the subnet it targets.
    var.create_bastion_service ? [["cluster", "tcp", 22, 22, local.private_cidr, "SSH through the Bastion service"]] : [],
  )

  protocols = { tcp = "6", udp = "17" }

  ingress = {
    for rule in concat(
      [for rule in local.between_groups : concat(rule, ["NETWORK_SECURITY_GROUP"])],
      [for rule in local.from_networks : concat(rule, ["CIDR_BLOCK"])],
    ) :
    "${rule[0]} ${rule[1]} ${rule[2]}${rule[2] == rule[3] ? "" : "-${rule[3]}"} from ${rule[4]}" => {
      to  = rule[0], protocol = rule[1], first = tonumber(rule[2]), last = tonumber(rule[3]), from = rule[4]
      why = rule[5], kind = rule[6]
    }
  }
}

resource "oci_core_network_security_group" "this" {
  for_each = local.groups

  compartment_id = var.compartment_ocid
  vcn_id         = oci_core_vcn.this.id
  display_name   = "${var.prefix}-${replace(each.key, "_", "-")}"
  defined_tags   = var.defined_tags
  freeform_tags  = local.tags
}

resource "oci_core_network_security_group_security_rule" "ingress" {
  for_each = local.ingress

  network_security_group_id = oci_core_network_security_group.this[each.value.to].id
  direction                 = "INGRESS"
  protocol                  = local.protocols[each.value.protocol]
  source_type               = each.value.kind
  source                    = each.value.kind == "CIDR_BLOCK" ? each.value.from : oci_core_network_security_group.this[each.value.from].id
  description               = each.value.why
  stateless                 = false

  dynamic "tcp_options" {
    for_each = each.value.protocol == "tcp" ? [each.value] : []
    content {
      destination_port_range {
        min = tcp_options.value.first
        max = tcp_options.value.last
      }
    }
  }

  dynamic "udp_options" {
    for_each = each.value.protocol == "udp" ? [each.value] : []
    content {
      destination_port_range {
        min = udp_options.value.first
        max = udp_options.value.last
      }
    }
  }
}

# "Fragmentation needed": without it, connections hang where the path's packets are smaller than the VCN's 9000 bytes.
resource "oci_core_network_security_group_security_rule" "path_mtu" {
  for_each = local.groups

  network_security_group_id = oci_core_network_security_group.this[each.key].id
  direction                 = "INGRESS"
  protocol                  = "1"
  source_type               = "CIDR_BLOCK"
  source                    = "0.0.0.0/0"
  description               = "path MTU discovery"
  stateless                 = false

  icmp_options {
    type = 3
    code = 4
  }
}

# Hosts fetch packages, images, kernels; sandboxes reach the Internet through them.
resource "oci_core_network_security_group_security_rule" "egress" {
  for_each = setsubtract(local.groups, ["postgres", "redis"])

  network_security_group_id = oci_core_network_security_group.this[each.key].id
  direction                 = "EGRESS"
  protocol                  = "all"
  destination_type          = "CIDR_BLOCK"
  destination               = "0.0.0.0/0"
  description               = "everything outwards"
  stateless                 = false
}
