//! What is new since the plan before.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use super::Console;
use crate::report::changes::Shown;
use crate::report::color::Look;
use crate::report::text::visible;

/// The changes of the plan before, and which of them came again.
pub(super) struct Since {
    before: Arc<Vec<Shown>>,
    again: BTreeSet<String>,
}

/// How a change stands to those of the plan before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Age {
    /// There was none for this item.
    New,
    /// There was one for this item, and it was another.
    Altered,
    Same,
}

impl Since {
    pub(super) fn new(before: Arc<Vec<Shown>>) -> Since {
        Since {
            before,
            again: BTreeSet::new(),
        }
    }

    pub(super) fn see(&mut self, change: &Shown) -> Age {
        let name = change.name();
        let mut age = Age::New;
        for known in self.before.iter().filter(|known| known.name() == name) {
            age = match known == change {
                true => Age::Same,
                false if age == Age::Same => Age::Same,
                false => Age::Altered,
            };
        }
        self.again.insert(name);
        age
    }

    /// Host and item of the changes that did not come again.
    fn gone(&self) -> Vec<String> {
        let names = self.before.iter().map(Shown::name);
        let mut gone: Vec<String> = names.filter(|name| !self.again.contains(name)).collect();
        gone.dedup();
        gone
    }
}

impl Age {
    /// What stands behind the change's line.
    pub(super) fn mark(self) -> &'static str {
        match self {
            Age::New => "  [new]",
            Age::Altered => "  [changed]",
            Age::Same => "",
        }
    }
}

impl Console {
    /// The changes that the plan before showed and this one did not.
    pub(super) fn gone(&self, out: &mut String) {
        let Some(since) = &self.since else { return };
        for name in since.gone() {
            let line = format!("no longer: {}", visible(&name));
            let _ = writeln!(out, "{}", self.paint.paint(Look::Faint, &line));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Action;

    fn change(item: &str, reason: &str) -> Shown {
        Shown {
            host: "api-1".to_owned(),
            item: item.to_owned(),
            action: Action::Update,
            reason: reason.to_owned(),
            diff: None,
        }
    }

    #[test]
    fn a_change_is_new_changed_or_as_before_and_one_may_be_gone() {
        let before = vec![
            change("file /a", "content"),
            change("file /b", ""),
            change("file /c", ""),
        ];
        let mut since = Since::new(Arc::new(before));
        assert_eq!(since.see(&change("file /a", "content")), Age::Same);
        assert_eq!(since.see(&change("file /b", "mode")), Age::Altered);
        assert_eq!(since.see(&change("file /new", "")), Age::New);
        assert_eq!(since.gone(), ["api-1 file /c"]);
    }
}
