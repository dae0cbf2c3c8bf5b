//! A build's steps, and its start and ready commands, each run inside the tree.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::Command;

use super::build::Wanted;
use super::image::Image;
use super::jobs::Progress;
use crate::field::Field;
use crate::sandbox::{self, Network};
use crate::storage::templates;

/// As whom, where and with which variables the next command runs.
#[derive(Debug, Clone)]
pub struct Context {
    pub user: String,
    pub directory: String,
    pub variables: BTreeMap<String, String>,
}

impl Context {
    /// As the image has it.
    pub fn of(image: &Image) -> Context {
        let user = match image.user.as_str() {
            "" | "0" => "root",
            user => user,
        };
        Context {
            user: user.to_owned(),
            directory: image.directory.clone(),
            variables: image.variables.clone(),
        }
    }

    fn command(&self, text: &str, shown: &str) -> Value {
        json!({
            "command": text,
            "shown": shown,
            "user": self.user,
            "cwd": self.directory,
            "variables": self.variables,
        })
    }
}

/// Runs the steps of a build in order.
pub async fn run(
    wanted: &Wanted,
    steps: &Value,
    tree: &Path,
    context: &mut Context,
    progress: &Progress,
) -> Result<(), String> {
    for step in steps.as_array().into_iter().flatten() {
        let kind = step["type"].as_str().unwrap_or_default().to_uppercase();
        let words = step["args"].as_array().into_iter().flatten();
        let words: Vec<&str> = words.filter_map(Value::as_str).collect();
        let shown = format!("{kind} {}", words.join(" "));
        // what runs inside says so itself
        if !matches!(kind.as_str(), "RUN" | "WORKDIR") {
            progress.say(format!("[builder] {shown}"));
        }
        match (kind.as_str(), words.as_slice()) {
            ("RUN", [text, rest @ ..]) => {
                let mut own = context.clone();
                if let Some(user) = rest.first() {
                    own.user = (*user).to_owned();
                }
                let plan = json!({"tree": tree, "steps": [own.command(text, &shown)]});
                inside(Network::Node, plan, progress).await?;
            }
            ("ENV", pairs) => {
                for pair in pairs.chunks(2) {
                    if let [name, value] = pair {
                        context
                            .variables
                            .insert((*name).to_owned(), (*value).to_owned());
                    }
                }
            }
            ("WORKDIR", [directory, ..]) => {
                context.directory = (*directory).to_owned();
                let made = "mkdir -p \"$DIRECTORY\"";
                let mut own = context.clone();
                own.directory.clear();
                own.variables
                    .insert("DIRECTORY".to_owned(), (*directory).to_owned());
                let plan = json!({"tree": tree, "steps": [own.command(made, &shown)]});
                inside(Network::Node, plan, progress).await?;
            }
            ("USER", [user, ..]) => context.user = (*user).to_owned(),
            ("COPY", [_, target, ..]) => {
                copy(wanted, step, tree, context, target, progress).await?
            }
            _ => return Err(format!("unknown or incomplete step: {shown}")),
        }
    }
    Ok(())
}

/// Unpacks the archive of a step's files, which was uploaded before.
async fn copy(
    wanted: &Wanted,
    step: &Value,
    tree: &Path,
    context: &Context,
    target: &str,
    progress: &Progress,
) -> Result<(), String> {
    let hash = step["filesHash"].as_str().unwrap_or_default();
    let archive = uploaded(&wanted.template, hash).ok_or_else(|| {
        format!("the files of COPY with hash '{hash}' were not uploaded to this node")
    })?;
    let staged = tree.join(".e2b-copy");
    fs::create_dir_all(&staged).map_err(|why| format!("COPY: {why}"))?;
    let unpacked = Command::new("tar")
        .arg("--extract")
        .arg("--file")
        .arg(&archive)
        .arg("--directory")
        .arg(&staged)
        .stdin(Stdio::null())
        .output()
        .await
        .map_err(|why| format!("COPY: {why}"))?;
    if !unpacked.status.success() {
        let why = String::from_utf8_lossy(&unpacked.stderr).trim().to_owned();
        return Err(format!("COPY: {why}"));
    }
    let source = step
        .of("args")
        .get(0)
        .and_then(Value::as_str)
        .unwrap_or(".");
    let mut own = context.clone();
    let owner = own.user.clone();
    "root".clone_into(&mut own.user);
    for (name, value) in [("SOURCE", source), ("TARGET", target), ("OWNER", &owner)] {
        own.variables.insert(name.to_owned(), value.to_owned());
    }
    let plan = json!({"tree": tree, "steps": [own.command(COPY, "COPY")]});
    let copied = inside(Network::Node, plan, progress).await;
    let _ = fs::remove_dir_all(&staged);
    copied
}

/// A directory's content goes into the target, a file to it or into it.
const COPY: &str = r#"
set -e
cd /.e2b-copy
case $TARGET in
    */) mkdir -p "$TARGET" ;;
    *) mkdir -p "$(dirname "$TARGET")" ;;
esac
chown -R "$OWNER" .
if [ -d "$SOURCE" ]; then
    mkdir -p "$TARGET"
    cp -a "$SOURCE/." "$TARGET"
else
    cp -a $SOURCE "$TARGET"
fi
"#;

fn uploaded(template: &str, hash: &str) -> Option<PathBuf> {
    let is_hash = !hash.is_empty() && hash.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_hash.then_some(())?;
    let files = templates().join("files");
    let names = [
        hash.to_owned(),
        format!("{hash}.tar"),
        format!("{hash}.tar.gz"),
    ];
    let places = [files.join(template), files];
    let mut candidates = places
        .iter()
        .flat_map(|place| names.iter().map(move |name| place.join(name)));
    candidates.find(|path| path.is_file())
}

/// Runs the start command until the ready command succeeds. Without either there is nothing to do.
pub async fn begin(
    tree: &Path,
    context: &Context,
    (start, ready): (&str, &str),
    progress: &Progress,
) -> Result<(), String> {
    if start.is_empty() && ready.is_empty() {
        return Ok(());
    }
    let plan = json!({
        "tree": tree,
        "loopback": true,
        "start": context.command(start, start),
        "ready": context.command(ready, ready),
    });
    inside(Network::Alone, plan, progress).await
}

/// Carries a plan out, and gives its output to the build's log.
async fn inside(network: Network<'_>, plan: Value, progress: &Progress) -> Result<(), String> {
    let failed = |why: std::io::Error| format!("cannot enter the template: {why}");
    let mut child = sandbox::start(network, &plan).await.map_err(failed)?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let heard = async {
        let Some(stdout) = stdout else { return };
        let mut lines = BufReader::new(stdout).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            progress.say(line);
        }
    };
    let why = async {
        let mut why = String::new();
        if let Some(mut stderr) = stderr {
            let _ = stderr.read_to_string(&mut why).await;
        }
        why
    };
    let ((), why) = tokio::join!(heard, why);
    let status = child.wait().await.map_err(failed)?;
    match status.success() {
        true => Ok(()),
        false if why.trim().is_empty() => Err(format!("the build's sandbox ended with {status}")),
        false => Err(why.trim().to_owned()),
    }
}
