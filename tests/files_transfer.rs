//! Single files to and from this machine's own shell.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panicking

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use e2bscript::files::{
    DownloadOptions, Error, Hashes, LocalShell, Mode, Options, PutOptions, Sudo, download,
    put_text, read_text, upload,
};
use tempfile::TempDir;

fn dir() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn at(dir: &TempDir, name: &str) -> String {
    dir.path().join(name).to_str().unwrap().to_owned()
}

fn put_options(dir: &TempDir) -> PutOptions {
    PutOptions {
        ensure: Options {
            state_dir: at(dir, "state"),
            hashes: Hashes::default(),
            ..Options::default()
        },
        ..PutOptions::default()
    }
}

fn random(size: usize) -> Vec<u8> {
    // Bytes that do not compress, without a generator to depend on.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    (0..size)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        })
        .collect()
}

async fn fetch(remote: &str, local: &Path) -> Result<u64, Error> {
    let options = DownloadOptions::default();
    download(&LocalShell::new(), remote, local, &options, &mut |_, _| {}).await
}

#[tokio::test]
async fn a_file_goes_there_and_back() {
    let dir = dir();
    for size in [0, 1, 100_000, 70_000_001] {
        let bytes = random(size);
        std::fs::write(at(&dir, "a"), &bytes).unwrap();
        let mut seen = 0;
        let report = upload(
            &LocalShell::new(),
            Path::new(&at(&dir, "a")),
            &at(&dir, "there"),
            &put_options(&dir),
            &mut |done, _| seen = done,
        )
        .await
        .unwrap();
        assert!(report.change.is_some());
        assert!(size < 1 << 20 || seen == size as u64);
        assert!(std::fs::read(at(&dir, "there")).unwrap() == bytes);
        let mut last = (0, 0);
        let back = download(
            &LocalShell::new(),
            &at(&dir, "there"),
            Path::new(&at(&dir, "back")),
            &DownloadOptions::default(),
            &mut |done, of| last = (done, of),
        )
        .await
        .unwrap();
        assert_eq!(back, size as u64);
        assert!(size == 0 || last == (back, back));
        assert!(std::fs::read(at(&dir, "back")).unwrap() == bytes);
    }
}

#[tokio::test]
async fn an_upload_of_what_is_there_sends_nothing_unless_told_to() {
    let dir = dir();
    let bytes = random(2_000_000);
    std::fs::write(at(&dir, "a"), &bytes).unwrap();
    let mut options = put_options(&dir);
    let local = at(&dir, "a");
    let remote = at(&dir, "there");
    let shell = LocalShell::new();
    for (always, changes) in [(false, true), (false, false), (true, true)] {
        options.always = always;
        let report = upload(&shell, Path::new(&local), &remote, &options, &mut |_, _| {})
            .await
            .unwrap();
        assert_eq!(report.change.is_some(), changes);
    }
}

#[tokio::test]
async fn a_download_replaces_the_local_file_only_when_all_has_come() {
    let dir = dir();
    std::fs::write(at(&dir, "local"), "old").unwrap();
    let local = at(&dir, "local");
    std::fs::create_dir(at(&dir, "directory")).unwrap();
    symlink("nowhere", at(&dir, "link")).unwrap();
    let cases = [
        ("none", "does not exist"),
        ("directory", "is a directory"),
        ("link", "leads nowhere"),
    ];
    for (name, problem) in cases {
        let error = fetch(&at(&dir, name), Path::new(&local)).await.unwrap_err();
        assert!(error.to_string().ends_with(problem), "{error}");
        assert_eq!(std::fs::read(&local).unwrap(), b"old");
    }
    let error = fetch("/dev/null", Path::new(&local)).await.unwrap_err();
    assert!(error.to_string().ends_with("is not a regular file"));
    let error = fetch("relative", Path::new(&local)).await.unwrap_err();
    assert_eq!(error.kind(), "state.invalid");
    let into = at(&dir, "directory");
    assert!(fetch(&at(&dir, "local"), Path::new(&into)).await.is_err());
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 3);
}

#[tokio::test]
async fn names_of_downloads_come_through_and_modes_are_the_callers() {
    let dir = dir();
    for name in ["it's", "a\nb", "-n", "$(id)", "*"] {
        std::fs::write(at(&dir, name), name).unwrap();
        let options = DownloadOptions {
            mode: Some(Mode::new(0o600)),
            ..DownloadOptions::default()
        };
        let local = dir.path().join("local");
        download(
            &LocalShell::new(),
            &at(&dir, name),
            &local,
            &options,
            &mut |_, _| {},
        )
        .await
        .unwrap();
        assert_eq!(std::fs::read_to_string(&local).unwrap(), name);
        let mode = local.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
    }
}

#[tokio::test]
async fn texts_are_read_within_limits() {
    let dir = dir();
    let shell = LocalShell::new();
    let options = put_options(&dir);
    let path = at(&dir, "text");
    put_text(&shell, &path, "grüße\0\n", &options)
        .await
        .unwrap();
    let read = |limit| {
        let path = path.clone();
        async move { read_text(&LocalShell::new(), &path, &Sudo::None, limit).await }
    };
    assert_eq!(read(9).await.unwrap(), "grüße\0\n");
    let error = read(8).await.unwrap_err();
    assert_eq!(error.kind(), "files.too_large");
    std::fs::write(&path, b"ab\xff").unwrap();
    let error = read(100).await.unwrap_err();
    assert!(error.to_string().contains("offset 2"), "{error}");
    std::fs::remove_file(&path).unwrap();
    assert_eq!(read(100).await.unwrap_err().kind(), "files.not_found");
    let text = read_text(&shell, "/proc/self/status", &Sudo::None, 1 << 20)
        .await
        .unwrap();
    assert!(text.starts_with("Name:"));
}

/// Not a check: prints how long 512 MiB take without a network.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn speed_without_a_network() {
    let dir = tempfile::tempdir_in("/dev/shm").unwrap();
    std::fs::write(at(&dir, "a"), random(512 << 20)).unwrap();
    for _ in 0..3 {
        let mut options = put_options(&dir);
        options.always = true;
        let started = std::time::Instant::now();
        let (local, remote) = (at(&dir, "a"), at(&dir, "b"));
        let shell = LocalShell::new();
        upload(&shell, Path::new(&local), &remote, &options, &mut |_, _| {})
            .await
            .unwrap();
        let up = started.elapsed();
        let started = std::time::Instant::now();
        let back = dir.path().join("c");
        fetch(&remote, &back).await.unwrap();
        println!("up {up:?}, down {:?}", started.elapsed());
    }
}
