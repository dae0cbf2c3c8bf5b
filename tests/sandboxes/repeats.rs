//! The API fails twice and then works: what reads is asked again, and nothing is made twice.

use crate::world::{World, says};

/// How many sandboxes were ever made.
fn made(world: &World) -> u64 {
    let sum = world.sql("select coalesce(sum(spawn_count), 0) from public.envs");
    sum.parse().unwrap()
}

pub fn reads(world: &World) {
    world.lab.fault(&["api-500", "2", "--method", "GET"]);
    let ran = world.lab.run(&["-v", "list-templates.rhai"]).ended(0);
    says(
        &ran,
        &[
            "the E2B API answered 500 Internal Server Error; asking again",
            "validation",
        ],
    );
    world.lab.fault(&["heal"]);
}

pub fn makings(world: &World) {
    // refused twice: the second would be refused too, if it were asked for
    let before = made(world);
    world.lab.fault(&["api-500", "2", "--method", "POST"]);
    world.create_fails(
        "validation",
        &[
            "e2b.server",
            "answered 500 to `POST ",
            "`e2bscript logs.rhai api` may say more",
        ],
    );
    let ran = world
        .run("create", "api.create_sandbox(\"validation\");")
        .ended(1);
    says(&ran, &["e2b.server"]);
    assert_eq!(made(world), before);
    // and now it works, once
    world
        .run("create", "api.create_sandbox(\"validation\").kill();")
        .ended(0);
    assert_eq!(made(world), before + 1);

    // it is made, and the answer says that it was not
    world
        .lab
        .fault(&["api-500", "2", "--method", "POST", "--after"]);
    let text = "let kind = \"\";\n\
        try { api.create_sandbox(\"validation\"); } catch (e) { kind = e.kind; }\n\
        print(`${kind}, and ${api.list_sandboxes().len()} there`);\n\
        time::sleep(\"1m\");";
    let run = world.start(&[&world.script("unsure", text)], "there");
    assert_eq!(run.last(), "e2b.server, and 1 there");
    assert_eq!((made(world), world.on_nodes()), (before + 2, 1));
    run.interrupt();
    says(
        &run.ended().ended(130),
        &["which the script left, was killed"],
    );
    world.lab.fault(&["heal"]);
    world.expect_none();
}
