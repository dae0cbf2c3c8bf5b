//! A change on the console: one line, and its diff.

use std::fmt::Write as _;

use crate::report::color::{Look, Paint};
use crate::report::event::Action;
use crate::report::text::visible;

/// For example `~ file /etc/hosts (content, mode 0644 → 0600)`.
pub(super) fn line(paint: Paint, action: Action, item: &str, reason: &str) -> String {
    let (sign, look, verb) = match action {
        Action::Create => ("+", Look::Added, ""),
        Action::Update => ("~", Look::Changed, ""),
        Action::Delete => ("-", Look::Removed, ""),
        Action::Install => ("+", Look::Added, "install "),
        Action::Remove => ("-", Look::Removed, "remove "),
        Action::Run => (">", Look::Changed, "run "),
        Action::Start => (">", Look::Changed, "start "),
        Action::Stop => (">", Look::Changed, "stop "),
        Action::Restart => (">", Look::Changed, "restart "),
        Action::Reload => (">", Look::Changed, "reload "),
        Action::Enable => (">", Look::Changed, "enable "),
        Action::Disable => (">", Look::Changed, "disable "),
    };
    let mut line = format!("{} {verb}{}", paint.paint(look, sign), visible(item));
    if !reason.is_empty() {
        let reason = format!("({})", visible(reason));
        let _ = write!(line, " {}", paint.paint(Look::Faint, &reason));
    }
    line
}

/// A unified diff, moved to the right.
pub(super) fn diff(paint: Paint, diff: &str, indent: usize) -> String {
    let mut text = String::new();
    for line in visible(diff).lines() {
        let look = match line.as_bytes().first() {
            _ if line.starts_with("+++") || line.starts_with("---") => Some(Look::Faint),
            Some(b'+') => Some(Look::Added),
            Some(b'-') => Some(Look::Removed),
            Some(b'@') => Some(Look::Place),
            _ => None,
        };
        let painted = match look {
            Some(look) => paint.paint(look, line),
            None => line.to_owned(),
        };
        let line = format!("{:indent$}{painted}", "");
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}
