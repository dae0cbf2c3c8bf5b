//! A pause of the console while somebody else, a prompt, uses the terminal.

use super::Reporter;

/// Holds the console's text back and hides its bars, until it is dropped.
#[must_use = "the pause ends when this is dropped"]
pub struct Pause {
    reporter: Reporter,
}

impl Pause {
    pub(super) fn new(reporter: Reporter) -> Pause {
        if let Some(screen) = &mut reporter.state().screen {
            screen.pause();
        }
        Pause { reporter }
    }
}

impl Drop for Pause {
    fn drop(&mut self) {
        let masker = super::read(&self.reporter.inner.masker);
        let mut state = self.reporter.state();
        if let Some(screen) = &mut state.screen {
            screen.resume();
        }
        state.tell_trouble(&self.reporter.inner.run, &masker);
    }
}
