//! One build, from its image to its files.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use super::image::{self, Image};
use super::jobs::Progress;
use super::steps::Context;
use super::{provision, steps};
use crate::field::Field;
use crate::misfortune;
use crate::storage::{self, Build};

/// Where trees are made.
pub const SCRATCH: &str = "/tmp/build-templates";

/// What is to be built.
#[derive(Debug)]
pub struct Wanted {
    /// The template's id.
    pub template: String,
    /// The build's id.
    pub build: String,
    /// `TemplateConfig`.
    pub config: Value,
    /// `cacheScope`.
    pub scope: String,
    /// What only later versions' clients ask for.
    pub upstream: Option<Value>,
}

impl Wanted {
    /// Whose uploaded files the build may use: its team's, where the API says so.
    pub fn scope(&self) -> &str {
        match self.scope.as_str() {
            "" => &self.template,
            scope => scope,
        }
    }

    fn text(&self, name: &str) -> &str {
        self.config.of(name).as_str().unwrap_or_default()
    }

    /// The command that a template begins with, or the one that says when it is ready.
    fn command(&self, later: &str, name: &str) -> &str {
        let later = self.upstream.as_ref().and_then(|all| all[later].as_str());
        later
            .filter(|text| !text.is_empty())
            .unwrap_or_else(|| self.text(name))
    }
}

/// Builds; gives the size of the disk in MiB.
///
/// # Errors
///
/// With the reason that people are shown.
pub async fn build(wanted: &Wanted, progress: &Progress) -> Result<u64, String> {
    progress.say(format!(
        "Building template {}/{}",
        wanted.template, wanted.build
    ));
    if let Some(seconds) = misfortune::slow_build() {
        progress.say(format!("Waiting {seconds} s (on purpose)"));
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }
    if let Some(why) = misfortune::build_error() {
        return Err(why);
    }
    check_assets(wanted)?;
    let scratch = Scratch(Path::new(SCRATCH).join(&wanted.build));
    let tree = scratch.0.join("root");
    fs::create_dir_all(&tree)
        .map_err(|why| format!("cannot create '{}': {why}", tree.display()))?;
    let image = take_image(wanted, &tree, progress).await?;
    progress.say("Provisioning sandbox template");
    provision::provision(&tree)?;
    let mut context = Context::of(&image);
    if let Some(upstream) = &wanted.upstream {
        steps::run(wanted, &upstream["steps"], &tree, &mut context, progress).await?;
    }
    let start = wanted.command("startCmd", "startCommand");
    let ready = wanted.command("readyCmd", "readyCommand");
    steps::begin(&tree, &context, (start, ready), progress).await?;
    progress.say("Creating snapshot");
    let size = keep(wanted, &tree, &context, (start, ready)).await?;
    Ok(size.div_ceil(1 << 20))
}

/// A directory that goes when the build ends, however it does.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What a build needs of the node: the platform fails for want of them, too.
fn check_assets(wanted: &Wanted) -> Result<(), String> {
    let kernel = wanted.text("kernelVersion");
    let firecracker = wanted.text("firecrackerVersion");
    let needed = [
        (kernel, format!("/fc-kernels/{kernel}/vmlinux.bin")),
        (
            firecracker,
            format!("/fc-versions/{firecracker}/firecracker"),
        ),
    ];
    for (version, path) in needed {
        if !version.is_empty() && !Path::new(&path).is_file() {
            return Err(format!(
                "error preparing the virtual machine: stat {path}: no such file or directory"
            ));
        }
    }
    Ok(())
}

async fn take_image(wanted: &Wanted, tree: &Path, progress: &Progress) -> Result<Image, String> {
    let later = |name: &str| {
        let text = wanted.upstream.as_ref().and_then(|all| all[name].as_str());
        text.filter(|text| !text.is_empty())
    };
    if let Some(base) = later("fromTemplate") {
        progress.say(format!("Copying template {base}"));
        return image::from_build(base, tree).await;
    }
    let reference = match later("fromImage") {
        Some(name) => name.to_owned(),
        None => image::of_build(&wanted.template, &wanted.build).await?,
    };
    progress.say(format!("Pulling Docker image {reference}"));
    image::unpack(&reference, tree).await
}

async fn keep(
    wanted: &Wanted,
    tree: &Path,
    context: &Context,
    (start, ready): (&str, &str),
) -> Result<u64, String> {
    let shown = json!({
        "user": context.user,
        "workdir": context.directory,
        "env_vars": context.variables,
    });
    let metadata = json!({
        "version": 2,
        "template": {
            "build_id": wanted.build,
            "kernel_version": wanted.text("kernelVersion"),
            "firecracker_version": wanted.text("firecrackerVersion"),
        },
        "context": shown,
        "start": {"start_command": start, "ready_command": ready, "context": shown},
    });
    let later = wanted.upstream.is_some();
    // before 2026 a sandbox knew nothing of its image's variables
    let variables = if later {
        json!(context.variables)
    } else {
        json!({})
    };
    let memory = wanted.config.of("memoryMB").as_u64().unwrap_or(512);
    let build = Build {
        id: &wanted.build,
        tree,
        base: None,
        ram_mib: memory,
        state: &json!({"templateId": wanted.template, "envVars": variables}),
        metadata: &metadata,
    };
    storage::keep(&storage::templates(), &build).await
}
