//! What is wrong is said before anything is touched.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::common::lab::{Lab, SMALL};
use crate::golden::report_is;

/// The head of a Mach-O executable for x86-64.
const MACH_O: &[u8] = &[
    0xcf, 0xfa, 0xed, 0xfe, 7, 0, 0, 1, 3, 0, 0, 0, 2, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0,
];

#[test]
fn nothing_is_touched_when_the_input_is_wrong() {
    let lab = Lab::up(SMALL);
    let nodes = ["bastion", "server-1", "api-1", "client-1"];
    let before = nodes.map(|node| (lab.audit(node), log_ins(&lab, node)));

    artifacts(&lab);
    configuration(&lab);
    scripts(&lab);
    tree(&lab);

    let after = nodes.map(|node| (lab.audit(node), log_ins(&lab, node)));
    assert!(before == after, "a refused run reached a node");
}

/// How often sshd heard of somebody.
fn log_ins(lab: &Lab, node: &str) -> String {
    lab.ask(
        node,
        "journalctl --no-pager -u ssh | grep -c 'Connection\\|Accepted' || :",
    )
}

fn artifacts(lab: &Lab) {
    let envd = lab.file("artifacts/bin/envd");
    let orchestrator = lab.file("artifacts/bin/orchestrator");
    let kept = [&envd, &orchestrator].map(|path| fs::read(path).unwrap());
    fs::remove_file(&envd).unwrap();
    fs::write(&orchestrator, MACH_O).unwrap();
    let ran = lab.run(&["stage.rhai"]).ended(2);
    report_is("artifacts", lab, &ran.stderr);
    fs::write(&envd, &kept[0]).unwrap();
    fs::write(&orchestrator, &kept[1]).unwrap();
}

fn configuration(lab: &Lab) {
    let text = fs::read_to_string(lab.file("deploy.env")).unwrap();
    let wrong: String = text
        .lines()
        .map(|line| match line.split_once('=') {
            Some(("SSH_USER", user)) => format!("SSH_USER = {user}\n"),
            Some(("BASTION_HOST", _)) => "BASTION_HOST=REPLACE_WITH_BASTION_PUBLIC_IP\n".to_owned(),
            Some(("KERNEL_SHA256", sum)) => format!("KERNEL_SHA265={sum}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let path = lab.home.path().join("wrong.env");
    fs::write(&path, wrong).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let words = ["stage.rhai", "--env-file", path.to_str().unwrap()];
    let ran = lab.run(&words).ended(2);
    report_is("configuration", lab, &ran.stderr);
}

fn scripts(lab: &Lab) {
    let script = |name: &str, last: &str| {
        let path = lab.home.path().join(name);
        let text = format!(
            "import \"std/config\" as config;\nimport \"std/cluster\" as cluster;\n\
             let c = cluster::open(config::load(env::get(\"E2BSCRIPT_ENV_FILE\")));\n{last}\n"
        );
        fs::write(&path, text).unwrap();
        let ran = lab.run(&[path.to_str().unwrap()]).ended(3);
        report_is(name.trim_end_matches(".rhai"), lab, &ran.stderr);
    };
    script(
        "typo.rhai",
        "c.hosts[0].run(\"true\");\nc.hosts[0].rum(\"true\");",
    );
    script(
        "syntax.rhai",
        "for host in c.hosts {\n    host.run(\"true\"\n}",
    );
    script(
        "option.rhai",
        "c.hosts[0].ensure([state::text(\"/etc/x\", \"y\", #{ mod: \"0644\" })]);",
    );
}

fn tree(lab: &Lab) {
    let mut command = lab.command(&["stage.rhai"]);
    command.current_dir(lab.home.path());
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    report_is("tree", lab, &stderr);
}
