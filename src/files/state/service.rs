//! A unit that is enabled and runs with its current inputs.

use super::super::apply::Script;
use super::super::hash::sha256;
use super::super::inputs::Inputs;
use super::super::item::{Problem, State, Verdict};
use super::super::place::{check_path, clean};
use super::super::read::Probe;
use super::super::report::{Action, Change, Reason};
use super::super::world::World;
use super::unit::{APPLY, Unit, check_unit, full_name, read_unit, template, unit};

/// A systemd unit: whether it starts at boot, whether it runs, and what it must be restarted for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    unit: String,
    enabled: Option<bool>,
    running: Option<bool>,
    restart_on: Vec<String>,
    reload: bool,
}

impl Service {
    /// A unit; a name without a suffix means a `.service`.
    pub fn new(unit: impl AsRef<str>) -> Service {
        Service {
            unit: full_name(unit.as_ref()),
            enabled: None,
            running: None,
            restart_on: Vec::new(),
            reload: false,
        }
    }

    /// Whether it is to run, and to start at boot.
    pub(in crate::files) fn wanted(&self) -> (Option<bool>, Option<bool>) {
        (self.running, self.enabled)
    }

    /// Whether it starts at boot. Default: as it is.
    #[must_use]
    pub fn enabled(mut self, enabled: impl Into<Option<bool>>) -> Service {
        self.enabled = enabled.into();
        self
    }

    /// Whether it runs now. Default: as it is.
    #[must_use]
    pub fn running(mut self, running: impl Into<Option<bool>>) -> Service {
        self.running = running.into();
        self
    }

    /// Its inputs. When one of them changes in this batch, or is newer than the running unit, the
    /// unit is restarted. Its files written by `unit_file` items of the batch are inputs anyway.
    #[must_use]
    pub fn restart_on<S: AsRef<str>>(mut self, paths: impl IntoIterator<Item = S>) -> Service {
        self.restart_on = paths.into_iter().map(|path| clean(path.as_ref())).collect();
        self
    }

    /// Reloads in place of restarting. Default: false.
    #[must_use]
    pub fn reload(mut self, reload: bool) -> Service {
        self.reload = reload;
        self
    }

    fn record(&self) -> String {
        let id = sha256(self.unit.as_bytes());
        format!("reload-{}", id.get(..32).unwrap_or(&id))
    }

    /// Inputs that what runs of the unit has not seen, each with how it is known.
    fn unseen_inputs(&self, found: &Unit, world: &World) -> Vec<Reason> {
        let mut inputs = self.restart_on.clone();
        inputs.extend(world.facts("unit_input").filter_map(|fact| {
            let (unit, path) = fact.split_once('\n')?;
            let mine = unit == self.unit || Some(unit) == template(&self.unit).as_deref();
            mine.then(|| path.to_owned())
        }));
        inputs.sort();
        inputs.dedup();
        let reloaded = world.record(&self.record()).and_then(|at| at.parse().ok());
        let started = found.started().max(reloaded.filter(|_| self.reload));
        inputs
            .iter()
            .filter_map(|path| {
                if world.changes(path) {
                    return Some(Reason::new(format!("`{path}` changes")));
                }
                let node = world.known(path).filter(|node| !node.is_absent())?;
                // A time of the future tells nothing: the clock was put back.
                let newer = node.changed > started? && node.changed <= found.now;
                newer.then(|| Reason::new(format!("`{path}` is newer than the running unit")))
            })
            .collect()
    }

