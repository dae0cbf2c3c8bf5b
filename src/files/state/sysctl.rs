//! A kernel setting, now and after a reboot.

use super::super::apply::Script;
use super::super::content::Content;
use super::super::inputs::Inputs;
use super::super::item::{Problem, State, Verdict};
use super::super::mode::Mode;
use super::super::place::{Meta, Place};
use super::super::read::{Probe, Snippet};
use super::super::report::{Action, Change, Reason};
use super::super::world::World;

static READ: Snippet = Snippet {
    name: "sysctl",
    text: include_str!("sysctl.read.sh"),
};
static APPLY: Snippet = Snippet {
    name: "sysctl_apply",
    text: include_str!("sysctl.apply.sh"),
};

/// A kernel setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sysctl {
    key: String,
    value: String,
    persist: bool,
    optional: bool,
}

impl Sysctl {
    /// `key` as `sysctl` writes it; a dot that is part of a name is written `/` there.
    pub fn new(key: impl Into<String>, value: impl Into<String>) -> Sysctl {
        Sysctl {
            key: key.into(),
            value: value.into(),
            persist: true,
            optional: false,
        }
    }

    /// Keeps it in `/etc/sysctl.d`. Default: true.
    #[must_use]
    pub fn persist(mut self, persist: bool) -> Sysctl {
        self.persist = persist;
        self
    }

    /// A kernel without the key is fine. Default: false.
    #[must_use]
    pub fn optional(mut self, optional: bool) -> Sysctl {
        self.optional = optional;
        self
    }

    fn file(&self) -> String {
        let path: String = self
            .key
            .chars()
            .map(|letter| match letter {
                '.' => '/',
                '/' => '.',
                other => other,
            })
            .collect();
        format!("/proc/sys/{path}")
    }

    fn kept_in(&self) -> String {
        let key = self.key.replace('/', "-");
        format!("/etc/sysctl.d/60-e2bscript-{key}.conf")
    }

    fn content(&self) -> Content {
        Content::bytes(format!("{} = {}\n", self.key, self.value))
    }
}

/// The value of `file` in the output of `grep`.
fn value_in(values: &str, file: &str) -> String {
    let value = |line: &str| Some(line.strip_prefix(file)?.strip_prefix(':')?.to_owned());
    values.lines().find_map(value).unwrap_or_default()
}

/// Values of several numbers are shown with tabs and written with blanks.
fn normal(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl State for Sysctl {
    fn kind(&self) -> &'static str {
        "sysctl"
    }

    fn name(&self) -> String {
        self.key.clone()
    }

    fn check(&self) -> Result<(), Problem> {
        let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/:@".contains(&byte);
        let parts = || self.key.split(['.', '/']);
        if !self.key.bytes().all(fine) || parts().count() < 2 || parts().any(str::is_empty) {
            return Err(Problem::new(format!("`{}` cannot be a key", self.key))
                .help("write it like `net.ipv4.ip_forward`"));
        }
        if self.value.trim().is_empty() || self.value.contains(['\n', '\0']) {
            return Err(Problem::new("the value is empty or has several lines"));
        }
        Ok(())
    }

    fn read(&self, probe: &mut Probe, _inputs: &Inputs) {
        probe.ask(&READ, &[&self.file()]);
        if self.persist {
            let content = self.content();
            Place::read(&self.kept_in(), probe, None, Some(&content), false);
        }
    }

    fn compare(&self, world: &mut World, script: &mut Script) -> Result<Verdict, Problem> {
        let live = world.answer(&READ, &[&self.file()]);
        let live = live.map(|values| value_in(&values, &self.file()));
        if live.is_none() && world.unpredictable().is_none() {
            return match self.optional {
                true => Ok(Verdict::unchanged().note("this kernel has no such key")),
                false => Err(Problem::new("this kernel has no such key")
                    .help("load its module before it, or pass `optional: true`")),
            };
        }
        let mut change = Change::new(Action::Update);
        let live = live.unwrap_or_default();
        if normal(&live) != normal(&self.value) {
            script.need(&APPLY);
            let optional = if self.optional { "optional" } else { "" };
            let words = [&self.file(), &self.value, &self.key, optional];
            script.call("set_sysctl", &words);
            change
                .reasons
                .push(Reason::from_to("value", normal(&live), normal(&self.value)));
        }
        if self.persist {
            let meta = Meta::default();
            let kept = Place {
                path: &self.kept_in(),
                content: self.content(),
                meta: &meta,
                default_mode: Mode::new(0o644),
                secret: false,
                parents: true,
            }
            .compare(world, script)?;
            if kept.is_some() {
                change
                    .reasons
                    .push(Reason::new("not kept for the next boot"));
            }
        }
        match change.reasons.is_empty() {
            true => Ok(Verdict::unchanged()),
            false => Ok(change.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_become_files() {
        assert_eq!(
            Sysctl::new("net.ipv4.ip_forward", "1").file(),
            "/proc/sys/net/ipv4/ip_forward"
        );
        assert_eq!(
            Sysctl::new("net.ipv4.conf.eth0/100.forwarding", "1").file(),
            "/proc/sys/net/ipv4/conf/eth0.100/forwarding"
        );
        for bad in ["", "x", "..", "net..x", "net.ipv4 .x", "../../etc/passwd"] {
            assert!(Sysctl::new(bad, "1").check().is_err(), "{bad}");
        }
        assert!(Sysctl::new("a.b", "1\n2").check().is_err());
        let values = "/proc/sys/a/b:1\n/proc/sys/a/bc:20000\t60000\n";
        assert_eq!(value_in(values, "/proc/sys/a/bc"), "20000\t60000");
        assert_eq!(value_in(values, "/proc/sys/a"), "");
        assert_eq!(normal("4096\t16384  4194304"), "4096 16384 4194304");
    }
}
