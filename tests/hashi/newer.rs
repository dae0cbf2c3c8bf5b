//! A Nomad of another version: no such agent is at hand, so a small server answers as one would.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

use crate::common::script::run;

/// Answers every request by `answer`, which gets method and path, with a status and a body.
fn server(answer: fn(&str, &str) -> (u16, String)) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    // ends with the process
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || converse(stream, answer));
        }
    });
    address
}

fn converse(stream: TcpStream, answer: fn(&str, &str) -> (u16, String)) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut writer = stream;
    loop {
        let (mut first, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line.trim().is_empty() {
                break;
            }
            if first.is_empty() {
                first = line;
            }
        }
        reader
            .by_ref()
            .take(length)
            .read_to_end(&mut Vec::new())
            .unwrap();
        let mut words = first.split_whitespace();
        let (method, path) = (words.next().unwrap(), words.next().unwrap());
        let (status, body) = answer(method, path.split('?').next().unwrap());
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nx-nomad-index: 7\r\n\r\n",
            body.len()
        );
        writer
            .write_all(format!("{head}{body}").as_bytes())
            .unwrap();
    }
}

fn about(version: &str) -> String {
    format!(
        r#"{{"config":{{"Version":{{"Version":"{version}"}}}},"member":{{"Tags":{{"build":"{version}"}}}}}}"#
    )
}

/// A path that moved, a method that is gone, an answer of another form.
fn otherwise(version: &str, path: &str) -> (u16, String) {
    match path {
        "/v1/agent/self" => (200, about(version)),
        "/v1/nodes" => (200, r#"{"nodes":[]}"#.to_owned()),
        "/v1/jobs/parse" => (405, "Invalid method".to_owned()),
        "/v1/job/none" => (404, "job not found".to_owned()),
        "/v1/vars" => (404, "404 page not found".to_owned()),
        "/v1/jobs" => (200, "[]".to_owned()),
        _ => (404, "404 page not found".to_owned()),
    }
}

fn kind_and_message(address: &str, script: &str) -> (String, String, String) {
    let script = format!("let n = nomad::connect(#{{ address: \"{address}\" }}); {script}");
    let failure = run(&script).failure();
    (
        failure.kind,
        failure.message,
        failure.help.unwrap_or_default(),
    )
}

#[test]
fn functions_that_a_newer_nomad_answers_otherwise_say_so() {
    let address = server(|_, path| otherwise("1.9.3", path));
    let script = format!(
        "let n = nomad::connect(#{{ address: \"{address}\" }}); let v = n.version(); [v.text, v.major, v.minor, v.known]"
    );
    let value = run(&script).value();
    assert_eq!(format!("{value:?}"), r#"["1.9.3", 1, 9, false]"#);

    for script in ["n.list_nodes()", "n.parse(\"\")", "n.list_variables()"] {
        let (kind, message, help) = kind_and_message(&address, script);
        assert_eq!(kind, "nomad.unsupported", "{script}: {message}");
        assert!(
            message.starts_with(
                "Nomad 1.9.3 does not do this as the versions that are known do (1.4 to 1.6): "
            ),
            "{message}"
        );
        assert!(help.contains("Nomad's own command line"), "{help}");
    }
    // what is alike works, and what is not there is not there
    let script = format!("nomad::connect(#{{ address: \"{address}\" }}).list_jobs().len()");
    assert_eq!(run(&script).value().as_int(), Ok(0));
    let (kind, _, _) = kind_and_message(&address, "n.get_job(\"none\")");
    assert_eq!(kind, "nomad.not_found");
}

#[test]
fn the_same_answers_of_a_known_nomad_are_told_as_they_are() {
    let address = server(|_, path| otherwise("1.6.2", path));
    let (kind, message, _) = kind_and_message(&address, "n.list_nodes()");
    assert_eq!(kind, "nomad.answer", "{message}");
    let (kind, message, _) = kind_and_message(&address, "n.parse(\"\")");
    assert_eq!(kind, "nomad.refused", "{message}");
}

#[test]
fn what_is_known_to_be_otherwise_is_listed() {
    let address = server(|_, path| otherwise("1.11.0", path));
    let script = format!("nomad::connect(#{{ address: \"{address}\" }}).version().differences");
    let value = format!("{:?}", run(&script).value());
    assert!(value.contains("system jobs have deployments"), "{value}");
}
