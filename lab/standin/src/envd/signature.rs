//! Who may read and write files without the access token: whoever has a signature of that very path.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use chrono::Utc;
use sha2::{Digest, Sha256};

/// What a request for a file shows.
pub struct Shown<'a> {
    pub path: &'a str,
    /// `read` or `write`.
    pub operation: &'a str,
    pub user: &'a str,
    pub signature: Option<&'a str>,
    /// Unix seconds.
    pub expiration: Option<i64>,
}

/// Checks a signature against the access token.
///
/// # Errors
///
/// With what is wrong, as the platform words it.
pub fn check(shown: &Shown<'_>, token: &str) -> Result<(), &'static str> {
    let Some(signature) = shown.signature else {
        return Err("missing signature query parameter");
    };
    if signature != sign(shown, token) {
        return Err("invalid signature");
    }
    if shown
        .expiration
        .is_some_and(|at| at < Utc::now().timestamp())
    {
        return Err("signature is already expired");
    }
    Ok(())
}

fn sign(shown: &Shown<'_>, token: &str) -> String {
    let mut text = format!("{}:{}:{}:{token}", shown.path, shown.operation, shown.user);
    if let Some(expiration) = shown.expiration {
        text.push_str(&format!(":{expiration}"));
    }
    format!("v1_{}", STANDARD_NO_PAD.encode(Sha256::digest(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_the_platform() {
        let mut shown = Shown {
            path: "/home/user/a.txt",
            operation: "read",
            user: "user",
            signature: None,
            expiration: None,
        };
        let plain = "v1_p0WqJQYCLtO6YX+e4h7VbpybRsdJbMbIw7clYpulIJk";
        assert_eq!(sign(&shown, "tok"), plain);
        shown.expiration = Some(1_767_225_600);
        let expiring = "v1_E2iT5TT/lj0YN17TRqw2UfRFf6ZKxUBjh+vJaQrcnIA";
        assert_eq!(sign(&shown, "tok"), expiring);
        shown.signature = Some(expiring);
        assert_eq!(check(&shown, "other"), Err("invalid signature"));
    }
}
