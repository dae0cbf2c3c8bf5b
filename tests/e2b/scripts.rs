//! The module `e2b` in scripts: what it makes goes with the run, nothing is made twice, plans make nothing.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::fake::Fake;

#[test]
fn a_sandbox_goes_with_the_run_that_made_it() {
    let fake = Fake::start(|_| {});
    let ran = fake.run("let s = api.create_sandbox(\"base\"); throw \"no\";");
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("which the script left, was killed"),
        "{}",
        ran.stderr
    );
    assert!(fake.state().sandboxes.is_empty());

    let ran = fake.run(
        "task::timeout(\"300ms\", || { api.create_sandbox(\"base\"); time::sleep(\"1m\"); });",
    );
    assert_eq!(ran.code, Some(124), "{}", ran.stderr);
    assert!(fake.state().sandboxes.is_empty());

    let ran = fake.run("let s = api.create_sandbox(\"base\"); s.kill()");
    assert_eq!(
        (ran.code, ran.stdout.trim()),
        (Some(0), "true"),
        "{}",
        ran.stderr
    );
    assert!(!ran.stderr.contains("left"), "{}", ran.stderr);

    let ran = fake
        .run("api.create_sandbox(\"base\", #{ keep: true }); api.create_sandbox(\"base\").keep();");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(fake.state().sandboxes.len(), 2);
    let metadata = fake.state().sandboxes.values().next().unwrap()["metadata"].clone();
    assert!(metadata["e2bscript"].is_string(), "{metadata}");
}

#[test]
fn a_sandbox_whose_making_failed_is_not_asked_for_again_and_not_left() {
    let fake = Fake::start(|state| state.lies = true);
    let ran = fake.run("api.create_sandbox(\"base\");");
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("e2b.server") && ran.stderr.contains("logs.rhai orchestrator"),
        "{}",
        ran.stderr
    );
    assert_eq!(fake.count("POST", "/sandboxes"), 1);
    assert!(fake.state().sandboxes.is_empty(), "{}", ran.stderr);
}

/// Ctrl-C while a sandbox runs, and while one is being made.
#[test]
fn an_interrupted_run_leaves_no_sandbox() {
    for slow in [Duration::ZERO, Duration::from_secs(1)] {
        let fake = Fake::start(|state| state.slow = slow);
        let command = fake.command(&[], "api.create_sandbox(\"base\"); time::sleep(\"1m\");");
        let mut child = Command::new(command.get_program());
        child.args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => child.env(name, value),
                None => child.env_remove(name),
            };
        }
        let child = child
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let began = Instant::now();
        while fake.count("POST", "/sandboxes") == 0 {
            assert!(
                began.elapsed() < Duration::from_secs(20),
                "no sandbox was asked for"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        std::thread::sleep(Duration::from_millis(200));
        kill_process(
            Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap(),
            Signal::INT,
        )
        .unwrap();
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(130), "{stderr}");
        assert_eq!(fake.counts(), (1, 0), "{stderr}");
        assert!(
            stderr.contains("which the script left, was killed"),
            "{stderr}"
        );
    }
}

#[test]
fn reads_are_asked_again_until_they_pass() {
    let fake = Fake::start(|state| state.failing_reads = 2);
    let ran = fake.run("api.list_templates().len()");
    assert_eq!(
        (ran.code, ran.stdout.trim()),
        (Some(0), "1"),
        "{}",
        ran.stderr
    );
    assert_eq!(fake.count("GET", "/templates"), 3);
}

#[test]
fn wrong_keys_are_told_before_anything_is_sent() {
    let fake = Fake::start(|_| {});
    let ran =
        fake.run("e2b::connect(#{ api_key: \"sk_e2b_secret\", access_token: \"e2b_secret\" });");
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("swap them") && !ran.stderr.contains("e2b_secret"),
        "{}",
        ran.stderr
    );
    assert!(fake.server.asked().is_empty());
}

#[test]
fn a_plan_makes_nothing() {
    let fake = Fake::start(|_| {});
    let script = "let s = api.create_sandbox(\"base\"); s.pause(); s.run([\"true\"]); s.kill(); api.delete_template(\"base\"); \
                  let kind = \"\"; try { s.id } catch (e) { kind = e.kind; } kind";
    let ran = fake.run_with(&["--plan"], script);
    assert_eq!(
        (ran.code, ran.stdout.trim()),
        (Some(0), "plan.unknown"),
        "{}",
        ran.stderr
    );
    assert!(
        fake.server
            .asked()
            .iter()
            .all(|asked| asked.method == "GET")
    );
}

