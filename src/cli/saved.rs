//! A plan as a file: what it showed, and by what to tell whether that still holds.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use aws_lc_rs::pbkdf2;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::args::RunArgs;
use crate::diag::{Class, Failure};
use crate::engine::library::{SCRIPTS, STDLIB};
use crate::report::{Action, Changes, Shown};
use crate::run::Run;
use crate::workstation::{self, hex};

/// Raised when a field changes its meaning.
const SCHEMA: u32 = 1;
/// Rounds by which the checksum of a secret is made slow to guess.
const ROUNDS: NonZeroU32 = NonZeroU32::MIN.saturating_add(49_999);

/// A saved plan. Checksums are salted: equal values of two plans do not look alike, and a value cannot
/// be looked up. Those of secrets are slow as well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    schema: u32,
    /// Of the program that made the plan.
    version: String,
    /// RFC 3339, UTC.
    pub made: String,
    pub script: String,
    pub args: Vec<String>,
    pub limit: Vec<String>,
    std: Vec<PathBuf>,
    ssh_config: Option<PathBuf>,
    salt: String,
    /// Checksum of all that is built in: standard modules and scripts.
    built_in: String,
    /// Checksums of the files that were read.
    files: BTreeMap<String, String>,
    /// Checksums of directories and patterns of which the names or the files matter.
    trees: BTreeMap<String, String>,
    /// Values of configuration files, by file and name.
    settings: BTreeMap<String, String>,
    /// Secrets and variables of the environment.
    secrets: BTreeMap<String, Option<String>>,
    /// What hosts have where the plan must not show it.
    found: BTreeMap<String, String>,
    /// What was found as wanted, by host.
    as_wanted: BTreeMap<String, String>,
    pub changes: Vec<Shown>,
}

impl Saved {
    /// What is to be kept of a plan that came to its end.
    pub fn of(
        args: &RunArgs,
        run: &Run,
        changes: &Changes,
        salt: Option<&str>,
    ) -> Result<Saved, Failure> {
        let salt = match salt {
            Some(salt) => salt.to_owned(),
            None => {
                let random = workstation::random(16);
                hex(&random.map_err(|error| Failure::from_error("internal", &error))?)
            }
        };
        let values = run.inputs().values();
        let configuration: Vec<&PathBuf> = values.settings.keys().map(|(path, _)| path).collect();
        let mut files = BTreeMap::new();
        for path in run.inputs().files() {
            // What stands in it is told value by value, without the secrets.
            if !configuration.contains(&&path)
                && let Some(sum) = content(&salt, &path)?
            {
                files.insert(format!("`{}`", shown(&path)), sum);
            }
        }
        // Several lists may begin at one directory, and branches note them in any order.
        let mut sums: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (path, parts) in run.inputs().trees() {
            let mut sum = Sha256::new();
            for part in parts {
                sum.update(shown(&part).as_bytes());
                sum.update(content(&salt, &part)?.unwrap_or_default().as_bytes());
            }
            let name = format!("what is read below `{}`", shown(&path));
            sums.entry(name).or_default().insert(hex(&sum.finalize()));
        }
        let together = |sums: BTreeSet<String>| {
            let sums: Vec<&str> = sums.iter().map(String::as_str).collect();
            salted(&salt, &sums)
        };
        let trees = (sums.into_iter())
            .map(|(name, sums)| (name, together(sums)))
            .collect();
        let options = run.options();
        Ok(Saved {
            schema: SCHEMA,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            made: chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
            script: options.script.clone(),
            args: options.args.clone(),
            limit: args.limit.clone(),
            std: args.std_dirs.clone(),
            ssh_config: args.ssh_config.clone(),
            built_in: built_in(&salt),
            files,
            trees,
            settings: settings(&salt, &values),
            secrets: secrets(&salt, &values),
            found: (values.found.iter())
                .map(|(item, print)| (item.clone(), salted(&salt, &[print])))
                .collect(),
            as_wanted: as_wanted(&salt, changes),
            changes: changes.sorted(),
            salt,
        })
    }

    /// Reads a saved plan.
    pub fn read(path: &Path) -> Result<Saved, Failure> {
        let unread = |cause: String| {
            Failure::usage(
                "plan.file",
                format!("cannot read the plan `{}`", path.display()),
            )
            .cause(cause)
            .help("make one with `e2bscript SCRIPT --plan --out FILE`")
        };
        let text = std::fs::read_to_string(path).map_err(|error| unread(error.to_string()))?;
        let saved: Saved =
            serde_json::from_str(&text).map_err(|error| unread(error.to_string()))?;
        match saved.schema {
            SCHEMA => Ok(saved),
            other => Err(unread(format!(
                "its format is number {other}, this program knows number {SCHEMA}"
            ))),
        }
    }

