//! Rendering the stack's module with Terraform itself; it needs no provider.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::error::{At, Error, Result};
use crate::exec;
use crate::image::remove_tree;

/// Terraform on this machine.
pub fn find_terraform() -> Result<PathBuf> {
    exec::find("terraform").ok_or(Error::NoTerraform)
}

/// The user_data of each role, as the bytes that a host finds; `scratch` is made and removed.
pub fn render(
    scratch: &Path,
    module: &Path,
    roles: &[&'static str],
    variables: &[(&str, &str)],
) -> Result<HashMap<&'static str, Vec<u8>>> {
    let terraform = find_terraform()?;
    remove_tree(scratch)?;
    copy(module, &scratch.join("module"))?;
    let main = scratch.join("main.tf");
    fs::write(&main, caller(roles, variables)).at("write", &main)?;
    let directory = format!("-chdir={}", scratch.display());
    let run = |words: &[&str]| -> Result<String> {
        let mut command = exec::command(&terraform.display().to_string());
        // a configuration of the user's may name providers' mirrors that are not there
        command
            .env("TF_CLI_CONFIG_FILE", "/dev/null")
            .env("CHECKPOINT_DISABLE", "1")
            .arg(&directory)
            .args(words)
            .stdin(std::process::Stdio::null());
        let output = command.output().map_err(|source| Error::Start {
            program: "terraform".to_owned(),
            source,
        })?;
        exec::checked(&command, output)
    };
    run(&["init", "-no-color", "-input=false"])?;
    run(&["apply", "-no-color", "-input=false", "-auto-approve"])?;
    let said = run(&["output", "-json"])?;
    remove_tree(scratch)?;
    let unreadable = |detail: &str| Error::Output {
        command: "terraform output -json".to_owned(),
        detail: detail.to_owned(),
    };
    let outputs: Value = serde_json::from_str(&said).map_err(|_| unreadable("no JSON"))?;
    let mut rendered = HashMap::new();
    for role in roles {
        let text = outputs
            .pointer(&format!("/{role}/value"))
            .and_then(Value::as_str)
            .ok_or_else(|| unreadable("an output is missing"))?;
        let bytes = STANDARD.decode(text);
        rendered.insert(*role, bytes.map_err(|_| unreadable("no base64"))?);
    }
    Ok(rendered)
}

/// A configuration that calls the module once for each role.
fn caller(roles: &[&str], variables: &[(&str, &str)]) -> String {
    let values: String = variables
        .iter()
        .map(|(name, value)| format!("  {name} = \"{value}\"\n"))
        .collect();
    roles
        .iter()
        .map(|role| {
            format!(
                "module \"{role}\" {{\n  source = \"./module\"\n  role = \"{role}\"\n{values}}}\n\
                 output \"{role}\" {{\n  value = module.{role}.base64\n}}\n"
            )
        })
        .collect()
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).at("create", to)?;
    for entry in fs::read_dir(from).at("read", from)? {
        let entry = entry.at("read", from)?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy(&source, &target)?;
        } else {
            fs::copy(&source, &target).at("copy", &source)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_module_is_called_for_each_role() {
        let text = caller(&["api", "client"], &[("region", "us-ashburn-1")]);
        assert!(text.contains("module \"client\" {\n  source = \"./module\"\n  role = \"client\"\n  region = \"us-ashburn-1\"\n}"));
        assert!(text.contains("output \"api\" {\n  value = module.api.base64\n}"));
    }
}
