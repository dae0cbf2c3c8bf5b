//! The database node: a real PostgreSQL as a managed service hands it out.
//!
//! Reachable from the API nodes alone, over TLS with a certificate of the lab's own authority, by
//! password (scram). Its `admin` is no superuser and may create the extensions of a short list only.

use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::{DirBuilderExt, chown};
use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, SanType,
};

use crate::cgroup::Groups;
use crate::error::{At, Error, Result};
use crate::faults::{FILL_DISK, Fault};
use crate::lab::{Lab, write_file};
use crate::node;
use crate::topology::{Node, Role};

/// The node's name; a lab has one at most.
pub const NODE: &str = "database-1";
/// The certificate authority's file in the lab's directory.
pub const CA: &str = "postgres-ca.pem";
/// The ids of `postgres` in the image.
const OWNER: (u32, u32) = (100, 104);

/// Writes what makes the node a database server when it boots.
pub fn prepare(lab: &Lab, node: &Node, nodes: &[Node], password: &str) -> Result<()> {
    let root = lab.node_root(&node.name);
    let (certificate, key) = certify(lab, node)?;
    let config = root.join("etc/postgresql/15/main");
    for (name, content, mode) in [
        ("server.crt", certificate.as_str(), 0o644),
        ("server.key", key.as_str(), 0o600),
        ("pg_hba.conf", include_str!("database/pg_hba.conf"), 0o640),
        (
            "pg_ident.conf",
            include_str!("database/pg_ident.conf"),
            0o640,
        ),
        (
            "conf.d/lab.conf",
            include_str!("database/postgresql.conf"),
            0o644,
        ),
    ] {
        owned(&config.join(name), content, mode)?;
    }
    let setup = root.join("usr/local/lib/e2blab");
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(&setup)
        .at("create", &setup)?;
    write_file(
        &setup.join("database.sh"),
        include_str!("database/setup.sh"),
        0o755,
    )?;
    // read once by the node's first boot, and removed there
    owned(&setup.join("roles.sql"), &roles(password), 0o600)?;
    write_file(
        &root.join("etc/nftables.conf"),
        firewall(nodes.iter().filter(|node| node.role == Role::Api)),
        0o755,
    )?;
    let units = root.join("etc/systemd/system");
    let overridden = units.join("postgresql@15-main.service.d");
    fs::create_dir(&overridden).at("create", &overridden)?;
    write_file(
        &overridden.join("e2blab.conf"),
        include_str!("database/service.conf"),
        0o644,
    )?;
    write_file(
        &units.join("e2blab-database.service"),
        include_str!("database/e2blab-database.service"),
        0o644,
    )?;
    node::enable(
        &root,
        "multi-user.target.wants",
        "/etc/systemd/system/e2blab-database.service",
    )?;
    node::enable(
        &root,
        "sysinit.target.wants",
        node::library("nftables.service"),
    )
}

fn owned(path: &Path, content: &str, mode: u32) -> Result<()> {
    write_file(path, content, mode)?;
    chown(path, Some(OWNER.0), Some(OWNER.1)).at("change the owner of", path)
}

/// The role of a managed service's customer: it may make roles and databases, and is no superuser.
fn roles(password: &str) -> String {
    format!(
        "CREATE ROLE admin LOGIN CREATEROLE CREATEDB PASSWORD '{}';\n\
         ALTER DATABASE postgres OWNER TO admin;\n",
        password.replace('\'', "''")
    )
}

/// Only the API nodes and the node itself reach the server's port.
fn firewall<'a>(allowed: impl Iterator<Item = &'a Node>) -> String {
    let mut addresses = "127.0.0.1".to_owned();
    for node in allowed {
        addresses.push_str(&format!(", {}", node.address));
    }
    format!(
        "#!/usr/sbin/nft -f\n\
         flush ruleset\n\
         table inet database {{\n    \
             chain input {{\n        \
                 type filter hook input priority filter; policy accept;\n        \
                 tcp dport 5432 ip saddr != {{ {addresses} }} drop\n    \
             }}\n\
         }}\n"
    )
}

