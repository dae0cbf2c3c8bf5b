//! `env`: configuration files end to end, and that their secrets stay secret.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panicking

mod common;

use std::os::unix::fs::PermissionsExt;

use common::script::{Ran, Setup, run_with};

const CANARY: &str = "canary-7f3a91";

fn load(content: &str, mode: u32, script: &str) -> Ran {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("deploy.env");
    std::fs::write(&path, content).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    let setup = Setup {
        given: vec![("FILE", path.display().to_string())],
        ..Setup::default()
    };
    run_with(script, &setup)
}

#[test]
fn values_take_the_forms_that_were_asked_for() {
    let ran = load(
        "A=x\nPORT=6543\nCLEAN=no\nLIST=\"a, b,,c\"\nKEY=~/k\nEMPTY=\nTOKEN=canary-7f3a91\n",
        0o600,
        r##"
        let c = env::load(FILE, #{
            required: ["A"], optional: #{ PORT: 5432, CLEAN: true, EMPTY: "fallback", GONE: (), POLLS: 60 },
            lists: ["LIST", "NONE"], paths: ["KEY"], secrets: ["TOKEN"],
        });
        expect::equal(c.A, "x");
        expect::equal(c.PORT, 6543);
        expect::equal(c.CLEAN, false);
        expect::equal(c.EMPTY, "fallback");
        expect::equal(c.GONE, ());
        expect::equal(c.POLLS, 60);
        expect::equal(c.LIST, ["a", "b", "c"]);
        expect::equal(c.NONE, []);
        expect::equal(c.KEY, env::get("HOME") + "/k");
        expect::equal(`${c.TOKEN}`, "***");
        "##,
    );
    assert_eq!(ran.messages(), Vec::<String>::new());
    ran.passed();
}

#[test]
fn every_problem_is_in_one_failure_with_its_line_and_without_its_value() {
    let ran = load(
        &format!(
            "BASTION=REPLACE_BASTION\nTOKEN={CANARY} {CANARY}\nPORT={CANARY}\nPROT={CANARY}\nTOKEN={CANARY}\nTOKEN={CANARY}\n"
        ),
        0o600,
        r##"env::load(FILE, #{ required: ["BASTION", "DB_HOST"], optional: #{ PORT: 1 }, secrets: ["TOKEN"] })"##,
    );
    assert!(!ran.lines.contains(CANARY));
    let failure = ran.failure();
    assert_eq!(failure.kind, "env.invalid");
    assert_eq!(failure.class.exit_code(), 2);
    let told: Vec<_> = failure
        .failures
        .iter()
        .map(|one| {
            (
                one.kind.as_str(),
                one.details.get("line").and_then(serde_json::Value::as_u64),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("env.placeholder", Some(1)),
            ("env.syntax", Some(2)),
            ("env.value", Some(3)),
            ("env.unknown", Some(4)),
            ("env.duplicate", Some(6)),
            ("env.missing", None),
        ]
    );
    assert!(
        failure.failures[3]
            .message
            .ends_with("deploy.env:4: `PROT` is not a known variable")
    );
    assert!(!format!("{failure:?}").contains(CANARY));
}

#[test]
fn a_missing_file_is_a_usage_error() {
    let failure = common::script::run("env::load(\"/no/such/deploy.env\")").failure();
    assert_eq!(
        (failure.kind.as_str(), failure.class.exit_code()),
        ("env.read", 2)
    );
}

#[test]
fn a_secret_is_in_no_message_whatever_the_script_does_with_it() {
    let ran = load(
        &format!("TOKEN={CANARY}\n"),
        0o600,
        r##"
        let t = env::load(FILE, #{ secrets: ["TOKEN"] }).TOKEN;
        print(t);
        print(`${t}`);
        debug(t);
        log::info(t, #{ token: t, nested: [t] });
        log::table(["t"], [[t]]);
        let url = "https://u:" + t + "@h/";
        print(url);
        print(json::stringify(#{ t: t }));
        print(hash::base64(t));
        print(hash::from_base64(hash::base64(t)));
        print(env::render(#{ T: t }));
        throw "failed with " + url;
        "##,
    );
    assert!(!ran.lines.contains(CANARY), "{}", ran.lines);
    assert!(!ran.lines.contains("Y2FuYXJ5LTdmM2E5MQ"), "{}", ran.lines);
    assert!(!format!("{:?}", ran.failure()).contains(CANARY));
}

#[test]
fn what_deserves_a_look_is_warned_about() {
    let ran = load(
        "A=$HOME/x\nTOKEN='secret$1'\n",
        0o644,
        r##"expect::equal(env::load(FILE, #{ required: ["A"], secrets: ["TOKEN"] }).A, "$HOME/x")"##,
    );
    let messages = ran.messages();
    assert!(
        messages[0].contains("deploy.env:1: `A` holds `$`"),
        "{messages:?}"
    );
    assert!(messages[1].contains("mode 0644"), "{messages:?}");
    assert_eq!(messages.len(), 2);
    ran.passed();
}

#[test]
fn rendering_keeps_values_and_refuses_what_would_not_arrive() {
    let ran = load(
        &format!("TOKEN={CANARY}\n"),
        0o600,
        r##"
        let t = env::load(FILE, #{ secrets: ["TOKEN"] }).TOKEN;
        expect::equal(env::render(#{ B: "it's $5", A: 1, C: true }, #{ comment: "made" }), "# made\nA=1\nB='it'\"'\"'s $5'\nC=true\n");
        let failed = expect::failure("env.render", || env::render(#{ URL: `http://${t}@h` }));
        expect::equal(failed.message, "the value of `URL` holds `***`, which is what an interpolated secret looks like");
        expect::failure("env.render", || env::render(#{ A: "x\ny" }));
        expect::failure("env.render", || env::render(#{ A: () }));
        expect::failure("env.render", || env::render(#{ "A B": "x" }));
        "##,
    );
    ran.passed();
}
