//! Nomad and Consul over TLS, with an authority and an identity of the cluster's own.

use std::fs;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::common::script::run_on;

/// A directory with `ca.pem`, and `server.pem`, `client.pem` with their keys.
fn certificates() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let mut authority = rcgen::CertificateParams::new(Vec::<String>::new()).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = authority.self_signed(&key).unwrap();
    fs::write(dir.path().join("ca.pem"), certificate.pem()).unwrap();
    let issuer = rcgen::Issuer::new(authority, key);
    for (name, dns) in [("server", "server.lab.nomad"), ("client", "cli.lab.nomad")] {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new([dns.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap();
        fs::write(dir.path().join(format!("{name}.pem")), certificate.pem()).unwrap();
        fs::write(dir.path().join(format!("{name}.key")), key.serialize_pem()).unwrap();
    }
    dir
}

/// Answers every request with a leader, to those who show a certificate of the authority.
async fn server(dir: &std::path::Path) -> u16 {
    let load = |name: &str| CertificateDer::from_pem_file(dir.join(name)).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(load("ca.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(
        Arc::new(roots),
        provider.clone(),
    );
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(
            vec![load("server.pem")],
            PrivateKeyDer::from_pem_file(dir.join("server.key")).unwrap(),
        )
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            tokio::spawn(async move {
                let mut head = [0; 4096];
                while stream.read(&mut head).await.is_ok_and(|read| read > 0) {
                    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\n\"10.0.0.1:4647\"\n";
                    let _ = stream.write_all(answer.as_bytes()).await;
                }
            });
        }
    });
    port
}

#[test]
fn an_authority_an_identity_and_a_name_of_the_clusters_own() {
    let dir = certificates();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let port = runtime.block_on(server(dir.path()));
    let at = dir.path().display();
    let leader = |module: &str, options: &str| {
        let address = format!("https://127.0.0.1:{port}");
        let script = format!("{module}::connect(#{{ address: \"{address}\"{options} }}).leader()");
        run_on(&script, &Default::default(), runtime.handle().clone())
    };
    let whole = format!(
        ", ca_file: \"{at}/ca.pem\", cert_file: \"{at}/client.pem\", key_file: \"{at}/client.key\", server_name: \"server.lab.nomad\""
    );
    for module in ["nomad", "consul"] {
        let value = leader(module, &whole).value();
        assert_eq!(value.to_string(), "10.0.0.1:4647", "{module}");
    }
    let failure = leader("nomad", "").failure();
    assert_eq!(failure.kind, "nomad.tls", "{failure:?}");
    // its name is not the address's
    let nameless = whole.replace(", server_name: \"server.lab.nomad\"", "");
    assert_eq!(leader("nomad", &nameless).failure().kind, "nomad.tls");
    let half = whole.replace(&format!(", key_file: \"{at}/client.key\""), "");
    assert_eq!(leader("nomad", &half).failure().kind, "script.option");
    let missing = whole.replace("/ca.pem", "/none.pem");
    let failure = leader("nomad", &missing).failure();
    assert!(failure.message.contains("none.pem"), "{}", failure.message);
}
