//! Where the API is and who asks: from options, else from the usual variables, else by default.

use std::fmt;
use std::path::PathBuf;

use crate::http;
use crate::secret::Secret;

use super::Error;

/// What tells the two products apart on the wire.
#[derive(Debug)]
pub struct Product {
    /// As people call it: `Nomad`.
    pub title: &'static str,
    /// The first part of its kinds of error: `nomad`.
    pub area: &'static str,
    pub address_variable: &'static str,
    pub token_variable: &'static str,
    /// Variables that become query parameters of every request, with the parameter.
    pub scope_variables: &'static [(&'static str, &'static str)],
    /// A variable that names a file with the token.
    pub token_file_variable: Option<&'static str>,
    /// A variable that asks for TLS where the address has no scheme.
    pub tls_variable: Option<&'static str>,
    pub trust_variables: TrustVariables,
    pub token_header: &'static str,
    pub index_header: &'static str,
    pub default_address: &'static str,
}

/// The variables that say whom to believe over TLS.
#[derive(Debug)]
pub struct TrustVariables {
    /// A PEM file of authorities.
    pub authorities: &'static str,
    /// A PEM file of this side's certificate.
    pub certificate: &'static str,
    /// A PEM file of its key.
    pub key: &'static str,
    /// The name that the server's certificate must bear.
    pub server_name: &'static str,
    /// Switches the check of certificates off, with that value; asking for it is an error.
    pub unchecked: (&'static str, bool),
}

/// Where a setting came from, for errors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A place that the caller names, such as `NOMAD_TOKEN in deploy.env`.
    Named(String),
    /// The option of that name.
    Option(&'static str),
    /// The environment variable of that name.
    Variable(&'static str),
    /// Nobody said anything.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Named(place) => f.write_str(place),
            Source::Option(name) => write!(f, "the option `{name}`"),
            Source::Variable(name) => write!(f, "the variable `{name}`"),
            Source::Default => f.write_str("the default"),
        }
    }
}

/// A value and where it came from.
#[derive(Clone, Debug)]
pub struct Setting<T> {
    pub value: T,
    pub source: Source,
}

/// What the caller says; what it leaves out comes from the environment.
#[derive(Clone, Debug, Default)]
pub struct Given {
    pub address: Option<String>,
    pub token: Option<Secret>,
    /// Where that token comes from, as people know it; empty for the option.
    pub token_source: String,
    /// Query parameters of every request, such as `namespace`.
    pub scope: Vec<(&'static str, String)>,
    pub trust: http::Trust,
}

/// Address, token and scope of every request.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Scheme, host and port.
    pub address: Setting<http::Url>,
    pub token: Option<Setting<Secret>>,
    pub scope: Vec<(&'static str, String)>,
    pub trust: http::Trust,
}

impl Settings {
    /// `variable` looks an environment variable up; empty ones count as not set.
    pub fn new(
        product: &'static Product,
        given: Given,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Settings, Error> {
        let variable = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let from_variable = |name: &'static str| {
            variable(name).map(|value| Setting {
                value,
                source: Source::Variable(name),
            })
        };
        let option = |name, value| Setting {
            value,
            source: Source::Option(name),
        };
        let address = given
            .address
            .map(|value| option("address", value))
            .or_else(|| from_variable(product.address_variable))
            .unwrap_or_else(|| Setting {
                value: product.default_address.to_owned(),
                source: Source::Default,
            });
        let tls = product
            .tls_variable
            .and_then(&variable)
            .is_some_and(|value| as_bool(&value) == Some(true));
        let token_source = match given.token_source {
            place if place.is_empty() => Source::Option("token"),
            place => Source::Named(place),
        };
        let token = given.token.map(|value| Setting {
            value,
            source: token_source,
        });
        let token = token.or_else(|| {
            from_variable(product.token_variable).map(|found| Setting {
                value: Secret::new(found.value.trim()),
                source: found.source,
            })
        });
        let file = product.token_file_variable.and_then(from_variable);
        let token = match (token, file) {
            (None, Some(file)) => Some(token_in(product, file)?),
            (token, _) => token,
        };
        let mut scope = given.scope;
        for (name, parameter) in product.scope_variables {
            if !scope.iter().any(|(known, _)| known == parameter) {
                scope.extend(variable(name).map(|value| (*parameter, value)));
            }
        }
        Ok(Settings {
            address: Setting {
                value: read_address(product, &address, tls)?,
                source: address.source,
            },
            token,
            scope,
            trust: trust(product, given.trust, variable)?,
        })
    }
}

/// The token in the file that a variable names.
fn token_in(product: &'static Product, file: Setting<String>) -> Result<Setting<Secret>, Error> {
    let path = file.value.trim();
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Setting {
            value: Secret::new(text.trim()),
            source: file.source,
        }),
        Err(error) => Err(Error::Setting {
            product,
            source_of: file.source,
            why: format!("cannot read `{path}`: {error}"),
        }),
    }
}

