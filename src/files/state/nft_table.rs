//! An nftables table of our own, now and after a reboot.

use super::super::apply::{Script, parent};
use super::super::content::Content;
use super::super::diff::text_diff;
use super::super::hash::sha256;
use super::super::inputs::Inputs;
use super::super::item::{Problem, State, Verdict};
use super::super::mode::Mode;
use super::super::place::{Meta, Place, need_parent, read_parent};
use super::super::read::{Probe, Snippet};
use super::super::report::{Action, Change, Reason};
use super::super::world::{Node, NodeKind, World};
use super::unit::{APPLY as UNIT, read_unit, unit};

static READ: Snippet = Snippet {
    name: "nft_table",
    text: include_str!("nft_table.read.sh"),
};
static APPLY: Snippet = Snippet {
    name: "nft_table_apply",
    text: include_str!("nft_table.apply.sh"),
};

const FAMILIES: &[&str] = &["ip", "ip6", "inet", "arp", "bridge", "netdev"];

/// A table that belongs to us alone; other tables are never touched.
///
/// It is loaded as one transaction, kept in `/etc/nftables.d`, and loaded at boot by a unit of its
/// own, so that it needs nothing of the distribution's `nftables.service`; a drop-in of that loads
/// it again whenever it flushes all tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NftTable {
    family: String,
    name: String,
    text: String,
}

impl NftTable {
    /// `text` is what stands between the table's braces.
    pub fn new(
        family: impl Into<String>,
        name: impl Into<String>,
        text: impl Into<String>,
    ) -> NftTable {
        NftTable {
            family: family.into(),
            name: name.into(),
            text: text.into(),
        }
    }

    fn id(&self) -> String {
        format!("{}-{}", self.family, self.name)
    }

    fn file(&self) -> String {
        format!("/etc/nftables.d/e2bscript-{}.nft", self.id())
    }

    fn unit(&self) -> String {
        format!("e2bscript-nft-{}.service", self.id())
    }

    fn unit_path(&self) -> String {
        format!("/etc/systemd/system/{}", self.unit())
    }

    fn unit_files(&self) -> [(String, String); 2] {
        [
            (self.unit_path(), self.unit_content()),
            (self.drop_in_path(), self.drop_in()),
        ]
    }

    fn record(&self) -> String {
        format!("nft-{}", self.id())
    }

    fn content(&self) -> String {
        let table = format!("table {} {}", self.family, self.name);
        let text = self.text.trim_matches('\n');
        format!(
            "# Written by e2bscript, which owns this table: edit the script, not this file.\n\
             {table} {{}}\ndelete {table}\n{table} {{\n{text}\n}}\n"
        )
    }

    fn unit_content(&self) -> String {
        let table = format!("{} {}", self.family, self.name);
        let file = self.file();
        format!(
            "# Written by e2bscript.\n\
             [Unit]\n\
             Description=nftables table {table}\n\
             DefaultDependencies=no\n\
             Wants=network-pre.target\n\
             Before=network-pre.target shutdown.target\n\
             Conflicts=shutdown.target\n\
             # The distribution's unit flushes all tables when it starts.\n\
             After=local-fs.target nftables.service\n\
             \n\
             [Service]\n\
             Type=oneshot\n\
             RemainAfterExit=yes\n\
             ExecStart=/usr/sbin/nft -f {file}\n\
             \n\
             [Install]\n\
             WantedBy=sysinit.target\n"
        )
    }

    fn drop_in_path(&self) -> String {
        format!(
            "/etc/systemd/system/nftables.service.d/60-e2bscript-{}.conf",
            self.id()
        )
    }

    /// The distribution's unit flushes all tables whenever it starts or reloads.
    fn drop_in(&self) -> String {
        let file = self.file();
        format!(
            "# Written by e2bscript.\n\
             [Service]\n\
             ExecStartPost=-/usr/sbin/nft -f {file}\n\
             ExecReload=-/usr/sbin/nft -f {file}\n"
        )
    }

    /// Why the live table is not the wanted one.
    fn difference(&self, live: Option<&str>, record: Option<&str>) -> Option<Reason> {
        let Some(live) = live else {
            return Some(Reason::new("not loaded"));
        };
        let known = record.and_then(|record| record.split_once(' '));
        match known {
            None => Some(Reason::new("not loaded by this program")),
            Some((text, _)) if text != sha256(self.content().as_bytes()) => {
                Some(Reason::new("rules"))
            }
            Some((_, shown)) if shown != sha256(live.as_bytes()) => {
                Some(Reason::new("the loaded rules were changed by hand"))
            }
            Some(_) => None,
        }
    }

    /// Puts the file and loads it; says whether anything was to do.
    fn compare_file(
        &self,
        world: &mut World,
        script: &mut Script,
        loads: bool,
    ) -> Result<Option<Change>, Problem> {
        let path = self.file();
        let node = world.node(&path);
        if !matches!(node.kind, NodeKind::Absent | NodeKind::File) {
            return Err(Problem::new(format!("{} is at `{path}`", node.kind.noun())));
        }
        let content = Content::bytes(self.content());
        let sha = sha256(self.content().as_bytes());
        let same = node.sha256.as_ref() == Some(&sha);
        if same && !loads {
            return Ok(None);
        }
        need_parent(&path, true, world, script)?;
        script.call("put_nft", &[&path, parent(&path)]);
        let old = node.text.as_deref().unwrap_or_default();
        let mut change = Change::new(Action::Load);
        if !same {
            change.diff = text_diff(old, self.content().as_bytes());
        }
        let note = [self.family.as_str(), &self.name, &self.record(), &sha];
        script.call("note_nft", &note);
        let mut outcome = Node::absent();
        outcome.kind = NodeKind::File;
        outcome.mode = Mode::new(0o644);
        outcome.sha256 = Some(sha);
        world.predict(&path, outcome);
        script.carry(content);
        Ok(Some(change))
    }
}

