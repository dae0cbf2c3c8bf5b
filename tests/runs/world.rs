//! A home directory for runs, and what the program says in it.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// Gone with the test, and all runs with it.
pub struct World {
    pub home: tempfile::TempDir,
}

/// How the program ended, and what it said.
#[derive(Debug, PartialEq, Eq)]
pub struct Said {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl World {
    pub fn new() -> World {
        World {
            home: tempfile::tempdir().unwrap(),
        }
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.home.path().join(name), text).unwrap();
    }

    pub fn runs(&self) -> PathBuf {
        self.home.path().join("state/e2bscript/runs")
    }

    /// The directory of the only run.
    pub fn run_directory(&self) -> PathBuf {
        let mut entries = fs::read_dir(self.runs()).unwrap();
        let path = entries.next().unwrap().unwrap().path();
        assert!(entries.next().is_none(), "there are more runs");
        path
    }

    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_e2bscript"));
        command
            .args(words)
            .current_dir(self.home.path())
            .env("HOME", self.home.path())
            .env("E2BSCRIPT_STATE_HOME", self.home.path().join("state"))
            .env("TZ", "UTC")
            .stdin(Stdio::null());
        for name in [
            "E2BSCRIPT_ENV_FILE",
            "SSH_AUTH_SOCK",
            "NO_COLOR",
            "FORCE_COLOR",
            "CLICOLOR_FORCE",
            "RUST_BACKTRACE",
        ] {
            command.env_remove(name);
        }
        command
    }

    pub fn say(&self, words: &[&str]) -> Said {
        Said::of(self.command(words).output().unwrap())
    }

    /// Runs, and shows the run again: it must be the same to the last byte.
    #[track_caller]
    pub fn same_again(&self, words: &[&str]) -> Said {
        let live = self.say(words);
        let again = self.say(&["runs", "show", "last"]);
        assert_eq!(live.stdout, again.stdout, "{words:?}");
        assert_eq!(live.stderr, again.stderr, "{words:?}");
        assert_eq!(again.code, Some(0), "{again:?}");
        live
    }
}

impl Said {
    /// What came on either end.
    pub fn all(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    pub fn of(output: Output) -> Said {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Said {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}
