//! Sets up a reporter: which sinks it has.

use std::io::{self, Write};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, RwLock};

use super::bars::Bars;
use super::clock;
use super::console::Screen;
use super::mask::Masker;
use super::options::ConsoleOptions;
use super::sink::{JsonLines, LineSink};
use super::state::State;
use super::{Inner, Reporter};

/// Sets up a [`Reporter`].
pub struct ReporterBuilder {
    run: String,
    options: ConsoleOptions,
    state: State,
}

impl ReporterBuilder {
    pub(super) fn new(run: impl Into<String>) -> Self {
        ReporterBuilder {
            run: run.into(),
            options: ConsoleOptions::default(),
            state: State::default(),
        }
    }

    /// The console: talk and bars on stderr, results on stdout.
    #[must_use]
    pub fn console(self, options: ConsoleOptions) -> Self {
        let bars = options.progress.then(Bars::on_stderr);
        let mut builder = self.console_to(options, Box::new(io::stdout()), Box::new(io::stderr()));
        if let Some(screen) = &mut builder.state.screen {
            screen.set_bars(bars);
        }
        builder
    }

    /// The console with other ends than stdout and stderr, and without bars.
    #[must_use]
    pub fn console_to(
        mut self,
        options: ConsoleOptions,
        results: Box<dyn Write + Send>,
        talk: Box<dyn Write + Send>,
    ) -> Self {
        self.state.screen = Some(Screen::new(options.clone(), results, talk));
        self.options = options;
        self
    }

    /// `--json`: events, and nothing else, on stdout. Leaves no room for a console there.
    #[must_use]
    pub fn json(self) -> Self {
        self.sink(Box::new(JsonLines::new(Box::new(io::stdout()))))
    }

    /// A further taker of lines: the journal, a test's buffer.
    #[must_use]
    pub fn sink(mut self, sink: Box<dyn LineSink>) -> Self {
        self.state.sinks.push(sink);
        self
    }

    pub fn build(self) -> Reporter {
        let needs_clock = self.state.screen.is_some() || !self.state.sinks.is_empty();
        let inner = Arc::new(Inner {
            run: self.run,
            options: self.options,
            masker: RwLock::new(Masker::default()),
            state: Mutex::new(self.state),
            steps: AtomicU64::new(1),
            sources: AtomicU64::new(1),
            transfers: AtomicU64::new(1),
        });
        if needs_clock {
            clock::start(&inner);
        }
        Reporter { inner }
    }
}
