//! The script modules, one file each, and the table of them all.

// Every entry of the tables ends with its base, also where all fields happen to be there.
#![allow(clippy::needless_update)]

pub mod args;
mod cluster_api;
pub mod consul;
pub mod e2b;
pub mod env;
mod failures;
pub mod fs;
pub mod hash;
pub mod host;
pub mod http;
pub mod json;
pub mod log;
pub mod nomad;
pub mod pg;
pub mod prompt;
pub mod secret;
pub mod ssh;
pub mod state;
pub mod task;
pub mod terminal;
pub mod test;
pub mod time;
pub mod toml;

use rhai::Dynamic;

use crate::engine::call::Call;
use crate::engine::context::Context;
use crate::engine::registry::Registry;
use crate::engine::value::holds_secret;
use crate::report::{Event, Level};
use crate::secret::Secret;

/// Every module that scripts have without `import`, sorted by name.
pub static REGISTRY: Registry = Registry::new(&[
    &args::MODULE,
    &consul::MODULE,
    &e2b::MODULE,
    &env::MODULE,
    &fs::MODULE,
    &hash::MODULE,
    &http::MODULE,
    &json::MODULE,
    &log::MODULE,
    &nomad::MODULE,
    &pg::MODULE,
    &prompt::MODULE,
    &secret::MODULE,
    &ssh::MODULE,
    &state::MODULE,
    &task::MODULE,
    &terminal::MODULE,
    &test::MODULE,
    &time::MODULE,
    &toml::MODULE,
]);

/// What a handle is called in messages, for those that have a name.
pub(crate) fn name_of(value: &Dynamic) -> Option<String> {
    value
        .read_lock::<host::HostHandle>()
        .map(|host| host.name().to_owned())
}

/// A new secret, masked from now on in everything that people and machines see.
pub(crate) fn keep_secret(call: &Call, text: impl Into<String>) -> Dynamic {
    let text = text.into();
    call.session.run.reporter().mask(&text);
    Dynamic::from(Secret::new(text))
}

/// A text that was made of `source`: a secret if that is, or holds, one.
pub(crate) fn made_of(call: &Call, source: &Dynamic, text: String) -> Dynamic {
    if holds_secret(source) {
        keep_secret(call, text)
    } else {
        text.into()
    }
}

/// A message of this program, in the step it belongs to.
pub(crate) fn note(call: &Call, message: &str) {
    talk(call, Level::Info, message);
}

/// A warning, in the step it belongs to.
pub(crate) fn warn(call: &Call, message: &str) {
    talk(call, Level::Warn, message);
}

fn talk(call: &Call, level: Level, message: &str) {
    call.session.run.reporter().emit(Event::Log {
        level,
        message: message.to_owned(),
        fields: serde_json::Map::new(),
        host: None,
        step: Context::step(),
    });
}

/// A string, or a blob where the bytes are no text.
pub(crate) fn bytes_or_text(bytes: Vec<u8>) -> rhai::Dynamic {
    String::from_utf8(bytes).map_or_else(
        |error| rhai::Dynamic::from_blob(error.into_bytes()),
        rhai::Dynamic::from,
    )
}
