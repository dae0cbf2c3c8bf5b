//! The sandbox proxy: `<port>-<sandbox id>[-<client id>].<any domain>` goes to that port of that sandbox.

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, TcpStream as Stream};
use std::os::fd::AsFd;
use std::thread;

use hyper::body::Incoming;
use hyper::{Request, Response};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use super::fleet::Fleet;
use crate::http::{self, Reply};
use crate::proxy::host::{Host, closed_port, unknown_sandbox};

/// Answers with what the sandbox answers.
pub async fn answer(fleet: &Fleet, request: Request<Incoming>) -> Response<Reply> {
    let host = match Host::of(&request) {
        Ok(host) => host,
        Err(why) => return http::error_text(400, why),
    };
    let Ok(sandbox) = fleet.find(&host.sandbox) else {
        return unknown_sandbox(&host.sandbox, request.headers());
    };
    let closed = closed_port(&host, request.headers());
    let Some(port) = u16::try_from(host.port).ok().filter(|port| *port > 0) else {
        return closed;
    };
    let stream = match TcpStream::connect((sandbox.slot.address, port)).await {
        Ok(stream) => Ok(stream),
        // what listens on the sandbox's loopback alone is reached there
        Err(_) => from_within(&sandbox.slot.namespace, port).await,
    };
    let Ok(stream) = stream else { return closed };
    let _ = stream.set_nodelay(true);
    http::pass(stream, request).await.unwrap_or(closed)
}

/// Connects as a process of the sandbox would.
async fn from_within(namespace: &str, port: u16) -> io::Result<TcpStream> {
    let file = File::open(format!("/run/netns/{namespace}"))?;
    let (teller, told) = oneshot::channel();
    // a thread of its own, which never comes back from there
    thread::spawn(move || {
        let connected = move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
            .map_err(io::Error::from)
            .and_then(|()| Stream::connect((Ipv4Addr::LOCALHOST, port)));
        let _ = teller.send(connected);
    });
    let stream = told.await.map_err(io::Error::other)??;
    stream.set_nonblocking(true)?;
    TcpStream::from_std(stream)
}
