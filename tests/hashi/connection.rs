//! Tokens, addresses, servers that are gone.

use crate::lab::{Job, lab, lab_with_acls};

#[test]
fn without_a_token_the_variable_to_set_is_named() {
    let lab = lab_with_acls();
    assert_eq!(lab.value("n.list_jobs()", &[]), serde_json::json!([]));

    let failure = lab
        .run("nomad::connect(#{ via: servers }).list_jobs()", &[])
        .failure();
    assert_eq!(failure.kind, "nomad.denied");
    let help = failure.help.unwrap();
    assert!(help.contains("`NOMAD_TOKEN`"), "{help}");

    let wrong = "nomad::connect(#{ via: servers, token: \"11111111-2222-3333-4444-555555555555\" }).list_jobs()";
    let failure = lab.run(wrong, &[]).failure();
    assert_eq!(failure.kind, "nomad.denied");
    let help = failure.help.unwrap();
    assert!(help.contains("the option `token`"), "{help}");
    assert!(!failure.message.contains("11111111"), "{}", failure.message);

    let failure = lab
        .run(
            "consul::connect(#{ via: servers }).kv_put(\"a\", \"b\")",
            &[],
        )
        .failure();
    assert_eq!(failure.kind, "consul.denied");
    let help = failure.help.unwrap();
    assert!(help.contains("`CONSUL_HTTP_TOKEN`"), "{help}");
}

#[test]
fn an_address_where_nobody_listens_is_named_with_its_source() {
    let lab = lab();
    let _whole = lab.gently();
    let script = "nomad::connect(#{ via: servers[0], address: \"http://127.0.0.1:4\" }).leader()";
    let failure = lab.run(script, &[]).failure();
    assert_eq!(failure.kind, "nomad.unreachable");
    assert_eq!(failure.class.exit_code(), 5);
    assert!(
        failure.message.contains("the option `address`"),
        "{}",
        failure.message
    );
}

#[test]
fn one_server_of_three_may_be_down() {
    let lab = lab();
    let _alone = lab.alone();
    lab.e2blab(&["fault", "stop-agent", "nomad", "server-1"]);
    let ran = lab.run("n.list_nodes().len()", &[]);
    let said = ran.messages();
    let nodes = ran.value().as_int();
    assert_eq!(nodes, Ok(2));
    assert!(said.iter().any(|line| line.contains("asking ")), "{said:?}");
}

#[test]
fn the_leader_may_die_while_a_deployment_is_followed() {
    let lab = lab();
    let _alone = lab.alone();
    let job = Job {
        check: "",
        ..Job::new("orphaned", 9010, "sleep 5; exec sleep 600")
    };
    // healthy after four seconds, when the leader is long gone
    let text = job
        .hcl()
        .replace(
            "min_healthy_time  = \"300ms\"",
            "min_healthy_time  = \"4s\"",
        )
        .replace("\"5s\"", "\"15s\"");
    let killer = std::thread::spawn(|| {
        std::thread::sleep(std::time::Duration::from_millis(1500));
        crate::lab::lab().e2blab(&["fault", "kill-leader"]);
    });
    let script = "n.try_wait_until_healthy(n.register(n.parse(TEXT)), #{ timeout: \"60s\" })";
    let verdict = lab.value(script, &[("TEXT", text)]);
    killer.join().unwrap();
    assert_eq!(verdict["healthy"], true, "{verdict}");
}
