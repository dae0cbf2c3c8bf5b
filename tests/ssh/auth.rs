//! Logging in with every kind of key, and saying what is wrong when that fails.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use e2bscript::ssh::{Class, Error, Exec, Options, Ssh, Target};

use crate::common::sshd::{Lab, Sshd, run};

async fn log_in(options: Options, target: Target) -> Result<(), Error> {
    let ssh = Ssh::new(options).unwrap();
    let result = ssh.host(target).await?.exec(Exec::new("true")).await;
    ssh.close().await;
    result.map(|finished| assert!(finished.success()))
}

/// An agent of the test's own.
struct Agent {
    socket: PathBuf,
    child: Child,
}

impl Agent {
    fn start(lab: &Lab) -> Self {
        let socket = lab.path("agent.sock");
        let child = Command::new("ssh-agent")
            .arg("-D")
            .arg("-a")
            .arg(&socket)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(5);
        while !socket.exists() {
            assert!(Instant::now() < deadline);
            std::thread::sleep(Duration::from_millis(5));
        }
        Self { socket, child }
    }

    fn add(&self, key: &std::path::Path) {
        run(Command::new("ssh-add")
            .arg("-q")
            .arg(key)
            .env("SSH_AUTH_SOCK", &self.socket));
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn allow(lab: &Lab, key: &str) {
    fs::copy(lab.path(&format!("{key}.pub")), lab.path("authorized_keys")).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn key_files_of_all_kinds_and_formats() {
    let lab = Lab::new();
    let server = lab.sshd("node", "");
    for (name, kind, format) in [
        ("k1", "ed25519", None),
        ("k2", "ecdsa", None),
        ("k3", "rsa", None),
        ("k4", "rsa", Some("PEM")),
        ("k5", "rsa", Some("PKCS8")),
        ("k6", "ecdsa", Some("PKCS8")),
    ] {
        let path = lab.keygen(name, kind, "");
        if let Some(format) = format {
            run(Command::new("ssh-keygen")
                .args(["-q", "-p", "-P", "", "-N", "", "-m", format, "-f"])
                .arg(&path));
        }
        allow(&lab, name);
        let target = Target {
            identities: vec![path],
            ..lab.target(&server)
        };
        log_in(lab.options(), target)
            .await
            .unwrap_or_else(|error| panic!("{kind} {format:?}: {error}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passphrase_is_asked_once_for_all_hosts() {
    let lab = Lab::new();
    let servers = [lab.sshd("n1", ""), lab.sshd("n2", "")];
    let key = lab.keygen("locked", "ed25519", "open sesame");
    allow(&lab, "locked");
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = asked.clone();
    let ssh = Ssh::new(Options {
        passphrase: Arc::new(move |path| {
            assert!(path.ends_with("locked"));
            counter.fetch_add(1, Ordering::Relaxed);
            Some("open sesame".to_owned().into())
        }),
        ..lab.options()
    })
    .unwrap();
    let all = servers.iter().map(|server| {
        let target = Target {
            identities: vec![key.clone()],
            ..lab.target(server)
        };
        let ssh = ssh.clone();
        async move {
            let host = ssh.host(target).await.unwrap();
            host.exec(Exec::new("true")).await.unwrap();
            host.exec(Exec::new("true").class(Class::Bulk))
                .await
                .unwrap();
        }
    });
    futures_util::future::join_all(all).await;
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    ssh.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_or_missing_passphrase_is_said() {
    let lab = Lab::new();
    let server = lab.sshd("node", "");
    let target = Target {
        identities: vec![lab.keygen("locked", "ed25519", "right")],
        ..lab.target(&server)
    };
    allow(&lab, "locked");
    let wrong = Options {
        passphrase: Arc::new(|_| Some("wrong".to_owned().into())),
        ..lab.options()
    };
    let error = log_in(wrong, target.clone()).await.unwrap_err();
    assert_eq!(error.kind(), "ssh.auth");
    assert!(
        error.to_string().contains("the passphrase is wrong"),
        "{error}"
    );
    let error = log_in(lab.options(), target).await.unwrap_err();
    assert!(
        error.to_string().contains("there is no passphrase"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agent_logs_in_and_the_right_key_goes_first() {
    let lab = Lab::new();
    let server = lab.sshd("node", "MaxAuthTries 2\n");
    let agent = Agent::start(&lab);
    for n in 0..8 {
        agent.add(&lab.keygen(&format!("other{n}"), "ed25519", ""));
    }
    agent.add(&lab.path("id"));
    let options = Options {
        agent: Some(agent.socket.clone()),
        ..lab.options()
    };
    // Only the public half is here, as with a key on a card.
    let private = fs::read(lab.path("id")).unwrap();
    let named = lab.target(&server);
    log_in(options.clone(), named.clone()).await.unwrap();
    fs::remove_file(lab.path("id")).unwrap();
    let unnamed = Target {
        identities: Vec::new(),
        ..named
    };
    let error = log_in(options.clone(), unnamed.clone()).await.unwrap_err();
    assert_eq!(error.kind(), "ssh.auth");
    assert!(error.to_string().contains("the server hung up"), "{error}");
    assert!(
        error.help().unwrap().contains("IdentitiesOnly"),
        "{error:?}"
    );
    // The configuration names the key, which is enough.
    fs::write(lab.path("id"), private).unwrap();
    fs::set_permissions(lab.path("id"), fs::Permissions::from_mode(0o600)).unwrap();
    let config = format!("IdentityFile {}\n", lab.path("id").display());
    fs::write(lab.path("config"), config).unwrap();
    log_in(options, unnamed).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_key_file_alone_names_an_agent_key() {
    let lab = Lab::new();
    let server = lab.sshd("node", "MaxAuthTries 2\n");
    let agent = Agent::start(&lab);
    for n in 0..4 {
        agent.add(&lab.keygen(&format!("other{n}"), "ed25519", ""));
    }
    agent.add(&lab.path("id"));
    fs::remove_file(lab.path("id")).unwrap();
    let options = Options {
        agent: Some(agent.socket.clone()),
        ..lab.options()
    };
    log_in(options, lab.target(&server)).await.unwrap();
    let error = log_in(lab.options(), lab.target(&server))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), "ssh.key");
    assert!(
        error.to_string().contains("only its public half"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_worked_is_offered_first_elsewhere() {
    let lab = Lab::new();
    let (easy, strict) = (
        lab.sshd("easy", "MaxAuthTries 20\n"),
        lab.sshd("strict", "MaxAuthTries 2\n"),
    );
    let agent = Agent::start(&lab);
    for n in 0..5 {
        agent.add(&lab.keygen(&format!("other{n}"), "ed25519", ""));
    }
    agent.add(&lab.path("id"));
    let ssh = Ssh::new(Options {
        agent: Some(agent.socket.clone()),
        ..lab.options()
    })
    .unwrap();
    for server in [&easy, &strict] {
        let target = Target {
            identities: Vec::new(),
            ..lab.target(server)
        };
        let host = ssh.host(target).await.unwrap();
        host.exec(Exec::new("true")).await.unwrap();
    }
    ssh.close().await;
}

fn certify(lab: &Lab, key: &str, principals: &str) {
    run(Command::new("ssh-keygen")
        .args(["-q", "-I", "test", "-n", principals, "-s"])
        .arg(lab.path("ca"))
        .arg(lab.path(&format!("{key}.pub"))));
}

fn ca_server(lab: &Lab) -> Sshd {
    lab.keygen("ca", "ed25519", "");
    fs::write(lab.path("authorized_keys"), "").unwrap();
    lab.sshd(
        "node",
        &format!("TrustedUserCAKeys {}\n", lab.path("ca.pub").display()),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_beside_the_key_named_and_from_the_agent() {
    let lab = Lab::new();
    let server = ca_server(&lab);
    let user = crate::common::sshd::user();
    for kind in ["ed25519", "rsa"] {
        let key = lab.keygen(kind, kind, "");
        let target = Target {
            identities: vec![key.clone()],
            ..lab.target(&server)
        };
        let error = log_in(lab.options(), target.clone()).await.unwrap_err();
        assert_eq!(error.kind(), "ssh.auth");
        certify(&lab, kind, &user);
        log_in(lab.options(), target.clone()).await.unwrap();
        let elsewhere = lab.path(&format!("{kind}-elsewhere"));
        fs::rename(lab.path(&format!("{kind}-cert.pub")), &elsewhere).unwrap();
        let named = Target {
            certificates: vec![elsewhere.clone()],
            ..target
        };
        log_in(lab.options(), named).await.unwrap();
        fs::rename(&elsewhere, lab.path(&format!("{kind}-cert.pub"))).unwrap();
        let agent = Agent::start(&lab);
        agent.add(&key);
        let options = Options {
            agent: Some(agent.socket.clone()),
            ..lab.options()
        };
        let unnamed = Target {
            identities: Vec::new(),
            ..lab.target(&server)
        };
        log_in(options, unnamed).await.unwrap();
        drop(agent);
        fs::remove_file(lab.path("agent.sock")).ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_cannot_be_used_are_named_with_the_reason() {
    let lab = Lab::new();
    let server = lab.sshd("node", "");
    let open = lab.keygen("open", "ed25519", "");
    fs::set_permissions(&open, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(lab.path("junk"), "not a key\n").unwrap();
    fs::set_permissions(lab.path("junk"), fs::Permissions::from_mode(0o600)).unwrap();
    for (name, part) in [
        ("absent", "there is no such file"),
        ("open", "chmod 600"),
        ("junk", "not a private key"),
    ] {
        let target = Target {
            identities: vec![lab.path(name)],
            ..lab.target(&server)
        };
        let error = log_in(lab.options(), target).await.unwrap_err();
        assert_eq!(error.kind(), "ssh.key", "{error}");
        let text = error.to_string();
        assert!(text.contains(name) && text.contains(part), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_login_says_what_was_tried_and_what_would_be_taken() {
    let lab = Lab::new();
    let (bastion, inner) = (lab.sshd("bastion", ""), lab.sshd("inner", ""));
    lab.keygen("stranger", "ed25519", "");
    let mut target = lab.behind(&[&bastion], &inner);
    target.identities = vec![lab.path("stranger"), lab.path("absent")];
    let error = log_in(lab.options(), target).await.unwrap_err();
    assert_eq!((error.kind(), error.hop()), ("ssh.auth", Some("inner")));
    assert!(!error.is_unreachable());
    let text = error.to_string();
    for part in [
        "stranger (refused)",
        "absent (there is no such file)",
        "accepts publickey",
    ] {
        assert!(text.contains(part), "{text} lacks {part}");
    }
    assert!(error.help().unwrap().contains("authorized_keys"));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_any_key_the_message_says_so() {
    let lab = Lab::new();
    let server = lab.sshd("node", "");
    let target = Target {
        identities: Vec::new(),
        ..lab.target(&server)
    };
    let error = log_in(lab.options(), target).await.unwrap_err();
    assert_eq!(error.kind(), "ssh.auth");
    let text = error.to_string();
    assert!(
        text.contains("there is no key to offer") && text.contains("publickey"),
        "{text}"
    );
}
