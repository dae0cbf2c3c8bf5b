//! What of OCI the nodes ask for: instance metadata, and answers for the stand-in of `oci`.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use crate::error::{At, Error, Result};
use crate::lab::write_file;
use crate::report;

/// The longest request head that is read.
const HEAD_LIMIT: u64 = 16 * 1024;
/// How long a connection may stay silent.
const IDLE: Duration = Duration::from_secs(10);

/// The cloud as the nodes see it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Cloud {
    /// The region's short key.
    pub region: String,
    pub canonical_region_name: String,
    pub compartment: String,
    pub cluster: String,
    /// Those that run.
    pub instances: Vec<Instance>,
    /// Contents of vault secrets in base64, by OCID.
    pub secrets: HashMap<String, String>,
}

/// A node as an instance.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Instance {
    pub id: String,
    pub name: String,
    pub role: String,
    pub address: Ipv4Addr,
    /// What its pool is about to do with it: [`ACTIVE`], [`AWAIT`] or [`PROCEED`].
    pub pool_state: String,
}

impl Instance {
    fn pool(&self) -> String {
        format!("ocid1.instancepool.oc1.iad.{}", self.role)
    }
}

/// It belongs to its pool.
pub const ACTIVE: &str = "ACTIVE";
/// The pool would terminate it, and waits to be told that it may.
const AWAIT: &str = "TERMINATION_AWAIT";
/// The pool was told.
const PROCEED: &str = "TERMINATION_PROCEED";

impl Cloud {
    /// For the owner's eyes: the gossip key is in it.
    pub fn save(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self).map_err(|source| Error::Json {
            path: path.to_owned(),
            source,
        })?;
        write_file(path, text + "\n", 0o600)
    }

    fn load(path: &Path) -> Option<Cloud> {
        serde_json::from_slice(&fs::read(path).ok()?).ok()
    }

    /// The answer to a path, as seen by the host at `peer`.
    fn answer(&self, path: &str, authorized: bool, peer: IpAddr) -> Option<String> {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        match parts.as_slice() {
            // OCI's metadata answers nobody who does not say this
            ["opc", "v2", "instance", rest @ ..] if authorized => {
                let own = self.instances.iter().find(|one| one.address == peer)?;
                let whole = json!({
                    "id": own.id,
                    "displayName": own.name,
                    "hostname": own.name,
                    "region": self.region,
                    "canonicalRegionName": self.canonical_region_name,
                    "compartmentId": self.compartment,
                    "freeformTags": self.tags(own),
                });
                let found = rest.iter().try_fold(&whole, |value, key| value.get(key))?;
                Some(match found {
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                })
            }
            ["e2blab", "instances", compartment] if *compartment == self.compartment => {
                let list: Vec<Value> = self
                    .instances
                    .iter()
                    .map(|one| {
                        json!({
                            "id": one.id,
                            "display-name": one.name,
                            "lifecycle-state": "RUNNING",
                            "freeform-tags": self.tags(one),
                        })
                    })
                    .collect();
                // the command prints nothing for an empty list
                Some(if list.is_empty() {
                    String::new()
                } else {
                    json!({ "data": list }).to_string()
                })
            }
            ["e2blab", "vnics", id] => {
                let one = self.instances.iter().find(|one| one.id == *id)?;
                let vnic = json!({ "is-primary": true, "private-ip": one.address.to_string() });
                Some(json!({ "data": [vnic] }).to_string())
            }
            ["e2blab", "pool-instances", pool, id] => {
                let one = self.member(pool, id)?;
                let state = json!({ "id": one.id, "lifecycle-state": one.pool_state });
                Some(json!({ "data": state }).to_string())
            }
            ["e2blab", "secrets", id] => {
                let content = self.secrets.get(*id)?;
                let bundle = json!({ "content": content, "content-type": "BASE64" });
                Some(json!({ "data": { "secret-bundle-content": bundle } }).to_string())
            }
            _ => None,
        }
    }

    /// Lets the pool go on that waits to terminate an instance; `false` when the path asks for something else, or when
    /// no pool waits.
    fn proceed(&mut self, path: &str) -> bool {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let ["e2blab", "termination-proceed", pool, id] = parts.as_slice() else {
            return false;
        };
        let waiting = self.member(pool, id).map(|one| one.pool_state == AWAIT);
        let found = self.instances.iter_mut().find(|one| one.id == *id);
        let (Some(true), Some(one)) = (waiting, found) else {
            return false;
        };
        PROCEED.clone_into(&mut one.pool_state);
        true
    }

    fn member(&self, pool: &str, id: &str) -> Option<&Instance> {
        let mut all = self.instances.iter();
        all.find(|one| one.id == id && one.pool() == pool)
    }

    fn tags(&self, instance: &Instance) -> Value {
        json!({
            "E2BCluster": self.cluster,
            "ClusterRole": instance.role,
            "oci:compute:instancepool": instance.pool(),
        })
    }
}

