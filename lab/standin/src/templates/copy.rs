//! The COPY step: uploaded files come to where the template wants them.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::process::Command;

use super::build::Wanted;
use super::jobs::Progress;
use super::steps::{Context, inside};
use super::upload;
use crate::sandbox::Network;

/// Where the archive is unpacked, inside the tree.
const STAGED: &str = ".e2b-copy";

/// Unpacks the archive of a step's files, and moves what it names to the target. The step's words are source, target,
/// owner and mode; of those the last two may be empty.
pub async fn copy(
    wanted: &Wanted,
    step: &Value,
    words: &[&str],
    tree: &Path,
    context: &Context,
    progress: &Progress,
) -> Result<(), String> {
    let word = |at: usize| words.get(at).copied().unwrap_or_default();
    let hash = step["filesHash"].as_str().unwrap_or_default();
    if hash.is_empty() {
        return Err("COPY requires files hash to be set".to_owned());
    }
    let archive = upload::archive(wanted.scope(), hash)
        .ok_or_else(|| format!("COPY: the files with hash '{hash}' were not uploaded"))?;
    let staged = Staged::new(tree.join(STAGED))?;
    unpack(&archive, &staged.0).await?;
    let mut own = context.clone();
    "root".clone_into(&mut own.user);
    if own.directory.is_empty() {
        // the home of who copies, not of who carries it out
        own.directory = home(tree, &context.user);
    }
    for (name, value) in [
        ("SOURCE", plain_part(word(0))),
        ("TARGET", word(1).to_owned()),
        ("OWNER", owner(word(2), &context.user)),
        ("MODE", word(3).to_owned()),
    ] {
        own.variables.insert(name.to_owned(), value);
    }
    let shown = format!("COPY {} {}", word(0), word(1));
    let plan = json!({"tree": tree, "steps": [own.command(MOVE, &shown)]});
    inside(Network::Node, plan, progress).await
}

/// Goes with its value.
struct Staged(std::path::PathBuf);

impl Staged {
    fn new(path: std::path::PathBuf) -> Result<Staged, String> {
        fs::create_dir_all(&path).map_err(|why| format!("COPY: {why}"))?;
        Ok(Staged(path))
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

async fn unpack(archive: &Path, staged: &Path) -> Result<(), String> {
    let unpacked = Command::new("tar")
        .arg("--extract")
        .arg("--file")
        .arg(archive)
        .arg("--directory")
        .arg(staged)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|why| format!("COPY: {why}"))?;
    if unpacked.status.success() {
        return Ok(());
    }
    let why = String::from_utf8_lossy(&unpacked.stderr).trim().to_owned();
    Err(format!("failed to extract files: {why}"))
}

/// The part of a source before its first pattern: the client has chosen the files already.
fn plain_part(source: &str) -> String {
    let is_plain = |part: &&str| !part.contains(['*', '?', '[', '{', '\\']);
    let parts: Vec<&str> = source.split('/').take_while(is_plain).collect();
    match parts.join("/").trim_matches('/') {
        "" => ".".to_owned(),
        part => part.to_owned(),
    }
}

/// `user:group`; the user alone is the group's name too.
fn owner(given: &str, user: &str) -> String {
    match given {
        "" => format!("{user}:{user}"),
        given if given.contains(':') => given.to_owned(),
        given => format!("{given}:{given}"),
    }
}

fn home(tree: &Path, user: &str) -> String {
    let users = fs::read_to_string(tree.join("etc/passwd")).unwrap_or_default();
    let line = users
        .lines()
        .find(|line| line.split(':').next() == Some(user));
    let home = line.and_then(|line| line.split(':').nth(5));
    home.unwrap_or("/").to_owned()
}

/// A file comes to the target, or into it where that ends in a slash; what a directory has is merged into the target.
const MOVE: &str = r#"
set -e
case $TARGET in
    /*) ;;
    *) TARGET=$PWD/$TARGET ;;
esac
cd /.e2b-copy
if [ ! -e "$SOURCE" ] && [ ! -L "$SOURCE" ]; then
    echo "source path does not exist: $SOURCE"
    exit 1
fi
if [ -d "$SOURCE" ] && [ ! -L "$SOURCE" ]; then
    chown -R "$OWNER" "$SOURCE"
    [ -z "$MODE" ] || chmod -R "$MODE" "$SOURCE"
    mkdir -p "$TARGET"
    tar -C "$SOURCE" -cf - . | tar -C "$TARGET" -xf - --keep-directory-symlink --no-overwrite-dir
    exit
fi
chown -h "$OWNER" "$SOURCE"
[ -z "$MODE" ] || [ -L "$SOURCE" ] || chmod "$MODE" "$SOURCE"
mkdir -p "${TARGET%/*}/"
mv "$SOURCE" "$TARGET"
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_the_clients_business() {
        for (source, part) in [
            ("app.py", "app.py"),
            ("src/", "src"),
            ("src/*.py", "src"),
            ("*.txt", "."),
            (".", "."),
            ("a/b?/c", "a"),
        ] {
            assert_eq!(plain_part(source), part, "{source}");
        }
    }

    #[test]
    fn owners_have_a_group() {
        assert_eq!(owner("", "user"), "user:user");
        assert_eq!(owner("root", "user"), "root:root");
        assert_eq!(owner("1:2", "user"), "1:2");
    }
}
