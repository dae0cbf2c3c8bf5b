//! Stand-in for `envd`: the daemon inside a sandbox.

use standin::Standin;
use std::process::ExitCode;

fn main() -> ExitCode {
    Standin {
        name: "envd",
        port: 49983,
        port_variable: "ENVD_PORT",
    }
    .main()
}
