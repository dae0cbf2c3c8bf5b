//! Which nodes a lab has, what they are called, and which addresses they get.

use std::fmt;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// What a node is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The only way in.
    Bastion,
    /// A Nomad and Consul server.
    Server,
    /// Runs the platform's API and client-proxy.
    Api,
    /// Runs sandboxes: orchestrator and template-manager, and Docker.
    Client,
    /// Holds PostgreSQL.
    Database,
}

impl Role {
    /// The role's word in node names and messages.
    pub fn word(self) -> &'static str {
        match self {
            Role::Bastion => "bastion",
            Role::Server => "server",
            Role::Api => "api",
            Role::Client => "client",
            Role::Database => "database",
        }
    }

    /// The last byte of the first node's private address, and how many nodes fit.
    fn range(self) -> (u8, u8) {
        match self {
            Role::Bastion => (10, 1),
            Role::Server => (11, 19),
            Role::Api => (30, 20),
            Role::Database => (50, 1),
            Role::Client => (101, 150),
        }
    }
}

/// How many nodes of each kind a lab has; a bastion is always there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Topology {
    pub servers: u8,
    pub api: u8,
    pub clients: u8,
    pub database: bool,
    /// Whether Docker runs on the client nodes.
    pub docker: bool,
    /// Whether Nomad and Consul run.
    #[serde(default)]
    pub agents: bool,
    /// Whether they refuse who shows no token.
    #[serde(default)]
    pub acl: bool,
    /// Whether the nodes set themselves up with the cluster stack's user_data.
    #[serde(default)]
    pub from_user_data: bool,
    /// How many seconds later than the others the servers boot.
    #[serde(default)]
    pub late_servers: u16,
    /// How many of the servers never do.
    #[serde(default)]
    pub missing_servers: u8,
}

impl Default for Topology {
    /// The runbook's cluster.
    fn default() -> Topology {
        Topology {
            servers: 3,
            api: 1,
            clients: 1,
            database: true,
            docker: true,
            agents: true,
            acl: false,
            from_user_data: false,
            late_servers: 0,
            missing_servers: 0,
        }
    }
}

impl Topology {
    /// Every node with its address in the lab's subnets, the bastion first.
    pub fn nodes(&self, subnets: Subnets) -> Result<Vec<Node>> {
        let mut nodes = vec![Node {
            name: "bastion".to_owned(),
            role: Role::Bastion,
            address: subnets.private(Role::Bastion.range().0),
        }];
        let counts = [
            (
                Role::Server,
                self.servers.saturating_sub(self.missing_servers),
            ),
            (Role::Api, self.api),
            (Role::Client, self.clients),
            (Role::Database, u8::from(self.database)),
        ];
        for (role, wanted) in counts {
            let (first, most) = role.range();
            if wanted > most {
                return Err(Error::TooMany {
                    role: role.word(),
                    wanted,
                    most,
                });
            }
            nodes.extend((0..wanted).map(|index| Node {
                name: format!("{}-{}", role.word(), u16::from(index) + 1),
                role,
                address: subnets.private(first + index),
            }));
        }
        Ok(nodes)
    }
}

impl fmt::Display for Topology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} server, {} api, {} client{} and {} database nodes{}{}",
            self.servers,
            self.api,
            self.clients,
            if self.docker { "" } else { " (without docker)" },
            u8::from(self.database),
            match (self.agents, self.acl) {
                (false, _) => " (without agents)",
                (true, false) => "",
                (true, true) => " (agents with ACLs)",
            },
            if self.from_user_data {
                " (from user_data)"
            } else {
                ""
            }
        )
    }
}

/// One machine of the lab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// `bastion`, `server-1`, `api-1`, `client-1`, `database-1`: also its host name.
    pub name: String,
    pub role: Role,
    /// Its address on the private network.
    pub address: Ipv4Addr,
}

/// The two networks of a lab, told apart from other labs' by the third byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Subnets {
    /// 1 to 250; also the number in the name of the link on this machine.
    pub slot: u8,
}

impl Subnets {
    /// Every slot, in the order they are tried.
    pub fn all() -> impl Iterator<Item = Subnets> {
        (1..=250).map(|slot| Subnets { slot })
    }

