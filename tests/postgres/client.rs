//! Values both ways, errors, transactions, copies, notifications.

use std::time::{Duration, Instant};

use e2bscript::postgres::{Database, Error, Param, Source, SslMode, Value};
use serde_json::json;

use super::lab::{block, said, shared};

async fn one(db: &Database, sql: &str, params: &[Param]) -> Value {
    let mut rows = db.query(sql, params).await.unwrap();
    rows.rows.remove(0).remove(0)
}

#[test]
fn every_common_type_is_read() {
    let lab = shared();
    block(async {
        let db = lab.open("postgres");
        let text = |text: &str| Value::Text(text.to_owned());
        let numeric = |text: &str| Value::Numeric(text.to_owned());
        for (sql, wanted) in [
            ("NULL::int", Value::Null),
            ("true", Value::Bool(true)),
            ("(-7)::smallint", Value::Int(-7)),
            ("2147483647", Value::Int(2_147_483_647)),
            ("9223372036854775807", Value::Int(i64::MAX)),
            ("4294967295::oid", Value::Int(4_294_967_295)),
            ("0.1::real", Value::Float(0.1)),
            ("1e300::float8", Value::Float(1e300)),
            (
                "123456789012345678901234567890.123456789",
                numeric("123456789012345678901234567890.123456789"),
            ),
            ("(-0.00012)::numeric", numeric("-0.00012")),
            ("10000::numeric", numeric("10000")),
            ("100000000.0::numeric", numeric("100000000.0")),
            ("'NaN'::numeric", numeric("NaN")),
            ("'ü'::text", text("ü")),
            ("'a'::varchar(3)", text("a")),
            ("'a'::char(3)", text("a  ")),
            ("'x'::\"char\"", text("x")),
            ("'\\x00ff'::bytea", Value::Bytes(vec![0, 255])),
            (
                "'8f14e45f-ceea-467f-a83d-7a0b1d6c2a11'::uuid",
                text("8f14e45f-ceea-467f-a83d-7a0b1d6c2a11"),
            ),
            (
                "'2026-01-02 03:04:05.678+02'::timestamptz",
                text("2026-01-02T01:04:05.678000Z"),
            ),
            (
                "'1969-12-31 23:59:59'::timestamp",
                text("1969-12-31T23:59:59.000000"),
            ),
            ("'infinity'::timestamptz", text("infinity")),
            ("'0044-03-15 BC'::date", text("-0043-03-15")),
            ("'23:59:59.5'::time", text("23:59:59.500000")),
            ("'1 mon 2 days 3.5 sec'::interval", text("P1M2DT3.5S")),
            ("'10.0.0.0/8'::cidr", text("10.0.0.0/8")),
            ("'::1'::inet", text("::1")),
            (
                "'{\"a\": [1, null]}'::json",
                Value::Json(json!({"a": [1, null]})),
            ),
            ("'{\"a\": 1.5}'::jsonb", Value::Json(json!({"a": 1.5}))),
            (
                "ARRAY[1, NULL, 3]",
                Value::Array(vec![Value::Int(1), Value::Null, Value::Int(3)]),
            ),
            (
                "ARRAY[['a','b'],['c','d']]",
                Value::Array(vec![
                    Value::Array(vec![text("a"), text("b")]),
                    Value::Array(vec![text("c"), text("d")]),
                ]),
            ),
            ("'{}'::text[]", Value::Array(vec![])),
        ] {
            assert_eq!(
                one(&db, &format!("SELECT {sql}"), &[]).await,
                wanted,
                "{sql}"
            );
        }
        let unreadable = db.query("SELECT point(1, 2) AS p", &[]).await.unwrap_err();
        assert_eq!(unreadable.kind(), "pg.type");
        assert_eq!(unreadable.help().unwrap(), "read it as text: `p::text`");
    });
}

