//! A kernel module with its options, now and after a reboot.

use super::super::apply::Script;
use super::super::content::Content;
use super::super::inputs::Inputs;
use super::super::item::{Problem, State, Verdict};
use super::super::mode::Mode;
use super::super::place::{Meta, Place};
use super::super::read::{Probe, Snippet};
use super::super::report::{Action, Change, Reason};
use super::super::world::{NodeKind, World};

static READ: Snippet = Snippet {
    name: "kernel_module",
    text: include_str!("kernel_module.read.sh"),
};
static APPLY: Snippet = Snippet {
    name: "kernel_module_apply",
    text: include_str!("kernel_module.apply.sh"),
};

/// A kernel module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelModule {
    name: String,
    options: Vec<(String, String)>,
    persist: bool,
    optional: bool,
}

/// How a module is there.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    how: String,
    users: String,
    parameters: Vec<(String, String)>,
}

impl Found {
    fn parse(answer: &str) -> Found {
        let mut lines = answer.lines();
        let (how, users) = lines
            .next()
            .and_then(|line| line.split_once(' '))
            .unwrap_or(("missing", "0"));
        Found {
            how: how.to_owned(),
            users: users.to_owned(),
            parameters: lines
                .filter_map(|line| line.split_once('='))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        }
    }

    fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

impl KernelModule {
    pub fn new(name: impl Into<String>) -> KernelModule {
        KernelModule {
            name: name.into(),
            options: Vec::new(),
            persist: true,
            optional: false,
        }
    }

    /// Its parameters. A loaded module with other ones is loaded again if nothing uses it.
    #[must_use]
    pub fn options<N: Into<String>, V: Into<String>>(
        mut self,
        options: impl IntoIterator<Item = (N, V)>,
    ) -> KernelModule {
        let options = options.into_iter();
        self.options = options.map(|(n, v)| (n.into(), v.into())).collect();
        self
    }

    /// Keeps it in `/etc/modules-load.d` and `/etc/modprobe.d`. Default: true.
    #[must_use]
    pub fn persist(mut self, persist: bool) -> KernelModule {
        self.persist = persist;
        self
    }

    /// A kernel without the module is fine. Default: false.
    #[must_use]
    pub fn optional(mut self, optional: bool) -> KernelModule {
        self.optional = optional;
        self
    }

    /// The name as the kernel writes it.
    fn id(&self) -> String {
        self.name.replace('-', "_")
    }

    fn record(&self) -> String {
        format!("module-{}", self.id())
    }

    fn words(&self) -> Vec<String> {
        let options = self.options.iter();
        options
            .map(|(name, value)| format!("{name}={value}"))
            .collect()
    }

    fn files(&self) -> Vec<(String, String)> {
        let load = format!("/etc/modules-load.d/60-e2bscript-{}.conf", self.id());
        let mut files = vec![(load, format!("{}\n", self.name))];
        if !self.options.is_empty() {
            let path = self.options_file();
            files.push((
                path,
                format!("options {} {}\n", self.name, self.words().join(" ")),
            ));
        }
        files
    }

    fn options_file(&self) -> String {
        format!("/etc/modprobe.d/60-e2bscript-{}.conf", self.id())
    }

    /// The parameters that are not as asked. The kernel may show another value than it was given
    /// (`nbd` rounds `max_part` up), so what it showed after loading counts as what was asked.
    fn differences(&self, found: &Found, record: Option<&str>) -> Vec<Reason> {
        let mut lines = record.unwrap_or_default().lines();
        let same_words = lines.next() == Some(self.words().join(" ").as_str());
        let shown: Vec<&str> = lines.filter(|_| same_words).collect();
        self.options
            .iter()
            .filter_map(|(name, wanted)| {
                let is = found.parameter(name)?;
                let fine = is == wanted || shown.contains(&format!("{name}={is}").as_str());
                (!fine).then(|| Reason::from_to(name, is, wanted))
            })
            .collect()
    }

    fn keep(&self, world: &mut World, script: &mut Script) -> Result<bool, Problem> {
        let meta = Meta::default();
        let mut changed = false;
        for (path, text) in self.files() {
            let place = Place {
                path: &path,
                content: Content::bytes(text),
                meta: &meta,
                default_mode: Mode::new(0o644),
                secret: false,
                parents: true,
            };
            changed |= place.compare(world, script)?.is_some();
        }
        let old = self.options_file();
        if self.options.is_empty() && world.node(&old).kind == NodeKind::File {
            script.call("remove", &[&old, "file"]);
            world.predict_gone(&old);
            changed = true;
        }
        Ok(changed)
    }
}

impl State for KernelModule {
    fn kind(&self) -> &'static str {
        "kernel_module"
    }

