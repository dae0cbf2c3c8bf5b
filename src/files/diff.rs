//! Unified diffs of what a plan would write.

use std::time::Duration;

use similar::{Algorithm, TextDiff};

use super::report::Diff;

/// Largest text that is read from a host to be shown or edited, in bytes.
pub const TEXT_LIMIT: u64 = 256 << 10;
/// Longest diff that is shown, in lines.
const SHOWN_LINES: usize = 400;
/// Diffing is quadratic at worst; past this it falls back to a coarser answer.
const DEADLINE: Duration = Duration::from_millis(200);

/// The difference between two contents as people read it, or `None` where either is not text.
pub fn text_diff(old: &[u8], new: &[u8]) -> Option<Diff> {
    let (old, new) = (as_text(old)?, as_text(new)?);
    let diff = TextDiff::configure()
        .algorithm(Algorithm::Myers)
        .timeout(DEADLINE)
        .diff_lines(old, new);
    let unified = diff.unified_diff().context_radius(3).to_string();
    let mut text = String::new();
    let mut lines = unified.lines();
    for line in lines.by_ref().take(SHOWN_LINES) {
        text.push_str(line);
        text.push('\n');
    }
    let rest = lines.count();
    if rest > 0 {
        text.push_str(&format!("… {rest} more lines\n"));
    }
    Some(Diff::Text { text })
}

/// Text: UTF-8 without NUL.
pub(super) fn as_text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes)
        .ok()
        .filter(|text| !text.contains('\0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(old: &str, new: &str) -> String {
        match text_diff(old.as_bytes(), new.as_bytes()) {
            Some(Diff::Text { text }) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn lines_come_with_context_and_signs() {
        assert_eq!(
            text("a\nb\nc\n", "a\nB\nc\n"),
            "@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n"
        );
    }

    #[test]
    fn a_missing_last_newline_shows() {
        assert!(text("a\n", "a").contains("No newline at end of file"));
    }

    #[test]
    fn bytes_are_not_text() {
        assert_eq!(text_diff(b"\xff", b"a"), None);
        assert_eq!(text_diff(b"a\0", b"a"), None);
    }

    #[test]
    fn long_diffs_are_cut_and_say_so() {
        let new: String = (0..1000).map(|n| format!("{n}\n")).collect();
        let shown = text("", &new);
        assert!(shown.lines().count() <= SHOWN_LINES + 1);
        assert!(shown.ends_with("601 more lines\n"), "{shown}");
    }
}
