//! Commands: input, output, status, and what happens to those nobody waits for.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use bytes::Bytes;
use e2bscript::ssh::{Class, Exec, Host, OutputStream, Ssh, Stdin};
use tokio::io::AsyncReadExt;

use crate::common::sshd::{Lab, Sshd, kill};

async fn one(lab: &Lab, server: &Sshd) -> (Ssh, Host) {
    let ssh = Ssh::new(lab.options()).unwrap();
    let host = ssh.host(lab.target(server)).await.unwrap();
    (ssh, host)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_behind_a_bastion_gets_input_and_gives_output_and_status() {
    let lab = Lab::new();
    let (bastion, inner) = (lab.sshd("bastion", ""), lab.sshd("inner", ""));
    let ssh = Ssh::new(lab.options()).unwrap();
    let host = ssh.host(lab.behind(&[&bastion], &inner)).await.unwrap();
    let exec = Exec::new("cat; echo oops >&2; exit 7").stdin(Stdin::Bytes(Bytes::from("hello")));
    let finished = host.exec(exec).await.unwrap();
    assert_eq!(finished.stdout, b"hello");
    assert_eq!(finished.stderr, b"oops\n");
    assert_eq!((finished.code, finished.signal), (Some(7), None));
    let stats = host.stats();
    assert_eq!(
        (stats.connects, stats.sessions, stats.round_trips),
        (1, 1, 1)
    );
    assert_eq!((stats.bytes_up, stats.bytes_down), (5, 10));
    let stats = ssh.stats();
    assert_eq!((stats.total.connects, stats.hops), (2, 2));
    assert!(stats.wire_up > 1000 && stats.wire_down > 1000, "{stats:?}");
    ssh.close().await;
    assert_eq!((bastion.connections(), inner.connections()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_is_reported_by_name() {
    let lab = Lab::new();
    let server = lab.sshd("node", "");
    let (ssh, host) = one(&lab, &server).await;
    let finished = host.exec(Exec::new("kill -KILL $$")).await.unwrap();
    assert_eq!(
        (finished.code, finished.signal.as_deref()),
        (None, Some("KILL"))
    );
    assert!(!finished.success());
    ssh.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_input_a_command_that_reads_ends_at_once() {
    let lab = Lab::new();
    let server = lab.sshd("node", "");
    let (ssh, host) = one(&lab, &server).await;
    let read = host.exec(Exec::new("cat; echo end"));
    let finished = tokio::time::timeout(Duration::from_secs(5), read)
        .await
        .unwrap();
    assert_eq!(finished.unwrap().stdout, b"end\n");
    ssh.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_need_not_read_its_input() {
    let lab = Lab::new();
    let server = lab.sshd("node", "");
    let (ssh, host) = one(&lab, &server).await;
    let input = Bytes::from(vec![0; 16 << 20]);
    let exec = Exec::new("exit 3").stdin(Stdin::Bytes(input));
    assert_eq!(host.exec(exec).await.unwrap().code, Some(3));
    ssh.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_background_process_that_holds_the_output_does_not_hold_the_caller() {
    let lab = Lab::new();
    let server = lab.sshd("node", "");
    let (ssh, host) = one(&lab, &server).await;
    let began = Instant::now();
    let finished = host
        .exec(Exec::new("sleep 60 & echo $!; exit 5"))
        .await
        .unwrap();
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    assert_eq!((finished.code, finished.left_running), (Some(5), true));
    let quiet = host.exec(Exec::new("echo done")).await.unwrap();
    assert!(!quiet.left_running);
    ssh.close().await;
    kill(
        String::from_utf8(finished.stdout)
            .unwrap()
            .trim()
            .parse()
            .unwrap(),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn output_arrives_while_the_command_runs_and_any_bytes_are_fine() {
    let lab = Lab::new();
    let server = lab.sshd("node", "");
    let (ssh, host) = one(&lab, &server).await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = seen.clone();
    let began = Instant::now();
    let exec = Exec::new(r"printf '\377\0first'; sleep 1; printf second >&2").on_output(
        move |from, data: &[u8]| {
            let mut seen = sink.lock().unwrap();
            seen.push((from, data.to_vec(), began.elapsed()));
        },
    );
    host.exec(exec).await.unwrap();
    let seen = seen.lock().unwrap().clone();
    assert_eq!(
        (seen[0].0, &seen[0].1[..]),
        (OutputStream::Stdout, &b"\xff\0first"[..])
    );
    assert_eq!(
        (seen[1].0, &seen[1].1[..]),
        (OutputStream::Stderr, &b"second"[..])
    );
    assert!(seen[1].2 - seen[0].2 > Duration::from_millis(700));
    ssh.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn input_can_be_read_from_anywhere_and_its_progress_is_told() {
    let lab = Lab::new();
    let server = lab.sshd("node", "");
    let (ssh, host) = one(&lab, &server).await;
    let data = vec![b'x'; 3_000_000];
    let sent = Arc::new(Mutex::new(Vec::new()));
    let sink = sent.clone();
    let reader = Stdin::Reader(Box::pin(std::io::Cursor::new(data.clone())));
    let exec = Exec::new("wc -c")
        .class(Class::Bulk)
        .stdin(reader)
        .on_sent(move |total| sink.lock().unwrap().push(total));
    assert_eq!(host.exec(exec).await.unwrap().stdout, b"3000000\n");
    let sent = sent.lock().unwrap().clone();
    assert!(sent.len() > 3 && sent.is_sorted() && sent.last() == Some(&3_000_000));
    let pieces: Vec<std::io::Result<Bytes>> = vec![Ok("ab".into()), Ok("cd".into())];
    let chunks = Stdin::Chunks(Box::pin(futures_util::stream::iter(pieces)));
    let finished = host.exec(Exec::new("cat").stdin(chunks)).await.unwrap();
    assert_eq!(finished.stdout, b"abcd");
    let broken: Vec<std::io::Result<Bytes>> =
        vec![Ok("ab".into()), Err(std::io::Error::other("disk on fire"))];
    let chunks = Stdin::Chunks(Box::pin(futures_util::stream::iter(broken)));
    let error = host.exec(Exec::new("cat").stdin(chunks)).await.unwrap_err();
    assert_eq!(error.kind(), "ssh.input");
    assert!(error.to_string().contains("disk on fire"));
    ssh.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_output_is_whole_and_its_status_follows() {
    let lab = Lab::new();
    let (bastion, inner) = (lab.sshd("bastion", ""), lab.sshd("inner", ""));
    let ssh = Ssh::new(lab.options()).unwrap();
    let host = ssh.host(lab.behind(&[&bastion], &inner)).await.unwrap();
    let mut output = host
        .exec_read(Exec::new("seq 1 3000000; echo warn >&2; exit 4"))
        .await
        .unwrap();
    let mut text = String::new();
    output.read_to_string(&mut text).await.unwrap();
    assert_eq!(text.lines().count(), 3_000_000);
    assert!(text.ends_with("\n3000000\n"));
    let finished = output.finish().await.unwrap();
    assert_eq!(
        (finished.code, &finished.stderr[..]),
        (Some(4), &b"warn\n"[..])
    );
    assert_eq!(finished.stdout_total, text.len() as u64);
    ssh.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_slows_only_its_own_stream() {
    let lab = Lab::new();
    let (bastion, inner) = (lab.sshd("bastion", ""), lab.sshd("inner", ""));
    let ssh = Ssh::new(lab.options()).unwrap();
    let host = ssh.host(lab.behind(&[&bastion], &inner)).await.unwrap();
    let mut stuck = host.exec_read(Exec::new("cat /dev/zero")).await.unwrap();
    assert!(stuck.next().await.is_some());
    tokio::time::sleep(Duration::from_secs(1)).await;
    // Other commands, bulk input, and a second stream on the same host all get through.
    let soon = |work| tokio::time::timeout(Duration::from_secs(20), work);
    soon(host.exec(Exec::new("true"))).await.unwrap().unwrap();
    let input = Stdin::Bytes(vec![1; 8 << 20].into());
    let bulk = Exec::new("cat >/dev/null").class(Class::Bulk).stdin(input);
    soon(host.exec(bulk)).await.unwrap().unwrap();
    let second = host.exec_read(Exec::new("echo two")).await.unwrap();
    assert!(second.finish().await.unwrap().success());
    let sent = host.stats().bytes_down;
    assert!(
        sent < 96 << 20,
        "{sent} bytes came in for a reader that does not read"
    );
    drop(stuck);
    soon(host.exec(Exec::new("true"))).await.unwrap().unwrap();
    ssh.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn abandoned_commands_leave_no_session_behind() {
    let lab = Lab::new();
    let server = lab.sshd("node", "MaxSessions 10\n");
    let (ssh, host) = one(&lab, &server).await;
    for command in [
        "sleep 300",
        "cat",
        "cat /dev/zero",
        "trap '' TERM; sleep 300",
    ] {
        let many = (0..50).map(|n| {
            let host = host.clone();
            async move {
                let limit = Duration::from_millis(5 + 3 * n);
                let _ = tokio::time::timeout(limit, host.exec(Exec::new(command))).await;
            }
        });
        futures_util::future::join_all(many).await;
    }
    for _ in 0..20 {
        let check = host.exec(Exec::new("echo ok"));
        let finished = tokio::time::timeout(Duration::from_secs(30), check).await;
        assert_eq!(finished.expect("a slot is free").unwrap().stdout, b"ok\n");
    }
    let together = (0..16).map(|_| host.exec(Exec::new("sleep 0.2; echo ok")));
    let together = futures_util::future::join_all(together);
    let all = tokio::time::timeout(Duration::from_secs(30), together)
        .await
        .unwrap();
    assert!(all.into_iter().all(|one| one.unwrap().stdout == b"ok\n"));
    ssh.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abandoned_command_is_stopped() {
    let lab = Lab::new();
    let server = lab.sshd("node", "");
    let (ssh, host) = one(&lab, &server).await;
    let mark = lab.path("ended");
    // It notices that its input has ended, as any filter does.
    let command = format!("cat; echo yes > {}", mark.display());
    let pending = std::future::pending::<Option<(std::io::Result<Bytes>, ())>>();
    let endless = futures_util::stream::unfold((), move |()| {
        let _ = &pending;
        std::future::pending()
    });
    let exec = Exec::new(command).stdin(Stdin::Chunks(Box::pin(endless)));
    let work = host.exec(exec);
    let _ = tokio::time::timeout(Duration::from_millis(500), work).await;
    let deadline = Instant::now() + Duration::from_secs(5);
    while !mark.exists() {
        assert!(Instant::now() < deadline, "it still runs");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    ssh.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_run_waits_for_abandoned_commands_and_refuses_new_ones() {
    let lab = Lab::new();
    let server = lab.sshd("node", "");
    let (ssh, host) = one(&lab, &server).await;
    let work = host.exec(Exec::new("cat /dev/zero"));
    let _ = tokio::time::timeout(Duration::from_millis(300), work).await;
    ssh.close().await;
    let error = host.exec(Exec::new("true")).await.unwrap_err();
    assert_eq!(error.kind(), "ssh.closed");
}
