//! From the files to the settings of one host.

use std::path::PathBuf;
use std::sync::Arc;

use super::condition::Circumstances;
use super::draft::{Draft, Strict};
use super::expand::{Tokens, percent};
use super::file::{Content, File, bad};
use super::local::Local;
use super::settings::{JumpHost, Proxy, Settings};
use crate::ssh::Error;

/// OpenSSH's own keys, without the kinds that nobody can sign with here.
const DEFAULT_IDENTITIES: [&str; 5] = [
    "~/.ssh/id_rsa",
    "~/.ssh/id_ecdsa",
    "~/.ssh/id_ecdsa_sk",
    "~/.ssh/id_ed25519",
    "~/.ssh/id_ed25519_sk",
];

/// One question to the configuration.
pub(super) struct Question<'a> {
    pub files: &'a [Arc<File>],
    pub local: &'a Local,
    pub home: &'a str,
    pub may_run: bool,
    pub host: &'a str,
    pub user: Option<&'a str>,
    pub port: Option<u16>,
}

/// `HostName` with its `%h`, which is all it may have.
pub(super) fn host_name(text: &str, original: &str) -> Result<String, String> {
    percent(text, |token| match token {
        'h' => Some(original.to_owned()),
        '%' => Some("%".to_owned()),
        _ => None,
    })
}

impl Question<'_> {
    pub fn answer(&self) -> Result<Settings, Error> {
        let mut draft = Draft {
            user: self.user.map(str::to_owned),
            port: self.port,
            ..Draft::default()
        };
        let mut notes = Vec::new();
        let wants_final = self.pass(&mut draft, self.host, false, &mut notes)?;
        let resolved = match &draft.host_name {
            Some(name) => host_name(name, self.host).map_err(Error::config)?,
            None => self.host.to_owned(),
        };
        let resolved = resolved.to_lowercase();
        if wants_final {
            draft.host_name = Some(resolved.clone());
            self.pass(&mut draft, &resolved, true, &mut notes)?;
        }
        notes.dedup();
        self.finish(draft, &resolved, notes)
    }

    fn pass(
        &self,
        draft: &mut Draft,
        host: &str,
        is_final: bool,
        notes: &mut Vec<String>,
    ) -> Result<bool, Error> {
        let circumstances = Circumstances {
            host,
            original: self.host,
            is_final,
            local: self.local,
            home: self.home,
            may_run: self.may_run,
        };
        let mut pass = Pass {
            circumstances,
            draft,
            notes,
            wants_final: false,
        };
        for file in self.files {
            pass.read(file, true, true)?;
        }
        Ok(pass.wants_final)
    }

    fn finish(
        &self,
        draft: Draft,
        resolved: &str,
        mut notes: Vec<String>,
    ) -> Result<Settings, Error> {
        let user = draft.user.unwrap_or_else(|| self.local.user.clone());
        let port = draft.port.unwrap_or(22);
        let jumps = draft.jump.unwrap_or_default();
        let nearest = jumps.last().map(|hop| hop.host.clone());
        let tokens = Tokens {
            local: self.local,
            home: self.home,
            original: self.host,
            host: resolved,
            port,
            user: &user,
            key_alias: draft.host_key_alias.as_deref().unwrap_or(self.host),
            jump: nearest.as_deref().unwrap_or_default(),
        };
        let paths = |list: &[String]| -> Result<Vec<PathBuf>, Error> {
            let some = list.iter().filter(|one| !one.eq_ignore_ascii_case("none"));
            some.map(|one| tokens.path(one).map_err(Error::config))
                .collect()
        };
        let defaults =
            |list: &[&str]| -> Vec<String> { list.iter().map(|one| (*one).to_owned()).collect() };
        let identities_named = !draft.identities.is_empty();
        let identities = if identities_named {
            paths(&draft.identities)?
        } else {
            paths(&defaults(&DEFAULT_IDENTITIES))?
        };
        let user_known_hosts = draft
            .user_known_hosts
            .unwrap_or_else(|| defaults(&["~/.ssh/known_hosts", "~/.ssh/known_hosts2"]));
        let global_known_hosts = draft.global_known_hosts.unwrap_or_else(|| {
            defaults(&["/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"])
        });
        if draft.strict == Some(Strict::No) {
            notes.push(
                "`StrictHostKeyChecking no` is taken as `accept-new`: a changed key is refused"
                    .to_owned(),
            );
        }
        let agent = match draft.agent.as_deref() {
            None | Some("SSH_AUTH_SOCK") => None,
            Some(none) if none.eq_ignore_ascii_case("none") => Some(None),
            Some(variable) if variable.starts_with('$') && !variable.starts_with("${") => {
                let name = variable.trim_start_matches('$');
                Some(std::env::var_os(name).map(PathBuf::from))
            }
            Some(path) => Some(Some(tokens.path(path).map_err(Error::config)?)),
        };
        Ok(Settings {
            identities,
            identities_named,
            certificates: paths(&draft.certificates)?,
            identities_only: draft.identities_only.unwrap_or(false),
            agent,
            proxy: proxy(jumps, draft.command, &tokens)?,
            user_known_hosts: paths(&user_known_hosts)?,
            global_known_hosts: paths(&global_known_hosts)?,
            accept_new: draft
                .strict
                .map(|strict| matches!(strict, Strict::AcceptNew | Strict::No)),
            connect_timeout: draft.connect_timeout,
            alive_interval: draft.alive_interval,
            alive_max: draft.alive_max,
            family: draft.family.unwrap_or_default(),
            hash_known_hosts: draft.hash_known_hosts.unwrap_or(false),
            notes,
            host_name: resolved.to_owned(),
            port,
            host_key_alias: draft.host_key_alias.map(|alias| alias.to_lowercase()),
            user,
        })
    }
}

