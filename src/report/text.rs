//! Text as it may go to a terminal: control characters made visible, numbers made readable.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Makes control characters visible, so that remote text cannot move the cursor, change colours or
/// hide words. Line ends and tabs stay.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_active) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len() + 8);
    for char in text.chars() {
        match char {
            '\u{7f}' => plain.push_str("^?"),
            '\0'..='\u{1f}' if is_active(char) => {
                plain.push('^');
                plain.push(char::from(char as u8 + 0x40));
            }
            _ if is_active(char) => {
                // Writing to a string cannot fail.
                let _ = write!(plain, "\\u{{{:x}}}", u32::from(char));
            }
            _ => plain.push(char),
        }
    }
    Cow::Owned(plain)
}

/// Whether a terminal would act on the character instead of showing it.
fn is_active(char: char) -> bool {
    match char {
        '\n' | '\t' => false,
        // They turn the direction of what follows around.
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        _ => char.is_control(),
    }
}

/// Makes control characters visible but lets colours through.
pub fn visible_with_color(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_active) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, color, after)) = next_color(rest) {
        plain.push_str(&visible(before));
        plain.push_str(color);
        rest = after;
    }
    plain.push_str(&visible(rest));
    Cow::Owned(plain)
}

/// The text without its colours.
pub fn without_color(text: &str) -> Cow<'_, str> {
    if !text.contains('\u{1b}') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, _, after)) = next_color(rest) {
        plain.push_str(before);
        rest = after;
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

/// The text before the first colour sequence (`ESC [ digits and semicolons m`), it, and the rest.
fn next_color(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    loop {
        let start = from + text.get(from..)?.find("\u{1b}[")?;
        let body = text.get(start + 2..)?;
        let end = body.find(|char: char| !matches!(char, '0'..='9' | ';'))?;
        if body.get(end..)?.starts_with('m') {
            let after = start + 2 + end + 1;
            return Some((
                text.get(..start)?,
                text.get(start..after)?,
                text.get(after..)?,
            ));
        }
        from = start + 2;
    }
}

/// `0.3 s`, `4.2 s`, `75 s`, `2 min 5 s`, `1 h 3 min`.
pub fn duration(seconds: f64) -> String {
    let whole = seconds.round().max(0.0) as u64;
    match whole {
        0..10 if seconds < 9.95 => format!("{:.1} s", seconds.max(0.0)),
        0..100 => format!("{whole} s"),
        100..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

/// `512 B`, `2.1 MiB`, `61 MiB`.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = "KiB";
    for next in UNITS.into_iter().skip(1) {
        if value < 1023.5 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    match value < 9.95 {
        true => format!("{value:.1} {unit}"),
        false => format!("{value:.0} {unit}"),
    }
}

/// `1 host`, `6 hosts`.
pub fn count(number: u64, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        _ => format!("{number} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_shown_not_obeyed() {
        assert_eq!(visible("plain\ttext é\n"), "plain\ttext é\n");
        assert_eq!(visible("a\u{1b}[2Jb\rc\u{7}"), "a^[[2Jb^Mc^G");
        assert_eq!(
            visible("\u{7f}\u{9b}31m\u{202e}x"),
            "^?\\u{9b}31m\\u{202e}x"
        );
        assert!(!visible("\u{1b}]0;title\u{7}").chars().any(is_active));
    }

    #[test]
    fn colours_alone_may_pass() {
        let text = "\u{1b}[1;31mred\u{1b}[0m \u{1b}[2J \u{1b}[3";
        assert_eq!(
            visible_with_color(text),
            "\u{1b}[1;31mred\u{1b}[0m ^[[2J ^[[3"
        );
        assert_eq!(without_color(text), "red \u{1b}[2J \u{1b}[3");
    }

    #[test]
    fn numbers_read_well() {
        let durations = [0.0, 0.04, 4.24, 9.96, 75.4, 99.9, 125.0, 3599.7, 3780.0];
        let texts = [
            "0.0 s",
            "0.0 s",
            "4.2 s",
            "10 s",
            "75 s",
            "1 min 40 s",
            "2 min 5 s",
            "1 h 0 min",
            "1 h 3 min",
        ];
        assert_eq!(durations.map(duration), texts);
        let sizes = [
            0,
            1023,
            1024,
            2_202_009,
            1_048_575,
            64_000_000,
            536_870_912,
            5_000_000_000,
        ];
        let texts = [
            "0 B", "1023 B", "1.0 KiB", "2.1 MiB", "1.0 MiB", "61 MiB", "512 MiB", "4.7 GiB",
        ];
        assert_eq!(sizes.map(size), texts);
        assert_eq!(
            [0, 1, 2].map(|n| count(n, "host")),
            ["0 hosts", "1 host", "2 hosts"]
        );
    }
}
