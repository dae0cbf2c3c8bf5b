//! `ProxyJump` values.

use super::settings::JumpHost;

/// The hops, outermost first; an empty list is `none`.
pub(super) fn parse(text: &str) -> Result<Vec<JumpHost>, String> {
    let text = text.split('#').next().unwrap_or_default().trim();
    if text.eq_ignore_ascii_case("none") {
        return Ok(Vec::new());
    }
    text.split(',').map(|one| host(one.trim())).collect()
}

fn host(text: &str) -> Result<JumpHost, String> {
    let wrong = || format!("`{text}` is not of the form `[user@]host[:port]`");
    let plain = match text.strip_prefix("ssh://") {
        Some(rest) => rest.trim_end_matches('/'),
        None => text,
    };
    let (user, rest) = match plain.rsplit_once('@') {
        Some((user, rest)) => (Some(user), rest),
        None => (None, plain),
    };
    let (host, port) = match rest.strip_prefix('[') {
        Some(bracketed) => {
            let (host, after) = bracketed.split_once(']').ok_or_else(wrong)?;
            match after.strip_prefix(':') {
                Some(port) => (host, Some(port)),
                None if after.is_empty() => (host, None),
                None => return Err(wrong()),
            }
        }
        None => match rest.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (rest, None),
        },
    };
    if host.is_empty() || host.contains('/') || user.is_some_and(str::is_empty) {
        return Err(wrong());
    }
    let port = match port {
        Some(port) => Some(
            port.parse()
                .ok()
                .filter(|port| *port > 0)
                .ok_or_else(wrong)?,
        ),
        None => None,
    };
    Ok(JumpHost {
        user: user.map(str::to_owned),
        host: host.to_owned(),
        port,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(user: Option<&str>, host: &str, port: Option<u16>) -> JumpHost {
        JumpHost {
            user: user.map(str::to_owned),
            host: host.to_owned(),
            port,
        }
    }

    #[test]
    fn forms() {
        assert_eq!(parse("none").unwrap(), []);
        assert_eq!(
            parse("a@b:22,[::1]:2222,c # why").unwrap(),
            [
                one(Some("a"), "b", Some(22)),
                one(None, "::1", Some(2222)),
                one(None, "c", None)
            ]
        );
        assert_eq!(
            parse("ssh://u@h:7/").unwrap(),
            [one(Some("u"), "h", Some(7))]
        );
        for wrong in ["", "a,,b", "@b", "a:x", "a:0", "a:70000", "[::1", "[a]b"] {
            parse(wrong).unwrap_err();
        }
    }
}
