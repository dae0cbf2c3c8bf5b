//! Stand-in for `orchestrator`: the daemon that starts sandboxes on a client node.

use standin::Standin;
use std::process::ExitCode;

fn main() -> ExitCode {
    Standin {
        name: "orchestrator",
        port: 5008,
        port_variable: "GRPC_PORT",
    }
    .main()
}
