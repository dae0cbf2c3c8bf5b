//! The HTTP client and the script module on it, against servers on loopback.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // a test fails by panicking

mod common;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::script::{Ran, Setup, run_on};
use e2bscript::diag::Failure;
use e2bscript::http::{
    Client, Error, Expect, Method, Request, Response, StatusCode, Tunnel, Via, parse_url,
};
use e2bscript::report::{Event, Mode};
use e2bscript::wire::{BoxFuture, BoxStream, DialError, Dialer, Tcp};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use wiremock::matchers::{body_string, header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

const CANARY: &str = "canary-7f3a91";

fn get(url: &str) -> Request {
    Request::new(Method::GET, parse_url(url).unwrap())
}

async fn send(request: &Request) -> Result<Response, Error> {
    Client::new().unwrap().request(request, &Via::Direct).await
}

/// A server that hangs up on its first `failures` callers and answers the others.
async fn flaky(failures: usize) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = calls.clone();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let call = counter.fetch_add(1, Ordering::SeqCst);
            let mut request = [0; 1024];
            let _ = stream.read(&mut request).await;
            if call >= failures {
                let _ = stream
                    .write_all(
                        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok",
                    )
                    .await;
            }
        }
    });
    (address, calls)
}

#[tokio::test]
async fn passing_answers_and_broken_connections_are_tried_again() {
    let server = MockServer::start().await;
    Mock::given(path("/x"))
        .respond_with(ResponseTemplate::new(503))
        .up_to_n_times(2)
        .mount(&server)
        .await;
    Mock::given(path("/x"))
        .respond_with(ResponseTemplate::new(200).set_body_string("ok"))
        .mount(&server)
        .await;
    let response = send(&get(&format!("{}/x", server.uri()))).await.unwrap();
    assert_eq!(&response.body[..], b"ok");

    let (address, calls) = flaky(2).await;
    assert_eq!(
        &send(&get(&format!("http://{address}/")))
            .await
            .unwrap()
            .body[..],
        b"ok"
    );
    assert_eq!(calls.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn what_may_have_arrived_is_not_sent_twice() {
    let (address, calls) = flaky(1).await;
    let post = Request::new(
        Method::POST,
        parse_url(&format!("http://{address}/")).unwrap(),
    );
    let error = send(&post).await.unwrap_err();
    assert!(matches!(error, Error::Broken { .. }), "{error:?}");
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn the_pause_a_server_asks_for_is_kept() {
    let server = MockServer::start().await;
    let busy = ResponseTemplate::new(429).insert_header("retry-after", "1");
    Mock::given(path("/"))
        .respond_with(busy)
        .up_to_n_times(1)
        .mount(&server)
        .await;
    Mock::given(path("/"))
        .respond_with(ResponseTemplate::new(204))
        .mount(&server)
        .await;
    let started = Instant::now();
    send(&get(&server.uri())).await.unwrap();
    assert!(started.elapsed() >= Duration::from_secs(1));

    let away = ResponseTemplate::new(503).insert_header("retry-after", "3600");
    Mock::given(path("/away"))
        .respond_with(away)
        .expect(1)
        .mount(&server)
        .await;
    assert!(send(&get(&format!("{}/away", server.uri()))).await.is_err());
}

#[tokio::test]
async fn an_unexpected_answer_shows_its_first_lines_and_no_secret() {
    let server = MockServer::start().await;
    Mock::given(path("/x"))
        .respond_with(ResponseTemplate::new(404).set_body_string("no such job\n\nmore"))
        .expect(1)
        .mount(&server)
        .await;
    let error = send(&get(&format!("{}/x?token={CANARY}&n=1", server.uri())))
        .await
        .unwrap_err();
    let failure = Failure::from(error);
    assert_eq!(failure.kind, "http.status");
    assert!(
        failure
            .message
            .ends_with("/x?token=***&n=1` answered 404 Not Found"),
        "{}",
        failure.message
    );
    assert_eq!(failure.output, ["no such job", "more"]);
    assert_eq!(failure.details["status"], 404);
}

#[tokio::test]
async fn a_refused_connection_an_unknown_name_and_silence_are_told_apart() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = free.local_addr().unwrap();
    let once = |url: String| Request {
        retries: 0,
        timeout: Duration::from_millis(300),
        ..get(&url)
    };
    let silent = Failure::from(send(&once(format!("http://{address}/"))).await.unwrap_err());
    assert_eq!(silent.kind, "http.timeout");
    drop(free);
    let refused = Failure::from(send(&once(format!("http://{address}/"))).await.unwrap_err());
    assert_eq!(
        (refused.kind.as_str(), refused.class.exit_code()),
        ("http.connect", 5)
    );
    assert!(refused.help.unwrap().contains("nothing listens"));
    let unknown = Request {
        timeout: Duration::from_secs(20),
        ..once("http://no-such-host.invalid/".into())
    };
    let unknown = Failure::from(send(&unknown).await.unwrap_err());
    assert_eq!(unknown.kind, "http.connect");
}

#[tokio::test]
async fn a_body_larger_than_the_limit_is_refused() {
    let server = MockServer::start().await;
    Mock::given(path("/"))
        .respond_with(ResponseTemplate::new(200).set_body_bytes(vec![b'x'; 2000]))
        .mount(&server)
        .await;
    let small = Request {
        limit: 1000,
        ..get(&server.uri())
    };
    assert!(matches!(
        send(&small).await,
        Err(Error::TooLarge { limit: 1000, .. })
    ));
}

/// Leads every name to one address, as a bastion would that knows private names.
struct Inside(SocketAddr);

impl Dialer for Inside {
    fn dial<'a>(&'a self, host: &'a str, _: u16) -> BoxFuture<'a, Result<BoxStream, DialError>> {
        Box::pin(async move {
            assert!(
                host.ends_with(".internal"),
                "{host} was resolved before the tunnel"
            );
            Tcp::new(Duration::from_secs(5))
                .dial("127.0.0.1", self.0.port())
                .await
        })
    }
}

fn inside(address: SocketAddr) -> Via {
    Via::Tunnel(Tunnel::new(Arc::new(Inside(address))).unwrap())
}

#[tokio::test]
async fn a_tunnel_gives_the_same_answers() {
    let server = MockServer::start().await;
    let moved = |code: u16, to: &str| ResponseTemplate::new(code).insert_header("location", to);
    Mock::given(path("/old"))
        .respond_with(moved(302, "/new?x=1"))
        .mount(&server)
        .await;
    Mock::given(path("/away"))
        .and(header("authorization", "Bearer t"))
        .respond_with(moved(307, "http://other.internal/open"))
        .mount(&server)
        .await;
    Mock::given(path("/loop"))
        .respond_with(moved(302, "/loop"))
        .mount(&server)
        .await;
    Mock::given(path("/new"))
        .and(query_param("x", "1"))
        .respond_with(ResponseTemplate::new(200).set_body_string("new"))
        .mount(&server)
        .await;
    let open = |request: &wiremock::Request| {
        let leaked = request.headers.contains_key("authorization");
        ResponseTemplate::new(200).set_body_string(if leaked { "leaked" } else { "open" })
    };
    Mock::given(path("/open"))
        .respond_with(open)
        .mount(&server)
        .await;
    Mock::given(path("/busy"))
        .respond_with(ResponseTemplate::new(502))
        .up_to_n_times(1)
        .mount(&server)
        .await;
    Mock::given(method("PUT"))
        .and(path("/busy"))
        .and(body_string("{}"))
        .and(header("host", "nomad.internal"))
        .respond_with(ResponseTemplate::new(201))
        .mount(&server)
        .await;

    let client = Client::new().unwrap();
    let via = inside(*server.address());
    let followed = client
        .request(&get("http://nomad.internal/old"), &via)
        .await
        .unwrap();
    assert_eq!(
        (followed.url.as_str(), &followed.body[..]),
        ("http://nomad.internal/new?x=1", &b"new"[..])
    );

    let mut secret = get("http://nomad.internal/away");
    secret
        .headers
        .insert("authorization", "Bearer t".parse().unwrap());
    assert_eq!(
        &client.request(&secret, &via).await.unwrap().body[..],
        b"open"
    );

    let put = Request::new(
        Method::PUT,
        parse_url("http://nomad.internal/busy").unwrap(),
    )
    .json("{}");
    assert_eq!(
        client.request(&put, &via).await.unwrap().status,
        StatusCode::CREATED
    );

    let endless = client
        .request(&get("http://nomad.internal/loop"), &via)
        .await
        .unwrap_err();
    assert!(matches!(endless, Error::Redirects { .. }));
    let seen = Request {
        expect: Expect::Only(vec![302]),
        ..get("http://nomad.internal/loop")
    };
    assert_eq!(
        client.request(&seen, &via).await.unwrap().status,
        StatusCode::FOUND
    );
}

#[tokio::test]
async fn a_tunnel_reports_a_closed_port_as_its_dialer_does() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let once = Request {
        retries: 0,
        ..get("http://nomad.internal/")
    };
    let failure = Failure::from(
        Client::new()
            .unwrap()
            .request(&once, &inside(address))
            .await
            .unwrap_err(),
    );
    assert_eq!(failure.kind, "http.connect");
    assert!(
        failure.message.contains("cannot connect to `127.0.0.1`"),
        "{}",
        failure.message
    );
    assert!(failure.help.unwrap().contains("nothing listens"));
}

/// A TLS server with a certificate for `name` that nobody has signed.
async fn tls_server(name: &str) -> SocketAddr {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(
        rustls::crypto::aws_lc_rs::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_no_client_auth()
    .with_single_cert(vec![made.cert.der().clone()], key)
    .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let _ = acceptor.accept(stream).await;
        }
    });
    address
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_refused_on_both_ways() {
    let client = Client::new().unwrap();
    let direct = tls_server("localhost").await;
    let url = format!("https://localhost:{}/", direct.port());
    let failure = Failure::from(client.request(&get(&url), &Via::Direct).await.unwrap_err());
    assert_eq!(failure.kind, "http.tls");
    assert!(
        failure
            .message
            .contains("authority that this machine does not trust"),
        "{}",
        failure.message
    );

    let tunnelled = tls_server("api.internal").await;
    let failure = Failure::from(
        client
            .request(&get("https://api.internal/"), &inside(tunnelled))
            .await
            .unwrap_err(),
    );
    assert_eq!(failure.kind, "http.tls");

    let plain = MockServer::start().await;
    let url = plain.uri().replace("http:", "https:");
    let failure = Failure::from(client.request(&get(&url), &Via::Direct).await.unwrap_err());
    assert!(
        failure.message.contains("does not speak TLS"),
        "{}",
        failure.message
    );
}

