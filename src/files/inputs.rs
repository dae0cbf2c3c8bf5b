//! The workstation files that a batch of items carries.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use futures_util::future::try_join_all;

use super::content::{Content, Found};
use super::error::Error;
use super::hash::Hashes;

/// Workstation files by path: all looked at, small ones read, large ones being hashed.
#[derive(Debug, Default)]
pub(super) struct Inputs {
    found: HashMap<PathBuf, Found>,
    contents: HashMap<PathBuf, Content>,
}

impl Inputs {
    /// Looks at `paths`; the first that cannot be used is the error.
    pub async fn look<'a>(
        paths: impl Iterator<Item = &'a PathBuf>,
        hashes: &Hashes,
    ) -> Result<Inputs, Error> {
        let mut inputs = Inputs::default();
        for path in paths {
            if inputs.found.contains_key(path) {
                continue;
            }
            let found = Found::look(path).await?;
            if found.is_small() {
                let content = found.content(hashes, true).await?;
                inputs.contents.insert(path.clone(), content);
            } else {
                hashes.start(path, &found.stamp);
            }
            inputs.found.insert(path.clone(), found);
        }
        Ok(inputs)
    }

    /// Contents of all files, with the hashes of those that something is compared with.
    pub async fn contents(
        &self,
        hashes: &Hashes,
        compared: impl Fn(&Path) -> bool,
    ) -> Result<HashMap<PathBuf, (Content, bool)>, Error> {
        let compared = &compared;
        let all = self.found.values().map(|found| async move {
            let content = match self.contents.get(&found.path) {
                Some(content) => content.clone(),
                None => found.content(hashes, compared(&found.path)).await?,
            };
            Ok::<_, Error>((found.path.clone(), (content, found.executable)))
        });
        Ok(try_join_all(all).await?.into_iter().collect())
    }

    /// The size of a looked-at file.
    pub fn size(&self, path: &Path) -> Option<u64> {
        self.found.get(path).map(|found| found.stamp.size)
    }

    /// The content of a small file.
    pub fn small(&self, path: &Path) -> Option<&Content> {
        self.contents.get(path)
    }
}
