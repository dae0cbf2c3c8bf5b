//! The operator's key files, each read and unlocked at most once per run.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use russh::keys::{Certificate, PrivateKey, PublicKey, decode_secret_key, load_public_key};
use secrecy::ExposeSecret;
use zeroize::Zeroizing;

use super::options::PassphraseSource;

/// All key files used so far.
pub(super) struct Keys {
    passphrase: PassphraseSource,
    files: Mutex<HashMap<PathBuf, Arc<KeyFile>>>,
}

/// One private key file.
pub(super) struct KeyFile {
    pub path: PathBuf,
    /// Known without a passphrase for most formats, or from the `.pub` file beside it.
    pub public: Option<PublicKey>,
    /// The certificate in `PATH-cert.pub`, where there is one.
    pub certificate: Option<Certificate>,
    /// Whether it can sign, as opposed to naming a key of the agent.
    pub is_private: bool,
    passphrase: PassphraseSource,
    state: tokio::sync::Mutex<State>,
}

enum State {
    Ready(Arc<PrivateKey>),
    Locked(Zeroizing<String>),
    Unusable(String),
}

/// Why a key file is of no use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum KeyProblem {
    /// It is not there.
    Missing,
    /// It is there and cannot be used.
    Unusable(String),
}

impl Keys {
    pub fn new(passphrase: PassphraseSource) -> Self {
        Self {
            passphrase,
            files: Mutex::default(),
        }
    }

    /// Reads the file, unless that has been done.
    pub fn load(&self, path: &Path) -> Result<Arc<KeyFile>, KeyProblem> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = files.get(path) {
            return Ok(file.clone());
        }
        let file = Arc::new(KeyFile::read(path, self.passphrase.clone())?);
        files.insert(path.to_owned(), file.clone());
        Ok(file)
    }
}

impl KeyFile {
    fn read(path: &Path, passphrase: PassphraseSource) -> Result<Self, KeyProblem> {
        // The public half alone stands for a key that the agent has.
        if let Some(public) = public_alone(path) {
            return Ok(Self {
                path: path.to_owned(),
                public: Some(public),
                certificate: read_certificate(&beside(path, "-cert.pub")).ok(),
                passphrase,
                is_private: false,
                state: tokio::sync::Mutex::new(State::Unusable("it is a public key".to_owned())),
            });
        }
        let text = read_private(path)?;
        let state = match decode_secret_key(&text, None) {
            Ok(key) => State::Ready(Arc::new(key)),
            Err(russh::keys::Error::KeyIsEncrypted) => State::Locked(text),
            // Some encrypted formats fail in other ways when there is no passphrase.
            Err(_) if looks_encrypted(&text) => State::Locked(text),
            Err(error) => {
                return Err(KeyProblem::Unusable(format!(
                    "it is not a private key that can be read: {error}"
                )));
            }
        };
        let public = match &state {
            State::Ready(key) => Some(key.public_key().clone()),
            State::Locked(text) => PrivateKey::from_openssh(text.as_bytes())
                .map(|key| key.public_key().clone())
                .ok()
                .or_else(|| load_public_key(beside(path, ".pub")).ok()),
            State::Unusable(_) => None,
        };
        Ok(Self {
            path: path.to_owned(),
            public,
            certificate: read_certificate(&beside(path, "-cert.pub")).ok(),
            passphrase,
            is_private: true,
            state: tokio::sync::Mutex::new(state),
        })
    }

    /// Whether a passphrase is still needed.
    pub async fn is_locked(&self) -> bool {
        matches!(*self.state.lock().await, State::Locked(_))
    }

    /// The key itself; asks for the passphrase the first time, and never again.
    pub async fn unlock(&self) -> Result<Arc<PrivateKey>, String> {
        let mut state = self.state.lock().await;
        let text = match &*state {
            State::Ready(key) => return Ok(key.clone()),
            State::Unusable(reason) => return Err(reason.clone()),
            State::Locked(text) => text.clone(),
        };
        let ask = self.passphrase.clone();
        let path = self.path.clone();
        // Both the question and the key derivation take their time.
        let unlocked = tokio::task::spawn_blocking(move || {
            let passphrase = ask(&path)
                .ok_or_else(|| "it is encrypted, and there is no passphrase for it".to_owned())?;
            decode_secret_key(&text, Some(passphrase.expose_secret()))
                .map(Arc::new)
                .map_err(|_| "the passphrase is wrong".to_owned())
        })
        .await
        .unwrap_or_else(|_| Err("reading its passphrase failed".to_owned()));
        *state = match &unlocked {
            Ok(key) => State::Ready(key.clone()),
            Err(reason) => State::Unusable(reason.clone()),
        };
        unlocked
    }
}

/// Reads a certificate file.
pub(super) fn read_certificate(path: &Path) -> Result<Certificate, KeyProblem> {
    let text = fs::read_to_string(path).map_err(|error| problem(&error))?;
    Certificate::from_openssh(text.trim())
        .map_err(|error| KeyProblem::Unusable(format!("it is not a certificate: {error}")))
}

fn read_private(path: &Path) -> Result<Zeroizing<String>, KeyProblem> {
    let meta = fs::metadata(path).map_err(|error| problem(&error))?;
    if meta.is_dir() {
        return Err(KeyProblem::Unusable("it is a directory".to_owned()));
    }
    let mode = meta.permissions().mode() & 0o777;
    // OpenSSH's rule: a key of one's own that others can read is not used.
    if mode & 0o077 != 0 && meta.uid() == rustix::process::getuid().as_raw() {
        return Err(KeyProblem::Unusable(format!(
            "others may read it (mode {mode:04o}); run `chmod 600 {}`",
            path.display()
        )));
    }
    fs::read_to_string(path)
        .map(Zeroizing::new)
        .map_err(|error| problem(&error))
}

fn problem(error: &io::Error) -> KeyProblem {
    match error.kind() {
        io::ErrorKind::NotFound => KeyProblem::Missing,
        io::ErrorKind::InvalidData => KeyProblem::Unusable("it is not a text file".to_owned()),
        _ => KeyProblem::Unusable(error.to_string()),
    }
}

fn public_alone(path: &Path) -> Option<PublicKey> {
    let file = if path.exists() {
        path.to_owned()
    } else {
        beside(path, ".pub")
    };
    // A private key is not read here: it does not start like this.
    load_public_key(file).ok()
}

fn looks_encrypted(text: &str) -> bool {
    ["ENCRYPTED PRIVATE KEY", "Proc-Type: 4,ENCRYPTED"]
        .iter()
        .any(|mark| text.contains(mark))
        || (text.starts_with("PuTTY-User-Key-File-") && !text.contains("Encryption: none"))
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
