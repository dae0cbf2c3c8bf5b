//! Files that hold a secret.

use std::fs;
use std::path::Path;

/// Files below `dir` that hold `secret`.
pub fn holding(dir: &Path, secret: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(holding(&path, secret));
        } else if String::from_utf8_lossy(&fs::read(&path).unwrap_or_default()).contains(secret) {
            found.push(path.display().to_string());
        }
    }
    found
}
