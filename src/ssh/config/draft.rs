//! Settings as they are collected: the first value wins, lists grow.

use std::time::Duration;

use super::jump;
use super::settings::JumpHost;
use super::words;
use crate::wire::AddressFamily;

/// Values as they stand in the files; tokens are expanded at the end.
#[derive(Debug, Default, Clone)]
pub(super) struct Draft {
    pub host_name: Option<String>,
    pub port: Option<u16>,
    pub user: Option<String>,
    pub identities: Vec<String>,
    pub certificates: Vec<String>,
    pub identities_only: Option<bool>,
    pub agent: Option<String>,
    /// Empty for `ProxyJump none`, which keeps later jumps out but not a later command.
    pub jump: Option<Vec<JumpHost>>,
    pub command: Option<String>,
    pub user_known_hosts: Option<Vec<String>>,
    pub global_known_hosts: Option<Vec<String>>,
    pub host_key_alias: Option<String>,
    pub strict: Option<Strict>,
    pub connect_timeout: Option<Duration>,
    pub alive_interval: Option<Duration>,
    pub alive_max: Option<u32>,
    pub family: Option<AddressFamily>,
    pub hash_known_hosts: Option<bool>,
}

/// `StrictHostKeyChecking`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strict {
    Yes,
    Ask,
    AcceptNew,
    No,
}

impl Draft {
    /// Takes one setting over if nothing was said about it before. A value that cannot be read is an
    /// error even under conditions that do not hold, as in OpenSSH.
    pub fn set(&mut self, keyword: &str, value: &str, active: bool) -> Result<(), String> {
        match keyword {
            // These two take the line as it stands, quotes and all.
            "proxycommand" => {
                let text = value.trim_start_matches([' ', '\t', '=']);
                if text.is_empty() {
                    return Err("`ProxyCommand` needs a value".to_owned());
                }
                let free = self.jump.as_ref().is_none_or(Vec::is_empty);
                return first(&mut self.command, text.to_owned(), active && free);
            }
            "proxyjump" => {
                let hops = jump::parse(value.trim_start_matches([' ', '\t', '=']))?;
                return first(&mut self.jump, hops, active && self.command.is_none());
            }
            _ => {}
        }
        if !KNOWN.contains(&keyword) {
            return Ok(());
        }
        let words = words::split(value)?;
        match keyword {
            "userknownhostsfile" => return first(&mut self.user_known_hosts, many(words)?, active),
            "globalknownhostsfile" => {
                return first(&mut self.global_known_hosts, many(words)?, active);
            }
            _ => {}
        }
        let [word] = words.as_slice() else {
            return Err(format!(
                "`{keyword}` needs one value and has {}",
                words.len()
            ));
        };
        match keyword {
            "hostname" => first(&mut self.host_name, word.clone(), active),
            "user" => first(&mut self.user, word.clone(), active),
            "hostkeyalias" => first(&mut self.host_key_alias, word.clone(), active),
            "identityagent" => first(&mut self.agent, word.clone(), active),
            "port" => first(&mut self.port, port(word)?, active),
            "identityfile" => add(&mut self.identities, word, active),
            "certificatefile" => add(&mut self.certificates, word, active),
            "identitiesonly" => first(&mut self.identities_only, flag(word)?, active),
            "hashknownhosts" => first(&mut self.hash_known_hosts, flag(word)?, active),
            "stricthostkeychecking" => first(&mut self.strict, strict(word)?, active),
            // `none` is the same as saying nothing, so a later value still counts.
            "connecttimeout" => match duration(word)? {
                Some(timeout) => first(&mut self.connect_timeout, timeout, active),
                None => Ok(()),
            },
            "serveraliveinterval" => {
                let interval = duration(word)?.ok_or("a time is needed")?;
                first(&mut self.alive_interval, interval, active)
            }
            "serveralivecountmax" => first(
                &mut self.alive_max,
                word.parse()
                    .map_err(|_| format!("`{word}` is not a number"))?,
                active,
            ),
            "addressfamily" => first(&mut self.family, family(word)?, active),
            _ => Ok(()),
        }
    }
}

