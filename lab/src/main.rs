//! `e2blab`: a whole cluster of real machines on one Linux machine, to rehearse deployments on.

mod agents;
mod artifacts;
mod cgroup;
mod cli;
mod commands;
mod database;
mod detach;
mod down;
mod env_file;
mod error;
mod exec;
mod faults;
mod helpers;
mod image;
mod keys;
mod lab;
mod limits;
mod lock;
mod mirror;
mod mounts;
mod namespace;
mod network;
mod node;
mod reboot;
mod relay;
mod release;
mod report;
mod services;
mod state;
mod status;
mod topology;
mod up;
mod user_data;
mod work;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match commands::run(cli::Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            report::error(&error);
            ExitCode::from(error.exit_code())
        }
    }
}
