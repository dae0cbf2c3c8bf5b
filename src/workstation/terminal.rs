//! The terminal of the person who started the run: questions, and answers that nobody else sees.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;
use rustix::termios::{self, LocalModes, OptionalActions, Termios};

/// How often the reading thread looks for an answer, and whether it is still wanted.
const LOOK: Duration = Duration::from_millis(20);
/// Longest answer, in bytes.
const LONGEST: usize = 64 << 10;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum TerminalError {
    #[error("there is no terminal to ask on")]
    None,
    #[error("the question was not answered: end of input")]
    Closed,
    #[error("cannot use the terminal")]
    Io(#[source] io::Error),
}

/// A terminal with somebody at it.
pub struct Terminal {
    tty: Arc<File>,
}

impl Terminal {
    /// The process's own terminal, whatever stdin and stdout are. None in a CI job, which has nobody
    /// to answer even where it has a terminal.
    pub fn open() -> Result<Terminal, TerminalError> {
        let ci = std::env::var("CI").unwrap_or_default();
        if !matches!(ci.as_str(), "" | "0" | "false") {
            return Err(TerminalError::None);
        }
        let tty = File::options().read(true).write(true).open("/dev/tty");
        Terminal::on(tty.map_err(|_| TerminalError::None)?)
    }

    fn on(tty: File) -> Result<Terminal, TerminalError> {
        if !termios::isatty(&tty) {
            return Err(TerminalError::None);
        }
        Ok(Terminal { tty: Arc::new(tty) })
    }

    /// Shows text.
    pub fn say(&self, text: &str) -> Result<(), TerminalError> {
        (&*self.tty)
            .write_all(text.as_bytes())
            .map_err(TerminalError::Io)
    }

    /// Asks and reads a line, without its end; unseen when it is not to be `shown`. Dropping the
    /// future leaves the terminal as it was.
    pub async fn ask(&self, question: &str, shown: bool) -> Result<String, TerminalError> {
        self.say(question)?;
        let quiet = (!shown)
            .then(|| Quiet::new(&self.tty))
            .transpose()
            .map_err(TerminalError::Io)?;
        let wanted = Wanted(Arc::new(AtomicBool::new(true)));
        let (tty, flag) = (self.tty.clone(), wanted.0.clone());
        let line = tokio::task::spawn_blocking(move || read_line(&tty, &flag)).await;
        if quiet.is_some() {
            self.say("\n")?;
        }
        line.map_err(|error| TerminalError::Io(io::Error::other(error)))?
    }
}

/// Tells the reading thread that nobody waits for it any more.
struct Wanted(Arc<AtomicBool>);

impl Drop for Wanted {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// Typing is not shown while this lives.
struct Quiet {
    tty: OwnedFd,
    before: Termios,
}

impl Quiet {
    fn new(tty: &File) -> io::Result<Quiet> {
        let tty = tty.as_fd().try_clone_to_owned()?;
        let before = termios::tcgetattr(&tty)?;
        let mut quiet = before.clone();
        quiet.local_modes -= LocalModes::ECHO;
        quiet.local_modes |= LocalModes::ICANON | LocalModes::ISIG;
        // What was typed before the question is not an answer to it.
        termios::tcsetattr(&tty, OptionalActions::Flush, &quiet)?;
        Ok(Quiet { tty, before })
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        let restored = termios::tcsetattr(&self.tty, OptionalActions::Now, &self.before);
        if let Err(error) = restored {
            tracing::warn!("the terminal could not be restored: {error}");
        }
    }
}

fn read_line(tty: &File, wanted: &AtomicBool) -> Result<String, TerminalError> {
    let mut line = Vec::new();
    let mut chunk = [0; 1024];
    while wanted.load(Ordering::Acquire) {
        let count = match read_now(tty, &mut chunk) {
            Ok(0) => return Err(TerminalError::Closed),
            Ok(count) => count,
            Err(Errno::AGAIN) => {
                std::thread::sleep(LOOK);
                continue;
            }
            Err(Errno::INTR) => continue,
            Err(error) => return Err(TerminalError::Io(error.into())),
        };
        line.extend_from_slice(chunk.get(..count).unwrap_or_default());
        if line.ends_with(b"\n") || line.len() > LONGEST {
            let text = String::from_utf8_lossy(&line);
            return Ok(text.trim_end_matches(['\n', '\r']).to_owned());
        }
    }
    Err(TerminalError::Closed)
}

/// What has been typed by now. Not by `poll`: macOS's does not know terminals.
fn read_now(tty: &File, chunk: &mut [u8]) -> Result<usize, Errno> {
    let flags = fcntl_getfl(tty)?;
    fcntl_setfl(tty, flags | OFlags::NONBLOCK)?;
    let read = rustix::io::read(tty, chunk);
    fcntl_setfl(tty, flags)?;
    read
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    use std::io::Read;

    fn pair() -> (File, Terminal) {
        let far = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&far).unwrap();
        unlockpt(&far).unwrap();
        let name = ptsname(&far, Vec::new()).unwrap();
        let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY;
        let near = rustix::fs::open(name.as_c_str(), flags, rustix::fs::Mode::empty()).unwrap();
        (File::from(far), Terminal::on(File::from(near)).unwrap())
    }

    fn echoes(terminal: &Terminal) -> bool {
        termios::tcgetattr(&*terminal.tty)
            .unwrap()
            .local_modes
            .contains(LocalModes::ECHO)
    }

    /// What the person at the terminal sees until `end` comes.
    fn seen(mut far: &File, end: &str) -> String {
        let mut text = String::new();
        let mut byte = [0];
        while !text.ends_with(end) {
            far.read_exact(&mut byte).unwrap();
            text.push(char::from(byte[0]));
        }
        text
    }

    #[tokio::test]
    async fn a_secret_answer_is_read_and_not_shown() {
        let (far, terminal) = pair();
        let person = std::thread::spawn(move || {
            let asked = seen(&far, "word: ");
            // Typing too early would be thrown away: wait until the echo is off.
            std::thread::sleep(Duration::from_millis(200));
            (&far).write_all(b"hunter2\n").unwrap();
            let after = seen(&far, "\n");
            // A terminal whose other end is closed has no settings to look at.
            (asked, after, far)
        });
        assert_eq!(terminal.ask("pass word: ", false).await.unwrap(), "hunter2");
        let (asked, after, _far) = person.join().unwrap();
        assert!(echoes(&terminal));
        assert_eq!(asked, "pass word: ");
        assert_eq!(after, "\r\n");
    }

    #[tokio::test]
    async fn a_question_that_is_abandoned_restores_the_terminal() {
        let (_far, terminal) = pair();
        let asked =
            tokio::time::timeout(Duration::from_millis(100), terminal.ask("? ", false)).await;
        assert!(asked.is_err());
        assert!(echoes(&terminal));
    }

    #[tokio::test]
    async fn end_of_input_is_no_answer() {
        let (far, terminal) = pair();
        (&far).write_all(&[4]).unwrap();
        assert!(matches!(
            terminal.ask("? ", true).await,
            Err(TerminalError::Closed)
        ));
    }
}
