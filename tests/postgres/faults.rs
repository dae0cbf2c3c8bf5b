//! What goes wrong on the way to the server, and in the middle of things.

use std::time::{Duration, Instant};

use e2bscript::postgres::migrate::{self, Error, Migration, Options};
use e2bscript::postgres::{Config, Database};

use super::lab::{Alone, alone, block, migrations, said};

const OPTIONS: Options = Options {
    out_of_order: false,
    wait: Duration::from_secs(20),
};

fn open(lab: &Alone, change: impl Fn(&mut Config)) -> Database {
    let mut config = lab.config("postgres");
    change(&mut config);
    Database::new(config, lab.dialer()).unwrap()
}

#[test]
fn a_server_without_tls_is_not_talked_to() {
    let lab = alone();
    lab.operator("postgres", "ALTER SYSTEM SET ssl = off");
    lab.operator("postgres", "SELECT pg_reload_conf()");
    let error = block(async {
        // the server takes a moment to hear of it
        tokio::time::sleep(Duration::from_millis(300)).await;
        open(&lab, |_| {}).query("SELECT 1", &[]).await.unwrap_err()
    });
    lab.operator("postgres", "ALTER SYSTEM RESET ssl");
    lab.operator("postgres", "SELECT pg_reload_conf()");
    assert_eq!(error.kind(), "pg.tls");
    assert!(
        error.to_string().contains("offers no encryption"),
        "{error}"
    );
}

#[test]
fn without_the_api_node_nothing_is_reached_and_the_hop_is_named() {
    let lab = alone();
    lab.expect(&["fault", "kill-sshd", "api-1"]);
    let began = Instant::now();
    let ran = lab.script(&["db-status.rhai"], &[]);
    assert_eq!(ran.status.code(), Some(5), "{}", said(&ran));
    assert!(said(&ran).contains("api-1"), "{}", said(&ran));
    assert!(began.elapsed() < Duration::from_secs(60));
}

#[test]
fn a_connection_that_breaks_in_the_middle_leaves_a_known_state() {
    let lab = alone();
    let name = lab.create_database();
    let directory = migrations(&[
        ("1_one.sql", "CREATE TABLE one (a int);"),
        (
            "2_slow.sql",
            "CREATE TABLE two AS SELECT 1 AS a FROM pg_sleep(3);",
        ),
        ("3_three.sql", "CREATE TABLE three (a int);"),
    ]);
    let files = Migration::read_all(directory.path()).unwrap();
    for fault in ["pg-restart", "kill-sshd"] {
        block(async {
            let db = open(&lab, |config| config.database.clone_from(&name));
            let mut each = |_: &migrate::Applied| {};
            let running = migrate::up(&db, &files, OPTIONS, &mut each);
            let breaking = async {
                tokio::time::sleep(Duration::from_millis(1500)).await;
                match fault {
                    "pg-restart" => lab.expect(&["fault", "pg-restart"]),
                    _ => {
                        lab.expect(&["fault", "kill-sshd", "api-1"]);
                        lab.expect(&["fault", "heal"])
                    }
                }
            };
            let (ran, _) = futures_util::join!(running, breaking);
            let error = ran.unwrap_err();
            let Error::Cut { file, known, .. } = &error else {
                panic!("{fault}: {error}");
            };
            assert_eq!(
                (&**file, *known),
                ("2_slow.sql", Some(false)),
                "{fault}: {error}"
            );
            assert!(
                error
                    .to_string()
                    .ends_with("was not applied and left no trace")
            );
        });
    }
    block(async {
        let db = open(&lab, |config| config.database.clone_from(&name));
        let applied = migrate::up(&db, &files, OPTIONS, &mut |_| {})
            .await
            .unwrap();
        assert_eq!(applied.len(), 2);
        assert!(
            migrate::up(&db, &files, OPTIONS, &mut |_| {})
                .await
                .unwrap()
                .is_empty()
        );
    });
}

#[test]
fn a_read_only_server_is_a_clear_error() {
    let lab = alone();
    let directory = migrations(&[("1_one.sql", "CREATE TABLE one (a int);")]);
    let files = Migration::read_all(directory.path()).unwrap();
    let name = lab.create_database();
    lab.expect(&["fault", "pg-readonly"]);
    let error = block(async {
        let db = open(&lab, |config| config.database.clone_from(&name));
        migrate::up(&db, &files, OPTIONS, &mut |_| {})
            .await
            .unwrap_err()
    });
    assert_eq!(error.kind(), "pg.read_only");
    assert!(error.help().unwrap().contains("primary"));
}

#[test]
fn a_full_disk_leaves_no_trace() {
    let lab = alone();
    let directory = migrations(&[(
        "1_big.sql",
        "CREATE TABLE big (a text);\nINSERT INTO big SELECT repeat('x', 1000) FROM generate_series(1, 2000);",
    )]);
    let files = Migration::read_all(directory.path()).unwrap();
    let name = lab.create_database();
    block(async {
        let db = open(&lab, |config| config.database.clone_from(&name));
        // a login would be refused already
        db.query("SELECT 1", &[]).await.unwrap();
        lab.expect(&["fault", "pg-full"]);
        let error = migrate::up(&db, &files, OPTIONS, &mut |_| {})
            .await
            .unwrap_err();
        let kind = match &error {
            // the tables of migrations themselves may have been too much already
            Error::Failed { source, .. } | Error::Postgres(source) => source.kind(),
            other => other.kind(),
        };
        assert_eq!(kind, "pg.disk_full", "{error}");
        lab.expect(&["fault", "heal"]);
        assert_eq!(
            migrate::up(&db, &files, OPTIONS, &mut |_| {})
                .await
                .unwrap()
                .len(),
            1
        );
    });
}
