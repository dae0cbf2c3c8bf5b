//! `Host` and `Match`: whether the lines that follow hold.

use std::process::{Command, Stdio};

use super::draft::Draft;
use super::expand::Tokens;
use super::local::Local;
use super::pattern::{matches_list, matches_pattern};
use super::words;

/// What conditions are judged by, in one pass over the files.
pub(super) struct Circumstances<'a> {
    /// The name `Host` looks at: as asked for, in the second pass as resolved.
    pub host: &'a str,
    pub original: &'a str,
    pub is_final: bool,
    pub local: &'a Local,
    pub home: &'a str,
    /// Whether `Match exec` may run its command.
    pub may_run: bool,
}

/// What a `Match` came to.
pub(super) struct Verdict {
    pub holds: bool,
    /// It asks for a second pass with the resolved name.
    pub wants_final: bool,
    pub note: Option<String>,
}

impl Circumstances<'_> {
    /// A `Host` line: one of the patterns, and none of those with `!`.
    pub fn host_line(&self, value: &str) -> Result<bool, String> {
        let mut holds = false;
        for pattern in words::split(value)? {
            let (negated, pattern) = match pattern.strip_prefix('!') {
                Some(rest) => (true, rest),
                None => (false, pattern.as_str()),
            };
            if matches_pattern(pattern, self.host) {
                if negated {
                    return Ok(false);
                }
                holds = true;
            }
        }
        Ok(holds)
    }

    /// A `Match` line: all of its criteria.
    pub fn match_line(&self, value: &str, draft: &Draft) -> Result<Verdict, String> {
        let mut verdict = Verdict {
            holds: true,
            wants_final: false,
            note: None,
        };
        let mut rest = value;
        let mut count = 0;
        loop {
            let (word, after) = words::delimited(rest);
            if word.is_empty() || word.starts_with('#') {
                break;
            }
            rest = after;
            let (negated, name) = match word.strip_prefix('!') {
                Some(name) => (true, name.to_ascii_lowercase()),
                None => (false, word.to_ascii_lowercase()),
            };
            if name == "all" {
                if count > 1 || !(rest.is_empty() || rest.starts_with('#')) {
                    return Err("`all` must stand alone in a `Match`".to_owned());
                }
                verdict.holds &= !negated;
                return Ok(verdict);
            }
            count += 1;
            if name == "final" || name == "canonical" {
                verdict.wants_final |= name == "final";
                verdict.holds &= self.is_final != negated;
                continue;
            }
            let (argument, after) = words::delimited(rest);
            if argument.is_empty() || argument.starts_with('#') {
                return Err(format!("`{name}` needs a value in a `Match`"));
            }
            rest = after;
            let fits = self.criterion(&name, argument, draft, &mut verdict)?;
            verdict.holds &= fits != negated;
        }
        if count == 0 {
            return Err("`Match` needs at least one criterion".to_owned());
        }
        Ok(verdict)
    }

    fn criterion(
        &self,
        name: &str,
        argument: &str,
        draft: &Draft,
        verdict: &mut Verdict,
    ) -> Result<bool, String> {
        let user = draft.user.as_deref().unwrap_or(&self.local.user);
        Ok(match name {
            "host" => host_fits(&self.resolved(draft)?, argument),
            "originalhost" => host_fits(self.original, argument),
            "user" => matches_list(argument, user, ','),
            "localuser" => matches_list(argument, &self.local.user, ','),
            "exec" if !verdict.holds => false,
            "exec" if self.may_run => self.run(argument, draft)?,
            "exec" => {
                verdict.note = Some(format!(
                    "`Match exec` is not run, so `{argument}` counts as false"
                ));
                verdict.holds = false;
                false
            }
            other => {
                verdict.note = Some(format!(
                    "`Match {other}` is not understood and counts as false"
                ));
                verdict.holds = false;
                false
            }
        })
    }

    fn resolved(&self, draft: &Draft) -> Result<String, String> {
        match &draft.host_name {
            Some(name) if self.is_final => Ok(name.clone()),
            Some(name) => super::resolve::host_name(name, self.original),
            None => Ok(self.original.to_owned()),
        }
    }

    fn run(&self, command: &str, draft: &Draft) -> Result<bool, String> {
        let host = self.resolved(draft)?;
        let tokens = Tokens {
            local: self.local,
            home: self.home,
            original: self.original,
            host: &host,
            port: draft.port.unwrap_or(22),
            user: draft.user.as_deref().unwrap_or(&self.local.user),
            key_alias: draft.host_key_alias.as_deref().unwrap_or(self.original),
            jump: "",
        };
        // The names go into a command line: only harmless ones may.
        for name in [&host, self.original] {
            crate::ssh::name::check_host(name).map_err(|error| error.to_string())?;
        }
        crate::ssh::name::check_user(tokens.user).map_err(|error| error.to_string())?;
        let command = tokens.percent(command)?;
        let shell = std::env::var_os("SHELL").filter(|shell| !shell.is_empty());
        let status = Command::new(shell.unwrap_or_else(|| "/bin/sh".into()))
            .args(["-c", &command])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .map_err(|error| format!("cannot run `{command}`: {error}"))?;
        Ok(status.success())
    }
}

fn host_fits(host: &str, patterns: &str) -> bool {
    matches_list(
        &patterns.to_ascii_lowercase(),
        &host.to_ascii_lowercase(),
        ',',
    )
}
