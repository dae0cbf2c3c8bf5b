//! Which lines are kept for the next session, and where.

use ::std::fs::DirBuilder;
use ::std::os::unix::fs::DirBuilderExt;
use ::std::path::PathBuf;
use ::std::sync::LazyLock;

use regex::Regex;

use crate::cli::run::env;
use crate::diag::{Class, Failure};
use crate::report::Reporter;
use crate::run::journal;

/// The file of lines, in the state directory that runs are kept in, readable by its owner alone.
pub fn file() -> Result<PathBuf, Failure> {
    let home = journal::state_home(env)
        .map_err(|error| Failure::from_error("run.journal", &error).class(Class::Usage))?;
    let folder = home.join("e2bscript");
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)
        .map_err(|error| Failure::from_error("run.journal", &error).class(Class::Usage))?;
    Ok(folder.join("history"))
}

/// Words that stand beside secrets; a line with one and a text of its own may hold one.
static NAMED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new("(?i)secret|token|passw|pwd|api_?key|credential|private_?key|bearer|auth").ok()
});

/// Texts that look like keys by themselves: the platform's, tokens of Nomad and Consul, long random ones.
static SHAPED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?i)(e2b_|sk_)[0-9a-z_]{8,}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-z+/]{40,}|PRIVATE KEY",
    )
    .ok()
});

/// Whether a line may be kept: nothing in it is a secret of this run, or looks like one.
pub fn may_keep(line: &str, reporter: &Reporter) -> bool {
    let harmless = |pattern: &Option<Regex>| {
        // Without the pattern nobody can tell, so nothing is kept.
        pattern
            .as_ref()
            .is_some_and(|pattern| !pattern.is_match(line))
    };
    !line.trim().is_empty()
        && !line.starts_with(' ')
        && reporter.masked(line) == line
        && (!line.contains(['"', '\'', '`']) || harmless(&NAMED))
        && harmless(&SHAPED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_a_secret_is_not_kept() {
        let reporter = Reporter::silent();
        reporter.mask("hunter2-of-the-run");
        for line in [
            "let t = secret::text(\"x\")",
            "let password = \"hunter\"",
            "let p = `hunter`; let password = p;",
            "http::get(url, #{ headers: #{ Authorization: \"Bearer x\" } })",
            "e2b::connect(#{ api_key: 'x' })",
            "f(\"e2b_0123456789abcdef\")",
            "f(\"7f3a91c2-0000-4000-8000-123456789abc\")",
            "print(\"hunter2-of-the-run\")",
            " 1 + 1",
            "",
        ] {
            assert!(!may_keep(line, &reporter), "{line}");
        }
        for line in [
            "1 + 1",
            "c.hosts.map(|host| host.name)",
            "c.apis[0].run(\"uptime\")",
        ] {
            assert!(may_keep(line, &reporter), "{line}");
        }
    }
}
