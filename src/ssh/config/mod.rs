//! The operator's SSH configuration, as `ssh` itself would read it.

mod condition;
mod draft;
mod expand;
mod file;
mod jump;
mod local;
mod pattern;
mod resolve;
mod settings;
mod words;

pub(in crate::ssh) use pattern::{matches_list, matches_pattern};
pub(in crate::ssh) use settings::{JumpHost, Proxy, Settings};

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Error, Options};
use file::{File, Reader};
use local::Local;
use resolve::Question;

/// The files, read once, and what `~` and the local names stand for.
#[derive(Debug)]
pub(in crate::ssh) struct Config {
    files: Vec<Arc<File>>,
    local: Local,
    home: PathBuf,
    may_run: bool,
}

impl Config {
    /// Reads `~/.ssh/config` and `/etc/ssh/ssh_config`, or the one file that was named instead;
    /// `none` names none.
    pub fn load(options: &Options) -> Result<Self, Error> {
        let mut local = Local::look_up();
        if let Some(user) = &options.local_user {
            local.user.clone_from(user);
        }
        let home = options.home.clone().or_else(|| local.home.clone());
        let home = home.ok_or_else(|| {
            Error::config("`HOME` is not set, so `~/.ssh` and the known hosts cannot be found")
        })?;
        let user_base = home.join(".ssh");
        let user = Reader {
            home: &home,
            base: &user_base,
            is_user: true,
        };
        let global = Reader {
            home: &home,
            base: Path::new("/etc/ssh"),
            is_user: false,
        };
        let mut files = Vec::new();
        match &options.config_file {
            // As OpenSSH understands `-F none`.
            Some(path) if path.as_os_str() == "none" => {}
            Some(path) => files.push(user.read_named(path)?),
            None => {
                files.extend(user.read_if_there(&user_base.join("config"))?);
                files.extend(global.read_if_there(Path::new("/etc/ssh/ssh_config"))?);
            }
        }
        Ok(Self {
            files,
            local,
            home,
            may_run: options.match_exec,
        })
    }

    /// What holds for `host`, an alias or an address. A `user` or `port` given here wins.
    pub fn resolve(
        &self,
        host: &str,
        user: Option<&str>,
        port: Option<u16>,
    ) -> Result<Settings, Error> {
        Question {
            files: &self.files,
            local: &self.local,
            home: &self.home.to_string_lossy(),
            may_run: self.may_run,
            host,
            user,
            port,
        }
        .answer()
    }
}

#[cfg(test)]
mod tests;
