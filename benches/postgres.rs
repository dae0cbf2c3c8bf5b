//! PostgreSQL through a bastion, against `psql` on the API node and against the library alone.
//!
//! `cargo bench --bench postgres`; needs root, and the rehearsal cluster's packages.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    dead_code
)] // a program that measures and prints; it shares the tests' cluster

#[path = "../tests/postgres/lab.rs"]
mod lab;

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use e2bscript::postgres::migrate::{self, Migration, Options};
use e2bscript::postgres::{Database, Source};
use lab::{Alone, alone, block, own_migrations, said};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres_rustls::MakeRustlsConnect;

const ROWS: usize = 100_000;
const RUNS: usize = 5;

fn main() {
    // `cargo test --benches` only wants to know that it builds
    if !std::env::args().any(|word| word == "--bench") {
        return;
    }
    let lab = alone();
    copies(&lab);
    rows(&lab);
    round_trips(&lab);
}

/// The best of a few runs.
fn best(mut run: impl FnMut() -> Duration) -> f64 {
    let times = (0..RUNS).map(|_| run());
    times.min().unwrap().as_secs_f64()
}

fn open(lab: &Alone, database: &str) -> Database {
    Database::new(lab.config(database), lab.dialer()).unwrap()
}

/// All migrations on an empty database, connections included, with 50 ms to the bastion and back.
fn round_trips(lab: &Alone) {
    let files = Migration::read_all(&own_migrations()).unwrap();
    let options = Options {
        out_of_order: false,
        wait: Duration::from_secs(10),
    };
    lab.expect(&["fault", "delay", "25"]);
    let seconds = best(|| {
        let name = lab.create_database();
        let began = Instant::now();
        block(async {
            let db = open(lab, &name);
            let applied = migrate::up(&db, &files, options, &mut |_| {})
                .await
                .unwrap();
            assert_eq!(applied.len(), files.len());
        });
        began.elapsed()
    });
    lab.expect(&["fault", "delay", "0"]);
    let limit = 1.5 * (files.len() + 8) as f64;
    println!(
        "{} migrations at 50 ms: {seconds:.2} s = {:.1} round trips (limit {limit:.0})",
        files.len(),
        seconds / 0.05
    );
}

const TABLE: &str = "CREATE TABLE bench (id bigint, name text, at timestamptz, size float8)";

fn data() -> Vec<u8> {
    let mut text = String::new();
    for n in 0..ROWS {
        text.push_str(&format!(
            "{n}\trow number {n}, with some text behind it\t2026-01-02 03:04:05.678+00\t{}.25\n",
            n % 977
        ));
    }
    text.into_bytes()
}

/// `copy_in` from here through the jump, against `psql \copy` on the API node itself.
fn copies(lab: &Alone) {
    let name = lab.create_database();
    let data = data();
    let node = lab.file("nodes/api-1/root/tmp/bench.tsv");
    fs::write(&node, &data).unwrap();
    let database = block(async {
        let db = open(lab, &name);
        db.execute(TABLE, &[]).await.unwrap();
        db
    });
    drop(database);
    let ours = best(|| {
        block(async {
            let db = open(lab, &name);
            let lease = db.lease().await.unwrap();
            lease.batch("TRUNCATE bench").await.unwrap();
            let began = Instant::now();
            let source = Source::Bytes(data.clone());
            let count = lease
                .copy_in("COPY bench FROM STDIN", source)
                .await
                .unwrap();
            assert_eq!(count, ROWS as u64);
            began.elapsed()
        })
    });
    let script = "export PGPASSWORD; read -r PGPASSWORD; exec psql --no-psqlrc -q \
        \"host=$1 user=admin dbname=$2 sslmode=require\" -c 'TRUNCATE bench' -c '\\timing on' \
        -c '\\copy bench FROM /tmp/bench.tsv'";
    let theirs = best(|| {
        let words = ["exec", "api-1", "--", "sh", "-c", script, "sh"];
        let host = lab.env("POSTGRES_HOST");
        let mut command = lab.e2blab_command(&[&words[..], &[&host, &name]].concat());
        let mut child = command
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let line = format!("{}\n", lab.env("POSTGRES_PASSWORD"));
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), line.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let words = String::from_utf8_lossy(&output.stdout).into_owned();
        let millis = words
            .split("Time: ")
            .nth(1)
            .and_then(|rest| rest.split(' ').next());
        let millis: f64 = millis
            .unwrap_or_else(|| panic!("{}", said(&output)))
            .parse()
            .unwrap();
        Duration::from_secs_f64(millis / 1000.0)
    });
    println!(
        "{ROWS} rows in: {ours:.3} s here, {theirs:.3} s by psql on the node: {:.2} of its speed (limit 0.70)",
        theirs / ours
    );
}

