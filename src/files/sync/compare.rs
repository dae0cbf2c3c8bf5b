//! What has to change on the host.

use std::collections::BTreeSet;

use super::super::item::Problem;
use super::super::report::Reason;
use super::globs::Globs;
use super::list::{Listing, Node};
use super::tree::{Entry, Tree, What};
use super::{Modes, SyncAction, SyncChange, SyncOptions};

/// The changes of a sync, and what brings them about.
#[derive(Debug, Default)]
pub(super) struct Difference {
    /// In the order of their paths.
    pub changes: Vec<SyncChange>,
    pub unchanged: usize,
    /// What stands where something of another kind has to be.
    pub in_the_way: Vec<Vec<u8>>,
    /// Indices of directories to make, parents first.
    pub make: Vec<usize>,
    /// Indices of files and links to send.
    pub send: Vec<usize>,
    /// Indices of what only needs its mode or owner.
    pub modes: Vec<usize>,
    pub owners: Vec<usize>,
    pub delete_files: Vec<Vec<u8>>,
    /// Deepest first.
    pub delete_dirs: Vec<Vec<u8>>,
}

impl Difference {
    /// The paths that go because the workstation does not have them.
    pub fn deletes(&self) -> Vec<String> {
        let deleted = |change: &&SyncChange| change.action == SyncAction::Delete;
        let deletes = self.changes.iter().filter(deleted);
        deletes.map(|change| change.path.clone()).collect()
    }
}

fn shown(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}

fn dir_of(path: &[u8]) -> Option<&[u8]> {
    let slash = path.iter().rposition(|byte| *byte == b'/')?;
    path.get(..slash)
}

pub(super) fn compare(
    tree: &Tree,
    there: &Listing,
    globs: &Globs,
    options: &SyncOptions,
) -> Result<Difference, Problem> {
    let mut difference = Difference::default();
    for (index, entry) in tree.entries.iter().enumerate() {
        let kept = there.kept.contains(&entry.path) || globs.is_protected(&entry.path);
        if kept || under_kept(&entry.path, there) {
            difference.unchanged += 1;
            continue;
        }
        difference.entry(index, entry, there.nodes.get(&entry.path), options)?;
    }
    if options.delete {
        difference.delete(tree, there, globs);
    }
    difference
        .changes
        .sort_by(|one, two| one.path.cmp(&two.path));
    Ok(difference)
}

fn under_kept(path: &[u8], there: &Listing) -> bool {
    let mut at = path;
    while let Some(dir) = dir_of(at) {
        if there.kept.contains(dir) {
            return true;
        }
        at = dir;
    }
    false
}

impl Difference {
    fn entry(
        &mut self,
        index: usize,
        entry: &Entry,
        node: Option<&Node>,
        options: &SyncOptions,
    ) -> Result<(), Problem> {
        let mut change = SyncChange {
            path: shown(&entry.path),
            action: SyncAction::Update,
            reasons: Vec::new(),
            diff: None,
        };
        let wanted = match &entry.what {
            What::Dir => 'd',
            What::File { .. } => 'f',
            What::Link { .. } => 'l',
        };
        let Some(node) = node else {
            change.action = SyncAction::Create;
            match wanted {
                'd' => self.make.push(index),
                _ => self.send.push(index),
            }
            self.changes.push(change);
            return Ok(());
        };
        if node.kind != wanted {
            let noun = match wanted {
                'd' => "directory",
                'f' => "file",
                _ => "link",
            };
            change
                .reasons
                .push(Reason::from_to("kind", node.noun(), noun));
            if node.kind == 'd' {
                return Err(Problem::new(format!(
                    "`{}` is a directory on the host and a {noun} here",
                    change.path
                ))
                .help("remove it with `state::absent` first, if it may go"));
            }
            match wanted {
                'd' => {
                    self.in_the_way.push(entry.path.clone());
                    self.make.push(index);
                }
                _ => self.send.push(index),
            }
            self.changes.push(change);
            return Ok(());
        }
        self.same_kind(index, entry, node, options, change);
        Ok(())
    }

