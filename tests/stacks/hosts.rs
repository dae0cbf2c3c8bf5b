//! Hosts that set themselves up: the rehearsal cluster booted with the stack's user_data, by cloud-init.

use std::fs;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::lab::{Lab, changes};

const STACK: &str = concat!(
    "--from-user-data=",
    env!("CARGO_MANIFEST_DIR"),
    "/terraform-cluster"
);

/// Every name that Consul knows and every client that takes work, with the datacenter.
fn members(lab: &Lab) -> (Vec<String>, Vec<String>) {
    let ask = |words: &str| {
        let said = lab.ask("server-1", words);
        let mut lines: Vec<String> = said.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    (
        ask(
            "curl -s http://127.0.0.1:8500/v1/agent/members | jq -r '.[] | select(.Status == 1) | .Name + \" \" + .Tags.dc'; true",
        ),
        ask(
            "curl -s http://127.0.0.1:4646/v1/nodes | jq -r '.[] | select(.Status == \"ready\" and .SchedulingEligibility == \"eligible\") | .Name + \" \" + .Datacenter + \" \" + .NodeClass'; true",
        ),
    )
}

/// Waits until exactly these are there.
fn wait_for(lab: &Lab, servers: &[&str]) {
    let consul = [servers, &["api-1", "client-1"]].concat();
    let mut consul: Vec<String> = consul
        .iter()
        .map(|name| format!("{name} us-ashburn-1"))
        .collect();
    consul.sort();
    let nomad = vec![
        "api-1 us-ashburn-1 api".to_owned(),
        "client-1 us-ashburn-1 client".to_owned(),
    ];
    let wanted = (consul, nomad);
    let deadline = Instant::now() + Duration::from_secs(150);
    loop {
        let found = members(lab);
        if found == wanted {
            return;
        }
        assert!(Instant::now() < deadline, "{found:?} instead of {wanted:?}");
        sleep(Duration::from_millis(500));
    }
}

#[test]
fn clients_that_come_a_minute_before_the_servers_join_and_all_survive_a_reboot() {
    let lab = Lab::up(&[STACK, "--no-database", "--no-docker", "--late-servers=60"]);
    let servers = ["server-1", "server-2", "server-3"];
    wait_for(&lab, &servers);
    let said = lab.ask("client-1", "journalctl -u e2b-join -o cat --no-pager");
    assert!(said.contains("no server of e2b is running yet"), "{said}");

    a_set_up_that_fails_at_first_is_tried_again(&lab);

    // what the agents know must be there afterwards too
    lab.ask(
        "server-1",
        "curl -sf -X PUT -d kept http://127.0.0.1:8500/v1/kv/reboot",
    );
    let ids = |node: &str| {
        lab.ask(
            node,
            "cat /opt/consul/data/node-id; cat /opt/nomad/data/client/client-id 2>/dev/null; true",
        )
    };
    let before = ids("client-1");
    let all = [&servers[..], &["api-1", "client-1"]].concat();
    lab.reboot(&all);
    wait_for(&lab, &servers);
    let kept = lab.ask(
        "server-1",
        "curl -sf http://127.0.0.1:8500/v1/kv/reboot?raw",
    );
    assert_eq!(kept, "kept");
    assert_eq!(ids("client-1"), before);
    let after = "sysctl -n net.ipv4.ip_forward; nft list table inet e2b | head -n 1; systemctl is-active e2b-cleanup-network.timer e2b-firewall e2b-join; \
         iptables -S INPUT | grep -c 'dport 5008.*e2b'";
    assert_eq!(
        lab.ask("client-1", after),
        "1\ntable inet e2b {\nactive\nactive\nactive\n2"
    );
}

/// As with an image that lacks a program which somebody then installs.
fn a_set_up_that_fails_at_first_is_tried_again(lab: &Lab) {
    lab.ask(
        "api-1",
        "systemctl stop e2b-join e2b-bootstrap && rm /run/e2b-bootstrapped && mv /usr/local/bin/oci /root/ && \
         systemctl start --no-block e2b-bootstrap e2b-join",
    );
    let until = |unit: &str, words: &str| {
        let look = format!("journalctl -u {unit} -o cat --no-pager | tail -n 2");
        let deadline = Instant::now() + Duration::from_secs(60);
        while !lab.ask("api-1", &look).contains(words) {
            assert!(Instant::now() < deadline, "{}", lab.ask("api-1", &look));
            sleep(Duration::from_millis(300));
        }
    };
    until("e2b-join", "this host is not set up yet");
    let said = lab.ask("api-1", "journalctl -u e2b-bootstrap -o cat --no-pager");
    assert!(said.contains("this image lacks oci"), "{said}");
    lab.ask("api-1", "mv /root/oci /usr/local/bin/");
    until("e2b-join", "joined: Consul and Nomad have a leader");
}

#[test]
fn a_missing_server_holds_up_nobody_and_deploy_finds_all_as_it_should_be() {
    let lab = Lab::up(&[STACK, "--missing-servers=1"]);
    wait_for(&lab, &["server-1", "server-2"]);

    // the metadata's `region` is the short key
    let key = lab.ask(
        "client-1",
        "curl -sf -H 'Authorization: Bearer Oracle' http://169.254.169.254/opc/v2/instance/region",
    );
    assert_eq!(key, "iad");

    let paths = "/etc/e2b /etc/modprobe.d/60-e2bscript-nbd.conf /etc/modules-load.d/60-e2bscript-nbd.conf /etc/sysctl.d /etc/nftables.d \
         /opt/e2b/sbin /opt/consul/config /opt/nomad/config /var/lib/e2bscript/records/nft-inet-e2b";
    let look = format!(
        "find {paths} /etc/systemd/system -name '.*' -prune -o -type f -printf '%p %m %U %T@ %i\\n' | grep -v e2bscript-kernel | sort"
    );
    let before = lab.ask("client-1", &look);
    let units = "systemctl show -p ActiveEnterTimestampMonotonic consul nomad e2b-join e2b-firewall e2bscript-nft-inet-e2b";
    let running = lab.ask("client-1", units);

    let events = lab.events(&["deploy.rhai"], 0);
    let changed = changes(&events);
    let made_by_the_bootstrap = [
        "sysctl net.ipv4.ip_forward",
        "nft_table inet e2b",
        "kernel_module nbd",
        "dir /opt/e2b",
        "dir /opt/e2b/bin",
        "dir /opt/e2b/runtime",
        "dir /opt/e2b/sbin",
        "text /opt/e2b/sbin/e2b-firewall",
        "unit_file e2b-firewall.service",
        "service e2b-firewall.service",
        "dir /orchestrator",
        "dir /var/e2b/templates",
        "dir /fc-vm",
        "dir /fc-envd",
        "dir /mnt/disks/fc-envs/v1",
    ];
    let again: Vec<&String> = changed
        .iter()
        .filter(|change| {
            let (host, item) = change.split_once(' ').unwrap();
            host != "workstation" && made_by_the_bootstrap.contains(&item)
        })
        .collect();
    assert!(again.is_empty(), "{again:?}");
    let after = lab.ask("client-1", &look);
    let lost: Vec<&str> = before
        .lines()
        .filter(|line| !after.lines().any(|other| other == *line))
        .collect();
    assert!(lost.is_empty(), "{lost:?}\nafter:\n{after}");
    assert_eq!(lab.ask("client-1", units), running);

    no_secret_is_readable(&lab);
    what_comes_out_of_the_outputs_describes_the_same_cluster(&lab);
    a_client_that_reboots_is_drained_first_and_takes_work_again(&lab);
    a_client_that_its_pool_terminates_is_drained_and_let_go(&lab);
}

/// Whether the client takes work, and the jobs that run on it.
fn work(lab: &Lab) -> String {
    let nomad = "http://127.0.0.1:4646/v1";
    lab.ask(
        "server-1",
        &format!(
            "node=$(curl -s {nomad}/nodes | jq -r '.[] | select(.Name == \"client-1\").ID'); \
             curl -s {nomad}/node/$node | jq -r .SchedulingEligibility; \
             curl -s {nomad}/node/$node/allocations | jq -r '.[] | select(.ClientStatus == \"running\").JobID' | sort"
        ),
    )
}

const AT_WORK: &str = "eligible\norchestrator\ntemplate-manager";

#[track_caller]
fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(150);
    while !holds() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        sleep(Duration::from_millis(500));
    }
}

