//! `ensure` on this machine's own shells and file system.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panicking

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use e2bscript::files::state::{Absent, Dir, File, Line, Link, Text};
use e2bscript::files::{
    Action, Diff, Error, Event, Item, LocalShell, Mode, Options, Report, Shell, Silent, ensure,
};
use tempfile::TempDir;

/// A directory of its own, for a host's files and for its memory.
struct Place {
    dir: TempDir,
}

impl Place {
    fn new() -> Place {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("host")).unwrap();
        std::fs::create_dir(dir.path().join("desk")).unwrap();
        Place { dir }
    }

    /// A path on the host.
    fn at(&self, name: &str) -> String {
        format!("{}/host/{name}", self.dir.path().display())
    }

    /// A file on the workstation.
    fn desk(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.dir.path().join("desk").join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    fn options(&self) -> Options {
        Options {
            state_dir: format!("{}/state", self.dir.path().display()),
            ..Options::default()
        }
    }

    async fn ensure(&self, items: &[Item]) -> Result<Report, Error> {
        ensure(&LocalShell::new(), items, &self.options(), &mut Silent).await
    }

    async fn plan(&self, items: &[Item]) -> Result<Report, Error> {
        let options = Options {
            plan: true,
            ..self.options()
        };
        ensure(&LocalShell::new(), items, &options, &mut Silent).await
    }

    /// Everything there is, with what could change of it.
    fn snapshot(&self) -> BTreeMap<PathBuf, (u32, u32, i64, i64, Vec<u8>)> {
        let mut all = BTreeMap::new();
        let mut open = vec![self.dir.path().to_owned()];
        while let Some(path) = open.pop() {
            let meta = path.symlink_metadata().unwrap();
            let content = match meta.is_file() {
                true => std::fs::read(&path).unwrap(),
                false => Vec::new(),
            };
            let facts = (
                meta.mode(),
                meta.uid(),
                meta.ctime(),
                meta.ctime_nsec(),
                content,
            );
            if meta.is_dir() {
                open.extend(std::fs::read_dir(&path).unwrap().map(|e| e.unwrap().path()));
            }
            all.insert(path, facts);
        }
        all
    }

    fn leftovers(&self) -> Vec<PathBuf> {
        let all = self.snapshot().into_keys();
        all.filter(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            name.starts_with(".e2bscript.")
        })
        .collect()
    }
}

fn mode(path: &str) -> u32 {
    Path::new(path)
        .symlink_metadata()
        .unwrap()
        .permissions()
        .mode()
        & 0o7777
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap()
}

fn reasons(report: &Report, index: usize) -> Vec<String> {
    let change = report.items[index].change.as_ref();
    change.map_or(Vec::new(), |change| {
        change.reasons.iter().map(ToString::to_string).collect()
    })
}

/// One item of every kind that needs nothing but a file system.
fn every_kind(place: &Place) -> Vec<Item> {
    let big: Vec<u8> = (0..3_000_000u32).flat_map(|n| n.to_le_bytes()).collect();
    std::fs::write(place.at("edited"), "one\ntwo=2\n").unwrap();
    std::fs::create_dir_all(place.at("old/tree/deep")).unwrap();
    std::fs::write(place.at("old/tree/file"), "x").unwrap();
    vec![
        Dir::new(place.at("dir")).mode(Mode::new(0o750)).into(),
        Dir::new(place.at("a/b/c")).parents(true).into(),
        File::new(place.at("dir/small"), place.desk("small", b"#!/bin/sh\n"))
            .mode(Mode::new(0o755))
            .into(),
        File::new(place.at("dir/big"), place.desk("big", &big)).into(),
        Text::new(place.at("dir/text"), "hello").into(),
        Text::new(place.at("dir/secret"), "PASSWORD=canary\n")
            .secret(true)
            .into(),
        Line::new(place.at("edited"), "two=3")
            .matching("^two=".to_owned())
            .into(),
        Absent::new(place.at("old")).recursive(true).into(),
        Link::new(place.at("dir/link"), "text").into(),
    ]
}

