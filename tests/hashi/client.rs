//! What operators do to jobs, allocations, nodes and variables, each on the real agents.

use crate::lab::{Job, lab};

const UP: &str = "n.wait_until_healthy(n.register(n.parse(TEXT)), #{ settle: \"1s\" }); ";

#[test]
fn a_job_is_scaled_restarted_and_evaluated() {
    let lab = lab();
    let _whole = lab.gently();
    // no fixed port, so that two fit on a node
    let job = Job::new("scaled", 9201, "echo up >&2; exec sleep 600");
    let text = job.hcl().replace("static = 9201", "");
    let script = format!(
        r#"{UP}
        n.wait_until_healthy(n.scale("scaled", 2, #{{ why: "more load" }}));
        let running = n.list_allocations("scaled").filter(|a| a.status == "running");
        let one = running[0];
        n.restart_allocation(one.id.sub_string(0, 8));
        let again = n.get_allocation(one.id);
        let started = again.task_states.scaled.events.filter(|e| e.kind == "Started").len();
        n.wait_until_healthy(n.stop_allocation(one.id));
        n.evaluate("scaled");
        let versions = n.list_versions("scaled");
        n.stop("scaled");
        #{{ running: running.len(), started: started, versions: versions.map(|v| v.version), lines: versions[0].lines, stable: versions[1].stable }}
        "#
    );
    let found = lab.value(&script, &[("TEXT", text)]);
    assert_eq!(found["running"], 2);
    assert_eq!(found["started"], 2, "started anew in place");
    assert_eq!(found["versions"], serde_json::json!([1, 0]));
    assert_eq!(
        found["lines"],
        serde_json::json!(["~ group scaled / Count: 1 → 2"])
    );
    assert_eq!(found["stable"], true);
}

#[test]
fn files_are_read_and_logs_are_followed_as_they_come() {
    let lab = lab();
    let _whole = lab.gently();
    let job = Job::new(
        "talker",
        9202,
        "for i in 1 2 3 4 5 6; do echo line $i; sleep 0.4; done; echo done; exec sleep 600",
    );
    let script = format!(
        r#"{UP}
        let id = n.list_allocations("talker")[0].id;
        let lines = [];
        let began = time::now();
        n.follow_logs(id, #{{ stream: "stdout" }}, |line| {{ lines.push(line); line != "done" }});
        let took = time::since(began);
        let files = n.list_files(id, "talker").map(|f| f.name);
        let text = n.read_file(id, "alloc/logs/talker.stdout.0", #{{ limit: 7 }});
        let missing = "";
        try {{ n.read_file(id, "alloc/none"); }} catch (e) {{ missing = e.kind; }}
        n.stop("talker");
        #{{ lines: lines, files: files, text: text, missing: missing }}
        "#
    );
    let found = lab.value(&script, &job.given());
    let wanted: Vec<String> = (1..=6).map(|i| format!("line {i}")).collect();
    let lines: Vec<String> = serde_json::from_value(found["lines"].clone()).unwrap();
    assert_eq!(lines[..6], wanted);
    assert_eq!(lines[6], "done");
    let files: Vec<String> = serde_json::from_value(found["files"].clone()).unwrap();
    assert!(files.contains(&"local".to_owned()), "{files:?}");
    assert_eq!(found["text"], "line 1\n");
    assert_eq!(found["missing"], "nomad.not_found");
}

#[test]
fn following_a_log_ends_with_its_task() {
    let lab = lab();
    let _whole = lab.gently();
    let job = Job::new("brief", 9203, "echo hello; sleep 2; echo bye");
    let text = job
        .hcl()
        .replace("type        = \"service\"", "type        = \"batch\"");
    let text = regex::Regex::new(r"(?s)update \{.*?\n  \}")
        .unwrap()
        .replace(&text, "")
        .into_owned();
    let script = r#"
        let r = n.register(n.parse(TEXT));
        task::wait_until("the task", #{ interval: "100ms" }, || n.list_allocations("brief").some(|a| a.status == "running"));
        let lines = [];
        n.follow_logs(n.list_allocations("brief")[0].id, #{ stream: "stdout" }, |line| lines.push(line));
        lines
    "#;
    let found = lab.value(script, &[("TEXT", text)]);
    assert_eq!(found, serde_json::json!(["hello", "bye"]));
}

#[test]
fn a_parameterized_job_is_dispatched_with_payload_and_meta() {
    let lab = lab();
    let _whole = lab.gently();
    let text = r#"job "backup" {
      datacenters = ["lab"]
      type = "batch"
      parameterized {
        payload = "required"
        meta_required = ["target"]
      }
      group "g" {
        task "t" {
          driver = "raw_exec"
          config {
            command = "/bin/bash"
            args = ["-c", "echo $NOMAD_META_target; cat ${NOMAD_TASK_DIR}/in"]
          }
          dispatch_payload { file = "in" }
          resources {
            cpu = 20
            memory = 20
          }
        }
      }
    }"#;
    let script = r#"
        let r = n.register(n.parse(TEXT));
        n.wait_until_healthy(r);
        let run = n.dispatch("backup", #{ payload: "the payload", meta: #{ target: "here" } });
        n.wait_until_healthy(run);
        n.logs(n.list_allocations(run.job)[0].id, #{ stream: "stdout" })
    "#;
    let found = lab.value(script, &[("TEXT", text.to_owned())]);
    assert_eq!(found, "here\nthe payload");
}

#[test]
fn variables_are_changed_only_while_nobody_else_did() {
    let lab = lab();
    let _whole = lab.gently();
    let script = r#"
        let out = [];
        out.push(n.get_variable("t/one") == ());
        let index = n.put_variable("t/one", #{ key: "c4naryValue", other: secret::text("x9f3secret") }, #{ cas: 0 });
        let found = n.get_variable("t/one");
        out.push(found.index == index);
        out.push(found.items.key.reveal());
        try { n.put_variable("t/one", #{ key: "again" }, #{ cas: 0 }); } catch (e) { out.push(e.kind); out.push(e.message.contains("is now at index")); }
        n.put_variable("t/one", #{ key: "new" }, #{ cas: index });
        out.push(n.list_variables(#{ prefix: "t/" }).map(|v| v.path));
        try { n.delete_variable("t/one", #{ cas: index }); } catch (e) { out.push(e.kind); }
        n.delete_variable("t/one");
        n.delete_variable("t/one");
        out.push(n.list_variables(#{ prefix: "t/" }).len());
        log::info("the value is c4naryValue");
        out
    "#;
    let ran = lab.run(script, &[]);
    assert!(
        !ran.messages().concat().contains("c4naryValue"),
        "a value that was read is masked"
    );
    let found =
        e2bscript::engine::value::to_json(&ran.value(), e2bscript::engine::value::Secrets::Mask);
    let wanted = serde_json::json!([
        true,
        true,
        "c4naryValue",
        "nomad.conflict",
        true,
        ["t/one"],
        "nomad.conflict",
        0
    ]);
    assert_eq!(found.unwrap(), wanted);
}

#[test]
fn a_node_is_drained_and_takes_work_again() {
    let lab = lab();
    let _alone = lab.alone();
    let job = Job {
        class: "client",
        ..Job::new("drained", 9204, "exec sleep 600")
    };
    let script = format!(
        r#"{UP}
        n.drain("client-1", #{{ deadline: "2s" }});
        let left = n.list_allocations("drained").filter(|a| a.status == "running").len();
        let node = n.list_nodes().find(|x| x.name == "client-1");
        n.set_eligibility("client-1", true);
        let after = n.list_nodes().find(|x| x.name == "client-1").eligibility;
        n.drain("client-1", #{{ wait: false }});
        n.cancel_drain(node.id);
        let again = n.list_nodes().find(|x| x.name == "client-1");
        n.stop("drained");
        [left, node.eligibility, after, again.eligibility, again.drain]
        "#
    );
    let found = lab.value(&script, &job.given());
    let wanted = serde_json::json!([0, "ineligible", "eligible", "eligible", false]);
    assert_eq!(found, wanted);
    let failure = lab.run("n.drain(\"client-9\")", &[]).failure();
    assert_eq!(failure.kind, "nomad.not_found");
    assert!(failure.message.contains("api-1"), "{}", failure.message);
}

#[test]
fn what_changes_a_cluster_is_only_shown_under_plan() {
    let lab = lab();
    let _whole = lab.gently();
    let job = Job::new("kept", 9205, "exec sleep 600");
    lab.value(UP, &job.given());
    let script = r#"
        let id = n.list_allocations("kept")[0].id;
        n.scale("kept", 0); n.evaluate("kept"); n.restart_allocation(id); n.stop_allocation(id);
        n.promote(n.list_deployments("kept")[0].id); n.fail_deployment(n.list_deployments("kept")[0].id);
        n.drain("api-1"); n.cancel_drain("api-1"); n.set_eligibility("api-1", false);
        n.put_variable("t/planned", #{ a: "hidden1" }); n.delete_variable("t/planned"); n.dispatch("kept");
        n.stop("kept"); n.revert("kept", 0);
        k.kv_put("t/planned", "x"); k.kv_delete("t/planned"); k.create_session(); k.destroy_session("none");
        consul::lock(k, "t/planned", || 7)
    "#;
    let ran = lab.run_planned(script, &[]);
    let planned = ran.lines.matches("\"applied\":false").count();
    assert!(!ran.lines.contains("hidden1"), "{}", ran.lines);
    assert_eq!(ran.value().as_int(), Ok(7));
    assert_eq!(planned, 18);
    let after = lab.value(
        "let d = n.list_deployments(\"kept\"); [n.list_allocations(\"kept\").map(|a| a.status), d.len(), d[0].status, k.list_sessions().len()]",
        &[],
    );
    assert_eq!(after, serde_json::json!([["running"], 1, "successful", 0]));
    lab.value("n.stop(\"kept\")", &[]);
}

#[test]
fn a_canary_is_promoted_or_failed() {
    let lab = lab();
    let _whole = lab.gently();
    let job = Job::new("canary", 9206, "exec sleep 600");
    let text = |job: &Job| {
        let text = job.hcl().replace("static = 9206", "");
        text.replace("auto_revert ", "canary = 1\n    auto_revert ")
    };
    let old = text(&job);
    let new = text(&Job {
        memory: 40,
        ..job.clone()
    });
    let newer = text(&Job { memory: 41, ..job });
    let script = r#"
        let out = [];
        n.wait_until_healthy(n.register(n.parse(OLD)));
        for t in [NEW, NEWER] {
            let run = n.register(n.parse(t));
            out.push(n.wait_until_healthy(run, #{ canaries: true }).healthy);
            let d = n.list_deployments("canary")[0];
            out.push(d.status);
            if t == NEW { n.promote(d.id); } else { n.fail_deployment(d.id); }
            let verdict = n.try_wait_until_healthy(run);
            out.push(verdict.healthy);
            out.push(verdict.reason);
        }
        n.stop("canary");
        out
    "#;
    let found = lab.value(script, &[("OLD", old), ("NEW", new), ("NEWER", newer)]);
    let wanted = serde_json::json!([
        true,
        "running",
        true,
        "",
        true,
        "running",
        false,
        "deployment"
    ]);
    assert_eq!(found, wanted);
}

#[test]
fn sessions_hold_locks_until_they_end() {
    let lab = lab();
    let _whole = lab.gently();
    let script = r#"
        let out = [];
        let one = k.create_session(#{ name: "one", ttl: "30s", lock_delay: "0s" });
        let two = k.create_session(#{ name: "two", ttl: "30s" });
        out.push(k.kv_put("t/lock", "first", #{ acquire: one }));
        out.push(k.kv_put("t/lock", "second", #{ acquire: two }));
        out.push(k.kv_get("t/lock").session == one);
        out.push(k.renew_session(one));
        out.push(k.kv_put("t/lock", "first", #{ release: one }));
        out.push(k.list_sessions().filter(|s| s.name == "one").len());
        k.destroy_session(one);
        k.destroy_session(one);
        out.push(k.renew_session(one));
        k.destroy_session(two);
        out.push(consul::lock(k, "t/lock", #{ value: "me" }, || {
            let held = k.kv_get("t/lock");
            let kind = "";
            try { consul::lock(k, "t/lock", #{ timeout: "1s" }, || 0); } catch (e) { kind = e.kind + (if e.message.contains("me") { " me" } else { "" }); }
            [held.session != "", kind]
        }));
        out.push(k.kv_get("t/lock").session);
        let kind = "";
        try { consul::lock(k, "t/other", || throw #{ kind: "own.failure", message: "x" }); } catch (e) { kind = e.kind; }
        out.push(kind);
        out.push(k.list_sessions().filter(|s| s.name == "e2bscript").len());
        k.kv_delete("t/lock"); k.kv_delete("t/other");
        out.push(k.list_nodes().len() == k.list_members().len());
        out.push(k.list_checks("passing").some(|c| c.name == "Serf Health Status"));
        out
    "#;
    let found = lab.value(script, &[]);
    let wanted = serde_json::json!([
        true,
        false,
        true,
        true,
        true,
        1,
        false,
        [true, "consul.locked me"],
        "",
        "own.failure",
        0,
        true,
        true
    ]);
    assert_eq!(found, wanted);
}
