//! HTTP that nobody sends: requests are answered by the test or from its recording.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::normal::normal;
use super::stage::Stage;
use crate::diag::Failure;
use crate::http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use crate::http::{Answers, Canned, Error, Request, StatusCode};

/// Headers of answers that are kept; others differ from run to run.
const KEPT: [&str; 5] = [
    "content-type",
    "x-nomad-index",
    "x-consul-index",
    "x-consul-knownleader",
    "connect-content-encoding",
];
/// Fields by which a map is an answer with its surroundings, and not just its body.
const FIELDS: [&str; 5] = ["status", "headers", "body", "base64", "down"];

impl Stage {
    /// Answers to requests such as `GET /v1/jobs` or `PUT localhost:4646/v1/job/*`.
    pub fn put_http(&self, answers: &Map<String, Value>) -> Result<(), Failure> {
        let mut state = self.lock();
        for (request, answer) in answers {
            let method = request.split_once(' ').map_or("", |(method, _)| method);
            let is_method = |c: char| c.is_ascii_uppercase() || c == '*';
            let has_method = !method.is_empty() && method.chars().all(is_method);
            if !has_method {
                let message = format!("`{request}` is no request that a test could answer");
                return Err(Failure::usage("test.answers", message)
                    .help("write the method first: `GET /v1/jobs`"));
            }
            state.http.put(request.clone(), answer.clone());
        }
        Ok(())
    }
}

impl Answers for Stage {
    fn answer(&self, request: &Request) -> Option<Result<Canned, Error>> {
        let forms = forms(request);
        let shown = forms.first().cloned().unwrap_or_default();
        self.note_asked(&shown);
        let key = self.http_key(request);
        let mut state = self.lock();
        let given = state.http.answer(&forms);
        if let Some(answer) = given.or_else(|| state.recording.answer(&key)) {
            drop(state);
            return Some(canned(request, &answer));
        }
        if self.records() {
            return None;
        }
        let recorded = state.recording.keys().filter(|key| is_http(key));
        let known = state.http.patterns().chain(recorded);
        let known: Vec<String> = known.map(str::to_owned).collect();
        drop(state);
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        Some(Err(Error::Unanswered {
            help: self.note_unanswered(&shown, &known),
            request: request.shown(),
        }))
    }

    fn heard(&self, request: &Request, canned: &Canned) {
        let headers = canned.headers.iter().filter_map(|(name, value)| {
            let kept = KEPT.contains(&name.as_str());
            let value = value.to_str().ok().filter(|_| kept)?;
            Some((name.as_str().to_owned(), Value::from(value)))
        });
        let headers: Map<String, Value> = headers.collect();
        let mut answer = json!({ "status": canned.status.as_u16(), "headers": headers });
        let (field, body) = match std::str::from_utf8(&canned.body) {
            Ok(text) => match serde_json::from_str::<Value>(text) {
                Ok(json) => ("body", json),
                Err(_) => ("body", text.into()),
            },
            Err(_) => ("base64", STANDARD.encode(&canned.body).into()),
        };
        if let Some(fields) = answer.as_object_mut() {
            fields.insert(field.to_owned(), body);
        }
        self.note_heard(self.http_key(request), answer);
    }
}

impl Stage {
    fn http_key(&self, request: &Request) -> String {
        let url = &request.url;
        let query = url
            .query()
            .map(|query| format!("?{query}"))
            .unwrap_or_default();
        let port = url.port_or_known_default().unwrap_or_default();
        let body = match request.body.as_deref().map(std::str::from_utf8) {
            Some(Ok(text)) if !text.is_empty() => format!(" {text}"),
            _ => String::new(),
        };
        let text = format!("{} :{port}{}{query}{body}", request.method, url.path());
        normal(&self.masked_text(&text))
    }
}

fn is_http(key: &str) -> bool {
    key.split_once(' ')
        .is_some_and(|(_, rest)| rest.starts_with(':'))
}

/// The request as a test may write it, the fullest form first.
fn forms(request: &Request) -> Vec<String> {
    let url = &request.url;
    let method = &request.method;
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or_default();
    let mut paths = vec![url.path().to_owned()];
    if let Some(query) = url.query() {
        paths.insert(0, format!("{}?{query}", url.path()));
    }
    let mut forms = Vec::new();
    for path in paths {
        forms.push(format!("{method} {host}:{port}{path}"));
        forms.push(format!("{method} :{port}{path}"));
        forms.push(format!("{method} {path}"));
    }
    forms
}

fn canned(request: &Request, answer: &Value) -> Result<Canned, Error> {
    let fields = answer.as_object().filter(|fields| {
        !fields.is_empty() && fields.keys().all(|field| FIELDS.contains(&field.as_str()))
    });
    let Some(fields) = fields else {
        return Ok(body_of(answer));
    };
    if fields.get("down").and_then(Value::as_bool) == Some(true) {
        return Err(Error::Connect {
            request: request.shown(),
            why: "the test says that it is down".to_owned(),
            help: None,
        });
    }
    let mut canned = fields.get("body").map(body_of).unwrap_or_else(|| Canned {
        body: Bytes::new(),
        ..body_of(&Value::from(""))
    });
    if let Some(encoded) = fields.get("base64").and_then(Value::as_str) {
        canned.body = STANDARD.decode(encoded).unwrap_or_default().into();
    }
    let status = fields.get("status").and_then(Value::as_u64);
    let status = status.and_then(|status| u16::try_from(status).ok());
    if let Some(status) = status.and_then(|status| StatusCode::from_u16(status).ok()) {
        canned.status = status;
    }
    let headers = fields.get("headers").and_then(Value::as_object);
    for (name, value) in headers.into_iter().flatten() {
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(&text)) {
            canned.headers.insert(name, value);
        }
    }
    Ok(canned)
}

/// A text is a body as it is, anything else is JSON.
fn body_of(value: &Value) -> Canned {
    let mut headers = HeaderMap::new();
    let body = match value {
        Value::String(text) => text.clone(),
        json => {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            json.to_string()
        }
    };
    Canned {
        status: StatusCode::OK,
        headers,
        body: body.into(),
    }
}