    fn private(self, host: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 77, self.slot, host)
    }

    fn public(self, host: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 78, self.slot, host)
    }

    /// The nodes' network, without its length of 24 bits.
    pub fn private_network(self) -> Ipv4Addr {
        self.private(0)
    }

    /// The nodes' default gateway. It leads nowhere.
    pub fn gateway(self) -> Ipv4Addr {
        self.private(1)
    }

    /// Where the mirror answers on port 80.
    pub fn mirror(self) -> Ipv4Addr {
        self.private(2)
    }

    /// This machine's end of the link to the lab's router, in a /30.
    pub fn workstation(self) -> Ipv4Addr {
        self.public(1)
    }

    /// The router's end of the link to this machine.
    pub fn router_outside(self) -> Ipv4Addr {
        self.public(2)
    }

    /// The /30 between router and bastion.
    pub fn bastion_network(self) -> Ipv4Addr {
        self.public(4)
    }

    /// The router's end of the link to the bastion.
    pub fn router_inside(self) -> Ipv4Addr {
        self.public(5)
    }

    /// The address under which this machine reaches the bastion.
    pub fn bastion(self) -> Ipv4Addr {
        self.public(6)
    }

    /// The veth on this machine; kernel names hold 15 characters.
    pub fn link(self) -> String {
        format!("e2blab{}", self.slot)
    }

    /// Whether neither network overlaps a route of this machine. Routes of 8 bits and fewer are
    /// somebody's way to everywhere (a default route, a VPN): the lab's more specific ones win.
    pub fn free_among(self, routes: &[(Ipv4Addr, u8)]) -> bool {
        [self.private(0), self.public(0)].iter().all(|network| {
            routes
                .iter()
                .filter(|(_, length)| *length > 8)
                .all(|(destination, length)| !overlap(*network, 24, *destination, *length))
        })
    }
}

fn overlap(a: Ipv4Addr, a_length: u8, b: Ipv4Addr, b_length: u8) -> bool {
    let shift = 32 - u32::from(a_length.min(b_length).min(32));
    let cut = |address: Ipv4Addr| u32::from(address).checked_shr(shift).unwrap_or(0);
    cut(a) == cut(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runbooks_cluster_has_seven_nodes_with_distinct_addresses() {
        let nodes = Topology::default().nodes(Subnets { slot: 7 }).unwrap();
        let shown: Vec<String> = nodes
            .iter()
            .map(|n| format!("{} {}", n.name, n.address))
            .collect();
        assert_eq!(
            shown,
            [
                "bastion 10.77.7.10",
                "server-1 10.77.7.11",
                "server-2 10.77.7.12",
                "server-3 10.77.7.13",
                "api-1 10.77.7.30",
                "client-1 10.77.7.101",
                "database-1 10.77.7.50",
            ]
        );
    }

    #[test]
    fn the_largest_lab_still_has_one_address_for_each_node() {
        let most = Topology {
            servers: 19,
            api: 20,
            clients: 150,
            database: true,
            docker: false,
            agents: false,
            acl: false,
            ..Topology::default()
        };
        let subnets = Subnets { slot: 250 };
        let mut addresses: Vec<_> = most
            .nodes(subnets)
            .unwrap()
            .iter()
            .map(|n| n.address)
            .collect();
        addresses.extend([subnets.gateway(), subnets.mirror()]);
        let count = addresses.len();
        addresses.sort();
        addresses.dedup();
        assert_eq!(addresses.len(), count);

        let more = Topology {
            clients: 151,
            ..most
        };
        assert_eq!(
            more.nodes(subnets).unwrap_err().to_string(),
            "a lab holds at most 150 client nodes, not 151"
        );
    }

    #[test]
    fn subnets_that_this_machine_uses_are_skipped() {
        let routes = [
            ("10.77.1.0", 24),
            ("10.78.2.4", 30),
            ("10.77.3.17", 32),
            ("0.0.0.0", 0),
            ("10.0.0.0", 8),
        ]
        .map(|(network, length)| (network.parse().unwrap(), length));
        let first = Subnets::all().find(|subnets| subnets.free_among(&routes));
        assert_eq!(first, Some(Subnets { slot: 4 }));

        let everything = [("10.76.0.0".parse().unwrap(), 14)];
        assert!(!Subnets::all().any(|subnets| subnets.free_among(&everything)));
    }
}
