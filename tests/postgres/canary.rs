//! Secrets stay where they belong: no process of any machine shows them, and nothing that is written.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use super::lab::{alone, said};

const KEY: &str = "e2b_c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00";
const TOKEN: &str = "sk_e2b_c0ffee11c0ffee11c0ffee11c0ffee11c0ffee11";

/// Looks at every process there is, the nodes' too: their machines run on this one.
fn processes(secrets: &[String], found: &Mutex<Vec<String>>) {
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        for file in ["cmdline", "environ"] {
            let path = entry.path().join(file);
            let Ok(text) = fs::read(&path) else { continue };
            let text = String::from_utf8_lossy(&text);
            if let Some(secret) = secrets.iter().find(|secret| text.contains(*secret)) {
                let shown: String = text.replace(secret, "<secret>").chars().take(200).collect();
                found
                    .lock()
                    .unwrap()
                    .push(format!("{}: {shown}", path.display()));
            }
        }
    }
}

/// Looks at every file of a directory, links left alone.
fn files(directory: &Path, secrets: &[String], found: &mut Vec<String>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        if kind.is_dir() {
            files(&path, secrets, found);
        } else if kind.is_file() {
            let text = fs::read(&path).unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            if secrets.iter().any(|secret| text.contains(secret)) {
                found.push(path.display().to_string());
            }
        }
    }
}

#[test]
fn no_secret_is_seen_anywhere() {
    let lab = alone();
    let name = lab.create_database();
    let secrets = vec![
        lab.env("POSTGRES_PASSWORD"),
        KEY.to_owned(),
        TOKEN.to_owned(),
        lab.env("EDGE_SERVICE_SECRET"),
    ];
    let (stop, seen) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(Mutex::new(Vec::new())),
    );
    let looking = thread::spawn({
        let (stop, seen, secrets) = (stop.clone(), seen.clone(), secrets.clone());
        move || {
            let mut rounds = 0;
            while !stop.load(Ordering::Relaxed) {
                processes(&secrets, &seen);
                rounds += 1;
            }
            rounds
        }
    });
    let changes = [
        ("POSTGRES_DB", &*name),
        ("TEAM_API_KEY", KEY),
        ("ADMIN_API_TOKEN", TOKEN),
    ];
    let mut spoken = String::new();
    for words in [
        &["--json", "run-init-db.rhai"][..],
        &["run-init-db.rhai"],
        &["run-init-db.rhai", "--plan"],
        &["export-api-creds.rhai", "--file=creds-canary.env"],
        &["db-status.rhai"],
        &["db-shell.rhai", "--command", "SELECT 1"],
    ] {
        let ran = lab.script(words, &changes);
        assert!(ran.status.success(), "{}", said(&ran));
        spoken += &said(&ran);
    }
    // and where something fails: the same key for two teams, a login that is refused
    let twice = lab.home().join("twice.rhai");
    fs::write(
        &twice,
        r#"
import "std/config" as config;
import "std/cluster" as cluster;
import "std/database" as database;
let c = cluster::open(config::load(env::get("E2BSCRIPT_ENV_FILE")));
let key = c.config.env.TEAM_API_KEY;
let db = database::open(c);
db.execute("INSERT INTO access_tokens (access_token, user_id) SELECT $1, user_id FROM access_tokens", [c.config.env.ADMIN_API_TOKEN]);
"#,
    )
    .unwrap();
    let failed = lab.script(&[twice.to_str().unwrap()], &changes);
    assert!(
        said(&failed).contains("access_tokens_pkey"),
        "{}",
        said(&failed)
    );
    spoken += &said(&failed);
    let wrong = [&changes[..], &[("POSTGRES_USER", "nobody")]].concat();
    let refused = lab.script(&["db-status.rhai"], &wrong);
    assert_eq!(refused.status.code(), Some(5), "{}", said(&refused));
    spoken += &said(&refused);
    stop.store(true, Ordering::Relaxed);
    assert!(looking.join().unwrap() > 20, "nobody looked");

    assert_eq!(*seen.lock().unwrap(), Vec::<String>::new());
    for secret in &secrets {
        assert!(!spoken.contains(secret), "an output shows a secret");
    }
    let mut found = Vec::new();
    files(&lab.home().join(".local"), &secrets, &mut found);
    assert_eq!(found, Vec::<String>::new(), "a journal has a secret");
    for node in ["bastion", "api-1", "server-1", "database-1"] {
        let journal = lab.expect(&[
            "exec",
            node,
            "--",
            "journalctl",
            "--output=cat",
            "--no-pager",
        ]);
        assert!(!journal.is_empty());
        // the server's own log says which row was there twice, as every PostgreSQL does
        for secret in secrets
            .iter()
            .filter(|secret| node != "database-1" || **secret != TOKEN)
        {
            assert!(
                !journal.contains(secret),
                "the journal of {node} shows a secret"
            );
        }
        let root = lab.file("nodes").join(node).join("root");
        for part in ["var/log", "tmp", "run", "home", "root", "etc"] {
            files(&root.join(part), &secrets, &mut found);
        }
    }
    found.retain(|path| !path.contains("/var/log/journal/"));
    assert_eq!(found, Vec::<String>::new(), "a file on a node has a secret");
}
