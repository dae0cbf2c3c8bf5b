//! From a target and the SSH configuration to the chain of hops that leads there.

use std::path::PathBuf;
use std::sync::Arc;

use super::Error;
use super::auth::Credentials;
use super::config::{JumpHost, Proxy, Settings};
use super::hop::{Hop, Place, Via};
use super::known_hosts::Lookup;
use super::name::{check_host, check_user};
use super::options::{HostKeyPolicy, Target};
use super::shared::Run;

/// More hops than anyone has; a `ProxyJump` that leads to itself ends here.
const MOST_HOPS: usize = 8;

/// The target's hop, with the hops in front of it.
pub(super) fn route(run: &Run, target: &Target) -> Result<Arc<Hop>, Error> {
    build(run, target, None, 0)
}

/// `through` is the hop in front, where the caller has decided it already.
fn build(
    run: &Run,
    target: &Target,
    through: Option<Arc<Hop>>,
    depth: usize,
) -> Result<Arc<Hop>, Error> {
    if depth > MOST_HOPS {
        return Err(Error::config(format!(
            "`{}` is more than {MOST_HOPS} hops away; does its `ProxyJump` lead to itself?",
            target.host
        )));
    }
    check_host(&target.host)?;
    if let Some(user) = &target.user {
        check_user(user)?;
    }
    let settings = run
        .config
        .resolve(&target.host, target.user.as_deref(), target.port)?;
    check_host(&settings.host_name)?;
    check_user(&settings.user)?;
    for note in &settings.notes {
        tracing::warn!("{}: {note}", target.label());
    }
    let via = match (through, &target.jump) {
        (Some(outer), _) => Via::Hop(outer),
        (None, Some(jumps)) => explicit(run, jumps, &settings, depth)?,
        (None, None) => configured(run, &settings, depth)?,
    };
    Ok(run.hop(place(run, target, settings), via))
}

fn explicit(run: &Run, jumps: &[Target], settings: &Settings, depth: usize) -> Result<Via, Error> {
    let mut outer = None;
    for jump in jumps {
        outer = Some(build(run, jump, outer, depth + 1)?);
    }
    Ok(outer.map_or(Via::Tcp(settings.family), Via::Hop))
}

fn configured(run: &Run, settings: &Settings, depth: usize) -> Result<Via, Error> {
    match &settings.proxy {
        Proxy::Direct => Ok(Via::Tcp(settings.family)),
        Proxy::Command(command) => Ok(Via::Command(command.clone())),
        Proxy::Jump(jumps) => {
            let mut outer = None;
            for jump in jumps {
                outer = Some(build(run, &target(jump), outer, depth + 1)?);
            }
            Ok(outer.map_or(Via::Tcp(settings.family), Via::Hop))
        }
    }
}

fn target(jump: &JumpHost) -> Target {
    Target {
        user: jump.user.clone(),
        port: jump.port,
        ..Target::new(jump.host.clone())
    }
}

fn place(run: &Run, target: &Target, settings: Settings) -> Place {
    let options = &run.options;
    let alias = target.host_key_alias.clone().or(settings.host_key_alias);
    let mut user_files = target.known_hosts.clone();
    if options.known_hosts.is_empty() {
        user_files.extend(settings.user_known_hosts);
    } else {
        user_files.extend(options.known_hosts.iter().cloned());
    }
    let lookup = Lookup {
        hop: target.label().to_owned(),
        port: alias.is_none().then_some(settings.port),
        name: alias.unwrap_or_else(|| settings.host_name.to_lowercase()),
        user_files,
        global_files: settings.global_known_hosts,
        hash_names: settings.hash_known_hosts,
    };
    let agent = match settings.agent {
        Some(chosen) => chosen,
        None => match &options.agent {
            Some(socket) => Some(socket.clone()),
            None => std::env::var_os("SSH_AUTH_SOCK").map(PathBuf::from),
        },
    };
    let credentials = Credentials {
        user: settings.user,
        named: !target.identities.is_empty() || settings.identities_named,
        only: !target.identities.is_empty() || settings.identities_only,
        identities: if target.identities.is_empty() {
            settings.identities
        } else {
            target.identities.clone()
        },
        certificates: target
            .certificates
            .iter()
            .cloned()
            .chain(settings.certificates)
            .collect(),
        agent: agent.filter(|socket| !socket.as_os_str().is_empty()),
    };
    Place {
        label: target.label().to_owned(),
        host: settings.host_name,
        port: settings.port,
        accept_new: options.host_keys == HostKeyPolicy::AcceptNew
            || settings.accept_new == Some(true),
        lookup,
        credentials,
        connect_timeout: settings.connect_timeout.unwrap_or(options.connect_timeout),
        alive_interval: settings
            .alive_interval
            .unwrap_or(options.keepalive_interval),
        alive_max: settings.alive_max.unwrap_or(options.keepalive_max),
    }
}
