//! Commands on the workstation whose output is wanted.

use std::path::PathBuf;
use std::process::Stdio;

use tokio::process::Command;

use super::Error;

/// So many lines of stderr are kept for the failure.
const KEPT: usize = 20;

/// What `words` writes to stdout. It reads nothing, and is killed when the future is dropped.
pub async fn stdout_of(words: &[String]) -> Result<Vec<u8>, Error> {
    let shown =
        shlex::try_join(words.iter().map(String::as_str)).unwrap_or_else(|_| words.join(" "));
    let (program, args) = words
        .split_first()
        .map_or(("", words), |(first, rest)| (first.as_str(), rest));
    let output = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|source| Error::Io {
            verb: "start",
            path: PathBuf::from(program),
            source,
        })?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<String> = stderr.lines().map(str::to_owned).collect();
    Err(Error::Command {
        command: shown,
        how: match output.status.code() {
            Some(code) => format!("code {code}"),
            None => "a signal".into(),
        },
        code: output.status.code(),
        stderr: lines
            .get(lines.len().saturating_sub(KEPT)..)
            .unwrap_or_default()
            .to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[tokio::test]
    async fn output_comes_back_and_failures_say_what_was_run() {
        assert_eq!(
            stdout_of(&words(&["printf", "%s", "a b"])).await.unwrap(),
            b"a b"
        );
        let error = stdout_of(&words(&["sh", "-c", "echo no >&2; exit 3"]))
            .await
            .unwrap_err();
        let failure = crate::diag::Failure::from(error);
        assert_eq!(failure.code, Some(3));
        assert_eq!(failure.output, ["no"]);
        assert_eq!(
            failure.command.as_deref(),
            Some("sh -c 'echo no >&2; exit 3'")
        );
        let missing = stdout_of(&words(&["no-such-program"])).await.unwrap_err();
        assert_eq!(missing.to_string(), "cannot start `no-such-program`");
    }
}
