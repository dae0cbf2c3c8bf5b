//! Each way to fail, with the verdict it must get.

use serde_json::Value;

use crate::lab::{Job, lab};

/// Runs a job and hands out the verdict, without waiting for other tests.
fn verdict(job: &Job) -> Value {
    let script = "n.try_wait_until_healthy(n.register(n.parse(TEXT)), #{ consul: k, settle: \"45s\", timeout: \"90s\" })";
    let verdict = lab().value(script, &job.given());
    // what an idle machine takes is in docs/benchmarks.md; here others may be at work
    let lag = verdict["lag"].as_f64();
    println!(
        "{:>6.2} s after Nomad knew: {}",
        lag.unwrap_or_default(),
        verdict["cause"]
    );
    assert!(lag.is_some_and(|lag| lag < 10.0), "{verdict:#}");
    lab().value("n.stop(NAME)", &[("NAME", job.name.to_owned())]);
    verdict
}

/// Checks the reason, and that the cause (or the log, or a note) says `words`.
fn expect(job: &Job, reason: &str, words: &[&str]) {
    let _whole = lab().gently();
    let verdict = verdict(job);
    assert_eq!(verdict["healthy"], false, "{verdict:#}");
    assert_eq!(verdict["reason"], reason, "{verdict:#}");
    let told = [&verdict["cause"], &verdict["log"], &verdict["notes"]]
        .map(ToString::to_string)
        .concat();
    for word in words {
        assert!(told.contains(word), "no `{word}` in {verdict:#}");
    }
}

#[test]
fn a_program_that_is_not_there() {
    let job = Job::new("missing", 9101, "exec /opt/e2b/bin/none");
    expect(
        &job,
        "deployment",
        &[
            "its program is not there",
            "/opt/e2b/bin/none: No such file",
        ],
    );
}

#[test]
fn a_program_that_is_not_executable() {
    let job = Job::new("plain", 9102, "exec /etc/hostname");
    expect(
        &job,
        "deployment",
        &["is not executable", "Permission denied"],
    );
}

#[test]
fn a_program_for_another_machine() {
    lab().on("api-1", r"printf '\177ELF\002\001\001\0\0\0\0\0\0\0\0\0\002\0\267\0\001\0\0\0' > /opt/arm; head -c 100 /dev/zero >> /opt/arm; chmod 755 /opt/arm");
    let job = Job::new("arm", 9103, "exec /opt/arm");
    expect(
        &job,
        "deployment",
        &["not for this machine", "Exec format error"],
    );
}

#[test]
fn a_crash_at_once() {
    let job = Job::new("crash", 9104, "echo cannot open the database >&2; exit 3");
    expect(
        &job,
        "deployment",
        &["ended with status 3 at once", "cannot open the database"],
    );
}

#[test]
fn a_crash_after_half_a_minute() {
    let job = Job {
        kind: "system",
        ..Job::new("later", 9105, "sleep 30; echo out of ideas >&2; exit 4")
    };
    expect(
        &job,
        "task",
        &["ended with status 4 after 30 s", "out of ideas"],
    );
}

#[test]
fn a_driver_that_cannot_start() {
    let job = Job::new("nodriver", 9106, "true");
    let text = job.hcl().replace("/bin/bash", "/opt/no-shell");
    let _whole = lab().gently();
    let script = "n.try_wait_until_healthy(n.register(n.parse(TEXT)), #{ timeout: \"45s\" })";
    let verdict = lab().value(script, &[("TEXT", text)]);
    assert_eq!(verdict["healthy"], false);
    let cause = verdict["cause"].as_str().unwrap();
    assert!(
        cause.contains("cannot start") && cause.contains("/opt/no-shell"),
        "{cause}"
    );
}

#[test]
fn a_health_check_that_answers_500() {
    let server = r#"exec perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(LocalPort => 9107, Listen => 5, ReuseAddr => 1); while ($c = $s->accept) { while (<$c>) { last if /^\r?\n$/ } print $c "HTTP/1.0 500 Internal Server Error\r\nContent-Length: 8\r\n\r\nno disk\n"; close $c }'"#;
    let job = Job {
        check: "/health",
        ..Job::new("sick", 9107, server)
    };
    expect(
        &job,
        "deployment",
        &["its health checks do not pass", "500"],
    );
}

