//! States of the system: packages, accounts, units, kernel, mounts, firewall tables.

use bytes::Bytes;

use crate::engine::registry::{Function, Opt, Param};
use crate::engine::ty::{self, Ty};
use crate::files::state;

use super::done;
use super::files::flag;

const PERSIST: Opt = Opt::new("persist", Ty::Bool, "true", "keep it over a reboot");
const OPTIONAL: Opt = Opt::new(
    "optional",
    Ty::Bool,
    "false",
    "a kernel without it is fine; a note is left",
);
const SYSTEM: Opt = Opt::new(
    "system",
    Ty::Bool,
    "false",
    "take a number from the system's range",
);

pub const PACKAGES: Function = Function {
    name: "packages",
    doc: "Packages that are installed, by apt. Another user of apt is waited for.",
    params: &[Param::new(
        "names",
        Ty::Strings,
        "package names, each may carry `=version`",
    )],
    options: &[
        Opt::new(
            "recommends",
            Ty::Bool,
            "false",
            "install what they recommend too",
        ),
        Opt::new(
            "patience",
            Ty::Duration,
            "\"5m\"",
            "how long another user of apt is waited for",
        ),
    ],
    returns: "a State",
    errors: &["state.invalid", "state.apply"],
    example: r#"state::packages(["jq", "nftables"])"#,
    body: |call| {
        let patience = call.opt_duration("patience").map(|time| time.as_secs());
        let packages = state::Packages::new(call.strings(0)?)
            .recommends(flag(call, "recommends"))
            .patience(patience.map(|seconds| u32::try_from(seconds).unwrap_or(u32::MAX)));
        done(call, packages)
    },
    ..Function::BASE
};

pub const USER: Function = Function {
    name: "user",
    doc: "A user of the host.",
    params: &[Param::new("name", Ty::Str, "login name")],
    options: &[
        Opt::new(
            "groups",
            Ty::Strings,
            "[]",
            "groups it is in besides its own; it stays in others",
        ),
        Opt::new("group", Ty::Str, "as it is", "its first group"),
        Opt::new(
            "home",
            Ty::Str,
            "as it is",
            "home directory, made with a new user",
        ),
        Opt::new("shell", Ty::Str, "as it is", "login shell"),
        SYSTEM,
    ],
    returns: "a State",
    errors: &["state.invalid", "state.apply"],
    example: r#"state::user("e2b", #{ system: true, groups: ["docker"] })"#,
    body: |call| {
        let user = state::User::new(call.string(0)?)
            .groups(call.opt_strings("groups").unwrap_or_default())
            .group(call.opt_string("group"))
            .home(call.opt_string("home"))
            .shell(call.opt_string("shell"))
            .system(flag(call, "system"));
        done(call, user)
    },
    ..Function::BASE
};

pub const GROUP: Function = Function {
    name: "group",
    doc: "A group of the host.",
    params: &[Param::new("name", Ty::Str, "the group's name")],
    options: &[SYSTEM],
    returns: "a State",
    errors: &["state.invalid", "state.apply"],
    example: r#"state::group("e2b", #{ system: true })"#,
    body: |call| {
        let group = state::Group::new(call.string(0)?).system(flag(call, "system"));
        done(call, group)
    },
    ..Function::BASE
};

pub const SERVICE: Function = Function {
    name: "service",
    doc: "A systemd unit: whether it starts at boot, whether it runs. It is restarted when one of its \
          inputs changes in the same batch, or is newer than the running unit, so that an interrupted \
          run is caught up with. Unit files written in the same batch are its inputs anyway.",
    params: &[Param::new(
        "unit",
        Ty::Str,
        "the unit; without a suffix, a `.service`",
    )],
    options: &[
        Opt::new("enabled", Ty::Bool, "as it is", "whether it starts at boot"),
        Opt::new("running", Ty::Bool, "as it is", "whether it runs"),
        Opt::new("restart_on", Ty::Strings, "[]", "paths of its inputs"),
        Opt::new("reload", Ty::Bool, "false", "reload instead of restarting"),
    ],
    returns: "a State",
    errors: &["state.invalid", "state.apply"],
    example: r#"state::service("docker", #{ enabled: true, running: true })"#,
    body: |call| {
        let service = state::Service::new(call.string(0)?)
            .enabled(call.opt_bool("enabled"))
            .running(call.opt_bool("running"))
            .restart_on(call.opt_strings("restart_on").unwrap_or_default())
            .reload(flag(call, "reload"));
        done(call, service)
    },
    ..Function::BASE
};

