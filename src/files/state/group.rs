//! A group of users.

use super::super::apply::Script;
use super::super::inputs::Inputs;
use super::super::item::{Problem, State, Verdict};
use super::super::place::check_name;
use super::super::read::Probe;
use super::super::report::{Action, Change, Reason};
use super::super::world::World;
use super::user::{ACCOUNT, groups_of};

/// A group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    name: String,
    system: bool,
    gid: Option<u32>,
}

impl Group {
    pub fn new(name: impl Into<String>) -> Group {
        Group {
            name: name.into(),
            system: false,
            gid: None,
        }
    }

    /// Takes its number from the system's range when it is made. Default: false.
    #[must_use]
    pub fn system(mut self, system: bool) -> Group {
        self.system = system;
        self
    }

    /// Its number. Default: as it is, or the next free one.
    #[must_use]
    pub fn gid(mut self, gid: impl Into<Option<u32>>) -> Group {
        self.gid = gid.into();
        self
    }
}

impl State for Group {
    fn kind(&self) -> &'static str {
        "group"
    }

    fn name(&self) -> String {
        self.name.clone()
    }

    fn check(&self) -> Result<(), Problem> {
        check_name(&self.name)
    }

    fn read(&self, probe: &mut Probe, _inputs: &Inputs) {
        probe.ask(&ACCOUNT, &["", &self.name]);
    }

    fn compare(&self, world: &mut World, script: &mut Script) -> Result<Verdict, Problem> {
        let known = world
            .answer(&ACCOUNT, &["", &self.name])
            .unwrap_or_default();
        let found = groups_of(&known).find(|group| group.name == self.name);
        let gid = self.gid.map(|gid| gid.to_string());
        let change = match (found, &gid) {
            (Some(group), Some(gid)) if group.gid != gid => {
                return Err(Problem::new(format!(
                    "the group has the number {}, not {gid}",
                    group.gid
                ))
                .help("files on the host belong to the number; change it by hand"));
            }
            (Some(_), _) => return Ok(Verdict::unchanged()),
            (None, _) if world.predicts("group", &self.name) => return Ok(Verdict::unchanged()),
            (None, _) => Change::new(Action::Create).because(Reason::new("missing")),
        };
        let mut words = vec!["groupadd"];
        if self.system {
            words.push("--system");
        }
        if let Some(gid) = &gid {
            words.extend(["--gid", gid]);
        }
        words.extend(["--", &self.name]);
        script.call("flush", &[]);
        script.call("run", &words);
        world.predict_fact("group", &self.name);
        Ok(change.into())
    }
}
