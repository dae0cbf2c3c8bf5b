//! What every template gets, whatever its image has: envd, the platform's user, and what programs expect of a machine.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use crate::sandbox::inside::ENVD;

/// Where the node has envd.
const SOURCE: &str = "/fc-envd/envd";
/// The platform's user.
const USER: &str = "user";

/// Puts it all into a tree.
pub fn provision(tree: &Path) -> Result<(), String> {
    // links of the image must not lead out of it: what is there as a link is replaced
    let source = std::env::var("ENVD_PATH").unwrap_or_else(|_| SOURCE.to_owned());
    put_envd(tree, &source).map_err(|why| format!("error adding envd from {source}: {why}"))?;
    machine(tree).map_err(|why| format!("error provisioning the template: {why}"))
}

fn put_envd(tree: &Path, source: &str) -> io::Result<()> {
    let mode = fs::metadata(source)?.permissions().mode();
    if mode & 0o111 == 0 {
        return Err(io::Error::other("it is not executable"));
    }
    let target = tree.join(ENVD);
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent)?;
    }
    let _ = fs::remove_file(&target);
    fs::copy(source, &target)?;
    fs::set_permissions(&target, fs::Permissions::from_mode(0o755))
}

fn machine(tree: &Path) -> io::Result<()> {
    for directory in ["etc", "proc", "sys", "dev", "run", "tmp", "root", "home"] {
        let path = tree.join(directory);
        if fs::symlink_metadata(&path).is_err() {
            fs::create_dir(&path)?;
        }
    }
    fs::set_permissions(tree.join("tmp"), fs::Permissions::from_mode(0o1777))?;
    let etc = tree.join("etc");
    let passwd = read(&etc.join("passwd"));
    let group = read(&etc.join("group"));
    let mut id = 1000;
    while has(&passwd, 2, &id.to_string()) || has(&group, 2, &id.to_string()) {
        id += 1;
    }
    let shell = ["bin/bash", "bin/sh"]
        .iter()
        .find(|shell| tree.join(shell).exists());
    let shell = shell.unwrap_or(&"bin/sh");
    let mut lines = passwd.clone();
    if !has(&passwd, 0, "root") {
        lines.push_str(&format!("root:x:0:0:root:/root:/{shell}\n"));
    }
    if !has(&passwd, 0, USER) {
        lines.push_str(&format!("{USER}:x:{id}:{id}::/home/{USER}:/{shell}\n"));
        let home = tree.join("home").join(USER);
        fs::create_dir_all(&home)?;
        chown(&home, Some(id), Some(id))?;
    }
    fs::write(etc.join("passwd"), lines)?;
    let mut lines = group.clone();
    if !has(&group, 0, "root") {
        lines.push_str("root:x:0:\n");
    }
    if !has(&group, 0, USER) {
        lines.push_str(&format!("{USER}:x:{id}:\n"));
    }
    fs::write(etc.join("group"), lines)?;
    // Docker makes these empty: they are of containers
    for (name, text) in [
        (
            "hosts",
            "127.0.0.1 localhost\n::1 localhost ip6-localhost\n",
        ),
        ("resolv.conf", "nameserver 8.8.8.8\n"),
        ("hostname", "e2b\n"),
    ] {
        let path = etc.join(name);
        let _ = fs::remove_file(&path);
        fs::write(path, text)?;
    }
    Ok(())
}

fn read(path: &Path) -> String {
    let mut text = fs::read_to_string(path).unwrap_or_default();
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

fn has(lines: &str, field: usize, value: &str) -> bool {
    let mut fields = lines.lines().map(|line| line.split(':').nth(field));
    fields.any(|found| found == Some(value))
}
