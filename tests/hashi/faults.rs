//! A cluster that breaks while services are brought up, and one with room for canaries.

use std::time::Duration;

use crate::operators::Platform;

#[test]
fn a_deployment_survives_its_cluster_or_says_what_was_lost() {
    let mut platform = Platform::up(&["--api=2"]);
    platform.run(&["deploy-services.rhai"]).ended(0);

    // one server of three is down from the start
    platform.lab.fault(&["stop-agent", "nomad", "server-1"]);
    platform.lab.set_env("API_MEMORY_MB", "70");
    let ran = platform.run(&["deploy-services.rhai"]).ended(0);
    assert!(ran.stderr.contains("asking server-2"), "{ran}");
    assert!(ran.stderr.contains("api is healthy"), "{ran}");
    platform.lab.fault(&["heal"]);

    // the leader dies in the middle
    platform.lab.set_env("API_MEMORY_MB", "71");
    let ran = std::thread::scope(|scope| {
        let lab = &platform.lab;
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(2000));
            lab.fault(&["kill-leader"]);
        });
        lab.run(&["deploy-services.rhai"])
    });
    let ran = ran.ended(0);
    assert!(ran.stderr.contains("api is healthy"), "{ran}");
    platform.lab.fault(&["heal"]);

    canaries(&mut platform);
    a_node_goes_away(&mut platform);
}

fn canaries(platform: &mut Platform) {
    platform.lab.set_env("API_MEMORY_MB", "72");
    let words = ["deploy-services.rhai", "--only", "api", "--canary", "1"];
    let ran = platform.run(&words).ended(0);
    let said = |words: &str| {
        ran.stderr
            .find(words)
            .unwrap_or_else(|| panic!("no `{words}`: {ran}"))
    };
    let promoted = said("~ deployment of api");
    assert!(said("api: the canaries are healthy") < promoted, "{ran}");
    assert!(promoted < said("api is healthy"), "{ran}");

    // a canary that fails leaves what runs alone
    for node in ["api-1", "api-2"] {
        platform.lab.ask(
            node,
            "cp /opt/e2b/bin/e2b-api /root/; printf '#!/bin/sh\\necho no database >&2; exit 3\\n' > /root/bad; chmod 755 /root/bad; mv /root/bad /opt/e2b/bin/e2b-api",
        );
    }
    platform.lab.set_env("API_MEMORY_MB", "73");
    let ran = platform.run(&words).ended(1);
    for words in ["no database", "ended with status 3"] {
        assert!(ran.stderr.contains(words), "{ran}");
    }
    let health = "curl -sf http://127.0.0.1:50001/health > /dev/null && echo up || echo down";
    let up = ["api-1", "api-2"].map(|node| platform.lab.ask(node, health));
    assert!(up.iter().any(|node| node == "up"), "{up:?}");
    for node in ["api-1", "api-2"] {
        let back = "cp /root/e2b-api /root/good; mv /root/good /opt/e2b/bin/e2b-api";
        platform.lab.ask(node, back);
    }
}

fn a_node_goes_away(platform: &mut Platform) {
    platform.lab.ask(
        "client-1",
        "printf '#!/bin/sh\\nexec sleep 600\\n' > /root/slow; chmod 755 /root/slow; mv /root/slow /opt/e2b/bin/template-manager",
    );
    let _edited = platform.edit(
        "template-manager",
        "healthy_deadline = \"7s\"",
        "healthy_deadline = \"2m\"",
    );
    platform.lab.set_env("TEMPLATE_MANAGER_MEMORY_MB", "70");
    let ran = std::thread::scope(|scope| {
        let lab = &platform.lab;
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(3500));
            lab.fault(&["stop-agent", "nomad", "client-1"]);
        });
        lab.run(&["deploy-services.rhai", "--only", "template-manager"])
    });
    let ran = ran.ended(1);
    for words in ["job `template-manager`", "client-1 went away", "is lost"] {
        assert!(ran.stderr.contains(words), "no `{words}`: {ran}");
    }
    platform.lab.fault(&["heal"]);
}