fn a_client_that_reboots_is_drained_first_and_takes_work_again(lab: &Lab) {
    let was_drained = || {
        let events = "/opt/nomad/bin/nomad node status -self -json | jq -r '.Events[].Message'";
        lab.ask("client-1", events).contains("Node drain complete")
    };
    assert_eq!(work(lab), AT_WORK);
    assert!(!was_drained());
    lab.reboot(&["client-1"]);
    wait_until("the client has its work back", || work(lab) == AT_WORK);
    assert!(was_drained());
}

fn a_client_that_its_pool_terminates_is_drained_and_let_go(lab: &Lab) {
    // as OCI has it when the pool is made smaller
    let file = lab.file("cloud.json");
    let cloud = || -> Value { serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap() };
    let mut waiting = cloud();
    let instances = waiting["instances"].as_array_mut().unwrap();
    let place = instances.iter().position(|one| one["name"] == "client-1");
    let place = place.unwrap();
    assert_eq!(instances[place]["pool_state"], "ACTIVE");
    instances[place]["pool_state"] = "TERMINATION_AWAIT".into();
    let new = lab.file("cloud.json.new");
    fs::write(&new, waiting.to_string()).unwrap();
    fs::rename(&new, &file).unwrap();

    wait_until("the pool may go on", || {
        cloud()["instances"][place]["pool_state"] == "TERMINATION_PROCEED"
    });
    assert_eq!(work(lab), "ineligible", "the pool was told too early");
    // it goes down like this, and would stay out of use if it came back
    let marker = "/opt/e2b/sbin/e2b-drain stop; ls /var/lib/e2b";
    assert!(!lab.ask("client-1", marker).contains("drained"));
}

