//! The `deploy.env` of a lab: where its nodes are, how to get in, and secrets made for it alone.

use std::fs::File;
use std::io::Read;
use std::net::Ipv4Addr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::agents::Cluster;
use crate::database;
use crate::error::{At, Result};
use crate::lab::{Lab, write_file};
use crate::release;
use crate::topology::{Role, Subnets};

/// What a stand-in may use, in MiB.
const MEMORY: &str = "64";

/// Secrets of one lab.
#[derive(Debug)]
pub struct Secrets {
    postgres: String,
    gossip: String,
    edge: String,
    seed: String,
    nomad: String,
    consul: String,
}

impl Secrets {
    /// The password of PostgreSQL's `admin`.
    pub fn postgres(&self) -> &str {
        &self.postgres
    }

    /// New ones, from the kernel.
    pub fn random() -> Result<Secrets> {
        Ok(Secrets {
            postgres: hex(&random::<16>()?),
            gossip: STANDARD.encode(random::<32>()?),
            edge: hex(&random::<32>()?),
            seed: hex(&random::<32>()?),
            nomad: uuid(&random::<16>()?),
            consul: uuid(&random::<16>()?),
        })
    }
}

impl Secrets {
    /// Consul's gossip key: 32 bytes in base64.
    pub fn gossip(&self) -> &str {
        &self.gossip
    }

    /// Nomad's management token, where ACLs are on.
    pub fn nomad_token(&self) -> &str {
        &self.nomad
    }

    /// Consul's management token, where ACLs are on.
    pub fn consul_token(&self) -> &str {
        &self.consul
    }
}

/// Checksums of what the mirror serves.
#[derive(Debug)]
pub struct Checksums {
    pub firecracker: String,
    pub kernel: String,
}

/// Writes `deploy.env`, which only root may read.
pub fn write(lab: &Lab, subnets: Subnets, cluster: &Cluster, sums: &Checksums) -> Result<()> {
    write_file(
        &lab.file("deploy.env"),
        text(lab, subnets, cluster, sums),
        0o600,
    )
}

fn text(lab: &Lab, subnets: Subnets, cluster: &Cluster, sums: &Checksums) -> String {
    let Cluster { nodes, secrets, .. } = cluster;
    let pool = |role: Role| {
        let addresses: Vec<String> = nodes
            .iter()
            .filter(|node| node.role == role)
            .map(|node| node.address.to_string())
            .collect();
        addresses.join(",")
    };
    let (servers, api, clients) = (pool(Role::Server), pool(Role::Api), pool(Role::Client));
    let path = |name: &str| lab.file(name).display().to_string();
    let mirror = |part: &str| mirror_url(subnets.mirror(), part);
    let mut lines = vec![
        (
            "",
            format!(
                "# the rehearsal cluster `{}`, written by e2blab",
                lab.name()
            ),
        ),
        ("SSH_USER", "ubuntu".to_owned()),
        ("SSH_KEY", path("id_ed25519")),
        ("KNOWN_HOSTS_FILE", path("known_hosts")),
        ("BASTION_HOST", subnets.bastion().to_string()),
        (
            "",
            "# nodes have no public addresses; both names hold the private ones".to_owned(),
        ),
        ("SERVER_POOL_PUBLIC", servers.clone()),
        ("SERVER_POOL_PRIVATE", servers.clone()),
        ("API_POOL_PUBLIC", api.clone()),
        ("API_POOL_PRIVATE", api),
        ("CLIENT_POOL_PUBLIC", clients.clone()),
        ("CLIENT_POOL_PRIVATE", clients),
        ("VCN_CIDR", format!("{}/24", subnets.private_network())),
        ("POSTGRES_HOST", pool(Role::Database)),
        ("POSTGRES_PORT", "5432".to_owned()),
        ("POSTGRES_USER", "admin".to_owned()),
        ("POSTGRES_PASSWORD", secrets.postgres.clone()),
        ("POSTGRES_DB", "postgres".to_owned()),
        ("POSTGRES_SSLMODE", "verify-full".to_owned()),
        ("POSTGRES_SSLROOTCERT", path(database::CA)),
        ("ARTIFACTS_DIR", path("artifacts/bin")),
        // keys of another lab would open nothing
        ("CREDENTIALS_FILE", path("api-creds.env")),
        ("NOMAD_REGION", cluster.region.to_owned()),
        // the stand-ins need little, and a small machine has little
        ("API_MEMORY_MB", MEMORY.to_owned()),
        ("CLIENT_PROXY_MEMORY_MB", MEMORY.to_owned()),
        ("ORCHESTRATOR_MEMORY_MB", MEMORY.to_owned()),
        ("TEMPLATE_MANAGER_MEMORY_MB", MEMORY.to_owned()),
        ("CONSUL_SERVERS", servers),
        ("CONSUL_GOSSIP_KEY", secrets.gossip.clone()),
        ("EDGE_SERVICE_SECRET", secrets.edge.clone()),
        ("SANDBOX_ACCESS_TOKEN_HASH_SEED", secrets.seed.clone()),
        ("FIRECRACKER_MIRROR", mirror("firecracker")),
        ("FIRECRACKER_RELEASE", release::FIRECRACKER.to_owned()),
        (
            "FIRECRACKER_VERSION_FULL",
            release::FIRECRACKER_FULL.to_owned(),
        ),
        ("FIRECRACKER_SHA256", sums.firecracker.clone()),
        ("KERNEL_MIRROR", mirror("kernels")),
        ("FIRECRACKER_KERNEL_VERSION", release::KERNEL.to_owned()),
        ("KERNEL_SHA256", sums.kernel.clone()),
    ];
    if !nodes.iter().any(|node| node.role == Role::Database) {
        lines.retain(|(name, _)| !name.starts_with("POSTGRES_"));
    }
    if cluster.acl {
        lines.push(("NOMAD_TOKEN", secrets.nomad.clone()));
        lines.push(("CONSUL_TOKEN", secrets.consul.clone()));
    }
    lines
        .iter()
        .map(|(name, value)| match *name {
            "" => format!("{value}\n"),
            name => format!("{name}={value}\n"),
        })
        .collect()
}

