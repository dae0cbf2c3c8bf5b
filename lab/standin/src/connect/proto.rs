//! The binary form of messages, for clients that prefer it: `application/proto`.

use crate::field::Field as _;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::message::{Field, Kind, Message};

/// Reads a binary message into its JSON form; `None` when it is none.
#[must_use]
pub fn decode(message: &'static Message, mut bytes: &[u8]) -> Option<Value> {
    let mut map = Map::new();
    while !bytes.is_empty() {
        let tag = take_number(&mut bytes)?;
        let (number, wire) = (tag >> 3, tag & 7);
        let (raw, plain) = match wire {
            0 => (&[][..], take_number(&mut bytes)?),
            1 => (take(&mut bytes, 8)?, 0),
            2 => {
                let length = usize::try_from(take_number(&mut bytes)?).ok()?;
                (take(&mut bytes, length)?, 0)
            }
            5 => (take(&mut bytes, 4)?, 0),
            _ => return None,
        };
        let Some(field) = message.fields.iter().find(|field| field.number == number) else {
            continue;
        };
        match (field.kind, field.repeated) {
            (Kind::Texts, _) => {
                let entry = decode(&ENTRY, raw)?;
                let key = entry.of("key").as_str().unwrap_or_default().to_owned();
                let value = entry.of("value").as_str().unwrap_or_default();
                let texts = map.entry(field.name).or_insert_with(|| Map::new().into());
                texts.as_object_mut()?.insert(key, value.into());
            }
            (_, true) => {
                let list = map
                    .entry(field.name)
                    .or_insert_with(|| Vec::<Value>::new().into());
                list.as_array_mut()?.push(value(field, raw, plain)?);
            }
            (_, false) => {
                map.insert(field.name.to_owned(), value(field, raw, plain)?);
            }
        }
    }
    Some(Value::Object(map))
}

const ENTRY: Message = Message {
    name: "entry",
    fields: &[
        super::message::one(1, "key", Kind::Text),
        super::message::one(2, "value", Kind::Text),
    ],
};

fn value(field: &Field, raw: &[u8], plain: u64) -> Option<Value> {
    Some(match field.kind {
        Kind::Text => std::str::from_utf8(raw).ok()?.into(),
        Kind::Bytes => STANDARD.encode(raw).into(),
        Kind::Number => plain.into(),
        Kind::Signed => ((plain >> 1).cast_signed() ^ -(plain & 1).cast_signed()).into(),
        Kind::Flag => (plain != 0).into(),
        Kind::Choice(names) => {
            let number = plain.cast_signed();
            match names.iter().find(|(_, known)| *known == number) {
                Some((name, _)) => Value::from(*name),
                None => number.into(),
            }
        }
        Kind::Message(message) => decode(message, raw)?,
        Kind::Texts => return None,
    })
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}

fn take_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = *take(bytes, 1)?.first()?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

/// Writes a message's JSON form as binary.
#[must_use]
pub fn encode(message: &'static Message, value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    for field in message.fields {
        let Some(value) = value.get(field.name) else {
            continue;
        };
        match value {
            Value::Array(list) if field.repeated => {
                for item in list {
                    put(&mut bytes, field, item);
                }
            }
            Value::Object(map) if matches!(field.kind, Kind::Texts) => {
                for (key, item) in map {
                    let entry = serde_json::json!({"key": key, "value": item});
                    put_bytes(&mut bytes, field.number, &encode(&ENTRY, &entry));
                }
            }
            other => put(&mut bytes, field, other),
        }
    }
    bytes
}

fn put(bytes: &mut Vec<u8>, field: &Field, value: &Value) {
    let text = value.as_str().unwrap_or_default();
    let number = match field.kind {
        Kind::Text => return put_bytes(bytes, field.number, text.as_bytes()),
        Kind::Bytes => {
            let raw = STANDARD.decode(text).unwrap_or_default();
            return put_bytes(bytes, field.number, &raw);
        }
        Kind::Message(message) => {
            return put_bytes(bytes, field.number, &encode(message, value));
        }
        Kind::Number => value.as_u64().unwrap_or_default(),
        Kind::Signed => {
            let number = value.as_i64().unwrap_or_default();
            ((number << 1) ^ (number >> 63)).cast_unsigned()
        }
        Kind::Flag => u64::from(value.as_bool().unwrap_or_default()),
        Kind::Choice(names) => {
            let named = names.iter().find(|(name, _)| *name == text);
            let number = named.map_or(value.as_i64(), |(_, number)| Some(*number));
            number.unwrap_or_default().cast_unsigned()
        }
        Kind::Texts => return,
    };
    put_number(bytes, field.number << 3);
    put_number(bytes, number);
}

fn put_bytes(bytes: &mut Vec<u8>, number: u64, raw: &[u8]) {
    put_number(bytes, (number << 3) | 2);
    put_number(bytes, raw.len() as u64);
    bytes.extend(raw);
}

fn put_number(bytes: &mut Vec<u8>, mut number: u64) {
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            return bytes.push(low & 0x7f);
        }
        bytes.push(low | 0x80);
    }
}
