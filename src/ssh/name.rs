//! Which host and user names are let through.
//!
//! Names reach command lines (`ProxyCommand`) and other people's parsers, so they are checked
//! against a list of what is allowed, once, before anything else happens.

use super::Error;

const MAX_NAME: usize = 255;

/// Accepts DNS names, IPv4 and IPv6 addresses (with a zone), and the aliases of an SSH configuration.
pub(super) fn check_host(name: &str) -> Result<(), Error> {
    check("host name", name, |c| {
        c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '%')
    })?;
    if name.contains('%') && !name.contains(':') {
        return Err(refuse("host name", name, "`%` belongs to IPv6 zones only"));
    }
    Ok(())
}

/// Accepts POSIX login names and what directories make of them (`user@domain`, `DOMAIN+user`).
pub(super) fn check_user(name: &str) -> Result<(), Error> {
    check("user name", name, |c| {
        c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '@' | '+')
    })
}

fn check(what: &'static str, name: &str, allowed: fn(char) -> bool) -> Result<(), Error> {
    if name.is_empty() {
        return Err(refuse(what, name, "it is empty"));
    }
    if name.len() > MAX_NAME {
        return Err(refuse(what, name, "it is longer than 255 characters"));
    }
    if name.starts_with('-') {
        return Err(refuse(what, name, "it starts with `-`"));
    }
    match name.chars().find(|c| !allowed(*c)) {
        Some(c) => Err(refuse(
            what,
            name,
            &format!("`{}` is not allowed in it", c.escape_debug()),
        )),
        None => Ok(()),
    }
}

fn refuse(what: &'static str, name: &str, reason: &str) -> Error {
    Error::Name {
        what,
        name: name.to_owned(),
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_names_pass() {
        for host in [
            "node-1",
            "10.0.0.1",
            "fe80::1%eth0",
            "a_b.example.com",
            "::1",
        ] {
            check_host(host).unwrap();
        }
        for user in ["opc", "ubuntu", "svc_e2b", "ops@example.com", "DOM+ops"] {
            check_user(user).unwrap();
        }
    }

    #[test]
    fn whatever_a_shell_or_an_option_parser_would_read_is_refused() {
        let hosts = [
            "",
            "-oProxyCommand=x",
            "a;b",
            "a b",
            "$(id)",
            "`id`",
            "a\nb",
            "a'b",
            "a\"b",
            "a\\b",
            "a%h",
            "a|b",
            "a&b",
            "a/b",
            "ä",
            "a\0",
            "x@y",
            "a>b",
            "a*",
        ];
        for host in hosts {
            assert_eq!(check_host(host).unwrap_err().kind(), "ssh.name", "{host:?}");
        }
        for user in [
            "", "-l", "a;b", "a b", "$USER", "a\nb", "a'b", "a\\b", "a:b", "a%u",
        ] {
            assert_eq!(check_user(user).unwrap_err().kind(), "ssh.name", "{user:?}");
        }
        check_host(&"a".repeat(256)).unwrap_err();
    }
}
