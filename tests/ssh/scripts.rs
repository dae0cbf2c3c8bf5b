//! Scripts that take a command's lines one by one: slower than they come, and not to the end.

use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::common::sshd::{Lab, Sshd};

/// The program with a script that has `host`.
fn script(lab: &Lab, server: &Sshd, text: &str) -> Command {
    let path = lab.path("flow.rhai");
    let head = format!(
        "let host = ssh::host(\"127.0.0.1\", #{{ port: {}, key: {:?}, known_hosts: {:?} }});\n",
        server.port,
        lab.path("id"),
        lab.path("known_hosts"),
    );
    std::fs::write(&path, head + text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_e2bscript"));
    command.args(["--no-journal", "--ssh-config"]);
    command.arg(lab.path("config")).arg(path);
    command
}

fn said(ran: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!(
        "{:?}\n{}\n{}",
        ran.status,
        text(&ran.stdout),
        text(&ran.stderr)
    )
}

#[test]
fn a_slow_closure_holds_the_command_up_and_misses_nothing() {
    let lab = Lab::new();
    let server = lab.sshd("node", "");
    // 100 MB, of which more come while the first line is dealt with than may wait here.
    let text = r#"
        let peak = || {
            let line = fs::read("/proc/self/status").split("\n").filter(|line| line.starts_with("VmHWM"))[0];
            parse_int(line.split(" ").filter(|word| word != "")[1])
        };
        host.run(["true"], #{ read_only: true });
        let before = peak.call();
        let same = host;
        let lines = 0;
        let bytes = 0;
        let last = "";
        let result = host.stream("head -c 100000000 /dev/zero | tr '\\0' x | fold -w 10000; echo; echo end; echo error >&2; exit 0", |line| {
            if lines == 0 {
                time::sleep("2s");
                // On the same host, which has nothing else to do than to wait for this.
                same.run(["true"], #{ read_only: true });
            }
            lines += 1;
            bytes += line.len;
            if line != "error" { last = line; }
        });
        print(`${lines} ${bytes} ${last} ${result.code} ${result.stdout.ends_with("end\n")}`);
        let grown = peak.call() - before;
        if grown > 64 * 1024 { throw `the peak grew by ${grown} KiB`; }
    "#;
    let ran = script(&lab, &server, text).output().unwrap();
    let stdout = String::from_utf8_lossy(&ran.stdout).into_owned();
    assert!(ran.status.success(), "{}", said(&ran));
    assert_eq!(
        stdout.trim(),
        "10002 100000008 end 0 true",
        "{}",
        said(&ran)
    );
}

#[test]
fn a_closure_that_fails_or_takes_too_long_ends_the_command() {
    let lab = Lab::new();
    let server = lab.sshd("node", "");
    let text = r#"
        let flood = "while :; do echo 0123456789; done";
        let ends = [
            || host.stream(flood, #{ timeout: "1s" }, |line| ()),
            || host.stream(flood, #{ timeout: "1s" }, |line| time::sleep("1h")),
            || host.stream("sleep 1000", #{ timeout: "1s" }, |line| ()),
            || host.stream(flood, |line| throw #{ kind: "own.reason", message: "enough" }),
            || host.stream("echo one; exit 3", |line| ()),
        ];
        for end in ends {
            try { end.call(); print("ended"); } catch (e) { print(e.kind); }
        }
        print(host.run(["echo", "still there"], #{ read_only: true }).stdout);
    "#;
    let ran = script(&lab, &server, text).output().unwrap();
    let stdout = String::from_utf8_lossy(&ran.stdout).into_owned();
    let lines: Vec<&str> = stdout.lines().collect();
    assert_eq!(
        lines[..6],
        [
            "task.timeout",
            "task.timeout",
            "task.timeout",
            "own.reason",
            "host.command",
            "still there"
        ],
        "{}",
        said(&ran)
    );
}

#[test]
fn a_signal_ends_a_command_whose_lines_nobody_takes() {
    let lab = Lab::new();
    let server = lab.sshd("node", "");
    let text = r#"
        host.stream("while :; do echo 0123456789; done", |line| {
            print("taken");
            time::sleep("1h");
        });
    "#;
    let mut command = script(&lab, &server, text);
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut program = command.spawn().unwrap();
    let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "taken");
    let pid = Pid::from_raw(program.id().try_into().unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    assert_eq!(program.wait().unwrap().code(), Some(130));
}
