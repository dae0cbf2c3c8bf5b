//! A file of systemd's configuration: a unit, or a drop-in of one.

use bytes::Bytes;

use super::super::apply::Script;
use super::super::content::Content;
use super::super::inputs::Inputs;
use super::super::item::{Problem, State, Verdict};
use super::super::mode::Mode;
use super::super::place::{Meta, Place};
use super::super::read::Probe;
use super::super::report::{Action, Change, Reason};
use super::super::world::World;
use super::unit::{check_unit, full_name, read_unit, unit};

const DIRECTORY: &str = "/etc/systemd/system";

/// A unit file, or a drop-in (`docker.service.d/limits.conf`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitFile {
    name: String,
    content: Bytes,
    meta: Meta,
}

impl UnitFile {
    /// The file `name` below `/etc/systemd/system`.
    pub fn new(name: impl Into<String>, content: impl Into<Bytes>) -> UnitFile {
        UnitFile {
            name: name.into(),
            content: content.into(),
            meta: Meta {
                mode: Some(Mode::new(0o644)),
                owner: Some("root".to_owned()),
                group: Some("root".to_owned()),
            },
        }
    }

    fn path(&self) -> String {
        format!("{DIRECTORY}/{}", self.name)
    }

    /// The unit that it belongs to.
    fn unit(&self) -> &str {
        match self.name.split_once(".d/") {
            Some((unit, _)) => unit,
            None => &self.name,
        }
    }

    fn content(&self) -> Content {
        match self.content.ends_with(b"\n") {
            true => Content::bytes(self.content.clone()),
            false => Content::bytes([&self.content[..], b"\n"].concat()),
        }
    }
}

impl State for UnitFile {
    fn kind(&self) -> &'static str {
        "unit_file"
    }

    fn name(&self) -> String {
        self.name.clone()
    }

    fn check(&self) -> Result<(), Problem> {
        check_unit(self.unit())?;
        if full_name(self.unit()) != self.unit() {
            return Err(
                Problem::new("the name does not say what kind of unit it is").help(format!(
                    "write `{}`",
                    self.name.replacen(self.unit(), &full_name(self.unit()), 1)
                )),
            );
        }
        if let Some((_, file)) = self.name.split_once(".d/") {
            check_unit(file)?;
            if !file.ends_with(".conf") {
                return Err(Problem::new(
                    "systemd reads drop-ins whose name ends with `.conf`",
                ));
            }
        }
        Ok(())
    }

    fn read(&self, probe: &mut Probe, _inputs: &Inputs) {
        let content = self.content();
        Place::read(&self.path(), probe, None, Some(&content), false);
        // A link there is a masked or an aliased unit.
        if !self.unit().contains("@.") {
            read_unit(self.unit(), probe);
        }
    }

    fn compare(&self, world: &mut World, script: &mut Script) -> Result<Verdict, Problem> {
        let path = self.path();
        let change = Place {
            path: &path,
            content: self.content(),
            meta: &self.meta,
            default_mode: Mode::new(0o644),
            secret: false,
            parents: true,
        }
        .compare(world, script)?;
        world.predict_fact("unit_input", &format!("{}\n{path}", self.unit()));
        let stale = match self.unit().contains("@.") {
            true => false,
            false => unit(self.unit(), world)?.needs_reload,
        };
        if change.is_none() && !stale {
            return Ok(Verdict::unchanged());
        }
        world.predict_fact("unit", self.unit());
        script.call("need_reload", &[]);
        Ok(change
            .unwrap_or_else(|| {
                Change::new(Action::Reload)
                    .because(Reason::new("systemd has not read it since it changed"))
            })
            .into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_they_are() {
        for good in [
            "a.service",
            "a@.service",
            "docker.service.d/x.conf",
            "b.timer",
        ] {
            assert!(UnitFile::new(good, "x").check().is_ok(), "{good}");
        }
        for bad in [
            "a",
            "../a.service",
            "a.service.d/x",
            "a.service.d/../x.conf",
            "a b.service",
        ] {
            assert!(UnitFile::new(bad, "x").check().is_err(), "{bad}");
        }
    }
}
