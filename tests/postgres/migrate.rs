//! Runs of migrations that go well, and all that do not.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use e2bscript::postgres::migrate::{self, Error, Migration, Options};
use e2bscript::postgres::{Database, Param, Value};

use super::lab::{block, migrations, shared};

const OPTIONS: Options = Options {
    out_of_order: false,
    wait: Duration::from_secs(20),
};

async fn up(db: &Database, directory: &Path) -> Result<usize, Error> {
    let files = Migration::read_all(directory)?;
    let applied = migrate::up(db, &files, OPTIONS, &mut |_| {}).await?;
    Ok(applied.len())
}

async fn exists(db: &Database, table: &str) -> bool {
    let param = [Param::Text(table.to_owned())];
    let rows = db.query("SELECT to_regclass($1) IS NOT NULL", &param).await;
    rows.unwrap().rows[0][0] == Value::Bool(true)
}

const FIVE: [(&str, &str); 5] = [
    ("1_one.sql", "CREATE TABLE one (a int);"),
    ("2_two.sql", "CREATE TABLE two (a int);"),
    (
        "3_three.sql",
        "CREATE TABLE three (a int);\nINSERT INTO three\n  VALUES (1), ('ü', nope);",
    ),
    ("4_four.sql", "CREATE TABLE four (a int);"),
    ("5_five.sql", "CREATE TABLE five (a int);"),
];

#[test]
fn a_failure_in_the_third_of_five_leaves_two() {
    let lab = shared();
    let directory = migrations(&FIVE);
    block(async {
        let db = lab.open(&lab.create_database());
        let error = up(&db, directory.path()).await.unwrap_err();
        let Error::Failed {
            file,
            place,
            undone,
            applied,
            ..
        } = &error
        else {
            panic!("{error}");
        };
        assert_eq!((&**file, *undone, *applied), ("3_three.sql", true, 2));
        let place = place.clone().unwrap();
        // of the file, its first line included
        assert_eq!(
            (place.line, &*place.text),
            (4, "  VALUES (1), ('ü', nope);")
        );
        assert!(exists(&db, "two").await && !exists(&db, "three").await);

        fs::write(
            directory.path().join("3_three.sql"),
            "-- +goose Up\nCREATE TABLE three (a int);\n",
        )
        .unwrap();
        assert_eq!(up(&db, directory.path()).await.unwrap(), 3);
        assert_eq!(up(&db, directory.path()).await.unwrap(), 0);
    });
}

#[test]
fn a_changed_file_is_refused_and_odd_ones_are_told() {
    let lab = shared();
    let directory = migrations(&[("1_one.sql", "SELECT 1;"), ("3_three.sql", "SELECT 3;")]);
    block(async {
        let db = lab.open(&lab.create_database());
        up(&db, directory.path()).await.unwrap();
        fs::write(
            directory.path().join("2_two.sql"),
            "-- +goose Up\nSELECT 2;\n",
        )
        .unwrap();
        let error = up(&db, directory.path()).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "1 file would be applied behind 3: 2_two.sql"
        );
        let files = Migration::read_all(directory.path()).unwrap();
        let options = Options {
            out_of_order: true,
            ..OPTIONS
        };
        assert_eq!(
            migrate::up(&db, &files, options, &mut |_| {})
                .await
                .unwrap()
                .len(),
            1
        );

        fs::remove_file(directory.path().join("2_two.sql")).unwrap();
        let files = Migration::read_all(directory.path()).unwrap();
        let (state, plan) = migrate::status(&db, &files).await.unwrap();
        assert_eq!(state.newest(), 3);
        assert_eq!(plan.findings, [migrate::Finding::Missing { version: 2 }]);

        fs::write(
            directory.path().join("1_one.sql"),
            "-- +goose Up\nSELECT 11;\n",
        )
        .unwrap();
        let error = up(&db, directory.path()).await.unwrap_err();
        assert_eq!(error.kind(), "pg.migration_changed");
        assert!(error.to_string().contains("`1_one.sql`"), "{error}");
    });
}

#[test]
fn of_two_runs_at_once_one_waits_and_finds_nothing_to_do() {
    let lab = shared();
    let directory = migrations(&[(
        "1_slow.sql",
        "CREATE TABLE slow AS SELECT 1 AS a FROM pg_sleep(1);",
    )]);
    block(async {
        let name = lab.create_database();
        let (one, other) = (lab.open(&name), lab.open(&name));
        let (first, second) =
            futures_util::join!(up(&one, directory.path()), up(&other, directory.path()));
        let mut counts = [first.unwrap(), second.unwrap()];
        counts.sort_unstable();
        assert_eq!(counts, [0, 1]);
    });
}

