//! The Connect services: which method there is, in which form a message comes, and in which its answer goes.

use std::sync::Arc;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::{HeaderMap, Method, Request, Response};
use serde_json::Value;

use super::message as m;
use super::process::{input, start};
use super::router::not_allowed;
use super::state::State;
use super::user::User;
use super::{filesystem, watch};
use crate::connect::message::Message;
use crate::connect::{self, envelope, error, proto};
use crate::http::{self, Answer, Reply};

const UNARY_TYPES: &str = "application/grpc, application/grpc+json, application/grpc+json; charset=utf-8, application/grpc+proto, application/grpc-web, application/grpc-web+json, application/grpc-web+json; charset=utf-8, application/grpc-web+proto, application/json, application/json; charset=utf-8, application/proto";
const STREAM_TYPES: &str = "application/connect+json, application/connect+json; charset=utf-8, application/connect+proto, application/grpc, application/grpc+json, application/grpc+json; charset=utf-8, application/grpc+proto, application/grpc-web, application/grpc-web+json, application/grpc-web+json; charset=utf-8, application/grpc-web+proto";

/// How messages are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    Json,
    Proto,
}

impl Codec {
    /// Reads a message.
    ///
    /// # Errors
    ///
    /// When it is none.
    pub fn read(self, message: &'static Message, bytes: &[u8]) -> connect::Result<Value> {
        let read = match self {
            Codec::Json => message.read(bytes),
            Codec::Proto => proto::decode(message, bytes).ok_or_else(|| {
                format!(
                    "unmarshal into *{}: proto: cannot parse invalid wire-format data",
                    message.name
                )
            }),
        };
        read.map_err(|why| error("invalid_argument", format!("unmarshal message: {why}")))
    }

    /// Writes a message.
    pub fn write(self, message: &'static Message, value: &Value) -> Bytes {
        match self {
            Codec::Json => value.to_string().into(),
            Codec::Proto => proto::encode(message, value).into(),
        }
    }

    fn stream_type(self) -> &'static str {
        match self {
            Codec::Json => "application/connect+json",
            Codec::Proto => "application/connect+proto",
        }
    }
}

/// A call of a method, before its message is read.
pub struct Call {
    pub state: Arc<State>,
    pub user: Option<User>,
    pub headers: HeaderMap,
    pub codec: Codec,
}

impl Call {
    /// The user, where there must be one.
    ///
    /// # Errors
    ///
    /// Without one.
    pub fn user(&self) -> connect::Result<&User> {
        let user = self.user.as_ref();
        user.ok_or_else(|| error("unauthenticated", "no user specified"))
    }
}

/// Answers a call.
pub async fn answer(state: &Arc<State>, request: Request<Incoming>) -> Answer {
    let path = request.uri().path().to_owned();
    let method = path.strip_prefix('/').unwrap_or_default();
    let Some((message, answered)) = unary_messages(method) else {
        return stream(state, method, request).await;
    };
    if request.method() != Method::POST {
        return Ok(not_allowed("POST"));
    }
    let codec = match http::media_type(request.headers()).as_str() {
        "application/json" => Codec::Json,
        "application/proto" => Codec::Proto,
        _ => return Ok(unsupported(UNARY_TYPES)),
    };
    let headers = request.headers().clone();
    let user = match User::of(&headers) {
        Ok(user) => user,
        Err(why) => return Ok(connect::unary(Err(why))),
    };
    let call = Call {
        state: Arc::clone(state),
        user,
        headers,
        codec,
    };
    let result = match check_version(&call.headers) {
        Ok(()) => unary(&call, method, message, request).await,
        Err(why) => Err(why),
    };
    let mut response = match (result, codec) {
        (Ok(value), Codec::Proto) => {
            http::answer(200, "application/proto", codec.write(answered, &value))
        }
        (result, _) => connect::unary(result),
    };
    http::set(&mut response, "accept-encoding", "gzip");
    Ok(response)
}

