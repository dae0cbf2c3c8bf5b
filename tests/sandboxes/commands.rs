//! Commands in sandboxes that go wrong: their sandbox dies, they take too long, they print too much.

use crate::world::{BYSTANDER, Running, World, says};

/// Starts a command that takes longer than the API has for an answer.
pub fn start_long(world: &World) -> Running {
    let text = format!(
        "let sandbox = api.create_sandbox(\"validation\", #{{ metadata: #{{ purpose: \"{BYSTANDER}\" }} }});\n\
         print(\"it runs\");\n\
         sandbox.run([\"sleep\", \"100\"]);"
    );
    world.start(&[&world.script("long", &text)], "it runs")
}

pub fn end_long(run: Running) {
    says(
        &run.ended().ended(1),
        &[
            "e2b.timeout",
            "was cut off after 1m 15s, before the command had ended",
            "the API ends every request after 75 s",
            "it may still run in the sandbox",
            "`sandbox.stream`, or `way: \"envd\"`, or a `timeout` of 75 s or more",
            "which the script left, was killed",
        ],
    );
}

/// Waits for the command, and ends the first process of its sandbox, with which all others die.
const KILL: &str =
    "for try in $(seq 200); do pid=$(pgrep -f '^sleep 3601$') && break; sleep 0.1; done
    envd=$(ps -o ppid= -p $pid) && first=$(ps -o ppid= -p $envd) && kill -KILL $first";

/// A sandbox whose node kills it, as for want of memory, while a command runs in it: by envd, and by the API.
pub fn dying_sandbox(world: &World) {
    for (way, said) in [
        (
            "envd",
            [
                "envd.cut",
                "was cut: the connection ended before it did",
                "`sandbox.info()` tells; what was started may still run",
            ],
        ),
        (
            "exec",
            [
                "e2b.server",
                "this answer hides the reason",
                "or the sandbox ended meanwhile",
            ],
        ),
    ] {
        let text = format!(
            "let sandbox = api.create_sandbox(\"validation\");\n\
             print(`id ${{sandbox.id}}`);\n\
             sandbox.run([\"sleep\", \"3601\"], #{{ way: \"{way}\" }});"
        );
        let run = world.start(&[&world.script("dying", &text)], "id ");
        let id = run.last().replace("id ", "");
        world.lab.ask("client-1", KILL);
        let ran = run.ended().ended(1);
        says(&ran, &said);
        says(&ran, &[&format!("sandbox {id}")]);
        world.expect_none();
    }
}

/// A gibibyte of output, in lines of 16 KiB: nothing is lost, and little is held.
pub fn huge_output(world: &World) {
    let text = "let sandbox = api.create_sandbox(\"validation\");\n\
        let bytes = 0;\n\
        let last = \"\";\n\
        let print_much = \"yes $(head -c 16383 /dev/zero | tr '\\\\0' x) | head -n 65536; echo the end\";\n\
        let result = sandbox.stream(print_much, |line| { bytes += line.len + 1; last = line; });\n\
        print(`${bytes} bytes to ${last}, ${result.stdout.len} kept`);\n\
        try { sandbox.run(print_much, #{ way: \"exec\" }); } catch (e) { print(`exec: ${e.kind}`); }\n\
        print(sandbox.run(\"echo and it lives\").text);\n\
        let peak = fs::read(\"/proc/self/status\").split(\"\\n\").filter(|line| line.starts_with(\"VmHWM:\"));\n\
        print(peak[0]);";
    let ran = world.run("huge", text).ended(0);
    says(
        &ran,
        &[
            "1073741832 bytes to the end, 4194304 kept",
            "exec: e2b.server",
            "and it lives",
        ],
    );
    let peak = ran
        .stdout
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.unwrap().split_whitespace().next().unwrap();
    assert!(
        peak.parse::<u64>().unwrap() < 200 << 10,
        "it held {peak} KiB: {ran}"
    );
}
