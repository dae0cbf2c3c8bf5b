//! Where the API is and who asks: from options, else from the usual variables, else by default.

use std::fmt;

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
    /// A variable that asks for TLS where the address has no scheme.
    pub tls_variable: Option<&'static str>,
    pub token_header: &'static str,
    pub index_header: &'static str,
    pub default_address: &'static str,
}

/// Where a setting came from, for errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
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
    /// Query parameters of every request, such as `namespace`.
    pub scope: Vec<(&'static str, String)>,
}

/// Address, token and scope of every request.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Scheme, host and port.
    pub address: Setting<http::Url>,
    pub token: Option<Setting<Secret>>,
    pub scope: Vec<(&'static str, String)>,
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
            .is_some_and(|value| matches!(value.trim(), "true" | "1" | "TRUE" | "True"));
        let token = given.token.map(|value| Setting {
            value,
            source: Source::Option("token"),
        });
        let token = token.or_else(|| {
            from_variable(product.token_variable).map(|found| Setting {
                value: Secret::new(found.value.trim()),
                source: found.source,
            })
        });
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
        })
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
        source_of: given.source,
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
        tls_variable: Some("NOMAD_SSL"),
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
        };
        let found = settings(given, &variables).unwrap();
        assert_eq!(found.address.source, Source::Option("address"));
        assert_eq!(found.token.unwrap().source, Source::Option("token"));
        assert_eq!(found.scope, [("namespace", "other".to_owned())]);
    }

    #[test]
    fn a_wrong_address_says_where_it_came_from() {
        let error = settings(Given::default(), &[("NOMAD_ADDR", "unix:///run/x")]).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("`NOMAD_ADDR`"), "{text}");
    }
}
