//! Consul: members, services, keys.

use crate::lab::lab;

#[test]
fn every_agent_is_a_member_and_one_leads() {
    let lab = lab();
    let _whole = lab.gently();
    let members = lab.value(
        "k.list_members().map(|m| `${m.name} ${m.status} ${m.tags.dc}`)",
        &[],
    );
    let mut members: Vec<String> = serde_json::from_value(members).unwrap();
    members.sort();
    assert_eq!(
        members,
        [
            "api-1 alive lab",
            "client-1 alive lab",
            "server-1 alive lab",
            "server-2 alive lab",
            "server-3 alive lab"
        ]
    );
    let leader = lab.value("k.leader()", &[]);
    assert!(leader.as_str().unwrap().ends_with(":8300"), "{leader}");
    let nodes = lab.value(
        "n.list_nodes().map(|n| `${n.name} ${n.class} ${n.status}`)",
        &[],
    );
    let mut nodes: Vec<String> = serde_json::from_value(nodes).unwrap();
    nodes.sort();
    assert_eq!(nodes, ["api-1 api ready", "client-1 client ready"]);
    assert_eq!(lab.value("n.list_members().len()", &[]), 3);
}

#[test]
fn keys_are_set_read_and_removed_and_a_stale_index_changes_nothing() {
    let lab = lab();
    let _whole = lab.gently();
    let script = r#"
        let out = [];
        out.push(k.kv_get("t/a b") == ());
        out.push(k.kv_put("t/a b", "one", #{ cas: 0 }));
        out.push(k.kv_put("t/a b", "two", #{ cas: 0 }));
        let entry = k.kv_get("t/a b");
        out.push(entry.value);
        out.push(k.kv_put("t/a b", "three", #{ cas: entry.index }));
        out.push(k.kv_list("t/"));
        out.push(k.kv_delete("t/a b"));
        out.push(k.kv_list("t/"));
        out
    "#;
    assert_eq!(
        lab.value(script, &[]),
        serde_json::json!([true, true, false, "one", true, ["t/a b"], true, []])
    );
}

#[test]
fn a_service_that_never_comes_is_told_as_such() {
    let lab = lab();
    let _whole = lab.gently();
    let failure = lab
        .run(
            "k.wait_until_healthy(\"nobody\", #{ timeout: \"1s\" })",
            &[],
        )
        .failure();
    assert_eq!(failure.kind, "consul.unhealthy");
    assert!(
        failure.message.ends_with("it has no instance"),
        "{}",
        failure.message
    );
}
