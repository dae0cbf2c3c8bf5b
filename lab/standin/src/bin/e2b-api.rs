//! Stand-in for `e2b-api`: the platform's REST API.

use standin::Standin;
use std::process::ExitCode;

fn main() -> ExitCode {
    Standin {
        name: "e2b-api",
        port: 50001,
        port_variable: "API_PORT",
    }
    .main()
}
