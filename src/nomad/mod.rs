//! Nomad's HTTP API: jobs from HCL text to a healthy deployment, and why one is not.

mod allocation;
mod cluster;
mod deployment;
mod diff;
mod evaluation;
mod files;
mod follow;
mod hcl;
mod job;
mod judge;
mod logs;
mod node;
mod operate;
mod variable;
mod verdict;
mod version;

use std::sync::Arc;

use crate::hashi::{
    Answer, Api, Error as ApiError, Given, Hooks, Peer, Product, Settings, TrustVariables,
};
use crate::http::{Client, Method};

pub use allocation::{Allocation, TaskEvent, TaskState};
pub use cluster::{Member, Node};
pub use deployment::{Deployment, DeploymentGroup};
pub use diff::{Change, lines as diff_lines};
pub use evaluation::{Evaluation, Placement};
pub use files::FileEntry;
pub use follow::{FollowOptions, Progress};
pub use job::{JobStub, JobVersion, Plan, Registered};
pub use logs::{LogOptions, Stream};
pub use node::DrainOptions;
pub use operate::Dispatched;
pub use variable::{Variable, VariableStub};
pub use verdict::{Reason, Verdict};
pub use version::Version;

/// Nomad on the wire.
pub static PRODUCT: Product = Product {
    title: "Nomad",
    area: "nomad",
    address_variable: "NOMAD_ADDR",
    token_variable: "NOMAD_TOKEN",
    scope_variables: &[("NOMAD_REGION", "region"), ("NOMAD_NAMESPACE", "namespace")],
    token_file_variable: None,
    tls_variable: None,
    trust_variables: TrustVariables {
        authorities: "NOMAD_CACERT",
        certificate: "NOMAD_CLIENT_CERT",
        key: "NOMAD_CLIENT_KEY",
        server_name: "NOMAD_TLS_SERVER_NAME",
        unchecked: ("NOMAD_SKIP_VERIFY", true),
    },
    token_header: "X-Nomad-Token",
    index_header: "X-Nomad-Index",
    default_address: "http://127.0.0.1:4646",
};

/// What can go wrong, besides what any request can.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The text is no job; the cluster says why and where.
    #[error("{name}:{line}: {why}", name = .0.name, line = .0.line, why = .0.why)]
    Parse(Box<hcl::Problem>),
    #[error("job `{job}` is not valid: {}", problems.join("; "))]
    Invalid { job: String, problems: Vec<String> },
    /// Somebody registered the job since it was looked at.
    #[error("job `{job}` was changed by someone else: it was at index {wanted}, {why}")]
    Conflict {
        job: String,
        wanted: u64,
        why: String,
    },
    /// A variable was changed since it was read.
    #[error("the variable `{path}` was changed by someone else: {why}")]
    VariableConflict { path: String, why: String },
    /// What was asked for is done otherwise by the version that answers.
    #[error(
        "Nomad {version} does not do this as the versions that are known do ({}): {error}",
        version::KNOWN
    )]
    Unsupported { version: Version, error: Box<Error> },
    #[error("{0}")]
    Refused(String),
}

impl From<Error> for crate::diag::Failure {
    fn from(error: Error) -> Self {
        use crate::diag::Failure;
        match error {
            Error::Api(error) => error.into(),
            Error::Parse(problem) => Failure::usage(
                "nomad.parse",
                format!("{}:{}: {}", problem.name, problem.line, problem.why),
            )
            .detail("file", problem.name.clone())
            .detail("line", problem.line)
            .output(problem.excerpt),
            Error::Invalid { ref problems, .. } => {
                let details = problems.clone();
                Failure::usage("nomad.invalid", error.to_string()).detail("problems", details)
            }
            Error::Conflict { .. } => Failure::from_error("nomad.conflict", &error)
                .help("look at the plan again: what it showed is not what would happen now"),
            Error::VariableConflict { .. } => Failure::from_error("nomad.conflict", &error)
                .help("read it again, and put what is wanted into what is there now"),
            Error::Unsupported {
                version,
                error: inner,
            } => {
                let message = Error::Unsupported {
                    version: version.clone(),
                    error: inner,
                };
                Failure::from_error("nomad.unsupported", &message)
                    .detail("version", version.text)
                    .help("a newer e2bscript may know this version; until then use Nomad's own command line for this")
            }
            Error::Refused(message) => Failure::usage("nomad.argument", message),
        }
    }
}

/// A Nomad cluster. Copies share connections and counters.
#[derive(Clone)]
pub struct Nomad {
    api: Arc<Api>,
    version: Arc<tokio::sync::OnceCell<Version>>,
}

impl Nomad {
    /// What `given` leaves out comes from `NOMAD_ADDR`, `NOMAD_TOKEN`, `NOMAD_REGION`,
    /// `NOMAD_NAMESPACE` and the variables for TLS. Nothing is sent yet.
    pub fn new(
        http: Arc<Client>,
        peers: Vec<Peer>,
        given: Given,
        hooks: Hooks,
    ) -> Result<Nomad, ApiError> {
        let settings = Settings::new(&PRODUCT, given, |name| std::env::var(name).ok())?;
        Ok(Nomad {
            api: Arc::new(Api::new(&PRODUCT, settings, http, peers, hooks)?),
            version: Arc::default(),
        })
    }

    /// The address as people know it.
    pub fn address(&self) -> String {
        self.api.address()
    }

    /// What is shown as who asks, if anything is.
    pub fn token(&self) -> Option<&crate::secret::Secret> {
        self.api.token()
    }

    /// How many requests were sent so far.
    pub fn requests(&self) -> u64 {
        self.api.requests()
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<Answer, ApiError> {
        self.api.call(method, path, query, None).await
    }
}

/// A path with a name in it that may hold anything.
fn path(parts: &[&str]) -> String {
    let mut path = String::from("/v1");
    for part in parts {
        path.push('/');
        path.push_str(&crate::http::percent_encode(part));
    }
    path
}
