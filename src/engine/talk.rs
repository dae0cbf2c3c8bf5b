//! `print` and `debug`, which Rhai has built in, as events like everything else.

use std::sync::Arc;

use rhai::Engine;

use crate::report::{Event, Level};

use super::context::Context;
use super::session::Session;

/// `print` is a result, on stdout; `debug` is talk, with its position.
pub fn register(engine: &mut Engine, session: &Arc<Session>) {
    let run = session.run.clone();
    engine.on_print(move |text| run.reporter().emit(Event::Result { value: text.into() }));
    let run = session.run.clone();
    engine.on_debug(move |text, source, position| {
        let place = source.unwrap_or("script");
        run.reporter().emit(Event::Log {
            level: Level::Debug,
            message: format!("{place}:{position}: {text}"),
            fields: serde_json::Map::new(),
            host: None,
            step: Context::step(),
        });
    });
}
