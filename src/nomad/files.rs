//! Files of an allocation, read without running anything in it.

use serde::{Deserialize, Serialize};

use super::{Nomad, path};
use crate::hashi::Error as ApiError;
use crate::http::Method;

/// A file or directory of an allocation.
#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(default, rename_all(deserialize = "PascalCase"))]
pub struct FileEntry {
    pub name: String,
    #[serde(rename(deserialize = "IsDir"))]
    pub is_dir: bool,
    /// In bytes.
    pub size: u64,
    /// As `ls` shows it: `-rw-r--r--`.
    #[serde(rename(deserialize = "FileMode"))]
    pub mode: String,
    /// When it was changed, in ISO 8601.
    #[serde(rename(deserialize = "ModTime"))]
    pub modified: String,
}

impl Nomad {
    /// What is in a directory of an allocation, sorted by name; `/` is the allocation's own.
    pub async fn list_files(
        &self,
        allocation: &str,
        directory: &str,
    ) -> Result<Vec<FileEntry>, ApiError> {
        let allocation = self.get_allocation(allocation).await?;
        let query = [("path", directory)];
        let path = path(&["client", "fs", "ls", &allocation.id]);
        let mut found: Vec<FileEntry> = self.api.get(&path, &query).await.map_err(no_file)?;
        found.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(found)
    }

    /// The bytes of a file of an allocation: all of it, or `limit` bytes from `offset` on.
    pub async fn read_file(
        &self,
        allocation: &str,
        file: &str,
        offset: u64,
        limit: Option<u64>,
    ) -> Result<Vec<u8>, ApiError> {
        let allocation = self.get_allocation(allocation).await?;
        let (offset, limit) = (offset.to_string(), limit.map(|limit| limit.to_string()));
        let mut query = vec![("path", file)];
        let verb = match &limit {
            None if offset == "0" => "cat",
            _ => {
                query.push(("offset", offset.as_str()));
                query.push(("limit", limit.as_deref().unwrap_or("0")));
                "readat"
            }
        };
        // what is not there is told as its content, with status 200: look first
        let stat = path(&["client", "fs", "stat", &allocation.id]);
        let entry: FileEntry = self
            .api
            .get(&stat, &[("path", file)])
            .await
            .map_err(no_file)?;
        if entry.is_dir {
            return Err(ApiError::NotFound {
                product: self.api.product(),
                request: format!("file {file} of allocation {}", allocation.short()),
                why: "it is a directory".to_owned(),
            });
        }
        let path = path(&["client", "fs", verb, &allocation.id]);
        let answer = self.call(Method::GET, &path, &query).await;
        Ok(answer.map_err(no_file)?.body.to_vec())
    }
}

/// A path that is not there comes as an error of the node's operating system.
fn no_file(error: ApiError) -> ApiError {
    match error {
        ApiError::Refused {
            product,
            request,
            lines,
            ..
        } if lines
            .iter()
            .any(|line| line.contains("no such file") || line.contains("not found")) =>
        {
            ApiError::NotFound {
                product,
                request,
                why: lines.first().cloned().unwrap_or_default(),
            }
        }
        other => other,
    }
}
