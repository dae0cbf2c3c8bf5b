//! A secret of `deploy.env` is in the files meant for it and nowhere else.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::common::lab::{Lab, SMALL};

const CANARY: &str = "c4narySecret7f3a";

#[test]
fn a_canary_is_found_in_its_files_alone() {
    let lab = Lab::up(SMALL);
    for name in [
        "POSTGRES_PASSWORD",
        "EDGE_SERVICE_SECRET",
        "SANDBOX_ACCESS_TOKEN_HASH_SEED",
        "CONSUL_TOKEN",
    ] {
        lab.set_env(name, &format!("{CANARY}{}", name.len()));
    }
    // The database is asked for its password: it is the canary there, too.
    let password = lab.env("POSTGRES_PASSWORD");
    let change = format!(
        "runuser -u postgres -- psql -qU superuser postgres <<E\nALTER USER admin PASSWORD '{password}'\nE"
    );
    lab.ask("database-1", &change);
    let over = AtomicBool::new(false);
    let said = std::thread::scope(|scope| {
        let watch = scope.spawn(|| watch_processes(&over));
        let end = End(&over);
        let said: Vec<String> = [
            &["stage.rhai", "--plan", "-vv"][..],
            &["stage.rhai", "--json", "-v"],
            &["stage.rhai", "-vv", "--stats"],
            &["run-init-db.rhai", "--plan", "-vv"],
            &["run-init-db.rhai", "-vv", "--stats"],
            &["check-cluster.rhai", "-vv"],
        ]
        .iter()
        .map(|words| {
            let ran = match words.contains(&"--json") {
                true => lab.run(words),
                false => lab.run_and_replay(words),
            };
            assert!(matches!(ran.code, Some(0 | 7)), "{ran}");
            ran.to_string()
        })
        .collect();
        drop(end);
        let samples = watch.join().unwrap();
        assert!(samples > 20, "only {samples} looks at the processes");
        said
    });
    for text in &said {
        assert!(!text.contains(CANARY), "{text}");
    }
    assert!(said.iter().any(|text| text.contains("/opt/e2b/api.env")));
    // Journal, logs, caches, whatever else a run leaves on this machine.
    let log = lab.run(&["runs", "show", "last", "--log"]).ended(0);
    assert!(log.stdout.contains(" e2bscript "), "{log}");
    assert_eq!(holding(lab.home.path()), Vec::<String>::new());

    let search = format!(
        "grep -rlF {CANARY} / --exclude-dir=proc --exclude-dir=sys --exclude-dir=dev | sort; :"
    );
    let found = |node: &str| lab.ask(node, &search);
    let sealed = |node: &str, files: &[&str]| {
        // The journal keeps long lines compressed, where grep does not see them.
        let journal =
            format!("journalctl --no-pager --all --output=export | grep -c {CANARY} || :");
        assert_eq!(lab.ask(node, &journal), "0", "{node}");
        assert_eq!(found(node), files.join("\n"), "{node}");
        for file in files {
            assert_eq!(lab.ask(node, &format!("stat -c %a:%U {file}")), "600:root");
        }
    };
    sealed("api-1", &["/opt/e2b/api.env", "/opt/e2b/client-proxy.env"]);
    sealed(
        "client-1",
        &["/opt/e2b/orchestrator.env", "/opt/e2b/template-manager.env"],
    );
    sealed("server-1", &[]);
    sealed("bastion", &[]);
}

/// Ends the watch, also when the test fails.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Looks at the command line and the environment of every process, those of the nodes among them,
/// until it is over; returns how often.
fn watch_processes(over: &AtomicBool) -> usize {
    let mut samples = 0;
    while !over.load(Ordering::Acquire) {
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            for file in ["cmdline", "environ"] {
                // Processes come and go.
                let bytes = fs::read(entry.path().join(file)).unwrap_or_default();
                let text = String::from_utf8_lossy(&bytes);
                assert!(!text.contains(CANARY), "{}: {text}", entry.path().display());
            }
        }
        samples += 1;
    }
    samples
}

/// Files below `dir` that hold the canary.
fn holding(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(holding(&path));
        } else if String::from_utf8_lossy(&fs::read(&path).unwrap_or_default()).contains(CANARY) {
            found.push(path.display().to_string());
        }
    }
    found
}
