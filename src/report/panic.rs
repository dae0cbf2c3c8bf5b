//! A panic of this program, reported like everything else, with secrets masked.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::Write as _;
use std::panic::{self, PanicHookInfo};
use std::thread;
use std::time::Duration;

use super::Reporter;
use super::event::{Event, Level};

/// Reports panics through `reporter` from now on, instead of the standard library's text on stderr.
pub fn report_panics(reporter: &Reporter) {
    let reporter = reporter.clone();
    panic::set_hook(Box::new(move |info| {
        let message = reporter.masked(&message(info));
        reporter.emit_or_write(Event::log(Level::Error, message));
    }));
}

fn message(info: &PanicHookInfo<'_>) -> String {
    let payload = info.payload();
    let said = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    let place = match info.location() {
        Some(place) => format!(" at {}:{}", place.file(), place.line()),
        None => String::new(),
    };
    let version = env!("CARGO_PKG_VERSION");
    let mut text =
        format!("a bug in e2bscript {version}{place}: {said}; please report it with this line");
    // Taken where `RUST_BACKTRACE` asks for it.
    let trace = Backtrace::capture();
    if trace.status() == BacktraceStatus::Captured {
        text.push_str(&format!("\n{trace}"));
    }
    text
}

impl Reporter {
    /// Emits an event, unless the panicking thread itself holds the lock: then only the message
    /// goes to stderr.
    fn emit_or_write(&self, event: Event) {
        for _ in 0..50 {
            if self.inner.state.try_lock().is_ok() || self.inner.state.is_poisoned() {
                return self.emit(event);
            }
            thread::sleep(Duration::from_millis(10));
        }
        if let Event::Log { message, .. } = event {
            // Nobody is left to tell when stderr is gone, too.
            let _ = writeln!(std::io::stderr(), "error: {message}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;
    use crate::report::ConsoleOptions;

    /// Set for the process that [`child`] runs in: a hook counts for a whole process.
    const CHILD: &str = "E2BSCRIPT_TEST_PANIC";

    /// Not a test: what the test below starts.
    #[test]
    fn child() {
        let Ok(how) = std::env::var(CHILD) else {
            return;
        };
        let reporter = Reporter::builder("run")
            .console(ConsoleOptions::default())
            .build();
        reporter.mask("hunter2");
        report_panics(&reporter);
        let held = (how == "locked").then(|| reporter.state());
        let _ = thread::scope(|scope| scope.spawn(|| panic!("lost hunter2")).join());
        drop(held);
    }

    #[test]
    fn a_panic_is_told_with_its_place_and_without_secrets() {
        for how in ["free", "locked"] {
            let output = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "report::panic::tests::child", "--nocapture"])
                .env(CHILD, how)
                .env("RUST_BACKTRACE", "0")
                .stdin(Stdio::null())
                .output()
                .unwrap();
            let text = String::from_utf8(output.stderr).unwrap();
            assert!(text.contains("error: a bug in e2bscript"), "{how}: {text}");
            assert!(text.contains("src/report/panic.rs:"), "{how}: {text}");
            assert!(text.contains(": lost ***; please"), "{how}: {text}");
            assert!(!text.contains("hunter2"), "{how}: {text}");
        }
    }
}
