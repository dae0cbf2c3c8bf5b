//! URLs: read, shown without secrets, and those of proxies.

use reqwest::{NoProxy, Proxy, Url};

use super::Error;

/// What stands for a secret.
const MASK: &str = "***";

/// Names of query parameters whose values are nobody's business.
const SECRET: &[&str] = &[
    "token",
    "key",
    "secret",
    "password",
    "passwd",
    "sig",
    "signature",
    "credential",
    "auth",
    "code",
];

/// Reads a URL that this client can request.
pub fn parse(text: &str) -> Result<Url, Error> {
    let wrong = |why: &str| Error::Url {
        url: cut(text),
        why: why.to_owned(),
    };
    let url = Url::parse(text.trim()).map_err(|error| wrong(&error.to_string()))?;
    match url.scheme() {
        "http" | "https" if url.has_host() => Ok(url),
        "http" | "https" => Err(wrong("it names no host")),
        _ => Err(wrong("it must begin with `http://` or `https://`")),
    }
}

/// A text that is no URL may hold a secret anywhere: its beginning has to do.
fn cut(text: &str) -> String {
    let end = text.find(['?', '@']).unwrap_or(text.len());
    let start: String = text
        .get(..end)
        .unwrap_or_default()
        .chars()
        .take(60)
        .collect();
    if start.len() < text.len() {
        format!("{start}…")
    } else {
        start
    }
}

/// The URL for people: without a password, and without the values of telling parameters.
pub fn shown(url: &Url) -> String {
    let mut url = url.clone();
    if url.password().is_some() && url.set_password(Some(MASK)).is_err() {
        return format!("{}://{MASK}", url.scheme());
    }
    if url.query().is_some() {
        let pairs: Vec<(String, String)> = url
            .query_pairs()
            .map(|(name, value)| (name.to_string(), masked(&name, &value)))
            .collect();
        url.query_pairs_mut().clear().extend_pairs(pairs);
    }
    // The asterisks came out percent-encoded.
    url.to_string().replace("%2A%2A%2A", MASK)
}

fn masked(name: &str, value: &str) -> String {
    let name = name.to_lowercase();
    let telling = SECRET
        .iter()
        .any(|word| name.split(['-', '_', '.']).any(|part| part.ends_with(word)));
    if telling {
        MASK.to_owned()
    } else {
        value.to_owned()
    }
}

/// Text as it may stand in any part of a URL: all but letters, digits and `-._~` percent-encoded.
pub fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}

/// The proxies that the environment names.
pub fn proxies() -> Result<Vec<Proxy>, Error> {
    let named = |name: &str| {
        let value = std::env::var(name).or_else(|_| std::env::var(name.to_lowercase()));
        value.ok().filter(|value| !value.trim().is_empty())
    };
    let mut proxies = Vec::new();
    for name in ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"] {
        let Some(url) = named(name) else { continue };
        let proxy = match name {
            "HTTPS_PROXY" => Proxy::https(url),
            "HTTP_PROXY" => Proxy::http(url),
            _ => Proxy::all(url),
        };
        let proxy = proxy.map_err(|_| Error::Setup {
            why: format!("the environment variable `{name}` is no URL of a proxy"),
        })?;
        proxies.push(proxy.no_proxy(NoProxy::from_env()));
    }
    Ok(proxies)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let show = |text: &str| shown(&parse(text).unwrap());
        assert_eq!(show("http://h:8080/a?x=1&y=2"), "http://h:8080/a?x=1&y=2");
        assert_eq!(show("https://u:hunter2@h/a"), "https://u:***@h/a");
        assert_eq!(
            show("http://h/?api_key=hunter2&X-Amz-Signature=hunter2&n=1"),
            "http://h/?api_key=***&X-Amz-Signature=***&n=1"
        );
    }

    #[test]
    fn what_cannot_be_requested_is_told_without_what_follows() {
        let error = |text: &str| parse(text).unwrap_err().to_string();
        assert!(error("ftp://h/x").contains("must begin with"));
        assert!(error("h/x").contains("`h/x`"));
        assert!(!error("//u:p@h?token=hunter2").contains("hunter2"));
    }
}
