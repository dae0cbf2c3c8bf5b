//! What the five stand-ins share: they start, listen, answer `GET /health` and end on SIGTERM.
//!
//! `e2blab fault break-service` has them fail: a file in `/run/e2blab`, by the binary's name, says how.
//!
//! They stand in for binaries that need `/dev/kvm`, `nbd` and a built E2B tree. A deploy flow
//! uploads and runs them exactly as it does the real ones.

pub mod api;

use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{self, ExitCode};
use std::thread;
use std::time::Duration;

/// How long a connection may keep a thread without sending a request.
const IDLE: Duration = Duration::from_secs(30);
/// The longest request head that is read; probes send far less.
const HEAD_LIMIT: u64 = 16 * 1024;

/// Where the files are that say how to fail.
const FAULTS: &str = "/run/e2blab";
/// What one that eats memory takes in all, and at once. There is an end to it: nothing else stops it.
const EATEN: usize = 512 << 20;
const BITE: usize = 16 << 20;

/// How a stand-in fails on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// Ends with status 1 at once.
    Crash,
    /// Runs, and listens to nothing.
    Silent,
    /// Answers every request with status 500.
    Answers500,
    /// Ends with status 1 after so long.
    Exit(Duration),
    /// Takes more and more memory.
    Memory,
}

impl Fault {
    /// What the file of a stand-in says; `None` without one, and for what is no fault.
    fn read(directory: &Path, name: &str) -> Option<Fault> {
        let text = fs::read_to_string(directory.join(name)).ok()?;
        let mut words = text.split_whitespace();
        Some(match (words.next()?, words.next()) {
            ("crash", None) => Fault::Crash,
            ("silent", None) => Fault::Silent,
            ("500", None) => Fault::Answers500,
            ("exit", Some(seconds)) => Fault::Exit(Duration::from_secs(seconds.parse().ok()?)),
            ("memory", None) => Fault::Memory,
            _ => return None,
        })
    }
}

/// One stand-in: the binary's name, its platform port, and the variable the real one reads for it.
#[derive(Debug, Clone, Copy)]
pub struct Standin {
    /// The file name in the artifacts directory.
    pub name: &'static str,
    /// The port it listens on unless told otherwise.
    pub port: u16,
    /// The environment variable that changes the port; `STANDIN_PORT` always does.
    pub port_variable: &'static str,
}

impl Standin {
    /// Serves until killed. Fails, with status 1, when the port cannot be had.
    pub fn main(self) -> ExitCode {
        let arguments: Vec<String> = env::args().skip(1).collect();
        if arguments.iter().any(|argument| argument == "--version") {
            return said(writeln!(
                io::stdout(),
                "{} (stand-in) {}",
                self.name,
                env!("CARGO_PKG_VERSION")
            ));
        }
        let port = match self.chosen_port(&arguments, |name| env::var(name).ok()) {
            Ok(port) => port,
            Err(text) => return self.fail(&format!("`{text}` is not a port")),
        };
        match self.fault() {
            Some(Fault::Crash) => return self.fail("broken on purpose: it crashes at start"),
            Some(Fault::Silent) => loop {
                thread::sleep(IDLE);
            },
            Some(Fault::Exit(after)) => drop(thread::spawn(move || {
                thread::sleep(after);
                let _ = self.fail("broken on purpose: it has run long enough");
                process::exit(1);
            })),
            Some(Fault::Memory) => drop(thread::spawn(eat)),
            Some(Fault::Answers500) | None => {}
        }
        match TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)) {
            Ok(listener) => {
                let _ = said(writeln!(
                    io::stderr(),
                    "{} (stand-in) listens on port {port}",
                    self.name
                ));
                self.serve(&listener);
                ExitCode::SUCCESS
            }
            Err(error) => self.fail(&format!("cannot listen on port {port}: {error}")),
        }
    }

    /// The port from `--port N`, `-port N` or `--port=N`, then from the environment. Other
    /// arguments are the real binaries' and are ignored.
    fn chosen_port(
        self,
        arguments: &[String],
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<u16, String> {
        let mut rest = arguments.iter();
        let mut given = None;
        while let Some(argument) = rest.next() {
            let bare = argument.trim_start_matches('-');
            if bare == "port" {
                given = rest.next().cloned();
            } else if let Some(value) = bare.strip_prefix("port=") {
                given = Some(value.to_owned());
            }
        }
        let text = given
            .or_else(|| variable("STANDIN_PORT"))
            .or_else(|| variable(self.port_variable));
        text.map_or(Ok(self.port), |text| text.parse().map_err(|_| text))
    }

    fn fault(self) -> Option<Fault> {
        Fault::read(Path::new(FAULTS), self.name)
    }

    /// Answers connections, each on its own thread, until the process ends.
    fn serve(self, listener: &TcpListener) {
        for stream in listener.incoming() {
            match stream {
                // a peer that goes away in the middle is the peer's matter
                Ok(stream) => drop(thread::spawn(move || self.converse(stream))),
                // out of file descriptors: give the others time to finish
                Err(_) => thread::sleep(Duration::from_millis(50)),
            }
        }
    }

    /// Answers the requests of one connection until it closes.
    fn converse(self, stream: TcpStream) -> io::Result<()> {
        stream.set_read_timeout(Some(IDLE))?;
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut writer = stream;
        while let Some(line) = request_line(&mut reader)? {
            // asked for each request: this fault comes and goes without a restart
            let broken = self.fault() == Some(Fault::Answers500);
            writer.write_all(self.answer(&line, broken).as_bytes())?;
        }
        Ok(())
    }

    /// The whole response to a request line such as `GET /health HTTP/1.1`.
    fn answer(self, request: &str, broken: bool) -> String {
        let mut words = request.split_whitespace();
        let method = words.next().unwrap_or_default();
        let path = words.next().unwrap_or_default();
        let (status, body) = match (method, path.split('?').next().unwrap_or_default()) {
            _ if broken => (
                "500 Internal Server Error",
                r#"{"status":"unhealthy","message":"broken on purpose"}"#.to_owned(),
            ),
            ("GET" | "HEAD", "/health") => (
                "200 OK",
                format!(
                    r#"{{"status":"healthy","service":"{}","version":"standin-{}"}}"#,
                    self.name,
                    env!("CARGO_PKG_VERSION")
                ),
            ),
            ("GET" | "HEAD", _) => (
                "404 Not Found",
                r#"{"code":404,"message":"not found"}"#.to_owned(),
            ),
            _ => (
                "405 Method Not Allowed",
                r#"{"code":405,"message":"method not allowed"}"#.to_owned(),
            ),
        };
        let shown = if method == "HEAD" { "" } else { body.as_str() };
        format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{shown}",
            body.len()
        )
    }

    fn fail(self, why: &str) -> ExitCode {
        let _ = said(writeln!(io::stderr(), "{}: {why}", self.name));
        ExitCode::FAILURE
    }
}