fn proxy(
    mut jumps: Vec<JumpHost>,
    command: Option<String>,
    tokens: &Tokens<'_>,
) -> Result<Proxy, Error> {
    if !jumps.is_empty() {
        for hop in &mut jumps {
            hop.host = tokens.percent(&hop.host).map_err(Error::config)?;
        }
        return Ok(Proxy::Jump(jumps));
    }
    match command {
        Some(command) if !command.eq_ignore_ascii_case("none") => {
            // What goes into a command line is checked before it does.
            crate::ssh::name::check_host(tokens.host)?;
            crate::ssh::name::check_host(tokens.original)?;
            crate::ssh::name::check_user(tokens.user)?;
            let command = tokens.percent(&command).map_err(Error::config)?;
            Ok(Proxy::Command(command))
        }
        _ => Ok(Proxy::Direct),
    }
}

/// One reading of all files under the same circumstances.
struct Pass<'a, 'b> {
    circumstances: Circumstances<'a>,
    draft: &'b mut Draft,
    notes: &'b mut Vec<String>,
    wants_final: bool,
}

impl Pass<'_, '_> {
    /// `active`: whether the conditions at the place of inclusion hold; `possible`: whether any
    /// condition inside can.
    fn read(&mut self, file: &File, active: bool, possible: bool) -> Result<(), Error> {
        let mut active = active;
        let may_run = self.circumstances.may_run;
        for line in &file.lines {
            self.circumstances.may_run = may_run && possible;
            let wrong = |reason: String| bad(&file.path, line.number, &reason);
            match &line.content {
                Content::Include(files) => {
                    for one in files {
                        self.read(one, active, possible && active)?;
                    }
                }
                Content::Setting(keyword, value) if keyword == "host" => {
                    let holds = self.circumstances.host_line(value).map_err(wrong)?;
                    active = holds && possible;
                }
                Content::Setting(keyword, value) if keyword == "match" => {
                    // Even where no condition can hold, a `final` asks for its pass, as in OpenSSH.
                    let verdict = self
                        .circumstances
                        .match_line(value, self.draft)
                        .map_err(wrong)?;
                    self.wants_final |= verdict.wants_final;
                    if let Some(note) = verdict.note {
                        let place = format!("{}:{}", file.path.display(), line.number);
                        self.notes.push(format!("{place}: {note}"));
                    }
                    active = verdict.holds && possible;
                }
                Content::Setting(keyword, value) => {
                    self.draft.set(keyword, value, active).map_err(wrong)?;
                }
            }
        }
        self.circumstances.may_run = may_run;
        Ok(())
    }
}
