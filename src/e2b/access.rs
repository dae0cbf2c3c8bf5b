//! Who asks: the platform's credentials, and which of them an endpoint takes.

use crate::http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use crate::secret::Secret;

use super::{Error, Profile};

/// A credential, and where it came from.
#[derive(Clone, Debug)]
pub struct Credential {
    pub value: Secret,
    /// As people know the place: the variable `E2B_API_KEY`, say.
    pub source: String,
}

/// What a caller has. An endpoint whose credential is missing is not asked.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// `e2b_…`, of a team.
    pub api_key: Option<Credential>,
    /// `sk_e2b_…`, of a user; the seed asks for it where templates and teams are concerned.
    pub access_token: Option<Credential>,
    /// What the API's own `ADMIN_TOKEN` says.
    pub admin_token: Option<Credential>,
    /// A signed-in user's token: Supabase's in the seed, the auth provider's upstream.
    pub session_token: Option<Credential>,
    /// The team's id, which goes with the session's or the administrator's token.
    pub team: Option<String>,
}

/// What an endpoint takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    Nothing,
    ApiKey,
    AccessToken,
    /// Upstream: the key, or an access token where there is no key.
    Either,
    Admin,
    Session,
}

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
const ADMIN_TOKEN: HeaderName = HeaderName::from_static("x-admin-token");
const TEAM: HeaderName = HeaderName::from_static("x-team-id");
const SUPABASE_TOKEN: HeaderName = HeaderName::from_static("x-supabase-token");
const SUPABASE_TEAM: HeaderName = HeaderName::from_static("x-supabase-team");

impl Need {
    /// The credential's name in errors.
    pub fn word(self) -> &'static str {
        match self {
            Need::Nothing => "no credential",
            Need::ApiKey | Need::Either => "the team's API key",
            Need::AccessToken => "the user's access token",
            Need::Admin => "the admin token",
            Need::Session => "a signed-in user's token",
        }
    }

    fn help(self) -> &'static str {
        match self {
            Need::ApiKey | Need::AccessToken | Need::Either | Need::Nothing => {
                "`e2bscript export-api-creds.rhai` writes both of the platform's keys to `api-creds.env`"
            }
            Need::Admin => {
                "it is the `ADMIN_TOKEN` that `deploy.env` gives the API; without one there nobody is admin"
            }
            Need::Session => {
                "the API takes it from its sign-in service alone; keys of the database need none: `e2bscript export-api-creds.rhai --rotate`"
            }
        }
    }
}

impl Credentials {
    /// Refuses keys that cannot be what they are given as: both begin with words that tell them apart.
    pub fn check(&self) -> Result<(), Error> {
        if let Some(key) = &self.api_key {
            check_prefix(key, Need::ApiKey, "e2b_", "sk_e2b_")?;
        }
        if let Some(token) = &self.access_token {
            check_prefix(token, Need::AccessToken, "sk_e2b_", "e2b_")?;
        }
        Ok(())
    }

    /// Puts what `need` asks for into the headers; returns the credential, for errors.
    pub(super) fn sign(
        &self,
        need: Need,
        profile: Profile,
        headers: &mut HeaderMap,
    ) -> Result<Option<&Credential>, Error> {
        let missing = || Error::Credential {
            what: need.word(),
            why: "it is needed and not there".to_owned(),
            help: need.help().to_owned(),
        };
        let chosen = match need {
            Need::Nothing => return Ok(None),
            Need::ApiKey => self.api_key.as_ref(),
            Need::AccessToken => self.access_token.as_ref(),
            Need::Either => self.api_key.as_ref().or(self.access_token.as_ref()),
            Need::Admin => self.admin_token.as_ref(),
            Need::Session => self.session_token.as_ref(),
        };
        let credential = chosen.ok_or_else(missing)?;
        let bearer = match need {
            Need::AccessToken => true,
            Need::Either => self.api_key.is_none(),
            Need::Session => profile == Profile::Upstream,
            _ => false,
        };
        let (name, text) = match (bearer, need) {
            (true, _) => (
                AUTHORIZATION,
                format!("Bearer {}", credential.value.expose()),
            ),
            (_, Need::Admin) => (ADMIN_TOKEN, credential.value.expose().to_owned()),
            (_, Need::Session) => (SUPABASE_TOKEN, credential.value.expose().to_owned()),
            _ => (API_KEY, credential.value.expose().to_owned()),
        };
        headers.insert(name, secret_header(&text, need)?);
        if let (Need::Session | Need::Admin, Some(team)) = (need, &self.team) {
            let name = match (need, profile) {
                (Need::Session, Profile::Seed) => SUPABASE_TEAM,
                _ => TEAM,
            };
            headers.insert(name, secret_header(team, need)?);
        }
        Ok(Some(credential))
    }
}

