//! What Terraform renders: sizes, placeholders, secrets.

use std::fs;
use std::path::Path;
use std::process::Command;

const STACK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/terraform-cluster/user-data");

/// Terraform in `directory`, with no configuration of the user's.
fn terraform(directory: &Path, words: &[&str]) -> String {
    let output = Command::new("terraform")
        .arg(format!("-chdir={}", directory.display()))
        .args(words)
        .env("TF_CLI_CONFIG_FILE", "/dev/null")
        .env("CHECKPOINT_DISABLE", "1")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The user_data of every role as OCI gets it and as cloud-init reads it.
pub fn rendered() -> Vec<(&'static str, String, String)> {
    let work = tempfile::tempdir().unwrap();
    let copied = Command::new("cp")
        .args(["-R", STACK])
        .arg(work.path().join("module"))
        .status()
        .unwrap();
    assert!(copied.success());
    let roles = ["server", "api", "client"];
    let text: String = roles
        .iter()
        .map(|role| {
            format!(
                r#"module "{role}" {{
  source                      = "./module"
  role                        = "{role}"
  region                      = "us-ashburn-1"
  compartment_ocid            = "ocid1.compartment.oc1..c"
  prefix                      = "e2b"
  server_count                = 3
  consul_gossip_secret_ocid   = "ocid1.vaultsecret.oc1.iad.canary"
  join_retry_seconds          = 10
  drain_timeout_seconds       = 600
  vcn_cidr                    = "10.0.0.0/16"
  sandboxes_host_network_cidr = "10.11.0.0/16"
  sandboxes_vrt_network_cidr  = "10.12.0.0/16"
}}
output "{role}" {{
  value = [module.{role}.base64, module.{role}.mime]
}}
"#
            )
        })
        .collect();
    fs::write(work.path().join("main.tf"), text).unwrap();
    terraform(work.path(), &["init", "-input=false"]);
    terraform(work.path(), &["apply", "-input=false", "-auto-approve"]);
    let outputs: serde_json::Value =
        serde_json::from_str(&terraform(work.path(), &["output", "-json"])).unwrap();
    let part =
        |role: &str, index: usize| outputs[role]["value"][index].as_str().unwrap().to_owned();
    roles
        .iter()
        .map(|role| (*role, part(role, 0), part(role, 1)))
        .collect()
}

#[test]
fn user_data_fits_and_its_scripts_are_well_formed() {
    for (role, encoded, mime) in rendered() {
        assert!(encoded.len() <= 32_000, "{role}: {}", encoded.len());
        // half of it is left for whoever adds something
        assert!(encoded.len() <= 16_000, "{role}: {}", encoded.len());
        let config = mime.split("#cloud-config\n").nth(1).unwrap();
        let config = config.split("\n--").next().unwrap();
        let config: serde_json::Value = serde_json::from_str(config.trim()).unwrap();
        for file in config["write_files"].as_array().unwrap() {
            let (path, text) = (&file["path"], file["content"].as_str().unwrap());
            let mode = file["permissions"].as_str().unwrap();
            assert!(["0644", "0755"].contains(&mode), "{path}");
            assert_eq!(text.starts_with("#!"), mode == "0755", "{path}");
            if text.starts_with("#!") {
                check_shell(path.as_str().unwrap(), text);
            }
        }
    }
}

/// Rendered scripts, templates among them, as a shell reads them.
fn check_shell(path: &str, text: &str) {
    let work = tempfile::tempdir().unwrap();
    let file = work.path().join("script");
    fs::write(&file, text).unwrap();
    let output = Command::new("shellcheck").arg(&file).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{path}: {said}");
}

#[test]
fn the_bastions_sshd_takes_its_configuration() {
    let text = fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/terraform-base/cloud-init/bastion.yaml"
    ))
    .unwrap();
    let lines = text
        .split("content: |\n")
        .nth(1)
        .unwrap()
        .lines()
        .take_while(|line| line.starts_with("      "));
    let config: Vec<&str> = lines.map(str::trim).collect();
    assert!(config.contains(&"MaxStartups 60:30:200"), "{config:?}");
    let work = tempfile::tempdir().unwrap();
    let (file, key) = (work.path().join("sshd_config"), work.path().join("key"));
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(&key)
        .status()
        .unwrap();
    assert!(made.success());
    fs::write(&file, config.join("\n") + "\n").unwrap();
    let output = Command::new("/usr/sbin/sshd")
        .arg("-T")
        .arg("-f")
        .arg(&file)
        .arg("-h")
        .arg(&key)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).to_lowercase();
    assert!(output.status.success(), "{output:?}");
    for line in [
        "maxstartups 60:30:200",
        "maxsessions 64",
        "passwordauthentication no",
        "permitrootlogin no",
        "allowagentforwarding no",
        "allowtcpforwarding yes",
    ] {
        assert!(said.lines().any(|found| found == line), "{line}: {said}");
    }
}
