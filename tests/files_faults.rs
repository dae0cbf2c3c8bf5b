//! What files go through: kills at any moment, full disks, running programs, prying eyes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panicking

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use e2bscript::files::command::Work;
use e2bscript::files::state::{Command as Run, Dir, File, Text};
use e2bscript::files::{
    Compress, Error, Hashes, Item, LocalShell, Mode, Options, Report, Shell, Silent, SyncOptions,
    ensure, sync,
};
use tempfile::TempDir;

fn dir() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn at(dir: &TempDir, name: &str) -> String {
    dir.path().join(name).to_str().unwrap().to_owned()
}

fn options(dir: &TempDir) -> Options {
    Options {
        state_dir: at(dir, "state"),
        hashes: Hashes::default(),
        compress: Compress::Off,
        ..Options::default()
    }
}

async fn apply(shell: &dyn Shell, dir: &TempDir, items: &[Item]) -> Result<Report, Error> {
    ensure(shell, items, &options(dir), &mut Silent).await
}

/// A shell that writes down its process id and then is `sh`.
fn traced(dir: &TempDir) -> LocalShell {
    let wrapper = at(dir, "wrapper");
    let text = format!("#!/bin/sh\necho $$ >{}\nexec sh \"$@\"\n", at(dir, "pid"));
    std::fs::write(&wrapper, text).unwrap();
    std::fs::set_permissions(&wrapper, PermissionsExt::from_mode(0o755)).unwrap();
    LocalShell::with_program([wrapper])
}

fn temporary(dir: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.file_name()
                .unwrap()
                .to_string_lossy()
                .starts_with(".e2bscript.")
        })
        .collect()
}

/// Different moments each time, the same ones in every run of the tests.
fn moments(count: u64, longest: Duration) -> impl Iterator<Item = Duration> {
    (0..count).map(move |n| longest.mul_f64((n * 7919 % count) as f64 / count as f64))
}

