//! The check of a cluster: all is well after a deployment, and each fault shows in its own rows.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::common::lab::{Lab, only};

/// How long the cluster may take to see a fault, or that it is over.
const PATIENCE: Duration = Duration::from_secs(90);

#[test]
fn each_fault_shows_in_its_own_rows_and_nowhere_else() {
    let lab = Lab::up(&[]);
    lab.run(&["deploy.rhai"]).ended(0);
    expect(&lab, &[]);

    agents(&lab);
    network(&lab);
    services(&lab);
}

fn agents(lab: &Lab) {
    lab.fault(&["stop-agent", "nomad", "server-1"]);
    // Nomad ends with status 1 when it is told to: systemd counts that as a failure.
    let down = [
        "fail server-1 Nomad agent",
        "warn  Nomad quorum",
        "warn server-1 systemd",
    ];
    let rows = expect(lab, &down);
    assert!(rows.contains("2 of 3 servers take part"), "{rows}");
    mend(lab);

    lab.fault(&["kill-leader"]);
    let rows = expect_like(lab, |rows, _| {
        let (agent, rest): (Vec<_>, Vec<_>) =
            rows.iter().partition(|row| row.ends_with(" Nomad agent"));
        // Whether systemd counts it as failed, or as about to be started again, is a matter of the moment.
        let rest: Vec<_> = rest
            .into_iter()
            .filter(|row| !row.ends_with(" systemd"))
            .collect();
        agent.len() == 1 && agent[0].starts_with("fail server-") && rest == ["warn  Nomad quorum"]
    });
    assert!(rows.contains("nomad.service is"), "{rows}");
    mend(lab);

    lab.ask("client-1", "nomad node eligibility -disable -self");
    let rows = expect(lab, &["warn client-1 Nomad agent"]);
    assert!(rows.contains("nomad node eligibility -enable"), "{rows}");
    lab.ask("client-1", "nomad node eligibility -enable -self");

    lab.ask(
        "client-1",
        "sed -i 's/\"datacenter\": \"lab\"/\"datacenter\": \"mars\"/' /opt/consul/config/default.json; systemctl restart consul",
    );
    // What runs there goes on, and nobody finds it.
    let wanted = [
        "fail  service orchestrator",
        "fail  service template-manager",
        "fail client-1 Consul agent",
    ];
    let rows = expect(lab, &wanted);
    assert!(rows.contains("in datacenter mars, not lab"), "{rows}");
    assert!(rows.contains("agents.rhai"), "{rows}");
    lab.run(&["agents.rhai"]).ended(0);
    expect(lab, &[]);
}

fn network(lab: &Lab) {
    lab.ask(
        "client-1",
        "nft add table inet wall; nft 'add chain inet wall input { type filter hook input priority -5; }'; \
         nft add rule inet wall input iifname != lo tcp dport 5008 drop",
    );
    // Without an orchestrator that answers, the API is unavailable.
    let wanted = [
        "fail  service api",
        "fail api-1 API health",
        "fail api-1 ports",
    ];
    let rows = expect(lab, &wanted);
    assert!(rows.contains("cannot reach client-1:5008"), "{rows}");
    lab.ask("client-1", "nft delete table inet wall");
    expect(lab, &[]);
}

fn services(lab: &Lab) {
    lab.fault(&["break-service", "api", "500"]);
    let rows = expect(lab, &["fail  service api", "fail api-1 API health"]);
    assert!(rows.contains("500 Internal Server Error"), "{rows}");
    mend(lab);

    // A proxy without an orchestrator is unhealthy because of that, not because of telemetry.
    lab.fault(&["break-service", "client-proxy", "500"]);
    lab.fault(&["break-service", "orchestrator", "crash"]);
    let wanted = [
        "fail  job orchestrator",
        "fail  service api",
        "fail  service client-proxy",
        "fail api-1 API health",
        "fail api-1 Client proxy health",
        "not_checked  service orchestrator",
    ];
    // Nomad takes its check out of Consul between two of its starts: both are asked until they agree.
    let causes = [
        "HTTP 500: no orchestrator is healthy (0 of 1 allocations run",
        "Exit Code: 1",
    ];
    expect_like(lab, |rows, told| {
        rows == wanted && causes.iter().all(|words| told.contains(words))
    });
    mend(lab);

    lab.fault(&["break-service", "api", "exit", "--after", "4"]);
    let rows = expect_like(lab, |rows, _| {
        rows.iter().any(|row| row.ends_with(" job api"))
    });
    assert!(rows.contains("restarted"), "{rows}");
    mend(lab);
}

fn mend(lab: &Lab) {
    lab.fault(&["heal"]);
    // What was restarted is told of for ten minutes.
    expect_like(lab, |rows, _| {
        rows.iter().all(|row| row.starts_with("warn  job "))
    });
}

/// Waits until the rows that are not well are these, and returns them with what they say.
#[track_caller]
fn expect(lab: &Lab, wanted: &[&str]) -> String {
    expect_like(lab, |rows, _| {
        // A job that was restarted by an earlier fault says so.
        let rows: Vec<&String> = rows
            .iter()
            .filter(|row| !row.starts_with("warn  job "))
            .collect();
        rows == wanted
    })
}

#[track_caller]
fn expect_like(lab: &Lab, fits: impl Fn(&[String], &str) -> bool) -> String {
    let begun = Instant::now();
    loop {
        let ran = lab.run(&["--json", "check-cluster.rhai"]);
        let lines = ran
            .stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap());
        let events: Vec<serde_json::Value> = lines.collect();
        assert_eq!(
            only(&events, "run_finished")["exit_code"],
            ran.code.unwrap()
        );
        let word =
            |row: &serde_json::Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
        let bad = events.iter().filter(|event| {
            let kvm = event["name"] == "/dev/kvm" && !Path::new("/dev/kvm").exists();
            event["type"] == "check" && event["status"] != "ok" && !kvm
        });
        let bad: Vec<&serde_json::Value> = bad.collect();
        let mut rows: Vec<String> = bad
            .iter()
            .map(|row| {
                format!(
                    "{} {} {}",
                    word(row, "status"),
                    word(row, "host"),
                    word(row, "name")
                )
            })
            .collect();
        rows.sort();
        let told = format!("{bad:#?}\n{}", ran.stdout);
        if fits(&rows, &told) {
            return told;
        }
        assert!(begun.elapsed() < PATIENCE, "{rows:#?}\n{told}");
        std::thread::sleep(Duration::from_millis(500));
    }
}