    fn name(&self) -> String {
        self.name.clone()
    }

    fn check(&self) -> Result<(), Problem> {
        let is_name = |name: &str| {
            let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
            !name.is_empty() && !name.starts_with('-') && name.bytes().all(fine)
        };
        if !is_name(&self.name) {
            return Err(Problem::new(format!(
                "`{}` cannot be a module name",
                self.name
            )));
        }
        for (name, value) in &self.options {
            let plain = value
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b'"');
            if !is_name(name) || value.is_empty() || !plain {
                return Err(Problem::new(format!(
                    "`{name}={value}` cannot be a module option"
                )));
            }
        }
        Ok(())
    }

    fn read(&self, probe: &mut Probe, _inputs: &Inputs) {
        probe.ask(&READ, &[&self.id()]);
        probe.record(&self.record());
        if self.persist {
            for (path, text) in self.files() {
                let content = Content::bytes(text);
                Place::read(&path, probe, None, Some(&content), false);
            }
            probe.path(&self.options_file());
        }
    }

    fn compare(&self, world: &mut World, script: &mut Script) -> Result<Verdict, Problem> {
        let answer = world.answer(&READ, &[&self.id()]).unwrap_or_default();
        let found = Found::parse(&answer);
        let record = world.record(&self.record());
        let mut verdict = Verdict::unchanged();
        let mut change = Change::new(Action::Load);
        let differences = self.differences(&found, record.as_deref());
        let reload = match found.how.as_str() {
            "missing" if self.optional => {
                return Ok(verdict.note(match world.unpredictable() {
                    Some(item) => format!(
                        "this kernel has no such module; if {item} brings it, the next run loads it"
                    ),
                    None => "this kernel has no such module".to_owned(),
                }));
            }
            "missing" if world.unpredictable().is_none() => {
                return Err(Problem::new("this kernel has no such module")
                    .help("install the package that brings it, or pass `optional: true`"));
            }
            "loaded" if differences.is_empty() => None,
            "loaded" => {
                change.reasons.extend(differences);
                if found.users != "0" {
                    verdict = verdict.note(format!(
                        "it is in use ({}); other options need it to be free, or a reboot",
                        found.users
                    ));
                }
                Some("reload")
            }
            "builtin" => {
                for reason in &differences {
                    verdict = verdict.note(format!(
                        "it is built into the kernel; {reason} needs the kernel's command line"
                    ));
                }
                None
            }
            _ => {
                change.reasons.push(Reason::new("not loaded"));
                Some("")
            }
        };
        if let Some(reload) = reload {
            script.need(&APPLY);
            let (id, record, words) = (self.id(), self.record(), self.words());
            let mut arguments = vec![id.as_str(), reload, record.as_str()];
            arguments.extend(words.iter().map(String::as_str));
            script.call("load_module", &arguments);
            world.expect_anything(&format!("kernel_module {}", self.name));
        }
        if self.persist && self.keep(world, script)? {
            change
                .reasons
                .push(Reason::new("not kept for the next boot"));
        }
        if !change.reasons.is_empty() {
            verdict.change = Some(change);
        }
        Ok(verdict)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nbd() -> KernelModule {
        KernelModule::new("nbd").options([("nbds_max", "128"), ("max_part", "16")])
    }

    #[test]
    fn a_rounded_parameter_is_as_asked_once_it_was_loaded_so() {
        let found = Found::parse("loaded 0\nmax_part=31\nnbds_max=128\n");
        let reasons = nbd().differences(&found, None);
        assert_eq!(reasons, [Reason::from_to("max_part", "31", "16")]);
        let record = "nbds_max=128 max_part=16\nnbds_max=128\nmax_part=31";
        assert_eq!(nbd().differences(&found, Some(record)), []);
        let other = found.clone();
        let more = KernelModule::new("nbd").options([("max_part", "8")]);
        assert_eq!(more.differences(&other, Some(record)).len(), 1);
    }

    #[test]
    fn files_of_modprobe() {
        assert_eq!(
            nbd().files(),
            [
                (
                    "/etc/modules-load.d/60-e2bscript-nbd.conf".into(),
                    "nbd\n".into()
                ),
                (
                    "/etc/modprobe.d/60-e2bscript-nbd.conf".into(),
                    "options nbd nbds_max=128 max_part=16\n".into()
                ),
            ]
        );
        assert!(KernelModule::new("a b").check().is_err());
        assert!(
            KernelModule::new("a")
                .options([("x", "1 y=2")])
                .check()
                .is_err()
        );
    }
}