#[tokio::test]
async fn every_kind_converges_at_once_and_stays() {
    let busybox = Path::new("/bin/busybox").exists();
    let programs = [&["sh"][..], &["bash"], &["busybox", "sh"]];
    for program in programs.into_iter().take(if busybox { 3 } else { 2 }) {
        let place = Place::new();
        let items = every_kind(&place);
        let shell = LocalShell::with_program(program.iter().copied());
        let first = ensure(&shell, &items, &place.options(), &mut Silent)
            .await
            .unwrap();
        assert!(first.items.iter().all(|item| item.change.is_some()));
        assert_eq!(first.round_trips, 2);
        assert_eq!(read(&place.at("dir/text")), "hello\n");
        assert_eq!(read(&place.at("edited")), "one\ntwo=3\n");
        assert_eq!(mode(&place.at("dir")), 0o750);
        assert_eq!(mode(&place.at("dir/small")), 0o755);
        assert_eq!(mode(&place.at("dir/secret")), 0o600);
        assert_eq!(mode(&place.at("a/b")), 0o755);
        assert!(!Path::new(&place.at("old")).exists());
        assert_eq!(
            std::fs::read_link(place.at("dir/link")).unwrap(),
            Path::new("text")
        );
        assert_eq!(
            std::fs::read(place.at("dir/big")).unwrap(),
            std::fs::read(place.dir.path().join("desk/big")).unwrap()
        );
        assert_eq!(place.leftovers(), Vec::<PathBuf>::new());

        let before = place.snapshot();
        let second = ensure(&shell, &items, &place.options(), &mut Silent)
            .await
            .unwrap();
        assert!(second.is_unchanged(), "{second:#?}");
        assert_eq!(second.round_trips, 1);
        assert_eq!(place.snapshot(), before);
    }
}

#[tokio::test]
async fn a_plan_lists_the_changes_and_writes_nothing() {
    let place = Place::new();
    let items = every_kind(&place);
    let before = place.snapshot();
    let report = place.plan(&items).await.unwrap();
    assert_eq!(report.changed().count(), items.len());
    assert_eq!(report.round_trips, 1);
    assert_eq!(place.snapshot(), before);
    let diff = report.items[6].change.as_ref().unwrap().diff.clone();
    let Some(Diff::Text { text }) = diff else {
        panic!("{diff:?}")
    };
    assert!(text.contains("-two=2\n+two=3\n"), "{text}");
    assert!(!serde_json::to_string(&report).unwrap().contains("canary"));
}

#[tokio::test]
async fn changes_by_hand_are_found_and_named() {
    let place = Place::new();
    let items = every_kind(&place);
    place.ensure(&items).await.unwrap();

    std::fs::set_permissions(place.at("dir/secret"), PermissionsExt::from_mode(0o644)).unwrap();
    std::os::unix::fs::chown(place.at("dir/small"), Some(12), None).unwrap();
    std::fs::write(place.at("dir/text"), "hellO\n").unwrap();
    // As long as before, and its time put back: only the change time and the content tell.
    let big = place.at("dir/big");
    let time = std::fs::metadata(&big).unwrap().modified().unwrap();
    let mut bytes = std::fs::read(&big).unwrap();
    bytes[5_000_000] ^= 1;
    std::fs::write(&big, bytes).unwrap();
    let opened = std::fs::File::options().write(true).open(&big).unwrap();
    opened.set_modified(time).unwrap();

    let mut wanted = items.clone();
    wanted[2] = File::new(place.at("dir/small"), place.dir.path().join("desk/small"))
        .owner("root".to_owned())
        .into();
    wanted[5] = Text::new(place.at("dir/secret"), "PASSWORD=canary\n")
        .secret(true)
        .mode(Mode::new(0o600))
        .into();
    let report = place.ensure(&wanted).await.unwrap();
    let changed: Vec<usize> = (0..items.len())
        .filter(|index| report.items[*index].change.is_some())
        .collect();
    assert_eq!(changed, [2, 3, 4, 5]);
    assert!(reasons(&report, 2)[0].starts_with("owner ") && reasons(&report, 2).len() == 1);
    assert_eq!(reasons(&report, 3), ["content"]);
    assert_eq!(reasons(&report, 5), ["mode 0644 → 0600"]);
    assert!(place.ensure(&wanted).await.unwrap().is_unchanged());
}

