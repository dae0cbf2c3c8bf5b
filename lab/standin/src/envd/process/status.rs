//! How a process ended, in the words of Go's runtime.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use serde_json::{Map, Value};

/// The `end` event's message. What is zero or false is left out, as protobuf's JSON does.
pub fn end(status: ExitStatus) -> Value {
    let mut end = Map::new();
    let code = status.code().unwrap_or(-1);
    let words = match status.signal() {
        Some(signal) => {
            let core = if status.core_dumped() {
                " (core dumped)"
            } else {
                ""
            };
            format!("signal: {}{core}", signal_words(signal))
        }
        None => format!("exit status {code}"),
    };
    if code != 0 {
        end.insert("exitCode".to_owned(), code.into());
    }
    if status.signal().is_none() {
        end.insert("exited".to_owned(), true.into());
    }
    end.insert("status".to_owned(), words.as_str().into());
    if code != 0 {
        end.insert("error".to_owned(), words.into());
    }
    Value::Object(end)
}

fn signal_words(signal: i32) -> String {
    let known = match signal {
        1 => "hangup",
        2 => "interrupt",
        3 => "quit",
        4 => "illegal instruction",
        5 => "trace/breakpoint trap",
        6 => "aborted",
        7 => "bus error",
        8 => "floating point exception",
        9 => "killed",
        10 => "user defined signal 1",
        11 => "segmentation fault",
        12 => "user defined signal 2",
        13 => "broken pipe",
        14 => "alarm clock",
        15 => "terminated",
        other => return format!("signal {other}"),
    };
    known.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn zeros_are_left_out() {
        let of = |raw| end(ExitStatus::from_raw(raw));
        assert_eq!(of(0), json!({"exited": true, "status": "exit status 0"}));
        let three = json!({"exitCode": 3, "exited": true, "status": "exit status 3", "error": "exit status 3"});
        assert_eq!(of(3 << 8), three);
        let killed = json!({"exitCode": -1, "status": "signal: killed", "error": "signal: killed"});
        assert_eq!(of(9), killed);
    }
}
