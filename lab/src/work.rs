//! Faults of the services' work: what they do, not whether they run. Stand-ins read of them for each request.

use std::fs;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::cgroup::Groups;
use crate::database;
use crate::error::{At, Error, Result};
use crate::faults::Fault;
use crate::lab::Lab;
use crate::node;
use crate::state::State;
use crate::topology::Role;

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum Work {
    /// The API answers so many requests with status 500.
    #[serde(rename = "api-500")]
    Api500 {
        count: u64,
        #[serde(flatten)]
        which: Which,
    },
    /// The API answers so many requests with status 429.
    RateLimit {
        count: u64,
        #[serde(flatten)]
        which: Which,
    },
    /// Builds of templates take so much longer.
    SlowBuild { seconds: u64 },
    /// Builds of templates fail for this reason.
    BuildError { text: String },
    /// No node takes a sandbox.
    NoCapacity,
    /// The API does not know these keys any more.
    ExpireKey { keys: Vec<String> },
}

/// The requests that are meant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, clap::Args)]
#[serde(default)]
pub struct Which {
    /// Only requests of this method
    #[arg(long, value_parser = ["GET", "POST", "PATCH", "DELETE"])]
    #[serde(skip_serializing_if = "Option::is_none")]
    method: Option<String>,
    /// Do what is asked for, and say that it failed
    #[arg(long)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    after: bool,
}

impl Which {
    fn entry(&self, count: u64, serial: u64) -> Value {
        let mut entry = json!(self);
        if let Some(entry) = entry.as_object_mut() {
            entry.insert("count".to_owned(), json!(count));
            entry.insert("serial".to_owned(), json!(serial));
        }
        entry
    }

    fn words(&self, count: u64) -> String {
        let method = self.method.as_deref().map(|method| format!("{method} "));
        let done = if self.after { ", which are done" } else { "" };
        format!("{count} {}requests{done}", method.unwrap_or_default())
    }
}

impl Work {
    /// Its name in the file that the services read, and what is there.
    fn entry(&self, serial: u64) -> (&'static str, Value) {
        match self {
            Work::Api500 { count, which } => ("api-500", which.entry(*count, serial)),
            Work::RateLimit { count, which } => ("rate-limit", which.entry(*count, serial)),
            Work::SlowBuild { seconds } => {
                ("slow-build", json!({"seconds": seconds, "serial": serial}))
            }
            Work::BuildError { text } => ("build-error", json!({"text": text, "serial": serial})),
            Work::NoCapacity => ("no-capacity", json!({"serial": serial})),
            Work::ExpireKey { keys } => ("expire-key", json!(keys)),
        }
    }

    /// Whether this one takes the other's place.
    pub fn replaces(&self, other: &Work) -> bool {
        self.entry(0).0 == other.entry(0).0
    }

    /// A few words for `status`.
    pub fn words(&self) -> String {
        match self {
            Work::Api500 { count, which } => format!("API answers 500 to {}", which.words(*count)),
            Work::RateLimit { count, which } => {
                format!("API answers 429 to {}", which.words(*count))
            }
            Work::SlowBuild { seconds } => format!("builds take {seconds} s longer"),
            Work::BuildError { text } => format!("builds fail: {text}"),
            Work::NoCapacity => "no room for sandboxes".to_owned(),
            Work::ExpireKey { .. } => "team keys expired".to_owned(),
        }
    }

    /// Looks up which keys are meant where none is named.
    pub fn complete(self, lab: &Lab, groups: &Groups, state: &State) -> Result<Work> {
        match self {
            Work::ExpireKey { keys } if keys.is_empty() => {
                let keys = team_keys(lab, groups, state)?;
                Ok(Work::ExpireKey { keys })
            }
            other => Ok(other),
        }
    }
}

/// Tells the services which of these faults are in force now.
pub fn tell(lab: &Lab, groups: &Groups, state: &State, faults: &[Fault]) -> Result<()> {
    let entries = faults.iter().filter_map(|fault| match fault {
        Fault::Work { work, serial } => Some(work.entry(*serial)),
        _ => None,
    });
    let entries: Map<String, Value> = entries
        .map(|(name, entry)| (name.to_owned(), entry))
        .collect();
    let text = match entries.is_empty() {
        true => String::new(),
        false => Value::Object(entries).to_string(),
    };
    let with_services = |role| matches!(role, Role::Api | Role::Client);
    for machine in state
        .nodes
        .iter()
        .filter(|one| with_services(one.node.role))
    {
        node::script(lab, groups, &machine.node.name, TELL, &[&text])?;
    }
    Ok(())
}

/// Whole or not at all: a service may read it just now.
const TELL: &str = r#"
mkdir -p /run/e2blab
if [ -z "$1" ]; then rm -f /run/e2blab/faults.json; exit; fi
umask 077
printf '%s\n' "$1" > /run/e2blab/.faults.json
mv /run/e2blab/.faults.json /run/e2blab/faults.json
"#;

/// The keys of all teams, where the database has them in clear.
fn team_keys(lab: &Lab, groups: &Groups, state: &State) -> Result<Vec<String>> {
    state.node(database::NODE)?;
    node::script(lab, groups, database::NODE, KEYS, &[])?;
    let file = lab.node_root(database::NODE).join("root/.e2blab-keys");
    let text = fs::read_to_string(&file).at("read", &file)?;
    fs::remove_file(&file).at("remove", &file)?;
    let keys: Vec<String> = text.lines().map(str::to_owned).collect();
    match keys.is_empty() {
        true => Err(Error::NoKeys),
        false => Ok(keys),
    }
}

/// A database without the table, or with hashes alone, has no keys to name.
const KEYS: &str = r#"
umask 077
query='select api_key from public.team_api_keys'
runuser -u postgres -- psql -U superuser -Atc "$query" postgres > /root/.e2blab-keys 2> /dev/null || :
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_services_read() {
        let of = |work: Work| work.entry(7);
        let all = Which::default();
        let (name, entry) = of(Work::Api500 {
            count: 2,
            which: all,
        });
        assert_eq!((name, entry), ("api-500", json!({"count": 2, "serial": 7})));
        let made = Which {
            method: Some("POST".to_owned()),
            after: true,
        };
        let limit = Work::RateLimit {
            count: 1,
            which: made,
        };
        assert_eq!(
            limit.words(),
            "API answers 429 to 1 POST requests, which are done"
        );
        assert_eq!(
            of(limit).1,
            json!({"count": 1, "serial": 7, "method": "POST", "after": true})
        );
        let keys = vec!["e2b_1".to_owned()];
        assert_eq!(of(Work::ExpireKey { keys }).1, json!(["e2b_1"]));
        assert!(Work::SlowBuild { seconds: 1 }.replaces(&Work::SlowBuild { seconds: 2 }));
        assert!(!Work::NoCapacity.replaces(&Work::SlowBuild { seconds: 2 }));
    }
}
