//! Stand-ins for the platform's five binaries, for the rehearsal cluster.
//!
//! They stand in for programs that need `/dev/kvm`, `nbd` and a built E2B tree, and answer as those do. A deploy flow
//! uploads and runs them exactly as it does the real ones. All five are one program that acts by the name of its file.
//!
//! `e2blab fault` has them fail: `breakage` is what happens to a whole service, `misfortune` what happens to its work.

pub mod api;
pub mod breakage;
pub mod connect;
pub mod envd;
pub mod field;
pub mod http;
pub mod misfortune;
pub mod orchestrator;
pub mod proxy;
pub mod sandbox;
pub mod service;
pub mod storage;
pub mod templates;

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use service::{SERVICES, Service};

/// Acts by the name of the program's file, or by its first argument.
#[must_use]
pub fn main(arguments: Vec<String>) -> ExitCode {
    let mut arguments = arguments.into_iter();
    let called = arguments.next().unwrap_or_default();
    let mut rest: Vec<String> = arguments.collect();
    let called = Path::new(&called)
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let mut name = called;
    // under its own name, and where it is started by way of `/proc`
    if !SERVICES.iter().any(|service| service.name == name) && !rest.is_empty() {
        name = rest.remove(0);
    }
    if name == sandbox::inside::NAME {
        return sandbox::inside::main(&rest);
    }
    match SERVICES.iter().find(|service| service.name == name) {
        Some(service) => run(service, &rest),
        None => {
            let names: Vec<&str> = SERVICES.iter().map(|service| service.name).collect();
            say(&format!("usage: standin {} …", names.join("|")));
            ExitCode::from(2)
        }
    }
}

fn run(service: &'static Service, arguments: &[String]) -> ExitCode {
    if arguments.iter().any(|argument| argument == "--version") {
        let text = format!(
            "{} (stand-in) {}\n",
            service.name,
            env!("CARGO_PKG_VERSION")
        );
        return match io::stdout().write_all(text.as_bytes()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        };
    }
    let options = match service.options(arguments, |name| std::env::var(name).ok()) {
        Ok(options) => options,
        Err(text) => {
            say(&format!("{}: `{text}` is not a port", service.name));
            return ExitCode::FAILURE;
        }
    };
    if let Err(why) = breakage::begin(service.name) {
        say(&format!("{}: {why}", service.name));
        return ExitCode::FAILURE;
    }
    if service.name == "envd" {
        sandbox::inside::wait_for_root();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let ended = runtime.and_then(|runtime| {
        runtime.block_on(async {
            match service.name {
                "orchestrator" => orchestrator::run(options).await,
                "template-manager" => templates::run(options).await,
                "client-proxy" => proxy::run(options).await,
                "envd" => envd::run(options).await,
                _ => api::run(api::Options::from_environment(options.port)).await,
            }
        })
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("{}: {error}", service.name));
            ExitCode::FAILURE
        }
    }
}

/// A line for the log. A closed stderr is no reason to stop.
pub fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