/// What the caller leaves out comes from the variables.
fn trust(
    product: &'static Product,
    given: http::Trust,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<http::Trust, Error> {
    let names = &product.trust_variables;
    let (name, value) = names.unchecked;
    let asked = variable(name).and_then(|text| as_bool(&text));
    if asked == Some(value) {
        return Err(Error::Setting {
            product,
            source_of: Source::Variable(name),
            why: format!(
                "certificates are always checked: unset it, and give the authority with `{}`",
                names.authorities
            ),
        });
    }
    let path = |name: &str| variable(name).map(|text| PathBuf::from(text.trim()));
    let identity = match (path(names.certificate), path(names.key)) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        (certificate, _) => {
            let (set, unset) = match certificate {
                Some(_) => (names.certificate, names.key),
                None => (names.key, names.certificate),
            };
            return Err(Error::Setting {
                product,
                source_of: Source::Variable(set),
                why: format!("a certificate needs its key: set `{unset}` too"),
            });
        }
    };
    let trust = http::Trust {
        authorities: given.authorities.or_else(|| path(names.authorities)),
        identity: given.identity.or(identity),
        server_name: given.server_name.or_else(|| variable(names.server_name)),
    };
    Ok(trust)
}

fn as_bool(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "t" => Some(true),
        "false" | "0" | "f" => Some(false),
        _ => None,
    }
}

