//! Which host keys are believed: known_hosts as OpenSSH reads it, judged by ourselves.
//!
//! The rule throughout: whatever cannot be read or does not fit is a refusal, never a first use.

mod certificate;
mod line;
mod problem;
mod record;
mod store;

pub use problem::{Fingerprint, HostKeyCause, HostKeyProblem, KnownKey};
pub(super) use store::Store;

use std::path::PathBuf;
use std::sync::Arc;

use russh::keys::{Algorithm, Certificate, EcdsaCurve, HashAlg, PublicKey, PublicKeyOrCertificate};

use super::options::HostKeyPolicy;
use line::Marker;

/// Where to look for a host's keys, and under which name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Lookup {
    /// The hop, for messages.
    pub hop: String,
    /// The host's address in lower case, or its alias as given.
    pub name: String,
    /// `None` under an alias, which stands for the host whatever the port.
    pub port: Option<u16>,
    /// The files that may be written, the first one to be: the user's.
    pub user_files: Vec<PathBuf>,
    /// The files of the whole machine.
    pub global_files: Vec<PathBuf>,
    /// Whether new names are hidden.
    pub hash_names: bool,
}

impl Lookup {
    /// The name as the files have it: `host`, or `[host]:port` for other ports than 22.
    pub fn filed_as(&self) -> String {
        match self.port {
            Some(port) if port != 22 => format!("[{}]:{port}", self.name),
            _ => self.name.clone(),
        }
    }

    pub fn problem(
        &self,
        presented: Option<Fingerprint>,
        cause: HostKeyCause,
    ) -> Box<HostKeyProblem> {
        Box::new(HostKeyProblem {
            hop: self.hop.clone(),
            filed_as: self.filed_as(),
            presented,
            cause,
        })
    }
}

/// A line about the host in question.
#[derive(Debug, Clone)]
struct Entry {
    marker: Marker,
    algorithm: String,
    blob: Vec<u8>,
    file: PathBuf,
    line: usize,
}

impl Entry {
    fn known(&self) -> KnownKey {
        KnownKey {
            key: Fingerprint::of_blob(&self.algorithm, &self.blob),
            file: self.file.clone(),
            line: self.line,
        }
    }
}

/// Everything the files say about one host, read before it is called.
#[derive(Debug)]
pub(super) struct Known {
    lookup: Lookup,
    policy: HostKeyPolicy,
    store: Arc<Store>,
    /// Lines about the name it is filed under.
    entries: Vec<Entry>,
    /// Lines about the bare name, where the host has another port than 22.
    portless: Vec<Entry>,
}

impl Known {
    /// Judges what the server presented, and records it where the policy says so.
    pub fn judge(&self, presented: &PublicKeyOrCertificate) -> Result<(), Box<HostKeyProblem>> {
        match presented {
            PublicKeyOrCertificate::PublicKey { key, .. } => self.judge_key(key, true),
            PublicKeyOrCertificate::Certificate(certificate) => self.judge_certificate(certificate),
        }
    }

    fn judge_key(&self, key: &PublicKey, may_record: bool) -> Result<(), Box<HostKeyProblem>> {
        let fingerprint = Fingerprint::of(key);
        let problem = |cause| self.lookup.problem(Some(fingerprint.clone()), cause);
        let blob = key.to_bytes().map_err(|error| {
            problem(HostKeyCause::Certificate {
                reason: error.to_string(),
            })
        })?;
        self.check_revoked(&blob).map_err(problem)?;
        if self.has(&self.entries, &blob) {
            return Ok(());
        }
        let known: Vec<KnownKey> = hosts(&self.entries).map(Entry::known).collect();
        if !known.is_empty() {
            return Err(problem(HostKeyCause::Changed { known }));
        }
        // OpenSSH takes a line without the port as good enough for any port.
        if self.has(&self.portless, &blob) {
            return Ok(());
        }
        if self.policy == HostKeyPolicy::AcceptNew && may_record {
            return self.store.record(&self.lookup, key).map_err(problem);
        }
        Err(problem(HostKeyCause::Unknown {
            files: self.files(),
        }))
    }

