//! What libraries and this program note for themselves (`tracing`), as events of the run.

use std::fmt::{Debug, Write as _};

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use super::attend::attending;
use super::event::{Event, Level};

/// Hands `tracing` events to the reporter that attends, as `debug` and `trace` messages.
///
/// An operator has not asked for a library's opinion: what it finds wrong is `debug`, the rest
/// `trace`. Of this program's own, errors are warnings.
pub(super) struct TraceLayer;

impl<S: Subscriber> Layer<S> for TraceLayer {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let Some((reporter, _)) = attending() else {
            return;
        };
        let mut fields = Fields::default();
        event.record(&mut fields);
        let metadata = event.metadata();
        let target = fields.target.as_deref().unwrap_or(metadata.target());
        reporter.note(Event::Log {
            level: level(metadata, target),
            message: format!("{target}: {}", fields.message),
            fields: fields.others,
            host: None,
            step: None,
        });
    }
}

fn level(metadata: &Metadata<'_>, target: &str) -> Level {
    let own = target.split("::").next() == Some(env!("CARGO_CRATE_NAME"));
    match *metadata.level() {
        tracing::Level::ERROR if own => Level::Warn,
        tracing::Level::INFO if own => Level::Debug,
        tracing::Level::ERROR | tracing::Level::WARN => Level::Debug,
        tracing::Level::INFO | tracing::Level::DEBUG | tracing::Level::TRACE => Level::Trace,
    }
}

#[derive(Default)]
struct Fields {
    message: String,
    /// Where a note of the `log` crate comes from.
    target: Option<String>,
    others: Map<String, Value>,
}

/// What the bridge from the `log` crate puts before the names of its own fields.
const BRIDGE: &str = "log.";

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match field.name() {
            "message" => {
                // Writing to a string cannot fail.
                let _ = write!(self.message, "{value:?}");
            }
            // The place in the library's source.
            name if name.starts_with(BRIDGE) => {}
            name => {
                self.others
                    .insert(name.to_owned(), format!("{value:?}").into());
            }
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let name = field.name();
        match name.strip_prefix(BRIDGE) {
            Some("target") => self.target = Some(value.to_owned()),
            Some(_) => {}
            None if name == "message" => self.message.push_str(value),
            None => {
                self.others.insert(name.to_owned(), value.into());
            }
        }
    }
}