/// The request's and the answer's message of a unary method.
fn unary_messages(method: &str) -> Option<(&'static Message, &'static Message)> {
    Some(match method {
        "filesystem.Filesystem/Stat" => (&m::STAT, &m::ONE_ENTRY),
        "filesystem.Filesystem/MakeDir" => (&m::MAKE_DIR, &m::ONE_ENTRY),
        "filesystem.Filesystem/Move" => (&m::MOVE, &m::ONE_ENTRY),
        "filesystem.Filesystem/ListDir" => (&m::LIST_DIR, &m::ENTRIES),
        "filesystem.Filesystem/Remove" => (&m::REMOVE, &m::EMPTY),
        "filesystem.Filesystem/CreateWatcher" => (&m::CREATE_WATCHER, &m::WATCHER),
        "filesystem.Filesystem/GetWatcherEvents" => (&m::GET_EVENTS, &m::EVENTS),
        "filesystem.Filesystem/RemoveWatcher" => (&m::REMOVE_WATCHER, &m::EMPTY),
        "process.Process/List" => (&m::LIST, &m::LISTED),
        "process.Process/Update" => (&m::UPDATE, &m::EMPTY),
        "process.Process/SendInput" => (&m::SEND_INPUT, &m::EMPTY),
        "process.Process/SendSignal" => (&m::SEND_SIGNAL, &m::EMPTY),
        "process.Process/CloseStdin" => (&m::CLOSE_STDIN, &m::EMPTY),
        _ => return None,
    })
}

async fn unary(
    call: &Call,
    method: &str,
    message: &'static Message,
    request: Request<Incoming>,
) -> connect::Result<Value> {
    let body = http::whole(request.into_body()).await;
    let body = body.ok_or_else(|| error("unknown", "read enveloped message: unexpected EOF"))?;
    let value = call.codec.read(message, &body)?;
    let (service, method) = method.split_once('/').unwrap_or_default();
    if service == "filesystem.Filesystem" {
        return match method {
            "CreateWatcher" => call.state.watchers.create(call.user()?, &value),
            "GetWatcherEvents" => call.state.watchers.events(&value),
            "RemoveWatcher" => call.state.watchers.remove(&value),
            _ => filesystem::call(call.user()?, method, &value),
        };
    }
    match method {
        "List" => Ok(call.state.processes.list()),
        "Update" => input::update(&call.state, &value).await,
        "SendInput" => input::send(&call.state, &value).await,
        "CloseStdin" => input::close(&call.state, &value).await,
        _ => input::signal(&call.state, &value),
    }
}

async fn stream(state: &Arc<State>, method: &str, request: Request<Incoming>) -> Answer {
    if !matches!(
        method,
        "process.Process/Start"
            | "process.Process/Connect"
            | "process.Process/StreamInput"
            | "filesystem.Filesystem/WatchDir"
    ) {
        return Ok(http::error_text(404, "404 page not found"));
    }
    if request.method() != Method::POST {
        return Ok(not_allowed("POST"));
    }
    let codec = match http::media_type(request.headers()).as_str() {
        "application/connect+json" => Codec::Json,
        "application/connect+proto" => Codec::Proto,
        _ => return Ok(unsupported(STREAM_TYPES)),
    };
    let headers = request.headers().clone();
    let user = match User::of(&headers) {
        Ok(user) => user,
        Err(why) => {
            let end = envelope::end(Err(&why));
            return Ok(http::answer(200, codec.stream_type(), end));
        }
    };
    let call = Call {
        state: Arc::clone(state),
        user,
        headers,
        codec,
    };
    let body = match check_version(&call.headers) {
        Err(why) => Err(why),
        Ok(()) if method == "process.Process/StreamInput" => {
            input::stream(&call, request.into_body()).await
        }
        Ok(()) => match http::whole(request.into_body()).await.map(envelope::only) {
            None => Err(error("invalid_argument", "protocol error: unexpected EOF")),
            Some(Err(why)) => Err(why),
            Some(Ok(message)) => match method {
                "process.Process/Start" => start::start(&call, &message).await?,
                "process.Process/Connect" => start::connect(&call, &message),
                _ => watch::stream(&call, &message),
            },
        },
    };
    let body = body.unwrap_or_else(|why| Reply::from(envelope::end(Err(&why))));
    let mut response = http::answer(200, codec.stream_type(), "").map(|_| body);
    http::set(&mut response, "connect-accept-encoding", "gzip");
    Ok(response)
}

fn check_version(headers: &HeaderMap) -> connect::Result<()> {
    match http::header(headers, "connect-protocol-version") {
        "" | "1" => Ok(()),
        other => {
            let why = format!("Connect-Protocol-Version must be \"1\": got \"{other}\"");
            Err(error("invalid_argument", why))
        }
    }
}

fn unsupported(types: &str) -> Response<Reply> {
    let mut response = http::answer(415, "", "");
    http::set(&mut response, "accept-post", types);
    response
}
