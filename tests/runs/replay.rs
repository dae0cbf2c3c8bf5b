//! What a run said live is what it says again: every byte of stdout and of stderr.

use crate::sshd;
use crate::world::World;

/// Talk, results and tables of all kinds, a secret among them, and numbers whose last digits count.
const TALK: &str = r##"
let key = secret::text("hunter2-and-more");
log::detail("a detail");
log::info("an info", #{ file: "deploy.env", key: "hunter2-and-more", share: 0.1 + 0.2 });
log::warn("a warning\nof two lines");
task::step("outer", || {
    task::step("inner", || {
        log::error("an error with \u001b[2J in it");
        fs::write("motd.txt", "one\ntwo hunter2-and-more\n");
        fs::write("key.txt", key);
    });
    task::step("nothing", || ());
});
log::table(["host", "state"], [["api-1", "ok"], ["api-2", "é ✓"]], #{ title: "hosts" });
log::check("disk", "fail", #{ host: "api-1", detail: "/ is 97 % full" });
log::check("clock", "ok", #{ host: "api-1" });
print("printed hunter2-and-more");
#{ sum: 0.1 + 0.2, small: 2.2250738585072014e-308, large: 9007199254740993, key: key, list: [1, "two", ()] }
"##;

const FAILING: &str = r##"
secret::text("hunter2-and-more");
task::step("first", || fs::write("motd.txt", "three\n"));
task::step("second", || {
    let name = "hunter2-and-more";
    throw #{ kind: "mine.broken", message: `${name} is broken`, help: "look at it" };
});
"##;

const LOOKS: &[&[&str]] = &[
    &[],
    &["-v"],
    &["-vv", "--stats"],
    &["-q"],
    &["--color", "always"],
    &["--color", "always", "-vv", "--stats"],
    &["--color", "always", "-q"],
    &["--plan"],
    &["--plan", "-v", "--color", "always"],
    &["--plan", "-q"],
];

#[test]
fn talk_results_and_failures_are_the_same_again() {
    let world = World::new();
    world.write("talk.rhai", TALK);
    world.write("failing.rhai", FAILING);
    for script in ["talk.rhai", "failing.rhai"] {
        for look in LOOKS {
            world.write("motd.txt", "one\n");
            let live = world.same_again(&[&[script], *look].concat());
            let all = live.all();
            let colored = look.contains(&"always");
            assert!(!all.contains("hunter2"), "{look:?}: {all}");
            assert!(all.contains("***"), "{look:?}: {all}");
            assert_eq!(all.contains("\u{1b}["), colored, "{look:?}: {all}");
            if script == "talk.rhai" {
                assert!(live.stdout.contains("0.30000000000000004"), "{live:?}");
                assert!(live.stdout.contains("9007199254740993"), "{live:?}");
            } else {
                assert_eq!(live.code, Some(1), "{live:?}");
                assert!(live.stderr.contains("mine.broken"), "{live:?}");
            }
            let diff = look.contains(&"--plan") && !look.contains(&"-q");
            if diff {
                assert!(all.contains("@@ -1"), "{all}");
            }
        }
    }
}

/// What is found wrong before the run, and what the program has no script for.
#[test]
fn refusals_are_the_same_again() {
    let world = World::new();
    world.write("wrong.rhai", "let x = 1;\nfs::raed(\"x\");\n");
    world.write(
        "args.rhai",
        "args::parse(#{ name: #{ help: \"a name\" } });\n",
    );
    for (words, code) in [
        (&["wrong.rhai"][..], 3),
        (&["wrong.rhai", "--color", "always"], 3),
        (&["wrong.rhai", "--no-check"], 1),
        (&["missing.rhai"], 2),
        (&["args.rhai", "--help"], 0),
        (&["args.rhai", "--nmae", "x"], 2),
    ] {
        let live = world.same_again(words);
        assert_eq!(live.code, Some(code), "{words:?}: {live:?}");
    }
}

/// Output of several hosts at once, in whatever order it came.
#[test]
fn output_of_several_hosts_is_the_same_again() {
    let world = World::new();
    let lab = sshd::Lab::new();
    let servers = [lab.sshd("alpha", ""), lab.sshd("beta", "")];
    let hosts: Vec<String> = servers
        .iter()
        .map(|server| {
            format!(
                "ssh::host(\"127.0.0.1\", #{{ name: \"{}\", port: {}, key: \"{}\", known_hosts: \"{}\", user: \"{}\" }})",
                server.name,
                server.port,
                lab.path("id").display(),
                lab.path("known_hosts").display(),
                sshd::user(),
            )
        })
        .collect();
    let script = format!(
        r#"
let hosts = [{}];
task::step("hosts", || task::parallel(hosts, |host| {{
    host.stream("for n in 1 2 3; do echo \"line $n\"; echo \"oops $n\" >&2; done; printf '%20000s\n' x");
    host.run("echo quiet", #{{ read_only: true }}).stdout
}}));
task::step("broken", || task::parallel(hosts, |host| {{
    if host.name == "beta" {{ host.run("echo last words; exit 3"); }}
}}));
"#,
        hosts.join(", ")
    );
    world.write("hosts.rhai", &script);
    for look in [
        &[][..],
        &["-v", "--stats"],
        &["-vv"],
        &["--color", "always"],
        &["-q"],
    ] {
        let live = world.same_again(&[&["hosts.rhai", "-F", "none"], look].concat());
        assert_eq!(live.code, Some(4), "{live:?}");
        if !look.contains(&"-q") {
            assert!(live.stderr.contains("line 3"), "{live:?}");
            assert!(live.stderr.contains("the failed hosts again"), "{live:?}");
        }
    }
}

#[test]
fn the_reader_may_ask_for_another_look() {
    let world = World::new();
    world.write("talk.rhai", TALK);
    let live = world.say(&["talk.rhai", "-v", "--color", "always"]);
    // other runs have other times and paths, so the run is compared with itself
    let show = |words: &[&str]| world.say(&[&["runs", "show", "last"], words].concat());
    let plain = show(&["--color", "never"]);
    assert!(!plain.all().contains('\u{1b}'));
    assert_eq!(show(&["--no-color"]), plain);
    assert_eq!(show(&["--color", "always"]).stderr, live.stderr);
    assert_eq!(show(&["-v"]).stderr, live.stderr);
    let quiet = show(&["-q", "--color", "never"]);
    assert!(!quiet.stderr.contains("a warning"), "{quiet:?}");
    assert_eq!(quiet.stdout, plain.stdout);
    let most = show(&["-vv", "--color", "never"]);
    assert!(most.stderr.contains("debug: a detail"), "{most:?}");
}

#[test]
fn a_run_without_a_console_is_shown_as_it_would_be_here() {
    let world = World::new();
    world.write("talk.rhai", TALK);
    let live = world.say(&["talk.rhai", "--json"]);
    let events = world.say(&["runs", "show", "last", "--json"]);
    assert_eq!(events.stdout, live.stdout);
    let again = world.say(&["runs", "show", "last"]);
    assert!(
        again
            .stderr
            .starts_with("the run had no console (`--json`)"),
        "{again:?}"
    );
    assert!(again.stderr.contains("warning: a warning"), "{again:?}");
    assert!(again.stdout.contains("printed ***"), "{again:?}");
}

#[test]
fn the_log_has_everything_with_times_and_without_secrets() {
    let world = World::new();
    world.write("failing.rhai", FAILING);
    world.write("talk.rhai", TALK);
    for (script, part) in [
        ("talk.rhai", "debug: a detail"),
        ("failing.rhai", "*** is broken"),
    ] {
        world.say(&[script, "-q"]);
        let log = world.say(&["runs", "show", "last", "--log"]);
        assert_eq!(log.code, Some(0), "{log:?}");
        assert!(log.stdout.contains(part), "{log:?}");
        assert!(log.stdout.contains(" e2bscript 0."), "{log:?}");
        assert!(!log.stdout.contains("hunter2"), "{log:?}");
        for line in log.stdout.lines() {
            let time = line.split(' ').next().unwrap();
            assert!(chrono::DateTime::parse_from_rfc3339(time).is_ok(), "{line}");
        }
    }
}
