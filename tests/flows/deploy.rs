//! The whole deployment: staged hosts, a database, four services, and nothing to do the second time.

use crate::common::lab::{Lab, changes};

#[test]
fn a_deployment_does_what_its_plan_said_and_then_nothing() {
    let lab = Lab::up(&[]);
    let planned = changes(&lab.events(&["deploy.rhai", "--plan", "--detailed-exitcode"], 10));
    for wanted in [
        "client-1 file /opt/e2b/bin/orchestrator",
        "nomad job orchestrator",
        "nomad job client-proxy",
    ] {
        assert!(planned.iter().any(|item| item == wanted), "{planned:#?}");
    }
    assert_eq!(changes(&lab.events(&["deploy.rhai"], 0)), planned);
    assert_eq!(changes(&lab.events(&["deploy.rhai"], 0)), [""; 0]);
    lab.run(&["deploy.rhai", "--plan", "--detailed-exitcode"])
        .ended(0);
}