/// Makes the authority, whose certificate is kept in the lab's directory and whose key is not kept
/// at all, and a certificate of it for the node's name and address.
fn certify(lab: &Lab, node: &Node) -> Result<(String, String)> {
    let failed = |source| Error::Certificate {
        node: node.name.clone(),
        source,
    };
    let mut params = CertificateParams::default();
    let title = format!("e2blab {} database authority", lab.name());
    params
        .distinguished_name
        .push(DnType::CommonName, title.as_str());
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().map_err(failed)?)
        .map_err(failed)?;

    let mut params = CertificateParams::new(vec![node.name.clone()]).map_err(failed)?;
    params
        .subject_alt_names
        .push(SanType::IpAddress(IpAddr::V4(node.address)));
    params
        .distinguished_name
        .push(DnType::CommonName, node.name.as_str());
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate().map_err(failed)?;
    let certificate = params.signed_by(&key, &authority).map_err(failed)?;
    write_file(&lab.file(CA), authority.pem(), 0o644)?;
    Ok((certificate.pem(), key.serialize_pem()))
}

/// The file system that `pg-full` fills.
const DATA: &str = "/var/lib/postgresql/15";

/// Begins a fault of PostgreSQL's.
pub fn break_it(lab: &Lab, groups: &Groups, fault: &Fault) -> Result<()> {
    let run = |script, arguments: &[&str]| node::script(lab, groups, NODE, script, arguments);
    match fault {
        Fault::PgRestart => run("systemctl restart postgresql@15-main", &[]),
        Fault::PgLock { table, seconds } => run(LOCK, &[table, &seconds.to_string()]),
        Fault::PgReadonly => run(READ_ONLY, &["on"]),
        Fault::PgFull => run(FILL_DISK, &[DATA]),
        _ => Ok(()),
    }
}

/// Ends one.
pub fn mend(lab: &Lab, groups: &Groups, fault: &Fault) -> Result<()> {
    let run = |script, arguments: &[&str]| node::script(lab, groups, NODE, script, arguments);
    match fault {
        Fault::PgLock { .. } => run("systemctl stop e2blab-pg-lock 2> /dev/null || true", &[]),
        Fault::PgReadonly => run(READ_ONLY, &["off"]),
        Fault::PgFull => run("rm -f -- \"$1/.e2blab-fill\"", &[DATA]),
        _ => Ok(()),
    }
}

/// Returns once the lock is held. The client's end is the lock's: `psql` asks the server to cancel.
const LOCK: &str = r#"
systemctl stop e2blab-pg-lock 2> /dev/null || true
systemd-run --quiet --collect --unit=e2blab-pg-lock --uid=postgres --property=KillSignal=SIGINT \
    psql --no-psqlrc --quiet --username=admin --dbname=postgres --set=ON_ERROR_STOP=1 \
    --command="BEGIN" --command="LOCK TABLE $1 IN ACCESS EXCLUSIVE MODE" --command="SELECT pg_sleep($2)"
for _ in $(seq 100); do
    held=$(setpriv --reuid=postgres --regid=postgres --init-groups \
        psql --no-psqlrc --username=superuser --dbname=postgres --tuples-only --no-align \
        --set=table="$1" --file=- << 'SQL'
SELECT count(*) FROM pg_locks
WHERE relation = to_regclass(:'table') AND mode = 'AccessExclusiveLock' AND granted
SQL
    )
    test "$held" = 0 || exit 0
    systemctl is-active --quiet e2blab-pg-lock || break
    sleep 0.1
done
echo "the lock on $1 was not had: see journalctl -u e2blab-pg-lock in the node" >&2
exit 1
"#;

const READ_ONLY: &str = r#"
setpriv --reuid=postgres --regid=postgres --init-groups \
    psql --no-psqlrc --quiet --username=superuser --dbname=postgres --set=ON_ERROR_STOP=1 \
    --command="SET default_transaction_read_only = off" \
    --command="ALTER SYSTEM SET default_transaction_read_only = $1" --command="SELECT pg_reload_conf()" > /dev/null
"#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::{Subnets, Topology};

    #[test]
    fn the_port_is_open_to_the_api_nodes_and_nobody_else() {
        let topology = Topology {
            api: 2,
            ..Topology::default()
        };
        let nodes = topology.nodes(Subnets { slot: 4 }).unwrap();
        let rules = firewall(nodes.iter().filter(|node| node.role == Role::Api));
        assert!(
            rules.contains("ip saddr != { 127.0.0.1, 10.77.4.30, 10.77.4.31 } drop"),
            "{rules}"
        );
    }

    #[test]
    fn a_password_cannot_end_its_literal() {
        assert!(roles("it's").contains("PASSWORD 'it''s';"));
    }
}
