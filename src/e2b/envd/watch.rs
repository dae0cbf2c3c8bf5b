//! Changes in a directory of a sandbox, as they happen.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Envd;
use super::stream::Stream;
use crate::e2b::Error;
use crate::e2b::link::Repeat;

/// Something happened to a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileEvent {
    /// Relative to the directory.
    pub name: String,
    /// `create`, `write`, `remove`, `rename` or `chmod`.
    pub kind: String,
}

/// The events of a directory. Dropping it ends the watching.
pub struct Watch {
    stream: Stream<Message>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Message {
    filesystem: Option<Changed>,
}

#[derive(Deserialize)]
struct Changed {
    #[serde(default)]
    name: String,
    #[serde(default, rename = "type")]
    kind: String,
}

impl Envd {
    /// Watches a directory; with `recursive` those below it too, which the seed's envd cannot.
    pub async fn watch(&self, path: &str, recursive: bool) -> Result<Watch, Error> {
        let mut body = json!({ "path": path });
        if let (true, Some(body)) = (recursive, body.as_object_mut()) {
            body.insert("recursive".to_owned(), json!(true));
        }
        let stream = self.stream("filesystem.Filesystem/WatchDir", &body, None, Repeat::Safe);
        Ok(Watch {
            stream: stream.await?,
        })
    }
}

impl Watch {
    /// The next event; `None` when the stream ended. May be dropped at any point and called again.
    pub async fn next(&mut self) -> Result<Option<FileEvent>, Error> {
        loop {
            let Some(message) = self.stream.next().await? else {
                return Ok(None);
            };
            let Some(changed) = message.filesystem else {
                continue;
            };
            let kind = changed
                .kind
                .strip_prefix("EVENT_TYPE_")
                .unwrap_or(&changed.kind);
            return Ok(Some(FileEvent {
                name: changed.name,
                kind: kind.to_lowercase(),
            }));
        }
    }
}