pub const UNIT_FILE: Function = Function {
    name: "unit_file",
    doc: "A unit file below `/etc/systemd/system`, or a drop-in such as `docker.service.d/limits.conf`. \
          systemd is told once per batch.",
    params: &[
        Param::new("name", Ty::Str, "file name, for example `e2b.service`"),
        Param::new("text", Ty::Str, "its content"),
    ],
    returns: "a State",
    errors: &["state.invalid", "state.apply"],
    example: r#"state::unit_file("e2b.service", "[Service]\nExecStart=/bin/true\n")"#,
    body: |call| {
        let text = call.string(1)?;
        super::files::refuse_stars(&call.name(), &text)?;
        done(
            call,
            state::UnitFile::new(call.string(0)?, Bytes::from(text)),
        )
    },
    ..Function::BASE
};

pub const SYSCTL: Function = Function {
    name: "sysctl",
    doc: "A kernel setting, now and after a reboot.",
    params: &[
        Param::new("key", Ty::Str, "as `sysctl` writes it"),
        Param::new("value", Ty::Str, "its value"),
    ],
    options: &[PERSIST, OPTIONAL],
    returns: "a State",
    errors: &["state.invalid", "state.apply"],
    example: r#"state::sysctl("net.ipv4.ip_forward", "1")"#,
    body: |call| {
        let sysctl = state::Sysctl::new(call.string(0)?, call.string(1)?)
            .persist(call.opt_bool("persist").unwrap_or(true))
            .optional(flag(call, "optional"));
        done(call, sysctl)
    },
    ..Function::BASE
};

pub const KERNEL_MODULE: Function = Function {
    name: "kernel_module",
    doc: "A kernel module, loaded with these parameters, now and after a reboot.",
    params: &[Param::new("name", Ty::Str, "the module's name")],
    options: &[
        Opt::new(
            "options",
            Ty::Map,
            "#{}",
            "parameters by name, as strings or numbers",
        ),
        PERSIST,
        OPTIONAL,
    ],
    returns: "a State",
    errors: &["state.invalid", "state.apply"],
    example: r#"state::kernel_module("nbd", #{ options: #{ nbds_max: 128 } })"#,
    body: |call| {
        let options = call.opt_map("options").unwrap_or_default();
        let options = options.into_iter().map(|(name, value)| {
            let text = ty::text(&value).unwrap_or_else(|| value.to_string());
            (name.to_string(), text)
        });
        let module = state::KernelModule::new(call.string(0)?)
            .options(options)
            .persist(call.opt_bool("persist").unwrap_or(true))
            .optional(flag(call, "optional"));
        done(call, module)
    },
    ..Function::BASE
};

pub const MOUNT: Function = Function {
    name: "mount",
    doc: "A file system at a path, now and after a reboot. The directory is made where it is missing.",
    params: &[
        Param::new(
            "source",
            Ty::Str,
            "device, `UUID=…`, or what the type takes",
        ),
        Param::new("path", Ty::Str, "where it is mounted"),
        Param::new("fstype", Ty::Str, "type of the file system"),
    ],
    options: &[
        Opt::new(
            "options",
            Ty::Str,
            "\"defaults\"",
            "mount options, separated by commas",
        ),
        PERSIST,
    ],
    returns: "a State",
    errors: &["state.invalid", "state.apply"],
    example: r#"state::mount("tmpfs", "/mnt/scratch", "tmpfs", #{ options: "size=64M" })"#,
    body: |call| {
        let mount = state::Mount::new(call.string(0)?, call.string(1)?, call.string(2)?)
            .options(call.opt_string("options"))
            .persist(call.opt_bool("persist").unwrap_or(true));
        done(call, mount)
    },
    ..Function::BASE
};

pub const NFT_TABLE: Function = Function {
    name: "nft_table",
    doc: "A table of nftables that belongs to the script alone; other tables are never touched. It is \
          loaded as one transaction, now and after a reboot.",
    params: &[
        Param::new("family", Ty::Str, "`inet`, `ip`, `ip6`, …"),
        Param::new("name", Ty::Str, "the table's name"),
        Param::new("text", Ty::Str, "what stands between the table's braces"),
    ],
    returns: "a State",
    errors: &["state.invalid", "state.apply"],
    example: r#"state::nft_table("inet", "e2b", "chain input { }")"#,
    body: |call| {
        done(
            call,
            state::NftTable::new(call.string(0)?, call.string(1)?, call.string(2)?),
        )
    },
    ..Function::BASE
};
