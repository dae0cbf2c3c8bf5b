//! A saved plan: carried out while it holds, refused when something has moved.

use std::fs;

use crate::common::lab::Lab;

pub fn holds_or_is_refused(lab: &Lab) {
    let file = lab.home.path().join("plan.json");
    let file = file.to_str().unwrap();
    let plan = || lab.run(&["stage.rhai", "--plan", "--out", file]).ended(0);

    lab.ask(
        "api-1",
        "echo A=1 >> /opt/e2b/api.env; rm -rf /opt/e2b/nomad/api.hcl",
    );
    plan();
    let text = fs::read_to_string(file).unwrap();
    for secret in ["POSTGRES_PASSWORD", "EDGE_SERVICE_SECRET"] {
        assert!(!text.contains(&lab.env(secret)), "{secret} is in the plan");
    }
    let ran = lab.run(&["apply", file]).ended(0);
    assert!(ran.stderr.contains(": 2 changed,"), "{ran}");

    // What it showed is done; the cluster has moved.
    let ran = lab.run(&["apply", file]).ended(2);
    let gone = "api-1 text /opt/e2b/api.env: no longer to change";
    assert!(ran.stderr.contains(gone), "{ran}");

    // A secret file that shows no diff holds something else than when the plan was made.
    lab.ask("api-1", "echo A=1 >> /opt/e2b/api.env");
    plan();
    lab.ask("api-1", "echo B=1 >> /opt/e2b/api.env");
    let ran = lab.run(&["apply", file]).ended(2);
    let found = "api-1 text /opt/e2b/api.env holds something else now";
    assert!(ran.stderr.contains(found), "{ran}");

    // The configuration has moved, by a secret.
    plan();
    let secret = lab.env("EDGE_SERVICE_SECRET");
    lab.set_env("EDGE_SERVICE_SECRET", "another-secret");
    let ran = lab.run(&["apply", file]).ended(2);
    assert!(ran.stderr.contains("`EDGE_SERVICE_SECRET` in"), "{ran}");
    lab.set_env("EDGE_SERVICE_SECRET", &secret);
    lab.run_and_replay(&["apply", file]).ended(0);

    let ran = lab.run(&["apply", "/nowhere"]).ended(2);
    assert!(ran.stderr.contains("cannot read the plan"), "{ran}");
}
