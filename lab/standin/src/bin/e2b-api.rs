//! Stand-in for `e2b-api`: the platform's REST API.

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;

use standin::api::{Options, run};

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let mut port = env::var("STANDIN_PORT")
        .or_else(|_| env::var("API_PORT"))
        .ok();
    while let Some(argument) = arguments.next() {
        let bare = argument.trim_start_matches('-');
        if bare == "port" {
            port = arguments.next();
        } else if let Some(value) = bare.strip_prefix("port=") {
            port = Some(value.to_owned());
        }
    }
    let served = || -> io::Result<()> {
        let port = match port.as_deref().unwrap_or("50001").parse() {
            Ok(port) => port,
            Err(error) => return Err(io::Error::other(format!("port: {error}"))),
        };
        let options = Options::from_environment(port);
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?
            .block_on(run(options))
    };
    match served() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // a closed stderr is no reason to fail otherwise
            let _ = writeln!(io::stderr(), "e2b-api: {error}");
            ExitCode::FAILURE
        }
    }
}
