//! `Pause`: a sandbox becomes a build of its own, which another one goes on from.

use std::sync::Arc;

use serde_json::{Value, json};

use super::fleet::Fleet;
use super::sandbox::{Sandbox, number, text};
use crate::connect::{Result, error};
use crate::field::Field;
use crate::storage::{self, Build};

/// Pauses; the answer comes when all files are there.
pub async fn pause(fleet: &Arc<Fleet>, message: &Value) -> Result<Value> {
    let build = text(message, "buildId").to_owned();
    if storage::header::id(&build).is_none() {
        let why = format!("build id '{build}' is no UUID");
        return Err(error("invalid_argument", why));
    }
    let sandbox = fleet.take(text(message, "sandboxId"))?;
    let template = text(message, "templateId").to_owned();
    let fleet = Arc::clone(fleet);
    // on a task of its own: half a snapshot is of no use to anybody
    let kept = tokio::spawn(async move {
        sandbox.stop().await;
        let kept = keep(&sandbox, &template, &build).await;
        sandbox.clear().await;
        fleet.free(sandbox.slot.number);
        kept
    });
    let kept = kept
        .await
        .map_err(|why| error("internal", why.to_string()))?;
    kept.map_err(|why| error("internal", format!("error snapshotting sandbox: {why}")))?;
    Ok(json!({}))
}

async fn keep(sandbox: &Sandbox, template: &str, build: &str) -> std::result::Result<u64, String> {
    // without an overlay there is no difference, only everything
    let is_whole = sandbox.disk.join("plain").exists();
    let tree = sandbox.disk.join(if is_whole { "root" } else { "upper" });
    let mut metadata = sandbox.metadata.clone();
    if metadata.is_object() {
        let mut template = metadata.of("template").clone();
        template.put("build_id", build);
        metadata.put("template", template);
    }
    let build = Build {
        id: build,
        tree: &tree,
        base: Some(&sandbox.header).filter(|_| !is_whole),
        ram_mib: number(&sandbox.config, "ramMb"),
        state: &json!({
            "sandboxId": text(&sandbox.config, "sandboxId"),
            "templateId": template,
            "envVars": sandbox.variables,
        }),
        metadata: &metadata,
    };
    storage::keep(&storage::templates(), &build).await
}