/// Runs `work` while another thread sends `signal` to the last traced shell after `delay`.
async fn killed<T>(
    dir: &TempDir,
    signal: &'static str,
    delay: Duration,
    work: impl Future<Output = T>,
) -> T {
    let pid_file = at(dir, "pid");
    let _ = std::fs::remove_file(&pid_file);
    let killer = std::thread::spawn(move || {
        std::thread::sleep(delay);
        if let Ok(pid) = std::fs::read_to_string(pid_file)
            && let Ok(pid) = pid.trim().parse::<u32>()
        {
            let _ = Command::new("kill")
                .args([signal, &pid.to_string()])
                .output();
        }
    });
    let done = work.await;
    killer.join().unwrap();
    done
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_old_or_new_whenever_the_far_shell_is_killed() {
    let dir = dir();
    let (old, new) = (vec![b'o'; 20 << 20], vec![b'n'; 24 << 20]);
    std::fs::create_dir(at(&dir, "d")).unwrap();
    let file = at(&dir, "d/file");
    std::fs::write(at(&dir, "new"), &new).unwrap();
    let shell = traced(&dir);
    let items = [
        File::new(&file, at(&dir, "new"))
            .mode(Mode::new(0o600))
            .into(),
        Text::new(at(&dir, "d/text"), "new").into(),
    ];
    let (mut olds, mut news) = (0, 0);
    for signal in ["-KILL", "-TERM"] {
        for delay in moments(12, Duration::from_millis(160)) {
            std::fs::write(&file, &old).unwrap();
            let result = killed(&dir, signal, delay, apply(&shell, &dir, &items)).await;
            let is = std::fs::read(&file).unwrap();
            assert!(is == old || is == new, "mixed content after {delay:?}");
            if is == old {
                olds += 1
            } else {
                news += 1
            }
            if result.is_ok() {
                assert!(is == new);
            }
            if signal == "-TERM" {
                // The signal may have met the shell in front of the script, which then goes alone.
                let gone = || temporary(&dir.path().join("d")).is_empty();
                let patience = Instant::now() + Duration::from_secs(5);
                while !gone() && Instant::now() < patience {
                    std::thread::sleep(Duration::from_millis(20));
                }
                assert!(gone(), "{delay:?}");
            }
        }
    }
    assert!(
        olds > 0 && news > 0,
        "the moments were all on one side: {olds} {news}"
    );
    // What dead runs left goes with the next one.
    std::fs::write(&file, &old).unwrap();
    std::fs::write(at(&dir, "d/.e2bscript.999999999.1"), "left").unwrap();
    std::fs::write(at(&dir, "d/.e2bscript.notes"), "another's").unwrap();
    apply(&shell, &dir, &items).await.unwrap();
    assert_eq!(
        temporary(&dir.path().join("d")),
        [dir.path().join("d/.e2bscript.notes")]
    );
    assert!(std::fs::read(&file).unwrap() == new);
    assert!(apply(&shell, &dir, &items).await.unwrap().is_unchanged());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_is_old_or_new_in_each_file_whenever_it_is_killed() {
    let dir = dir();
    for n in 0..40 {
        let path = at(&dir, &format!("here/d{}/f{n}", n % 3));
        std::fs::create_dir_all(Path::new(&path).parent().unwrap()).unwrap();
        std::fs::write(path, vec![b'n'; 300_000]).unwrap();
    }
    let shell = traced(&dir);
    let options = SyncOptions {
        ensure: options(&dir),
        ..SyncOptions::default()
    };
    let here = PathBuf::from(at(&dir, "here"));
    let there = at(&dir, "there");
    for delay in moments(12, Duration::from_millis(200)) {
        for n in 0..40 {
            let path = at(&dir, &format!("there/d{}/f{n}", n % 3));
            std::fs::create_dir_all(Path::new(&path).parent().unwrap()).unwrap();
            std::fs::write(path, vec![b'o'; 200_000]).unwrap();
        }
        let mut silent = |_, _| {};
        let work = sync(&shell, &here, &there, &options, &mut silent);
        let _ = killed(&dir, "-KILL", delay, work).await;
        for n in 0..40 {
            let is = std::fs::read(at(&dir, &format!("there/d{}/f{n}", n % 3))).unwrap();
            assert!(is == vec![b'o'; 200_000] || is == vec![b'n'; 300_000]);
        }
    }
    std::fs::write(at(&dir, "there/d0/f0"), "old").unwrap();
    sync(&shell, &here, &there, &options, &mut |_, _| {})
        .await
        .unwrap();
    assert_eq!(temporary(Path::new(&there)), Vec::<PathBuf>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abandoned_run_leaves_the_old_file_and_no_temporary_one() {
    let dir = dir();
    std::fs::create_dir(at(&dir, "d")).unwrap();
    let file = at(&dir, "d/file");
    std::fs::write(at(&dir, "new"), vec![b'n'; 64 << 20]).unwrap();
    let item = [File::new(&file, at(&dir, "new")).into()];
    let shell = LocalShell::new();
    for delay in [30, 50, 70] {
        std::fs::write(&file, "old").unwrap();
        let limit = Duration::from_millis(delay);
        let done = tokio::time::timeout(limit, apply(&shell, &dir, &item)).await;
        let size = std::fs::metadata(&file).unwrap().len();
        assert!(size == 3 || size == 64 << 20);
        assert!(done.is_err() || size == 64 << 20);
    }
}

/// A file system of a few MiB.
struct Small(TempDir);

impl Small {
    fn new(options: &str) -> Small {
        let dir = dir();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(dir.path())
            .status();
        assert!(mounted.unwrap().success(), "this test needs root");
        Small(dir)
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[tokio::test]
async fn a_full_disk_keeps_the_old_file_and_says_so() {
    let dir = dir();
    let small = Small::new("size=2m");
    let shell = LocalShell::new();
    std::fs::write(at(&dir, "big"), vec![1; 5 << 20]).unwrap();
    std::fs::write(at(&small.0, "file"), "old").unwrap();
    let items = [
        Text::new(at(&small.0, "first"), "1").into(),
        File::new(at(&small.0, "file"), at(&dir, "big")).into(),
        Text::new(at(&small.0, "last"), "1").into(),
    ];
    let error = apply(&shell, &dir, &items).await.unwrap_err();
    let Error::DiskFull {
        path,
        free,
        item,
        applied,
        pending,
        ..
    } = &error
    else {
        panic!("{error:?}")
    };
    assert_eq!(path, small.0.path().to_str().unwrap());
    assert!(
        free.unwrap() > 1 << 20,
        "the temporary file is gone: {free:?}"
    );
    assert!(item.ends_with("/file"));
    assert_eq!((applied.len(), pending.len()), (1, 1));
    assert_eq!(std::fs::read(at(&small.0, "file")).unwrap(), b"old");
    assert_eq!(temporary(small.0.path()), Vec::<PathBuf>::new());

    std::fs::create_dir(at(&dir, "tree")).unwrap();
    std::fs::rename(at(&dir, "big"), at(&dir, "tree/file")).unwrap();
    let options = SyncOptions {
        ensure: options(&dir),
        ..SyncOptions::default()
    };
    let here = PathBuf::from(at(&dir, "tree"));
    let there = small.0.path().to_str().unwrap();
    let error = sync(&shell, &here, there, &options, &mut |_, _| {})
        .await
        .unwrap_err();
    assert_eq!(error.kind(), "files.disk_full", "{error:?}");
    assert_eq!(std::fs::read(at(&small.0, "file")).unwrap(), b"old");
    assert_eq!(temporary(small.0.path()), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn a_disk_without_room_for_names_says_so_too() {
    let dir = dir();
    let small = Small::new("size=2m,nr_inodes=4");
    for n in 0..3 {
        std::fs::write(at(&small.0, &n.to_string()), "").unwrap();
    }
    for item in [
        Item::from(Text::new(at(&small.0, "x"), "x")),
        Dir::new(at(&small.0, "x")).into(),
        Dir::new(at(&small.0, "x/y")).parents(true).into(),
    ] {
        let error = apply(&LocalShell::new(), &dir, &[item]).await.unwrap_err();
        assert_eq!(error.kind(), "files.disk_full", "{error:?}");
    }
    assert_eq!(std::fs::read_dir(small.0.path()).unwrap().count(), 3);
}

#[tokio::test]
async fn a_read_only_disk_is_named() {
    let dir = dir();
    let small = Small::new("ro");
    let item = Text::new(at(&small.0, "x"), "x").into();
    let error = apply(&LocalShell::new(), &dir, &[item]).await.unwrap_err();
    assert!(
        error.to_string().contains("Read-only file system"),
        "{error}"
    );
}

#[tokio::test]
async fn a_running_program_is_replaced_and_runs_on() {
    let dir = dir();
    let program = at(&dir, "program");
    std::fs::copy("/bin/sleep", &program).unwrap();
    let mut running = Command::new(&program).arg("60").spawn().unwrap();
    let mut other = std::fs::read("/bin/sleep").unwrap();
    other.extend_from_slice(&[0; 100_000]);
    std::fs::write(at(&dir, "other"), &other).unwrap();
    let item = File::new(&program, at(&dir, "other"))
        .mode(Mode::new(0o755))
        .into();
    apply(&LocalShell::new(), &dir, &[item]).await.unwrap();
    assert!(std::fs::read(&program).unwrap() == other);
    assert!(running.try_wait().unwrap().is_none());
    running.kill().unwrap();
    running.wait().unwrap();
    assert!(Command::new(&program).arg("0").status().unwrap().success());
}

/// Looks for `canary` where others could see it until told to stop, and at how open files are.
fn spy(
    canary: &'static str,
    dir: PathBuf,
    stop: Arc<AtomicBool>,
) -> std::thread::JoinHandle<Vec<String>> {
    std::thread::spawn(move || {
        let mut found = Vec::new();
        let me = std::process::id().to_string();
        while !stop.load(Ordering::Relaxed) {
            for process in std::fs::read_dir("/proc").unwrap().flatten() {
                let name = process.file_name().into_string().unwrap();
                if name == me || !name.bytes().all(|byte| byte.is_ascii_digit()) {
                    continue;
                }
                for file in ["cmdline", "environ"] {
                    let text = std::fs::read(process.path().join(file)).unwrap_or_default();
                    if String::from_utf8_lossy(&text).contains(canary) {
                        found.push(format!("{name}/{file}"));
                    }
                }
            }
            for entry in std::fs::read_dir(&dir).unwrap().flatten() {
                let (Ok(meta), Ok(text)) = (entry.metadata(), std::fs::read(entry.path())) else {
                    continue;
                };
                if String::from_utf8_lossy(&text).contains(canary) && meta.mode() & 0o077 != 0 {
                    found.push(format!("{:?} {:o}", entry.path(), meta.mode()));
                }
            }
        }
        found
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_in_no_command_line_no_environment_and_no_open_file() {
    const CANARY: &str = "canary-7f3a9c";
    let dir = dir();
    std::fs::create_dir(at(&dir, "d")).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let spying = spy(CANARY, dir.path().join("d"), stop.clone());
    let shell = LocalShell::new();
    for n in 0..5 {
        let long = format!("{CANARY}{n}").repeat(20_000);
        let items = [
            Text::new(at(&dir, "d/secret"), long).secret(true).into(),
            Run::new(Work::Shell("cat >/dev/null; sleep 0.1".to_owned()))
                .unless(Work::Shell("false".to_owned()))
                .stdin(CANARY)
                .into(),
            Text::new(at(&dir, "d/other"), format!("{CANARY}{n}"))
                .mode(Mode::new(0o600))
                .into(),
        ];
        let report = apply(&shell, &dir, &items[..2]).await.unwrap();
        assert!(!serde_json::to_string(&report).unwrap().contains(CANARY));
        apply(&shell, &dir, &items[2..]).await.unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    assert_eq!(spying.join().unwrap(), Vec::<String>::new());
    assert_eq!(
        std::fs::metadata(at(&dir, "d/secret")).unwrap().mode() & 0o777,
        0o600
    );
}

#[tokio::test]
async fn noise_of_a_login_shell_does_no_harm_and_no_shell_is_an_error() {
    let dir = dir();
    let wrapper = at(&dir, "wrapper");
    let text = "#!/bin/sh\necho 'Welcome to the jungle'; printf 'a\\0b'; exec sh \"$@\"\n";
    std::fs::write(&wrapper, text).unwrap();
    std::fs::set_permissions(&wrapper, PermissionsExt::from_mode(0o755)).unwrap();
    let noisy = LocalShell::with_program([wrapper.clone()]);
    let item = [Text::new(at(&dir, "x"), "x").into()];
    apply(&noisy, &dir, &item).await.unwrap();
    assert!(apply(&noisy, &dir, &item).await.unwrap().is_unchanged());

    let text = "#!/bin/sh\necho 'This account is currently not available.' >&2; exit 1\n";
    std::fs::write(&wrapper, text).unwrap();
    let error = apply(&noisy, &dir, &item).await.unwrap_err();
    assert_eq!(error.kind(), "files.unsuitable");
    assert!(error.to_string().contains("not available"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_at_the_same_time_do_not_mix() {
    let dir = dir();
    let path = at(&dir, "file");
    let texts: Vec<String> = (0..6).map(|n| format!("{n}").repeat(300_000)).collect();
    let runs = texts.iter().map(|text| {
        let item = [Text::new(&path, text.clone()).into()];
        let dir = &dir;
        async move { apply(&LocalShell::new(), dir, &item).await }
    });
    for done in futures_util::future::join_all(runs).await {
        done.unwrap();
    }
    let is = std::fs::read_to_string(&path).unwrap();
    assert!(texts.iter().any(|text| is.trim_end() == text));
    assert_eq!(temporary(dir.path()), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn a_local_file_that_changes_while_it_is_sent_is_not_installed() {
    let dir = dir();
    let (from, to) = (at(&dir, "from"), at(&dir, "to"));
    std::fs::write(&from, vec![b'a'; 60 << 20]).unwrap();
    std::fs::write(&to, "old").unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let writer = {
        let (from, stop) = (from.clone(), stop.clone());
        std::thread::spawn(move || {
            let file = std::fs::File::options().write(true).open(from).unwrap();
            while !stop.load(Ordering::Relaxed) {
                use std::os::unix::fs::FileExt;
                file.write_at(b"b", 59 << 20).unwrap();
                std::thread::sleep(Duration::from_millis(2));
            }
        })
    };
    let item = [File::new(&to, &from).into()];
    let error = apply(&LocalShell::new(), &dir, &item).await.unwrap_err();
    stop.store(true, Ordering::Relaxed);
    writer.join().unwrap();
    assert!(
        error.to_string().ends_with("changed while it was sent"),
        "{error}"
    );
    assert_eq!(std::fs::read(&to).unwrap(), b"old");
    assert_eq!(temporary(dir.path()), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn an_ensure_of_nothing_new_costs_few_processes() {
    let dir = dir();
    let items: Vec<Item> = (0..50)
        .map(|n| Text::new(at(&dir, &format!("f{n}")), format!("{n}")).into())
        .collect();
    let shell = LocalShell::new();
    apply(&shell, &dir, &items).await.unwrap();
    let forks = || {
        let stat = std::fs::read_to_string("/proc/stat").unwrap();
        let line = stat
            .lines()
            .find_map(|line| line.strip_prefix("processes "));
        line.unwrap().parse::<u64>().unwrap()
    };
    // Others fork, too: the best of several runs counts.
    let mut best = u64::MAX;
    let started = Instant::now();
    for _ in 0..20 {
        let before = forks();
        assert!(apply(&shell, &dir, &items).await.unwrap().is_unchanged());
        best = best.min(forks() - before);
    }
    println!("{best} processes, {:?} each", started.elapsed() / 20);
    assert!(best <= 12, "{best} processes");
}
