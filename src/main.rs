//! `e2bscript`: runs deployment scripts against an E2B cluster.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    e2bscript::cli::main(std::env::args_os())
}