/// Consul's variable may leave the scheme out.
fn read_address(
    product: &'static Product,
    given: &Setting<String>,
    tls: bool,
) -> Result<http::Url, Error> {
    let text = given.value.trim();
    let whole = match text.contains("://") {
        true => text.to_owned(),
        false => format!("{}://{text}", if tls { "https" } else { "http" }),
    };
    http::parse_url(&whole).map_err(|error| Error::Address {
        product,
        source_of: given.source.clone(),
        why: error.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    static PRODUCT: Product = Product {
        title: "Nomad",
        area: "nomad",
        address_variable: "NOMAD_ADDR",
        token_variable: "NOMAD_TOKEN",
        scope_variables: &[("NOMAD_NAMESPACE", "namespace")],
        token_file_variable: Some("NOMAD_TOKEN_FILE"),
        tls_variable: Some("NOMAD_SSL"),
        trust_variables: TrustVariables {
            authorities: "NOMAD_CACERT",
            certificate: "NOMAD_CLIENT_CERT",
            key: "NOMAD_CLIENT_KEY",
            server_name: "NOMAD_TLS_SERVER_NAME",
            unchecked: ("NOMAD_SKIP_VERIFY", true),
        },
        token_header: "X-Nomad-Token",
        index_header: "X-Nomad-Index",
        default_address: "http://127.0.0.1:4646",
    };

    fn settings(given: Given, variables: &[(&str, &str)]) -> Result<Settings, Error> {
        Settings::new(&PRODUCT, given, |name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn options_win_over_variables_and_those_over_the_default() {
        let nothing = settings(Given::default(), &[("NOMAD_ADDR", " ")]).unwrap();
        assert_eq!(nothing.address.value.as_str(), "http://127.0.0.1:4646/");
        assert_eq!(nothing.address.source, Source::Default);
        assert!(nothing.token.is_none());

        let variables = [
            ("NOMAD_ADDR", "10.0.0.1:4646"),
            ("NOMAD_SSL", "true"),
            ("NOMAD_TOKEN", "secret-1\n"),
            ("NOMAD_NAMESPACE", "e2b"),
        ];
        let found = settings(Given::default(), &variables).unwrap();
        assert_eq!(found.address.value.as_str(), "https://10.0.0.1:4646/");
        assert_eq!(
            found.address.source.to_string(),
            "the variable `NOMAD_ADDR`"
        );
        let token = found.token.unwrap();
        assert_eq!(token.value.expose(), "secret-1");
        assert_eq!(token.source, Source::Variable("NOMAD_TOKEN"));
        assert_eq!(found.scope, [("namespace", "e2b".to_owned())]);

        let given = Given {
            address: Some("http://10.0.0.2:4646".to_owned()),
            token: Some(Secret::new("secret-2")),
            scope: vec![("namespace", "other".to_owned())],
            ..Given::default()
        };
        let found = settings(given, &variables).unwrap();
        assert_eq!(found.address.source, Source::Option("address"));
        assert_eq!(found.token.unwrap().source, Source::Option("token"));
        assert_eq!(found.scope, [("namespace", "other".to_owned())]);
    }

    #[test]
    fn a_token_may_lie_in_a_file_and_is_told_by_the_name_that_the_caller_gives_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        std::fs::write(&path, "secret-3\n").unwrap();
        let path = path.to_str().unwrap();
        let found = settings(Given::default(), &[("NOMAD_TOKEN_FILE", path)]).unwrap();
        assert_eq!(found.token.unwrap().value.expose(), "secret-3");
        let error =
            settings(Given::default(), &[("NOMAD_TOKEN_FILE", "/none/at/all")]).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("`NOMAD_TOKEN_FILE`") && text.contains("/none/at/all"),
            "{text}"
        );
        let given = Given {
            token: Some(Secret::new("secret-4")),
            token_source: "`NOMAD_TOKEN` in `deploy.env`".to_owned(),
            ..Given::default()
        };
        let found = settings(given, &[]).unwrap().token.unwrap();
        assert_eq!(found.source.to_string(), "`NOMAD_TOKEN` in `deploy.env`");
    }

    #[test]
    fn tls_is_set_by_the_usual_variables_and_never_left_unchecked() {
        let found = settings(
            Given::default(),
            &[
                ("NOMAD_CACERT", "/ca.pem"),
                ("NOMAD_CLIENT_CERT", "/me.pem"),
                ("NOMAD_CLIENT_KEY", "/me.key"),
                ("NOMAD_TLS_SERVER_NAME", "server.global.nomad"),
                ("NOMAD_SKIP_VERIFY", "false"),
            ],
        );
        let trust = found.unwrap().trust;
        assert_eq!(trust.authorities, Some("/ca.pem".into()));
        assert_eq!(trust.identity, Some(("/me.pem".into(), "/me.key".into())));
        assert_eq!(trust.server_name.as_deref(), Some("server.global.nomad"));

        for (variables, words) in [
            (
                &[("NOMAD_SKIP_VERIFY", "1")][..],
                ["NOMAD_SKIP_VERIFY", "NOMAD_CACERT"],
            ),
            (
                &[("NOMAD_CLIENT_KEY", "/me.key")],
                ["NOMAD_CLIENT_KEY", "NOMAD_CLIENT_CERT"],
            ),
        ] {
            let text = settings(Given::default(), variables)
                .unwrap_err()
                .to_string();
            assert!(words.iter().all(|word| text.contains(word)), "{text}");
        }
    }

    #[test]
    fn a_wrong_address_says_where_it_came_from() {
        let error = settings(Given::default(), &[("NOMAD_ADDR", "unix:///run/x")]).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("`NOMAD_ADDR`"), "{text}");
    }
}
