//! Where the platform is and who asks.

use crate::http::{self, Url};
use crate::secret::Secret;

use super::{Credential, Credentials, Error, Profile};

/// The API on its own host.
const API: &str = "http://127.0.0.1:50001";
/// The client-proxy's port for sandboxes' traffic, on the same host.
const TRAFFIC: &str = "http://127.0.0.1:3002";
/// The client-proxy's own port.
const EDGE: &str = "http://127.0.0.1:3001";
/// The client-proxy does not look at the domain of a sandbox's host name, but wants one.
const DOMAIN: &str = "e2b.local";

/// What the caller says; what it leaves out comes from the environment.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// The API.
    pub address: Option<String>,
    /// Where sandboxes' traffic goes in: the client-proxy.
    pub sandbox_address: Option<String>,
    /// The client-proxy's own port, for its health.
    pub edge_address: Option<String>,
    /// An envd that is reached without a client-proxy.
    pub envd_address: Option<String>,
    pub domain: Option<String>,
    pub api_key: Option<Credential>,
    pub access_token: Option<Credential>,
    pub admin_token: Option<Credential>,
    pub session_token: Option<Credential>,
    pub team: Option<String>,
    /// `None`: whatever answers.
    pub profile: Option<Profile>,
    pub trust: http::Trust,
}

/// Complete: addresses, credentials, profile.
#[derive(Clone, Debug)]
pub struct Settings {
    pub address: Url,
    pub sandbox_address: Url,
    pub edge_address: Url,
    pub envd_address: Option<Url>,
    pub domain: String,
    pub credentials: Credentials,
    pub profile: Option<Profile>,
    pub trust: http::Trust,
}

impl Settings {
    /// `variable` looks an environment variable up; empty ones count as not set. The names are those
    /// of the official SDKs, and `ADMIN_TOKEN`.
    pub fn new(given: Given, variable: impl Fn(&str) -> Option<String>) -> Result<Settings, Error> {
        let variable = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let credential = |given: Option<Credential>, name: &str| {
            given.or_else(|| {
                variable(name).map(|text| Credential {
                    value: Secret::new(text.trim()),
                    source: format!("the variable `{name}`"),
                })
            })
        };
        let address = |given: Option<String>, name: &str, fallback: &str| {
            let (text, source) = match given {
                Some(text) => (text, format!("the option for `{name}`")),
                None => match variable(name) {
                    Some(text) => (text, format!("the variable `{name}`")),
                    None => (fallback.to_owned(), "the default".to_owned()),
                },
            };
            read(&text, &source)
        };
        let credentials = Credentials {
            api_key: credential(given.api_key, "E2B_API_KEY"),
            access_token: credential(given.access_token, "E2B_ACCESS_TOKEN"),
            admin_token: credential(given.admin_token, "ADMIN_TOKEN"),
            session_token: given.session_token,
            team: given.team,
        };
        credentials.check()?;
        Ok(Settings {
            address: address(given.address, "E2B_API_URL", API)?,
            sandbox_address: address(given.sandbox_address, "E2B_SANDBOX_URL", TRAFFIC)?,
            edge_address: address(given.edge_address, "E2B_EDGE_URL", EDGE)?,
            envd_address: given
                .envd_address
                .map(|text| read(&text, "the option `envd_address`"))
                .transpose()?,
            domain: given
                .domain
                .or_else(|| variable("E2B_DOMAIN"))
                .unwrap_or_else(|| DOMAIN.to_owned()),
            credentials,
            profile: given.profile,
            trust: given.trust,
        })
    }
}

/// The scheme may be left out.
fn read(text: &str, source: &str) -> Result<Url, Error> {
    let text = text.trim();
    let whole = match text.contains("://") {
        true => text.to_owned(),
        false => format!("http://{text}"),
    };
    http::parse_url(&whole).map_err(|error| Error::Setting {
        why: format!("the address from {source} cannot be used: {error}"),
        help: format!("write it as `http://HOST:PORT`, such as `{API}`"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_win_over_variables_and_those_over_the_defaults() {
        let none = Settings::new(Given::default(), |_| None).unwrap();
        assert_eq!(none.address.as_str(), "http://127.0.0.1:50001/");
        assert_eq!(none.domain, "e2b.local");
        assert!(none.credentials.api_key.is_none());

        let variables = |name: &str| {
            Some(match name {
                "E2B_API_URL" => "10.0.0.1:50001".to_owned(),
                "E2B_API_KEY" => "e2b_aa\n".to_owned(),
                "E2B_DOMAIN" => " ".to_owned(),
                _ => return None,
            })
        };
        let found = Settings::new(Given::default(), variables).unwrap();
        assert_eq!(found.address.as_str(), "http://10.0.0.1:50001/");
        assert_eq!(found.domain, "e2b.local");
        let key = found.credentials.api_key.unwrap();
        assert_eq!(
            (key.value.expose(), key.source.as_str()),
            ("e2b_aa", "the variable `E2B_API_KEY`")
        );
        let given = Given {
            address: Some("ftp://x".to_owned()),
            ..Given::default()
        };
        let error = Settings::new(given, variables).unwrap_err().to_string();
        assert!(error.contains("option"), "{error}");
    }
}
