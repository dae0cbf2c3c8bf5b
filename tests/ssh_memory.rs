//! Memory under floods of output. Alone in its process, so that the peak is its own.
#![allow(clippy::unwrap_used, clippy::panic)] // a test fails by panicking

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use common::sshd::Lab;
use e2bscript::ssh::{Class, Exec, Ssh};

fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_megabytes_of_output_cost_a_few() {
    let lab = Lab::new();
    let (bastion, inner) = (lab.sshd("bastion", ""), lab.sshd("inner", ""));
    let ssh = Ssh::new(lab.options()).unwrap();
    let host = ssh.host(lab.behind(&[&bastion], &inner)).await.unwrap();
    host.exec(Exec::new("true")).await.unwrap();
    let before = peak_kib();
    let seen = Arc::new(AtomicU64::new(0));
    for class in [Class::Control, Class::Bulk] {
        let counter = seen.clone();
        let exec = Exec::new("head -c 200000000 /dev/zero | tr '\\0' x; echo; echo end")
            .class(class)
            .capture_limit(1 << 20)
            .on_output(move |_, data: &[u8]| {
                counter.fetch_add(data.len() as u64, Ordering::Relaxed);
            });
        let finished = host.exec(exec).await.unwrap();
        assert_eq!(finished.stdout_total, 200_000_005);
        assert_eq!(finished.stdout.len(), 1 << 20);
        assert!(finished.stdout.ends_with(b"x\nend\n") && finished.is_truncated());
    }
    assert_eq!(seen.load(Ordering::Relaxed), 400_000_010);
    let mut output = host
        .exec_read(Exec::new("head -c 200000000 /dev/zero"))
        .await
        .unwrap();
    let mut read = 0;
    while let Some(piece) = output.next().await {
        read += piece.len();
    }
    assert!(output.finish().await.unwrap().success());
    assert_eq!(read, 200_000_000);
    let grown = peak_kib() - before;
    assert!(grown < 96 * 1024, "the peak grew by {grown} KiB");
    ssh.close().await;
}
