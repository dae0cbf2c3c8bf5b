//! The sandbox's users, from its own `/etc/passwd`.

use std::fs;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::HeaderMap;

use crate::connect;
use crate::http;

/// An account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub id: u32,
    pub group: u32,
    pub home: String,
}

impl User {
    /// The account of a name.
    pub fn find(name: &str) -> Option<User> {
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        passwd.lines().find_map(|line| User::read(line, name))
    }

    fn read(line: &str, name: &str) -> Option<User> {
        let fields: Vec<&str> = line.split(':').collect();
        let [found, _, id, group, _, home, ..] = fields.as_slice() else {
            return None;
        };
        (*found == name).then_some(())?;
        Some(User {
            name: name.to_owned(),
            id: id.parse().ok()?,
            group: group.parse().ok()?,
            home: (*home).to_owned(),
        })
    }

    /// The user that a request names, if it names one: `Authorization: Basic` with an empty password.
    ///
    /// # Errors
    ///
    /// With a name that is no user's.
    pub fn of(headers: &HeaderMap) -> Result<Option<User>, connect::Error> {
        let encoded = http::header(headers, "authorization").strip_prefix("Basic ");
        let decoded = encoded.and_then(|text| STANDARD.decode(text).ok());
        let Some(text) = decoded.and_then(|bytes| String::from_utf8(bytes).ok()) else {
            return Ok(None);
        };
        let name = text.split(':').next().unwrap_or_default();
        match User::find(name) {
            Some(user) => Ok(Some(user)),
            None => Err(connect::error(
                "unauthenticated",
                format!("invalid username: '{name}'"),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_passwd_is_read() {
        let line = "user:x:1000:1001:,,,:/home/user:/bin/bash";
        let user = User::read(line, "user").unwrap();
        assert_eq!((user.id, user.group), (1000, 1001));
        assert_eq!(user.home, "/home/user");
        assert_eq!(User::read(line, "use"), None);
    }
}
