//! What is between people and their sandboxes goes away: the run itself, the bastion, the orchestrator.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use crate::world::{World, says};

/// Ctrl-C between create and delete leaves no sandbox.
pub fn interrupted(world: &World) {
    let text = "let sandbox = api.create_sandbox(\"validation\", #{ timeout: \"5m\" });\n\
        print(\"it is there\");\n\
        sandbox.run([\"sleep\", \"60\"]);";
    let run = world.start(&[&world.script("linger", text)], "it is there");
    run.interrupt();
    let stopped = Instant::now();
    let ran = run.ended().ended(130);
    assert!(stopped.elapsed() < Duration::from_secs(20), "{ran}");
    says(&ran, &["which the script left, was killed"]);
    world.expect_none();
}

/// The link to the bastion is cut and healed: the ports stay, both is told, and the next request goes through.
pub fn bastion(world: &World) {
    let config = world.lab.home.path().join(".ssh");
    fs::create_dir_all(&config).unwrap();
    // or it takes half a minute until it shows
    let often = "Host *\n  ServerAliveInterval 1\n  ServerAliveCountMax 2\n";
    fs::write(config.join("config"), often).unwrap();
    let mut run = world.start(
        &["--json", "tunnel.rhai", "--only", "api"],
        "export E2B_API_URL=",
    );
    let url = run.last().split("http://").nth(1).unwrap();
    let end = url.find(|c: char| c != '.' && c != ':' && !c.is_ascii_digit());
    let address = url[..end.unwrap()].to_owned();
    assert!(health(&address).contains("Health check successful"));

    world.lab.fault(&["cut", "bastion"]);
    let said = run.until("was lost");
    // whichever of both connections shows it first
    for part in [
        "the connection to `api-1` was lost: ",
        "the server no longer answers; the ports that lead through `api-1` wait for it",
    ] {
        assert!(said.contains(part), "{said}");
    }
    let waiting = thread::spawn({
        let address = address.clone();
        move || health(&address)
    });
    world.lab.fault(&["heal"]);
    let said = run.until("is back");
    assert!(
        said.contains("the connection to `api-1` is back after "),
        "{said}"
    );
    for answer in [waiting.join().unwrap(), health(&address)] {
        assert!(answer.contains("Health check successful"), "{answer}");
    }
    run.interrupt();
    run.ended().ended(130);
    fs::remove_dir_all(config).unwrap();
}

/// What the API at an address says of its health.
fn health(address: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    let ask = "GET /health HTTP/1.1\r\nhost: api\r\nconnection: close\r\n\r\n";
    stream.write_all(ask.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Without its orchestrator the API answers 503, and people are told why. When it is back, so is the platform.
pub fn orchestrator(world: &World) {
    let validate = |code: i32, text: &str| {
        let began = Instant::now();
        loop {
            let ran = world.lab.run(&["validate-api.rhai"]);
            if ran.code == Some(code) && format!("{ran}").contains(text) {
                return ran;
            }
            assert!(began.elapsed() < Duration::from_secs(90), "{ran}");
        }
    };
    world
        .lab
        .fault(&["break-service", "orchestrator", "silent"]);
    let ran = validate(7, "not tried, for want of an orchestrator");
    says(
        &ran,
        &[
            "API health: Service is unavailable: it knows no orchestrator",
            "on no ready Nomad node of pool `default` and class `client` does one answer",
            "(validate.health)",
            "`e2bscript status.rhai` shows what became of the orchestrators",
            "sandbox skip",
        ],
    );
    world.lab.fault(&["heal"]);
    validate(0, "hello-from-exec, Linux");
    world.expect_none();
}