    /// Writes it so that its owner alone can read it.
    pub fn write(&self, path: &Path) -> Result<(), Failure> {
        let mut text = serde_json::to_vec_pretty(self)
            .map_err(|error| Failure::from_error("internal", &error).class(Class::Internal))?;
        text.push(b'\n');
        let written = workstation::write(path, &text, Some(0o600), 0o600);
        written.map_err(Failure::from)
    }

    /// The options that the plan was made with.
    pub fn run_args(&self) -> RunArgs {
        RunArgs {
            limit: self.limit.clone(),
            std_dirs: self.std.clone(),
            ssh_config: self.ssh_config.clone(),
            ..RunArgs::default()
        }
    }

    pub fn salt(&self) -> &str {
        &self.salt
    }

    /// In what `now` is another plan, a line each; nothing where it is the same.
    pub fn differences(&self, now: &Saved) -> Vec<String> {
        let mut lines = Vec::new();
        if self.version != now.version {
            lines.push(format!(
                "the plan was made with version {} of this program, which is {}",
                self.version, now.version
            ));
        }
        if self.built_in != now.built_in {
            lines.push("the built-in scripts are others".to_owned());
        }
        let mut compare = |what: &str, names: Vec<String>| {
            lines.extend(names.into_iter().map(|name| format!("{name} {what}")));
        };
        compare("has changed", keys(&self.files, &now.files));
        compare("has changed", keys(&self.trees, &now.trees));
        compare("has changed", keys(&self.settings, &now.settings));
        compare("has changed", keys(&self.secrets, &now.secrets));
        compare("holds something else now", keys(&self.found, &now.found));
        let hosts = keys(&self.as_wanted, &now.as_wanted);
        lines.extend(compare_changes(&self.changes, &now.changes, false));
        // Where a change came or went this says no more.
        if lines.is_empty() {
            let line = |host: &String| format!("other things are as wanted on {host} than before");
            lines.extend(hosts.iter().map(line));
        }
        lines
    }
}

/// In what two lists of changes differ, a line each. Of a run only what a plan can know is compared: not
/// how many rows a statement touched, nor the diffs, of which a plan shows more.
pub fn compare_changes(before: &[Shown], now: &[Shown], with_run: bool) -> Vec<String> {
    let plain = |changes: &[Shown]| -> Vec<Shown> {
        let mut all: Vec<Shown> = changes
            .iter()
            .map(|change| match with_run {
                true => known_before(change),
                false => change.clone(),
            })
            .collect();
        all.sort();
        all
    };
    let (before, now) = (plain(before), plain(now));
    let without = |these: &[Shown], those: &[Shown]| -> Vec<Shown> {
        let mut left = those.to_vec();
        let rest = these.iter().filter(|one| {
            let same = |other: &Shown| match with_run {
                true => one.announces(other) || other.announces(one),
                false => other == *one,
            };
            let at = left.iter().position(same);
            at.map(|at| left.swap_remove(at)).is_none()
        });
        rest.cloned().collect()
    };
    let (gone, new) = (without(&before, &now), without(&now, &before));
    let mut lines = Vec::new();
    for change in &gone {
        let other = new.iter().find(|other| other.name() == change.name());
        lines.push(match other {
            Some(other) if other.reason != change.reason || other.action != change.action => {
                format!(
                    "{}: {} now, {} before",
                    change.name(),
                    how(other),
                    how(change)
                )
            }
            Some(_) => format!("{}: the difference is another one", change.name()),
            None => format!("{}: no longer to change ({})", change.name(), how(change)),
        });
    }
    for change in &new {
        if !gone.iter().any(|other| other.name() == change.name()) {
            lines.push(format!(
                "{}: to change as well ({})",
                change.name(),
                how(change)
            ));
        }
    }
    lines
}

fn known_before(change: &Shown) -> Shown {
    Shown {
        diff: None,
        reason: match change.action {
            Action::Run => String::new(),
            _ => change.reason.clone(),
        },
        ..change.clone()
    }
}

fn how(change: &Shown) -> String {
    let action = format!("{:?}", change.action).to_lowercase();
    match change.reason.as_str() {
        "" => action,
        reason => format!("{action}: {reason}"),
    }
}

