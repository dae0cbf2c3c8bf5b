//! Goose itself, on the API node, against the same databases.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use e2bscript::postgres::migrate::{self, Migration, Options};

use super::lab::{Lab, block, own_migrations, said, shared};

const LAST: &str = "20250624001049";

/// The program, built once; its modules are those of `go.sum`.
fn program() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("goose");
        let built = Command::new("go")
            .args(["build", "-o", path.to_str().unwrap(), "."])
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goose"))
            .env("CGO_ENABLED", "0")
            .output()
            .expect("goose is a Go program, and Go is not on PATH");
        assert!(built.status.success(), "{}", said(&built));
        path
    })
}

fn goose(lab: &Lab, database: &str, words: &[&str]) -> String {
    let inside = format!("/tmp/goose-{database}");
    let node = lab.file("nodes/api-1/root").join(&inside[1..]);
    fs::create_dir_all(node.join("migrations")).unwrap();
    fs::copy(program(), node.join("goose")).unwrap();
    for entry in fs::read_dir(own_migrations()).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(
            &path,
            node.join("migrations").join(path.file_name().unwrap()),
        )
        .unwrap();
    }
    let (goose, directory) = (format!("{inside}/goose"), format!("{inside}/migrations"));
    let mut command = lab.e2blab_command(&["exec", "api-1", "--", &goose, &directory]);
    let mut child = command
        .args(words)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let connection = format!(
        "host={} user=admin password={} dbname={database} sslmode=require",
        lab.env("POSTGRES_HOST"),
        lab.env("POSTGRES_PASSWORD")
    );
    child
        .stdin
        .take()
        .unwrap()
        .write_all(connection.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    fs::remove_dir_all(node).unwrap();
    assert!(output.status.success(), "{}", said(&output));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

const OPTIONS: Options = Options {
    out_of_order: false,
    wait: Duration::from_secs(20),
};

#[test]
fn goose_accepts_what_we_migrated() {
    let lab = shared();
    let name = lab.create_database();
    let files = Migration::read_all(&own_migrations()).unwrap();
    block(async {
        let db = lab.open(&name);
        migrate::up(&db, &files, OPTIONS, &mut |_| {})
            .await
            .unwrap();
    });
    assert_eq!(
        goose(&lab, &name, &["pending"]),
        format!("pending false version {LAST}")
    );
    assert_eq!(goose(&lab, &name, &["up-to", LAST]), "applied 0");
}

#[test]
fn we_continue_what_goose_migrated_half_way() {
    let lab = shared();
    let name = lab.create_database();
    assert_eq!(
        goose(&lab, &name, &["up-to", "20240315165236"]),
        "applied 13"
    );
    let files = Migration::read_all(&own_migrations()).unwrap();
    block(async {
        let db = lab.open(&name);
        let (state, plan) = migrate::status(&db, &files).await.unwrap();
        assert_eq!(
            (state.applied.len(), plan.pending.len(), plan.findings.len()),
            (13, 25, 0)
        );
        // applied by another tool: there is nothing to compare their files with
        assert!(
            state
                .applied
                .values()
                .all(|record| record.checksum.is_none())
        );
        let applied = migrate::up(&db, &files, OPTIONS, &mut |_| {})
            .await
            .unwrap();
        assert_eq!(applied.len(), 25);
    });
    assert_eq!(
        goose(&lab, &name, &["pending"]),
        format!("pending false version {LAST}")
    );
}
