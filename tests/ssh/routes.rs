//! Ways to a host: jumps, proxies, streams from it, and how connections are shared.

use std::fs;

use e2bscript::ssh::{Class, Error, Exec, Ssh, Stdin, Target};
use e2bscript::wire::Dialer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::common::sshd::{Lab, free_port, user};

#[tokio::test(flavor = "multi_thread")]
async fn all_hosts_behind_a_bastion_share_its_connection() {
    let lab = Lab::new();
    let bastion = lab.sshd("bastion", "");
    let inner: Vec<_> = (0..6).map(|n| lab.sshd(&format!("n{n}"), "")).collect();
    let ssh = Ssh::new(lab.options()).unwrap();
    let tasks = inner.iter().map(|server| {
        let (ssh, target) = (ssh.clone(), lab.behind(&[&bastion], server));
        async move {
            let host = ssh.host(target).await.unwrap();
            host.exec(Exec::new("echo hi")).await.unwrap().stdout
        }
    });
    let outputs = futures_util::future::join_all(tasks).await;
    assert!(outputs.iter().all(|output| output == b"hi\n"));
    assert_eq!(bastion.connections(), 1);
    assert_eq!(ssh.stats().total.connects, 7);
    ssh.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_hops() {
    let lab = Lab::new();
    let hops = [lab.sshd("a", ""), lab.sshd("b", ""), lab.sshd("c", "")];
    let last = lab.sshd("d", "");
    let ssh = Ssh::new(lab.options()).unwrap();
    let target = lab.behind(&[&hops[0], &hops[1], &hops[2]], &last);
    let host = ssh.host(target).await.unwrap();
    let finished = host.exec(Exec::new("echo deep")).await.unwrap();
    assert_eq!(finished.stdout, b"deep\n");
    assert!(hops.iter().all(|hop| hop.connections() == 1));
    ssh.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_s_configuration_leads_the_way() {
    let lab = Lab::new();
    let (bastion, inner) = (lab.sshd("bastion", ""), lab.sshd("inner", ""));
    let text = format!(
        "Host *\n  User {}\n  IdentityFile {}\n  IdentitiesOnly yes\n\
         Host gate\n  HostName 127.0.0.1\n  Port {}\n\
         Host node\n  HostName 127.0.0.1\n  Port {}\n  ProxyJump gate\n\
         Host piped\n  HostName 127.0.0.1\n  Port {}\n  \
         ProxyCommand ssh -F {} -o UserKnownHostsFile={} -W %h:%p gate\n\
         Host round\n  ProxyJump round\n",
        user(),
        lab.path("id").display(),
        bastion.port,
        inner.port,
        inner.port,
        lab.path("config").display(),
        lab.path("known_hosts").display(),
    );
    fs::write(lab.path("config"), text).unwrap();
    let ssh = Ssh::new(lab.options()).unwrap();
    for alias in ["node", "piped"] {
        let host = ssh.host(Target::new(alias)).await.unwrap();
        assert_eq!(
            (host.name(), host.address(), host.port()),
            (alias, "127.0.0.1", inner.port)
        );
        let exec = Exec::new("cat").stdin(Stdin::Bytes("through".into()));
        assert_eq!(host.exec(exec).await.unwrap().stdout, b"through", "{alias}");
    }
    assert_eq!((bastion.connections(), inner.connections()), (2, 2));
    let direct = Target {
        jump: Some(Vec::new()),
        ..Target::new("node")
    };
    ssh.host(direct)
        .await
        .unwrap()
        .exec(Exec::new("true"))
        .await
        .unwrap();
    assert_eq!((bastion.connections(), inner.connections()), (2, 3));
    let error = ssh.host(Target::new("round")).await.err().unwrap();
    assert_eq!(error.kind(), "ssh.config");
    assert!(error.to_string().contains("lead to itself"), "{error}");
    ssh.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_from_a_host_carries_bytes_both_ways() {
    let lab = Lab::new();
    let (bastion, inner) = (lab.sshd("bastion", ""), lab.sshd("inner", ""));
    let ssh = Ssh::new(lab.options()).unwrap();
    let host = ssh.host(lab.behind(&[&bastion], &inner)).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut read, mut write) = stream.split();
                let _ = tokio::io::copy(&mut read, &mut write).await;
                let _ = write.shutdown().await;
            });
        }
    });
    let dialer = host.dialer();
    let mut stream = dialer.dial("127.0.0.1", port).await.unwrap();
    stream.write_all(b"echo me").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut back = String::new();
    stream.read_to_string(&mut back).await.unwrap();
    assert_eq!(back, "echo me");
    let stats = host.stats();
    assert_eq!(
        (stats.bytes_up, stats.bytes_down, stats.round_trips),
        (7, 7, 1)
    );
    ssh.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_reached_names_the_hop_and_the_way() {
    let lab = Lab::new();
    let bastion = lab.sshd("bastion", "");
    let closed = lab.sshd("closed", "AllowTcpForwarding no\n");
    let ssh = Ssh::new(lab.options()).unwrap();
    let nowhere = |jump| Target {
        name: Some("nowhere".to_owned()),
        port: Some(free_port()),
        jump: Some(jump),
        ..lab.target(&bastion)
    };
    let direct = ssh.host(nowhere(Vec::new())).await.unwrap();
    let error = direct.connect().await.unwrap_err();
    assert_eq!(
        (error.kind(), error.hop()),
        ("ssh.connect", Some("nowhere"))
    );
    assert!(error.is_unreachable());
    let behind = ssh.host(nowhere(vec![lab.target(&bastion)])).await.unwrap();
    let error = behind.connect().await.unwrap_err();
    assert_eq!(
        (error.kind(), error.hop()),
        ("ssh.connect", Some("nowhere"))
    );
    let text = error.to_string();
    assert!(
        text.contains("through `bastion`") && text.contains("refused"),
        "{text}"
    );
    let barred = ssh.host(nowhere(vec![lab.target(&closed)])).await.unwrap();
    let error = barred.connect().await.unwrap_err();
    assert_eq!((error.kind(), error.hop()), ("ssh.channel", Some("closed")));
    assert!(error.help().unwrap().contains("AllowTcpForwarding"));
    let host = ssh.host(lab.target(&bastion)).await.unwrap();
    let error = host
        .dialer()
        .dial("127.0.0.1", free_port())
        .await
        .err()
        .unwrap();
    assert_eq!(error.kind(), "wire.tunnel");
    ssh.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_names_are_refused_before_anything_is_connected() {
    let lab = Lab::new();
    let server = lab.sshd("node", "");
    let ssh = Ssh::new(lab.options()).unwrap();
    for host in ["a;b", "$(id)", "-oProxyCommand=id", "a b"] {
        let error = ssh.host(Target::new(host)).await.err().unwrap();
        assert_eq!(error.kind(), "ssh.name");
    }
    let target = Target {
        user: Some("x;y".to_owned()),
        ..lab.target(&server)
    };
    assert_eq!(ssh.host(target).await.err().unwrap().kind(), "ssh.name");
    let host = ssh.host(lab.target(&server)).await.unwrap();
    assert!(matches!(
        host.dial("a\nb", 1).await.err(),
        Some(Error::Name { .. })
    ));
    assert_eq!(server.connections(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_class_has_its_connection_and_commands_share_one() {
    let lab = Lab::new();
    let (bastion, inner) = (lab.sshd("bastion", ""), lab.sshd("inner", ""));
    let ssh = Ssh::new(lab.options()).unwrap();
    let host = ssh.host(lab.behind(&[&bastion], &inner)).await.unwrap();
    let same = ssh.host(lab.behind(&[&bastion], &inner)).await.unwrap();
    for _ in 0..3 {
        host.exec(Exec::new("true")).await.unwrap();
        same.exec(Exec::new("true")).await.unwrap();
        same.exec(Exec::new("true").class(Class::Bulk))
            .await
            .unwrap();
    }
    assert_eq!((bastion.connections(), inner.connections()), (2, 2));
    assert_eq!(same.stats().sessions, 9);
    ssh.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_commands_than_sessions_wait_and_then_get_a_further_connection() {
    let lab = Lab::new();
    let server = lab.sshd("node", "");
    let ssh = Ssh::new(lab.options()).unwrap();
    let host = ssh.host(lab.target(&server)).await.unwrap();
    let quick = (0..40).map(|_| host.exec(Exec::new("true")));
    let done = futures_util::future::join_all(quick).await;
    assert!(done.into_iter().all(|one| one.unwrap().success()));
    // Whether a further connection is worth its cost depends on how fast the machine is.
    assert!((1..=4).contains(&server.connections()));
    let slow = (0..24).map(|_| host.exec(Exec::new("sleep 3")));
    let done = futures_util::future::join_all(slow).await;
    assert!(done.into_iter().all(|one| one.unwrap().success()));
    assert!((2..=4).contains(&server.connections()));
    ssh.close().await;
}
