//! Images of the node's Docker daemon, as trees.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tokio::process::Command;

use super::build::SCRATCH;
use crate::field::Field;
use crate::storage::{Layers, header, run, templates};

/// What an image says besides its files.
#[derive(Debug, Default)]
pub struct Image {
    /// As whom it runs; empty for root.
    pub user: String,
    /// Where it runs; empty for the root.
    pub directory: String,
    /// With which variables.
    pub variables: BTreeMap<String, String>,
}

/// Removes the trees of builds that a killed service left.
pub async fn sweep() {
    for item in fs::read_dir(SCRATCH).into_iter().flatten().flatten() {
        let _ = fs::remove_dir_all(item.path());
    }
}

/// The image of a build: `<template>:<build>`, with or without something before it.
pub async fn of_build(template: &str, build: &str) -> Result<String, String> {
    let name = format!("{template}:{build}");
    if run("docker", &["image", "inspect", &name]).await?.ok {
        return Ok(name);
    }
    let listed = run(
        "docker",
        &["image", "ls", "--format", "{{.Repository}}:{{.Tag}}"],
    )
    .await?;
    if !listed.ok {
        return Err(format!("error pulling image: {}", listed.why));
    }
    let end = format!("/{name}");
    let found = listed.said.lines().find(|line| line.ends_with(&end));
    found
        .map(str::to_owned)
        .ok_or_else(|| format!("error pulling image: No such image: {name}"))
}

/// Unpacks an image.
pub async fn unpack(reference: &str, tree: &Path) -> Result<Image, String> {
    let failed = |what: &str, why: String| format!("error {what} image {reference}: {why}");
    let mut found = run("docker", &["image", "inspect", reference]).await?;
    if !found.ok {
        let pulled = run("docker", &["pull", "--quiet", reference]).await?;
        if !pulled.ok {
            return Err(failed("pulling", pulled.why));
        }
        found = run("docker", &["image", "inspect", reference]).await?;
    }
    // a container needs some command; this one is never run
    let created = run("docker", &["create", "--quiet", reference, "/none"]).await?;
    let created = match created.ok {
        true => created,
        // older ones do not know `--quiet`
        false => run("docker", &["create", reference, "/none"]).await?,
    };
    let container = created.said.trim().to_owned();
    if !created.ok {
        return Err(failed("creating a container of", created.why));
    }
    let unpacked = export(&container, tree).await;
    let _ = run("docker", &["rm", "--force", &container]).await;
    unpacked.map_err(|why| failed("unpacking", why))?;
    Ok(config(&found.said))
}

async fn export(container: &str, tree: &Path) -> Result<(), String> {
    let failed = |why: std::io::Error| why.to_string();
    let mut docker = Command::new("docker")
        .args(["export", container])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    let stream = docker.stdout.take().ok_or("docker gives nothing")?;
    let stream: Stdio = stream.try_into().map_err(failed)?;
    let tar = Command::new("tar")
        .args([
            "--extract",
            "--file=-",
            "--numeric-owner",
            "--preserve-permissions",
        ])
        .arg("--directory")
        .arg(tree)
        .stdin(stream)
        .kill_on_drop(true)
        .output()
        .await
        .map_err(failed)?;
    let exported = docker.wait().await.map_err(failed)?;
    if !tar.status.success() || !exported.success() {
        return Err(String::from_utf8_lossy(&tar.stderr).trim().to_owned());
    }
    Ok(())
}

fn config(inspected: &str) -> Image {
    let list: Value = serde_json::from_str(inspected).unwrap_or_default();
    let config = list.get(0).unwrap_or(&Value::Null).of("Config");
    let text = |name: &str| config[name].as_str().unwrap_or_default().to_owned();
    let variables = config["Env"].as_array().into_iter().flatten();
    let variables = variables.filter_map(|entry| entry.as_str()?.split_once('='));
    let user = text("User");
    Image {
        user: user.split(':').next().unwrap_or_default().to_owned(),
        directory: text("WorkingDir"),
        variables: variables
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
    }
}

/// The newest build of a template, by the template's id.
fn newest(template: &str) -> Option<String> {
    let items = fs::read_dir(templates()).ok()?.flatten();
    let builds = items.filter_map(|item| {
        let state = fs::read(item.path().join("snapfile")).ok()?;
        let state: Value = serde_json::from_slice(&state).ok()?;
        let name = item.file_name().to_string_lossy().into_owned();
        let is_of = state.of("templateId") == template && header::id(&name).is_some();
        is_of.then_some((item.metadata().ok()?.modified().ok()?, name))
    });
    Some(builds.max()?.1)
}

/// Copies the tree of another build, or of a template's newest.
pub async fn from_build(build: &str, tree: &Path) -> Result<Image, String> {
    let build = &newest(build).unwrap_or_else(|| build.to_owned());
    let stack = Layers::default().stack(build).await?;
    for layer in stack.trees.iter().rev() {
        let from = format!("{}/.", layer.display());
        let copied = run("cp", &["-a", &from, &tree.display().to_string()]).await?;
        if !copied.ok {
            return Err(format!("error copying template {build}: {}", copied.why));
        }
    }
    let context = stack.metadata.of("context");
    let text = |name: &str| context[name].as_str().unwrap_or_default().to_owned();
    let variables = context["env_vars"].as_object().into_iter().flatten();
    Ok(Image {
        user: text("user"),
        directory: text("workdir"),
        variables: variables
            .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
            .collect(),
    })
}