/// `deploy.env` made from the stacks' outputs, were this cluster theirs, with what stays to be filled in by hand: the
/// deployment that it describes has nothing left to do.
fn what_comes_out_of_the_outputs_describes_the_same_cluster(lab: &Lab) {
    let home = tempfile::tempdir().unwrap();
    let recorded = |form: &str| -> Value {
        let path = format!(
            "{}/tests/data/stacks/{form}.json",
            env!("CARGO_MANIFEST_DIR")
        );
        serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
    };
    let list = |name: &str| Value::from(lab.env(name).split(',').collect::<Vec<_>>());
    let mut base = recorded("base.output");
    base["bastion_public_ip"]["value"] = lab.env("BASTION_HOST").into();
    base["postgres_host"]["value"] = lab.env("POSTGRES_HOST").into();
    base["postgres_ca_certificate"]["value"] = fs::read_to_string(lab.file("postgres-ca.pem"))
        .unwrap()
        .into();
    let mut cluster = recorded("cluster.state");
    let outputs = &mut cluster["outputs"];
    outputs["server_private_ips"]["value"] = list("SERVER_POOL_PRIVATE");
    outputs["api_private_ips"]["value"] = list("API_POOL_PRIVATE");
    outputs["client_private_ips"]["value"] = list("CLIENT_POOL_PRIVATE");
    outputs["vcn_cidr_block"]["value"] = lab.env("VCN_CIDR").into();
    let path = |name: &str| home.path().join(name).display().to_string();
    fs::write(path("base.json"), base.to_string()).unwrap();
    fs::write(path("cluster.json"), cluster.to_string()).unwrap();
    let env_file = path("deploy.env");
    fs::copy(
        format!("{}/deploy.env.example", env!("CARGO_MANIFEST_DIR")),
        &env_file,
    )
    .unwrap();
    let made = lab
        .command(&["configure.rhai", &path("base.json"), &path("cluster.json")])
        .env("E2BSCRIPT_ENV_FILE", &env_file)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");

    // by hand: what no stack knows, and what is the rehearsal's own
    let own = fs::read_to_string(lab.file("deploy.env")).unwrap();
    let text = fs::read_to_string(&env_file).unwrap();
    let from_outputs = |name: &str| {
        let head = format!("{name}=");
        let mut lines = text.lines().filter(|line| line.starts_with(&head));
        lines.any(|line| line.contains("# from terraform-"))
    };
    let mut filled: Vec<&str> = Vec::new();
    let by_hand: Vec<&str> = own
        .lines()
        .filter(|line| {
            line.split_once('=')
                .is_some_and(|(name, _)| !from_outputs(name))
        })
        .collect();
    let names: Vec<&str> = by_hand
        .iter()
        .map(|line| line.split('=').next().unwrap())
        .collect();
    filled.extend(
        text.lines()
            .filter(|line| !names.contains(&line.split('=').next().unwrap())),
    );
    filled.extend(by_hand);
    fs::write(&env_file, filled.join("\n") + "\n").unwrap();

    let planned = lab
        .command(&["deploy.rhai", "--plan", "--detailed-exitcode"])
        .env("E2BSCRIPT_ENV_FILE", &env_file)
        .output()
        .unwrap();
    assert_eq!(
        planned.status.code(),
        Some(0),
        "{}",
        crate::lab::Ran::of(planned)
    );
}

