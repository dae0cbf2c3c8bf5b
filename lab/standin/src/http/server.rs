//! Servers: every connection a task, until SIGTERM.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::{Answer, Cut};
use crate::breakage;

/// How long a connection may stay open without a whole request head.
const IDLE: Duration = Duration::from_secs(620);

/// Who asks for the health of services.
const CHECK: &str = "Consul Health Check";

/// Takes the port on all addresses.
///
/// # Errors
///
/// When somebody else has it.
pub async fn listen(port: u16) -> io::Result<TcpListener> {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await;
    listener.map_err(|error| {
        io::Error::new(
            error.kind(),
            format!("cannot listen on port {port}: {error}"),
        )
    })
}

/// Answers on a listener from now on.
pub fn serve<H, F>(listener: TcpListener, name: &'static str, handler: H)
where
    H: Fn(Request<Incoming>) -> F + Send + Sync + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    if let Ok(address) = listener.local_addr() {
        crate::say(&format!(
            "{name} (stand-in) listens on port {}",
            address.port()
        ));
    }
    let handler = Arc::new(handler);
    tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                // out of file descriptors: give the others time to finish
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let _ = stream.set_nodelay(true);
            let handler = Arc::clone(&handler);
            tokio::spawn(converse(stream, name, handler));
        }
    });
}

async fn converse<H, F>(stream: tokio::net::TcpStream, name: &'static str, handler: Arc<H>)
where
    H: Fn(Request<Incoming>) -> F + Send + Sync + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    let service = service_fn(move |request| {
        let handler = Arc::clone(&handler);
        async move {
            if breakage::answers_500(name) {
                let body =
                    json!({"code": 500, "status": "unhealthy", "message": "broken on purpose"});
                return Ok::<_, Cut>(super::answer(500, "application/json", body.to_string()));
            }
            handler(request).await
        }
    });
    // a peer that goes away in the middle is the peer's matter
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
}

/// Has a request answered, with a line of log: when the answer's head was there, and how long that took. What Consul asks
/// every few seconds is left out, unless it finds something; so is what stands behind the path, where keys may be.
///
/// # Errors
///
/// When the handler cuts the connection.
pub async fn logged<F>(
    request: Request<Incoming>,
    handler: impl FnOnce(Request<Incoming>) -> F,
) -> Answer
where
    F: Future<Output = Answer>,
{
    let began = Instant::now();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let is_check = super::header(request.headers(), "user-agent") == CHECK;
    let answer = handler(request).await;
    let status = match &answer {
        Ok(answer) => answer.status().as_u16().to_string(),
        Err(Cut) => "cut".to_owned(),
    };
    if !is_check || status != "200" {
        let took = began.elapsed().as_secs_f64() * 1000.0;
        crate::say(&format!("{method} {path} {status} {took:.3} ms"));
    }
    answer
}

/// Waits until the process is told to end.
pub async fn ended() {
    let waited = async {
        let mut terminated = signal(SignalKind::terminate())?;
        let mut interrupted = signal(SignalKind::interrupt())?;
        tokio::select! {
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
        }
        Ok::<_, io::Error>(())
    };
    if waited.await.is_err() {
        // no signal can be heard: the one that kills will do
        let never: Infallible = std::future::pending().await;
        match never {}
    }
}
