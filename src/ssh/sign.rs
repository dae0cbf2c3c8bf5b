//! Signing a login with a key file or through the agent.

use std::sync::Arc;

use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use russh::keys::signature::Signer as _;
use russh::keys::ssh_encoding::Encode;
use russh::keys::ssh_key::private::KeypairData;
use russh::keys::{HashAlg, PrivateKey, PublicKey};
use tokio::net::UnixStream;

use super::keys::KeyFile;

/// Where the private key is.
pub(super) enum KeySigner<'a> {
    File(Arc<KeyFile>),
    /// With the bare key to name to the agent; without one, the agent has the certificate itself.
    Agent(&'a mut AgentClient<UnixStream>, Option<PublicKey>),
}

/// Why there is no signature.
#[derive(Debug)]
pub(super) enum SignError {
    /// The key cannot sign.
    Signer(String),
    /// The connection ended meanwhile.
    Gone,
}

impl From<russh::SendError> for SignError {
    fn from(_: russh::SendError) -> Self {
        Self::Gone
    }
}

impl russh::Signer for KeySigner<'_> {
    type Error = SignError;

    async fn auth_sign(
        &mut self,
        identity: &AgentIdentity,
        hash: Option<HashAlg>,
        mut to_sign: Vec<u8>,
    ) -> Result<Vec<u8>, SignError> {
        match self {
            Self::File(file) => {
                let key = file.unlock().await.map_err(SignError::Signer)?;
                let signature = sign(&key, hash, &to_sign)?;
                signature
                    .encode(&mut to_sign)
                    .map_err(|error| SignError::Signer(error.to_string()))?;
                Ok(to_sign)
            }
            Self::Agent(agent, bare) => {
                let named = bare.clone().map(AgentIdentity::from);
                agent
                    .sign_request(named.as_ref().unwrap_or(identity), hash, to_sign)
                    .await
                    .map_err(|error| SignError::Signer(format!("the agent did not sign: {error}")))
            }
        }
    }
}

fn sign(key: &PrivateKey, hash: Option<HashAlg>, data: &[u8]) -> Result<Vec<u8>, SignError> {
    let signed = match key.key_data() {
        KeypairData::Rsa(pair) => (pair, hash).try_sign(data),
        _ => key.try_sign(data),
    };
    let signature = signed.map_err(|_| {
        SignError::Signer(format!(
            "keys of type {} sign through an agent only",
            key.algorithm()
        ))
    })?;
    let mut encoded = Vec::new();
    signature
        .encode(&mut encoded)
        .map_err(|error| SignError::Signer(error.to_string()))?;
    Ok(encoded)
}
