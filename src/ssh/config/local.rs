//! Who and where we are: what `~`, `%u`, `%d`, `%i`, `%l` and the default user name stand for.

use std::fs;
use std::path::{Path, PathBuf};

/// The local user and machine.
#[derive(Debug, Clone)]
pub(super) struct Local {
    pub user: String,
    pub home: Option<PathBuf>,
    pub uid: u32,
    pub host_name: String,
}

impl Local {
    /// Asks the system; `HOME` goes before the user database, as in a shell.
    pub fn look_up() -> Self {
        let uid = rustix::process::getuid().as_raw();
        let entry = passwd(|fields| fields.get(2).and_then(|id| id.parse().ok()) == Some(uid));
        let env = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            user: entry
                .as_ref()
                .map(|one| one.name.clone())
                .or_else(|| env("LOGNAME"))
                .or_else(|| env("USER"))
                .unwrap_or_else(|| uid.to_string()),
            home: env("HOME")
                .map(PathBuf::from)
                .or_else(|| entry.map(|one| one.home)),
            uid,
            host_name: rustix::system::uname()
                .nodename()
                .to_string_lossy()
                .into_owned(),
        }
    }
}

/// The home directory of another user.
pub(super) fn home_of(user: &str) -> Option<PathBuf> {
    passwd(|fields| fields.first() == Some(&user)).map(|entry| entry.home)
}

struct Entry {
    name: String,
    home: PathBuf,
}

fn passwd(wanted: impl Fn(&[&str]) -> bool) -> Option<Entry> {
    let text = fs::read_to_string(Path::new("/etc/passwd")).ok()?;
    text.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        if !wanted(&fields) {
            return None;
        }
        Some(Entry {
            name: (*fields.first()?).to_owned(),
            home: PathBuf::from(*fields.get(5)?),
        })
    })
}