    fn same_kind(
        &mut self,
        index: usize,
        entry: &Entry,
        node: &Node,
        options: &SyncOptions,
        mut change: SyncChange,
    ) {
        let mut resend = false;
        match &entry.what {
            What::File { sha256, .. } if node.sha256.as_ref() != Some(sha256) => {
                change.reasons.push(Reason::content());
                resend = true;
            }
            What::Link { target } if node.target.as_ref() != Some(target) => {
                let old = node.target.as_deref().unwrap_or_default();
                change
                    .reasons
                    .push(Reason::from_to("target", shown(old), shown(target)));
                resend = true;
            }
            _ => {}
        }
        let has_mode = match entry.what {
            What::File { .. } => true,
            What::Dir => options.modes == Modes::Same,
            What::Link { .. } => false,
        };
        if has_mode && node.mode != entry.mode {
            change
                .reasons
                .push(Reason::from_to("mode", node.mode, entry.mode));
            if !resend {
                self.modes.push(index);
            }
        }
        let is = |wanted: &Option<String>, name: &String, id: u32| {
            let wanted = wanted.as_ref();
            wanted.is_none_or(|wanted| wanted == name || wanted.parse() == Ok(id))
        };
        if !is(&options.owner, &node.user, node.uid) || !is(&options.group, &node.group, node.gid) {
            let old = format!("{}:{}", node.user, node.group);
            change
                .reasons
                .push(Reason::from_to("owner", old, super::apply::owner(options)));
            if !resend {
                self.owners.push(index);
            }
        }
        if change.reasons.is_empty() {
            self.unchanged += 1;
            return;
        }
        if resend {
            self.send.push(index);
        }
        self.changes.push(change);
    }

    fn delete(&mut self, tree: &Tree, there: &Listing, globs: &Globs) {
        let local: BTreeSet<&[u8]> = tree
            .entries
            .iter()
            .map(|entry| entry.path.as_slice())
            .collect();
        let in_the_way: BTreeSet<Vec<u8>> = self.in_the_way.iter().cloned().collect();
        // Directories that hold something that stays have to stay.
        let mut holding: BTreeSet<Vec<u8>> = BTreeSet::new();
        let mut hold = |path: &[u8]| {
            let mut at = path;
            while let Some(dir) = dir_of(at) {
                if !holding.insert(dir.to_vec()) {
                    break;
                }
                at = dir;
            }
        };
        let goes = |path: &Vec<u8>| {
            !local.contains(path.as_slice())
                && !globs.is_protected(path)
                && !globs.is_excluded(path)
                && globs.is_included(path)
        };
        for path in &there.kept {
            hold(path);
        }
        for (path, _) in there.nodes.iter().filter(|(path, _)| !goes(path)) {
            hold(path);
        }
        for (path, node) in there.nodes.iter().rev() {
            if !goes(path) || in_the_way.contains(path) || holding.contains(path) {
                continue;
            }
            match node.kind {
                'd' => self.delete_dirs.push(path.clone()),
                _ => self.delete_files.push(path.clone()),
            }
            self.changes.push(SyncChange {
                path: shown(path),
                action: SyncAction::Delete,
                reasons: Vec::new(),
                diff: None,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::mode::Mode;
    use super::*;

    fn node(kind: char) -> Node {
        Node {
            kind,
            mode: Mode::new(0o644),
            user: "root".into(),
            group: "root".into(),
            uid: 0,
            gid: 0,
            sha256: None,
            target: None,
        }
    }

    fn there(paths: &[(&str, char)], kept: &[&str]) -> Listing {
        Listing {
            exists: true,
            nodes: paths
                .iter()
                .map(|(path, kind)| (path.as_bytes().to_vec(), node(*kind)))
                .collect(),
            kept: kept.iter().map(|path| path.as_bytes().to_vec()).collect(),
            gzip: true,
        }
    }

    fn deleted(there: &Listing, options: &SyncOptions) -> Vec<String> {
        let tree = Tree {
            root: "/".into(),
            entries: Vec::new(),
        };
        let options = SyncOptions {
            delete: true,
            ..options.clone()
        };
        let globs = Globs::new(&options).unwrap();
        compare(&tree, there, &globs, &options).unwrap().deletes()
    }

    #[test]
    fn directories_go_only_when_all_they_hold_goes() {
        let there = there(
            &[
                ("a", 'd'),
                ("a/x", 'f'),
                ("b", 'd'),
                ("b/c", 'd'),
                ("b/y", 'f'),
            ],
            &["b/c/runtime"],
        );
        assert_eq!(
            deleted(&there, &SyncOptions::default()),
            ["a", "a/x", "b/y"]
        );
    }

    #[test]
    fn only_what_takes_part_is_deleted() {
        let there = there(
            &[
                ("nomad", 'd'),
                ("nomad/old", 'f'),
                ("api.env", 'f'),
                ("db", 'd'),
                ("db/x.env", 'f'),
            ],
            &[],
        );
        let options = SyncOptions {
            include: vec!["nomad/**".into(), "db/**".into()],
            protect: vec!["*.env".into()],
            ..SyncOptions::default()
        };
        assert_eq!(deleted(&there, &options), ["nomad/old"]);
    }
}
