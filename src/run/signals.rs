//! Ctrl-C and its relatives: the first asks the run to stop, the second ends it at once.

use std::io::{self, IsTerminal as _};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use super::Run;
use crate::report::Event;

/// So long may words about a stop take: a terminal that is held up must not hold the stop up.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// A signal that stops a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    Interrupt,
    Terminate,
    /// The terminal went away.
    Hangup,
}

impl Signal {
    /// 130, 143 or 129: what a shell reports for a program that the signal ended.
    pub fn exit_code(self) -> u8 {
        match self {
            Signal::Hangup => 129,
            Signal::Interrupt => 130,
            Signal::Terminate => 143,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Signal::Hangup => "SIGHUP",
            Signal::Interrupt => "SIGINT",
            Signal::Terminate => "SIGTERM",
        }
    }
}

/// Listens until it is dropped.
#[must_use = "signals are heard only while this lives"]
pub struct Listening(tokio::task::AbortHandle);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Listens for signals on the run's runtime.
///
/// The first cancels the run ([`Run::cancel`]) and tells what is still waited for. The second ends
/// the process: the journal is closed and the terminal restored, nothing else is cleaned up.
pub fn listen(run: &Run) -> io::Result<Listening> {
    let _guard = run.handle().enter();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let terminal = Terminal::remember();
    let run = run.clone();
    let task = run.handle().clone().spawn(async move {
        loop {
            let signal = tokio::select! {
                _ = interrupt.recv() => Signal::Interrupt,
                _ = terminate.recv() => Signal::Terminate,
                _ = hangup.recv() => Signal::Hangup,
            };
            if run.is_idle() {
                if signal != Signal::Interrupt {
                    run.stop(signal);
                    end(&run, &terminal, signal);
                }
                continue;
            }
            if run.signal().is_none() {
                tell(&run, signal).await;
            }
            if !run.stop(signal) {
                end(&run, &terminal, signal);
            }
        }
    });
    Ok(Listening(task.abort_handle()))
}

/// Tells what is still waited for, before the cancel ends the waiting; but a terminal that is held
/// up does not hold the cancel up for long, nor the next signal.
async fn tell(run: &Run, signal: Signal) {
    let reporter = run.reporter().clone();
    let (done, wait) = oneshot::channel();
    let told = thread::Builder::new().spawn(move || {
        reporter.emit(Event::Waiting {
            what: reporter.waiting(),
            signal: Some(signal.name().to_owned()),
        });
        // The other end is gone when this took too long.
        let _ = done.send(());
    });
    if told.is_ok() {
        // Too late or done: the run is cancelled in both cases.
        let _ = tokio::time::timeout(LAST_WORDS, wait).await;
    }
}

/// Ends the process.
fn end(run: &Run, terminal: &Terminal, signal: Signal) -> ! {
    let (done, wait) = mpsc::channel();
    let last = run.clone();
    let words = thread::Builder::new().spawn(move || {
        last.finish(Ok(0));
        last.reporter().close();
        // The other end is gone when this took too long.
        let _ = done.send(());
    });
    if words.is_ok() {
        // Too late or done: the process ends in both cases.
        let _ = wait.recv_timeout(LAST_WORDS);
    }
    terminal.restore();
    std::process::exit(signal.exit_code().into())
}

/// The terminal's settings before anybody changed them; a prompt for a secret turns its echo off.
struct Terminal {
    settings: Option<Termios>,
}

impl Terminal {
    fn remember() -> Terminal {
        let input = io::stdin();
        Terminal {
            settings: input
                .is_terminal()
                .then(|| tcgetattr(&input).ok())
                .flatten(),
        }
    }

    fn restore(&self) {
        if let Some(settings) = &self.settings {
            // A terminal that went away needs no settings.
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, settings);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Read as _};
    use std::process::{Command, Stdio};

    use rustix::process::{Pid, Signal as Os, kill_process};

    use super::*;
    use crate::report::{ConsoleOptions, Mode, Reporter};
    use crate::run::{RunId, RunOptions};

    /// Set for the process that [`child`] runs in.
    const CHILD: &str = "E2BSCRIPT_TEST_SIGNALS";

    /// Not a test: a run that waits for ever, in a process of its own for the tests below.
    #[test]
    fn child() {
        if std::env::var_os(CHILD).is_none() {
            return;
        }
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let reporter = Reporter::builder("20261124-0301-ab12")
            .console(ConsoleOptions::default())
            .build();
        let options = RunOptions {
            script: "deploy.rhai".to_owned(),
            mode: Mode::Apply,
            ..RunOptions::default()
        };
        let run = Run::start(
            RunId::new(),
            options,
            reporter,
            None,
            runtime.handle().clone(),
        );
        let _listening = listen(&run).unwrap();
        let step = run.step(None, "services");
        let _wait = run.reporter().wait_for("job api to become healthy");
        run.reporter().log(crate::report::Level::Info, "ready");
        runtime.block_on(run.cancel().cancelled());
        run.reporter().log(crate::report::Level::Info, "cancelled");
        if std::env::var(CHILD).is_ok_and(|how| how == "stubborn") {
            thread::sleep(Duration::from_secs(60));
        }
        drop(step);
        let code = run.finish(Ok(0));
        std::process::exit(code.into());
    }

    /// Sends signals to a child, each after the line that must come before it.
    fn signals(how: &str, signals: &[(&str, Os)]) -> (Option<i32>, String) {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "run::signals::tests::child", "--nocapture"])
            .env(CHILD, how)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let pid = Pid::from_raw(child.id() as i32).unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut text = String::new();
        for (line, signal) in signals {
            while !text.lines().any(|seen| seen.contains(line)) {
                let read = stderr.read_line(&mut text).unwrap();
                assert!(read > 0, "the child ended before `{line}`: {text}");
            }
            kill_process(pid, *signal).unwrap();
        }
        stderr.read_to_string(&mut text).unwrap();
        (child.wait().unwrap().code(), text)
    }

    #[test]
    fn the_first_signal_cancels_and_tells_what_is_waited_for() {
        let (code, text) = signals("polite", &[("ready", Os::INT)]);
        assert_eq!(code, Some(130), "{text}");
        assert!(
            text.contains("stopping after SIGINT, waiting for job api to become healthy"),
            "{text}"
        );
        assert!(text.contains("was stopped"), "{text}");
        assert_eq!(signals("polite", &[("ready", Os::TERM)]).0, Some(143));
        assert_eq!(signals("polite", &[("ready", Os::HUP)]).0, Some(129));
    }

    #[test]
    fn the_second_signal_ends_the_process_at_once() {
        let before = std::time::Instant::now();
        let (code, text) = signals("stubborn", &[("ready", Os::INT), ("again", Os::TERM)]);
        assert_eq!(code, Some(143), "{text}");
        assert!(before.elapsed() < Duration::from_secs(20));
        assert!(text.contains("was stopped"), "{text}");
    }
}
