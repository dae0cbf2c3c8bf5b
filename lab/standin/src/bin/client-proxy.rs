//! Stand-in for `client-proxy`: the edge proxy in front of the sandboxes.

use standin::Standin;
use std::process::ExitCode;

fn main() -> ExitCode {
    Standin {
        name: "client-proxy",
        port: 3001,
        port_variable: "EDGE_PORT",
    }
    .main()
}
