//! Whether a host certificate of a trusted authority holds for a host.

use std::time::{SystemTime, UNIX_EPOCH};

use russh::keys::ssh_key::certificate::CertType;
use russh::keys::{Algorithm, Certificate, HashAlg};

use super::super::config::matches_pattern;

/// Checks everything but who the authority is. `name` is the host without a port, or its alias.
pub(super) fn check(certificate: &Certificate, name: &str) -> Result<(), String> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_err(|_| "this machine's clock is before 1970".to_owned())?;
    check_at(certificate, name, now.as_secs())
}

fn check_at(certificate: &Certificate, name: &str, now: u64) -> Result<(), String> {
    if certificate.cert_type() != CertType::Host {
        return Err("it is a user certificate".to_owned());
    }
    if certificate.signature().algorithm() == (Algorithm::Rsa { hash: None }) {
        return Err("it is signed with SHA-1".to_owned());
    }
    if now < certificate.valid_after() {
        return Err("it is not valid yet; is this machine's clock right?".to_owned());
    }
    if now >= certificate.valid_before() {
        return Err("it has expired".to_owned());
    }
    let principals = certificate.valid_principals();
    if principals.is_empty() {
        return Err("it names no host, and such certificates are not accepted".to_owned());
    }
    if !principals.iter().any(|one| matches_pattern(one, name)) {
        return Err(format!(
            "it is for {}, not for `{name}`",
            principals.join(", ")
        ));
    }
    if !certificate.critical_options().is_empty() {
        return Err("it has a critical option that is not understood".to_owned());
    }
    let authority = russh::keys::PublicKey::new(certificate.signature_key().clone(), "");
    let fingerprint = authority.fingerprint(HashAlg::Sha256);
    certificate
        .validate_at(now, [&fingerprint])
        .map_err(|_| "its signature is wrong".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use russh::keys::PrivateKey;
    use russh::keys::ssh_key::certificate::Builder;

    struct Draft {
        kind: CertType,
        principals: Vec<&'static str>,
        critical: bool,
    }

    fn sign(draft: &Draft) -> Certificate {
        let mut rng = russh::keys::key::safe_rng();
        let authority = PrivateKey::random(&mut rng, Algorithm::Ed25519).unwrap();
        let host = PrivateKey::random(&mut rng, Algorithm::Ed25519).unwrap();
        let mut builder =
            Builder::new_with_random_nonce(&mut rng, host.public_key(), 1000, 2000).unwrap();
        builder.cert_type(draft.kind).unwrap();
        for principal in &draft.principals {
            builder.valid_principal(*principal).unwrap();
        }
        if draft.principals.is_empty() {
            builder.all_principals_valid().unwrap();
        }
        if draft.critical {
            builder.critical_option("future@example.com", "1").unwrap();
        }
        builder.sign(&authority).unwrap()
    }

    fn host() -> Draft {
        Draft {
            kind: CertType::Host,
            principals: vec!["node-1", "*.inner"],
            critical: false,
        }
    }

    #[test]
    fn a_good_certificate_holds_for_its_names_and_times() {
        let certificate = sign(&host());
        check_at(&certificate, "node-1", 1000).unwrap();
        check_at(&certificate, "a.inner", 1999).unwrap();
        for (name, now, part) in [
            ("node-1", 999, "not valid yet"),
            ("node-1", 2000, "expired"),
            ("node-2", 1500, "not for `node-2`"),
        ] {
            let error = check_at(&certificate, name, now).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn what_is_not_a_plain_host_certificate_is_refused() {
        let user = Draft {
            kind: CertType::User,
            ..host()
        };
        let anyone = Draft {
            principals: vec![],
            ..host()
        };
        let odd = Draft {
            critical: true,
            ..host()
        };
        for (draft, part) in [
            (user, "user certificate"),
            (anyone, "names no host"),
            (odd, "critical option"),
        ] {
            let error = check_at(&sign(&draft), "node-1", 1500).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
