//! The forms in which a secret's value travels: encoded, escaped, quoted, cut into lines.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

use super::mask::MIN_CHARS;

/// Lines of a secret of several lines are masked one by one from this length on.
const MIN_LINE_CHARS: usize = 8;

/// Every text that gives the secret away. Empty for a value that is too short to be masked.
pub fn forms(secret: &str) -> Vec<String> {
    let mut forms = Vec::new();
    let trimmed = secret.trim();
    for value in [secret, trimmed] {
        if value.trim().chars().count() >= MIN_CHARS {
            encoded(value, &mut forms);
        }
        if trimmed.len() == secret.len() {
            break;
        }
    }
    // Output arrives line by line, so a key of several lines would never be seen as a whole.
    if trimmed.contains('\n') {
        forms.extend(
            trimmed
                .lines()
                .map(str::trim)
                .filter(|line| line.chars().count() >= MIN_LINE_CHARS && !line.starts_with("-----"))
                .map(str::to_owned),
        );
    }
    forms.retain(|form| form.chars().count() >= MIN_CHARS);
    forms.sort();
    forms.dedup();
    forms
}

fn encoded(value: &str, forms: &mut Vec<String>) {
    forms.push(value.to_owned());
    base64_forms(value.as_bytes(), forms);
    let hex = value.bytes().fold(String::new(), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    forms.push(hex.to_uppercase());
    forms.push(hex);
    for kept in ["-_.~", "-_.~/", "-_.!~*'()", "-_.~/:@!$&'()*+,;=", ""] {
        for upper in [true, false] {
            let percent = percent(value, kept, upper);
            forms.push(percent.replace("%20", "+"));
            forms.push(percent);
        }
    }
    escaped(value, forms);
    quoted(value, forms);
}

/// Base64 in both alphabets, whole and as part of a longer text, where the neighbouring bytes
/// decide the first and the last character; and cut as `base64` and PEM files cut their lines.
fn base64_forms(bytes: &[u8], forms: &mut Vec<String>) {
    let whole = STANDARD_NO_PAD.encode(bytes);
    for width in [76, 64] {
        let mut rest = whole.as_str();
        while let Some((line, after)) = rest.split_at_checked(width) {
            forms.push(line.to_owned());
            rest = after;
        }
        if whole.len() > width && rest.len() >= MIN_LINE_CHARS {
            forms.push(rest.to_owned());
        }
    }
    forms.push(STANDARD.encode(bytes));
    forms.push(URL_SAFE.encode(bytes));
    forms.push(URL_SAFE_NO_PAD.encode(bytes));
    forms.push(whole);
    for shift in 0..3usize {
        let mut shifted = vec![0; shift];
        shifted.extend_from_slice(bytes);
        let first = (shift * 8).div_ceil(6);
        let last = shifted.len() * 8 / 6;
        for text in [
            STANDARD_NO_PAD.encode(&shifted),
            URL_SAFE_NO_PAD.encode(&shifted),
        ] {
            forms.extend(text.get(first..last).map(str::to_owned));
        }
    }
}

fn percent(value: &str, kept: &str, upper: bool) -> String {
    let mut text = String::new();
    for byte in value.bytes() {
        let char = char::from(byte);
        if char.is_ascii_alphanumeric() || (byte.is_ascii() && kept.contains(char)) {
            text.push(char);
        } else {
            let _ = match upper {
                true => write!(text, "%{byte:02X}"),
                false => write!(text, "%{byte:02x}"),
            };
        }
    }
    text
}

/// As JSON writers escape it: plainly, with slashes, as Go does for HTML, in ASCII, and twice.
fn escaped(value: &str, forms: &mut Vec<String>) {
    let json = json(value);
    let html = json
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026");
    let slashed = [json.replace('/', "\\/"), html.replace('/', "\\/")];
    for text in slashed.into_iter().chain([json, html]) {
        forms.push(ascii(&text));
        forms.push(self::json(&text));
        forms.push(text);
    }
    forms.push(value.escape_debug().to_string());
    forms.push(value.escape_default().to_string());
}

fn json(value: &str) -> String {
    let text = serde_json::Value::from(value).to_string();
    text.get(1..text.len().saturating_sub(1))
        .unwrap_or_default()
        .to_owned()
}

fn ascii(text: &str) -> String {
    let mut plain = String::new();
    for char in text.chars() {
        if char.is_ascii() {
            plain.push(char);
        } else {
            for unit in char.encode_utf16(&mut [0; 2]) {
                let _ = write!(plain, "\\u{unit:04x}");
            }
        }
    }
    plain
}

/// As shells and those who quote for them write it.
fn quoted(value: &str, forms: &mut Vec<String>) {
    forms.push(value.replace('\'', "'\\''"));
    forms.push(value.replace('\'', "'\"'\"'"));
    forms.push(value.replace('\'', "\\'"));
    let mut double = String::new();
    let mut bare = String::new();
    for char in value.chars() {
        if matches!(char, '$' | '`' | '"' | '\\' | '!') {
            double.push('\\');
        }
        double.push(char);
        if char.is_ascii() && !char.is_ascii_alphanumeric() && !"_-./:=@%+,".contains(char) {
            bare.push('\\');
        }
        bare.push(char);
    }
    forms.push(double.replace("\\!", "!"));
    forms.push(double);
    forms.push(bare);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asserts that some form covers all of `text` but `slack` characters.
    fn covered(secret: &str, text: &str) {
        let forms = forms(secret);
        assert!(
            forms.iter().any(|form| form == text),
            "{text} is not among {forms:#?}"
        );
    }

    #[test]
    fn usual_encodings_are_known() {
        let secret = r#"p@ss'w"rd/é\x"#;
        for text in [
            r#"p@ss'w"rd/é\x"#,
            "cEBzcyd3InJkL8OpXHg=",
            "cEBzcyd3InJkL8OpXHg",
            "704073732777227264 2fc3a95c78".replace(' ', "").as_str(),
            "704073732777227264 2FC3A95C78".replace(' ', "").as_str(),
            "p%40ss%27w%22rd%2F%C3%A9%5Cx",
            "p%40ss%27w%22rd%2f%c3%a9%5cx",
            "p%40ss'w%22rd%2F%C3%A9%5Cx",
            r#"p@ss'w\"rd/é\\x"#,
            r#"p@ss'w\"rd\/\u00e9\\x"#,
            r#"p@ss'\''w"rd/é\x"#,
            r#"p@ss'"'"'w"rd/é\x"#,
            r#"p@ss'w\"rd/é\\x"#,
        ] {
            covered(secret, text);
        }
        covered("a b&c<d>", "a+b%26c%3Cd%3E");
        covered("a b&c<d>", "a b\\u0026c\\u003cd\\u003e");
        covered("pass word$", "pass\\ word\\$");
        covered("  token-1\n", "token-1");
    }

    #[test]
    fn base64_of_a_longer_text_gives_nothing_away() {
        let secret = "hunter2-hunter2";
        for before in ["", "u", "us", "user:"] {
            let text = STANDARD.encode(format!("{before}{secret}@host"));
            let forms = forms(secret);
            let longest = forms
                .iter()
                .filter(|form| text.contains(form.as_str()))
                .map(String::len)
                .max();
            // All but the characters that it shares with its neighbours.
            assert!(longest >= Some(19), "{text}: {longest:?}");
        }
    }

    #[test]
    fn lines_of_a_key_are_known() {
        let key = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ\nAbCdEf\n-----END PRIVATE KEY-----\n";
        let forms = forms(key);
        assert!(forms.iter().any(|form| form == "MC4CAQAwBQYDK2VwBCIEIJ"));
        assert!(
            !forms
                .iter()
                .any(|form| form == "-----BEGIN PRIVATE KEY-----")
        );
        let folded = STANDARD.encode(key);
        covered(key, &folded[..76]);
    }
}