fn mirror_url(address: Ipv4Addr, part: &str) -> String {
    format!("http://{address}/{part}")
}

fn random<const N: usize>() -> Result<[u8; N]> {
    let source = "/dev/urandom";
    let mut bytes = [0; N];
    File::open(source)
        .and_then(|mut file| file.read_exact(&mut bytes))
        .at("read", source)?;
    Ok(bytes)
}

/// Random bytes in the form of tokens.
fn uuid(bytes: &[u8; 16]) -> String {
    let digits = hex(bytes);
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    [
        part(0, 8),
        part(8, 12),
        part(12, 16),
        part(16, 20),
        part(20, 32),
    ]
    .join("-")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agents;
    use crate::topology::Topology;

    fn sample(database: bool, acl: bool) -> String {
        let topology = Topology {
            servers: 2,
            api: 1,
            clients: 1,
            database,
            docker: true,
            agents: false,
            acl: false,
            ..Topology::default()
        };
        let subnets = Subnets { slot: 9 };
        let secrets = Secrets {
            postgres: "pg".into(),
            gossip: "gossip=".into(),
            edge: "edge".into(),
            seed: "seed".into(),
            nomad: "n".into(),
            consul: "c".into(),
        };
        let sums = Checksums {
            firecracker: "f0".into(),
            kernel: "c0".into(),
        };
        let lab = Lab::within("/var/lib/e2blab".as_ref(), "sample").unwrap();
        let cluster = Cluster {
            nodes: &topology.nodes(subnets).unwrap(),
            secrets: &secrets,
            region: agents::REGION,
            acl,
        };
        text(&lab, subnets, &cluster, &sums)
    }

    #[test]
    fn the_whole_file() {
        assert_eq!(
            sample(true, false),
            "\
# the rehearsal cluster `sample`, written by e2blab
SSH_USER=ubuntu
SSH_KEY=/var/lib/e2blab/sample/id_ed25519
KNOWN_HOSTS_FILE=/var/lib/e2blab/sample/known_hosts
BASTION_HOST=10.78.9.6
# nodes have no public addresses; both names hold the private ones
SERVER_POOL_PUBLIC=10.77.9.11,10.77.9.12
SERVER_POOL_PRIVATE=10.77.9.11,10.77.9.12
API_POOL_PUBLIC=10.77.9.30
API_POOL_PRIVATE=10.77.9.30
CLIENT_POOL_PUBLIC=10.77.9.101
CLIENT_POOL_PRIVATE=10.77.9.101
VCN_CIDR=10.77.9.0/24
POSTGRES_HOST=10.77.9.50
POSTGRES_PORT=5432
POSTGRES_USER=admin
POSTGRES_PASSWORD=pg
POSTGRES_DB=postgres
POSTGRES_SSLMODE=verify-full
POSTGRES_SSLROOTCERT=/var/lib/e2blab/sample/postgres-ca.pem
ARTIFACTS_DIR=/var/lib/e2blab/sample/artifacts/bin
CREDENTIALS_FILE=/var/lib/e2blab/sample/api-creds.env
NOMAD_REGION=lab
API_MEMORY_MB=64
CLIENT_PROXY_MEMORY_MB=64
ORCHESTRATOR_MEMORY_MB=64
TEMPLATE_MANAGER_MEMORY_MB=64
CONSUL_SERVERS=10.77.9.11,10.77.9.12
CONSUL_GOSSIP_KEY=gossip=
EDGE_SERVICE_SECRET=edge
SANDBOX_ACCESS_TOKEN_HASH_SEED=seed
FIRECRACKER_MIRROR=http://10.77.9.2/firecracker
FIRECRACKER_RELEASE=v1.10.1
FIRECRACKER_VERSION_FULL=v1.10.1_1fcdaec
FIRECRACKER_SHA256=f0
KERNEL_MIRROR=http://10.77.9.2/kernels
FIRECRACKER_KERNEL_VERSION=6.1.102
KERNEL_SHA256=c0
"
        );
    }

    #[test]
    fn without_a_database_node_nothing_is_said_of_one() {
        assert!(!sample(false, false).contains("POSTGRES_"));
    }

    #[test]
    fn tokens_are_there_only_where_they_are_asked_for() {
        assert!(!sample(true, false).contains("_TOKEN="));
        assert!(sample(true, true).ends_with("NOMAD_TOKEN=n\nCONSUL_TOKEN=c\n"));
        let token = uuid(&[0xab; 16]);
        assert_eq!(token, "abababab-abab-abab-abab-abababababab");
    }

    #[test]
    fn secrets_differ_and_the_gossip_key_has_32_bytes() {
        let (one, two) = (Secrets::random().unwrap(), Secrets::random().unwrap());
        assert_ne!(one.postgres, two.postgres);
        assert_ne!(one.edge, one.seed);
        assert_eq!(STANDARD.decode(&one.gossip).unwrap().len(), 32);
    }
}
