//! A build's steps, and its start and ready commands, each run inside the tree.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};

use super::build::Wanted;
use super::copy::copy;
use super::image::Image;
use super::jobs::Progress;
use crate::sandbox::{self, Network};

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

    /// A command for a plan, and what the build's log calls it.
    pub fn command(&self, text: &str, shown: &str) -> Value {
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
        if !matches!(kind.as_str(), "RUN" | "WORKDIR" | "COPY") {
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
            ("COPY", [_, _, ..]) => {
                copy(wanted, step, &words, tree, context, progress).await?;
            }
            _ => return Err(format!("unknown or incomplete step: {shown}")),
        }
    }
    Ok(())
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
pub async fn inside(network: Network<'_>, plan: Value, progress: &Progress) -> Result<(), String> {
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