fn keys<T: PartialEq>(before: &BTreeMap<String, T>, now: &BTreeMap<String, T>) -> Vec<String> {
    let mut names: Vec<String> = before.keys().chain(now.keys()).cloned().collect();
    names.sort();
    names.dedup();
    names.retain(|name| before.get(name) != now.get(name));
    names
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn salted(salt: &str, parts: &[&str]) -> String {
    let mut sum = Sha256::new();
    for part in [salt].iter().chain(parts) {
        sum.update(part.len().to_le_bytes());
        sum.update(part.as_bytes());
    }
    hex(&sum.finalize())
}

/// The checksum of a file; `None` where there is none, and the name's alone for a directory.
fn content(salt: &str, path: &Path) -> Result<Option<String>, Failure> {
    if path.is_dir() {
        return Ok(Some("directory".to_owned()));
    }
    let mut file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(workstation::Error::io("read", path)(error).into()),
    };
    let mut sum = Sha256::new();
    std::io::copy(&mut file, &mut Sum(&mut sum))
        .map_err(|error| Failure::from(workstation::Error::io("read", path)(error)))?;
    Ok(Some(salted(salt, &[&hex(&sum.finalize())])))
}

struct Sum<'a>(&'a mut Sha256);

impl std::io::Write for Sum<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn built_in(salt: &str) -> String {
    let texts: Vec<&str> = STDLIB.iter().chain(SCRIPTS).map(|file| file.text).collect();
    salted(salt, &texts)
}

fn settings(salt: &str, values: &crate::run::inputs::Values) -> BTreeMap<String, String> {
    let plain = values.settings.iter().filter(|(_, value)| !value.is_secret);
    plain
        .map(|((path, name), value)| {
            let name = of_file(path, name);
            let sum = salted(salt, &[&name, &hex(&value.sha256)]);
            (name, sum)
        })
        .collect()
}

fn secrets(salt: &str, values: &crate::run::inputs::Values) -> BTreeMap<String, Option<String>> {
    let secret = values.settings.iter().filter(|(_, value)| value.is_secret);
    let secret = secret.map(|((path, name), value)| (of_file(path, name), Some(value.sha256)));
    let variables = values.variables.iter();
    let variables = variables.map(|(name, value)| (format!("the variable `{name}`"), *value));
    secret
        .chain(variables)
        .map(|(name, value)| {
            let sum = value.map(|value| slow(&format!("{salt} {name}"), &value));
            (name, sum)
        })
        .collect()
}

fn of_file(path: &Path, name: &str) -> String {
    match name {
        "" => format!("the secret in `{}`", path.display()),
        name => format!("`{name}` in `{}`", path.display()),
    }
}

/// A checksum that takes its time, so that a short secret cannot be guessed by trying.
fn slow(salt: &str, value: &[u8]) -> String {
    let mut sum = [0; 32];
    pbkdf2::derive(
        pbkdf2::PBKDF2_HMAC_SHA256,
        ROUNDS,
        salt.as_bytes(),
        value,
        &mut sum,
    );
    hex(&sum)
}

fn as_wanted(salt: &str, changes: &Changes) -> BTreeMap<String, String> {
    let mut by_host: BTreeMap<String, String> = BTreeMap::new();
    for (host, item) in changes.as_wanted() {
        let before = by_host.remove(&host).unwrap_or_default();
        by_host.insert(host, salted(salt, &[&before, &item]));
    }
    by_host
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(item: &str, reason: &str, diff: &str) -> Shown {
        Shown {
            host: "api-1".to_owned(),
            item: item.to_owned(),
            action: Action::Update,
            reason: reason.to_owned(),
            diff: Some(diff.to_owned()).filter(|diff| !diff.is_empty()),
        }
    }

    #[test]
    fn changes_are_compared_as_often_as_they_come() {
        let twice = [change("file /a", "", ""), change("file /a", "", "")];
        assert_eq!(
            compare_changes(&twice, &twice[..1], false),
            ["api-1 file /a: no longer to change (update)"]
        );
        assert!(compare_changes(&twice, &twice, false).is_empty());
    }

    #[test]
    fn what_differs_is_said_in_words() {
        let before = [
            change("file /a", "content", "-1\n+2"),
            change("file /b", "mode 0644 → 0600", ""),
            change("file /c", "", ""),
        ];
        let now = [
            change("file /a", "content", "-3\n+2"),
            change("file /b", "content", ""),
            change("file /d", "", ""),
        ];
        assert_eq!(
            compare_changes(&before, &now, false),
            [
                "api-1 file /a: the difference is another one",
                "api-1 file /b: update: content now, update: mode 0644 → 0600 before",
                "api-1 file /c: no longer to change (update)",
                "api-1 file /d: to change as well (update)",
            ]
        );
        assert_eq!(compare_changes(&before[..1], &now[..1], true), [""; 0]);
    }

    #[test]
    fn a_salt_makes_equal_values_look_different() {
        assert_ne!(salted("a", &["x"]), salted("b", &["x"]));
        assert_ne!(slow("a", b"x"), slow("b", b"x"));
        assert_eq!(slow("a", b"x"), slow("a", b"x"));
    }
}
