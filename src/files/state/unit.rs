//! What systemd says about a unit.

use chrono::NaiveDateTime;

use super::super::item::Problem;
use super::super::read::{Probe, Snippet};
use super::super::world::World;

static READ: Snippet = Snippet {
    name: "unit",
    text: include_str!("unit.read.sh"),
};
pub(super) static APPLY: Snippet = Snippet {
    name: "unit_apply",
    text: include_str!("unit.apply.sh"),
};

/// Suffixes of unit names; without one a name means a service.
const SUFFIXES: &[&str] = &[
    ".service",
    ".socket",
    ".timer",
    ".target",
    ".mount",
    ".automount",
    ".path",
    ".slice",
    ".swap",
    ".device",
    ".scope",
];

/// One unit as systemd knows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Unit {
    pub load: String,
    pub active: String,
    pub sub: String,
    pub file: String,
    pub needs_reload: bool,
    oneshot: bool,
    succeeded: bool,
    entered: Option<i64>,
    ran_from: Option<i64>,
    ran_to: Option<i64>,
    /// The host's clock when it was asked.
    pub now: i64,
}

/// The unit's name with its suffix.
pub(in crate::files) fn full_name(name: &str) -> String {
    match SUFFIXES.iter().any(|suffix| name.ends_with(suffix)) {
        true => name.to_owned(),
        false => format!("{name}.service"),
    }
}

/// The template that an instance (`getty@tty1.service`) is made from.
pub(super) fn template(name: &str) -> Option<String> {
    let (start, rest) = name.split_once('@')?;
    let (_, suffix) = rest.rsplit_once('.')?;
    Some(format!("{start}@.{suffix}"))
}

/// Whether `name` can name a unit.
pub(super) fn check_unit(name: &str) -> Result<(), Problem> {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"@:._-\\".contains(&byte);
    if name.is_empty() || name.starts_with(['-', '.']) || !name.bytes().all(fine) {
        return Err(Problem::new(format!("`{name}` cannot be a unit name")));
    }
    Ok(())
}

pub(super) fn read_unit(name: &str, probe: &mut Probe) {
    probe.ask(&READ, &[&full_name(name)]);
}

/// The unit, or the problem that the host has no systemd.
pub(super) fn unit(name: &str, world: &World) -> Result<Unit, Problem> {
    let answer = world.answer(&READ, &[&full_name(name)]);
    let answer = answer.ok_or_else(|| Problem::new("the host does not run systemd"))?;
    Ok(Unit::parse(&answer))
}

impl Unit {
    fn parse(answer: &str) -> Unit {
        let mut unit = Unit::default();
        for line in answer.lines() {
            let Some((name, value)) = line.split_once('=') else {
                unit.now = line.parse().unwrap_or(unit.now);
                continue;
            };
            match name {
                "LoadState" => unit.load = value.to_owned(),
                "ActiveState" => unit.active = value.to_owned(),
                "SubState" => unit.sub = value.to_owned(),
                "UnitFileState" => unit.file = value.to_owned(),
                "NeedDaemonReload" => unit.needs_reload = value == "yes",
                "Type" => unit.oneshot = value == "oneshot",
                "Result" => unit.succeeded = value == "success",
                "ActiveEnterTimestamp" => unit.entered = epoch(value),
                "ExecMainStartTimestamp" => unit.ran_from = epoch(value),
                "ExecMainExitTimestamp" => unit.ran_to = epoch(value),
                _ => {}
            }
        }
        unit
    }

    pub fn exists(&self) -> bool {
        !matches!(self.load.as_str(), "not-found" | "")
    }

    pub fn is_masked(&self) -> bool {
        self.load == "masked"
    }

    /// Whether it does what a unit that should run does. One that runs once and ends has done it.
    pub fn is_up(&self) -> bool {
        match self.active.as_str() {
            "active" | "reloading" => true,
            "activating" => self.sub != "auto-restart",
            "inactive" => self.oneshot && self.succeeded && self.ran_to.is_some(),
            _ => false,
        }
    }

    /// Whether anything of it runs.
    pub fn is_running(&self) -> bool {
        !matches!(self.active.as_str(), "inactive" | "failed" | "")
    }

    /// Seconds since the epoch when what runs of it (or what last ran) was started.
    pub fn started(&self) -> Option<i64> {
        match self.oneshot {
            true => self.ran_from.or(self.entered),
            // A service may run long before it is active, reading its inputs at the start.
            false => [self.ran_from, self.entered].into_iter().flatten().min(),
        }
    }
}

/// `Tue 2026-11-24 02:43:00 UTC` in seconds since the epoch.
fn epoch(text: &str) -> Option<i64> {
    let time = NaiveDateTime::parse_from_str(text, "%a %Y-%m-%d %H:%M:%S UTC").ok()?;
    Some(time.and_utc().timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUNNING: &str = "1700000100\nType=simple\nResult=success\nLoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=enabled\nNeedDaemonReload=no\nActiveEnterTimestamp=Tue 2023-11-14 22:13:20 UTC\nExecMainStartTimestamp=Tue 2023-11-14 22:13:20 UTC\nExecMainExitTimestamp=\n";

    #[test]
    fn properties_are_understood() {
        let unit = Unit::parse(RUNNING);
        assert!(unit.exists() && unit.is_up() && unit.is_running() && !unit.needs_reload);
        assert_eq!(unit.started(), Some(1_700_000_000));
        assert_eq!(unit.now, 1_700_000_100);
    }

    #[test]
    fn a_unit_that_runs_once_has_done_its_work() {
        let done = RUNNING
            .replace("simple", "oneshot")
            .replace("State=active", "State=inactive")
            .replace(
                "ExitTimestamp=",
                "ExitTimestamp=Tue 2023-11-14 22:13:21 UTC",
            );
        assert!(Unit::parse(&done).is_up());
        let never = done.replace(
            "ExitTimestamp=Tue 2023-11-14 22:13:21 UTC",
            "ExitTimestamp=",
        );
        assert!(!Unit::parse(&never).is_up());
        assert!(!Unit::parse(&done.replace("success", "exit-code")).is_up());
        assert!(!Unit::parse(&done.replace("oneshot", "simple")).is_up());
    }

    #[test]
    fn a_unit_that_restarts_for_ever_is_not_up() {
        let looping = RUNNING
            .replace("State=active", "State=activating")
            .replace("running", "auto-restart");
        assert!(!Unit::parse(&looping).is_up());
    }

    #[test]
    fn names() {
        assert_eq!(full_name("docker"), "docker.service");
        assert_eq!(full_name("a.b"), "a.b.service");
        assert_eq!(full_name("x.timer"), "x.timer");
        assert_eq!(template("getty@tty1.service").unwrap(), "getty@.service");
        assert_eq!(template("a.service"), None);
        assert!(check_unit("getty@tty1.service").is_ok());
        for bad in ["", "-h", "a b", "../x", "a/b", ".x"] {
            assert!(check_unit(bad).is_err(), "{bad}");
        }
    }
}