    fn compare_enabled(
        &self,
        found: &Unit,
        change: &mut Option<Change>,
        script: &mut Script,
    ) -> Result<Option<String>, Problem> {
        let Some(wanted) = self.enabled else {
            return Ok(None);
        };
        let is = found.file.as_str();
        let (verb, reason) = match (wanted, is) {
            (true, "enabled" | "alias") | (false, "disabled" | "") => return Ok(None),
            (true, "static" | "generated" | "indirect" | "transient") => {
                return Ok(Some(format!("it is {is}: other units start it at boot")));
            }
            (false, "static" | "indirect" | "generated" | "masked" | "linked" | "transient") => {
                return Ok(None);
            }
            (true, _) => ("enable", Reason::new("not enabled")),
            (false, _) => ("disable", Reason::new("enabled")),
        };
        script.call("enable_unit", &[&self.unit, verb]);
        let change = change.get_or_insert_with(|| Change::new(Action::Update));
        change.reasons.push(reason);
        Ok(None)
    }

    fn compare_running(
        &self,
        found: &Unit,
        change: &mut Option<Change>,
        script: &mut Script,
        world: &World,
    ) {
        let up = found.is_up();
        let unseen = match found.is_running() || up {
            true => self.unseen_inputs(found, world),
            false => Vec::new(),
        };
        let (action, verb, reasons) = match self.running {
            Some(false) if found.is_running() => {
                (Action::Stop, "stop", vec![Reason::new("running")])
            }
            Some(false) => return,
            // A half-started unit is better started over.
            Some(true) if !up && found.is_running() => (
                Action::Restart,
                "restart",
                vec![Reason::new(format!("{} ({})", found.active, found.sub))],
            ),
            Some(true) if !up => {
                let state = match found.active.as_str() {
                    "" | "inactive" => "not running",
                    other => other,
                };
                (Action::Start, "start", vec![Reason::new(state)])
            }
            _ if unseen.is_empty() => return,
            _ if self.reload => (Action::Reload, "reload", unseen),
            _ => (Action::Restart, "restart", unseen),
        };
        script.call("change_unit", &[&self.unit, verb]);
        if verb == "reload" {
            script.call("note_reload", &[&self.record()]);
        }
        let change = change.get_or_insert_with(|| Change::new(action));
        change.action = action;
        change.reasons.extend(reasons);
    }
}

impl State for Service {
    fn kind(&self) -> &'static str {
        "service"
    }

    fn name(&self) -> String {
        self.unit.clone()
    }

    fn check(&self) -> Result<(), Problem> {
        check_unit(&self.unit)?;
        self.restart_on
            .iter()
            .try_for_each(|path| check_path(path))?;
        if self.enabled.is_none() && self.running.is_none() && self.restart_on.is_empty() {
            return Err(Problem::new("nothing is asked of it")
                .help("pass `enabled`, `running` or `restart_on`"));
        }
        Ok(())
    }

    fn read(&self, probe: &mut Probe, _inputs: &Inputs) {
        read_unit(&self.unit, probe);
        for path in &self.restart_on {
            probe.path(path);
        }
        if self.reload {
            probe.record(&self.record());
        }
    }

    fn compare(&self, world: &mut World, script: &mut Script) -> Result<Verdict, Problem> {
        let found = unit(&self.unit, world)?;
        let written = world.predicts("unit", &self.unit)
            || template(&self.unit).is_some_and(|unit| world.predicts("unit", &unit));
        let to_come = written || world.unpredictable().is_some();
        if found.is_masked() {
            return Err(Problem::new("the unit is masked").help(format!(
                "`systemctl unmask {}` on the host allows it again",
                self.unit
            )));
        }
        if !found.exists() && !to_come {
            let gone = self.running != Some(true) && self.enabled != Some(true);
            if gone && self.restart_on.is_empty() {
                return Ok(Verdict::unchanged().note("there is no such unit"));
            }
            return Err(Problem::new("there is no such unit").help(
                "install its package or write it with `state::unit_file` before it in the list",
            ));
        }
        script.need(&APPLY);
        let mut change = None;
        let note = self.compare_enabled(&found, &mut change, script)?;
        self.compare_running(&found, &mut change, script, world);
        if change.is_some() {
            world.predict_fact("service", &self.unit);
        }
        let mut verdict = Verdict::from(change);
        verdict.notes.extend(note);
        Ok(verdict)
    }
}
