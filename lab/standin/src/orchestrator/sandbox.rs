//! One sandbox: its start, its log, its end.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;

use chrono::{DateTime, SecondsFormat, Utc};
use rustix::mount::{MountFlags, mount};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::Child;
use tokio::sync::Mutex as Turn;

use super::network::Slot;
use super::{envd, sweep};
use crate::field::Field;
use crate::sandbox::{self, Network};
use crate::storage::header::Header;
use crate::storage::{Layers, caches};

/// How many lines of its log are kept.
const LINES: usize = 1000;
/// The disk of a sandbox that says nothing of it, in MiB.
const DISK: u64 = 512;

/// A running sandbox.
pub struct Sandbox {
    /// The configuration it was created with.
    pub config: Value,
    /// Its network.
    pub slot: Slot,
    /// When it began.
    pub started: DateTime<Utc>,
    /// When it is to end.
    pub ends: Mutex<DateTime<Utc>>,
    /// What it stands on.
    pub header: Header,
    /// What was known of the template.
    pub metadata: Value,
    /// The variables of all its processes.
    pub variables: BTreeMap<String, String>,
    /// Where what it writes is.
    pub disk: PathBuf,
    /// The first process in it.
    pub first: u32,
    child: Turn<Child>,
    log: std::sync::Arc<Mutex<VecDeque<(i64, String)>>>,
}

/// Text of a configuration.
pub fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// A number of a configuration; 64 bits may come as text.
pub fn number(value: &Value, name: &str) -> u64 {
    let value = &value[name];
    let text = value.as_str().and_then(|text| text.parse().ok());
    value.as_u64().or(text).unwrap_or_default()
}

impl Sandbox {
    /// Starts a sandbox of a configuration, and waits until its envd answers.
    ///
    /// # Errors
    ///
    /// With what failed; then nothing is left of it.
    pub async fn start(
        layers: &Layers,
        slot: Slot,
        config: Value,
        (started, ends): (DateTime<Utc>, DateTime<Utc>),
    ) -> Result<Sandbox, String> {
        let stack = layers.stack(text(&config, "buildId")).await?;
        let disk = caches().join("sandbox").join(text(&config, "sandboxId"));
        let began = begin(&slot, &disk, &config, &stack.trees).await;
        let (child, first) = match began {
            Ok(began) => began,
            Err(why) => {
                clear(&slot, &disk).await;
                return Err(why);
            }
        };
        let mut variables = texts(stack.state.of("envVars"));
        variables.extend(texts(config.of("envVars")));
        let mut sandbox = Sandbox {
            config,
            slot,
            started,
            ends: Mutex::new(ends),
            header: stack.header,
            metadata: stack.metadata,
            variables,
            disk,
            first,
            child: Turn::new(child),
            log: Default::default(),
        };
        match sandbox.greet().await {
            Ok(()) => Ok(sandbox),
            Err(why) => {
                sandbox.end().await;
                Err(sandbox.last_words(why))
            }
        }
    }

    /// Waits for envd, tells it what it must know, and runs the template's start command.
    async fn greet(&mut self) -> Result<(), String> {
        let child = self.child.get_mut();
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        self.record(stdout);
        self.record(stderr);
        let address = self.slot.address;
        tokio::select! {
            listens = envd::wait(address) => listens?,
            _ = self.child.get_mut().wait() => return Err("the sandbox ended at its start".to_owned()),
        }
        let token = self.token();
        envd::init(address, &self.variables, token).await?;
        let start = self.metadata.of("start");
        let command = start["start_command"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        if !command.is_empty() {
            let context = &start["context"];
            let user = context["user"].as_str().unwrap_or("root").to_owned();
            let shell = "[ -x /bin/bash ] && exec /bin/bash -l -c \"$0\"; exec /bin/sh -c \"$0\"";
            let process = json!({
                "cmd": "/bin/sh",
                "args": ["-c", shell, command],
                "envs": context["env_vars"],
                "cwd": context["workdir"],
            });
            let token = token.map(str::to_owned);
            tokio::spawn(async move {
                // as long as it runs; how it ends is its own matter
                let _ = envd::run(address, &user, token.as_deref(), 0, &process).await;
            });
        }
        Ok(())
    }

    /// The access token of a secure sandbox.
    pub fn token(&self) -> Option<&str> {
        let token = self.config.of("envdAccessToken").as_str();
        token.filter(|token| !token.is_empty())
    }

    fn record(&self, stream: Option<impl AsyncRead + Unpin + Send + 'static>) {
        let Some(stream) = stream else { return };
        let log = std::sync::Arc::clone(&self.log);
        tokio::spawn(async move {
            let mut lines = BufReader::new(stream).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                let mut log = super::fleet::held(&log);
                if log.len() == LINES {
                    log.pop_front();
                }
                log.push_back((Utc::now().timestamp_millis(), line));
            }
        });
    }

