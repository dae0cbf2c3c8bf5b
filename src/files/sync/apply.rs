//! The script that changes the host's tree.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::super::apply::Script;
use super::super::content::Content;
use super::super::read::Snippet;
use super::SyncOptions;
use super::compare::Difference;
use super::tree::Tree;

static SYNC: Snippet = Snippet {
    name: "sync",
    text: include_str!("../sh/sync.sh"),
};

/// Longest list of paths of one call, in bytes and in paths: it becomes an argument list.
const LONGEST_LIST: usize = 100_000;
const MOST_PATHS: usize = 500;

/// `owner:group` as `chown` takes it; empty where neither is asked for.
pub(super) fn owner(options: &SyncOptions) -> String {
    match (&options.owner, &options.group) {
        (Some(owner), Some(group)) => format!("{owner}:{group}"),
        (Some(owner), None) => owner.clone(),
        (None, Some(group)) => format!(":{group}"),
        (None, None) => String::new(),
    }
}

/// The script of one sync; it is one item.
pub(super) fn script(
    remote: &str,
    tree: Tree,
    difference: &Difference,
    options: &SyncOptions,
) -> Script {
    let mut script = Script::default();
    let owner = owner(options);
    script.need(&SYNC);
    script.begin(0);
    script.call("enter", &[remote]);
    let path_of = |index: &usize| tree.entries.get(*index).map(|entry| entry.path.clone());
    let sent: Vec<Vec<u8>> = difference.send.iter().filter_map(path_of).collect();
    if !sent.is_empty() {
        script.call("unpack", &[&owner]);
    }
    lists(&mut script, "delete_files", &[], &difference.in_the_way);
    for index in &difference.make {
        let Some(entry) = tree.entries.get(*index) else {
            continue;
        };
        let mode = entry.mode.to_string();
        // One by one: a directory may be the parent of the next.
        lists(
            &mut script,
            "make_dirs",
            &[&owner, &mode],
            std::slice::from_ref(&entry.path),
        );
    }
    for (dir, names) in by_dir(&sent) {
        place(&mut script, &dir, &names);
    }
    let mut modes: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
    for entry in difference
        .modes
        .iter()
        .filter_map(|index| tree.entries.get(*index))
    {
        let paths = modes.entry(entry.mode.to_string()).or_default();
        paths.push(entry.path.clone());
    }
    let owners: Vec<Vec<u8>> = difference.owners.iter().filter_map(path_of).collect();
    lists(&mut script, "set_owners", &[&owner], &owners);
    for (mode, paths) in modes {
        lists(&mut script, "set_modes", &[&mode], &paths);
    }
    lists(&mut script, "delete_files", &[], &difference.delete_files);
    lists(&mut script, "delete_dirs", &[], &difference.delete_dirs);
    if !sent.is_empty() {
        script.call("leave", &[]);
        let sent: HashSet<&usize> = difference.send.iter().collect();
        let entries = tree.entries.iter().enumerate();
        script.carry(Content::Tree(Arc::new(Tree {
            entries: entries
                .filter(|(index, _)| sent.contains(index))
                .map(|(_, entry)| entry.clone())
                .collect(),
            root: tree.root,
        })));
    }
    script.finish(0);
    script
}

/// Paths by the directory that holds them, `.` for the root.
fn by_dir(paths: &[Vec<u8>]) -> BTreeMap<Vec<u8>, Vec<Vec<u8>>> {
    let mut dirs: BTreeMap<Vec<u8>, Vec<Vec<u8>>> = BTreeMap::new();
    for path in paths {
        let slash = path.iter().rposition(|byte| *byte == b'/');
        let (dir, name) = match slash {
            Some(slash) => (
                [b"./", path.get(..slash).unwrap_or_default()].concat(),
                path.get(slash + 1..).unwrap_or_default().to_vec(),
            ),
            None => (b".".to_vec(), path.clone()),
        };
        dirs.entry(dir).or_default().push(name);
    }
    dirs
}

fn place(script: &mut Script, dir: &[u8], names: &[Vec<u8>]) {
    for names in pieces(names) {
        let mut words: Vec<&[u8]> = vec![dir];
        words.extend(names.iter().map(Vec::as_slice));
        script.call_bytes("place", &words);
    }
}

/// Calls `function` with `first` and as many calls as the paths need.
fn lists(script: &mut Script, function: &str, first: &[&str], paths: &[Vec<u8>]) {
    for paths in pieces(paths) {
        let paths: Vec<Vec<u8>> = paths
            .iter()
            .map(|path| [b"./", path.as_slice()].concat())
            .collect();
        let mut words: Vec<&[u8]> = first.iter().map(|word| word.as_bytes()).collect();
        words.extend(paths.iter().map(Vec::as_slice));
        script.call_bytes(function, &words);
    }
}

fn pieces(paths: &[Vec<u8>]) -> Vec<&[Vec<u8>]> {
    let mut pieces = Vec::new();
    let mut rest = paths;
    while !rest.is_empty() {
        let mut bytes = 0;
        let fits = rest.iter().take(MOST_PATHS).take_while(|path| {
            bytes += path.len() + 80;
            bytes <= LONGEST_LIST
        });
        let count = fits.count().max(1);
        let (piece, more) = rest.split_at(count);
        pieces.push(piece);
        rest = more;
    }
    pieces
}
