//! `ssh`: hosts behind any number of hops, and what runs on them.

use std::path::PathBuf;

use rhai::{Array, Dynamic};
use secrecy::SecretString;

use crate::diag::Failure;
use crate::engine::call::Call;
use crate::engine::raise::Raise;
use crate::engine::registry::{Function, Module, Opt, Param};
use crate::engine::ty::{self, Ty};
use crate::files::Sudo;
use crate::ssh::Target;
use crate::suggest::nearest;

use super::host::{self, HostHandle};

pub static MODULE: Module = Module {
    name: "ssh",
    doc: "Hosts over SSH, through any number of jump hosts. One connection per hop serves the whole \
          run. Host keys are verified on every hop; the operator's `~/.ssh/config` holds for what a \
          script does not say.",
    functions: &[
        Function {
            name: "host",
            doc: "A handle for a host. Nothing is connected until something is asked of it.",
            params: &[Param::new(
                "address",
                Ty::Str,
                "address as the hop in front of it sees it, or a `Host` alias of the SSH configuration",
            )],
            options: &[
                Opt::new(
                    "name",
                    Ty::Str,
                    "the address",
                    "what output and errors call it",
                ),
                Opt::new(
                    "role",
                    Ty::Str,
                    "\"\"",
                    "what it is for; flows decide by it",
                ),
                Opt::new(
                    "user",
                    Ty::Str,
                    "from the SSH configuration",
                    "user to log in as",
                ),
                Opt::new("port", Ty::Int, "22", "port of its SSH server"),
                Opt::new(
                    "key",
                    Ty::Any,
                    "agent and SSH configuration",
                    "private key file, or an array of them",
                ),
                Opt::new(
                    "known_hosts",
                    Ty::Any,
                    "",
                    "further known_hosts file, or an array of them",
                ),
                Opt::new(
                    "host_key_alias",
                    Ty::Str,
                    "the address",
                    "the name its host key is filed under",
                ),
                Opt::new(
                    "jump",
                    Ty::Any,
                    "from the SSH configuration",
                    "the host in front of it; `false` for none",
                ),
                Opt::new(
                    "sudo_password",
                    Ty::Text,
                    "",
                    "password of `sudo` there; without it sudo must not ask",
                ),
            ],
            returns: "a Host",
            errors: &["script.option"],
            example: r#"let host = ssh::host("10.0.2.7", #{ name: "api-1", user: "ubuntu" });"#,
            body: new_host,
            ..Function::BASE
        },
        Function {
            name: "limited",
            doc: "The hosts that `--limit` leaves in: those whose name, role or address matches. Give it all \
                  hosts at once: a pattern that matches none of them is a mistake.",
            params: &[Param::new("hosts", Ty::Array, "array of hosts")],
            returns: "array of hosts",
            errors: &["ssh.limit"],
            example: r#"ssh::limited([ssh::host("10.0.2.7")])"#,
            body: limited,
            ..Function::BASE
        },
    ],
    types: &[&host::TYPE, &host::RESULT, &host::TUNNEL],
};

fn new_host(call: &mut Call) -> Result<Dynamic, Raise> {
    let address = call.string(0)?;
    let target = Target {
        name: Some(call.opt_string("name").unwrap_or_else(|| address.clone())),
        port: port(call)?,
        user: call.opt_string("user"),
        identities: paths(call, "key")?,
        known_hosts: paths(call, "known_hosts")?,
        host_key_alias: call.opt_string("host_key_alias"),
        jump: jump(call)?,
        ..Target::new(address)
    };
    let sudo = match call.opt_text("sudo_password") {
        Some(password) => {
            call.session.run.reporter().mask(password.expose());
            Sudo::Password(SecretString::from(password.expose()))
        }
        None => Sudo::NoPassword,
    };
    let role = call.opt_string("role").unwrap_or_default();
    HostHandle::new(call.session, target, role, sudo).map(Dynamic::from)
}

fn port(call: &Call) -> Result<Option<u16>, Raise> {
    let Some(number) = call.opt_int("port") else {
        return Ok(None);
    };
    match u16::try_from(number) {
        Ok(port) if port > 0 => Ok(Some(port)),
        _ => Err(Failure::usage(
            "script.option",
            format!("`port` must be from 1 to 65535, got {number}"),
        )
        .into()),
    }
}

/// One path or several, with `~` for the home directory.
fn paths(call: &Call, option: &str) -> Result<Vec<PathBuf>, Raise> {
    let Some(value) = call.opt(option) else {
        return Ok(Vec::new());
    };
    let given = ty::text(value)
        .map(|one| vec![one])
        .or_else(|| ty::strings(value));
    match given {
        Some(given) => Ok(given.iter().map(|path| expanded(path)).collect()),
        None => Err(Failure::usage(
            "script.option",
            format!(
                "option `{option}` of `ssh::host`: expected a path or an array of paths, got {}",
                ty::describe(value)
            ),
        )
        .into()),
    }
}

/// The path with a leading `~/` replaced by the home directory.
pub(super) fn expanded(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), std::env::var_os("HOME")) {
        (Some(rest), Some(home)) => PathBuf::from(home).join(rest),
        _ => PathBuf::from(path),
    }
}

/// The hops in front, outermost first.
fn jump(call: &Call) -> Result<Option<Vec<Target>>, Raise> {
    let Some(value) = call.opt("jump") else {
        return Ok(None);
    };
    if value.as_bool() == Ok(false) {
        return Ok(Some(Vec::new()));
    }
    let Some(front) = value.read_lock::<HostHandle>() else {
        return Err(Failure::usage(
            "script.option",
            format!(
                "option `jump` of `ssh::host`: expected a Host, got {}",
                ty::describe(value)
            ),
        )
        .into());
    };
    let target = front.target();
    let mut chain = target.jump.clone().unwrap_or_default();
    chain.push(Target {
        jump: None,
        ..target.clone()
    });
    Ok(Some(chain))
}

fn limited(call: &mut Call) -> Result<Dynamic, Raise> {
    let limit = &call.session.run.options().limit;
    let mut hosts: Vec<(HostHandle, Dynamic)> = Vec::new();
    for value in call.array(0)? {
        let Some(host) = value.read_lock::<HostHandle>().map(|host| host.clone()) else {
            return Err(Failure::usage(
                "script.argument",
                format!("`ssh::limited` takes hosts, got {}", ty::describe(&value)),
            )
            .into());
        };
        hosts.push((host, value));
    }
    let known: Vec<&str> = hosts.iter().flat_map(|(host, _)| names(host)).collect();
    let unmatched = limit.unmatched(&known);
    if let Some(first) = unmatched.first() {
        let help = match (unmatched.as_slice(), nearest(first, known.iter().copied())) {
            ([_], Some(meant)) => format!("did you mean `{meant}`?"),
            _ => {
                let names = hosts.iter().map(|(host, _)| host.name());
                format!("the hosts are {}", names.collect::<Vec<_>>().join(", "))
            }
        };
        let patterns = unmatched.iter().map(|pattern| format!("`{pattern}`"));
        let message = format!(
            "no host matches {} of `--limit`",
            patterns.collect::<Vec<_>>().join(" or ")
        );
        return Err(Failure::usage("ssh.limit", message).help(help).into());
    }
    let kept = hosts
        .into_iter()
        .filter(|(host, _)| limit.allows(names(host)));
    Ok(kept.map(|(_, value)| value).collect::<Array>().into())
}

/// What `--limit` may call a host.
fn names(host: &HostHandle) -> [&str; 3] {
    [host.name(), host.role(), host.address()]
}