/// A header that is not shown; a value that no header can have is the credential's fault.
fn secret_header(text: &str, need: Need) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::from_str(text).map_err(|_| Error::Credential {
        what: need.word(),
        why: "it has characters that no header holds, such as the end of a line".to_owned(),
        help: need.help().to_owned(),
    })?;
    value.set_sensitive(true);
    Ok(value)
}

fn check_prefix(
    credential: &Credential,
    need: Need,
    prefix: &'static str,
    other: &'static str,
) -> Result<(), Error> {
    let text = credential.value.expose();
    if text.starts_with(prefix) {
        return Ok(());
    }
    let source = &credential.source;
    let (why, help) = if text.starts_with(other) {
        (
            format!("what {source} gives begins with `{other}`, and it must begin with `{prefix}`"),
            "the API key (`e2b_…`) and the access token (`sk_e2b_…`) stand in each other's place: swap them".to_owned(),
        )
    } else {
        (
            format!("what {source} gives does not begin with `{prefix}`"),
            need.help().to_owned(),
        )
    };
    Err(Error::Credential {
        what: need.word(),
        why,
        help,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credential(text: &str) -> Option<Credential> {
        Some(Credential {
            value: Secret::new(text),
            source: "the option `x`".to_owned(),
        })
    }

    fn pair() -> Credentials {
        Credentials {
            api_key: credential("e2b_aa"),
            access_token: credential("sk_e2b_bb"),
            ..Credentials::default()
        }
    }

    #[test]
    fn swapped_keys_are_told_apart_before_anything_is_sent() {
        assert!(pair().check().is_ok());
        let swapped = Credentials {
            api_key: credential("sk_e2b_bb"),
            ..Credentials::default()
        };
        let Err(Error::Credential { why, help, .. }) = swapped.check() else {
            panic!("a swapped key passed");
        };
        assert!(
            why.contains("`sk_e2b_`") && help.contains("swap"),
            "{why} {help}"
        );
        assert!(!why.contains("sk_e2b_bb"), "{why}");
    }

    #[test]
    fn every_need_has_its_header() {
        let mut headers = HeaderMap::new();
        pair()
            .sign(Need::ApiKey, Profile::Seed, &mut headers)
            .unwrap();
        pair()
            .sign(Need::AccessToken, Profile::Seed, &mut headers)
            .unwrap();
        assert_eq!(headers["x-api-key"], "e2b_aa");
        assert_eq!(headers["authorization"], "Bearer sk_e2b_bb");
        assert!(headers["x-api-key"].is_sensitive());

        let session = Credentials {
            session_token: credential("jwt"),
            team: Some("t1".to_owned()),
            ..Credentials::default()
        };
        let mut seed = HeaderMap::new();
        session
            .sign(Need::Session, Profile::Seed, &mut seed)
            .unwrap();
        assert_eq!(
            (&seed["x-supabase-token"], &seed["x-supabase-team"]),
            (
                &HeaderValue::from_static("jwt"),
                &HeaderValue::from_static("t1")
            )
        );
        let mut upstream = HeaderMap::new();
        session
            .sign(Need::Session, Profile::Upstream, &mut upstream)
            .unwrap();
        assert_eq!(upstream["authorization"], "Bearer jwt");
        assert_eq!(upstream["x-team-id"], "t1");
        let error = session
            .sign(Need::Admin, Profile::Seed, &mut upstream)
            .unwrap_err();
        assert!(error.to_string().contains("admin token"), "{error}");
    }
}
