//! Quoting for a POSIX shell, in the one place where it happens.

/// `text` as one word of a POSIX shell, whatever bytes it holds except NUL.
///
/// NUL cannot be in a path or an argument; callers have checked (see [`holds_nul`]).
pub fn quote_bytes(text: &[u8]) -> Vec<u8> {
    let plain = !text.is_empty()
        && text
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"/._-+:,@%=".contains(byte));
    if plain {
        return text.to_vec();
    }
    let mut quoted = Vec::with_capacity(text.len() + 2);
    quoted.push(b'\'');
    for &byte in text {
        if byte == b'\'' {
            quoted.extend_from_slice(b"'\\''");
        } else {
            quoted.push(byte);
        }
    }
    quoted.push(b'\'');
    quoted
}

/// `text` as one word of a POSIX shell.
pub fn quote(text: &str) -> String {
    // Quoting adds ASCII between characters only, so the result stays UTF-8.
    String::from_utf8_lossy(&quote_bytes(text.as_bytes())).into_owned()
}

/// A command line whose words are exactly `words`.
pub fn join<S: AsRef<str>>(words: &[S]) -> String {
    let words: Vec<String> = words.iter().map(|word| quote(word.as_ref())).collect();
    words.join(" ")
}

/// Whether `text` cannot be a path or an argument at all.
pub fn holds_nul(text: &str) -> bool {
    text.contains('\0')
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    fn through_shell(shell: &[&str], word: &[u8]) -> Vec<u8> {
        let mut script = b"printf %s ".to_vec();
        script.extend(quote_bytes(word));
        let output = Command::new(shell[0])
            .args(&shell[1..])
            .arg("-c")
            .arg(std::ffi::OsStr::from_bytes(&script))
            .output()
            .unwrap();
        assert!(output.status.success());
        output.stdout
    }

    #[test]
    fn plain_words_stay_readable() {
        assert_eq!(quote("/opt/e2b/api.env"), "/opt/e2b/api.env");
        assert_eq!(quote(""), "''");
        assert_eq!(quote("it's"), "'it'\\''s'");
        assert_eq!(join(&["ls", "-l", "a b"]), "ls -l 'a b'");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(150))]
        #[test]
        fn any_bytes_come_back(word in proptest::collection::vec(1u8..=255, 0..60)) {
            prop_assert_eq!(through_shell(&["sh"], &word), word.clone());
            if std::path::Path::new("/bin/busybox").exists() {
                prop_assert_eq!(through_shell(&["busybox", "sh"], &word), word);
            }
        }
    }
}
