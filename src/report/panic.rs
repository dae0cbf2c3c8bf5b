//! A panic of this program, reported like everything else, with secrets masked.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::Write as _;
use std::panic::{self, PanicHookInfo};
use std::path::Path;
use std::thread;
use std::time::Duration;

use super::Reporter;
use super::attend::attending;
use super::event::{Event, Level};

/// Reports panics through the reporter that attends, instead of by the standard library's text on
/// stderr; by that where none does.
pub(super) fn report_panics() {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |info| match attending() {
        Some((reporter, log)) => {
            let message = reporter.masked(&message(info, log.as_deref()));
            reporter.emit_or_write(Event::log(Level::Error, message));
        }
        None => usual(info),
    }));
}

fn message(info: &PanicHookInfo<'_>, log: Option<&Path>) -> String {
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
    let log = match log {
        Some(log) => format!(" and with the run's log, `{}`", log.display()),
        None => String::new(),
    };
    let mut text =
        format!("a bug in e2bscript {version}{place}: {said}; report it with this line{log}");
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
        crate::report::attend(&reporter, Some("/state/log.txt".into()));
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
            let end =
                ": lost ***; report it with this line and with the run's log, `/state/log.txt`";
            assert!(text.contains(end), "{how}: {text}");
            assert!(!text.contains("hunter2"), "{how}: {text}");
        }
    }
}
