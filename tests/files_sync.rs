//! Trees of files, on this machine's own shell and file system.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panicking

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use e2bscript::files::{
    Error, Hashes, LocalShell, Modes, Options, SyncAction, SyncOptions, SyncReport, sync,
};
use tempfile::TempDir;

struct Trees {
    dir: TempDir,
}

impl Trees {
    fn new() -> Trees {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("here")).unwrap();
        Trees { dir }
    }

    fn here(&self, path: &str) -> PathBuf {
        self.dir.path().join("here").join(path)
    }

    fn there(&self, path: &str) -> PathBuf {
        self.dir.path().join("there").join(path)
    }

    fn write(&self, path: &Path, text: &str) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn options(&self) -> SyncOptions {
        SyncOptions {
            ensure: Options {
                hashes: Hashes::default(),
                state_dir: self.dir.path().join("state").display().to_string(),
                ..Options::default()
            },
            ..SyncOptions::default()
        }
    }

    async fn sync(&self, options: &SyncOptions) -> Result<SyncReport, Error> {
        let remote = self.dir.path().join("there");
        sync(
            &LocalShell::new(),
            &self.here(""),
            remote.to_str().unwrap(),
            options,
            &mut |_, _| {},
        )
        .await
    }

    /// All paths of a tree with their kind, mode and content.
    fn list(&self, root: &str) -> Vec<(PathBuf, char, u32, Vec<u8>)> {
        let root = self.dir.path().join(root);
        let mut all = Vec::new();
        let mut open = vec![root.clone()];
        while let Some(dir) = open.pop() {
            for entry in std::fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                let meta = path.symlink_metadata().unwrap();
                let mode = meta.mode() & 0o7777;
                let relative = path.strip_prefix(&root).unwrap().to_owned();
                if meta.is_dir() {
                    all.push((relative, 'd', mode, Vec::new()));
                    open.push(path);
                } else if meta.is_symlink() {
                    let target = std::fs::read_link(&path).unwrap();
                    all.push((relative, 'l', 0, target.as_os_str().as_bytes().to_vec()));
                } else {
                    all.push((relative, 'f', mode, std::fs::read(&path).unwrap()));
                }
            }
        }
        all.sort();
        all
    }
}

fn changes(report: &SyncReport) -> Vec<String> {
    let changes = report.changes.iter();
    changes
        .map(|change| {
            let sign = match change.action {
                SyncAction::Create => '+',
                SyncAction::Update => '~',
                SyncAction::Delete => '-',
            };
            let reasons: Vec<String> = change.reasons.iter().map(ToString::to_string).collect();
            format!("{sign}{} {}", change.path, reasons.join(", "))
                .trim_end()
                .to_owned()
        })
        .collect()
}

#[tokio::test]
async fn a_tree_is_copied_whole_with_any_names_and_then_left_alone() {
    let trees = Trees::new();
    for name in [
        "a b",
        "it's",
        "new\nline",
        "-rf",
        "$(id)",
        "\\x",
        "deep/er/and/deeper",
        ".hidden",
        "tab\t",
        "trailing\n",
        "*",
    ] {
        trees.write(&trees.here(name), name);
    }
    let raw = trees.here("").join(OsStr::from_bytes(b"non-utf8-\xff\xfe"));
    std::fs::write(raw, "x").unwrap();
    let long = "long".repeat(50);
    trees.write(&trees.here(&format!("{long}/{long}")), "x");
    trees.write(&trees.here("run.sh"), "#!/bin/sh\n");
    std::fs::set_permissions(trees.here("run.sh"), PermissionsExt::from_mode(0o700)).unwrap();
    std::fs::set_permissions(trees.here("a b"), PermissionsExt::from_mode(0o600)).unwrap();
    std::fs::create_dir(trees.here("empty")).unwrap();
    symlink("run.sh", trees.here("link")).unwrap();
    symlink("/nowhere/at all", trees.here("dangling")).unwrap();

    let options = trees.options();
    let report = trees.sync(&options).await.unwrap();
    assert_eq!(report.round_trips, 2);
    let mut expected = trees.list("here");
    for (_, kind, mode, _) in &mut expected {
        *mode = match kind {
            'd' => 0o755,
            'f' if *mode & 0o100 != 0 => 0o755,
            'f' => 0o644,
            _ => 0,
        };
    }
    assert_eq!(trees.list("there"), expected);

    let before = trees.list("there");
    let report = trees.sync(&options).await.unwrap();
    assert_eq!(changes(&report), Vec::<String>::new());
    assert_eq!(report.round_trips, 1);
    assert_eq!(trees.list("there"), before);
}

