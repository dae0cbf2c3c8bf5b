//! Servers and networks that misbehave.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use e2bscript::ssh::{Class, Error, Exec, Options, Ssh, Stdin, Target};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::common::sshd::{Lab, kill};

/// A TCP relay that can stop forwarding without closing anything.
struct Relay {
    port: u16,
    open: Arc<AtomicBool>,
    forwarded: Arc<AtomicUsize>,
}

impl Relay {
    async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let relay = Self {
            port: listener.local_addr().unwrap().port(),
            open: Arc::new(AtomicBool::new(true)),
            forwarded: Arc::default(),
        };
        let (open, forwarded) = (relay.open.clone(), relay.forwarded.clone());
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let far = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                let (near_read, near_write) = near.into_split();
                let (far_read, far_write) = far.into_split();
                tokio::spawn(pump(near_read, far_write, open.clone(), forwarded.clone()));
                tokio::spawn(pump(far_read, near_write, open.clone(), Arc::default()));
            }
        });
        relay
    }

    fn cut(&self) {
        self.open.store(false, Ordering::Relaxed);
    }
}

async fn pump(
    mut read: impl AsyncReadExt + Unpin,
    mut write: impl AsyncWriteExt + Unpin,
    open: Arc<AtomicBool>,
    forwarded: Arc<AtomicUsize>,
) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count) = read.read(&mut buffer).await {
        if count == 0 {
            let _ = write.shutdown().await;
            return;
        }
        while !open.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if write.write_all(&buffer[..count]).await.is_err() {
            return;
        }
        forwarded.fetch_add(count, Ordering::Relaxed);
    }
}

fn watchful(lab: &Lab) -> Options {
    Options {
        keepalive_interval: Duration::from_millis(400),
        keepalive_max: 2,
        ..lab.options()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_partition_is_found_while_waiting_and_while_sending() {
    let lab = Lab::new();
    let (bastion, inner) = (lab.sshd("bastion", ""), lab.sshd("inner", ""));
    for behind in [false, true] {
        for sending in [false, true] {
            let server = if behind { &bastion } else { &inner };
            let relay = Relay::to(server.port).await;
            let through = Target {
                port: Some(relay.port),
                host_key_alias: Some("same".to_owned()),
                ..lab.target(server)
            };
            lab.know_as("same", &server.host_key);
            let target = if behind {
                Target {
                    jump: Some(vec![through]),
                    ..lab.target(&inner)
                }
            } else {
                through
            };
            let ssh = Ssh::new(watchful(&lab)).unwrap();
            let host = ssh.host(target).await.unwrap();
            let exec = if sending {
                let input = Stdin::Bytes(vec![0; 256 << 20].into());
                Exec::new("cat >/dev/null").class(Class::Bulk).stdin(input)
            } else {
                Exec::new("sleep 60")
            };
            let before = relay.forwarded.load(Ordering::Relaxed);
            let work = tokio::spawn(async move { host.exec(exec).await });
            let enough = if sending { 4 << 20 } else { 3000 };
            while relay.forwarded.load(Ordering::Relaxed) < before + enough {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
            relay.cut();
            let began = Instant::now();
            let found = tokio::time::timeout(Duration::from_secs(10), work).await;
            let error = found
                .unwrap_or_else(|_| panic!("not found: behind {behind}, sending {sending}"))
                .unwrap()
                .unwrap_err();
            assert_eq!(error.kind(), "ssh.connection_lost", "{error}");
            assert!(error.is_outcome_unknown());
            // Interval times (max + 1), and some air for a busy machine.
            assert!(
                began.elapsed() < Duration::from_secs(5),
                "{:?}",
                began.elapsed()
            );
            ssh.close().await;
        }
        std::fs::write(lab.path("known_hosts"), "").unwrap();
        lab.know(&bastion);
        lab.know(&inner);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_dies_under_a_command_is_told_and_replaced_for_the_next() {
    let lab = Lab::new();
    let (bastion, inner) = (lab.sshd("bastion", ""), lab.sshd("inner", ""));
    let ssh = Ssh::new(lab.options()).unwrap();
    let host = ssh.host(lab.behind(&[&bastion], &inner)).await.unwrap();
    for (victim, connects) in [(&inner, 2), (&bastion, 3)] {
        let running = {
            let host = host.clone();
            tokio::spawn(async move { host.exec(Exec::new("sleep 60")).await })
        };
        tokio::time::sleep(Duration::from_millis(500)).await;
        victim.children().into_iter().for_each(kill);
        let lost = tokio::time::timeout(Duration::from_secs(5), running)
            .await
            .unwrap();
        let error = lost.unwrap().unwrap_err();
        assert_eq!(error.kind(), "ssh.connection_lost", "{error}");
        assert!(error.is_outcome_unknown());
        assert!(
            error
                .help()
                .unwrap()
                .contains("check before running it again")
        );
        host.exec(Exec::new("true")).await.unwrap();
        assert_eq!(host.stats().connects, connects);
    }
    ssh.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn starts_that_are_turned_away_are_tried_again() {
    let lab = Lab::new();
    let server = lab.sshd("node", "MaxStartups 2:100:2\nLoginGraceTime 5\n");
    for n in 0..12 {
        lab.know_as(&format!("alias-{n}"), &server.host_key);
    }
    // Squatters that never log in fill the server up for a while.
    let mut squatters = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(("127.0.0.1", server.port))
            .await
            .unwrap();
        stream.write_all(b"SSH-2.0-squatter\r\n").await.unwrap();
        squatters.push(stream);
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(800)).await;
        drop(squatters);
    });
    let ssh = Ssh::new(lab.options()).unwrap();
    let all = (0..12).map(|n| {
        let target = Target {
            host_key_alias: Some(format!("alias-{n}")),
            ..lab.target(&server)
        };
        let ssh = ssh.clone();
        async move { ssh.host(target).await?.exec(Exec::new("true")).await }
    });
    for result in futures_util::future::join_all(all).await {
        result.unwrap();
    }
    assert!(
        server.log().contains("MaxStartups"),
        "nothing was turned away"
    );
    ssh.close().await;
    let impatient = Ssh::new(Options {
        start_patience: Duration::ZERO,
        ..lab.options()
    })
    .unwrap();
    let mut squatters = Vec::new();
    for _ in 0..2 {
        squatters.push(
            TcpStream::connect(("127.0.0.1", server.port))
                .await
                .unwrap(),
        );
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    let host = impatient.host(lab.target(&server)).await.unwrap();
    let error = host.connect().await.unwrap_err();
    assert_eq!(error.kind(), "ssh.handshake", "{error}");
    assert!(error.help().unwrap().contains("MaxStartups"), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_room_for_one_session_is_used_one_by_one() {
    let lab = Lab::new();
    let server = lab.sshd("node", "MaxSessions 1\n");
    let ssh = Ssh::new(lab.options()).unwrap();
    let host = ssh.host(lab.target(&server)).await.unwrap();
    let all = (0..12).map(|_| host.exec(Exec::new("sleep 0.05; echo ok")));
    for result in futures_util::future::join_all(all).await {
        assert_eq!(result.unwrap().stdout, b"ok\n");
    }
    ssh.close().await;
    let none = lab.sshd("none", "MaxSessions 0\n");
    let ssh = Ssh::new(lab.options()).unwrap();
    let host = ssh.host(lab.target(&none)).await.unwrap();
    let error = host.exec(Exec::new("true")).await.unwrap_err();
    assert_eq!(error.kind(), "ssh.channel", "{error}");
    ssh.close().await;
}

/// A server that says `greeting`, `times` over, and then nothing.
async fn speaker(greeting: &'static [u8], times: usize, hang_up: bool) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                for _ in 0..times {
                    if stream.write_all(greeting).await.is_err() {
                        return;
                    }
                }
                if !hang_up {
                    tokio::time::sleep(Duration::from_secs(60)).await;
                }
            });
        }
    });
    port
}