#[test]
fn whoever_holds_the_lock_is_named() {
    let lab = shared();
    let directory = migrations(&[("1_one.sql", "SELECT 1;")]);
    block(async {
        let name = lab.create_database();
        let (db, other) = (lab.open(&name), lab.open(&name));
        let lease = other.lease().await.unwrap();
        lease
            .query("SELECT pg_advisory_lock(4097083626), pg_backend_pid()", &[])
            .await
            .unwrap();
        let files = Migration::read_all(directory.path()).unwrap();
        let options = Options {
            wait: Duration::from_millis(500),
            ..OPTIONS
        };
        let began = Instant::now();
        let error = migrate::up(&db, &files, options, &mut |_| {})
            .await
            .unwrap_err();
        assert!(began.elapsed() < Duration::from_secs(10));
        let Error::Locked(blockers) = &error else {
            panic!("{error}")
        };
        assert_eq!(blockers.len(), 1, "{error}");
        assert!(
            blockers[0].query.contains("pg_advisory_lock(4097083626)"),
            "{error}"
        );
        assert!(
            error
                .to_string()
                .contains(&format!("pid {}", blockers[0].pid)),
            "{error}"
        );
    });
}

#[test]
fn whoever_holds_a_table_is_named() {
    let lab = shared();
    let directory = migrations(&[
        ("1_one.sql", "CREATE TABLE one (a int);"),
        ("2_two.sql", "ALTER TABLE one ADD b int;"),
    ]);
    block(async {
        let name = lab.create_database();
        let other = lab.open(&name);
        let mut config = lab.config(&name);
        config.lock_timeout = Duration::from_secs(1);
        let db = Database::new(config, lab.dialer()).unwrap();
        let files = Migration::read_all(directory.path()).unwrap();
        migrate::up(&db, &files[..1], OPTIONS, &mut |_| {})
            .await
            .unwrap();
        let lease = other.lease().await.unwrap();
        lease.start().await.unwrap();
        lease.batch("LOCK TABLE one").await.unwrap();
        let error = migrate::up(&db, &files, OPTIONS, &mut |_| {})
            .await
            .unwrap_err();
        assert!(
            error
                .to_string()
                .contains("`LOCK TABLE one`, is in the way"),
            "{error}"
        );
        drop(lease);
        assert_eq!(up(&db, directory.path()).await.unwrap(), 1);
    });
}

#[test]
fn without_a_transaction_what_ran_is_told() {
    let lab = shared();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("1_index.sql");
    let text = "-- +goose NO TRANSACTION\n-- +goose Up\nCREATE TABLE t (a int);\nCREATE INDEX CONCURRENTLY i ON t (a);\nSELECT nope;\n";
    fs::write(&file, text).unwrap();
    block(async {
        let db = lab.open(&lab.create_database());
        let error = up(&db, directory.path()).await.unwrap_err();
        let Error::Failed { place, undone, .. } = &error else {
            panic!("{error}")
        };
        assert_eq!((place.as_ref().unwrap().line, *undone), (5, false));
        assert!(error.help().unwrap().contains("without a transaction"));
        db.execute("DROP TABLE t", &[]).await.unwrap();
        fs::write(&file, text.replace("SELECT nope;", "SELECT 1;")).unwrap();
        assert_eq!(up(&db, directory.path()).await.unwrap(), 1);
    });
}

#[test]
fn an_extension_that_is_not_allowed_is_a_clear_error() {
    let lab = shared();
    let directory = migrations(&[("1_ext.sql", "CREATE EXTENSION hstore;")]);
    block(async {
        let db = lab.open(&lab.create_database());
        let error = up(&db, directory.path()).await.unwrap_err();
        assert!(
            error
                .to_string()
                .contains("permission denied to create extension \"hstore\""),
            "{error}"
        );
        let Error::Failed { source, .. } = &error else {
            panic!("{error}")
        };
        assert_eq!(source.kind(), "pg.denied");
        // the list has this one
        let allowed = migrations(&[("1_ext.sql", "CREATE EXTENSION unaccent;")]);
        assert_eq!(up(&db, allowed.path()).await.unwrap(), 1);
    });
}