/// Serves until killed. The file is read anew for each request.
pub async fn serve(address: Ipv4Addr, file: PathBuf) -> Result<()> {
    let listener = TcpListener::bind((address, 80)).await;
    let listener = listener.at("listen on port 80 of", address.to_string())?;
    report::talk(format_args!("the metadata answers on {address}:80"));
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let file = file.clone();
                // a node that goes away in the middle is the node's matter
                tokio::spawn(async move { converse(stream, &file).await });
            }
            // out of descriptors: give the others time to finish
            Err(_) => sleep(Duration::from_millis(50)).await,
        }
    }
}

/// Answers one request and closes.
async fn converse(stream: TcpStream, file: &Path) -> io::Result<()> {
    let peer = stream.peer_addr()?.ip();
    let mut stream = BufReader::new(stream);
    let (path, authorized) = timeout(IDLE, request(&mut stream)).await??;
    let body = answer(file, &path, authorized, peer);
    let status = if body.is_some() {
        "200 OK"
    } else {
        "404 Not Found"
    };
    report::talk(format_args!("{peer} {path} {status}"));
    let body = body.unwrap_or_default();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.flush().await
}

/// What the file says to a path, after what asking for it changes.
fn answer(file: &Path, path: &str, authorized: bool, peer: IpAddr) -> Option<String> {
    let mut cloud = Cloud::load(file)?;
    if !cloud.proceed(path) {
        return cloud.answer(path, authorized, peer);
    }
    // the command says nothing
    cloud.save(file).is_ok().then(String::new)
}

/// The path that is asked for, and whether the header is there that the metadata wants.
async fn request(stream: &mut BufReader<TcpStream>) -> io::Result<(String, bool)> {
    let mut head = stream.take(HEAD_LIMIT);
    let mut line = String::new();
    head.read_line(&mut line).await?;
    let path = line.split_whitespace().nth(1).unwrap_or("/").to_owned();
    let mut authorized = false;
    loop {
        line.clear();
        if head.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let text = line.trim_end();
        if text.is_empty() {
            return Ok((path, authorized));
        }
        authorized |= text.eq_ignore_ascii_case("authorization: bearer oracle");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cloud() -> Cloud {
        Cloud {
            region: "iad".into(),
            canonical_region_name: "us-ashburn-1".into(),
            compartment: "c".into(),
            cluster: "e2b".into(),
            instances: vec![Instance {
                id: "i1".into(),
                name: "server-1".into(),
                role: "server".into(),
                address: Ipv4Addr::new(10, 77, 1, 11),
                pool_state: ACTIVE.to_owned(),
            }],
            secrets: HashMap::from([("s".to_owned(), "a2V5".to_owned())]),
        }
    }

    const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 77, 1, 11));

    #[test]
    fn the_metadata_wants_its_header_and_knows_who_asks() {
        let name = "/opc/v2/instance/canonicalRegionName";
        let cloud = cloud();
        assert_eq!(cloud.answer(name, true, PEER).unwrap(), "us-ashburn-1");
        assert_eq!(
            cloud.answer("/opc/v2/instance/region", true, PEER).unwrap(),
            "iad"
        );
        assert_eq!(cloud.answer(name, false, PEER), None);
        let stranger = IpAddr::V4(Ipv4Addr::LOCALHOST);
        assert_eq!(cloud.answer(name, true, stranger), None);
    }

    #[test]
    fn the_command_gets_instances_addresses_and_secrets() {
        let mut cloud = cloud();
        let list = cloud.answer("/e2blab/instances/c", false, PEER).unwrap();
        assert!(list.contains(r#""ClusterRole":"server""#), "{list}");
        assert_eq!(cloud.answer("/e2blab/instances/other", false, PEER), None);
        let vnics = cloud.answer("/e2blab/vnics/i1", false, PEER).unwrap();
        assert!(vnics.contains("10.77.1.11"), "{vnics}");
        let secret = cloud.answer("/e2blab/secrets/s", false, PEER).unwrap();
        assert!(secret.contains(r#""content":"a2V5""#), "{secret}");
        let state = "/e2blab/pool-instances/ocid1.instancepool.oc1.iad.server/i1";
        let said = |cloud: &Cloud| cloud.answer(state, false, PEER).unwrap();
        assert!(said(&cloud).contains("ACTIVE"));
        let proceed = "/e2blab/termination-proceed/ocid1.instancepool.oc1.iad.server/i1";
        assert!(!cloud.proceed(proceed), "nobody waits");
        AWAIT.clone_into(&mut cloud.instances[0].pool_state);
        assert!(!cloud.proceed(&proceed.replace("server", "client")));
        assert!(cloud.proceed(proceed));
        assert!(said(&cloud).contains("TERMINATION_PROCEED"));
        cloud.instances.clear();
        assert_eq!(
            cloud.answer("/e2blab/instances/c", false, PEER).unwrap(),
            ""
        );
    }
}
