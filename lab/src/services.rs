//! The platform's services as Nomad runs them in a lab, broken on purpose and mended.
//!
//! A stand-in finds in `/run/e2blab` how it is to fail: one that has not been deployed yet will fail, too.

use std::fmt;
use std::fs;

use serde::{Deserialize, Serialize};

use crate::cgroup::Groups;
use crate::error::Result;
use crate::lab::Lab;
use crate::node;
use crate::state::State;
use crate::topology::Role;

/// A service, by the name of its job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Service {
    Api,
    ClientProxy,
    Orchestrator,
    TemplateManager,
}

/// How it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// It crashes at start
    Crash,
    /// It runs and listens to nothing
    Silent,
    /// It answers every request with status 500
    #[value(name = "500")]
    #[serde(rename = "500")]
    Answers500,
    /// It ends after `--after` seconds, each time
    Exit,
    /// It takes 512 MiB of memory
    Memory,
}

impl Service {
    /// The name of its job, and of its service in Consul.
    fn job(self) -> &'static str {
        match self {
            Service::Api => "api",
            Service::ClientProxy => "client-proxy",
            Service::Orchestrator => "orchestrator",
            Service::TemplateManager => "template-manager",
        }
    }

    fn binary(self) -> &'static str {
        match self {
            Service::Api => "e2b-api",
            other => other.job(),
        }
    }

    fn role(self) -> Role {
        match self {
            Service::Api | Service::ClientProxy => Role::Api,
            Service::Orchestrator | Service::TemplateManager => Role::Client,
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.job())
    }
}

impl Mode {
    /// What the stand-in reads.
    fn told(self, after: u32) -> String {
        match self {
            Mode::Crash => "crash".to_owned(),
            Mode::Silent => "silent".to_owned(),
            Mode::Answers500 => "500".to_owned(),
            Mode::Exit => format!("exit {after}"),
            Mode::Memory => "memory".to_owned(),
        }
    }

    /// A few words for `status`.
    pub fn words(self, after: u32) -> String {
        match self {
            Mode::Crash => "crashes at start".to_owned(),
            Mode::Silent => "listens to nothing".to_owned(),
            Mode::Answers500 => "answers 500".to_owned(),
            Mode::Exit => format!("exits after {after} s"),
            Mode::Memory => "eats memory".to_owned(),
        }
    }
}

/// Has a service fail wherever it runs, or will.
pub fn break_it(
    lab: &Lab,
    groups: &Groups,
    state: &State,
    service: Service,
    (mode, after): (Mode, u32),
) -> Result<()> {
    let script = match mode {
        // it looks for each request
        Mode::Answers500 => TELL.to_owned(),
        _ => format!("{TELL}{END}"),
    };
    on_its_nodes(lab, groups, state, service, &script, &mode.told(after))
}

/// Has it work again: Nomad may have given it up by now, and is told to look again.
pub fn mend(lab: &Lab, groups: &Groups, state: &State, service: Service, mode: Mode) -> Result<()> {
    let script = match mode {
        Mode::Answers500 => FORGET.to_owned(),
        _ => format!("{FORGET}{END}"),
    };
    on_its_nodes(lab, groups, state, service, &script, "")?;
    let mut servers = state
        .nodes
        .iter()
        .filter(|machine| machine.node.role == Role::Server);
    let Some(server) = servers.next() else {
        return Ok(());
    };
    let token = nomad_token(lab);
    let words = [service.job(), token.as_str()];
    node::script(lab, groups, &server.node.name, EVALUATE, &words)
}

fn on_its_nodes(
    lab: &Lab,
    groups: &Groups,
    state: &State,
    service: Service,
    script: &str,
    told: &str,
) -> Result<()> {
    let role = service.role();
    for machine in state.nodes.iter().filter(|one| one.node.role == role) {
        let words = [service.binary(), told];
        node::script(lab, groups, &machine.node.name, script, &words)?;
    }
    Ok(())
}

/// The token of a lab with ACLs, empty in others.
fn nomad_token(lab: &Lab) -> String {
    let text = fs::read_to_string(lab.file("deploy.env")).unwrap_or_default();
    let mut lines = text.lines();
    let found = lines.find_map(|line| line.strip_prefix("NOMAD_TOKEN="));
    found.unwrap_or_default().to_owned()
}

const TELL: &str = "mkdir -p /run/e2blab; printf '%s\\n' \"$2\" > \"/run/e2blab/$1\"\n";
const FORGET: &str = "rm -f \"/run/e2blab/$1\"\n";

/// What runs of it ends, so that the next one knows. Started by `exec`, it is called as the job says.
const END: &str = "pkill -KILL -f \"^\\./bin/$1( |\\$)\" || [ $? = 1 ]\n";

/// A lab without agents, or without the job, has nothing to look at again.
const EVALUATE: &str = r#"
command -v nomad > /dev/null || exit 0
said=$(curl -s -m 10 -w '\n%{http_code}' -X PUT -H "X-Nomad-Token: $2" \
    -d "{\"JobID\":\"$1\",\"EvalOptions\":{\"ForceReschedule\":true}}" \
    "http://127.0.0.1:4646/v1/job/$1/evaluate") || true
case $said in
    *200 | *404 | *000) ;;
    *) echo "$said" >&2; exit 1 ;;
esac
"#;
