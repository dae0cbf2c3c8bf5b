//! Flow control: the two ways in which SSH in SSH hangs, and memory that stays bounded.

use std::time::Duration;

use bytes::Bytes;
use e2bscript::ssh::{Class, Exec, Host, Options, Ssh, Stdin};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::common::sshd::{Lab, Sshd};

async fn behind(lab: &Lab, options: Options, bastion: &Sshd, inner: &Sshd) -> (Ssh, Host) {
    let ssh = Ssh::new(options).unwrap();
    let host = ssh.host(lab.behind(&[bastion], inner)).await.unwrap();
    (ssh, host)
}

/// A server that floods whoever connects, and one that echoes.
async fn flood_and_echo() -> (u16, u16) {
    let flood = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let echo = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let ports = (
        flood.local_addr().unwrap().port(),
        echo.local_addr().unwrap().port(),
    );
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = flood.accept().await {
            tokio::spawn(async move { while stream.write_all(&[0; 65536]).await.is_ok() {} });
        }
    });
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = echo.accept().await {
            tokio::spawn(async move {
                let (mut read, mut write) = stream.split();
                let _ = tokio::io::copy(&mut read, &mut write).await;
            });
        }
    });
    ports
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_nobody_reads_holds_up_only_itself() {
    let lab = Lab::new();
    let (bastion, inner) = (lab.sshd("bastion", ""), lab.sshd("inner", ""));
    let (ssh, host) = behind(&lab, lab.options(), &bastion, &inner).await;
    let (flood, echo) = flood_and_echo().await;
    let mut unread = host.dial("127.0.0.1", flood).await.unwrap();
    for _ in 0..20 {
        let mut stream = host.dial("127.0.0.1", echo).await.unwrap();
        let exchange = async {
            stream.write_all(b"ping").await.unwrap();
            let mut back = [0; 4];
            stream.read_exact(&mut back).await.unwrap();
            assert_eq!(&back, b"ping");
        };
        tokio::time::timeout(Duration::from_secs(20), exchange)
            .await
            .expect("it is held up");
    }
    // What nobody reads is kept up to a limit, and then given up with a reason.
    let mut sink = vec![0; 1 << 20];
    let end = async {
        tokio::time::sleep(Duration::from_secs(6)).await;
        loop {
            match unread.read(&mut sink).await {
                Ok(0) => panic!("it ended as if all had come"),
                Ok(_) => {}
                Err(error) => return error,
            }
        }
    };
    let error = tokio::time::timeout(Duration::from_secs(60), end)
        .await
        .unwrap();
    assert!(error.to_string().contains("nobody read"), "{error}");
    ssh.close().await;
}

/// Four times what would be kept of one that nobody reads, read far more slowly than it is sent.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_gets_everything() {
    const BYTES: u64 = 256 << 20;
    let lab = Lab::new();
    let (bastion, inner) = (lab.sshd("bastion", ""), lab.sshd("inner", ""));
    let (ssh, host) = behind(&lab, lab.options(), &bastion, &inner).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        for _ in 0..BYTES >> 20 {
            stream.write_all(&vec![7; 1 << 20]).await.unwrap();
        }
    });
    let mut stream = host.dial("127.0.0.1", port).await.unwrap();
    let (mut piece, mut read) = (vec![0; 512 << 10], 0);
    loop {
        let count = stream.read(&mut piece).await.unwrap();
        if count == 0 {
            break;
        }
        read += count as u64;
        if read % (1 << 20) < count as u64 {
            tokio::time::sleep(Duration::from_millis(12)).await;
        }
    }
    assert_eq!(read, BYTES);
    ssh.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bulk_data_both_ways_through_a_jump_with_frequent_new_keys() {
    let lab = Lab::new();
    let (bastion, inner) = (lab.sshd("bastion", ""), lab.sshd("inner", ""));
    let options = Options {
        rekey_after: 4 << 20,
        ..lab.options()
    };
    let (ssh, host) = behind(&lab, options, &bastion, &inner).await;
    let data: Bytes = (0..48_000_000_u32).map(|n| (n ^ (n >> 9)) as u8).collect();
    let echo = Exec::new("cat")
        .class(Class::Bulk)
        .capture_limit(data.len())
        .stdin(Stdin::Bytes(data.clone()));
    let up = Exec::new("wc -c")
        .class(Class::Bulk)
        .stdin(Stdin::Bytes(data.clone()));
    let down = Exec::new("head -c 48000000 /dev/zero")
        .class(Class::Bulk)
        .capture_limit(10);
    let all = async { tokio::join!(host.exec(echo), host.exec(up), host.exec(down)) };
    let (echo, up, down) = tokio::time::timeout(Duration::from_secs(240), all)
        .await
        .expect("it hangs");
    assert!(
        echo.unwrap().stdout == data,
        "what came back is not what was sent"
    );
    assert_eq!(up.unwrap().stdout, b"48000000\n");
    assert_eq!(down.unwrap().stdout_total, 48_000_000);
    assert_eq!((bastion.connections(), inner.connections()), (1, 1));
    ssh.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn large_data_through_a_jump_comes_back_whole() {
    let lab = Lab::new();
    let (bastion, inner) = (lab.sshd("bastion", ""), lab.sshd("inner", ""));
    let (ssh, host) = behind(&lab, lab.options(), &bastion, &inner).await;
    let data: Vec<u8> = (0..20_000_000_u32).map(|n| (n / 7) as u8).collect();
    let exec = Exec::new("cat")
        .class(Class::Bulk)
        .capture_limit(32 << 20)
        .stdin(Stdin::Bytes(data.clone().into()));
    let finished = host.exec(exec).await.unwrap();
    assert!(finished.stdout == data);
    ssh.close().await;
}
