//! From a file to a plan, a registered job and a healthy one.

use crate::lab::{Job, lab};

const UP: &str =
    "let r = n.register(n.parse(TEXT)); n.try_wait_until_healthy(r, #{ settle: \"1s\" })";

#[test]
fn a_job_comes_up_and_a_second_plan_finds_nothing_to_do() {
    let lab = lab();
    let _whole = lab.gently();
    let job = Job::new("good", 9001, "exec sleep 600");
    let first = lab.value(
        "let p = n.plan(n.parse(TEXT)); [p.changed, p.index]",
        &job.given(),
    );
    assert_eq!(first, serde_json::json!([true, 0]));
    let verdict = lab.value(UP, &job.given());
    assert_eq!(verdict["healthy"], true, "{verdict}");
    assert_eq!(verdict["reason"], "", "{verdict}");

    let again = lab.value(
        "let p = n.plan(n.parse(TEXT)); [p.changed, p.lines]",
        &job.given(),
    );
    assert_eq!(again, serde_json::json!([false, []]));

    let more = Job { memory: 48, ..job };
    let lines = lab.value("n.plan(n.parse(TEXT)).lines", &more.given());
    let wanted = "~ group good / task good / Resources / MemoryMB: 32 → 48";
    assert_eq!(lines, serde_json::json!([wanted]));

    let listed = lab.value("n.list_jobs(#{ prefix: \"good\" }).map(|j| j.status)", &[]);
    assert_eq!(listed, serde_json::json!(["running"]));
    lab.value("n.stop(\"good\")", &[]);
    // stopped, and not forgotten
    let stopped = lab.value("n.get_job(\"good\").Stop", &[]);
    assert_eq!(stopped, true);
}

#[test]
fn a_system_job_is_healthy_when_it_runs_undisturbed() {
    let lab = lab();
    let _whole = lab.gently();
    let job = Job {
        kind: "system",
        class: "client",
        ..Job::new("everywhere", 9002, "exec sleep 600")
    };
    let verdict = lab.value(UP, &job.given());
    assert_eq!(verdict["healthy"], true, "{verdict}");
    let seconds = verdict["seconds"].as_f64().unwrap();
    assert!(seconds >= 1.0, "settled for {seconds} s");
}

#[test]
fn under_plan_nothing_is_registered() {
    let lab = lab();
    let _whole = lab.gently();
    let job = Job::new("planned", 9003, "exec sleep 600");
    let script = "n.try_wait_until_healthy(n.register(n.parse(TEXT)))";
    let ran = lab.run_planned(script, &job.given());
    assert!(ran.lines.contains("job planned"), "{}", ran.lines);
    assert!(ran.lines.contains("MemoryMB: 32"), "{}", ran.lines);
    let jobs = lab.value("n.list_jobs(#{ prefix: \"planned\" })", &[]);
    assert_eq!(jobs, serde_json::json!([]));
}

#[test]
fn a_job_that_somebody_changed_after_the_plan_is_refused() {
    let lab = lab();
    let _whole = lab.gently();
    let job = Job::new("contested", 9004, "exec sleep 600");
    let script = "let j = n.parse(TEXT); let p = n.plan(j); n.register(j); n.register(j, #{ check_index: p.index })";
    let failure = lab.run(script, &job.given()).failure();
    assert_eq!(failure.kind, "nomad.conflict");
    assert!(
        failure.message.contains("changed by someone else"),
        "{}",
        failure.message
    );
}

#[test]
fn mistakes_in_a_file_are_shown_with_their_line() {
    let lab = lab();
    let _whole = lab.gently();
    let text = "job \"a\" {\n  typo = \"x\"\n}\n".to_owned();
    let script = "n.parse(TEXT, #{ name: \"nomad/a.hcl\" })";
    let failure = lab.run(script, &[("TEXT", text)]).failure();
    assert_eq!(failure.kind, "nomad.parse");
    assert!(
        failure.message.starts_with("nomad/a.hcl:2: "),
        "{}",
        failure.message
    );
    assert_eq!(
        failure.output,
        ["   1 | job \"a\" {", "   2 |   typo = \"x\""]
    );
    assert_eq!(failure.class.exit_code(), 2);

    let text = "variable \"memory\" {}\njob \"a\" {\n}\n".to_owned();
    let script = "n.parse(TEXT, #{ vars: #{ memry: 3 } })";
    let failure = lab.run(script, &[("TEXT", text)]).failure();
    assert!(
        failure.message.contains("did you mean `memory`?"),
        "{}",
        failure.message
    );

    let failure = lab
        .run(
            "n.validate(#{ ID: \"a\", Name: \"a\", Type: \"service\" })",
            &[],
        )
        .failure();
    assert_eq!(failure.kind, "nomad.invalid");
    assert!(
        failure.message.contains("task groups"),
        "{}",
        failure.message
    );
}

#[test]
fn an_older_version_can_be_gone_back_to_and_logs_are_read() {
    let lab = lab();
    let _whole = lab.gently();
    let old = Job::new("versions", 9005, "echo the old one; exec sleep 600");
    let new = Job::new("versions", 9005, "echo the new one; exec sleep 600");
    for job in [&old, &new] {
        assert_eq!(lab.value(UP, &job.given())["healthy"], true);
    }
    let verdict = lab.value("n.wait_until_healthy(n.revert(\"versions\", 0))", &[]);
    assert_eq!(verdict["version"], 2, "{verdict}");
    let log = "n.logs(n.list_allocations(\"versions\")[0].id, #{ stream: \"stdout\" })";
    assert_eq!(lab.value(log, &[]), "the old one\n");
}

#[test]
fn a_deployment_is_followed_with_few_requests() {
    let lab = lab();
    let _whole = lab.gently();
    let job = Job::new("prompt", 9006, "exec sleep 600");
    let script = "let before = n.requests; let r = n.register(n.parse(TEXT)); n.wait_until_healthy(r); \
                  let d = n.list_deployments(\"prompt\")[0]; \
                  #{ status: d.status, requests: n.requests - before }";
    let found = lab.value(script, &job.given());
    assert_eq!(found["status"], "successful");
    let requests = found["requests"].as_u64().unwrap();
    assert!(requests < 40, "{requests} requests");
}
