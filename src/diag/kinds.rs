//! The kinds of failure that the program itself throws: what `catch` may compare with.
//!
//! A test holds the list against the sources.

/// Every kind, sorted. `internal` stands alone; all others have an area before the dot.
pub const KINDS: &[&str] = &[
    "args.declaration",
    "args.usage",
    "cli.limit",
    "cli.output",
    "consul.address",
    "consul.connection",
    "consul.denied",
    "consul.lock_lost",
    "consul.locked",
    "consul.no_leader",
    "consul.refused",
    "consul.setting",
    "consul.timeout",
    "consul.unhealthy",
    "consul.unreachable",
    "docs.stale",
    "docs.unknown",
    "docs.write",
    "e2b.answer",
    "e2b.argument",
    "e2b.build",
    "e2b.command",
    "e2b.conflict",
    "e2b.connection",
    "e2b.credential",
    "e2b.forbidden",
    "e2b.limit",
    "e2b.local",
    "e2b.not_found",
    "e2b.not_json",
    "e2b.refused",
    "e2b.server",
    "e2b.service",
    "e2b.setting",
    "e2b.timeout",
    "e2b.tls",
    "e2b.too_large",
    "e2b.unauthorized",
    "e2b.unreachable",
    "e2b.unsupported",
    "env.duplicate",
    "env.invalid",
    "env.missing",
    "env.placeholder",
    "env.read",
    "env.render",
    "env.syntax",
    "env.unknown",
    "env.value",
    "envd.aborted",
    "envd.already_exists",
    "envd.canceled",
    "envd.cut",
    "envd.data_loss",
    "envd.deadline_exceeded",
    "envd.failed_precondition",
    "envd.internal",
    "envd.invalid_argument",
    "envd.not_found",
    "envd.out_of_range",
    "envd.permission_denied",
    "envd.resource_exhausted",
    "envd.unauthenticated",
    "envd.unavailable",
    "envd.unimplemented",
    "envd.unknown",
    "files.disk_full",
    "files.fetch",
    "files.kind",
    "files.local",
    "files.local_shell",
    "files.lost",
    "files.not_found",
    "files.output",
    "files.read",
    "files.sync_refused",
    "files.too_large",
    "files.unsuitable",
    "fs.denied",
    "fs.failed",
    "fs.full",
    "fs.guarded",
    "fs.not_found",
    "fs.not_text",
    "fs.pattern",
    "fs.read",
    "fs.zip",
    "hash.decode",
    "host.command",
    "host.forward",
    "http.body",
    "http.checksum",
    "http.connect",
    "http.save",
    "http.setup",
    "http.status",
    "http.timeout",
    "http.tls",
    "http.url",
    "init.write",
    "internal",
    "json.parse",
    "nomad.address",
    "nomad.argument",
    "nomad.conflict",
    "nomad.connection",
    "nomad.denied",
    "nomad.drain",
    "nomad.invalid",
    "nomad.no_leader",
    "nomad.not_found",
    "nomad.parse",
    "nomad.refused",
    "nomad.setting",
    "nomad.timeout",
    "nomad.unhealthy",
    "nomad.unreachable",
    "nomad.unsupported",
    "pg.auth",
    "pg.config",
    "pg.confirm",
    "pg.conflict",
    "pg.connect",
    "pg.constraint",
    "pg.database",
    "pg.denied",
    "pg.disk_full",
    "pg.file",
    "pg.key",
    "pg.locked",
    "pg.lost",
    "pg.migration_changed",
    "pg.migration_cut",
    "pg.migration_down",
    "pg.migration_failed",
    "pg.migration_format",
    "pg.migration_locked",
    "pg.migration_order",
    "pg.no_psql",
    "pg.parameter",
    "pg.read_only",
    "pg.rows",
    "pg.shell",
    "pg.sql",
    "pg.timeout",
    "pg.tls",
    "pg.transaction",
    "pg.type",
    "plan.file",
    "plan.moved",
    "plan.secret",
    "plan.strayed",
    "plan.unknown",
    "prompt.closed",
    "prompt.failed",
    "prompt.no_terminal",
    "run.cancelled",
    "run.format",
    "run.journal",
    "run.unknown",
    "script.argument",
    "script.arguments",
    "script.arithmetic",
    "script.check",
    "script.constant",
    "script.data_race",
    "script.error",
    "script.import",
    "script.import_cycle",
    "script.index",
    "script.internal",
    "script.missing_key",
    "script.not_a_loop",
    "script.not_found",
    "script.option",
    "script.private",
    "script.read",
    "script.reserved",
    "script.syntax",
    "script.thrown",
    "script.too_deep",
    "script.too_large",
    "script.type",
    "script.unknown_function",
    "script.unknown_module",
    "script.unknown_property",
    "script.unknown_variable",
    "script.value",
    "secret.interpolated",
    "secret.masked",
    "secret.readable",
    "settings.read",
    "settings.syntax",
    "settings.unknown",
    "settings.value",
    "ssh.auth",
    "ssh.channel",
    "ssh.closed",
    "ssh.config",
    "ssh.connect",
    "ssh.connection_lost",
    "ssh.handshake",
    "ssh.host_key",
    "ssh.host_key_revoked",
    "ssh.host_key_unknown",
    "ssh.input",
    "ssh.key",
    "ssh.known_hosts",
    "ssh.limit",
    "ssh.name",
    "ssh.status_lost",
    "ssh.sudo",
    "ssh.timeout",
    "state.apply",
    "state.conflict",
    "state.invalid",
    "std.conflict",
    "std.diff",
    "std.eject",
    "std.show",
    "std.update",
    "task.parallel",
    "task.timeout",
    "terminal.command",
    "time.parse",
    "time.pattern",
    "toml.parse",
    "workstation.command",
];

/// Whether failures of this area (`ssh` of `ssh.auth`) are the program's own, so that all of them are known.
pub fn is_area(area: &str) -> bool {
    KINDS
        .iter()
        .any(|kind| kind.split_once('.').is_some_and(|(own, _)| own == area))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    /// Strings of the form `area.what` in the sources.
    fn written(path: &Path, found: &mut BTreeSet<String>) {
        if path.is_dir() {
            for entry in fs::read_dir(path).unwrap() {
                written(&entry.unwrap().path(), found);
            }
            return;
        }
        if path.file_name().is_some_and(|name| name == "kinds.rs") {
            return;
        }
        let text = fs::read_to_string(path).unwrap();
        let text = text.split("#[cfg(test)]").next().unwrap();
        for part in text.split('"') {
            let is_kind = part.split_once('.').is_some_and(|(area, what)| {
                let is_name = |text: &str| {
                    !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c == '_')
                };
                is_area(area) && is_name(what)
            });
            let is_file = [
                ".rhai", ".rs", ".md", ".json", ".toml", ".log", ".env", ".sh", ".txt", ".hcl",
                ".service",
            ];
            if is_kind && !is_file.iter().any(|ending| part.ends_with(ending)) {
                found.insert(part.to_owned());
            }
        }
    }

    #[test]
    fn every_kind_of_the_sources_is_in_the_list() {
        let mut found = BTreeSet::new();
        written(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
            &mut found,
        );
        let missing: Vec<&String> = found
            .iter()
            .filter(|kind| !KINDS.contains(&kind.as_str()))
            .collect();
        assert!(missing.is_empty(), "not in KINDS: {missing:?}");
        assert!(KINDS.is_sorted(), "KINDS is not sorted");
    }
}
