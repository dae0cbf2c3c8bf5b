//! TLS as both ways of sending use it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};

use super::Error;
use super::authorities::Workstation;

/// Whom to believe and who to be, where that is not up to the workstation. The default changes
/// nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    /// A PEM file of the authorities that count instead of the workstation's.
    pub authorities: Option<PathBuf>,
    /// PEM files of this side's certificate and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// The name that the certificate must bear, instead of the URL's.
    pub server_name: Option<String>,
}

impl Trust {
    /// Whether it changes nothing.
    pub fn is_default(&self) -> bool {
        *self == Trust::default()
    }

    /// The name to judge certificates by, where it is not the URL's.
    pub(super) fn name(&self) -> Result<Option<ServerName<'static>>, Error> {
        let name = self.server_name.clone();
        let read = |name: String| {
            ServerName::try_from(name.clone()).map_err(|_| Error::Setup {
                why: format!("`{name}` is no name that a certificate can bear"),
            })
        };
        name.map(read).transpose()
    }
}

/// Certificates are judged by the workstation's own trust store unless `trust` names another. A
/// machine without one can still use plain HTTP: every certificate is refused then.
pub fn config(trust: &Trust) -> Result<ClientConfig, Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Setup {
            why: error.to_string(),
        })?;
    let builder = match &trust.authorities {
        Some(file) => builder.with_root_certificates(authorities(file)?),
        None => builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Workstation::new(provider))),
    };
    let Some((certificate, key)) = &trust.identity else {
        return Ok(builder.with_no_client_auth());
    };
    let chain = certificates(certificate)?;
    let own = PrivateKeyDer::from_pem_file(key).map_err(|error| unusable(key, error))?;
    builder
        .with_client_auth_cert(chain, own)
        .map_err(|error| unusable(key, error))
}

fn authorities(file: &Path) -> Result<RootCertStore, Error> {
    let mut store = RootCertStore::empty();
    for certificate in certificates(file)? {
        store
            .add(certificate)
            .map_err(|error| unusable(file, error))?;
    }
    Ok(store)
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(file)
        .map_err(|error| unusable(file, error))?
        .collect();
    let found = found.map_err(|error| unusable(file, error))?;
    match found.is_empty() {
        true => Err(unusable(file, "there is no certificate in it")),
        false => Ok(found),
    }
}

fn unusable(file: &Path, why: impl fmt::Display) -> Error {
    Error::Setup {
        why: format!("cannot use `{}`: {why}", file.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_no_certificates_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ca.pem");
        std::fs::write(&file, "nothing\n").unwrap();
        for path in [file, dir.path().join("none.pem")] {
            let trust = Trust {
                authorities: Some(path.clone()),
                ..Trust::default()
            };
            let error = config(&trust).unwrap_err().to_string();
            assert!(error.contains(path.to_str().unwrap()), "{error}");
        }
    }

    #[test]
    fn a_name_that_no_certificate_bears_is_refused() {
        let trust = Trust {
            server_name: Some("not a name".to_owned()),
            ..Trust::default()
        };
        assert!(trust.name().is_err());
        assert!(trust != Trust::default() && Trust::default().is_default());
    }
}
