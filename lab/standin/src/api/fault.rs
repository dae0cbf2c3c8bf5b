//! Misbehaviour on demand: a file says how, for each request anew.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use serde_json::{Map, Value};

use super::answer::Answer;

/// The faults that are in force.
#[derive(Debug)]
pub struct Faults {
    file: PathBuf,
    /// How often a fault has struck, by its name and its serial: a new serial is counted from the start.
    struck: Mutex<HashMap<String, u64>>,
}

/// A request that is to fail, whatever it asks for.
#[derive(Debug, PartialEq, Eq)]
pub struct Strike {
    /// What it is answered.
    pub answer: Answer,
    /// Whether what it asks for is done all the same.
    pub after: bool,
}

impl Faults {
    /// Faults out of that file, which may come and go.
    pub fn new(file: PathBuf) -> Faults {
        Faults {
            file,
            struck: Mutex::new(HashMap::new()),
        }
    }

    fn read(&self) -> Map<String, Value> {
        fs::read(&self.file)
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok())
            .unwrap_or_default()
    }

    /// How this request fails, if it does. `{"count": 2, "serial": 7, "method": "POST", "after": true}`: the method and
    /// `after`, which has the request done and then answered wrongly, may be left out.
    pub fn strike(&self, method: &str) -> Option<Strike> {
        let faults = self.read();
        for (name, answer) in [
            ("api-500", Answer::problem(500, "Internal server error")),
            ("rate-limit", Answer::problem(429, "Rate limit exceeded")),
        ] {
            let Some(fault) = faults.get(name).and_then(Value::as_object) else {
                continue;
            };
            let meant = fault.get("method").and_then(Value::as_str);
            if meant.is_none_or(|meant| meant == method) && self.counts(name, fault) {
                let after = fault.get("after").and_then(Value::as_bool) == Some(true);
                return Some(Strike { answer, after });
            }
        }
        None
    }

    fn counts(&self, name: &str, fault: &Map<String, Value>) -> bool {
        let count = fault.get("count").and_then(Value::as_u64).unwrap_or(1);
        let serial = fault.get("serial").unwrap_or(&Value::Null);
        let mut struck = self.struck.lock().unwrap_or_else(PoisonError::into_inner);
        let times = struck.entry(format!("{name} {serial}")).or_insert(0);
        *times += 1;
        *times <= count
    }

    /// Whether no node has room for a sandbox.
    pub fn no_capacity(&self) -> bool {
        match self.read().get("no-capacity") {
            None | Some(Value::Null | Value::Bool(false)) => false,
            Some(_) => true,
        }
    }

    /// Whether a key is treated as one that nobody has.
    pub fn expired(&self, key: &str) -> bool {
        match self.read().get("expire-key") {
            Some(Value::String(expired)) => !expired.is_empty() && expired == key,
            Some(Value::Array(expired)) => expired.iter().any(|expired| expired == key),
            Some(Value::Object(fault)) => fault.get("key").is_some_and(|expired| expired == key),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_serial_counts_from_the_start() {
        let file = std::env::temp_dir().join(format!("standin-faults-{}", std::process::id()));
        let faults = Faults::new(file.clone());
        assert_eq!(faults.strike("GET"), None);
        for serial in 1..=2 {
            fs::write(
                &file,
                format!(r#"{{"api-500":{{"count":2,"serial":{serial},"method":"POST"}},"expire-key":"e2b_1"}}"#),
            )
            .unwrap();
            assert_eq!(faults.strike("GET"), None);
            assert_eq!(faults.strike("POST").unwrap().answer.status, 500);
            assert!(!faults.strike("POST").unwrap().after);
            assert_eq!(faults.strike("POST"), None);
        }
        assert!(faults.expired("e2b_1") && !faults.expired("e2b_2"));
        assert!(!faults.no_capacity());
        fs::write(&file, r#"{"no-capacity": true}"#).unwrap();
        assert!(faults.no_capacity());
        fs::remove_file(&file).unwrap();
    }
}
