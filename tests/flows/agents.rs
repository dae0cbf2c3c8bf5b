//! Consul and Nomad on the nodes: left alone while they are right, mended where they are not.

use crate::common::lab::{Lab, changes};

/// A cluster of three servers with nothing beside the agents.
const AGENTS: &[&str] = &["--no-docker"];

#[test]
fn what_is_right_is_left_alone_and_what_is_not_is_mended() {
    let lab = Lab::up(AGENTS);
    let nodes = ["server-1", "server-2", "server-3", "api-1", "client-1"];
    lab.ask(
        "server-1",
        "curl -sf -X PUT -d held http://127.0.0.1:8500/v1/kv/slots/1",
    );
    let data = nodes.map(|node| raft(&lab, node));
    let started = nodes.map(|node| pids(&lab, node));

    assert_eq!(planned_and_done(&lab), [""; 0]);
    assert_eq!(nodes.map(|node| pids(&lab, node)), started);

    // A mode is mended, and no reason to restart anything.
    lab.ask("server-2", "chmod 0644 /opt/consul/config/gossip.json");
    assert_eq!(
        planned_and_done(&lab),
        ["server-2 text /opt/consul/config/gossip.json"]
    );
    assert_eq!(
        lab.ask("server-2", "stat -c %a:%U /opt/consul/config/gossip.json"),
        "600:consul"
    );
    assert_eq!(nodes.map(|node| pids(&lab, node)), started);

    outside_their_cluster(&lab);
    servers_one_at_a_time(&lab);

    assert_eq!(nodes.map(|node| raft(&lab, node)), data, "raft was touched");
    let kept = lab.ask(
        "server-3",
        "curl -sf http://127.0.0.1:8500/v1/kv/slots/1?raw",
    );
    assert_eq!(kept, "held");
    from_nothing(&lab, &nodes);
}

/// Nodes that have the programs and nothing else become a cluster.
fn from_nothing(lab: &Lab, nodes: &[&str]) {
    for node in nodes {
        lab.ask(
            node,
            "systemctl stop nomad consul || :; cd /etc/systemd/system; rm -r /opt/nomad/data /opt/nomad/config /opt/consul/data \
             /opt/consul/config nomad.service consul.service *.wants/nomad.service *.wants/consul.service; systemctl daemon-reload",
        );
    }
    planned_and_done(lab);
    assert_eq!(lab.ask("api-1", "consul members | grep -c alive"), "5");
    assert_eq!(lab.ask("api-1", "nomad node status | grep -c ready"), "2");
}

/// The datacenter of one is another, and one has no servers: both come back.
fn outside_their_cluster(lab: &Lab) {
    lab.ask(
        "client-1",
        "sed -i 's/\"datacenter\": \"lab\"/\"datacenter\": \"mars\"/' /opt/consul/config/default.json; systemctl restart consul",
    );
    lab.ask(
        "api-1",
        "sed -i 's/ servers .*/ servers = []/' /opt/nomad/config/default.hcl; systemctl restart nomad",
    );
    let wanted = [
        "api-1 command systemctl restart nomad",
        "api-1 text /opt/nomad/config/default.hcl",
        "client-1 command systemctl restart consul",
        "client-1 text /opt/consul/config/default.json",
    ];
    assert_eq!(planned_and_done(lab), wanted);

    // Consul keeps the gossip key that it was first started with, whatever its configuration says later.
    let key = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
    let foreign = format!(
        "systemctl stop consul; echo '[\"{key}\"]' > /opt/consul/data/serf/local.keyring; systemctl start consul"
    );
    lab.ask("client-1", &foreign);
    lab.ask(
        "server-1",
        "for i in $(seq 100); do consul members | grep -q 'client-1 .*alive' || exit 0; sleep 0.2; done; exit 1",
    );
    let wanted = [
        "client-1 command mv /opt/consul/data/serf/local.keyring /opt/consul/data/serf/local.keyring.old",
        "client-1 command systemctl restart consul",
    ];
    assert_eq!(planned_and_done(lab), wanted);
    let members = lab.ask("server-1", "consul members | grep -c alive");
    assert_eq!(members, "5");

    lab.fault(&["stop-agent", "nomad", "client-1"]);
    assert_eq!(
        planned_and_done(lab),
        ["client-1 command systemctl start nomad"]
    );
    lab.fault(&["heal"]);
}

/// All servers' configuration differs; and no server is taken while another is missing.
fn servers_one_at_a_time(lab: &Lab) {
    let servers = ["server-1", "server-2", "server-3"];
    lab.fault(&["stop-agent", "nomad", "server-3"]);
    for server in servers {
        lab.ask(server, "echo '# tampered' >> /opt/nomad/config/default.hcl");
    }
    let ran = lab
        .run(&["agents.rhai", "--limit", "server-1,server-2"])
        .ended(1);
    for words in [
        "agents.quorum",
        "1 of the other 2 servers",
        "check-cluster.rhai",
    ] {
        assert!(ran.stderr.contains(words), "{ran}");
    }
    lab.ask(
        "server-3",
        "sed -i s/65536/1024/ /etc/systemd/system/nomad.service",
    );
    // Their files are right by now, and still not read.
    let wanted = [
        "server-1 command systemctl restart nomad",
        "server-2 command systemctl restart nomad",
        "server-3 command systemctl start nomad",
        "server-3 text /opt/nomad/config/default.hcl",
        "server-3 unit_file nomad.service",
    ];
    assert_eq!(planned_and_done(lab), wanted);
    lab.fault(&["heal"]);
    // A unit too is read at the next start, and nothing but the flow starts a server.
    for server in servers {
        lab.ask(
            server,
            "sed -i s/65536/2048/ /etc/systemd/system/consul.service",
        );
    }
    let changed = planned_and_done(lab);
    assert_eq!(changed.len(), 6, "{changed:?}");
    let mut moments = servers.map(|server| {
        let since = lab.ask(
            server,
            "systemctl show --property=ExecMainStartTimestampMonotonic --value consul",
        );
        since.parse::<u64>().unwrap()
    });
    moments.sort_unstable();
    let apart = moments.windows(2).all(|pair| pair[1] - pair[0] > 300_000);
    assert!(apart, "restarted at {moments:?} µs");
    let leader = lab.ask(
        "server-1",
        "curl -sf http://127.0.0.1:4646/v1/status/leader",
    );
    assert!(leader.contains(":4647"), "{leader}");
}

