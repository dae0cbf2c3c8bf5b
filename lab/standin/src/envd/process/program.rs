//! Starting a program: as whom, where, with which variables, on pipes or a terminal.

use std::env;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Stdio;

use pty_process::{OwnedReadPty, Size};
use serde_json::Value;
use tokio::process::{Child, ChildStderr, ChildStdout, Command};

use super::Input;
use crate::connect::{Result, error};
use crate::envd::path::{resolve, words};
use crate::envd::state::{State, held};
use crate::envd::user::User;

/// Where its output comes from.
pub enum Output {
    Pipes(ChildStdout, ChildStderr),
    Terminal(OwnedReadPty),
}

/// A program that was started.
pub struct Started {
    pub child: Child,
    pub input: Input,
    pub output: Output,
}

/// Starts what a `StartRequest` asks for. `size` is that of its terminal: columns and rows.
///
/// # Errors
///
/// When it cannot be started, as the platform words it.
pub fn start(
    state: &State,
    user: &User,
    config: &Value,
    size: Option<(u16, u16)>,
) -> Result<Started> {
    let name = config["cmd"].as_str().unwrap_or_default();
    let path = look_up(name).map_err(|why| refused(name, &why))?;
    let shown = path.display().to_string();
    let failed = |why: io::Error| refused(&shown, &format!("fork/exec {shown}: {}", words(&why)));
    let mut command = Command::new(&path);
    command.arg0(name);
    let words = config["args"].as_array().into_iter().flatten();
    command.args(words.filter_map(Value::as_str));
    let directory = config["cwd"].as_str().unwrap_or_default();
    let directory = resolve(directory, user).map_err(|why| error("invalid_argument", why))?;
    command.current_dir(directory);
    set_variables(&mut command, state, user, config);
    command.uid(user.id).gid(user.group);
    let Some((columns, rows)) = size else {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().map_err(failed)?;
        let (Some(stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(error("internal", "the pipes are not there"));
        };
        return Ok(Started {
            child,
            input: Input::Pipe(stdin),
            output: Output::Pipes(stdout, stderr),
        });
    };
    let terminal = |why: pty_process::Error| match why {
        pty_process::Error::Io(why) => failed(why),
        other => refused(&shown, &other.to_string()),
    };
    let (pty, inner) = pty_process::open().map_err(terminal)?;
    pty.resize(Size::new(rows, columns)).map_err(terminal)?;
    let child = pty_process::Command::from(command)
        .spawn(inner)
        .map_err(terminal)?;
    let (output, input) = pty.into_split();
    Ok(Started {
        child,
        input: Input::Terminal(input),
        output: Output::Terminal(output),
    })
}

fn refused(program: &str, why: &str) -> crate::connect::Error {
    let why = format!("error starting process '{program}': {why}");
    error("invalid_argument", why)
}

/// Little of envd's own environment, then the sandbox's, then the request's.
fn set_variables(command: &mut Command, state: &State, user: &User, config: &Value) {
    command.env_clear();
    if let Some(path) = env::var_os("PATH") {
        command.env("PATH", path);
    }
    command.env("HOME", &user.home);
    command.env("USER", &user.name).env("LOGNAME", &user.name);
    command.envs(&*held(&state.variables));
    let own = config["envs"].as_object().into_iter().flatten();
    for (name, value) in own {
        // a name with a NUL or `=` would keep everything from starting
        if !name.is_empty() && !name.contains(['=', '\0']) {
            let text = value.as_str().unwrap_or_default().replace('\0', "");
            command.env(name, text);
        }
    }
}

/// A name without a slash is looked for in `PATH`.
fn look_up(name: &str) -> std::result::Result<PathBuf, String> {
    if name.is_empty() {
        return Err("exec: no command".to_owned());
    }
    if name.contains('/') {
        return Ok(name.into());
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path).map(|directory| directory.join(name));
    let mut found = found.filter(|file| {
        fs::metadata(file)
            .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    });
    found
        .next()
        .ok_or_else(|| format!("exec: \"{name}\": executable file not found in $PATH"))
}
