//! The schemas that our migrations make, against the listings of the platform's own.

use std::path::Path;
use std::time::Duration;

use e2bscript::postgres::{Database, Value, migrate};

use super::lab::{block, shared};

/// The listing's sections, asked of a catalogue.
const SECTIONS: [(&str, &str); 4] = [
    (
        "columns",
        "SELECT n.nspname || '.' || c.relname || ' | ' || a.attname || ' | ' ||
            replace(replace(replace(format_type(a.atttypid, a.atttypmod),
                'character varying', 'varchar'), 'timestamp with time zone', 'timestamptz'), 'text[]', '_text')
            || ' | ' || CASE WHEN a.attnotnull THEN 'NOT NULL' ELSE 'NULL' END || ' | ' ||
            CASE WHEN a.attidentity <> '' THEN 'identity' ELSE coalesce(pg_get_expr(d.adbin, d.adrelid), '') END
         FROM pg_attribute a
         JOIN pg_class c ON c.oid = a.attrelid AND c.relkind = 'r'
         JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname IN ('public', 'auth', 'projection')
         LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
         WHERE a.attnum > 0 AND NOT a.attisdropped
         ORDER BY n.nspname, c.relname COLLATE \"C\", a.attnum",
    ),
    (
        "constraints",
        "SELECT conrelid::regclass::text || ' | ' || conname || ' | ' || contype::text || ' | ' || pg_get_constraintdef(oid)
         FROM pg_constraint
         WHERE connamespace::regnamespace::text IN ('public', 'auth', 'projection')",
    ),
    (
        "triggers",
        "SELECT i.event_object_schema || '.' || i.event_object_table || ' | ' || t.tgname || ' | ' || i.action_timing || ' ' || i.event_manipulation
         FROM pg_trigger t JOIN information_schema.triggers i ON i.trigger_name = t.tgname
         WHERE NOT t.tgisinternal",
    ),
    (
        "functions",
        "SELECT pronamespace::regnamespace || '.' || proname || ' | ' || prorettype::regtype
         FROM pg_proc p WHERE pronamespace::regnamespace::text IN ('public', 'auth')
            AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')", // those of an extension
    ),
];

async fn lines(db: &Database, sql: &str) -> Vec<String> {
    let rows = db.query(sql, &[]).await.unwrap().rows;
    let text = |row: &Vec<Value>| match &row[0] {
        Value::Text(text) => text.trim_end().to_owned(),
        other => panic!("{other:?}"),
    };
    rows.iter().map(text).collect()
}

fn wanted(listing: &str, section: &str) -> Vec<String> {
    let part = listing
        .split("\n\n")
        .find(|part| part.trim_start().starts_with(&format!("# {section}")))
        .unwrap();
    part.trim()
        .lines()
        .skip(1)
        .map(|line| line.trim_end().to_owned())
        .collect()
}

#[test]
fn the_schema_of_the_seed_generation() {
    compare("seed", 38, include_str!("../data/db/schema-seed.txt"));
}

#[test]
fn the_schema_of_the_upstream_generation() {
    compare(
        "upstream",
        1,
        include_str!("../data/db/schema-upstream.txt"),
    );
}

/// The migrations of a generation make what its listing says, and can all be taken back.
fn compare(generation: &str, count: usize, listing: &str) {
    let lab = shared();
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("db/migrations")
        .join(generation);
    block(async {
        let db = lab.open(&lab.create_database());
        let files = migrate::Migration::read_all(&directory).unwrap();
        let options = migrate::Options {
            out_of_order: false,
            wait: Duration::from_secs(10),
        };
        let applied = migrate::up(&db, &files, options, &mut |_| {})
            .await
            .unwrap();
        assert_eq!(applied.len(), count);
        for (section, sql) in SECTIONS {
            let (mut found, mut wanted) = (lines(&db, sql).await, wanted(listing, section));
            // a table's columns are in their order; the other sections have none
            if section != "columns" {
                found.sort();
                wanted.sort();
            }
            assert_eq!(found, wanted, "{section}");
        }
        let tiers = lines(&db, "SELECT row_to_json(tiers)::text FROM public.tiers").await;
        assert_eq!(tiers, wanted(listing, "rows of public.tiers"));
        // keys and references are what the platform looks things up by
        let unindexed = lines(
            &db,
            "SELECT conrelid::regclass || '.' || a.attname FROM pg_constraint c
             JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
             WHERE c.contype IN ('p', 'u') AND NOT EXISTS (
                 SELECT FROM pg_index i WHERE i.indrelid = c.conrelid AND i.indkey[0] = a.attnum AND i.indisvalid)",
        )
        .await;
        assert_eq!(unindexed, Vec::<String>::new());

        // and every step has a way back
        for _ in 0..count {
            migrate::down(&db, &files, options).await.unwrap();
        }
        let left = lines(
            &db,
            "SELECT relname::text FROM pg_class WHERE relkind = 'r'
             AND relnamespace::regnamespace::text IN ('public', 'auth', 'projection')",
        )
        .await;
        assert_eq!(left, ["_migrations"]);
        let again = migrate::up(&db, &files, options, &mut |_| {})
            .await
            .unwrap();
        assert_eq!(again.len(), count);
    });
}
