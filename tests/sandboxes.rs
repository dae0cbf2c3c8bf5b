//! Sandboxes on a deployed platform: validated, snapshotted, cleaned up; and what goes wrong is told.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panicking

mod common;

#[path = "sandboxes/commands.rs"]
mod commands;
#[path = "sandboxes/outages.rs"]
mod outages;
#[path = "sandboxes/pages.rs"]
mod pages;
#[path = "sandboxes/plans.rs"]
mod plans;
#[path = "sandboxes/refusals.rs"]
mod refusals;
#[path = "sandboxes/repeats.rs"]
mod repeats;
#[path = "sandboxes/world.rs"]
mod world;

use common::lab::Lab;
use world::World;

/// One lab's life: a lab costs more than all that is done on it.
#[test]
fn a_platform_runs_sandboxes() {
    let world = World { lab: Lab::up(&[]) };
    let lab = &world.lab;
    let ran = lab.run(&["deploy.rhai", "--validate"]).ended(0);
    assert!(ran.stdout.contains("hello-from-exec, Linux"), "{ran}");
    assert!(ran.stdout.contains("the API knows it no more"), "{ran}");

    // it takes 75 s, in which other things can be done
    let long = commands::start_long(&world);
    // The template is there now; nothing is built again.
    let ran = lab.run(&["validate-api.rhai"]).ended(0);
    assert!(ran.stdout.contains("validation of 1 known"), "{ran}");
    assert!(!ran.stdout.contains("docker build"), "{ran}");

    let ran = lab
        .run(&["generate-snapshot.rhai", "--template", "validation"])
        .ended(0);
    for file in ["rootfs.ext4.header", "memfile.header", "snapfile"] {
        assert!(ran.stdout.contains(file), "{file}: {ran}");
    }
    lab.run(&["checklist.rhai"]).ended(0);
    tunnel(lab);
    world.expect_none();
    commands::huge_output(&world);
    commands::dying_sandbox(&world);
    refusals::templates(&world);
    plans::templates(&world);
    commands::end_long(long);

    refusals::keys(&world);
    refusals::banned_team(&world);
    refusals::limits(&world);
    repeats::reads(&world);
    repeats::makings(&world);
    outages::interrupted(&world);
    outages::bastion(&world);
    outages::orchestrator(&world);
    pages::all(lab);
    // A second deployment finds nothing to do after all that.
    let ran = lab.run(&["deploy.rhai"]).ended(0);
    assert!(format!("{ran}").contains(": 0 changed,"), "{ran}");
}

/// A command inside a tunnel reaches the API with the keys that it finds in its environment.
fn tunnel(lab: &Lab) {
    let ask = "curl -fsS -H \"X-API-Key: $E2B_API_KEY\" $E2B_API_URL/sandboxes && \
               curl -fsS -H \"Authorization: Bearer $E2B_ACCESS_TOKEN\" $E2B_API_URL/templates";
    let ran = lab.run(&["tunnel.rhai", "--", "sh", "-c", ask]).ended(0);
    assert!(ran.stdout.contains("\"validation\""), "{ran}");
    let ran = lab.run(&["tunnel.rhai", "--", "sh", "-c", "exit 9"]);
    assert_eq!(ran.code, Some(9), "{ran}");
}
