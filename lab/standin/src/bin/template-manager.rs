//! Stand-in for `template-manager`: the daemon that builds templates on a client node.

use standin::Standin;
use std::process::ExitCode;

fn main() -> ExitCode {
    Standin {
        name: "template-manager",
        port: 5009,
        port_variable: "GRPC_PORT",
    }
    .main()
}
