//! A step of the run: named, timed, nested.

use std::time::Instant;

use crate::report::{Event, Reporter, StepId, StepOutcome, seconds};

/// A step in progress. Dropped without [`Step::finish`], it counts as cancelled.
pub struct Step {
    reporter: Reporter,
    id: StepId,
    started: Instant,
    finished: bool,
}

impl Step {
    pub(super) fn start(reporter: Reporter, parent: Option<StepId>, name: String) -> Step {
        let id = reporter.next_step();
        reporter.emit(Event::StepStarted {
            step: id,
            parent,
            name,
        });
        Step {
            reporter,
            id,
            started: Instant::now(),
            finished: false,
        }
    }

    /// For events that belong to the step, and steps within it.
    pub fn id(&self) -> StepId {
        self.id
    }

    pub fn finish(mut self, outcome: StepOutcome) {
        self.end(outcome);
    }

    fn end(&mut self, outcome: StepOutcome) {
        if std::mem::replace(&mut self.finished, true) {
            return;
        }
        self.reporter.emit(Event::StepFinished {
            step: self.id,
            outcome,
            seconds: seconds(self.started.elapsed()),
            changed: self.reporter.changed_in(self.id),
        });
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        self.end(StepOutcome::Cancelled);
    }
}
