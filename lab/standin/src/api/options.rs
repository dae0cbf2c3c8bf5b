//! What the API is told when it starts.

use std::env;
use std::path::PathBuf;
use std::time::Duration;

/// Which generation of the platform is imitated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// The runbook's: keys in plain text, `exec`, templates by access token.
    Seed,
    /// Today's: hashes of keys, `connect`, templates in three calls.
    Upstream,
}

/// The variables of `api.env`, as the real API reads them, and a few of the stand-in's own.
#[derive(Debug, Clone)]
pub struct Options {
    /// The port to listen on.
    pub port: u16,
    /// `E2B_PROFILE`; without it the database says which generation it is.
    pub profile: Option<Profile>,
    /// `POSTGRES_CONNECTION_STRING`.
    pub database: String,
    /// `NOMAD_ADDRESS`: where the nodes are listed.
    pub nomad: String,
    /// `NOMAD_TOKEN`.
    pub nomad_token: Option<String>,
    /// `CONSUL_HTTP_ADDR`: asked where Nomad knows nothing.
    pub consul: String,
    /// `CONSUL_HTTP_TOKEN` or `CONSUL_TOKEN`; without one the agent's own default token is in force.
    pub consul_token: Option<String>,
    /// `ORCHESTRATOR_PORT`. Unset, no address of an orchestrator is whole, as with the real one.
    pub orchestrator_port: String,
    /// `TEMPLATE_MANAGER_HOST`.
    pub template_manager: String,
    /// `ADMIN_TOKEN`.
    pub admin_token: String,
    /// `SUPABASE_JWT_SECRETS`.
    pub jwt_secrets: Vec<String>,
    /// `SANDBOX_ACCESS_TOKEN_HASH_SEED`: the key of the tokens of secure sandboxes.
    pub token_seed: String,
    /// Whether `LOKI_ADDRESS` or `LOKI_URL` is set: without one there are no logs.
    pub logs: bool,
    /// `DOMAIN_NAME`: what upstream tells clients about where sandboxes are.
    pub domain: Option<String>,
    /// `DEFAULT_KERNEL_VERSION`: what upstream's new builds are made for.
    pub kernel: String,
    /// `DEFAULT_FIRECRACKER_VERSION`: the same, with its commit.
    pub firecracker: String,
    /// `STANDIN_CLUSTER_BUILDS=fallback`: a team with a cluster builds templates on `TEMPLATE_MANAGER_HOST`. The seed
    /// refuses that, its later versions do it.
    pub cluster_builds: bool,
    /// `STANDIN_FAULTS`: the file that says how to misbehave.
    pub faults: PathBuf,
    /// How long a request may take before its connection is cut.
    pub request_limit: Duration,
    /// How long a sandbox waits for a node to be placed on.
    pub placement_limit: Duration,
}

impl Options {
    /// What the environment says.
    #[must_use]
    pub fn from_environment(port: u16) -> Options {
        Options::read(port, |name| {
            env::var(name).ok().filter(|value| !value.is_empty())
        })
    }

    fn read(port: u16, variable: impl Fn(&str) -> Option<String>) -> Options {
        let text = |name: &str| variable(name).unwrap_or_default();
        Options {
            port,
            profile: match variable("E2B_PROFILE").as_deref() {
                Some("upstream") => Some(Profile::Upstream),
                Some("seed") => Some(Profile::Seed),
                _ => None,
            },
            database: text("POSTGRES_CONNECTION_STRING"),
            nomad: variable("NOMAD_ADDRESS")
                .or_else(|| variable("NOMAD_ADDR"))
                .unwrap_or_else(|| "http://localhost:4646".to_owned()),
            nomad_token: variable("NOMAD_TOKEN"),
            consul: base(&variable("CONSUL_HTTP_ADDR").unwrap_or("127.0.0.1:8500".to_owned())),
            consul_token: variable("CONSUL_HTTP_TOKEN").or_else(|| variable("CONSUL_TOKEN")),
            orchestrator_port: text("ORCHESTRATOR_PORT"),
            template_manager: text("TEMPLATE_MANAGER_HOST"),
            admin_token: text("ADMIN_TOKEN"),
            jwt_secrets: text("SUPABASE_JWT_SECRETS")
                .split(',')
                .filter(|secret| !secret.is_empty())
                .map(str::to_owned)
                .collect(),
            token_seed: text("SANDBOX_ACCESS_TOKEN_HASH_SEED"),
            logs: variable("LOKI_ADDRESS").is_some() || variable("LOKI_URL").is_some(),
            domain: variable("DOMAIN_NAME"),
            kernel: variable("DEFAULT_KERNEL_VERSION").unwrap_or("vmlinux-6.1.158".to_owned()),
            firecracker: variable("DEFAULT_FIRECRACKER_VERSION")
                .unwrap_or("v1.14.1_431f1fc".to_owned()),
            cluster_builds: text("STANDIN_CLUSTER_BUILDS") == "fallback",
            faults: variable("STANDIN_FAULTS")
                .unwrap_or("/run/e2blab/faults.json".to_owned())
                .into(),
            request_limit: Duration::from_secs(75),
            placement_limit: Duration::from_secs(60),
        }
    }
}

/// Consul's address, with the scheme that its own variable may leave out.
fn base(address: &str) -> String {
    if address.contains("://") {
        address.trim_end_matches('/').to_owned()
    } else {
        format!("http://{address}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_real_api() {
        let options = Options::read(1, |name| match name {
            "NOMAD_TOKEN" => Some("n".to_owned()),
            "CONSUL_HTTP_ADDR" => Some("consul:8500".to_owned()),
            "SUPABASE_JWT_SECRETS" => Some("a,b".to_owned()),
            _ => None,
        });
        assert_eq!(options.nomad, "http://localhost:4646");
        assert_eq!(options.consul, "http://consul:8500");
        assert_eq!(options.jwt_secrets, ["a", "b"]);
        assert_eq!(options.profile, None);
        assert!(!options.logs);
    }
}
