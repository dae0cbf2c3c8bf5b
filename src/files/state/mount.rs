//! A mounted file system, now and after a reboot.

use regex::Regex;

use super::super::apply::Script;
use super::super::content::Content;
use super::super::diff::as_text;
use super::super::hash::sha256;
use super::super::inputs::Inputs;
use super::super::item::{Problem, State, Verdict};
use super::super::mode::Mode;
use super::super::place::{Meta, Place, check_path, clean};
use super::super::read::{Probe, Snippet};
use super::super::report::{Action, Change, Reason};
use super::super::world::World;
use super::line::with_line;

static READ: Snippet = Snippet {
    name: "mount",
    text: include_str!("mount.read.sh"),
};
static APPLY: Snippet = Snippet {
    name: "mount_apply",
    text: include_str!("mount.apply.sh"),
};

const FSTAB: &str = "/etc/fstab";
/// Options whose effect shows in the mount table, with their opposites.
const SHOWN: &[(&str, &str)] = &[
    ("ro", "rw"),
    ("rw", "ro"),
    ("nosuid", "suid"),
    ("nodev", "dev"),
    ("noexec", "exec"),
    ("noatime", "atime"),
];

/// A file system at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    source: String,
    path: String,
    fstype: String,
    options: String,
    persist: bool,
}

/// A line of the mount table.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mounted {
    path: String,
    options: Vec<String>,
    fstype: String,
    source: String,
}

impl Mounted {
    fn parse(line: &str) -> Option<Mounted> {
        let (place, device) = line.split_once(" - ")?;
        let mut place = place.split(' ');
        let path = unescape(place.nth(4)?);
        let mut options: Vec<String> = place.next()?.split(',').map(str::to_owned).collect();
        let mut device = device.split(' ');
        let fstype = device.next()?.to_owned();
        let source = unescape(device.next()?);
        let of_file_system = device.next().unwrap_or_default().split(',');
        options.extend(of_file_system.map(str::to_owned));
        Some(Mounted {
            path,
            options,
            fstype,
            source,
        })
    }
}

/// Blanks are written as octal numbers in mount tables.
fn unescape(text: &str) -> String {
    text.replace("\\040", " ")
        .replace("\\011", "\t")
        .replace("\\012", "\n")
        .replace("\\134", "\\")
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\134")
        .replace(' ', "\\040")
        .replace('\t', "\\011")
        .replace('\n', "\\012")
}

impl Mount {
    /// The file system `source` of type `fstype` at `path`, which is made where it is missing.
    pub fn new(
        source: impl Into<String>,
        path: impl AsRef<str>,
        fstype: impl Into<String>,
    ) -> Mount {
        Mount {
            source: source.into(),
            path: clean(path.as_ref()),
            fstype: fstype.into(),
            options: "defaults".to_owned(),
            persist: true,
        }
    }

    /// Mount options, separated by commas. Default: `defaults`.
    #[must_use]
    pub fn options(mut self, options: impl Into<Option<String>>) -> Mount {
        self.options = options
            .into()
            .filter(|options| !options.is_empty())
            .unwrap_or_else(|| "defaults".to_owned());
        self
    }

    /// Keeps it in `/etc/fstab`. Default: true.
    #[must_use]
    pub fn persist(mut self, persist: bool) -> Mount {
        self.persist = persist;
        self
    }

    fn record(&self) -> String {
        let id = sha256(self.path.as_bytes());
        format!("mount-{}", id.get(..32).unwrap_or(&id))
    }

    /// What is remembered of a mount that was made.
    fn made(&self) -> String {
        format!("{} {} {}", escape(&self.source), self.fstype, self.options)
    }

    fn fstab_line(&self) -> String {
        let [source, path] = [&self.source, &self.path].map(|text| escape(text));
        format!("{source} {path} {} {} 0 0", self.fstype, self.options)
    }

    fn is_bind(&self) -> bool {
        self.options
            .split(',')
            .any(|option| matches!(option, "bind" | "rbind"))
    }

    /// The options that the mount table shows to be otherwise.
    fn wrong_options(&self, mounted: &Mounted) -> Option<Reason> {
        let wrong = self.options.split(',').any(|wanted| {
            let known = SHOWN.iter().find(|(option, _)| *option == wanted);
            known.is_some_and(|(option, _)| !mounted.options.iter().any(|is| is == option))
        });
        wrong.then(|| Reason::from_to("options", mounted.options.join(","), &self.options))
    }

    fn check_same(&self, mounted: &Mounted, world: &World) -> Result<(), Problem> {
        let named = self.source.contains('=') || self.is_bind();
        let real = world.real_path(&self.source);
        let same_source = named || mounted.source == self.source || mounted.source == real;
        let same_type = self.is_bind() || self.fstype == "auto" || mounted.fstype == self.fstype
            // The kernel tells the version, the table the family.
            || mounted.fstype.starts_with("nfs") && self.fstype.starts_with("nfs");
        if same_source && same_type {
            return Ok(());
        }
        Err(Problem::new(format!(
            "`{}` ({}) is mounted there",
            mounted.source, mounted.fstype
        ))
        .help("unmount it first, if it may go; nothing is unmounted by itself"))
    }

