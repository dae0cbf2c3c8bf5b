//! Which Nomad answers, and what the versions that are not known may do otherwise.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Error, Nomad};
use crate::hashi::Error as ApiError;

/// The versions whose API this client was written for and is tested with.
pub const KNOWN: &str = "1.4 to 1.6";
const OLDEST: (u64, u64) = (1, 4);
const NEWEST: (u64, u64) = (1, 6);

/// What newer versions do otherwise, as far as it is known and matters here.
const DIFFERENCES: &[((u64, u64), &str)] = &[(
    (1, 11),
    "system jobs have deployments and canaries: their health is the deployment's, not that all of it runs",
)];

/// A version of Nomad.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// As Nomad writes it: `1.6.2`, `1.10.0-beta.1+ent`.
    pub text: String,
    pub major: u64,
    pub minor: u64,
}

impl Version {
    /// `None` for what does not begin with two numbers.
    pub fn parse(text: &str) -> Option<Version> {
        let text = text.trim().trim_start_matches('v');
        let mut parts = text.split(['.', '-', '+']);
        Some(Version {
            major: parts.next()?.parse().ok()?,
            minor: parts.next()?.parse().ok()?,
            text: text.to_owned(),
        })
    }

    /// Whether this client was written for it.
    pub fn is_known(&self) -> bool {
        (OLDEST..=NEWEST).contains(&(self.major, self.minor))
    }

    /// What is known to be otherwise than up to 1.6.
    pub fn differences(&self) -> Vec<&'static str> {
        let mine = DIFFERENCES
            .iter()
            .filter(|(since, _)| (self.major, self.minor) >= *since);
        mine.map(|(_, what)| *what).collect()
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Nomad {
    /// The version of the server that answers; asked for once.
    pub async fn version(&self) -> Result<&Version, ApiError> {
        let ask = || async {
            let about: Value = self.api.get("/v1/agent/self", &[]).await?;
            // where it stands differs between versions
            let places = [
                "/member/Tags/build",
                "/config/Version/Version",
                "/config/Version",
            ];
            let found = places
                .iter()
                .filter_map(|place| about.pointer(place)?.as_str())
                .find_map(Version::parse);
            found.ok_or_else(|| ApiError::Shape {
                product: self.api.product(),
                request: "GET /v1/agent/self".to_owned(),
                why: "it does not say which version it is".to_owned(),
            })
        };
        self.version.get_or_try_init(ask).await
    }

    /// An error as it is, or, where it may come from a version that is not known, as that.
    pub async fn of_version(&self, error: Error) -> Error {
        if !may_differ(&error) {
            return error;
        }
        // an agent that does not even say that explains nothing
        match self.version().await {
            Ok(version) if !version.is_known() => Error::Unsupported {
                version: version.clone(),
                error: Box::new(error),
            },
            _ => error,
        }
    }
}

/// Whether another version's API may be why: an answer of another form, a path or a method that
/// is not there. A name that nobody knows is not.
fn may_differ(error: &Error) -> bool {
    match error {
        Error::Api(ApiError::Shape { .. }) => true,
        Error::Api(ApiError::Refused { status, .. }) => matches!(status, 400 | 405 | 410 | 501),
        Error::Api(ApiError::NotFound { why, .. }) => {
            why.contains("page not found") || why.contains("Invalid method")
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_nomad_writes_them() {
        let parsed = Version::parse("1.10.0-beta.1+ent").unwrap();
        assert_eq!((parsed.major, parsed.minor), (1, 10));
        assert_eq!(parsed.to_string(), "1.10.0-beta.1+ent");
        assert_eq!(Version::parse("dev"), None);
    }

    #[test]
    fn what_lies_outside_of_the_known_range_is_told() {
        for (text, known, differences) in [
            ("1.3.9", false, 0),
            ("1.4.0", true, 0),
            ("1.6.2", true, 0),
            ("1.7.0", false, 0),
            ("1.11.1", false, 1),
            ("2.0.0", false, 1),
        ] {
            let version = Version::parse(text).unwrap();
            assert_eq!(version.is_known(), known, "{text}");
            assert_eq!(version.differences().len(), differences, "{text}");
        }
    }

    #[test]
    fn a_name_that_nobody_knows_is_no_difference() {
        let product = &super::super::PRODUCT;
        let not_found = |why: &str| {
            Error::Api(ApiError::NotFound {
                product,
                request: String::new(),
                why: why.to_owned(),
            })
        };
        assert!(!may_differ(&not_found("job not found")));
        assert!(may_differ(&not_found("404 page not found")));
    }
}