#[test]
fn a_health_check_that_nobody_answers() {
    let job = Job {
        check: "/health",
        ..Job::new("silent", 9108, "exec sleep 600")
    };
    expect(
        &job,
        "deployment",
        &["its health checks do not pass", "connection refused"],
    );
}

#[test]
fn a_port_that_somebody_else_has() {
    let listen = r#"perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(LocalPort => 9109, Listen => 5) or die "cannot listen on port 9109: $!\n"; sleep 600'"#;
    lab().on(
        "api-1",
        &format!("setsid --fork {listen} < /dev/null > /dev/null 2>&1; sleep 0.5"),
    );
    let job = Job::new("taken", 9109, &format!("exec {listen}"));
    expect(
        &job,
        "deployment",
        &["ended with status", "Address already in use"],
    );
}

#[test]
fn a_class_that_no_node_has() {
    let job = Job {
        class: "gpu",
        ..Job::new("homeless", 9110, "exec sleep 600")
    };
    expect(
        &job,
        "placement",
        &["no node takes it", "${node.class} = gpu"],
    );
    let job = Job {
        kind: "system",
        class: "gpu",
        ..Job::new("nowhere", 9111, "exec sleep 600")
    };
    expect(&job, "placement", &["no node takes it"]);
}

#[test]
fn more_memory_than_any_node_has() {
    let job = Job {
        memory: 900_000,
        ..Job::new("greedy", 9112, "exec sleep 600")
    };
    expect(&job, "placement", &["not enough memory on 1 node"]);
}

#[test]
fn an_environment_file_that_is_not_there() {
    let job = Job::new(
        "noenv",
        9113,
        "set -ea; . /opt/e2b/none.env; exec sleep 600",
    );
    expect(&job, "deployment", &["/opt/e2b/none.env: No such file"]);
}

#[test]
fn a_new_version_that_fails_is_reverted_and_the_old_one_named() {
    let good = Job {
        auto_revert: true,
        ..Job::new("reverted", 9114, "exec sleep 600")
    };
    let _whole = lab().gently();
    let script = "n.try_wait_until_healthy(n.register(n.parse(TEXT)), #{ timeout: \"45s\" })";
    assert_eq!(lab().value(script, &good.given())["healthy"], true);
    let bad = Job {
        command: "echo new and broken >&2; exit 5".into(),
        ..good
    };
    let verdict = lab().value(script, &bad.given());
    assert_eq!(verdict["reason"], "reverted", "{verdict:#}");
    assert_eq!(verdict["reverted_to"], 0, "{verdict:#}");
    assert_eq!(verdict["log"], serde_json::json!(["new and broken"]));
    let failure = lab()
        .run(
            "n.wait_until_healthy(n.register(n.parse(TEXT)))",
            &bad.given(),
        )
        .failure();
    assert_eq!(failure.kind, "nomad.unhealthy");
    assert!(
        failure.message.contains("ended with status 5"),
        "{}",
        failure.message
    );
    assert!(
        failure
            .causes
            .iter()
            .any(|cause| cause.contains("went back to version")),
        "{failure:?}"
    );
}

#[test]
fn a_node_that_goes_away_loses_its_allocation() {
    let lab = lab();
    let _alone = lab.alone();
    let job = Job {
        class: "client",
        deadline: "2m",
        check: "/health",
        ..Job::new("lost", 9115, "exec sleep 600")
    };
    let text = job.hcl().replace("\"20s\"", "\"3m\"");
    let killer = std::thread::spawn(|| {
        std::thread::sleep(std::time::Duration::from_secs(2));
        crate::lab::lab().e2blab(&["fault", "stop-agent", "nomad", "client-1"]);
    });
    let script = "n.try_wait_until_healthy(n.register(n.parse(TEXT)), #{ timeout: \"90s\" })";
    let verdict = lab.value(script, &[("TEXT", text)]);
    killer.join().unwrap();
    assert_eq!(verdict["reason"], "lost", "{verdict:#}");
    assert!(
        verdict["cause"]
            .as_str()
            .unwrap()
            .contains("client-1 went away"),
        "{verdict:#}"
    );
    lab.value("n.stop(\"lost\")", &[]);
}