#[test]
fn output_comes_line_by_line() {
    let fake = Fake::start(|_| {});
    let script = "let s = api.create_sandbox(\"base\"); let lines = []; \
                  let r = s.stream([\"x\"], |line| { lines.push(line); }); \
                  #{ lines: lines, out: r.stdout, err: r.stderr, code: r.code }";
    let ran = fake.run_with(&["--json"], script);
    let result = ran
        .stdout
        .lines()
        .find(|line| line.contains("\"type\":\"result\""))
        .unwrap()
        .to_owned();
    assert!(
        result.contains(r#""lines":["one","two","three","half"]"#),
        "{result}"
    );
    assert!(
        result.contains(r#""code":0"#) && result.contains(r#""err":"half""#),
        "{result}"
    );
    // without a closure they are shown
    let ran = fake.run("api.create_sandbox(\"base\").stream(\"x\");");
    assert!(ran.stderr.contains("three"), "{}", ran.stderr);
    let start = fake
        .server
        .asked()
        .into_iter()
        .rfind(|asked| asked.path().ends_with("/Start"))
        .unwrap();
    let message = String::from_utf8(start.body[5..].to_vec()).unwrap();
    assert!(message.contains(r#"["-l","-c","x"]"#), "{message}");
    assert_eq!(start.header("authorization"), Some("Basic cm9vdDo="));
}

#[test]
fn a_failed_build_says_why() {
    let fake = Fake::start(|state| {
        state.builds.clear();
        state.builds.push_back(json!({"status": "waiting"}));
        state
            .builds
            .push_back(json!({"status": "building", "logs": ["step 1", "step 2"]}));
        state
            .builds
            .push_back(json!({"status": "error", "logs": ["no such image"]}));
    });
    let ran =
        fake.run("api.follow_build(\"t1\", \"b1\", #{ interval: \"10ms\" }, |line| print(line));");
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert_eq!(ran.stdout, "step 1\nstep 2\nno such image\n");
    assert!(
        ran.stderr.contains("e2b.build") && ran.stderr.contains("failed: no such image"),
        "{}",
        ran.stderr
    );

    let fake = Fake::start(|state| {
        state.builds.clear();
        state.builds.push_back(
            json!({"status": "error", "reason": {"message": "the disk is full", "step": "RUN"}}),
        );
    });
    let ran = fake.run("api.follow_build(\"t1\", \"b1\");");
    assert!(
        ran.stderr.contains("failed: the disk is full"),
        "{}",
        ran.stderr
    );
}

/// All of a command's output is in one answer of `exec`, and answers are read up to a limit. The rehearsal cluster cannot show
/// it: its orchestrator refuses at half of that.
#[test]
fn an_exec_that_prints_too_much_is_told_and_not_held() {
    let fake = Fake::start(|state| state.output = Some("x".repeat(100 << 20)));
    let peak = "fs::read(\"/proc/self/status\").split(\"\\n\").filter(|line| line.starts_with(\"VmHWM:\"))[0]";
    let ran = fake.run(&format!(
        "let s = api.create_sandbox(\"base\"); try {{ s.run([\"x\"]); }} catch (e) {{ print({peak}); throw e; }}"
    ));
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    for said in [
        "e2b.too_large",
        "the command printed more than the 64 MiB",
        "`sandbox.stream` and",
        "sandbox i00000000000000000001",
    ] {
        assert!(ran.stderr.contains(said), "{said}: {}", ran.stderr);
    }
    let peak = ran.stdout.split_whitespace().nth(1).unwrap();
    assert!(peak.parse::<u64>().unwrap() < 200 << 10, "{peak} KiB");
    assert!(fake.state().sandboxes.is_empty());
}

#[test]
fn many_sandboxes_at_once_are_made_used_and_ended() {
    let fake = Fake::start(|_| {});
    let script = "task::parallel((0..50).collect(), #{ limit: 25 }, |n| { let s = api.create_sandbox(\"base\"); \
                  let out = s.run([\"true\"]).text; s.kill(); out }).len()";
    let script = script.replace(
        "(0..50).collect()",
        "{ let all = []; for n in 0..50 { all.push(n); } all }",
    );
    let ran = fake.run(&script);
    assert_eq!(
        (ran.code, ran.stdout.trim()),
        (Some(0), "50"),
        "{}",
        ran.stderr
    );
    assert_eq!(fake.counts(), (50, 0));
}

#[test]
fn a_paused_sandbox_is_found_and_resumed() {
    let fake = Fake::start(|_| {});
    let script = "let s = api.create_sandbox(\"base\"); s.pause(); let was = s.info().state; s.resume(); [was, s.info().state]";
    let ran = fake.run_with(&["--json"], script);
    assert!(
        ran.stdout.contains(r#"["paused","running"]"#),
        "{}{}",
        ran.stdout,
        ran.stderr
    );
    assert!(fake.state().sandboxes.is_empty());
}
