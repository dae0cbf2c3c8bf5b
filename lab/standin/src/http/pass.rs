//! Passing a request along, and all that goes back and forth after an upgrade.

use hyper::body::Incoming;
use hyper::header::{CONNECTION, UPGRADE};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::Reply;

/// The peer did not answer.
#[derive(Debug)]
pub struct Failed;

/// Passes a request to the peer at the other end of the stream, as it is, and gives the answer as it comes.
///
/// # Errors
///
/// When the peer goes away before it answers.
pub async fn pass(
    stream: TcpStream,
    mut request: Request<Incoming>,
) -> Result<Response<Reply>, Failed> {
    let wants_upgrade = request.headers().contains_key(UPGRADE);
    let from_client = hyper::upgrade::on(&mut request);
    if !wants_upgrade {
        request.headers_mut().remove(CONNECTION);
    }
    // the peer is a server, not a proxy: it wants the path alone
    let path = request.uri().path_and_query().cloned();
    *request.uri_mut() = path.map(hyper::Uri::from).unwrap_or_default();
    let request = request.map(Reply::Passed);
    let mut response = super::send(stream, request).await.map_err(|_| Failed)?;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        let from_peer = hyper::upgrade::on(&mut response);
        tokio::spawn(async move {
            let (Ok(client), Ok(peer)) = (from_client.await, from_peer.await) else {
                return;
            };
            let (mut client, mut peer) = (TokioIo::new(client), TokioIo::new(peer));
            let _ = tokio::io::copy_bidirectional(&mut client, &mut peer).await;
        });
        return Ok(response.map(|_| Reply::Whole(None)));
    }
    response.headers_mut().remove(CONNECTION);
    Ok(response.map(Reply::Passed))
}