/// Takes memory and keeps it.
fn eat() {
    let mut eaten = Vec::new();
    while eaten.len() * BITE < EATEN {
        // ones: pages of zeros would not be there
        eaten.push(std::hint::black_box(vec![1_u8; BITE]));
        thread::sleep(Duration::from_millis(50));
    }
    loop {
        thread::sleep(IDLE);
    }
}

/// Reads one request head and returns its first line; `None` when the peer is done.
fn request_line(reader: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut head = reader.take(HEAD_LIMIT);
    let mut first = String::new();
    if head.read_line(&mut first)? == 0 {
        return Ok(None);
    }
    let mut line = String::new();
    loop {
        line.clear();
        if head.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if line.trim_end().is_empty() {
            return Ok(Some(first));
        }
    }
}

/// A closed stdout or stderr is no reason to go on, nor to panic.
fn said(result: io::Result<()>) -> ExitCode {
    result.map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const API: Standin = Standin {
        name: "e2b-api",
        port: 50001,
        port_variable: "API_PORT",
    };

    fn port(arguments: &[&str], variables: &[(&str, &str)]) -> Result<u16, String> {
        let arguments: Vec<String> = arguments.iter().map(|a| (*a).to_owned()).collect();
        API.chosen_port(&arguments, |name| {
            variables
                .iter()
                .find(|(n, _)| *n == name)
                .map(|(_, v)| (*v).to_owned())
        })
    }

    #[test]
    fn the_port_comes_from_arguments_then_environment_then_platform() {
        assert_eq!(port(&[], &[]), Ok(50001));
        assert_eq!(port(&["--debug", "true"], &[("API_PORT", "81")]), Ok(81));
        assert_eq!(
            port(&[], &[("API_PORT", "81"), ("STANDIN_PORT", "82")]),
            Ok(82)
        );
        assert_eq!(port(&["-port", "83"], &[("STANDIN_PORT", "82")]), Ok(83));
        assert_eq!(port(&["--port=84"], &[]), Ok(84));
        assert_eq!(port(&["--port", "many"], &[]), Err("many".to_owned()));
    }

    #[test]
    fn a_file_says_how_to_fail() {
        let directory = env::temp_dir().join(format!("standin-{}", process::id()));
        fs::create_dir_all(&directory).unwrap();
        assert_eq!(Fault::read(&directory, "api"), None);
        for (text, fault) in [
            ("crash\n", Some(Fault::Crash)),
            ("500", Some(Fault::Answers500)),
            ("exit 3\n", Some(Fault::Exit(Duration::from_secs(3)))),
            ("exit soon", None),
            ("memory", Some(Fault::Memory)),
            ("silent", Some(Fault::Silent)),
            ("", None),
        ] {
            fs::write(directory.join("api"), text).unwrap();
            assert_eq!(Fault::read(&directory, "api"), fault, "{text}");
        }
        fs::remove_dir_all(&directory).unwrap();
        assert!(
            API.answer("GET /health HTTP/1.1", true)
                .starts_with("HTTP/1.1 500 ")
        );
    }

    #[test]
    fn health_is_answered_over_a_socket_twice_on_one_connection() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || API.serve(&listener));
        let mut stream = TcpStream::connect(address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        for _ in 0..2 {
            stream
                .write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n")
                .unwrap();
            let mut answer = vec![0; API.answer("GET /health HTTP/1.1", false).len()];
            stream.read_exact(&mut answer).unwrap();
            let answer = String::from_utf8(answer).unwrap();
            assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
            assert!(
                answer.contains(r#""status":"healthy","service":"e2b-api""#),
                "{answer}"
            );
        }
    }

    #[test]
    fn what_is_not_health_is_not_healthy() {
        assert!(
            API.answer("GET /sandboxes HTTP/1.1", false)
                .starts_with("HTTP/1.1 404 ")
        );
        assert!(
            API.answer("POST /health HTTP/1.1", false)
                .starts_with("HTTP/1.1 405 ")
        );
    }
}