#[tokio::test]
async fn names_come_through_whatever_they_hold() {
    let place = Place::new();
    let names = [
        "a b",
        "it's",
        "new\nline",
        "-rf",
        "$(id)",
        "`id`",
        "\\",
        "a\\nb",
        "tab\t",
        "*",
        "\"q\"",
        "ünï",
        "%s",
        ";",
        "~",
        "trailing\n",
    ];
    let items: Vec<Item> = names
        .iter()
        .map(|name| Text::new(place.at(name), *name).into())
        .collect();
    place.ensure(&items).await.unwrap();
    let mut found: Vec<String> = std::fs::read_dir(place.at(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    found.sort();
    let mut expected: Vec<String> = names.iter().map(ToString::to_string).collect();
    expected.sort();
    assert_eq!(found, expected);
    assert!(place.ensure(&items).await.unwrap().is_unchanged());
}

#[tokio::test]
async fn what_is_in_the_way_is_an_error_before_anything_is_written() {
    let place = Place::new();
    std::fs::create_dir(place.at("dir")).unwrap();
    std::fs::write(place.at("file"), "f").unwrap();
    symlink("file", place.at("link")).unwrap();
    let before = place.snapshot();
    let cases: Vec<(Item, &str)> = vec![
        (
            Text::new(place.at("dir"), "x").into(),
            "a directory is in the way",
        ),
        (
            Text::new(place.at("link"), "x").into(),
            "a link to `file` is in the way",
        ),
        (Dir::new(place.at("file")).into(), "a file is in the way"),
        (Text::new(place.at("no/x"), "x").into(), "does not exist"),
        (
            Text::new(place.at("file/x"), "x").into(),
            "is a file, not a directory",
        ),
        (
            Link::new(place.at("file"), "x").into(),
            "a file is in the way",
        ),
        (
            Link::new(place.at("dir"), "x").into(),
            "a directory is in the way",
        ),
        (
            Line::new(place.at("none"), "x").into(),
            "the file does not exist",
        ),
    ];
    for (item, problem) in cases {
        let first = Text::new(place.at("first"), "1").into();
        let error = place.ensure(&[first, item]).await.unwrap_err();
        assert!(error.to_string().contains(problem), "{error} / {problem}");
        assert_eq!(error.kind(), "state.conflict");
        assert_eq!(place.snapshot(), before);
    }
}

#[tokio::test]
async fn items_see_what_the_items_before_them_make() {
    let place = Place::new();
    std::fs::create_dir_all(place.at("was/full")).unwrap();
    let items: Vec<Item> = vec![
        Absent::new(place.at("was")).recursive(true).into(),
        Dir::new(place.at("was")).into(),
        Text::new(place.at("was/a"), "1\n").into(),
        Line::new(place.at("was/a"), "2").into(),
        Line::new(place.at("was/a"), "3").into(),
    ];
    place.ensure(&items).await.unwrap();
    assert_eq!(read(&place.at("was/a")), "1\n2\n3\n");
}

#[tokio::test]
async fn links_are_followed_only_when_asked() {
    let place = Place::new();
    std::fs::write(place.at("file"), "old\n").unwrap();
    symlink("file", place.at("link")).unwrap();
    std::fs::create_dir(place.at("real")).unwrap();
    symlink("real", place.at("dirlink")).unwrap();
    let items: Vec<Item> = vec![
        Text::new(place.at("link"), "new").follow(true).into(),
        Dir::new(place.at("dirlink")).follow(true).into(),
        Text::new(place.at("dirlink/in"), "x").into(),
    ];
    place.ensure(&items).await.unwrap();
    assert_eq!(read(&place.at("file")), "new\n");
    assert!(Path::new(&place.at("link")).is_symlink());
    assert_eq!(read(&place.at("real/in")), "x\n");
    assert!(place.ensure(&items).await.unwrap().is_unchanged());
}

#[tokio::test]
async fn owner_and_mode_stay_where_they_are_not_given() {
    let place = Place::new();
    std::fs::write(place.at("a"), "1").unwrap();
    std::fs::set_permissions(place.at("a"), PermissionsExt::from_mode(0o641)).unwrap();
    std::os::unix::fs::chown(place.at("a"), Some(7), Some(8)).unwrap();
    place
        .ensure(&[Text::new(place.at("a"), "2").into()])
        .await
        .unwrap();
    let meta = std::fs::metadata(place.at("a")).unwrap();
    assert_eq!(
        (meta.mode() & 0o7777, meta.uid(), meta.gid()),
        (0o641, 7, 8)
    );
}

#[tokio::test]
async fn a_secret_is_closed_to_others_even_where_a_file_was_open() {
    let place = Place::new();
    std::fs::write(place.at("a"), "secret\n").unwrap();
    std::fs::set_permissions(place.at("a"), PermissionsExt::from_mode(0o644)).unwrap();
    let secret = |text: &'static str| [Text::new(place.at("a"), text).secret(true).into()];
    let report = place.ensure(&secret("secret")).await.unwrap();
    assert_eq!(reasons(&report, 0), ["mode 0644 → 0600"]);
    std::fs::set_permissions(place.at("a"), PermissionsExt::from_mode(0o644)).unwrap();
    place.ensure(&secret("other")).await.unwrap();
    assert_eq!(mode(&place.at("a")), 0o600);
}

#[tokio::test]
async fn a_failing_item_stops_the_rest_and_says_what_was_done() {
    let place = Place::new();
    let items: Vec<Item> = vec![
        Text::new(place.at("a"), "1").into(),
        Text::new(place.at("b"), "2")
            .owner("nobody-has-this-name".to_owned())
            .into(),
        Text::new(place.at("c"), "3").into(),
    ];
    let error = place.ensure(&items).await.unwrap_err();
    let Error::Apply {
        item,
        applied,
        pending,
        command,
        ..
    } = &error
    else {
        panic!("{error:?}")
    };
    assert_eq!(item, &format!("text {}", place.at("b")));
    assert_eq!(applied.len(), 1);
    assert_eq!(applied[0].name, place.at("a"));
    assert_eq!(pending, &[format!("text {}", place.at("c"))]);
    assert!(
        command
            .as_ref()
            .unwrap()
            .starts_with("chown nobody-has-this-name")
    );
    assert!(error.to_string().contains("invalid user"), "{error}");
    assert_eq!(read(&place.at("a")), "1\n");
    assert!(!Path::new(&place.at("b")).exists());
    assert!(!Path::new(&place.at("c")).exists());
    assert_eq!(place.leftovers(), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn events_come_in_order_and_transfers_are_counted() {
    let place = Place::new();
    let items = every_kind(&place);
    let mut begun = Vec::new();
    let mut done = Vec::new();
    let mut sent = (0, 0);
    let mut observer = |event: Event<'_>| match event {
        Event::Begin(item) => begun.push(item.address()),
        Event::Done(item) => done.push(item.address()),
        Event::Sent { bytes, of } => sent = (bytes, of),
        _ => {}
    };
    let shell = LocalShell::new();
    let report = ensure(&shell, &items, &place.options(), &mut observer)
        .await
        .unwrap();
    let expected: Vec<String> = items.iter().map(Item::address).collect();
    assert_eq!(begun, expected);
    assert_eq!(done, expected);
    assert_eq!(sent.0, sent.1);
    assert!(sent.1 >= 12_000_000);
    // The numbers compress.
    assert!(report.bytes_sent < 12_000_000, "{}", report.bytes_sent);
    assert_eq!(shell.host(), report.host);
    assert_eq!(
        report.items[0].change.as_ref().unwrap().action,
        Action::Create
    );
}
