//! The platform does not do what is asked: keys, teams, templates, limits. Nothing is left, and people are told why.

use std::fs;

use crate::world::{World, says};

/// A key that is none of the database's.
const STRANGE: &str = "e2b_00000000000000000000000000000000000000ff";

/// Keys that nobody knows, and keys in each other's place.
pub fn keys(world: &World) {
    let user = world.sql("select access_token from public.access_tokens limit 1");
    let team = world.sql("select api_key from public.team_api_keys limit 1");
    let create = world.script("create", "api.create_sandbox(\"validation\");");
    let source = world.other_env();

    let values = [("TEAM_API_KEY", STRANGE), ("ADMIN_API_TOKEN", &user)];
    let ran = world.run_with(&values, &[&create]).ended(1);
    says(
        &ran,
        &[
            "e2b.unauthorized",
            "the E2B API answered 401 to `POST ",
            "the database behind the API does not know it",
            &format!("the team's API key came from `{}`", source.display()),
            "`e2bscript export-api-creds.rhai` writes the keys",
        ],
    );
    assert!(!format!("{ran}").contains(&STRANGE[4..]), "{ran}");
    let ran = world.run_with(&values, &["validate-api.rhai"]).ended(7);
    says(&ran, &["create sandbox fail", "e2b.unauthorized"]);

    let values = [("TEAM_API_KEY", &*user), ("ADMIN_API_TOKEN", &*team)];
    let ran = world.run_with(&values, &[&create]).ended(2);
    says(
        &ran,
        &[
            "e2b.credential",
            "begins with `sk_e2b_`, and it must begin with `e2b_`",
            "stand in each other's place: swap them",
        ],
    );
    world.expect_none();

    // one that was good until just now
    world.lab.fault(&["expire-key"]);
    world.validation_fails("create sandbox", &["e2b.unauthorized", "came from"]);
    world.lab.fault(&["heal"]);
    world.expect_none();
}

pub fn banned_team(world: &World) {
    let set = |value: bool| world.sql(&format!("update public.teams set is_banned = {value}"));
    set(true);
    let ran = world.run("create", "api.create_sandbox(\"validation\");");
    let validated = world.lab.run(&["validate-api.rhai"]);
    set(false);
    says(
        &ran.ended(1),
        &[
            "e2b.forbidden",
            "answered 403 to `POST ",
            "team is banned",
            "the team was banned or blocked",
            "`e2bscript db-shell.rhai`",
        ],
    );
    says(&validated.ended(7), &["e2b.forbidden"]);
    world.expect_none();
}

pub fn templates(world: &World) {
    world.create_fails(
        "nosuch",
        &[
            "e2b.not_found",
            "answered 404 to `POST ",
            "template 'nosuch' not found",
            "the team has no such template, or no build of it is ready",
            "`e2bscript list-templates.rhai` lists what there is",
        ],
    );
    let ran = world
        .lab
        .run(&["validate-api.rhai", "--template", "nosuch"])
        .ended(7);
    says(
        &ran,
        &["validate.template", "the team has no template `nosuch`"],
    );

    // its build goes on when nobody waits for it any more
    world.lab.fault(&["slow-build", "8"]);
    let ran = build(world, "slow", &["--build-timeout", "2s"]).ended(1);
    says(
        &ran,
        &[
            "e2b.timeout",
            "is still building after 2s",
            "it goes on: `e2bscript build-logs.rhai ",
        ],
    );
    world.create_fails("slow", &["e2b.not_found", "no build of it is ready"]);
    world.lab.fault(&["heal"]);
    let ran = world
        .lab
        .run(&["build-logs.rhai", "slow", "--follow"])
        .ended(0);
    says(&ran, &["(on purpose)", "Build finished"]);
    world
        .run("slow", "api.create_sandbox(\"slow\").kill();")
        .ended(0);

    let why = "the disk of the builder is full";
    world.lab.fault(&["build-error", why]);
    let ran = build(world, "broken", &[]).ended(1);
    world.lab.fault(&["heal"]);
    says(
        &ran,
        &[
            "e2b.build",
            &format!("failed: {why}"),
            "`e2bscript build-logs.rhai ",
        ],
    );
    let ran = world.lab.run(&["build-logs.rhai", "broken"]).ended(0);
    says(&ran, &["is error", why]);
    world.create_fails("broken", &["e2b.not_found"]);
}

fn build(world: &World, alias: &str, options: &[&str]) -> crate::common::lab::Ran {
    let dockerfile = world.lab.home.path().join("Dockerfile");
    fs::write(&dockerfile, "FROM debian:12\n").unwrap();
    let dockerfile = dockerfile.to_str().unwrap();
    let words = [
        "create-template.rhai",
        "--alias",
        alias,
        "--dockerfile",
        dockerfile,
    ];
    world.lab.run(&[&words[..], options].concat())
}

/// No node has room, the team has its fill, and too many ask at once.
pub fn limits(world: &World) {
    world.lab.fault(&["no-capacity"]);
    world.create_fails(
        "validation",
        &[
            "e2b.server",
            "Failed to get node to place sandbox on.",
            "no orchestrator took the sandbox: none is known, or none has room",
            "`e2bscript status.rhai` and `e2bscript check-cluster.rhai`",
        ],
    );
    world.validation_fails("create sandbox", &["e2b.server"]);
    world.lab.fault(&["heal"]);

    let before = world.sql("select concurrent_instances from public.tiers where id = 'base_v1'");
    let set = |value: &str| {
        world.sql(&format!(
            "update public.tiers set concurrent_instances = {value}"
        ))
    };
    set("1");
    let text = "api.create_sandbox(\"validation\"); api.create_sandbox(\"validation\");";
    let ran = world.run("create", text);
    set(&before);
    says(
        &ran.ended(1),
        &[
            "e2b.limit",
            "answered 429 to `POST ",
            "the maximum number of concurrent E2B sandboxes (1)",
            "the team runs as many sandboxes as its tier allows",
            "`--kill-older-than 1h` ends old ones",
            "which the script left, was killed",
        ],
    );
    world.expect_none();

    // what reads is asked again; what makes something is not
    world.lab.fault(&["rate-limit", "2", "--method", "GET"]);
    world.lab.run(&["list-templates.rhai"]).ended(0);
    world.lab.fault(&["rate-limit", "1", "--method", "POST"]);
    world.create_fails(
        "validation",
        &[
            "e2b.limit",
            "Rate limit exceeded",
            "more requests came than are taken at once",
            "wait a little",
        ],
    );
    world.lab.fault(&["heal"]);
}