/// Neither what everybody may read on a host, nor its user_data or metadata, holds the gossip key or a secret of
/// `deploy.env`.
fn no_secret_is_readable(lab: &Lab) {
    let key = lab.env("CONSUL_GOSSIP_KEY");
    let encoded = Command::new("sh")
        .args(["-c", &format!("printf %s '{key}' | base64 -w0")])
        .output()
        .unwrap();
    let encoded = String::from_utf8(encoded.stdout).unwrap();
    let mut canaries = format!("-e '{key}' -e '{encoded}'");
    for name in [
        "POSTGRES_PASSWORD",
        "EDGE_SERVICE_SECRET",
        "SANDBOX_ACCESS_TOKEN_HASH_SEED",
    ] {
        canaries += &format!(" -e '{}'", lab.env(name));
    }
    for node in ["server-1", "api-1", "client-1"] {
        let readable = || {
            lab.ask(
                node,
                &format!(
                    "find / -xdev -type f -perm /o+r -size -4M -print0 | xargs -0 grep -lF {canaries} 2>/dev/null; true"
                ),
            )
        };
        // the search finds what is to be found
        lab.ask(node, &format!("echo '{key}' >/opt/e2b/canary"));
        assert_eq!(readable(), "/opt/e2b/canary", "{node}");
        lab.ask(node, "rm /opt/e2b/canary");
        assert_eq!(readable(), "", "{node}: everybody can read a secret");
        let found = lab.ask(
            node,
            &format!("grep -rlF {canaries} /var/lib/cloud /var/log 2>/dev/null; true"),
        );
        assert_eq!(
            found, "",
            "{node}: a secret is in what cloud-init or a log keeps"
        );
        let config = lab.ask(
            node,
            "grep -lF encrypt /opt/consul/config/*.json; stat -c '%a %U' /opt/consul/config/default.json",
        );
        assert_eq!(config, "/opt/consul/config/default.json\n600 consul");
    }
}
