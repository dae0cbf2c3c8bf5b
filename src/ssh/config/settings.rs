//! What the configuration says about one host.

use std::path::PathBuf;
use std::time::Duration;

use crate::wire::AddressFamily;

/// How a host is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::ssh) enum Proxy {
    /// By TCP from here.
    Direct,
    /// Through other hosts, outermost first, each as `[user@]host[:port]`.
    Jump(Vec<JumpHost>),
    /// Through a command's standard input and output.
    Command(String),
}

/// One hop of a `ProxyJump`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::ssh) struct JumpHost {
    pub user: Option<String>,
    pub host: String,
    pub port: Option<u16>,
}

/// The settings of one host, with tokens and `~` expanded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::ssh) struct Settings {
    pub host_name: String,
    pub port: u16,
    pub user: String,
    pub identities: Vec<PathBuf>,
    /// Whether the identities come from the configuration rather than from OpenSSH's defaults.
    pub identities_named: bool,
    pub certificates: Vec<PathBuf>,
    pub identities_only: bool,
    /// `Some(None)` is `IdentityAgent none`.
    pub agent: Option<Option<PathBuf>>,
    pub proxy: Proxy,
    pub user_known_hosts: Vec<PathBuf>,
    pub global_known_hosts: Vec<PathBuf>,
    pub host_key_alias: Option<String>,
    /// `Some(true)` is `StrictHostKeyChecking accept-new`.
    pub accept_new: Option<bool>,
    pub connect_timeout: Option<Duration>,
    pub alive_interval: Option<Duration>,
    pub alive_max: Option<u32>,
    pub family: AddressFamily,
    pub hash_known_hosts: bool,
    /// What people should know about settings that are not taken as they stand.
    pub notes: Vec<String>,
}