    fn keep(&self, world: &mut World, script: &mut Script) -> Result<bool, Problem> {
        let node = world.node(FSTAB);
        let old = node.text.as_deref().unwrap_or_default();
        let old = as_text(old).ok_or_else(|| Problem::new("`/etc/fstab` is not UTF-8 text"))?;
        let pattern = format!(r"^\s*[^#\s]\S*\s+{}\s", regex::escape(&escape(&self.path)));
        let pattern = Regex::new(&pattern)
            .map_err(|error| Problem::new(format!("the path cannot be looked for: {error}")))?;
        let new = with_line(old, &self.fstab_line(), Some(&pattern));
        let meta = Meta::default();
        let place = Place {
            path: FSTAB,
            content: Content::bytes(new),
            meta: &meta,
            default_mode: Mode::new(0o644),
            secret: false,
            parents: false,
        };
        Ok(place.compare(world, script)?.is_some())
    }
}

impl State for Mount {
    fn kind(&self) -> &'static str {
        "mount"
    }

    fn name(&self) -> String {
        self.path.clone()
    }

    fn check(&self) -> Result<(), Problem> {
        check_path(&self.path)?;
        for text in [&self.source, &self.fstype, &self.options] {
            if text.is_empty() || text.starts_with('-') || text.contains(['\n', '\0']) {
                return Err(Problem::new(format!("`{text}` cannot be part of a mount")));
            }
        }
        if [&self.fstype, &self.options]
            .iter()
            .any(|text| text.contains(char::is_whitespace))
        {
            return Err(Problem::new("type and options cannot hold blanks"));
        }
        Ok(())
    }

    fn read(&self, probe: &mut Probe, _inputs: &Inputs) {
        probe.ask(&READ, &["all"]);
        probe.record(&self.record());
        if self.persist {
            probe.path(FSTAB);
            probe.text(FSTAB, None);
        }
        if self.source.starts_with("/dev/") {
            probe.follow(&self.source);
        }
    }

    fn compare(&self, world: &mut World, script: &mut Script) -> Result<Verdict, Problem> {
        let table = world.answer(&READ, &["all"]).unwrap_or_default();
        let mounted = table
            .lines()
            .filter_map(Mounted::parse)
            .rfind(|mounted| mounted.path == self.path);
        let record = world.record(&self.record());
        let mut change = Change::new(Action::Mount);
        script.need(&APPLY);
        let (note, made) = (self.record(), self.made());
        match mounted {
            None => {
                change.reasons.push(Reason::new("not mounted"));
                let words = [
                    &self.source,
                    &self.path,
                    &self.fstype,
                    &self.options,
                    &note,
                    &made,
                ];
                script.call("mount_there", &words.map(String::as_str));
            }
            Some(mounted) => {
                self.check_same(&mounted, world)?;
                let reason = match &record {
                    Some(record) if *record != made => Some(Reason::from_to(
                        "options",
                        mounted.options.join(","),
                        &self.options,
                    )),
                    _ => self.wrong_options(&mounted),
                };
                if let Some(reason) = reason {
                    change.reasons.push(reason);
                    let words = [&self.path, &self.options, &note, &made];
                    script.call("remount", &words.map(String::as_str));
                }
            }
        }
        // Kept only after it worked: a wrong line there can stop a host from booting.
        if self.persist && self.keep(world, script)? {
            change
                .reasons
                .push(Reason::new("not kept for the next boot"));
            script.call("need_reload", &[]);
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

    const LINE: &str =
        "36 35 98:0 /sub /mnt/a\\040b rw,nosuid shared:1 - ext4 /dev/sda1 rw,errors=continue";

    #[test]
    fn the_mount_table_is_understood() {
        let mounted = Mounted::parse(LINE).unwrap();
        assert_eq!(mounted.path, "/mnt/a b");
        assert_eq!(
            (mounted.fstype.as_str(), mounted.source.as_str()),
            ("ext4", "/dev/sda1")
        );
        let mount = Mount::new("/dev/sda1", "/mnt/a b", "ext4");
        assert_eq!(mount.wrong_options(&mounted), None);
        let mount = mount.options("nosuid,noexec".to_owned());
        assert!(mount.wrong_options(&mounted).is_some());
        assert!(mount.check_same(&mounted, &World::new("n")).is_ok());
        let other = Mount::new("/dev/sdb1", "/mnt/a b", "ext4");
        assert!(other.check_same(&mounted, &World::new("n")).is_err());
        let named = Mount::new("UUID=1", "/mnt/a b", "ext4");
        assert!(named.check_same(&mounted, &World::new("n")).is_ok());
    }

    #[test]
    fn fstab_keeps_one_line_for_a_path() {
        let mount = Mount::new("tmpfs", "/mnt/a b", "tmpfs").options("size=1m".to_owned());
        assert_eq!(mount.fstab_line(), "tmpfs /mnt/a\\040b tmpfs size=1m 0 0");
        assert!(Mount::new("a", "/b", "x y").check().is_err());
        assert!(Mount::new("-a", "/b", "x").check().is_err());
    }
}
