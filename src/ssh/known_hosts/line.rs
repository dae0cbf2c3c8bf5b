//! One line of a known_hosts file.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::super::config::matches_list;

/// What a line says about its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marker {
    /// The host has this key.
    Host,
    /// This authority vouches for the host.
    Authority,
    /// This key must never be accepted.
    Revoked,
}

/// A line with a key, its names still unread.
#[derive(Debug, Clone)]
pub(super) struct Line {
    /// Counted from one.
    pub number: usize,
    pub marker: Marker,
    names: String,
    /// The key's type, as the line names it.
    pub algorithm: String,
    blob: String,
}

impl Line {
    /// Reads one line; `None` for blank lines, comments and lines without the needed fields.
    pub fn parse(number: usize, text: &str) -> Option<Self> {
        let mut fields = text.split_ascii_whitespace();
        let mut names = fields.next().filter(|first| !first.starts_with('#'))?;
        let marker = match names {
            "@cert-authority" => Marker::Authority,
            "@revoked" => Marker::Revoked,
            other if other.starts_with('@') => return None,
            _ => Marker::Host,
        };
        if marker != Marker::Host {
            names = fields.next()?;
        }
        Some(Self {
            number,
            marker,
            names: names.to_owned(),
            algorithm: fields.next()?.to_owned(),
            blob: fields.next().unwrap_or_default().to_owned(),
        })
    }

    /// The key, or `None` when it is not base64 or not of the type the line names.
    pub fn key(&self) -> Option<Vec<u8>> {
        let blob = STANDARD.decode(&self.blob).ok()?;
        let (length, rest) = blob.split_first_chunk::<4>()?;
        let named = rest.get(..u32::from_be_bytes(*length) as usize)?;
        (named == self.algorithm.as_bytes()).then_some(blob)
    }

    /// Whether the line is about `name`, which is in lower case and has brackets and a port already.
    pub fn is_about(&self, name: &str) -> bool {
        match self.names.strip_prefix("|1|") {
            Some(hashed) => hash_matches(hashed, name),
            None => matches_list(&self.names.to_ascii_lowercase(), name, ','),
        }
    }
}

fn hash_matches(hashed: &str, name: &str) -> bool {
    let Some((salt, hash)) = hashed.split_once('|') else {
        return false;
    };
    let (Ok(salt), Ok(hash)) = (STANDARD.decode(salt), STANDARD.decode(hash)) else {
        return false;
    };
    hash == hmac(&salt, name)
}

/// `name` as OpenSSH hides it: `|1|salt|hash`.
pub(super) fn hide(salt: &[u8; 20], name: &str) -> String {
    let hash = hmac(salt, name);
    format!("|1|{}|{}", STANDARD.encode(salt), STANDARD.encode(hash))
}

fn hmac(salt: &[u8], name: &str) -> Vec<u8> {
    use aws_lc_rs::hmac;
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, salt);
    hmac::sign(&key, name.as_bytes()).as_ref().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";

    fn line(text: &str) -> Line {
        Line::parse(1, text).unwrap()
    }

    #[test]
    fn markers_tabs_and_comments_are_read() {
        assert_eq!(line(&format!("a {KEY}")).marker, Marker::Host);
        assert_eq!(
            line(&format!("@revoked\ta\t{KEY} x y")).marker,
            Marker::Revoked
        );
        let ca = line(&format!("@cert-authority *.x {KEY} comment"));
        assert_eq!((ca.marker, ca.key().is_some()), (Marker::Authority, true));
        for text in ["", "   ", "# a b c", "@future a b c", "a", "@revoked"] {
            assert!(Line::parse(1, text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn a_key_must_be_of_the_type_its_line_names() {
        assert!(
            line(&format!("a {}", KEY.replace("ssh-ed25519 ", "ssh-rsa ")))
                .key()
                .is_none()
        );
        assert!(line("a ssh-ed25519 ????").key().is_none());
        assert!(line("a ssh-ed25519").key().is_none());
    }

    #[test]
    fn names_match_as_patterns() {
        let list = line(&format!("Node-1,10.0.0.*,!10.0.0.9,[b?]:2222 {KEY}"));
        for name in ["node-1", "10.0.0.1", "[bx]:2222"] {
            assert!(list.is_about(name), "{name}");
        }
        for name in ["node-2", "10.0.0.9", "[bx]:22", "bx"] {
            assert!(!list.is_about(name), "{name}");
        }
    }

    #[test]
    fn hidden_names_match_only_themselves() {
        let hidden = line(&format!("{} {KEY}", hide(&[7; 20], "[node]:2222")));
        assert!(hidden.is_about("[node]:2222"));
        assert!(!hidden.is_about("node"));
        assert!(!line(&format!("|1|broken {KEY}")).is_about("node"));
    }

    #[test]
    fn the_hash_is_openssh_s() {
        // Made by `ssh-keygen -H` for the name `example.com`.
        let made = "|1|5hXzxw7tqdUrxM7ITk3BuYDV6Z0=|H7138du6ssx92ajeMFBbOmk7TsA=";
        assert!(line(&format!("{made} {KEY}")).is_about("example.com"));
    }
}
