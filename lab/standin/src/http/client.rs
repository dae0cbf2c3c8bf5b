//! Requests to other services, each on a connection of its own.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use super::Reply;

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(5);

/// Connects to `host:port`.
///
/// # Errors
///
/// When nobody answers in time.
pub async fn connect(address: &str) -> io::Result<TcpStream> {
    let stream = tokio::time::timeout(CONNECT, TcpStream::connect(address)).await??;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Sends a request over a stream; the connection lives as long as the answer is read.
///
/// # Errors
///
/// When the peer does not speak HTTP, or goes away.
pub async fn send(
    stream: TcpStream,
    request: Request<Reply>,
) -> Result<Response<Incoming>, hyper::Error> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection.with_upgrades());
    sender.send_request(request).await
}

/// Posts JSON (`None`: gets) and gives the status and the whole answer.
///
/// # Errors
///
/// When there is no answer.
pub async fn call(
    address: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<&Value>,
) -> io::Result<(u16, Bytes)> {
    let stream = connect(address).await?;
    let mut builder = Request::builder()
        .method(if body.is_some() { "POST" } else { "GET" })
        .uri(path)
        .header("host", address);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    if body.is_some() {
        builder = builder.header("content-type", "application/json");
    }
    let bytes = body.map(|body| Bytes::from(body.to_string()));
    let request = builder
        .body(Reply::from(bytes.unwrap_or_default()))
        .map_err(io::Error::other)?;
    let response = send(stream, request).await.map_err(io::Error::other)?;
    let status = response.status().as_u16();
    let answer = super::whole(response.into_body()).await;
    let answer = answer.ok_or_else(|| io::Error::other("the answer broke off"))?;
    Ok((status, answer))
}
