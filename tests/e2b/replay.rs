//! A web server that answers as it is told, and keeps what it was asked.

use std::sync::{Arc, Mutex};

use e2bscript::e2b::{Credential, E2b, Given, Profile, Settings};
use e2bscript::hashi::Hooks;
use e2bscript::http::Client;
use e2bscript::secret::Secret;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What came in.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    pub method: String,
    /// With its query.
    pub target: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Asked {
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// What goes out.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// 0: the connection is closed without a word.
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// The body goes out in pieces of this size; 0 for all at once.
    pub pieces: usize,
    /// The connection ends before the whole body.
    pub cut: bool,
}

impl Answer {
    pub fn json(status: u16, body: &Value) -> Answer {
        Answer {
            status,
            headers: vec![("content-type".into(), "application/json".into())],
            body: body.to_string().into_bytes(),
            ..Answer::default()
        }
    }

    pub fn text(status: u16, body: &str) -> Answer {
        Answer {
            status,
            headers: vec![("content-type".into(), "text/plain; charset=utf-8".into())],
            body: body.as_bytes().to_vec(),
            ..Answer::default()
        }
    }
}

type Handler = Arc<dyn Fn(&Asked) -> Answer + Send + Sync>;

/// The server; it ends with the runtime that it was started on.
pub struct Server {
    pub address: String,
    pub asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    pub async fn start(handler: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (handler, log): (Handler, _) = (Arc::new(handler), asked.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, handler.clone(), log.clone()));
            }
        });
        Server { address, asked }
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// A client of it with every credential.
    pub fn client(&self, profile: Option<Profile>) -> E2b {
        client(&self.address, profile)
    }
}

pub fn client(address: &str, profile: Option<Profile>) -> E2b {
    let credential = |text: &str| {
        Some(Credential {
            value: Secret::new(text),
            source: "the test".to_owned(),
        })
    };
    let given = Given {
        address: Some(address.to_owned()),
        sandbox_address: Some(address.to_owned()),
        edge_address: Some(address.to_owned()),
        api_key: credential("e2b_aaaa"),
        access_token: credential("sk_e2b_bbbb"),
        admin_token: credential("admin"),
        session_token: credential("jwt"),
        team: Some("team".to_owned()),
        profile,
        ..Given::default()
    };
    let settings = Settings::new(given, |_| None).unwrap();
    E2b::new(
        Arc::new(Client::new().unwrap()),
        Vec::new(),
        settings,
        Hooks::default(),
    )
    .unwrap()
}

async fn serve(mut stream: TcpStream, handler: Handler, log: Arc<Mutex<Vec<Asked>>>) {
    let mut buffer = Vec::new();
    let Some(asked) = read(&mut stream, &mut buffer).await else {
        return;
    };
    log.lock().unwrap().push(asked.clone());
    let answer = handler(&asked);
    if answer.status == 0 {
        return;
    }
    let mut head = format!("HTTP/1.1 {} X\r\nconnection: close\r\n", answer.status);
    for (name, value) in &answer.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if answer.status != 204 {
        let length = answer.body.len() + usize::from(answer.cut);
        head.push_str(&format!("content-length: {length}\r\n"));
    }
    head.push_str("\r\n");
    if stream.write_all(head.as_bytes()).await.is_err() || answer.status == 204 {
        return;
    }
    let size = if answer.pieces == 0 {
        answer.body.len().max(1)
    } else {
        answer.pieces
    };
    for piece in answer.body.chunks(size) {
        if stream.write_all(piece).await.is_err() || stream.flush().await.is_err() {
            return;
        }
        if answer.pieces != 0 {
            tokio::task::yield_now().await;
        }
    }
    // the other side may have gone already
    let _closed = stream.shutdown().await;
}

/// One request, whole.
async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Asked> {
    let end = loop {
        if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length: usize = length.map_or(0, |(_, value)| value.parse().unwrap());
    while buffer.len() < end + 4 + length {
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
    Some(Asked {
        method,
        target,
        headers,
        body: buffer[end + 4..end + 4 + length].to_vec(),
    })
}