/// Whether braces pair and nothing closes the table around them.
fn balanced(text: &str) -> bool {
    let mut depth = 0i32;
    let mut quoted = false;
    for line in text.lines() {
        for letter in line.chars() {
            match letter {
                '"' => quoted = !quoted,
                '#' if !quoted => break,
                '{' if !quoted => depth += 1,
                '}' if !quoted => depth -= 1,
                _ => {}
            }
            if depth < 0 {
                return false;
            }
        }
    }
    depth == 0 && !quoted
}

impl State for NftTable {
    fn kind(&self) -> &'static str {
        "nft_table"
    }

    fn name(&self) -> String {
        format!("{} {}", self.family, self.name)
    }

    fn check(&self) -> Result<(), Problem> {
        if !FAMILIES.contains(&self.family.as_str()) {
            return Err(Problem::new(format!("`{}` is no family", self.family))
                .help(format!("families: {}", FAMILIES.join(", "))));
        }
        let fine = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        let starts = self
            .name
            .starts_with(|first: char| first.is_ascii_alphabetic());
        if !starts || !self.name.bytes().all(fine) {
            return Err(Problem::new(format!(
                "`{}` cannot be a table's name",
                self.name
            )));
        }
        if self.text.contains('\0') || !balanced(&self.text) {
            return Err(Problem::new("the braces of the text do not pair")
                .help("pass what stands between the table's own braces"));
        }
        Ok(())
    }

    fn read(&self, probe: &mut Probe, _inputs: &Inputs) {
        probe.ask(&READ, &[&self.family, &self.name]);
        probe.record(&self.record());
        probe.path(&self.file());
        probe.text(&self.file(), None);
        read_parent(&self.file(), probe);
        for (path, text) in self.unit_files() {
            let content = Content::bytes(text);
            Place::read(&path, probe, None, Some(&content), false);
        }
        read_unit(&self.unit(), probe);
    }

    fn compare(&self, world: &mut World, script: &mut Script) -> Result<Verdict, Problem> {
        let answer = world
            .answer(&READ, &[&self.family, &self.name])
            .unwrap_or_default();
        if answer == "no nft" && world.unpredictable().is_none() {
            return Err(Problem::new("the host has no `nft`")
                .help("put `state::packages([\"nftables\"])` before it"));
        }
        script.need(&APPLY);
        script.need(&UNIT);
        let live = answer.strip_prefix("table\n");
        let record = world.record(&self.record());
        let difference = self.difference(live, record.as_deref());
        let mut change = self.compare_file(world, script, difference.is_some())?;
        if let Some(change) = &mut change {
            let reason = difference.unwrap_or_else(|| Reason::new("not kept for the next boot"));
            change.reasons.push(reason);
        }
        let mut rewritten = false;
        let meta = Meta::default();
        for (path, text) in self.unit_files() {
            let place = Place {
                path: &path,
                content: Content::bytes(text),
                meta: &meta,
                default_mode: Mode::new(0o644),
                secret: false,
                parents: true,
            };
            rewritten |= place.compare(world, script)?.is_some();
        }
        let found = unit(&self.unit(), world)?;
        if rewritten || found.needs_reload {
            script.call("need_reload", &[]);
        }
        if rewritten || found.file != "enabled" {
            script.call("enable_unit", &[&self.unit(), "enable"]);
            let change = change.get_or_insert_with(|| Change::new(Action::Load));
            change.reasons.push(Reason::new("not loaded at boot"));
        }
        Ok(change.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_cannot_leave_its_table() {
        let table = |text: &str| NftTable::new("inet", "e2b", text).check();
        assert!(table("chain a { type filter hook input priority 0; }").is_ok());
        assert!(table("# a } in a comment\nchain a { }").is_ok());
        assert!(table("chain a { log prefix \"}\" }").is_ok());
        for bad in [
            "}",
            "} table inet filter {",
            "chain a {",
            "chain a { } }\nflush ruleset\ntable x y {",
        ] {
            assert!(table(bad).is_err(), "{bad}");
        }
        assert!(NftTable::new("inet6", "a", "").check().is_err());
        assert!(NftTable::new("inet", "a b", "").check().is_err());
    }

    #[test]
    fn what_is_loaded_is_compared_with_what_was() {
        let table = NftTable::new("inet", "e2b", "chain a { }");
        let text = sha256(table.content().as_bytes());
        let record = format!("{text} {}", sha256(b"live"));
        assert_eq!(table.difference(Some("live"), Some(&record)), None);
        assert!(table.difference(None, Some(&record)).is_some());
        assert!(table.difference(Some("live"), None).is_some());
        assert!(table.difference(Some("other"), Some(&record)).is_some());
        let changed = NftTable::new("inet", "e2b", "chain b { }");
        assert_eq!(
            changed.difference(Some("live"), Some(&record)),
            Some(Reason::new("rules"))
        );
    }
}
