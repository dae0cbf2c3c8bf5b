//! Staging: what a plan promises is what a run does, and nothing is done twice.

use std::fs;
use std::path::Path;

use crate::common::lab::{Lab, SMALL, changes, only};

/// Round trips that a run without changes may take on a host.
const NO_OP_ROUND_TRIPS: u64 = 4;

#[test]
fn a_plan_writes_nothing_and_a_run_does_what_it_said() {
    let lab = Lab::up(&["--no-agents"]);
    let nodes = [
        "bastion",
        "server-1",
        "server-2",
        "server-3",
        "api-1",
        "client-1",
        "database-1",
    ];
    let before = nodes.map(|node| lab.audit(node));
    assert!(before.iter().all(|paths| paths.len() > 10_000));
    let planned = lab.events(&["stage.rhai", "--plan", "--detailed-exitcode"], 10);
    for (node, before) in nodes.iter().zip(&before) {
        let after = lab.audit(node);
        let differs: Vec<_> = before.symmetric_difference(&after).collect();
        assert!(differs.is_empty(), "{node}: {differs:#?}");
    }
    let planned = changes(&planned);
    for wanted in [
        "api-1 text /opt/e2b/api.env",
        "client-1 file /opt/e2b/bin/orchestrator",
        "client-1 download /fc-kernels/vmlinux-6.1.102/vmlinux.bin",
        "client-1 link /usr/local/bin/firecracker",
        "server-2 service e2b-firewall.service",
    ] {
        assert!(planned.iter().any(|item| item == wanted), "{planned:#?}");
    }

    let applied = lab.events(&["stage.rhai"], 0);
    assert_eq!(changes(&applied), planned);
    let again = lab.events(&["stage.rhai"], 0);
    assert_eq!(changes(&again), [""; 0]);
    let finished = only(&again, "run_finished");
    assert_eq!(
        (&finished["changed"], &finished["failed"]),
        (&0.into(), &0.into())
    );
    for host in finished["hosts"].as_array().unwrap() {
        let few = host["round_trips"].as_u64().unwrap() <= NO_OP_ROUND_TRIPS;
        // All ways lead through the bastion, so it counts the sessions of all.
        assert!(few || host["host"] == "bastion", "{host}");
    }
    let plan = lab.run(&["stage.rhai", "--plan", "--detailed-exitcode"]);
    plan.ended(0);

    assert_eq!(
        lab.ask("api-1", "stat -c %a:%U /opt/e2b/api.env"),
        "600:root"
    );
    assert_eq!(
        lab.ask("client-1", "firecracker --version >/dev/null; echo $?"),
        "0"
    );
    the_check_tells_what_it_did_not_look_at(&lab);
}

fn the_check_tells_what_it_did_not_look_at(lab: &Lab) {
    // The lab has the machine's own /dev/kvm, where there is one.
    let code = if Path::new("/dev/kvm").exists() { 0 } else { 7 };
    lab.run(&["run-init-db.rhai"]).ended(0);
    let ran = lab.run(&["check-cluster.rhai"]).ended(code);
    let row = |name: &str, words: &[&str]| {
        let line = ran.stdout.lines().find(|line| line.starts_with(name));
        let line = line.unwrap_or_else(|| panic!("no row `{name}`:\n{ran}"));
        assert!(words.iter().all(|word| line.contains(word)), "{line}");
    };
    row("reachable", &["ok", "5 hosts"]);
    row("assets", &["ok", "api-1, client-1"]);
    row("Docker", &["ok", "client-1"]);
    row("API health", &["warning", "API not started yet"]);
    row(
        "Client proxy health",
        &["warning", "Client proxy not started yet"],
    );
    for later in ["Nomad", "Consul"] {
        row(later, &["not checked"]);
    }

    lab.ask("client-1", "rm /fc-envd/envd");
    let ran = lab.run(&["check-cluster.rhai"]).ended(7);
    assert!(ran.stdout.contains("missing: /fc-envd/envd"), "{ran}");
}

#[test]
fn the_next_run_changes_what_differs_and_nothing_else() {
    let lab = Lab::up(SMALL);
    lab.run(&["stage.rhai"]).ended(0);
    lab.ask("client-1", "echo held > /opt/e2b/runtime/orchestrator.lock");

    lab.append_to_artifact("envd", b"\n");
    lab.set_env("EDGE_SERVICE_SECRET", "another-secret-of-the-edge");
    lab.ask("server-1", "chmod 0777 /opt/e2b/bin");
    lab.ask("client-1", "echo tampered >> /opt/e2b/stdlib/check.rhai");
    let wanted = [
        "api-1 text /opt/e2b/client-proxy.env",
        "client-1 file /fc-envd/envd",
        "client-1 tree /opt/e2b/stdlib/check.rhai",
        "server-1 dir /opt/e2b/bin",
    ];
    let plan = lab.run(&["stage.rhai", "--plan"]).ended(0);
    assert!(
        plan.stderr.contains("-tampered"),
        "no diff of the tree:\n{plan}"
    );
    assert!(plan.stderr.contains("mode 0777 → 0755"), "{plan}");
    assert_eq!(changes(&lab.events(&["stage.rhai"], 0)), wanted);
    assert_eq!(changes(&lab.events(&["stage.rhai"], 0)), [""; 0]);
    assert_eq!(
        lab.ask("client-1", "cat /opt/e2b/runtime/orchestrator.lock"),
        "held"
    );

    lab.set_env("DEPLOY_TREE", "none");
    lab.ask("client-1", "echo tampered >> /opt/e2b/stdlib/check.rhai");
    assert_eq!(changes(&lab.events(&["stage.rhai"], 0)), [""; 0]);
}

#[test]
fn flows_are_changed_without_a_compiler() {
    let lab = Lab::up(&["--servers", "1"]);
    let deploy = fs::read_to_string("scripts/deploy.rhai").unwrap();
    let own = lab.home.path().join("deploy-mine.rhai");
    let hooked = deploy.replace(
        "stage::run(c);",
        r#"stage::run(c, #{
    after_host: |host| log::info(`${host.name} is staged`),
    extra: |host| [state::text("/etc/e2b-role", host.role + "\n")],
});"#,
    );
    assert_ne!(hooked, deploy);
    fs::write(&own, hooked).unwrap();
    let ran = lab.run(&[own.to_str().unwrap()]).ended(0);
    for host in ["server-1", "api-1", "client-1"] {
        assert!(ran.stderr.contains(&format!("{host} is staged")), "{ran}");
    }
    assert_eq!(lab.ask("api-1", "cat /etc/e2b-role"), "api");

    let library = lab.home.path().join("std");
    fs::create_dir(&library).unwrap();
    let module = fs::read_to_string("stdlib/network.rhai").unwrap();
    let changed = module.replace("[3001, 3002,", "[3001, 3002, 3003,");
    assert_ne!(changed, module);
    fs::write(library.join("network.rhai"), changed).unwrap();
    let words = ["stage.rhai", "--std", library.to_str().unwrap()];
    let events = lab.events(&words, 0);
    let announced = only(&events, "override");
    assert_eq!(announced["module"], "std/network");
    assert!(
        announced["path"]
            .as_str()
            .unwrap()
            .ends_with("std/network.rhai")
    );
    assert!(
        lab.ask("api-1", "cat /opt/e2b/sbin/e2b-firewall")
            .contains("3003")
    );
}
