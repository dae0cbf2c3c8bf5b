//! Logging in: which credentials are offered, in which order, and what is said when none is taken.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use russh::client::{AuthResult, Handle};
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::{Algorithm, Certificate, HashAlg, PublicKey};
use tokio::net::UnixStream;

use super::error::{AuthFailure, Error};
use super::handler::Handler;
use super::keys::{KeyFile, KeyProblem, Keys, read_certificate};
use super::sign::{KeySigner, SignError};

/// How long the agent may take to list its keys. Signing may take longer: it may ask its owner.
const AGENT_LIST: Duration = Duration::from_secs(5);

/// What to log in with.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Credentials {
    pub user: String,
    pub identities: Vec<PathBuf>,
    /// Whether someone named the identities, as opposed to OpenSSH's default list.
    pub named: bool,
    /// Whether agent keys that are not among the identities stay unused.
    pub only: bool,
    pub certificates: Vec<PathBuf>,
    pub agent: Option<PathBuf>,
}

/// The keys that worked in this run; they are offered first to the next host.
#[derive(Debug, Default)]
pub(super) struct Favourites {
    keys: Mutex<Vec<PublicKey>>,
}

impl Favourites {
    fn add(&self, key: &PublicKey) {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if !keys.iter().any(|one| one.key_data() == key.key_data()) {
            keys.push(key.clone());
        }
    }

    fn has(&self, key: &PublicKey) -> bool {
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.iter().any(|one| one.key_data() == key.key_data())
    }
}

/// Something to offer.
struct Offer {
    label: String,
    public: PublicKey,
    certificate: Option<Certificate>,
    from: Origin,
}

#[derive(Clone)]
enum Origin {
    /// The agent has the bare key.
    Agent,
    /// The agent has the certificate with its key.
    AgentCertificate,
    File(Arc<KeyFile>),
}

/// One login, from the list of offers to the answer.
pub(super) struct Login<'a> {
    pub hop: &'a str,
    pub credentials: &'a Credentials,
    pub keys: &'a Keys,
    pub favourites: &'a Favourites,
    pub timeout: Duration,
}

type Agent = AgentClient<UnixStream>;

