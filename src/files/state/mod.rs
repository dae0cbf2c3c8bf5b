//! The kinds of state, one file each.

mod absent;
mod command;
mod dir;
mod download;
mod file;
mod group;
mod kernel_module;
mod line;
mod link;
mod mount;
mod nft_table;
mod packages;
mod service;
mod sysctl;
mod text;
mod unit;
mod unit_file;
mod user;

pub use absent::Absent;
pub(super) use absent::is_guarded;
pub use command::Command;
pub use dir::Dir;
pub use download::{Download, Via};
pub use file::File;
pub use group::Group;
pub use kernel_module::KernelModule;
pub use line::Line;
pub use link::Link;
pub use mount::Mount;
pub use nft_table::NftTable;
pub use packages::Packages;
pub use service::Service;
pub use sysctl::Sysctl;
pub use text::{Newline, Text};
pub use unit_file::UnitFile;
pub use user::User;