    fn judge_certificate(&self, certificate: &Certificate) -> Result<(), Box<HostKeyProblem>> {
        let key = PublicKey::new(certificate.public_key().clone(), "");
        let fingerprint = Fingerprint::of(&key);
        let problem = |cause| self.lookup.problem(Some(fingerprint.clone()), cause);
        let broken = |reason: String| problem(HostKeyCause::Certificate { reason });
        let authority = PublicKey::new(certificate.signature_key().clone(), "")
            .to_bytes()
            .map_err(|error| broken(error.to_string()))?;
        let blob = key.to_bytes().map_err(|error| broken(error.to_string()))?;
        self.check_revoked(&authority).map_err(problem)?;
        self.check_revoked(&blob).map_err(problem)?;
        let trusted = self
            .entries
            .iter()
            .any(|entry| entry.marker == Marker::Authority && entry.blob == authority);
        if trusted {
            return certificate::check(certificate, &self.lookup.name).map_err(broken);
        }
        // Not our authority: then the bare key counts, if we know it; it is never learnt this way.
        self.judge_key(&key, false)
            .map_err(|error| match error.cause {
                HostKeyCause::Unknown { .. } => broken(
                    "no `@cert-authority` line names the authority that signed it".to_owned(),
                ),
                _ => error,
            })
    }

    fn check_revoked(&self, blob: &[u8]) -> Result<(), HostKeyCause> {
        let revoked = self
            .entries
            .iter()
            .chain(&self.portless)
            .find(|entry| entry.marker == Marker::Revoked && entry.blob == blob);
        match revoked {
            Some(entry) => Err(HostKeyCause::Revoked { by: entry.known() }),
            None => Ok(()),
        }
    }

    fn has(&self, entries: &[Entry], blob: &[u8]) -> bool {
        hosts(entries).any(|entry| entry.blob == blob)
    }

    fn files(&self) -> Vec<PathBuf> {
        let user = self.lookup.user_files.iter();
        user.chain(&self.lookup.global_files).cloned().collect()
    }

    /// The key types to ask the server for, known ones first, so that a host with several keys
    /// presents one that can be compared. Of the known ones P-256 comes first: OpenSSH signs with it
    /// by its crypto library's assembler, and with Ed25519 in portable C, for several times as long.
    pub fn algorithms(&self) -> Vec<Algorithm> {
        let known: Vec<&str> = hosts(&self.entries)
            .chain(hosts(&self.portless))
            .map(|entry| entry.algorithm.as_str())
            .collect();
        let (mut first, rest): (Vec<_>, Vec<_>) = all_algorithms()
            .into_iter()
            .partition(|algorithm| known.contains(&key_type(algorithm)));
        let p256 = Algorithm::Ecdsa {
            curve: EcdsaCurve::NistP256,
        };
        // a stable sort: the others keep their order
        first.sort_by_key(|algorithm| *algorithm != p256);
        first.extend(rest);
        first
    }

    /// The certificate types to ask for: none, unless an authority is named for the host.
    pub fn certificate_algorithms(&self) -> Vec<Algorithm> {
        let vouched = |entry: &Entry| entry.marker == Marker::Authority;
        if self.entries.iter().any(vouched) {
            all_algorithms()
        } else {
            Vec::new()
        }
    }
}

fn hosts(entries: &[Entry]) -> impl Iterator<Item = &Entry> {
    entries.iter().filter(|entry| entry.marker == Marker::Host)
}

/// In the order in which OpenSSH asks for them, so that both show a stranger's same key. SHA-1 signatures and DSA are not on
/// the list.
fn all_algorithms() -> Vec<Algorithm> {
    vec![
        Algorithm::Ed25519,
        Algorithm::Ecdsa {
            curve: EcdsaCurve::NistP256,
        },
        Algorithm::Ecdsa {
            curve: EcdsaCurve::NistP384,
        },
        Algorithm::Ecdsa {
            curve: EcdsaCurve::NistP521,
        },
        Algorithm::Rsa {
            hash: Some(HashAlg::Sha512),
        },
        Algorithm::Rsa {
            hash: Some(HashAlg::Sha256),
        },
    ]
}

/// The type on a known_hosts line, which for RSA does not depend on the signature's hash.
fn key_type(algorithm: &Algorithm) -> &str {
    match algorithm {
        Algorithm::Rsa { .. } => "ssh-rsa",
        other => other.as_str(),
    }
}

#[cfg(test)]
mod tests;
