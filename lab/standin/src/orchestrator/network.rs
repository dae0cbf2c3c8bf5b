//! A sandbox's network: a namespace, and a pair of virtual links with a /30 between the node and it.

use std::env;
use std::net::Ipv4Addr;

use crate::storage::run;

/// How the platform calls a slot's namespace, and how we call its link.
pub const NAMESPACE: &str = "ns-";
/// The node's end.
pub const LINK: &str = "veth-";
/// How many sandboxes a node holds at most.
pub const SLOTS: u32 = 1000;

/// A slot's names and addresses.
#[derive(Debug, Clone)]
pub struct Slot {
    /// From 1.
    pub number: u32,
    /// The network namespace.
    pub namespace: String,
    link: String,
    node: Ipv4Addr,
    /// The sandbox's address.
    pub address: Ipv4Addr,
}

impl Slot {
    /// The slot of a number.
    pub fn new(number: u32) -> Slot {
        let base = u32::from(network()) + number * 4;
        Slot {
            number,
            namespace: format!("{NAMESPACE}{number}"),
            link: format!("{LINK}{number}"),
            node: Ipv4Addr::from(base + 1),
            address: Ipv4Addr::from(base + 2),
        }
    }

    /// Makes the network.
    ///
    /// # Errors
    ///
    /// With what `ip` says.
    pub async fn make(&self) -> Result<(), String> {
        let (node, address) = (self.node.to_string(), self.address.to_string());
        let words = [
            "-c",
            MAKE,
            "sh",
            &self.namespace,
            &self.link,
            &node,
            &address,
        ];
        let made = run("sh", &words).await?;
        match made.ok {
            true => Ok(()),
            false => Err(format!(
                "cannot make network slot {}: {}",
                self.number, made.why
            )),
        }
    }

    /// Removes it; what is not there is removed.
    pub async fn remove(&self) {
        let _ = run("sh", &["-c", REMOVE, "sh", &self.namespace, &self.link]).await;
    }
}

/// The network of which slots are parts.
fn network() -> Ipv4Addr {
    let text = env::var("SANDBOXES_HOST_NETWORK_CIDR").unwrap_or_default();
    let address = text.split('/').next().and_then(|text| text.parse().ok());
    address.unwrap_or(Ipv4Addr::new(10, 11, 0, 0))
}

const MAKE: &str = r#"
set -e
ip netns add "$1"
ip link add "$2" type veth peer name eth0 netns "$1"
ip address add "$3/30" dev "$2"
ip link set "$2" up
ip -n "$1" -batch - <<END
link set lo up
address add $4/30 dev eth0
link set eth0 up
route add default via $3
END
"#;

/// The link goes with the namespace, but not at once: the next one must not find it.
const REMOVE: &str = r#"
ip link delete "$2" 2> /dev/null
ip netns delete "$1" 2> /dev/null
true
"#;
