//! A model as plain data, for recordings.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};

use super::super::mode::Mode;
use super::super::world::{Node, NodeKind};
use super::{Model, kind};

impl Model {
    /// All of it as plain data.
    pub fn to_json(&self) -> Value {
        let inner = self.lock();
        let paths = inner.nodes.iter();
        let paths: serde_json::Map<String, Value> = paths
            .map(|(path, node)| (path.clone(), node_to_json(node)))
            .collect();
        let answers = inner.answers.iter().map(|((snippet, words), answer)| {
            json!({
                "ask": snippet,
                "words": words,
                "answer": String::from_utf8_lossy(answer),
            })
        });
        json!({
            "paths": paths,
            "answers": answers.collect::<Vec<_>>(),
            "facts": inner.facts,
        })
    }

    /// From what [`Model::to_json`] gave; what is not understood is left out.
    pub fn from_json(value: &Value) -> Model {
        let model = Model::new();
        {
            let mut inner = model.lock();
            let paths = value.get("paths").and_then(Value::as_object);
            for (path, node) in paths.into_iter().flatten() {
                inner.nodes.insert(path.clone(), node_from_json(node));
            }
            let answers = value.get("answers").and_then(Value::as_array);
            for answer in answers.into_iter().flatten() {
                let text =
                    |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default();
                let words = answer.get("words").and_then(Value::as_array);
                let words = words.into_iter().flatten().filter_map(Value::as_str);
                let question = (text("ask").to_owned(), words.map(str::to_owned).collect());
                inner.answers.insert(question, text("answer").into());
            }
            if let Some(facts) = value.get("facts").cloned()
                && let Ok(facts) = serde_json::from_value(facts)
            {
                inner.facts = facts;
            }
        }
        model
    }
}

fn node_to_json(node: &Node) -> Value {
    let Some(kind) = kind(node.kind) else {
        return Value::Null;
    };
    let mut value = json!({
        "kind": kind,
        "mode": node.mode.to_string(),
        "user": node.user,
        "group": node.group,
        "uid": node.uid,
        "gid": node.gid,
    });
    let Some(fields) = value.as_object_mut() else {
        return value;
    };
    if node.kind == NodeKind::File {
        fields.insert("size".into(), node.size.into());
    }
    if let Some(sha256) = &node.sha256 {
        fields.insert("sha256".into(), sha256.as_str().into());
    }
    if let Some(target) = &node.target {
        fields.insert("target".into(), target.as_str().into());
    }
    if node.filled {
        fields.insert("filled".into(), true.into());
    }
    match node.text.as_deref().map(std::str::from_utf8) {
        None => {}
        Some(Ok(text)) => {
            fields.insert("text".into(), text.into());
        }
        Some(Err(_)) => {
            let bytes = node.text.as_deref().unwrap_or_default();
            fields.insert("base64".into(), STANDARD.encode(bytes).into());
        }
    }
    value
}

fn node_from_json(value: &Value) -> Node {
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let number = |name: &str| value.get(name).and_then(Value::as_u64).unwrap_or(0);
    let kind = match text("kind") {
        Some("file") => NodeKind::File,
        Some("dir") => NodeKind::Dir,
        Some("link") => NodeKind::Link,
        Some(_) => NodeKind::Other,
        None => return Node::absent(),
    };
    let bytes = match (text("text"), text("base64")) {
        (Some(text), _) => Some(Bytes::from(text.to_owned())),
        (None, Some(encoded)) => STANDARD.decode(encoded).ok().map(Bytes::from),
        (None, None) => None,
    };
    Node {
        kind,
        mode: text("mode")
            .and_then(|mode| mode.parse().ok())
            .unwrap_or(Mode::new(0)),
        uid: u32::try_from(number("uid")).unwrap_or(0),
        gid: u32::try_from(number("gid")).unwrap_or(0),
        user: text("user").unwrap_or("root").to_owned(),
        group: text("group").unwrap_or("root").to_owned(),
        size: number("size"),
        sha256: text("sha256").map(str::to_owned),
        target: text("target").map(str::to_owned),
        filled: value.get("filled").is_some(),
        text: bytes,
        ..Node::absent()
    }
}
