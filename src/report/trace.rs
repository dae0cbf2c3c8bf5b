//! What libraries and this program note for themselves (`tracing`), as events of the run.

use std::fmt::{Debug, Write as _};

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use super::Reporter;
use super::event::{Event, Level};

/// Hands `tracing` events to the reporter as `debug` and `trace` messages.
///
/// An operator has not asked for a library's opinion, so its warnings are `debug`, and only its
/// errors are warnings.
pub struct TraceLayer {
    reporter: Reporter,
}

impl TraceLayer {
    pub fn new(reporter: Reporter) -> Self {
        TraceLayer { reporter }
    }
}

impl<S: Subscriber> Layer<S> for TraceLayer {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        self.reporter.emit(Event::Log {
            level: level(event.metadata()),
            message: format!("{}: {}", event.metadata().target(), fields.message),
            fields: fields.others,
            host: None,
            step: None,
        });
    }
}

fn level(metadata: &Metadata<'_>) -> Level {
    match *metadata.level() {
        tracing::Level::ERROR => Level::Warn,
        tracing::Level::WARN | tracing::Level::INFO => Level::Debug,
        tracing::Level::DEBUG | tracing::Level::TRACE => Level::Trace,
    }
}

#[derive(Default)]
struct Fields {
    message: String,
    others: Map<String, Value>,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match field.name() {
            "message" => {
                // Writing to a string cannot fail.
                let _ = write!(self.message, "{value:?}");
            }
            name => {
                self.others
                    .insert(name.to_owned(), format!("{value:?}").into());
            }
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.message.push_str(value),
            name => {
                self.others.insert(name.to_owned(), value.into());
            }
        }
    }
}
