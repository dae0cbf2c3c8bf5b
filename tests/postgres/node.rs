//! The database node: who reaches it, what its role may do, and the faults of PostgreSQL.

use super::lab::{alone, said, shared};

#[test]
fn only_the_api_node_reaches_the_server() {
    let lab = shared();
    let probe = format!(
        "timeout 1 bash -c '</dev/tcp/{}/5432' 2> /dev/null; echo $?",
        lab.env("POSTGRES_HOST")
    );
    for (node, wanted) in [
        ("api-1", "0\n"),
        ("server-1", "124\n"),
        ("client-1", "124\n"),
        ("bastion", "124\n"),
    ] {
        assert_eq!(
            lab.expect(&["exec", node, "--", "sh", "-c", &probe]),
            wanted,
            "{node}"
        );
    }
}

#[test]
fn the_role_is_that_of_a_managed_service() {
    let lab = shared();
    let role = "SELECT rolsuper, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = 'admin'";
    assert_eq!(lab.operator("postgres", role), "f|t|t\n");
    assert_eq!(
        lab.operator(
            "postgres",
            "SELECT count(*) FROM pg_roles WHERE rolname = 'postgres'"
        ),
        "0\n"
    );
    assert_eq!(lab.operator("postgres", "SHOW server_encoding"), "UTF8\n");
    assert_eq!(
        lab.operator(
            "postgres",
            "SELECT left(rolpassword, 13) FROM pg_authid WHERE rolname = 'admin'"
        ),
        "SCRAM-SHA-256\n"
    );
    // the password was there once, for the first boot
    let left = lab.expect(&["exec", "database-1", "--", "ls", "/usr/local/lib/e2blab"]);
    assert_eq!(left, "database.sh\n");
}

#[test]
fn faults_break_the_server_and_heal_mends_it() {
    let lab = alone();
    lab.operator("postgres", "DROP TABLE IF EXISTS broken; CREATE TABLE broken (a int); ALTER TABLE broken OWNER TO admin");
    let try_sql = |sql: &str| {
        let output = lab.psql(sql);
        (output.status.success(), said(&output))
    };
    lab.expect(&["fault", "pg-lock", "broken", "60"]);
    let (worked, words) = try_sql("SET lock_timeout = '200ms'; SELECT count(*) FROM broken");
    assert!(!worked && words.contains("lock timeout"), "{words}");
    let status = said(&lab.e2blab(&["status"]));
    assert!(status.contains("table broken locked for 60 s"), "{status}");
    lab.expect(&["fault", "heal", "database-1"]);
    assert!(try_sql("SET lock_timeout = '200ms'; SELECT count(*) FROM broken").0);
    let nothing = lab.e2blab(&["fault", "pg-lock", "no_such_table", "60"]);
    assert!(!nothing.status.success(), "{}", said(&nothing));
    lab.expect(&["fault", "heal"]);

    lab.expect(&["fault", "pg-readonly"]);
    let (worked, words) = try_sql("INSERT INTO broken VALUES (1)");
    assert!(
        !worked && words.contains("read-only transaction"),
        "{words}"
    );
    lab.expect(&["fault", "heal"]);
    assert!(try_sql("INSERT INTO broken VALUES (1)").0);

    lab.expect(&["fault", "pg-full"]);
    let (worked, words) = try_sql("INSERT INTO broken SELECT generate_series(1, 100000)");
    assert!(
        !worked && words.contains("No space left on device"),
        "{words}"
    );
    lab.expect(&["fault", "heal"]);
    assert!(try_sql("INSERT INTO broken SELECT generate_series(1, 100000)").0);

    let started = "SELECT pg_postmaster_start_time()";
    let before = lab.operator("postgres", started);
    lab.expect(&["fault", "pg-restart"]);
    assert_ne!(lab.operator("postgres", started), before);
    lab.operator("postgres", "DROP TABLE broken");
}