impl Login<'_> {
    /// Logs in on `handle`, or says what was tried.
    pub async fn run(&self, handle: &mut Handle<Handler>) -> Result<(), Error> {
        let mut tried = Vec::new();
        let mut problems = Vec::new();
        let mut agent = self.open_agent(handle, &mut tried).await;
        let offers = self.offers(&mut agent, &mut tried, &mut problems).await;
        if offers.is_empty()
            && let Some((path, reason)) = problems.into_iter().next()
        {
            return Err(Error::Key { path, reason });
        }
        let mut accepts = Vec::new();
        if offers.is_empty() {
            // Nothing to offer: ask what the server would take, for the message.
            let asked = handle.authenticate_none(&self.credentials.user);
            match self.limit(asked).await?.map_err(|e| self.broken(&e))? {
                AuthResult::Success => return Ok(()),
                AuthResult::Failure {
                    remaining_methods, ..
                } => accepts = names(&remaining_methods),
            }
        }
        for offer in offers {
            match self.offer(handle, &offer, &mut agent).await? {
                Answer::Accepted => {
                    self.favourites.add(&offer.public);
                    return Ok(());
                }
                Answer::Refused(methods, why) => {
                    tried.push(format!("{} ({why})", offer.label));
                    accepts = methods.unwrap_or(accepts);
                }
                Answer::HungUp => {
                    tried.push(offer.label);
                    return Err(self.failure(tried, accepts, true));
                }
            }
        }
        Err(self.failure(tried, accepts, false))
    }

    fn failure(&self, tried: Vec<String>, accepts: Vec<String>, hung_up: bool) -> Error {
        Error::Auth(Box::new(AuthFailure {
            hop: self.hop.to_owned(),
            user: self.credentials.user.clone(),
            tried,
            accepts,
            hung_up,
        }))
    }

    fn broken(&self, error: &russh::Error) -> Error {
        Error::Handshake {
            hop: self.hop.to_owned(),
            reason: super::handler::describe(error),
            turned_away: false,
        }
    }

    async fn limit<T>(&self, work: impl Future<Output = T>) -> Result<T, Error> {
        tokio::time::timeout(self.timeout, work)
            .await
            .map_err(|_| Error::Timeout {
                hop: self.hop.to_owned(),
                phase: "authentication",
                after: self.timeout,
            })
    }

    async fn open_agent(&self, handle: &Handle<Handler>, tried: &mut Vec<String>) -> Option<Agent> {
        let socket = self.credentials.agent.as_ref()?;
        match tokio::time::timeout(AGENT_LIST, Agent::connect_uds(socket)).await {
            Ok(Ok(mut agent)) => {
                // Keys bound to a destination are shown only to a session that proves itself; agents
                // that do not know the request refuse it, and lose nothing.
                if let Some(binding) = handle.agent_session_binding() {
                    let _ =
                        tokio::time::timeout(AGENT_LIST, agent.bind_session(binding, false)).await;
                }
                Some(agent)
            }
            Ok(Err(error)) => {
                tried.push(format!("the agent at {} ({error})", socket.display()));
                None
            }
            Err(_) => {
                tried.push(format!("the agent at {} (no answer)", socket.display()));
                None
            }
        }
    }

    /// Everything there is to offer, the likeliest first: certificates, then named keys, then what
    /// else the agent has, then the default files. Keys that worked on another host come first.
    async fn offers(
        &self,
        agent: &mut Option<Agent>,
        tried: &mut Vec<String>,
        problems: &mut Vec<(PathBuf, String)>,
    ) -> Vec<Offer> {
        let held = list_agent(agent, tried).await;
        let files = self.files(tried, problems);
        let mut offers = Vec::new();
        for path in &self.credentials.certificates {
            match read_certificate(path) {
                Ok(certificate) => offers.extend(pair(path, certificate, &files, &held)),
                Err(problem) => note(path, &problem, tried, problems),
            }
        }
        for file in &files {
            if let Some(certificate) = file.certificate.clone() {
                let path = file.path.with_file_name(format!(
                    "{}-cert.pub",
                    file.path.file_name().unwrap_or_default().to_string_lossy()
                ));
                offers.extend(pair(&path, certificate, &files, &held));
            }
        }
        let mut file_offers = Vec::new();
        for file in &files {
            let Some(public) = file.public.clone() else {
                continue;
            };
            let from = if held.iter().any(|one| is_bare(one, &public)) {
                Origin::Agent
            } else if file.is_private {
                Origin::File(file.clone())
            } else {
                let reason = "only its public half is here, and the agent does not have it";
                let problem = KeyProblem::Unusable(reason.to_owned());
                note(&file.path, &problem, tried, problems);
                continue;
            };
            file_offers.push(Offer {
                label: file.path.display().to_string(),
                public,
                certificate: None,
                from,
            });
        }
        let (first, last) = if self.credentials.named {
            (file_offers, Vec::new())
        } else {
            file_offers
                .into_iter()
                .partition(|offer| matches!(offer.from, Origin::Agent))
        };
        offers.extend(first);
        if !self.credentials.only {
            for identity in &held {
                let public = identity.public_key().into_owned();
                let certificate = match identity {
                    AgentIdentity::Certificate { certificate, .. } => Some(certificate.clone()),
                    AgentIdentity::PublicKey { .. } => None,
                };
                let known = offers.iter().any(|offer| {
                    offer.public.key_data() == public.key_data()
                        && offer.certificate.is_some() == certificate.is_some()
                });
                if !known {
                    offers.push(Offer {
                        label: format!("agent key {}", agent_label(identity)),
                        public,
                        from: match certificate {
                            Some(_) => Origin::AgentCertificate,
                            None => Origin::Agent,
                        },
                        certificate,
                    });
                }
            }
        }
        offers.extend(last);
        offers.sort_by_key(|offer| !self.favourites.has(&offer.public));
        offers
    }

    fn files(
        &self,
        tried: &mut Vec<String>,
        problems: &mut Vec<(PathBuf, String)>,
    ) -> Vec<Arc<KeyFile>> {
        let mut files = Vec::new();
        for path in &self.credentials.identities {
            match self.keys.load(path) {
                Ok(file) => {
                    if file.public.is_none() {
                        let reason = "its public half is unknown; put it beside it as `.pub`";
                        let problem = KeyProblem::Unusable(reason.to_owned());
                        note(path, &problem, tried, problems);
                    }
                    files.push(file);
                }
                Err(KeyProblem::Missing) if !self.credentials.named => {}
                Err(problem) => note(path, &problem, tried, problems),
            }
        }
        files
    }

    async fn offer(
        &self,
        handle: &mut Handle<Handler>,
        offer: &Offer,
        agent: &mut Option<Agent>,
    ) -> Result<Answer, Error> {
        let mut hashes = vec![None];
        if matches!(offer.public.algorithm(), Algorithm::Rsa { .. }) {
            let best = self.limit(handle.best_supported_rsa_hash()).await?;
            hashes = match best {
                Ok(Some(Some(hash))) => vec![Some(hash)],
                // The server takes SHA-1 alone, which is not offered.
                Ok(Some(None)) => {
                    let why = "the server takes RSA with SHA-1 only, which is not safe";
                    return Ok(Answer::Refused(None, why.to_owned()));
                }
                Ok(None) => vec![Some(HashAlg::Sha512), Some(HashAlg::Sha256)],
                Err(_) => return Ok(Answer::HungUp),
            };
        }
        let mut answer = Answer::HungUp;
        for hash in hashes {
            answer = self.offer_as(handle, offer, hash, agent).await?;
            if !matches!(answer, Answer::Refused(..)) {
                break;
            }
        }
        Ok(answer)
    }

    async fn offer_as(
        &self,
        handle: &mut Handle<Handler>,
        offer: &Offer,
        hash: Option<HashAlg>,
        agent: &mut Option<Agent>,
    ) -> Result<Answer, Error> {
        let mut signer = match (&offer.from, agent) {
            (Origin::File(file), _) => KeySigner::File(file.clone()),
            (Origin::AgentCertificate, Some(agent)) => KeySigner::Agent(agent, None),
            (Origin::Agent, Some(agent)) => KeySigner::Agent(agent, Some(offer.public.clone())),
            (_, None) => return Ok(Answer::Refused(None, "the agent is gone".to_owned())),
        };
        // A person may have to type a passphrase or touch a key: that is not counted.
        let patient = match &offer.from {
            Origin::File(file) => file.is_locked().await,
            Origin::Agent | Origin::AgentCertificate => true,
        };
        let user = self.credentials.user.clone();
        let attempt = async {
            match offer.certificate.clone() {
                Some(certificate) => {
                    handle
                        .authenticate_certificate_with(user, certificate, hash, &mut signer)
                        .await
                }
                None => {
                    let key = offer.public.clone();
                    handle
                        .authenticate_publickey_with(user, key, hash, &mut signer)
                        .await
                }
            }
        };
        let result = if patient {
            attempt.await
        } else {
            self.limit(attempt).await?
        };
        Ok(match result {
            Ok(AuthResult::Success) => Answer::Accepted,
            Ok(AuthResult::Failure { .. }) if handle.is_closed() => Answer::HungUp,
            Ok(AuthResult::Failure {
                remaining_methods,
                partial_success,
            }) => {
                let why = if partial_success {
                    "accepted, but the server wants more"
                } else {
                    "refused"
                };
                Answer::Refused(Some(names(&remaining_methods)), why.to_owned())
            }
            Err(SignError::Signer(reason)) => Answer::Refused(None, reason),
            Err(SignError::Gone) => Answer::HungUp,
        })
    }
}