async fn connect_to(lab: &Lab, port: u16) -> Error {
    let ssh = Ssh::new(Options {
        connect_timeout: Duration::from_secs(1),
        start_patience: Duration::ZERO,
        ..lab.options()
    })
    .unwrap();
    let target = Target {
        name: Some("odd".to_owned()),
        port: Some(port),
        identities: vec![lab.path("id")],
        jump: Some(Vec::new()),
        ..Target::new("127.0.0.1")
    };
    let host = ssh.host(target).await.unwrap();
    let began = Instant::now();
    let error = host.connect().await.unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(4), "{error}");
    assert_eq!(error.hop(), Some("odd"));
    assert!(error.is_unreachable(), "{error:?}");
    error
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_that_do_not_speak_ssh_fail_soon_and_alone() {
    let lab = Lab::new();
    const LONG: &[u8] = &[b'x'; 64 * 1024];
    let silent = connect_to(&lab, speaker(b"", 0, false).await).await;
    assert_eq!(silent.kind(), "ssh.timeout");
    let endless = connect_to(&lab, speaker(b"hello\r\n", 1 << 20, false).await).await;
    assert_eq!(endless.kind(), "ssh.handshake");
    let one_line = connect_to(&lab, speaker(LONG, 160, false).await).await;
    assert_eq!(one_line.kind(), "ssh.handshake");
    let garbage = connect_to(
        &lab,
        speaker(b"SSH-2.0-x\r\n\0\0\0\x0cgarbage-here", 1, false).await,
    )
    .await;
    assert!(
        ["ssh.handshake", "ssh.timeout"].contains(&garbage.kind()),
        "{garbage}"
    );
    let web = connect_to(
        &lab,
        speaker(b"HTTP/1.1 400 Bad Request\r\n\r\n", 1, true).await,
    )
    .await;
    assert_eq!(web.kind(), "ssh.handshake");
    assert!(web.to_string().contains("HTTP/1.1 400"), "{web}");
    let banned = connect_to(
        &lab,
        speaker(b"Not allowed at this time\r\n", 1, true).await,
    )
    .await;
    assert!(
        banned.to_string().contains("Not allowed at this time"),
        "{banned}"
    );
    assert!(banned.help().unwrap().contains("PerSourcePenalties"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_bastion_fails_all_hosts_behind_it_with_one_attempt() {
    let lab = Lab::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let attempts = Arc::new(AtomicUsize::new(0));
    let counter = attempts.clone();
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            counter.fetch_add(1, Ordering::Relaxed);
            kept.push(stream);
        }
    });
    let ssh = Ssh::new(Options {
        connect_timeout: Duration::from_secs(1),
        ..lab.options()
    })
    .unwrap();
    let bastion = Target {
        name: Some("bastion".to_owned()),
        port: Some(port),
        jump: Some(Vec::new()),
        ..Target::new("127.0.0.1")
    };
    let began = Instant::now();
    let all = (0..20).map(|n| {
        let target = Target {
            jump: Some(vec![bastion.clone()]),
            ..Target::new(format!("10.1.1.{n}"))
        };
        let ssh = ssh.clone();
        async move {
            ssh.host(target)
                .await
                .unwrap()
                .exec(Exec::new("true"))
                .await
        }
    });
    for result in futures_util::future::join_all(all).await {
        let error = result.unwrap_err();
        assert_eq!(
            (error.kind(), error.hop()),
            ("ssh.timeout", Some("bastion"))
        );
    }
    assert_eq!(attempts.load(Ordering::Relaxed), 1);
    let took = began.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}");
    ssh.close().await;
}