#[test]
fn parameters_come_back_as_they_went() {
    let lab = shared();
    block(async {
        let db = lab.open("postgres");
        let text = |text: &str| Param::Text(text.to_owned());
        for (ty, param) in [
            ("int", Param::Int(-1)),
            ("bigint", Param::Int(i64::MIN)),
            ("float8", Param::Float(0.1)),
            ("float8", Param::Float(f64::INFINITY)),
            ("bool", Param::Bool(false)),
            ("text", text("'; DROP TABLE x; -- $1 \\ \" \n ü")),
            ("bytea", Param::Bytes((0..=255).collect())),
            ("numeric", text("12345678901234567890.5")),
            ("uuid", text("8f14e45f-ceea-467f-a83d-7a0b1d6c2a11")),
            ("timestamptz", text("2026-01-02T01:04:05.678000Z")),
            ("jsonb", Param::Json(json!({"a": [1, "x", null]}))),
            ("jsonb", Param::Array(vec![Param::Int(1), Param::Null])),
            (
                "text[]",
                Param::Array(vec![text("a,\"b\\"), Param::Null, text("NULL"), text("")]),
            ),
            (
                "int[]",
                Param::Array(vec![
                    Param::Array(vec![Param::Int(1)]),
                    Param::Array(vec![Param::Int(2)]),
                ]),
            ),
            ("text", Param::Null),
        ] {
            let found = one(
                &db,
                &format!("SELECT $1::{ty}"),
                std::slice::from_ref(&param),
            )
            .await;
            assert_eq!(found, as_value(ty, &param), "{ty}");
        }
        let missing = db.query("SELECT $1::int + $2::int", &[Param::Int(1)]).await;
        assert!(
            missing
                .unwrap_err()
                .to_string()
                .contains("has 2 parameters")
        );
    });
}

/// What a parameter should be when it is read as `ty`.
fn as_value(ty: &str, param: &Param) -> Value {
    match param {
        Param::Null => Value::Null,
        Param::Bool(flag) => Value::Bool(*flag),
        Param::Int(number) => Value::Int(*number),
        Param::Float(number) => Value::Float(*number),
        Param::Text(text) if ty == "numeric" => Value::Numeric(text.clone()),
        Param::Text(text) => Value::Text(text.clone()),
        Param::Secret(secret) => Value::Text(secret.expose().to_owned()),
        Param::Bytes(bytes) => Value::Bytes(bytes.clone()),
        Param::Json(json) => Value::Json(json.clone()),
        Param::Array(_) if ty == "jsonb" => Value::Json(json!([1, null])),
        Param::Array(items) => Value::Array(items.iter().map(|item| as_value(ty, item)).collect()),
    }
}

#[test]
fn errors_say_what_the_server_said_and_where() {
    let lab = shared();
    block(async {
        let db = lab.open(&lab.create_database());
        db.execute(
            "CREATE TABLE t (a int PRIMARY KEY CONSTRAINT even CHECK (a % 2 = 0))",
            &[],
        )
        .await
        .unwrap();
        let wrong = db
            .query("SELECT a,\n  nope\nFROM t", &[])
            .await
            .unwrap_err();
        let said = wrong.sql().unwrap();
        assert_eq!(said.code, "42703");
        let place = said.place.clone().unwrap();
        assert_eq!((place.line, place.column), (2, 3));
        assert_eq!(place.text, "  nope");

        db.execute("INSERT INTO t VALUES ($1)", &[Param::Int(2)])
            .await
            .unwrap();
        let twice = db
            .execute("INSERT INTO t VALUES ($1)", &[Param::Int(2)])
            .await
            .unwrap_err();
        assert_eq!(
            (twice.kind(), twice.sql().unwrap().constraint.as_deref()),
            ("pg.constraint", Some("t_pkey"))
        );
        let odd = db
            .execute("INSERT INTO t VALUES (3)", &[])
            .await
            .unwrap_err();
        assert_eq!(odd.sql().unwrap().constraint.as_deref(), Some("even"));
    });
}

#[test]
fn a_transaction_lasts_or_leaves_no_trace() {
    let lab = shared();
    block(async {
        let db = lab.open(&lab.create_database());
        db.execute("CREATE TABLE t (a int)", &[]).await.unwrap();
        let lease = db.lease().await.unwrap();
        lease.start().await.unwrap();
        lease
            .execute("INSERT INTO t VALUES (1)", &[])
            .await
            .unwrap();
        assert_eq!(one(&db, "SELECT count(*) FROM t", &[]).await, Value::Int(0));
        lease.commit().await.unwrap();
        drop(lease);
        assert_eq!(one(&db, "SELECT count(*) FROM t", &[]).await, Value::Int(1));

        // dropped without an end
        let lease = db.lease().await.unwrap();
        lease.start().await.unwrap();
        lease
            .execute("INSERT INTO t VALUES (2)", &[])
            .await
            .unwrap();
        drop(lease);
        // one whose statement failed does not pass for committed
        let lease = db.lease().await.unwrap();
        lease.start().await.unwrap();
        lease
            .execute("INSERT INTO t VALUES (3)", &[])
            .await
            .unwrap();
        lease.execute("SELECT 1/0", &[]).await.unwrap_err();
        assert!(lease.commit().await.is_err());
        drop(lease);
        assert_eq!(one(&db, "SELECT count(*) FROM t", &[]).await, Value::Int(1));
    });
}

