//! Starting processes that outlive e2blab: own session, own log, no tie to its terminal or pipes.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Stdio};

use crate::error::{At, Error, Result};
use crate::exec;

/// Joins the control group before anything else, lets go of descriptors that whoever called
/// e2blab left open, and becomes the program in its own session, under the same process id.
const BECOME: &str = r#"group=$1; shift
echo $$ > "$group/cgroup.procs" || exit 125
exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&-
exec setsid "$@""#;

/// Starts a program in a control group. Its environment is empty but for PATH and `environment`;
/// what it prints is appended to `log`.
pub fn start(
    group: &Path,
    log: &Path,
    environment: &[(&str, &str)],
    words: &[String],
) -> Result<Child> {
    let file = File::options()
        .create(true)
        .append(true)
        .open(log)
        .at("open", log)?;
    let also = file.try_clone().at("open", log)?;
    let mut command = exec::command("/bin/sh");
    command
        .env_clear()
        .env("PATH", exec::search_path())
        .envs(environment.iter().copied())
        .args(["-c", BECOME, "sh"])
        .arg(group)
        .args(words)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(file)
        .stderr(also);
    command.spawn().map_err(|source| Error::Start {
        program: words.first().cloned().unwrap_or_default(),
        source,
    })
}
