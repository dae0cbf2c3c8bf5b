//! HTTP: requests read, answers written, one line of log for each.

use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};

use super::answer::{Answer, Content};
use super::dispatch;
use super::platform::Platform;
use super::query::Query;
use crate::breakage;

/// The largest body that is read; a stand-in has little memory.
const BODY_LIMIT: usize = 16 << 20;

/// How long a connection may wait for its next request.
const IDLE: Duration = Duration::from_secs(620);

/// A request, read to its end.
#[derive(Debug)]
pub struct Request {
    /// `GET` and so on.
    pub method: String,
    /// As it was sent.
    pub path: String,
    /// What is behind the path.
    pub query: Query,
    /// The body.
    pub body: Bytes,
    headers: HeaderMap,
}

impl Request {
    /// A header's value; empty for one that is not there, or no text.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// Whether the header was sent, also empty.
    pub fn has(&self, name: &str) -> bool {
        self.headers.contains_key(name)
    }
}

/// Writes a line to the log. Who calls it leaves keys out.
pub fn note(line: &str) {
    // a closed stderr is no reason to fail
    let _ = writeln!(io::stderr(), "{line}");
}

/// Takes the port.
pub async fn listen(port: u16) -> io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await
}

/// Answers until the process is told to end.
pub async fn serve(platform: Arc<Platform>, listener: TcpListener) -> io::Result<()> {
    let mut end = signal(SignalKind::terminate())?;
    loop {
        tokio::select! {
            _ = end.recv() => return Ok(()),
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(tokio::spawn(converse(platform.clone(), stream))),
                // out of file descriptors: give the others time to finish
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
        }
    }
}

/// Answers the requests of one connection.
async fn converse(platform: Arc<Platform>, stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| {
        let platform = platform.clone();
        async move { reply(platform, request).await }
    });
    // a peer that goes away in the middle is the peer's matter
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// One answer; an error cuts the connection, as the real server does with what takes too long.
async fn reply(
    platform: Arc<Platform>,
    request: hyper::Request<Incoming>,
) -> Result<Response<Full<Bytes>>, io::Error> {
    let began = Instant::now();
    let method = request.method().to_string();
    let path = request.uri().path().to_owned();
    let limit = platform.options.request_limit;
    let answered = tokio::time::timeout(limit, answer(platform, request)).await;
    let status = match &answered {
        Ok(answer) => answer.status.to_string(),
        Err(_) => "cut".to_owned(),
    };
    let took = began.elapsed().as_millis();
    note(&format!("{method} {path} {status} {took} ms"));
    match answered {
        Ok(answer) => Ok(write(answer)),
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

async fn answer(platform: Arc<Platform>, request: hyper::Request<Incoming>) -> Answer {
    let (head, body) = request.into_parts();
    let cross_origin = head.headers.contains_key("origin");
    let mut answer = match Limited::new(body, BODY_LIMIT).collect().await {
        Err(_) => Answer::problem(413, "request body too large"),
        Ok(body) => {
            let request = Request {
                method: head.method.to_string(),
                path: head.uri.path().to_owned(),
                query: Query::parse(head.uri.query().unwrap_or_default()),
                body: body.to_bytes(),
                headers: head.headers,
            };
            // on a task of its own: what was begun is ended, whether or not the client waits for it
            let task = tokio::spawn(async move { strike_or_dispatch(platform, request).await });
            // a crash is caught, and says nothing
            task.await.unwrap_or_else(|_| Answer::empty(500))
        }
    };
    if cross_origin {
        answer = answer.with("access-control-allow-origin", "*");
    }
    answer
}

async fn strike_or_dispatch(platform: Arc<Platform>, request: Request) -> Answer {
    if breakage::answers_500("e2b-api") {
        return Answer::problem(500, "broken on purpose");
    }
    // health checks would use a fault up that is meant for clients
    let strike = match request.path.as_str() {
        "/health" => None,
        _ => platform.faults.strike(&request.method),
    };
    match strike {
        Some(strike) if strike.after => {
            let _ = dispatch::dispatch(platform, request).await;
            strike.answer
        }
        Some(strike) => strike.answer,
        None => dispatch::dispatch(platform, request)
            .await
            .unwrap_or_else(|refusal| refusal),
    }
}

fn write(answer: Answer) -> Response<Full<Bytes>> {
    let (kind, body) = match answer.content {
        Content::Empty => (None, String::new()),
        Content::Json(body) => (Some("application/json; charset=utf-8"), body),
        Content::Text(body) => (Some("text/plain; charset=utf-8"), body),
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    if let Some(kind) = kind {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    }
    for (name, value) in answer.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.append(HeaderName::from_static(name), value);
        }
    }
    response
}