/// What is understood; everything else is passed over.
const KNOWN: &[&str] = &[
    "hostname",
    "user",
    "hostkeyalias",
    "identityagent",
    "port",
    "identityfile",
    "certificatefile",
    "identitiesonly",
    "hashknownhosts",
    "stricthostkeychecking",
    "connecttimeout",
    "serveraliveinterval",
    "serveralivecountmax",
    "addressfamily",
    "userknownhostsfile",
    "globalknownhostsfile",
];

fn first<T>(slot: &mut Option<T>, value: T, active: bool) -> Result<(), String> {
    if active && slot.is_none() {
        *slot = Some(value);
    }
    Ok(())
}

fn add(list: &mut Vec<String>, value: &str, active: bool) -> Result<(), String> {
    if active && !list.iter().any(|one| one == value) {
        list.push(value.to_owned());
    }
    Ok(())
}

fn many(words: Vec<String>) -> Result<Vec<String>, String> {
    if words.is_empty() {
        return Err("a file name is needed".to_owned());
    }
    Ok(words)
}

fn port(word: &str) -> Result<u16, String> {
    let port = word.parse().ok().filter(|port| *port > 0);
    port.ok_or_else(|| format!("`{word}` is not a port"))
}

fn flag(word: &str) -> Result<bool, String> {
    match word.to_ascii_lowercase().as_str() {
        "yes" | "true" => Ok(true),
        "no" | "false" => Ok(false),
        _ => Err(format!("`{word}` is neither `yes` nor `no`")),
    }
}

fn strict(word: &str) -> Result<Strict, String> {
    match word.to_ascii_lowercase().as_str() {
        "yes" | "true" => Ok(Strict::Yes),
        "ask" => Ok(Strict::Ask),
        "accept-new" => Ok(Strict::AcceptNew),
        "no" | "false" | "off" => Ok(Strict::No),
        _ => Err(format!("`{word}` is not a way of checking host keys")),
    }
}

fn family(word: &str) -> Result<AddressFamily, String> {
    match word.to_ascii_lowercase().as_str() {
        "any" => Ok(AddressFamily::Any),
        "inet" => Ok(AddressFamily::V4),
        "inet6" => Ok(AddressFamily::V6),
        _ => Err(format!("`{word}` is not an address family")),
    }
}

/// OpenSSH's times: `90`, `1m30s`, `none`.
fn duration(word: &str) -> Result<Option<Duration>, String> {
    if word == "none" {
        return Ok(None);
    }
    let wrong = || format!("`{word}` is not a time");
    let mut total: u64 = 0;
    let mut digits = String::new();
    for c in word.chars().chain(Some('\0')) {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        let unit = match c {
            '\0' if digits.is_empty() && total > 0 => break,
            '\0' | 's' | 'S' => 1,
            'm' | 'M' => 60,
            'h' | 'H' => 3600,
            'd' | 'D' => 86_400,
            'w' | 'W' => 604_800,
            _ => return Err(wrong()),
        };
        let count: u64 = digits.parse().map_err(|_| wrong())?;
        let part = count.checked_mul(unit).ok_or_else(wrong)?;
        total = total.checked_add(part).ok_or_else(wrong)?;
        digits.clear();
    }
    if total > i32::MAX as u64 {
        return Err(wrong());
    }
    Ok(Some(Duration::from_secs(total)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        for (word, seconds) in [
            ("0", 0),
            ("90", 90),
            ("1m30s", 90),
            ("2h", 7200),
            ("1w", 604_800),
        ] {
            assert_eq!(
                duration(word).unwrap().unwrap().as_secs(),
                seconds,
                "{word}"
            );
        }
        assert_eq!(duration("none").unwrap(), None);
        for wrong in ["", "s", "1x", "-1", "99999999999"] {
            duration(wrong).unwrap_err();
        }
    }

    #[test]
    fn the_first_value_wins_and_lists_grow_without_repeats() {
        let mut draft = Draft::default();
        for port in ["22", "23"] {
            draft.set("port", port, true).unwrap();
        }
        for file in ["a", "b", "a"] {
            draft.set("identityfile", file, true).unwrap();
        }
        draft.set("user", "skipped", false).unwrap();
        assert_eq!((draft.port, draft.user.clone()), (Some(22), None));
        assert_eq!(draft.identities, ["a", "b"]);
        draft.set("port", "0", false).unwrap_err();
        draft.set("user", "a b", true).unwrap_err();
        draft.set("futuresetting", "whatever \"", true).unwrap();
    }
}
