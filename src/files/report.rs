//! What an ensure found and did, for people and machines.

use std::fmt;

use serde::Serialize;

/// The outcome of one `ensure`, in the order of the items.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    pub host: String,
    /// Nothing was written: the changes are what a run would do.
    pub plan: bool,
    pub items: Vec<ItemReport>,
    /// Commands that were run on the host: one to read, one more to apply.
    pub round_trips: u32,
    /// Payload bytes handed to the connection.
    pub bytes_sent: u64,
}

impl Report {
    /// The items that changed (or would).
    pub fn changed(&self) -> impl Iterator<Item = &ItemReport> {
        self.items.iter().filter(|item| item.change.is_some())
    }

    pub fn is_unchanged(&self) -> bool {
        self.changed().next().is_none()
    }
}

/// One item's outcome; without a change it was as it should be.
#[derive(Debug, Clone, Serialize)]
pub struct ItemReport {
    /// The kind of state: `file`, `service`, …
    pub kind: &'static str,
    /// What it is about: a path, a unit, a key.
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change: Option<Change>,
    /// Things worth knowing that are no change.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl ItemReport {
    /// Kind and name, as messages show them.
    pub fn address(&self) -> String {
        format!("{} {}", self.kind, self.name)
    }
}

/// A difference between what is and what should be.
#[derive(Debug, Clone, Serialize)]
pub struct Change {
    pub action: Action,
    pub reasons: Vec<Reason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diff: Option<Diff>,
    /// What tells the content that is there from others, where the diff must not show it.
    #[serde(skip)]
    pub was: Option<String>,
}

impl Change {
    pub(super) fn new(action: Action) -> Self {
        Change {
            action,
            reasons: Vec::new(),
            diff: None,
            was: None,
        }
    }

    #[must_use]
    pub(super) fn because(mut self, reason: Reason) -> Self {
        self.reasons.push(reason);
        self
    }
}

/// What is done about a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Create,
    Update,
    Remove,
    Install,
    Load,
    Mount,
    Start,
    Stop,
    Restart,
    Reload,
    Run,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Action::Create => "create",
            Action::Update => "update",
            Action::Remove => "remove",
            Action::Install => "install",
            Action::Load => "load",
            Action::Mount => "mount",
            Action::Start => "start",
            Action::Stop => "stop",
            Action::Restart => "restart",
            Action::Reload => "reload",
            Action::Run => "run",
        })
    }
}

const CONTENT: &str = "content";

/// One aspect that differs: `content`, `mode 0644 → 0600`, `missing`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason {
    pub what: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

impl Reason {
    pub(super) fn new(what: impl Into<String>) -> Self {
        Reason {
            what: what.into(),
            from: None,
            to: None,
        }
    }

    /// The content differs.
    pub(super) fn content() -> Self {
        Reason::new(CONTENT)
    }

    pub(super) fn is_content(&self) -> bool {
        self.what == CONTENT
    }

    pub(super) fn from_to(
        what: impl Into<String>,
        from: impl fmt::Display,
        to: impl fmt::Display,
    ) -> Self {
        Reason {
            what: what.into(),
            from: Some(from.to_string()),
            to: Some(to.to_string()),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match (&self.from, &self.to) {
            (Some(from), Some(to)) => write!(f, " {from} → {to}"),
            (None, Some(to)) => write!(f, " {to}"),
            (Some(from), None) => write!(f, " {from}"),
            (None, None) => Ok(()),
        }
    }
}

/// How contents differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Diff {
    /// A unified diff without file headers.
    Text { text: String },
    /// The contents are secret; they differ.
    Secret,
    /// Contents that are not (small) text.
    Binary {
        #[serde(skip_serializing_if = "Option::is_none")]
        from: Option<Blob>,
        #[serde(skip_serializing_if = "Option::is_none")]
        to: Option<Blob>,
    },
}

/// Size and identity of a content that is not shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Blob {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

impl fmt::Display for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.size {
            Some(size) => f.write_str(&size_text(size))?,
            None => f.write_str("unknown size")?,
        }
        match self.sha256.as_deref().and_then(|sha| sha.get(..12)) {
            Some(short) => write!(f, " sha256 {short}…"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Diff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Diff::Text { text } => f.write_str(text),
            Diff::Secret => f.write_str("(secret, differs)"),
            Diff::Binary { from, to } => match (from, to) {
                (Some(from), Some(to)) => write!(f, "({from} → {to})"),
                (None, Some(to)) => write!(f, "({to})"),
                (Some(from), None) => write!(f, "({from} removed)"),
                (None, None) => f.write_str("(differs)"),
            },
        }
    }
}

/// Bytes for people: `4.0 KiB`.
pub fn size_text(bytes: u64) -> String {
    let mut rest = bytes as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if rest < 1024.0 {
            return match unit {
                "B" => format!("{bytes} B"),
                _ => format!("{rest:.1} {unit}"),
            };
        }
        rest /= 1024.0;
    }
    format!("{rest:.1} TiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_and_sizes_read_well() {
        assert_eq!(
            Reason::from_to("mode", "0644", "0600").to_string(),
            "mode 0644 → 0600"
        );
        assert_eq!(Reason::content().to_string(), "content");
        assert_eq!(size_text(0), "0 B");
        assert_eq!(size_text(1536), "1.5 KiB");
        assert_eq!(size_text(512 << 20), "512.0 MiB");
        assert_eq!(size_text(3 << 40), "3.0 TiB");
    }

    #[test]
    fn a_change_serializes_with_stable_names() {
        let mut change = Change::new(Action::Update).because(Reason::from_to("mode", "1", "2"));
        change.diff = Some(Diff::Secret);
        assert_eq!(
            serde_json::to_string(&change).unwrap(),
            r#"{"action":"update","reasons":[{"what":"mode","from":"1","to":"2"}],"diff":{"type":"secret"}}"#
        );
    }
}
