//! Why a server's identity was not accepted.

use std::fmt;
use std::path::{Path, PathBuf};

use russh::keys::{HashAlg, PublicKey};

/// A key as people compare it: its type and SHA-256 fingerprint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint {
    /// `ssh-ed25519`, `ecdsa-sha2-nistp256`, …
    pub algorithm: String,
    /// `SHA256:…`, as `ssh-keygen -l` prints it.
    pub sha256: String,
}

impl Fingerprint {
    pub(super) fn of(key: &PublicKey) -> Self {
        Self {
            algorithm: key.algorithm().as_str().to_owned(),
            sha256: key.fingerprint(HashAlg::Sha256).to_string(),
        }
    }

    pub(super) fn of_blob(algorithm: &str, blob: &[u8]) -> Self {
        use base64::Engine;
        use sha2::Digest;
        let digest = sha2::Sha256::digest(blob);
        let text = base64::engine::general_purpose::STANDARD_NO_PAD.encode(digest);
        Self {
            algorithm: algorithm.to_owned(),
            sha256: format!("SHA256:{text}"),
        }
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.algorithm, self.sha256)
    }
}

/// A line of a known_hosts file and the key on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownKey {
    /// The key.
    pub key: Fingerprint,
    /// The file.
    pub file: PathBuf,
    /// The line, counted from one.
    pub line: usize,
}

/// Why the server is not believed. No credential has been offered to it.
#[derive(Debug, Clone)]
pub struct HostKeyProblem {
    /// The hop's name.
    pub hop: String,
    /// The name its key is filed under: the alias, or the host, with `[…]:port` for other ports.
    pub filed_as: String,
    /// The key it presented, where it came that far.
    pub presented: Option<Fingerprint>,
    /// What is wrong.
    pub cause: HostKeyCause,
}

/// What is wrong with a server's identity.
#[derive(Debug, Clone)]
pub enum HostKeyCause {
    /// No file has a key of this host.
    Unknown {
        /// The files that were read.
        files: Vec<PathBuf>,
    },
    /// The files have keys of this host, and this is none of them.
    Changed {
        /// The keys that were expected.
        known: Vec<KnownKey>,
    },
    /// The key is marked `@revoked`.
    Revoked {
        /// Where.
        by: KnownKey,
    },
    /// The host's certificate does not hold.
    Certificate {
        /// Why not.
        reason: String,
    },
    /// A known_hosts file cannot be read, so nothing can be said about the host.
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The new key could not be recorded.
    Unrecorded {
        /// The file.
        file: PathBuf,
        /// Why not.
        reason: String,
    },
}

impl HostKeyProblem {
    /// The stable name of the failure.
    pub fn kind(&self) -> &'static str {
        match self.cause {
            HostKeyCause::Unknown { .. } => "ssh.host_key_unknown",
            HostKeyCause::Revoked { .. } => "ssh.host_key_revoked",
            HostKeyCause::Changed { .. } | HostKeyCause::Certificate { .. } => "ssh.host_key",
            HostKeyCause::Unreadable { .. } | HostKeyCause::Unrecorded { .. } => "ssh.known_hosts",
        }
    }

    pub(in crate::ssh) fn hop(&self) -> &str {
        &self.hop
    }

    /// The commands that remove the lines of the old key; empty unless the key has changed.
    pub fn removal_commands(&self) -> Vec<String> {
        let HostKeyCause::Changed { known } = &self.cause else {
            return Vec::new();
        };
        let mut files: Vec<&Path> = known.iter().map(|one| one.file.as_path()).collect();
        files.dedup();
        files
            .into_iter()
            .map(|file| {
                format!(
                    "ssh-keygen -R {} -f {}",
                    quote(&self.filed_as),
                    quote(&file.display().to_string())
                )
            })
            .collect()
    }

    /// What to do about it.
    pub fn help(&self) -> String {
        match &self.cause {
            HostKeyCause::Unknown { .. } => format!(
                "compare the fingerprint with the machine's console, then accept it once with \
                 `--accept-new-host-keys`, or add a line for `{}` to known_hosts",
                self.filed_as
            ),
            HostKeyCause::Changed { .. } => format!(
                "someone may be listening in, or the machine was made anew; when you know that it \
                 was, remove the old key with `{}`",
                self.removal_commands().join(" && ")
            ),
            HostKeyCause::Revoked { .. } => {
                "the key is known to be compromised; do not connect, and have the host's key \
                 replaced"
                    .to_owned()
            }
            HostKeyCause::Certificate { .. } => {
                "have the host's certificate renewed by the authority named in known_hosts"
                    .to_owned()
            }
            HostKeyCause::Unreadable { file, .. } | HostKeyCause::Unrecorded { file, .. } => {
                format!(
                    "make `{}` a file that you can read and write",
                    file.display()
                )
            }
        }
    }
}

impl fmt::Display for HostKeyProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hop = &self.hop;
        let presented = match &self.presented {
            Some(key) => key.to_string(),
            None => "no key".to_owned(),
        };
        match &self.cause {
            HostKeyCause::Unknown { .. } => write!(
                f,
                "the host key of `{hop}` is not known: it presented {presented}, and no \
                 known_hosts file has a line for `{}`",
                self.filed_as
            ),
            HostKeyCause::Changed { known } => {
                write!(
                    f,
                    "the host key of `{hop}` has changed: it presented {presented}, but "
                )?;
                for (index, one) in known.iter().enumerate() {
                    let comma = if index == 0 { "" } else { ", and " };
                    let file = one.file.display();
                    write!(f, "{comma}{file}:{} has {}", one.line, one.key)?;
                }
                Ok(())
            }
            HostKeyCause::Revoked { by } => write!(
                f,
                "the host key of `{hop}` is revoked: {}:{} forbids {}",
                by.file.display(),
                by.line,
                by.key
            ),
            HostKeyCause::Certificate { reason } => write!(
                f,
                "the host certificate of `{hop}` does not hold: {reason} (key {presented})"
            ),
            HostKeyCause::Unreadable { file, reason } => write!(
                f,
                "cannot check the host key of `{hop}`: {} cannot be read: {reason}",
                file.display()
            ),
            HostKeyCause::Unrecorded { file, reason } => write!(
                f,
                "cannot record the host key of `{hop}` in {}: {reason}",
                file.display()
            ),
        }
    }
}

fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
