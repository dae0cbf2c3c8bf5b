//! Writes an environment file that its readers agree on.

use super::is_name;

/// Why a variable cannot be written.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RenderError {
    #[error("`{0}` cannot name an environment variable")]
    Name(String),
    #[error(
        "the value of `{name}` has a {what}, which readers of environment files disagree about"
    )]
    Control { name: String, what: &'static str },
}

/// The lines `NAME=value` of `variables`, in their order.
///
/// systemd (`EnvironmentFile=`), a POSIX shell (`set -a; . FILE`) and Nomad (`template { env = true }`)
/// read the same values back. They differ in what a backslash does, so only forms are used that mean
/// the same to all of them.
pub fn render<'a>(
    variables: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<String, RenderError> {
    let mut text = String::new();
    for (name, value) in variables {
        if !is_name(name) {
            return Err(RenderError::Name(name.into()));
        }
        if let Some(control) = value.chars().find(|c| c.is_control()) {
            let what = match control {
                '\n' | '\r' => "line break",
                '\t' => "tab",
                _ => "control character",
            };
            return Err(RenderError::Control {
                name: name.into(),
                what,
            });
        }
        text.push_str(name);
        text.push('=');
        text.push_str(&quoted(value));
        text.push('\n');
    }
    Ok(text)
}

fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@%+,=".contains(c);
    if value.chars().all(plain) {
        return value.to_owned();
    }
    if !value.contains('\'') {
        return format!("'{value}'");
    }
    // Inside double quotes Nomad knows no `\$`, and a shell would expand a bare `$`.
    let parts: Vec<String> = value
        .split('\'')
        .map(|part| {
            if part.is_empty() {
                String::new()
            } else {
                format!("'{part}'")
            }
        })
        .collect();
    parts.join("\"'\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env_file::parse;
    use proptest::prelude::*;

    fn line(value: &str) -> String {
        render([("A", value)]).unwrap()
    }

    #[test]
    fn quotes_are_used_where_they_are_needed() {
        assert_eq!(line("http://h:1/x?y"), "A='http://h:1/x?y'\n");
        assert_eq!(line("a.b:5432,c@d"), "A=a.b:5432,c@d\n");
        assert_eq!(line(""), "A=\n");
        assert_eq!(line("p$w`x\\\""), "A='p$w`x\\\"'\n");
        assert_eq!(line("it's"), "A='it'\"'\"'s'\n");
        assert_eq!(line("~/x"), "A='~/x'\n");
    }

    #[test]
    fn what_readers_disagree_about_is_refused() {
        assert!(matches!(
            render([("A", "x\ny")]),
            Err(RenderError::Control {
                what: "line break",
                ..
            })
        ));
        assert!(matches!(
            render([("A", "x\u{7f}")]),
            Err(RenderError::Control { .. })
        ));
        assert_eq!(render([("A B", "x")]), Err(RenderError::Name("A B".into())));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(value in "[^\\p{Cc}]{0,40}") {
            let parsed = parse(&line(&value));
            prop_assert_eq!(&parsed.problems, &[]);
            prop_assert_eq!(&parsed.entries[0].value, &value);
            prop_assert_eq!(&parsed.notes, &[]);
        }

        #[test]
        fn the_parser_never_fails_and_counts_its_lines(text in "[ -~\n\r\t]{0,200}") {
            let parsed = parse(&text);
            let lines = text.lines().count();
            prop_assert!(parsed.entries.iter().all(|entry| entry.line >= 1 && entry.line <= lines));
        }

        #[test]
        fn a_shell_reads_what_the_parser_reads(value in "[ -~]{0,30}") {
            // What the parser takes without a note, a shell takes the same way.
            let text = format!("A={value}");
            let parsed = parse(&text);
            if parsed.problems.is_empty() && parsed.notes.is_empty() && !parsed.entries.is_empty()
                && !tilde(&value)
            {
                prop_assert_eq!(sh(&text), parsed.entries[0].value.clone());
            }
        }

        #[test]
        fn a_shell_reads_back_what_is_written(value in "[ -~äß€]{0,30}") {
            prop_assert_eq!(sh(&line(&value)), value);
        }
    }

    /// A shell expands these to home directories; nothing here does.
    fn tilde(value: &str) -> bool {
        value.contains('~')
    }

    fn sh(text: &str) -> String {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
        let out = std::process::Command::new("sh")
            .args(["-c", "set -a; . \"$1\"; printf %s \"$A\"", "sh"])
            .arg(file.path())
            .env_remove("A")
            .output()
            .unwrap();
        assert!(
            out.status.success(),
            "{text}: {}",
            String::from_utf8_lossy(&out.stderr)
        );
        String::from_utf8(out.stdout).unwrap()
    }
}