    fn last_words(&self, why: String) -> String {
        match super::fleet::held(&self.log).back() {
            Some((_, line)) => format!("{why}: {line}"),
            None => why,
        }
    }

    /// What its envd said since some moment (milliseconds), at most so many lines.
    pub fn logs(&self, start: Option<i64>, limit: Option<usize>) -> Value {
        let log = super::fleet::held(&self.log);
        let since = log
            .iter()
            .filter(|(at, _)| *at >= start.unwrap_or_default());
        let shown = since.take(limit.unwrap_or(LINES)).map(|(at, line)| {
            let at = DateTime::from_timestamp_millis(*at).unwrap_or_default();
            json!({"timestamp": stamp(at), "line": line})
        });
        Value::Array(shown.collect())
    }

    /// Ends all its processes; what it wrote stays until `clear`.
    pub async fn stop(&self) {
        let first = i32::try_from(self.first).ok().and_then(Pid::from_raw);
        let mut child = self.child.lock().await;
        if child.id().is_some()
            && let Some(first) = first
        {
            // all others die with the first, and only then does its parent end
            let _ = kill_process(first, Signal::KILL);
        }
        let _ = child.wait().await;
    }

    /// Ends it, and leaves nothing.
    pub async fn end(&self) {
        self.stop().await;
        clear(&self.slot, &self.disk).await;
    }

    /// Whether its first process has ended by itself.
    pub async fn has_ended(&self) -> bool {
        match self.child.try_lock() {
            Ok(mut child) => matches!(child.try_wait(), Ok(Some(_))),
            Err(_) => false,
        }
    }

    /// Removes what is left of one that was stopped.
    pub async fn clear(&self) {
        clear(&self.slot, &self.disk).await;
    }
}

async fn clear(slot: &Slot, disk: &std::path::Path) {
    sweep::forget(disk);
    slot.remove().await;
}

async fn begin(
    slot: &Slot,
    disk: &std::path::Path,
    config: &Value,
    trees: &[PathBuf],
) -> Result<(Child, u32), String> {
    let failed = |what: &str, why: &dyn std::fmt::Display| format!("failed to {what}: {why}");
    slot.make().await?;
    fs::create_dir_all(disk).map_err(|why| failed("create the disk", &why))?;
    let size = match number(config, "totalDiskSizeMb") {
        0 => DISK,
        size => size,
    };
    let options = format!("size={size}m,mode=0755");
    let options = std::ffi::CString::new(options).map_err(|why| failed("mount", &why))?;
    let flags = MountFlags::empty();
    mount("tmpfs", disk, "tmpfs", flags, Some(options.as_c_str()))
        .map_err(|why| failed("mount the disk", &why))?;
    let plan = json!({
        "disk": disk,
        "layers": trees,
        "hostname": text(config, "sandboxId"),
        "serve": true,
    });
    let child = sandbox::start(Network::Named(&slot.namespace), &plan).await;
    let mut child = child.map_err(|why| failed("start the sandbox", &why))?;
    let first = first_process(&mut child).await;
    let first = first.ok_or_else(|| failed("start the sandbox", &"it has no process"))?;
    Ok((child, first))
}

/// The child of `unshare`, as soon as there is one.
async fn first_process(child: &mut Child) -> Option<u32> {
    for _ in 0..2000 {
        let pid = child.id()?;
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
        // `setpriv` and `nsenter` have none: they become `unshare`
        if let Some(first) = children.split_whitespace().next() {
            return first.parse().ok();
        }
        if child.try_wait().ok()?.is_some() {
            return None;
        }
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    None
}

fn texts(value: &Value) -> BTreeMap<String, String> {
    let map = value.as_object().into_iter().flatten();
    map.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
        .collect()
}

/// A moment as messages have it.
pub fn stamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}