#[tokio::test]
async fn changes_are_found_named_and_mended() {
    let trees = Trees::new();
    for name in ["same", "content", "mode", "kind", "target", "dir/x"] {
        trees.write(&trees.here(name), "1");
    }
    symlink("same", trees.here("link")).unwrap();
    let options = trees.options();
    trees.sync(&options).await.unwrap();

    std::fs::write(trees.there("content"), "2").unwrap();
    std::fs::set_permissions(trees.there("mode"), PermissionsExt::from_mode(0o666)).unwrap();
    std::fs::remove_file(trees.there("kind")).unwrap();
    symlink("/etc/passwd", trees.there("kind")).unwrap();
    std::fs::remove_file(trees.there("link")).unwrap();
    symlink("other", trees.there("link")).unwrap();
    // A directory that became a link out of the tree is not written through.
    std::fs::rename(trees.there("dir"), trees.dir.path().join("outside")).unwrap();
    std::fs::write(trees.dir.path().join("outside/x"), "outside").unwrap();
    symlink(trees.dir.path().join("outside"), trees.there("dir")).unwrap();
    std::fs::write(trees.there("extra"), "stays").unwrap();

    let plan = SyncOptions {
        ensure: Options {
            plan: true,
            ..options.ensure.clone()
        },
        ..options.clone()
    };
    let before = trees.list("there");
    let planned = trees.sync(&plan).await.unwrap();
    assert_eq!(trees.list("there"), before);
    let report = trees.sync(&options).await.unwrap();
    assert_eq!(changes(&planned), changes(&report));
    assert_eq!(
        changes(&report),
        [
            "~content content",
            "~dir kind link → directory",
            "+dir/x",
            "~kind kind link → file",
            "~link target other → same",
            "~mode mode 0666 → 0644",
        ]
    );
    assert_eq!(
        std::fs::read_to_string(trees.dir.path().join("outside/x")).unwrap(),
        "outside"
    );
    assert_eq!(
        std::fs::read_to_string(trees.there("extra")).unwrap(),
        "stays"
    );
    assert!(trees.sync(&options).await.unwrap().changes.is_empty());
}

#[tokio::test]
async fn deletes_spare_what_is_protected_excluded_or_not_included() {
    let trees = Trees::new();
    trees.write(&trees.here("nomad/api.hcl"), "1");
    trees.write(&trees.here("nomad/x.zip"), "zip");
    trees.write(&trees.here("README"), "readme");
    for name in [
        "nomad/old.hcl",
        "nomad/gone/deep/file",
        "nomad/kept/here.zip",
        "nomad/runtime/socket",
        "api.env",
        "other/file",
    ] {
        trees.write(&trees.there(name), name);
    }
    let options = SyncOptions {
        include: vec!["nomad/**".into()],
        exclude: vec!["*.zip".into()],
        protect: vec!["runtime/".into(), "*.env".into()],
        delete: true,
        ..trees.options()
    };
    let report = trees.sync(&options).await.unwrap();
    assert_eq!(
        changes(&report),
        [
            "+nomad/api.hcl",
            "-nomad/gone",
            "-nomad/gone/deep",
            "-nomad/gone/deep/file",
            "-nomad/old.hcl",
        ]
    );
    let left: Vec<String> = trees
        .list("there")
        .into_iter()
        .filter(|(_, kind, _, _)| *kind == 'f')
        .map(|(path, _, _, _)| path.display().to_string())
        .collect();
    assert_eq!(
        left,
        [
            "api.env",
            "nomad/api.hcl",
            "nomad/kept/here.zip",
            "nomad/runtime/socket",
            "other/file"
        ]
    );
    assert!(trees.sync(&options).await.unwrap().changes.is_empty());
}

