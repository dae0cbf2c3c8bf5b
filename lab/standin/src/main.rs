//! The one program behind the five names: `envd` is `standin envd`.

use std::env;
use std::process::ExitCode;

fn main() -> ExitCode {
    standin::main(env::args().collect())
}
