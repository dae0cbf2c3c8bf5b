//! Installed Debian packages.

use super::super::apply::Script;
use super::super::inputs::Inputs;
use super::super::item::{Problem, State, Verdict};
use super::super::read::{Probe, Snippet};
use super::super::report::{Action, Change, Reason};
use super::super::world::World;

static READ: Snippet = Snippet {
    name: "packages",
    text: include_str!("packages.read.sh"),
};
static APPLY: Snippet = Snippet {
    name: "packages_apply",
    text: include_str!("packages.apply.sh"),
};

/// How long another user of the package manager is waited for, in seconds.
const DEFAULT_PATIENCE: u32 = 300;

/// Packages that should be installed, by apt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packages {
    names: Vec<String>,
    recommends: bool,
    patience: u32,
}

impl Packages {
    /// Each name may carry a version, `name=version`. Names must be those of real packages.
    pub fn new<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Packages {
        Packages {
            names: names.into_iter().map(Into::into).collect(),
            recommends: false,
            patience: DEFAULT_PATIENCE,
        }
    }

    /// Installs what they recommend, too. Default: false.
    #[must_use]
    pub fn recommends(mut self, recommends: bool) -> Packages {
        self.recommends = recommends;
        self
    }

    /// How long the locks of another apt or dpkg are waited for, in seconds. Default: 300.
    #[must_use]
    pub fn patience(mut self, seconds: impl Into<Option<u32>>) -> Packages {
        self.patience = seconds.into().unwrap_or(DEFAULT_PATIENCE);
        self
    }

    /// What `dpkg-query` is asked for.
    fn question(&self) -> String {
        let names: Vec<&str> = self.names.iter().map(|name| split(name).0).collect();
        names.join(" ")
    }
}

fn split(name: &str) -> (&str, Option<&str>) {
    match name.split_once('=') {
        Some((name, version)) => (name, Some(version)),
        None => (name, None),
    }
}

fn is_name(name: &str) -> bool {
    let fine =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+.-:".contains(&byte);
    name.len() > 1
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.bytes().all(fine)
}

fn is_version(version: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"+.-:~".contains(&byte);
    version.starts_with(|first: char| first.is_ascii_digit()) && version.bytes().all(fine)
}

impl State for Packages {
    fn kind(&self) -> &'static str {
        "packages"
    }

    fn name(&self) -> String {
        self.names.join(" ")
    }

    fn check(&self) -> Result<(), Problem> {
        if self.names.is_empty() {
            return Err(Problem::new("no package is named"));
        }
        for name in &self.names {
            let (package, version) = split(name);
            if !is_name(package) || version.is_some_and(|version| !is_version(version)) {
                return Err(Problem::new(format!("`{name}` cannot be a package")));
            }
        }
        Ok(())
    }

    fn read(&self, probe: &mut Probe, _inputs: &Inputs) {
        probe.ask(&READ, &[&self.question()]);
    }

    fn compare(&self, world: &mut World, script: &mut Script) -> Result<Verdict, Problem> {
        let known = world.answer(&READ, &[&self.question()]).unwrap_or_default();
        if known == "none" {
            return Err(Problem::new("the host has no dpkg")
                .help("packages are managed on Debian and Ubuntu only"));
        }
        let mut reasons = Vec::new();
        let mut wanted = Vec::new();
        for name in &self.names {
            let (package, version) = split(name);
            let plain = package.split(':').next().unwrap_or(package);
            let installed = known.lines().find_map(|line| {
                let mut words = line.split(' ');
                let same = words.next() == Some(plain) && words.next() == Some("installed");
                same.then(|| words.next().unwrap_or_default())
            });
            match (installed, version) {
                (Some(installed), Some(version)) if installed != version => {
                    reasons.push(Reason::from_to(package, installed, version));
                }
                (Some(_), _) => continue,
                (None, _) => reasons.push(Reason {
                    what: package.to_owned(),
                    from: None,
                    to: Some("missing".to_owned()),
                }),
            }
            if !world.predicts("package", name) {
                wanted.push(name.as_str());
            }
        }
        if wanted.is_empty() {
            return Ok(Verdict::unchanged());
        }
        script.need(&APPLY);
        let recommends = match self.recommends {
            true => "--install-recommends",
            false => "--no-install-recommends",
        };
        let patience = self.patience.to_string();
        script.call(
            "install_packages",
            &[&patience, recommends, &wanted.join(" ")],
        );
        for name in wanted {
            world.predict_fact("package", name);
        }
        world.expect_anything(&format!("packages {}", self.name()));
        Ok(Change {
            reasons,
            ..Change::new(Action::Install)
        }
        .into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        for good in ["curl", "g++", "libc6:i386", "docker.io=20.10.24+dfsg1-1+b3"] {
            assert!(Packages::new([good]).check().is_ok(), "{good}");
        }
        for bad in [
            "",
            "a",
            "-y",
            "curl wget",
            "x;y",
            "curl=",
            "curl=*",
            "Curl",
            "$(id)",
        ] {
            assert!(Packages::new([bad]).check().is_err(), "{bad}");
        }
        assert!(Packages::new(Vec::<String>::new()).check().is_err());
    }
}