#[tokio::test]
async fn mass_deletion_is_refused_before_anything_is_written() {
    let trees = Trees::new();
    for number in 0..30 {
        trees.write(&trees.there(&format!("f{number}")), "x");
    }
    let mut options = SyncOptions {
        delete: true,
        ..trees.options()
    };
    let error = trees.sync(&options).await.unwrap_err();
    assert_eq!(error.kind(), "files.sync_refused");
    assert!(error.to_string().contains("nothing to copy"), "{error}");
    trees.write(&trees.here("f0"), "y");
    let error = trees.sync(&options).await.unwrap_err();
    assert!(error.to_string().contains("delete 29 of 30"), "{error}");
    assert_eq!(std::fs::read_to_string(trees.there("f0")).unwrap(), "x");
    options.delete_limit = Some(29);
    trees.sync(&options).await.unwrap();
    assert_eq!(trees.list("there").len(), 1);
    std::fs::remove_file(trees.here("f0")).unwrap();
    assert!(trees.sync(&options).await.is_err());
    options.force = true;
    trees.sync(&options).await.unwrap();
    assert_eq!(trees.list("there").len(), 0);
}

#[tokio::test]
async fn a_system_directory_is_not_deleted_in() {
    let trees = Trees::new();
    let options = SyncOptions {
        delete: true,
        force: true,
        ..trees.options()
    };
    for remote in ["/", "/etc", "/usr/", "relative", "/opt/../etc"] {
        let error = sync(
            &LocalShell::new(),
            &trees.here(""),
            remote,
            &options,
            &mut |_, _| {},
        )
        .await
        .unwrap_err();
        assert_eq!(error.kind(), "state.invalid", "{remote}");
    }
}

#[tokio::test]
async fn a_directory_in_the_place_of_a_file_is_not_guessed_about() {
    let trees = Trees::new();
    trees.write(&trees.here("a"), "1");
    trees.write(&trees.there("a/b"), "2");
    let error = trees.sync(&trees.options()).await.unwrap_err();
    assert_eq!(error.kind(), "state.conflict");
    assert!(trees.there("a/b").exists());
}

#[tokio::test]
async fn modes_and_owners_can_be_asked_for() {
    let trees = Trees::new();
    trees.write(&trees.here("d/a"), "1");
    std::fs::set_permissions(trees.here("d/a"), PermissionsExt::from_mode(0o640)).unwrap();
    std::fs::set_permissions(trees.here("d"), PermissionsExt::from_mode(0o710)).unwrap();
    let mut options = SyncOptions {
        modes: Modes::Same,
        owner: Some("7".into()),
        group: Some("8".into()),
        ..trees.options()
    };
    trees.sync(&options).await.unwrap();
    let meta = std::fs::metadata(trees.there("d/a")).unwrap();
    assert_eq!(
        (meta.mode() & 0o7777, meta.uid(), meta.gid()),
        (0o640, 7, 8)
    );
    let meta = std::fs::metadata(trees.there("d")).unwrap();
    assert_eq!((meta.mode() & 0o7777, meta.uid()), (0o710, 7));
    assert!(trees.sync(&options).await.unwrap().changes.is_empty());
    options.owner = Some("9".into());
    let report = trees.sync(&options).await.unwrap();
    assert_eq!(report.changes.len(), 2);
    assert_eq!(std::fs::metadata(trees.there("d/a")).unwrap().uid(), 9);
    assert!(trees.sync(&options).await.unwrap().changes.is_empty());
}

#[tokio::test]
async fn many_files_go_in_one_stream_and_leave_nothing_behind() {
    let trees = Trees::new();
    for number in 0..1500 {
        trees.write(
            &trees.here(&format!("dir{}/file {number}", number % 7)),
            &format!("{number}").repeat(200),
        );
    }
    let mut last = (0, 0);
    let remote = trees.dir.path().join("there");
    let report = sync(
        &LocalShell::new(),
        &trees.here(""),
        remote.to_str().unwrap(),
        &trees.options(),
        &mut |done, of| last = (done, of),
    )
    .await
    .unwrap();
    assert_eq!(report.changes.len(), 1507);
    assert_eq!(last.0, last.1);
    assert!(report.bytes_sent < last.1 / 2, "it compresses");
    assert_eq!(trees.list("there").len(), 1507);
    assert!(
        trees
            .sync(&trees.options())
            .await
            .unwrap()
            .changes
            .is_empty()
    );
}