/// Rows to a script, against the library's own rows over the same way.
fn rows(lab: &Alone) {
    let name = lab.create_database();
    block(async {
        let db = open(lab, &name);
        db.execute(TABLE, &[]).await.unwrap();
        let lease = db.lease().await.unwrap();
        let source = Source::Bytes(data());
        lease
            .copy_in("COPY bench FROM STDIN", source)
            .await
            .unwrap();
    });
    let script = lab.home().join("rows.rhai");
    fs::write(
        &script,
        r#"
import "std/config" as config;
import "std/cluster" as cluster;
import "std/database" as database;
let db = database::open(cluster::open(config::load(env::get("E2BSCRIPT_ENV_FILE"))));
db.query("SELECT 1 AS one");
let began = time::now();
let rows = db.query("SELECT id, name, at, size FROM bench");
let took = time::since(began);
if rows.len() != 100000 { throw "rows are missing"; }
took
"#,
    )
    .unwrap();
    let ours = best(|| {
        let ran = lab.script(
            &["--json", script.to_str().unwrap()],
            &[("POSTGRES_DB", &name)],
        );
        let lines = String::from_utf8_lossy(&ran.stdout).into_owned();
        let result = lines
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
            .find(|event| event["type"] == "result");
        Duration::from_secs_f64(
            result.unwrap_or_else(|| panic!("{}", said(&ran)))["value"]
                .as_f64()
                .unwrap(),
        )
    });
    let alone = best(|| block(library_alone(lab, &name)));
    println!(
        "{ROWS} rows out: {ours:.3} s to a script, {alone:.3} s with tokio-postgres alone: {:.2} times (limit 2.00)",
        ours / alone
    );
}

async fn library_alone(lab: &Alone, name: &str) -> Duration {
    let config = lab.config(name);
    let mut roots = rustls::RootCertStore::empty();
    let pem = fs::read(config.ssl_root_cert.as_ref().unwrap()).unwrap();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        roots.add(certificate.unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut tls = MakeRustlsConnect::new(tls);
    let dialer = lab.dialer();
    let stream = dialer.dial(&config.host, config.port).await.unwrap();
    let connector =
        MakeTlsConnect::<e2bscript::wire::BoxStream>::make_tls_connect(&mut tls, &config.host)
            .unwrap();
    let (client, connection) = tokio_postgres::Config::new()
        .user(&config.user)
        .password(config.password.as_ref().unwrap().expose())
        .dbname(&config.database)
        .connect_raw(stream, connector)
        .await
        .unwrap();
    let driver = tokio::spawn(connection);
    client.query("SELECT 1", &[]).await.unwrap();
    let began = Instant::now();
    let rows = client
        .query("SELECT id, name, at, size FROM bench", &[])
        .await
        .unwrap();
    let mut total = 0.0;
    for row in &rows {
        let (id, name, size): (i64, &str, f64) = (row.get(0), row.get(1), row.get(3));
        total += id as f64 + name.len() as f64 + size;
    }
    let took = began.elapsed();
    assert!(total > 0.0 && rows.len() == ROWS);
    drop(client);
    driver.await.unwrap().unwrap();
    took
}
