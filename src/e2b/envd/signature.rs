//! Signed URLs of files: who has one needs no token.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use sha2::{Digest, Sha256};

/// What a signed URL allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Read,
    Write,
}

impl Operation {
    pub fn word(self) -> &'static str {
        match self {
            Operation::Read => "read",
            Operation::Write => "write",
        }
    }
}

/// What envd expects as `signature`. `expires` is in seconds since 1970.
pub fn signature(
    path: &str,
    operation: Operation,
    user: &str,
    token: &str,
    expires: Option<u64>,
) -> String {
    let mut text = format!("{path}:{}:{user}:{token}", operation.word());
    if let Some(expires) = expires {
        text.push_str(&format!(":{expires}"));
    }
    format!("v1_{}", STANDARD_NO_PAD.encode(Sha256::digest(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_signatures_come_out() {
        let of = |expires| signature("/home/user/a.txt", Operation::Read, "user", "tok", expires);
        assert_eq!(of(None), "v1_p0WqJQYCLtO6YX+e4h7VbpybRsdJbMbIw7clYpulIJk");
        assert_eq!(
            of(Some(1767225600)),
            "v1_E2iT5TT/lj0YN17TRqw2UfRFf6ZKxUBjh+vJaQrcnIA"
        );
    }
}
