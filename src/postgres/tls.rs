//! Encryption, as strict as the configuration wants it.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use rustls_platform_verifier::Verifier;

use super::{Config, Error, SslMode};

/// The client's side of TLS; `None` where none is wanted.
pub fn config(config: &Config) -> Result<Option<ClientConfig>, Error> {
    if config.ssl_mode == SslMode::Disable {
        return Ok(None);
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let judge = judge(config, &provider)?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::config(format!("TLS cannot be used: {error}")))?;
    Ok(Some(
        builder
            .dangerous()
            .with_custom_certificate_verifier(judge)
            .with_no_client_auth(),
    ))
}

/// Who judges the server's certificate.
fn judge(
    config: &Config,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, Error> {
    let by_authority: Arc<dyn ServerCertVerifier> = match &config.ssl_root_cert {
        Some(_) => {
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots(config)?), provider.clone())
                .build()
                .map_err(|error| Error::config(format!("TLS cannot be used: {error}")))?
        }
        None if config.ssl_mode == SslMode::Require => {
            return Ok(Arc::new(Anyone(provider.clone())));
        }
        None => Arc::new(Verifier::new(provider.clone()).map_err(|error| {
            Error::config(format!(
                "this machine trusts no certificate authority: {error}"
            ))
        })?),
    };
    Ok(match config.ssl_mode {
        SslMode::VerifyFull => by_authority,
        // as libpq does it: an authority that is given is also asked by `require`
        _ => Arc::new(AnyName(by_authority)),
    })
}

fn roots(config: &Config) -> Result<RootCertStore, Error> {
    let path = config.ssl_root_cert.clone().unwrap_or_default();
    let failed = |why: String| Error::Authority {
        path: path.clone(),
        why,
    };
    let text = std::fs::read(&path).map_err(|error| failed(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|error| failed(error.to_string()))?;
        roots
            .add(certificate)
            .map_err(|error| failed(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(failed("it holds no certificate".to_owned()));
    }
    Ok(roots)
}

/// Takes a certificate of the authority whatever host it is for.
#[derive(Debug)]
struct AnyName(Arc<dyn ServerCertVerifier>);

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match self
            .0
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
        {
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// Takes any certificate: what `sslmode=require` means without an authority.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// What went wrong with the certificate or the handshake, in plain words, and what helps.
pub fn explain(error: &rustls::Error) -> (String, &'static str) {
    use rustls::Error as Tls;
    match error {
        Tls::InvalidCertificate(CertificateError::UnknownIssuer) => (
            "the certificate comes from an authority that is not trusted".to_owned(),
            "give the authority's certificate: `POSTGRES_SSLROOTCERT` in `deploy.env`, or `sslrootcert`",
        ),
        Tls::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        ) => (
            "the certificate has expired".to_owned(),
            "renew it, or set this machine's clock",
        ),
        Tls::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => (
            "the certificate is for another host".to_owned(),
            "use the host name that the certificate has; `verify-ca` takes any name, at the risk of talking to another server of the same authority",
        ),
        other => (
            other.to_string(),
            "check that the port is PostgreSQL's own, and the server's TLS settings",
        ),
    }
}
