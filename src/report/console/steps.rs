//! Steps on the console: a tree of which only the parts with news are opened.

use std::collections::HashMap;
use std::fmt::Write as _;

use crate::report::color::{Look, Paint};
use crate::report::event::{StepId, StepOutcome};
use crate::report::text::{count, duration, visible};

/// Columns by which what is in a step stands to the right of its name.
const INDENT: usize = 2;

/// The steps that were seen.
///
/// A step's name is written when the first line within it is, so a step without news is one line
/// when it ends. Steps that run side by side write in turns; whoever comes back says so.
pub(super) struct Steps {
    paint: Paint,
    pub(super) plan: bool,
    seen: HashMap<StepId, Entry>,
    /// The step that the last line belongs to.
    current: Option<StepId>,
    /// Steps that ended, with their time.
    ended: Vec<(String, f64)>,
}

struct Entry {
    parent: Option<StepId>,
    name: String,
    depth: usize,
    opened: bool,
}

impl Steps {
    pub(super) fn new(paint: Paint) -> Self {
        Steps {
            paint,
            plan: false,
            seen: HashMap::new(),
            current: None,
            ended: Vec::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    pub(super) fn start(
        &mut self,
        out: &mut String,
        id: StepId,
        parent: Option<StepId>,
        name: &str,
        open: bool,
    ) {
        let parent = parent.filter(|parent| self.seen.contains_key(parent));
        let depth = self.depth(parent).map_or(0, |depth| depth + 1);
        let entry = Entry {
            parent,
            name: visible(name).into_owned(),
            depth,
            opened: false,
        };
        self.seen.insert(id, entry);
        self.open(out, if open { Some(id) } else { parent });
    }

    /// Gets ready for a line that belongs to the step; returns its indent.
    pub(super) fn enter(&mut self, out: &mut String, step: Option<StepId>) -> usize {
        let Some(id) = step else { return 0 };
        let Some(depth) = self.depth(step) else {
            return 0;
        };
        let opened = self.open(out, step);
        if !opened && self.current != Some(id) {
            self.header(out, id, " (continued)");
        }
        self.current = Some(id);
        (depth + 1) * INDENT
    }

    /// The indent of what belongs to the step that the last line belongs to.
    pub(super) fn indent(&self) -> usize {
        self.depth(self.current)
            .map_or(0, |depth| (depth + 1) * INDENT)
    }

    pub(super) fn finish(
        &mut self,
        out: &mut String,
        id: StepId,
        outcome: StepOutcome,
        seconds: f64,
        changed: u64,
    ) {
        let Some(entry) = self.seen.get(&id) else {
            return;
        };
        let (parent, indent) = (entry.parent, entry.depth * INDENT);
        let (word, look) = match outcome {
            StepOutcome::Ok if changed > 0 && self.plan => ("differs", Look::Changed),
            StepOutcome::Ok if changed > 0 => ("changed", Look::Changed),
            StepOutcome::Ok => ("ok", Look::Good),
            StepOutcome::Failed => ("failed", Look::Bad),
            StepOutcome::Skipped => ("skipped", Look::Faint),
            StepOutcome::Cancelled => ("stopped", Look::Warning),
        };
        let word = self.paint.paint(look, &format!("{word:<7}"));
        let mut facts = match changed {
            0 => String::new(),
            _ => format!("{}, ", count(changed, "change")),
        };
        facts.push_str(&duration(seconds));
        let name = entry.name.clone();
        let facts = self.paint.paint(Look::Faint, &format!("({facts})"));
        self.open(out, parent);
        let _ = writeln!(out, "{:indent$}{word} {name} {facts}", "");
        self.current = parent;
        self.ended.push((self.path(id), seconds));
    }

    /// Steps that took longest, the slowest first; those too short to matter are left out.
    pub(super) fn slowest(&self, number: usize) -> Vec<(&str, f64)> {
        let mut slow: Vec<(&str, f64)> = self
            .ended
            .iter()
            .filter(|(_, seconds)| *seconds >= 0.1)
            .map(|(name, seconds)| (name.as_str(), *seconds))
            .collect();
        slow.sort_by(|left, right| right.1.total_cmp(&left.1));
        slow.truncate(number);
        slow
    }

    fn depth(&self, step: Option<StepId>) -> Option<usize> {
        Some(self.seen.get(&step?)?.depth)
    }

    /// Writes the names of the step and those around it, where that was not done yet. Says whether
    /// the step's own was.
    fn open(&mut self, out: &mut String, step: Option<StepId>) -> bool {
        let mut closed = Vec::new();
        let mut at = step;
        while let Some(id) = at
            && let Some(entry) = self.seen.get_mut(&id)
        {
            if !std::mem::replace(&mut entry.opened, true) {
                closed.push(id);
            }
            at = entry.parent;
        }
        for id in closed.iter().rev() {
            self.header(out, *id, "");
            self.current = Some(*id);
        }
        closed.first().copied() == step && step.is_some()
    }

    fn header(&self, out: &mut String, id: StepId, note: &str) {
        if let Some(entry) = self.seen.get(&id) {
            let indent = entry.depth * INDENT;
            let name = self.paint.paint(Look::Title, &entry.name);
            let note = self.paint.paint(Look::Faint, note);
            let _ = writeln!(out, "{:indent$}{name}{note}", "");
        }
    }

    fn path(&self, id: StepId) -> String {
        let mut names = Vec::new();
        let mut at = Some(id);
        while let Some(entry) = at.and_then(|id| self.seen.get(&id)) {
            names.push(entry.name.as_str());
            at = entry.parent;
        }
        names.reverse();
        names.join(" / ")
    }
}