/// Runs a script that knows the server as `URL` and a directory as `DIR`.
fn script(
    text: &str,
    mode: Mode,
    mocks: impl AsyncFnOnce(&MockServer),
) -> (Ran, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let server = runtime.block_on(async {
        let server = MockServer::start().await;
        mocks(&server).await;
        server
    });
    let given = vec![
        ("URL", server.uri()),
        ("DIR", dir.path().display().to_string()),
    ];
    let ran = run_on(
        text,
        &Setup {
            mode,
            given,
            ..Setup::default()
        },
        runtime.handle().clone(),
    );
    runtime.block_on(server.verify());
    (ran, dir)
}

#[test]
fn scripts_send_what_they_say_and_read_what_comes() {
    let (ran, _dir) = script(
        r#"
        let token = secret::text("canary-7f3a91");
        let r = http::post(URL + "/jobs", #{
            headers: #{ "X-Nomad-Token": token }, query: #{ region: "global", n: [1, 2] },
            json: #{ name: "api", token: token }, expect: [201],
        });
        expect::equal(r.status, 201);
        expect::equal(r.ok, true);
        expect::equal(r.json().id, 7);
        expect::equal(r.header("ETag"), "v1");
        expect::equal(r.headers.etag, "v1");
        expect::equal(r.url, URL + "/jobs?n=1&n=2&region=global");
        expect::equal(http::get(URL + "/text", #{ expect: [] }).status, 404);
        expect::equal(http::get(URL + "/text", #{ expect: [404] }).text(), "gone");
        expect::failure("http.status", || http::get(URL + "/text"));
        expect::equal(expect::failure("http.body", || http::get(URL + "/text", #{ expect: [404] }).json()).output, "gone");
        expect::failure("http.checksum", || http::get(URL + "/text", #{ expect: [404], sha256: hash::sha256("other") }));
        http::get(URL + "/text", #{ expect: [404], sha256: hash::sha256("gone") });
        expect::failure("http.url", || http::get("ftp://x/"));
        expect::failure("script.option", || http::post(URL, #{ json: 1, body: "x" }));
        expect::failure("script.option", || http::get(URL, #{ headers: #{ "a b": "x" } }));
        print(r.text());
        "#,
        Mode::Apply,
        async |server| {
            let answer = ResponseTemplate::new(201)
                .insert_header("etag", "v1")
                .set_body_json(serde_json::json!({"id": 7, "token": CANARY}));
            Mock::given(method("POST"))
                .and(path("/jobs"))
                .and(query_param("region", "global"))
                .and(header("x-nomad-token", CANARY))
                .and(header("content-type", "application/json"))
                .and(body_string(format!(
                    r#"{{"name":"api","token":"{CANARY}"}}"#
                )))
                .respond_with(answer)
                .expect(1)
                .mount(server)
                .await;
            Mock::given(path("/text"))
                .respond_with(ResponseTemplate::new(404).set_body_string("gone"))
                .mount(server)
                .await;
        },
    );
    assert!(!ran.lines.contains(CANARY));
    ran.passed();
}

const DOWNLOAD: &str = r#"
    let sum = hash::sha256("firecracker");
    let path = DIR + "/fc";
    let first = http::download(URL + "/fc", path, #{ sha256: sum, mode: "0755" });
    let second = http::download(URL + "/fc", path, #{ sha256: sum, mode: "0755" });
    [first.changed, second.changed, first.sha256 == sum]
"#;

async fn one_file(server: &MockServer) {
    let answer = ResponseTemplate::new(200).set_body_string("firecracker");
    Mock::given(path("/fc"))
        .respond_with(answer)
        .expect(1)
        .mount(server)
        .await;
}

#[test]
fn a_download_is_checked_and_not_made_twice() {
    let (ran, dir) = script(DOWNLOAD, Mode::Apply, one_file);
    let transfers: Vec<_> = ran
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Transfer {
                done,
                total,
                finished,
                ..
            } => Some((*done, *total, *finished)),
            _ => None,
        })
        .collect();
    assert_eq!(transfers.last(), Some(&(11, Some(11), true)));
    assert_eq!(ran.value().to_string(), "[true, false, true]");
    let file = dir.path().join("fc");
    assert_eq!(std::fs::read(&file).unwrap(), b"firecracker");
    assert_eq!(e2bscript::workstation::stat(&file).unwrap().mode, 0o755);
}

#[test]
fn wrong_bytes_and_a_missing_file_leave_the_old_one() {
    let (ran, dir) = script(
        r#"
        fs::write(DIR + "/fc", "old");
        let failed = expect::failure("http.checksum", || http::download(URL + "/fc", DIR + "/fc", #{ sha256: hash::sha256("x") }));
        expect::equal(failed.details.wanted, hash::sha256("x"));
        expect::failure("http.status", || http::download(URL + "/none", DIR + "/fc"));
        expect::failure("http.checksum", || http::download(URL + "/fc", DIR + "/fc", #{ sha256: "abc" }));
        expect::equal(fs::read(DIR + "/fc"), "old");
        expect::equal(fs::list(DIR), ["fc"]);
        "#,
        Mode::Apply,
        one_file,
    );
    drop(dir);
    ran.passed();
}

#[test]
fn a_plan_reads_and_does_not_write() {
    let (ran, dir) = script(
        r#"
        expect::equal(http::get(URL + "/read").text(), "read");
        let planned = http::post(URL + "/write", #{ json: 1 });
        expect::equal([planned.status, planned.ok, planned.json()], [0, false, ()]);
        http::post(URL + "/parse", #{ read_only: true });
        expect::equal(http::download(URL + "/fc", DIR + "/fc").changed, true);
        "#,
        Mode::Plan,
        async |server| {
            let given = |at: &str, times: u64| {
                Mock::given(path(at))
                    .respond_with(ResponseTemplate::new(200).set_body_string("read"))
                    .expect(times)
            };
            given("/read", 1).mount(server).await;
            given("/parse", 1).mount(server).await;
            given("/write", 0).mount(server).await;
            given("/fc", 0).mount(server).await;
        },
    );
    let changes = ran
        .events
        .iter()
        .filter(|event| matches!(event, Event::Change { applied: false, .. }))
        .count();
    assert_eq!(changes, 2);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    ran.passed();
}

#[test]
fn a_deadline_ends_a_request() {
    let started = Instant::now();
    let (ran, _dir) = script(
        r#"expect::failure("task.timeout", || task::timeout("200ms", || http::get(URL + "/slow")))"#,
        Mode::Apply,
        async |server| {
            let slow = ResponseTemplate::new(200).set_delay(Duration::from_secs(20));
            Mock::given(path("/slow"))
                .respond_with(slow)
                .mount(server)
                .await;
        },
    );
    ran.passed();
    assert!(started.elapsed() < Duration::from_secs(10));
}
