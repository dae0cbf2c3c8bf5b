//! What OpenSSH cannot be made to do: a server of our own does it.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use e2bscript::ssh::{Error, Exec, Options, Ssh, Target};
use russh::keys::{Algorithm, PrivateKey};
use russh::server::{self, Auth, Msg, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId, Preferred, cipher, kex, mac};
use tokio::net::TcpListener;

use crate::common::sshd::Lab;

/// How the server misbehaves once someone is logged in.
#[derive(Clone, Copy, PartialEq)]
enum Vice {
    None,
    /// Closes a command's channel without saying how it ended.
    NoStatus,
    /// Never answers a request for a channel.
    NoAnswer,
    /// Opens channels nobody asked for.
    Intruder,
}

struct Odd {
    vice: Vice,
}

impl server::Handler for Odd {
    type Error = russh::Error;

    async fn auth_publickey(
        &mut self,
        _: &str,
        _: VerifiedPublicKey<'_>,
    ) -> Result<Auth, russh::Error> {
        Ok(Auth::Accept)
    }

    async fn channel_open_session(
        &mut self,
        _: Channel<Msg>,
        reply: server::ChannelOpenHandle,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        match self.vice {
            Vice::NoAnswer => {
                std::mem::forget(reply);
                return Ok(());
            }
            Vice::Intruder => {
                let handle = session.handle();
                tokio::spawn(async move {
                    let forwarded = handle.channel_open_forwarded_tcpip("h", 1, "o", 2).await;
                    let agent = handle.channel_open_agent().await;
                    let x11 = handle.channel_open_x11("o", 3).await;
                    let refused = forwarded.is_err() && agent.is_err() && x11.is_err();
                    reply.accept().await;
                    REFUSED.store(refused, std::sync::atomic::Ordering::SeqCst);
                });
                return Ok(());
            }
            Vice::None | Vice::NoStatus => {}
        }
        reply.accept().await;
        Ok(())
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        _: &[u8],
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        session.channel_success(channel)?;
        session.data(channel, "partial")?;
        if self.vice != Vice::NoStatus {
            session.exit_status_request(channel, 0)?;
        }
        session.eof(channel)?;
        session.close(channel)
    }
}

static REFUSED: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

/// Starts the server and makes its key known.
async fn odd(lab: &Lab, vice: Vice, preferred: Preferred) -> Target {
    let key = PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    lab.know_as(
        &format!("[127.0.0.1]:{port}"),
        &key.public_key().to_openssh().unwrap(),
    );
    let config = Arc::new(server::Config {
        keys: vec![key],
        preferred,
        auth_rejection_time: Duration::ZERO,
        ..server::Config::default()
    });
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let config = config.clone();
            tokio::spawn(async move {
                if let Ok(session) = server::run_stream(config, stream, Odd { vice }).await {
                    let _ = session.await;
                }
            });
        }
    });
    Target {
        name: Some("odd".to_owned()),
        port: Some(port),
        user: Some("me".to_owned()),
        identities: vec![lab.path("id")],
        jump: Some(Vec::new()),
        ..Target::new("127.0.0.1")
    }
}

async fn run(lab: &Lab, target: Target) -> Result<Vec<u8>, Error> {
    let ssh = Ssh::new(Options {
        open_timeout: Duration::from_secs(1),
        ..lab.options()
    })
    .unwrap();
    let host = ssh.host(target).await.unwrap();
    let result = host.exec(Exec::new("whatever")).await;
    ssh.close().await;
    result.map(|finished| finished.stdout)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_closes_without_a_status_is_not_a_success() {
    let lab = Lab::new();
    let good = odd(&lab, Vice::None, Preferred::default()).await;
    assert_eq!(run(&lab, good).await.unwrap(), b"partial");
    let target = odd(&lab, Vice::NoStatus, Preferred::default()).await;
    let error = run(&lab, target).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.hop()),
        ("ssh.status_lost", Some("odd"))
    );
    assert!(error.is_outcome_unknown());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_never_answers_is_given_up() {
    let lab = Lab::new();
    let target = odd(&lab, Vice::NoAnswer, Preferred::default()).await;
    let error = run(&lab, target).await.unwrap_err();
    assert_eq!(error.kind(), "ssh.timeout", "{error}");
    assert!(error.to_string().contains("opening a channel"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn channels_that_nobody_asked_for_are_refused() {
    let lab = Lab::new();
    let target = odd(&lab, Vice::Intruder, Preferred::default()).await;
    run(&lab, target).await.unwrap();
    assert!(REFUSED.load(std::sync::atomic::Ordering::SeqCst));
}

fn without_strict(ciphers: &'static [cipher::Name], macs: &'static [mac::Name]) -> Preferred {
    Preferred {
        kex: Cow::Borrowed(&[kex::CURVE25519]),
        cipher: Cow::Borrowed(ciphers),
        mac: Cow::Borrowed(macs),
        ..Preferred::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn combinations_a_middleman_can_cut_are_not_used_without_strict_key_exchange() {
    let lab = Lab::new();
    const ETM: &[mac::Name] = &[mac::HMAC_SHA256_ETM];
    const BOTH: &[mac::Name] = &[mac::HMAC_SHA256_ETM, mac::HMAC_SHA256];
    let chacha = without_strict(&[cipher::CHACHA20_POLY1305], ETM);
    let target = odd(&lab, Vice::None, chacha).await;
    assert_eq!(run(&lab, target).await.unwrap_err().kind(), "ssh.handshake");
    let etm = without_strict(&[cipher::AES_256_CTR], ETM);
    let target = odd(&lab, Vice::None, etm).await;
    assert_eq!(run(&lab, target).await.unwrap_err().kind(), "ssh.handshake");
    // Where the server has something else, that is taken.
    let choice = without_strict(&[cipher::CHACHA20_POLY1305, cipher::AES_256_CTR], BOTH);
    let target = odd(&lab, Vice::None, choice).await;
    assert_eq!(run(&lab, target).await.unwrap(), b"partial");
    let gcm = without_strict(&[cipher::AES_256_GCM], ETM);
    let target = odd(&lab, Vice::None, gcm).await;
    assert_eq!(run(&lab, target).await.unwrap(), b"partial");
    // With strict key exchange all of them are fine.
    let strict = Preferred {
        cipher: Cow::Borrowed(&[cipher::CHACHA20_POLY1305]),
        ..Preferred::default()
    };
    let target = odd(&lab, Vice::None, strict).await;
    assert_eq!(run(&lab, target).await.unwrap(), b"partial");
}