#[test]
fn versions_and_settings_are_looked_at_before_anything_is_touched() {
    let lab = Lab::up(&["--servers", "1", "--no-docker"]);
    let pretend = |version: &str| {
        let script = format!(
            "cd /opt/nomad/bin; [ -e real ] || mv nomad real; printf '%s\\n' '#!/bin/sh' \
             '[ \"$1\" != version ] || {{ echo \"Nomad v{version}\"; exit; }}' 'exec /opt/nomad/bin/real \"$@\"' > nomad; chmod 755 nomad"
        );
        lab.ask("api-1", &script);
    };
    pretend("1.5.12");
    let before = lab.audit("client-1");
    for script in ["agents.rhai", "deploy.rhai"] {
        let ran = lab.run(&[script]).ended(2);
        for words in [
            "agents.version",
            "api-1: Nomad v1.5.12 is older than 1.6",
            "1 agent is too old: nothing was touched",
        ] {
            assert!(ran.stderr.contains(words), "{words}: {ran}");
        }
    }
    assert_eq!(lab.audit("client-1"), before);

    pretend("1.8.0");
    let ran = lab.run(&["agents.rhai"]).ended(0);
    for words in [
        "api-1: Nomad v1.8.0 is newer than 1.6",
        "no_cgroups",
        "0 changed",
    ] {
        assert!(ran.stderr.contains(words), "{words}: {ran}");
    }
    lab.ask("api-1", "rm /opt/nomad/bin/nomad");
    let ran = lab.run(&["agents.rhai"]).ended(2);
    assert!(
        ran.stderr
            .contains("api-1: there is no `/opt/nomad/bin/nomad`"),
        "{ran}"
    );
    lab.ask("api-1", "mv /opt/nomad/bin/real /opt/nomad/bin/nomad");

    lab.ask(
        "client-1",
        "echo 'datacenter = \"mars\"' > /opt/nomad/config/own.hcl",
    );
    let ran = lab.run(&["agents.rhai"]).ended(0);
    assert!(
        ran.stderr.contains("also reads /opt/nomad/config/own.hcl"),
        "{ran}"
    );
    lab.set_env("CONSUL_GOSSIP_KEY", "");
    let ran = lab.run(&["deploy.rhai"]).ended(2);
    assert!(
        ran.stderr
            .contains("CONSUL_GOSSIP_KEY: `consul keygen` makes one"),
        "{ran}"
    );
    assert_eq!(lab.ask("client-1", "ls /opt"), "consul\nnomad");
}

#[test]
fn with_access_control_the_tokens_are_part_of_what_is_right() {
    let lab = Lab::up(&["--servers", "1", "--no-docker", "--acl"]);
    let asked = |path: &str| lab.ask("api-1", &format!("curl -s localhost:8500{path}"));
    let names = "/v1/catalog/service/consul";
    assert!(!asked(names).contains("ServiceName"));
    assert_eq!(planned_and_done(&lab), [""; 0]);
    // who has no token finds services, which is all the platform's own services can show, and nothing else
    assert!(asked(names).contains("ServiceName"));
    assert!(asked("/v1/kv/x").contains("Permission denied"));
    let token = lab.env("NOMAD_TOKEN");
    lab.set_env("NOMAD_TOKEN", "");
    let ran = lab.run(&["agents.rhai"]).ended(2);
    for words in ["agents.denied", "set `NOMAD_TOKEN`"] {
        assert!(ran.stderr.contains(words), "{ran}");
    }
    lab.set_env("NOMAD_TOKEN", &token);
    assert_eq!(planned_and_done(&lab), [""; 0]);
}

/// What a plan says, which is what the run then does, after which nothing is left.
#[track_caller]
fn planned_and_done(lab: &Lab) -> Vec<String> {
    let planned = changes(&lab.events(&["agents.rhai", "--plan"], 0));
    assert_eq!(changes(&lab.events(&["agents.rhai"], 0)), planned);
    assert_eq!(changes(&lab.events(&["agents.rhai"], 0)), [""; 0]);
    planned
}

/// Which files hold the raft data of both, and who the node is.
fn raft(lab: &Lab, node: &str) -> String {
    let files = "ls -i1 /opt/consul/data/raft/raft.db /opt/consul/data/node-id /opt/nomad/data/server/raft/raft.db \
                 /opt/nomad/data/server/node-id /opt/nomad/data/client/client-id 2>/dev/null || :";
    lab.ask(node, files)
}

fn pids(lab: &Lab, node: &str) -> String {
    lab.ask(
        node,
        "systemctl show --property=MainPID --value consul nomad",
    )
}