enum Answer {
    Accepted,
    Refused(Option<Vec<String>>, String),
    HungUp,
}

async fn list_agent(agent: &mut Option<Agent>, tried: &mut Vec<String>) -> Vec<AgentIdentity> {
    let Some(open) = agent else {
        return Vec::new();
    };
    let reason = match tokio::time::timeout(AGENT_LIST, open.request_identities()).await {
        Ok(Ok(held)) => return held,
        Ok(Err(error)) => error.to_string(),
        Err(_) => "no answer".to_owned(),
    };
    tried.push(format!("the agent's keys ({reason})"));
    *agent = None;
    Vec::new()
}

/// A certificate with whoever has its private key.
fn pair(
    path: &Path,
    certificate: Certificate,
    files: &[Arc<KeyFile>],
    held: &[AgentIdentity],
) -> Option<Offer> {
    let public = PublicKey::new(certificate.public_key().clone(), "");
    let from = if held.iter().any(|one| is_bare(one, &public)) {
        Origin::Agent
    } else {
        let has = |file: &&Arc<KeyFile>| {
            let key = file.public.as_ref();
            file.is_private && key.is_some_and(|key| key.key_data() == public.key_data())
        };
        Origin::File(files.iter().find(has)?.clone())
    };
    Some(Offer {
        label: path.display().to_string(),
        public,
        certificate: Some(certificate),
        from,
    })
}

fn is_bare(identity: &AgentIdentity, public: &PublicKey) -> bool {
    match identity {
        AgentIdentity::PublicKey { key, .. } => key.key_data() == public.key_data(),
        AgentIdentity::Certificate { .. } => false,
    }
}

fn agent_label(identity: &AgentIdentity) -> String {
    let fingerprint = identity.public_key().fingerprint(HashAlg::Sha256);
    match identity.comment() {
        "" => fingerprint.to_string(),
        comment => format!("`{}`", comment.escape_debug()),
    }
}

fn note(
    path: &Path,
    problem: &KeyProblem,
    tried: &mut Vec<String>,
    problems: &mut Vec<(PathBuf, String)>,
) {
    let reason = match problem {
        KeyProblem::Missing => "there is no such file".to_owned(),
        KeyProblem::Unusable(reason) => reason.clone(),
    };
    tried.push(format!("{} ({reason})", path.display()));
    problems.push((path.to_owned(), reason));
}

fn names(methods: &russh::MethodSet) -> Vec<String> {
    methods.iter().map(String::from).collect()
}
