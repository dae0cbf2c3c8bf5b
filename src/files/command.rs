//! A command of a script: what to run, and how its line for the remote shell is made.

use bytes::Bytes;
use secrecy::{ExposeSecret, SecretString};

use super::quote::{join, quote};
use super::shell::{Launch, PAYLOAD, Sudo};

/// What to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// An argument vector; nothing in it is interpreted.
    Words(Vec<String>),
    /// Text for a POSIX shell.
    Shell(String),
}

/// A command with its surroundings.
#[derive(Debug, Clone)]
pub struct CommandLine {
    pub work: Work,
    /// Variables travel on standard input: a command line is for all eyes on the host.
    pub env: Vec<(String, SecretString)>,
    /// Directory to run in; the user's home when not given.
    pub cwd: Option<String>,
    /// What the command reads.
    pub stdin: Bytes,
}

impl CommandLine {
    pub fn new(work: Work) -> CommandLine {
        CommandLine {
            work,
            env: Vec::new(),
            cwd: None,
            stdin: Bytes::new(),
        }
    }

    /// The command as a person would type it, without its environment.
    pub fn shown(&self) -> String {
        match &self.work {
            Work::Words(words) => join(words),
            Work::Shell(text) => text.clone(),
        }
    }

    /// The line for the remote login shell, and what goes on its standard input.
    pub fn launch(&self, sudo: &Sudo) -> (String, Bytes) {
        let plain = self.env.is_empty() && self.cwd.is_none();
        if let (true, Sudo::None | Sudo::NoPassword) = (plain, sudo) {
            let line = match &self.work {
                Work::Words(words) => join(words),
                Work::Shell(text) => format!("sh -c {}", quote(text)),
            };
            let line = match sudo {
                Sudo::NoPassword => format!("sudo -n -- {line}"),
                _ => line,
            };
            return (line, self.stdin.clone());
        }
        let launch = Launch::new(sudo, self.script().as_bytes());
        let mut input = launch.head.to_vec();
        input.extend_from_slice(&self.stdin);
        (launch.command, Bytes::from(input))
    }

    /// The script that sets the surroundings up and becomes the command.
    fn script(&self) -> String {
        let mut script = format!("IFS= read -r l && [ \"$l\" = {PAYLOAD} ] || exit 92\n");
        if let Some(cwd) = &self.cwd {
            script.push_str(&format!("cd -- {} || exit 93\n", quote(cwd)));
        }
        for (name, value) in &self.env {
            script.push_str(&format!("export {name}={}\n", quote(value.expose_secret())));
        }
        match &self.work {
            Work::Words(words) => script.push_str(&format!("exec {}\n", join(words))),
            Work::Shell(text) => {
                script.push_str(text);
                script.push('\n');
            }
        }
        script
    }
}
