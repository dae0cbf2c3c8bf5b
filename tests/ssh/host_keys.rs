//! Host keys on every hop, judged before any credential is offered.

use std::fs;
use std::process::Command;

use e2bscript::ssh::{Error, Exec, HostKeyCause, HostKeyPolicy, Options, Ssh, Target};

use crate::common::sshd::{Lab, Sshd, read, run};

async fn call(options: Options, target: Target) -> Result<(), Error> {
    let ssh = Ssh::new(options).unwrap();
    let result = ssh.host(target).await?.exec(Exec::new("true")).await;
    ssh.close().await;
    result.map(drop)
}

fn accept_new(lab: &Lab) -> Options {
    Options {
        host_keys: HostKeyPolicy::AcceptNew,
        ..lab.options()
    }
}

fn forget_all(lab: &Lab) {
    fs::write(lab.path("known_hosts"), "").unwrap();
}

fn other_key(lab: &Lab) -> String {
    let path = lab.keygen("other", "ed25519", "");
    let line = read(&path.with_extension("pub"));
    line.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

fn name(server: &Sshd) -> String {
    format!("[127.0.0.1]:{}", server.port)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_key_is_refused_on_either_hop_and_nothing_is_offered() {
    let lab = Lab::new();
    let (bastion, inner) = (lab.sshd("bastion", ""), lab.sshd("inner", ""));
    for (wrong, right) in [(&bastion, &inner), (&inner, &bastion)] {
        forget_all(&lab);
        lab.know(right);
        lab.know_as(&name(wrong), &other_key(&lab));
        for options in [lab.options(), accept_new(&lab)] {
            let before = read(&lab.path("known_hosts"));
            let error = call(options, lab.behind(&[&bastion], &inner))
                .await
                .unwrap_err();
            assert_eq!(
                (error.kind(), error.hop()),
                ("ssh.host_key", Some(&*wrong.name))
            );
            let Error::HostKey(problem) = &error else {
                panic!("{error:?}");
            };
            let HostKeyCause::Changed { known } = &problem.cause else {
                panic!("{problem:?}");
            };
            assert_eq!(known[0].line, 2);
            let text = error.to_string();
            assert!(
                text.contains(&problem.presented.as_ref().unwrap().sha256),
                "{text}"
            );
            assert!(text.contains(&known[0].key.sha256), "{text}");
            let command = &problem.removal_commands()[0];
            assert!(error.help().unwrap().contains(command));
            assert_eq!(read(&lab.path("known_hosts")), before);
        }
        assert!(
            !wrong.log().contains("Accepted publickey"),
            "{}",
            wrong.log()
        );
        assert!(!wrong.log().contains("userauth"), "{}", wrong.log());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_in_the_message_removes_the_old_key() {
    let lab = Lab::new();
    let server = lab.sshd("node", "");
    forget_all(&lab);
    lab.know_as(&name(&server), &other_key(&lab));
    let error = call(lab.options(), lab.target(&server)).await.unwrap_err();
    let Error::HostKey(problem) = error else {
        panic!("{error}");
    };
    run(Command::new("sh").args(["-c", &problem.removal_commands()[0]]));
    call(accept_new(&lab), lab.target(&server)).await.unwrap();
    call(lab.options(), lab.target(&server)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_host_is_refused_and_recorded_only_on_request() {
    let lab = Lab::new();
    let (bastion, inner) = (
        lab.unknown_sshd("bastion", ""),
        lab.unknown_sshd("inner", ""),
    );
    let target = || lab.behind(&[&bastion], &inner);
    let error = call(lab.options(), target()).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.hop()),
        ("ssh.host_key_unknown", Some("bastion"))
    );
    assert_eq!(read(&lab.path("known_hosts")), "");
    call(accept_new(&lab), target()).await.unwrap();
    let written = read(&lab.path("known_hosts"));
    for server in [&bastion, &inner] {
        let line = format!("{} {}\n", name(server), server.host_key);
        assert!(written.contains(&line), "{written}");
    }
    call(lab.options(), target()).await.unwrap();
    call(accept_new(&lab), target()).await.unwrap();
    assert_eq!(read(&lab.path("known_hosts")), written);
}

#[tokio::test(flavor = "multi_thread")]
async fn openssh_reads_what_was_recorded() {
    let lab = Lab::new();
    let server = lab.unknown_sshd("node", "");
    fs::write(lab.path("config"), "HashKnownHosts yes\n").unwrap();
    call(accept_new(&lab), lab.target(&server)).await.unwrap();
    let written = read(&lab.path("known_hosts"));
    assert!(written.starts_with("|1|"), "{written}");
    let found = Command::new("ssh-keygen")
        .args(["-F", &name(&server), "-f"])
        .arg(lab.path("known_hosts"))
        .output()
        .unwrap();
    assert!(found.status.success());
    call(lab.options(), lab.target(&server)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_is_refused_even_when_new_keys_are_accepted() {
    let lab = Lab::new();
    let server = lab.sshd("node", "");
    let line = format!("@revoked * {}\n", server.host_key);
    fs::write(
        lab.path("known_hosts"),
        read(&lab.path("known_hosts")) + line.as_str(),
    )
    .unwrap();
    for options in [lab.options(), accept_new(&lab)] {
        let error = call(options, lab.target(&server)).await.unwrap_err();
        assert_eq!(error.kind(), "ssh.host_key_revoked", "{error}");
        assert!(error.to_string().contains("known_hosts:2"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_with_several_keys_is_asked_for_the_known_one() {
    let lab = Lab::new();
    for (name, kind) in [("h1", "ed25519"), ("h2", "rsa"), ("h3", "ecdsa")] {
        lab.keygen(name, kind, "");
    }
    let keys: Vec<String> = ["h1", "h2", "h3"]
        .iter()
        .map(|name| format!("HostKey {}\n", lab.path(name).display()))
        .collect();
    let server = lab.unknown_sshd("node", &keys.concat());
    for known in ["h1", "h2", "h3"] {
        forget_all(&lab);
        lab.know_as(
            &name(&server),
            read(&lab.path(&format!("{known}.pub"))).trim(),
        );
        call(lab.options(), lab.target(&server))
            .await
            .unwrap_or_else(|e| panic!("{known}: {e}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alias_files_the_key_under_its_own_name() {
    let lab = Lab::new();
    let server = lab.unknown_sshd("node", "");
    lab.know_as("node-alias", &server.host_key);
    let target = Target {
        host_key_alias: Some("node-alias".to_owned()),
        ..lab.target(&server)
    };
    call(lab.options(), target).await.unwrap();
    let error = call(lab.options(), lab.target(&server)).await.unwrap_err();
    assert_eq!(error.kind(), "ssh.host_key_unknown");
    fs::write(lab.path("config"), "HostKeyAlias node-alias\n").unwrap();
    call(lab.options(), lab.target(&server)).await.unwrap();
}

fn certified_server(lab: &Lab, principals: &str, validity: &str) -> Sshd {
    lab.keygen("host_ca", "ed25519", "");
    lab.keygen("host_node", "ed25519", "");
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-h", "-I", "node", "-V", validity]);
    if !principals.is_empty() {
        command.args(["-n", principals]);
    }
    run(command
        .arg("-s")
        .arg(lab.path("host_ca"))
        .arg(lab.path("host_node.pub")));
    let certificate = lab.path("host_node-cert.pub");
    lab.unknown_sshd(
        "node",
        &format!("HostCertificate {}\n", certificate.display()),
    )
}

fn trust(lab: &Lab, names: &str, authority: &str) {
    let key = read(&lab.path(&format!("{authority}.pub")));
    let line = format!("@cert-authority {names} {key}");
    fs::write(lab.path("known_hosts"), line).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_certificate_of_a_trusted_authority_is_enough() {
    let lab = Lab::new();
    let server = certified_server(&lab, "127.0.0.1", "-1h:+1h");
    trust(&lab, "*", "host_ca");
    let before = read(&lab.path("known_hosts"));
    call(accept_new(&lab), lab.target(&server)).await.unwrap();
    call(lab.options(), lab.target(&server)).await.unwrap();
    assert_eq!(
        read(&lab.path("known_hosts")),
        before,
        "its bare key is not recorded"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_that_do_not_hold_are_refused() {
    for (principals, validity, part) in [
        ("10.9.9.9", "-1h:+1h", "not for `127.0.0.1`"),
        ("127.0.0.1", "-2h:-1h", "expired"),
        ("", "-1h:+1h", "names no host"),
    ] {
        let lab = Lab::new();
        let server = certified_server(&lab, principals, validity);
        trust(&lab, "*", "host_ca");
        for options in [lab.options(), accept_new(&lab)] {
            let error = call(options, lab.target(&server)).await.unwrap_err();
            assert_eq!(error.kind(), "ssh.host_key");
            assert!(error.to_string().contains(part), "{error}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_s_certificate_is_not_learnt_and_a_known_key_under_it_still_counts() {
    let lab = Lab::new();
    let server = certified_server(&lab, "127.0.0.1", "-1h:+1h");
    lab.keygen("stranger_ca", "ed25519", "");
    trust(&lab, "*", "stranger_ca");
    let error = call(accept_new(&lab), lab.target(&server))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), "ssh.host_key", "{error}");
    assert!(
        error.to_string().contains("no `@cert-authority`"),
        "{error}"
    );
    lab.know(&server);
    call(lab.options(), lab.target(&server)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_known_hosts_that_cannot_be_read_is_a_refusal() {
    let lab = Lab::new();
    let server = lab.sshd("node", "");
    let options = Options {
        known_hosts: vec![lab.path("known_hosts"), lab.dir.path().to_owned()],
        ..accept_new(&lab)
    };
    let error = call(options, lab.target(&server)).await.unwrap_err();
    assert_eq!(error.kind(), "ssh.known_hosts");
    assert!(!server.log().contains("Accepted"), "{}", server.log());
}
