//! Nomad's own variables: small maps of values, often secrets, under a path.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Error, Nomad};
use crate::hashi::Error as ApiError;
use crate::http::{Method, percent_encode};
use crate::secret::Secret;

/// A variable.
#[derive(Clone, Debug)]
pub struct Variable {
    pub path: String,
    pub items: BTreeMap<String, Secret>,
    /// For a change that must not undo somebody else's.
    pub index: u64,
}

/// A variable as lists show it, without its values.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default, rename_all(deserialize = "PascalCase"))]
pub struct VariableStub {
    pub path: String,
    pub namespace: String,
    #[serde(rename(deserialize = "ModifyIndex"))]
    pub index: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Raw {
    path: String,
    #[serde(default)]
    items: BTreeMap<String, String>,
    modify_index: u64,
}

impl From<Raw> for Variable {
    fn from(raw: Raw) -> Variable {
        let items = raw.items.into_iter();
        Variable {
            path: raw.path,
            items: items
                .map(|(name, value)| (name, Secret::new(value)))
                .collect(),
            index: raw.modify_index,
        }
    }
}

impl Nomad {
    /// The variable at a path; `None` when there is none.
    pub async fn get_variable(&self, path: &str) -> Result<Option<Variable>, ApiError> {
        let found: Option<Raw> = self.api.find(&at(path), &[]).await?;
        Ok(found.map(Variable::from))
    }

    /// The variables whose paths begin with `prefix`.
    pub async fn list_variables(&self, prefix: &str) -> Result<Vec<VariableStub>, ApiError> {
        self.api.get("/v1/vars", &[("prefix", prefix)]).await
    }

    /// Sets a variable, all of it; with `check` only if it is still at that index (0: not there).
    /// Gives its new index.
    pub async fn put_variable(
        &self,
        path: &str,
        items: &BTreeMap<String, Secret>,
        check: Option<u64>,
    ) -> Result<u64, Error> {
        let items: BTreeMap<&str, &str> = items
            .iter()
            .map(|(name, value)| (name.as_str(), value.expose()))
            .collect();
        let body = json!({ "Path": path, "Items": items });
        let check = check.map(|index| index.to_string());
        let query: Vec<(&str, &str)> = check.iter().map(|index| ("cas", index.as_str())).collect();
        let sent = self.api.send(Method::PUT, &at(path), &query, &body).await;
        let raw: Raw = sent.map_err(|error| conflict(error, path))?;
        Ok(raw.modify_index)
    }

    /// Removes a variable; one that is not there is no error. With `check` only if it is still at
    /// that index.
    pub async fn delete_variable(&self, path: &str, check: Option<u64>) -> Result<(), Error> {
        let check = check.map(|index| index.to_string());
        let query: Vec<(&str, &str)> = check.iter().map(|index| ("cas", index.as_str())).collect();
        match self.call(Method::DELETE, &at(path), &query).await {
            Ok(_) | Err(ApiError::NotFound { .. }) => Ok(()),
            Err(error) => Err(conflict(error, path)),
        }
    }
}

/// Slashes part a path and stay as they are.
fn at(path: &str) -> String {
    let parts: Vec<String> = path.split('/').map(percent_encode).collect();
    format!("/v1/var/{}", parts.join("/"))
}

/// A conflict's answer holds the variable, values and all: only its index is told.
fn conflict(error: ApiError, path: &str) -> Error {
    match error {
        ApiError::Refused {
            status: 409, lines, ..
        } => {
            let now: Option<Raw> = serde_json::from_str(&lines.concat()).ok();
            let why = match now.map(|raw| raw.modify_index) {
                Some(0) | None => "it is not at that index any more".to_owned(),
                Some(index) => format!("it is now at index {index}"),
            };
            Error::VariableConflict {
                path: path.to_owned(),
                why,
            }
        }
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conflict_tells_the_index_and_no_value() {
        let refused = ApiError::Refused {
            product: &super::super::PRODUCT,
            request: String::new(),
            status: 409,
            lines: vec![r#"{"Path":"a/b","Items":{"k":"hidden"},"ModifyIndex":7}"#.to_owned()],
        };
        let text = conflict(refused, "a/b").to_string();
        assert!(text.ends_with("it is now at index 7"), "{text}");
        assert!(!text.contains("hidden"), "{text}");
    }

    #[test]
    fn paths_keep_their_slashes() {
        assert_eq!(at("nomad/jobs/a b"), "/v1/var/nomad/jobs/a%20b");
    }
}