#[test]
fn an_abandoned_statement_is_stopped_on_the_server() {
    let lab = shared();
    block(async {
        let db = lab.open("postgres");
        let sleep = db.query("SELECT pg_sleep(30), 'abandoned'", &[]);
        assert!(
            tokio::time::timeout(Duration::from_millis(700), sleep)
                .await
                .is_err()
        );
        db.close(Duration::from_secs(5)).await;
        let count = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%abandoned%' AND state = 'active' AND pid <> pg_backend_pid()";
        let began = Instant::now();
        while one(&db, count, &[]).await != Value::Int(0) {
            assert!(began.elapsed() < Duration::from_secs(5), "it still runs");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
}

#[test]
fn copies_go_in_and_out() {
    let lab = shared();
    block(async {
        let db = lab.open(&lab.create_database());
        db.execute("CREATE TABLE t (a int, b text)", &[])
            .await
            .unwrap();
        let lease = db.lease().await.unwrap();
        let rows = (0..5000)
            .map(|n| {
                vec![
                    Param::Int(n),
                    if n % 2 == 0 {
                        Param::Null
                    } else {
                        Param::Text(format!("tab\t{n}\\"))
                    },
                ]
            })
            .collect();
        let count = lease
            .copy_in("COPY t FROM STDIN", Source::Rows(rows))
            .await
            .unwrap();
        assert_eq!(count, 5000);
        assert_eq!(
            one(&db, "SELECT b FROM t WHERE a = 4999", &[]).await,
            Value::Text("tab\t4999\\".into())
        );
        let bad = lease
            .copy_in(
                "COPY t FROM STDIN",
                Source::Bytes(b"1\tx\nnone\ty\n".to_vec()),
            )
            .await;
        assert_eq!(bad.unwrap_err().sql().unwrap().code, "22P02");
        assert_eq!(
            one(&db, "SELECT count(*) FROM t", &[]).await,
            Value::Int(5000)
        );
        let mut out = Vec::new();
        let size = lease
            .copy_out(
                "COPY (SELECT * FROM t ORDER BY a LIMIT 2) TO STDOUT (FORMAT csv)",
                &mut out,
            )
            .await
            .unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "0,\n1,tab\t1\\\n");
        assert_eq!(size, 12);
    });
}

#[test]
fn notifications_arrive() {
    let lab = shared();
    block(async {
        let db = lab.open("postgres");
        let mut lease = db.lease().await.unwrap();
        lease.listen("odd \"name\"").await.unwrap();
        db.query(
            "SELECT pg_notify('odd \"name\"', $1)",
            &[Param::Text("hello".into())],
        )
        .await
        .unwrap();
        let message = tokio::time::timeout(Duration::from_secs(5), lease.next_notification())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            (&*message.channel, &*message.payload),
            ("odd \"name\"", "hello")
        );
    });
}

#[test]
fn who_may_connect_and_how() {
    let lab = shared();
    let failure = |change: &dyn Fn(&mut e2bscript::postgres::Config)| -> Error {
        let mut config = lab.config("postgres");
        change(&mut config);
        match Database::new(config, lab.dialer()) {
            Ok(db) => block(async { db.query("SELECT 1", &[]).await.unwrap_err() }),
            Err(error) => error,
        }
    };
    let wrong =
        failure(&|config| config.password = Some(e2bscript::secret::Secret::new("canary-wrong")));
    assert_eq!(wrong.kind(), "pg.auth");
    assert!(!format!("{wrong} {wrong:?}").contains("canary-wrong"));
    assert_eq!(
        failure(&|config| config.database = "nowhere".into()).kind(),
        "pg.database"
    );

    // the node knows the server by another name, and the certificate does not have that one
    let line = format!("{} db.wrong", lab.env("POSTGRES_HOST"));
    lab.expect(&[
        "exec",
        "api-1",
        "--",
        "sh",
        "-c",
        "grep -q db.wrong /etc/hosts || echo \"$1\" >> /etc/hosts",
        "sh",
        &line,
    ]);
    let host = failure(&|config| config.host = "db.wrong".into());
    assert_eq!(host.kind(), "pg.tls");
    assert!(host.to_string().contains("for another host"), "{host}");
    let stranger = failure(&|config| config.ssl_root_cert = None);
    assert!(stranger.to_string().contains("not trusted"), "{stranger}");
    let missing = failure(&|config| config.ssl_root_cert = Some("/nowhere.pem".into()));
    assert_eq!(missing.kind(), "pg.tls");

    // what is weaker is weaker only on request
    for (mode, host, works) in [
        (SslMode::VerifyCa, "db.wrong", true),
        (SslMode::Require, "db.wrong", true),
        (SslMode::Disable, "db.wrong", false),
    ] {
        let mut config = lab.config("postgres");
        (config.ssl_mode, config.host) = (mode, host.into());
        let db = Database::new(config, lab.dialer()).unwrap();
        assert_eq!(
            block(async { db.query("SELECT 1", &[]).await.is_ok() }),
            works,
            "{mode:?}"
        );
    }
    let mut config = lab.config("postgres");
    (config.ssl_mode, config.ssl_root_cert) = (SslMode::Require, None);
    let db = Database::new(config, lab.dialer()).unwrap();
    assert!(block(async { db.query("SELECT 1", &[]).await.is_ok() }));
}

#[test]
fn scripts_have_it_all() {
    let lab = shared();
    let database = lab.create_database();
    let script = lab.home().join("all.rhai");
    std::fs::write(
        &script,
        r#"
import "std/config" as config;
import "std/cluster" as cluster;
let env = config::load(env::get("E2BSCRIPT_ENV_FILE")).env;
let c = cluster::open(config::load(env::get("E2BSCRIPT_ENV_FILE")));
let db = pg::open(#{ host: env.POSTGRES_HOST, user: env.POSTGRES_USER, password: env.POSTGRES_PASSWORD,
    database: env.POSTGRES_DB, sslrootcert: env.POSTGRES_SSLROOTCERT, via: c.apis[0] });
db.execute("CREATE TABLE t (a int, b jsonb, c text[], d numeric)");
let got = [];
db.transaction(|tx| {
    tx.execute("INSERT INTO t VALUES ($1, $2, $3, $4)", [1, #{ x: [1, ()] }, ["p", "q"], "0.10"]);
    tx.query_one("SELECT count(*) AS n FROM t").n
});
try {
    db.transaction(|tx| { tx.execute("INSERT INTO t (a) VALUES (2)"); throw "no"; });
} catch (e) { got.push(e); }
try { db.execute("INSERT INTO t (a) VALUES ($1)", ["x"]); } catch (e) { got.push(e.kind); got.push(e.details.sqlstate); }
try { db.query_one("SELECT a FROM t WHERE a = 99"); } catch (e) { got.push(e.kind); }
got.push(db.query("SELECT * FROM t"));
got.push(db.copy_in("COPY t (a) FROM STDIN", [[7], [8]]));
got.push(db.copy_out("COPY (SELECT a FROM t ORDER BY a) TO STDOUT"));
got.push(task::parallel([1, 2, 3], |n| db.query_one("SELECT $1::int * 2 AS n", [n]).n));
got.push(db.listen("ch", #{ timeout: "200ms" }, |m| true));
got
"#,
    )
    .unwrap();
    let ran = lab.script(
        &["--json", script.to_str().unwrap()],
        &[("POSTGRES_DB", &database)],
    );
    assert!(ran.status.success(), "{}", said(&ran));
    let result = String::from_utf8_lossy(&ran.stdout)
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .find(|event| event["type"] == "result")
        .unwrap();
    assert_eq!(
        result["value"],
        json!([
            "no",
            "pg.sql",
            "22P02",
            "pg.rows",
            [{"a": 1, "b": {"x": [1, null]}, "c": ["p", "q"], "d": "0.10"}],
            2,
            "1\n7\n8\n",
            [2, 4, 6],
            0
        ])
    );
    assert!(!said(&ran).contains(&lab.env("POSTGRES_PASSWORD")));
}
