//! Migrations from scripts.

use std::path::Path;
use std::time::Duration;

use rhai::{Array, Dynamic, Map};

use super::statement::on_database;
use super::{Handle, builtin};
use crate::diag::Failure;
use crate::engine::Call;
use crate::engine::context::Context;
use crate::engine::raise::Raise;
use crate::engine::registry::{Function, Opt, Param};
use crate::engine::ty::Ty;
use crate::postgres::migrate::{self, Applied, Finding, Migration, Plan, State};
use crate::report::{Action, Event};
use crate::workstation::{self, path};

const DIRECTORY: Param = Param::new(
    "directory",
    Ty::Str,
    "where the files are; `\"builtin:seed\"` or `\"builtin:upstream\"` for those of this program, which make the platform's schema of that generation",
);

const ERRORS: &[&str] = &[
    "pg.file",
    "pg.migration_format",
    "pg.migration_changed",
    "pg.migration_order",
    "pg.migration_locked",
    "pg.migration_failed",
    "pg.migration_cut",
    "pg.migration_down",
    "pg.confirm",
    "and those of `query`",
];

pub const MIGRATE: Function = Function {
    name: "migrate",
    doc: "Applies the migrations of a directory that the database does not have yet: goose's format, goose's table (`public._migrations`), each file in \
          one transaction, one run at a time. A file that was changed after it had been applied is refused. Under `--plan` what would run is shown.",
    params: &[DIRECTORY],
    options: &[
        Opt::new(
            "down",
            Ty::Bool,
            "false",
            "take the newest migration back instead; needs `--yes`",
        ),
        Opt::new(
            "out_of_order",
            Ty::Bool,
            "false",
            "apply files that are older than what was applied last",
        ),
        Opt::new(
            "wait",
            Ty::Duration,
            "\"5m\"",
            "how long to wait for another run to end",
        ),
    ],
    returns: "an array of maps with `version` and `file`: what was applied, or under `--plan` would be",
    errors: ERRORS,
    example: "db.migrate(\"db/migrations/seed\", #{ wait: \"1m\" })",
    body: migrate,
    ..Function::BASE
};

pub const STATUS: Function = Function {
    name: "status",
    doc: "How the database stands to the migrations of a directory; changes nothing.",
    params: &[DIRECTORY],
    returns: "a map with `version`, `applied`, `pending` (files), `changed` (files), `out_of_order` (files), `missing` (versions) and `unrecorded` (how many another tool applied)",
    errors: &["pg.file", "pg.migration_format", "and those of `query`"],
    example: "db.status(\"builtin:seed\").pending",
    body: status,
    ..Function::BASE
};

fn files(call: &Call) -> Result<Vec<Migration>, Raise> {
    let named = call.string(0)?;
    match builtin::set(&named) {
        None => {
            let directory = path::expand(&named);
            note(call, &directory);
            Ok(Migration::read_all(&directory)?)
        }
        Some(Ok(files)) => Ok(Migration::parse_all(files.iter().copied())?),
        Some(Err(known)) => Err(Failure::usage(
            "pg.file",
            format!("there are no built-in migrations `{named}`"),
        )
        .help(format!("there are those of {}", known.join(" and ")))
        .into()),
    }
}

/// Notes the files among what the run reads.
fn note(call: &Call, directory: &Path) {
    let inputs = call.session.run.inputs();
    inputs.names(directory);
    // What cannot be listed fails where it is read.
    let names = workstation::list(directory).unwrap_or_default();
    for name in names.iter().filter(|name| name.ends_with(".sql")) {
        inputs.file(&directory.join(name));
    }
}

fn migrate(call: &mut Call) -> Result<Dynamic, Raise> {
    let handle = call.receiver::<Handle>()?;
    let files = files(call)?;
    let options = migrate::Options {
        out_of_order: call.opt_bool("out_of_order") == Some(true),
        wait: call
            .opt_duration("wait")
            .unwrap_or(Duration::from_secs(300)),
    };
    let backwards = call.opt_bool("down") == Some(true);
    let run = call.session.run.clone();
    if run.is_plan() {
        let (state, plan) = on_database(
            call,
            &handle.label,
            migrate::status(&handle.database, &files),
        )?;
        return planned(call, &handle, &files, &state, &plan, options, backwards);
    }
    if backwards {
        if !run.options().yes {
            return Err(Failure::usage(
                "pg.confirm",
                "taking a migration back destroys what it made",
            )
            .help("see what it would be with `--plan`, then run with `--yes`")
            .into());
        }
        let one = on_database(
            call,
            &handle.label,
            migrate::down(&handle.database, &files, options),
        )?;
        tell(call, &handle, &one.file, Action::Remove, took(&one));
        return Ok(vec![map(one.version, &one.file)].into());
    }
    let (reporter, step, label) = (
        run.reporter().clone(),
        Context::step(),
        handle.label.clone(),
    );
    let mut each = move |one: &Applied| {
        reporter.emit(Event::Change {
            host: label.clone(),
            item: format!("migration {}", one.file),
            action: Action::Create,
            applied: true,
            reason: took(one),
            diff: None,
            step,
        });
    };
    let done = on_database(
        call,
        &handle.label,
        migrate::up(&handle.database, &files, options, &mut each),
    )?;
    if done.is_empty() {
        run.reporter().emit(Event::Unchanged {
            host: handle.label.clone(),
            count: 1,
            items: vec!["migrations".to_owned()],
            step: Context::step(),
        });
    }
    let maps = done.iter().map(|one| map(one.version, &one.file));
    Ok(maps.collect::<Array>().into())
}

fn planned(
    call: &Call,
    handle: &Handle,
    files: &[Migration],
    state: &State,
    plan: &Plan,
    options: migrate::Options,
    backwards: bool,
) -> Result<Dynamic, Raise> {
    plan.judge(state.newest(), options.out_of_order || backwards)?;
    let chosen: Vec<&Migration> = if backwards {
        let newest = state.newest();
        files.iter().filter(|file| file.version == newest).collect()
    } else {
        let pending = plan.pending.iter();
        pending.filter_map(|index| files.get(*index)).collect()
    };
    let action = match backwards {
        true => Action::Remove,
        false => Action::Create,
    };
    for file in &chosen {
        tell(call, handle, &file.file, action, String::new());
    }
    let maps = chosen.iter().map(|file| map(file.version, &file.file));
    Ok(maps.collect::<Array>().into())
}

fn tell(call: &Call, handle: &Handle, file: &str, action: Action, reason: String) {
    let run = &call.session.run;
    run.reporter().emit(Event::Change {
        host: handle.label.clone(),
        item: format!("migration {file}"),
        action,
        applied: !run.is_plan(),
        reason,
        diff: None,
        step: Context::step(),
    });
}

fn took(one: &Applied) -> String {
    format!("{:.1} s", one.took.as_secs_f64())
}

fn map(version: i64, file: &str) -> Dynamic {
    let fields: [(&str, Dynamic); 2] = [
        ("version", version.into()),
        ("file", file.to_owned().into()),
    ];
    let named = fields.into_iter().map(|(name, field)| (name.into(), field));
    named.collect::<Map>().into()
}

fn status(call: &mut Call) -> Result<Dynamic, Raise> {
    let handle = call.receiver::<Handle>()?;
    let files = files(call)?;
    let (state, plan) = on_database(
        call,
        &handle.label,
        migrate::status(&handle.database, &files),
    )?;
    let (mut changed, mut late, mut missing) = (Array::new(), Array::new(), Array::new());
    for finding in &plan.findings {
        match finding {
            Finding::Changed { file, .. } => changed.push(file.clone().into()),
            Finding::OutOfOrder { file } => late.push(file.clone().into()),
            Finding::Missing { version } => missing.push((*version).into()),
        }
    }
    let pending: Array = plan
        .pending
        .iter()
        .filter_map(|index| files.get(*index))
        .map(|file| file.file.clone().into())
        .collect();
    let count = |number: usize| Dynamic::from(i64::try_from(number).unwrap_or(i64::MAX));
    let unrecorded = state
        .applied
        .values()
        .filter(|record| record.checksum.is_none());
    let fields: [(&str, Dynamic); 7] = [
        ("version", state.newest().into()),
        ("applied", count(state.applied.len())),
        ("pending", pending.into()),
        ("changed", changed.into()),
        ("out_of_order", late.into()),
        ("missing", missing.into()),
        ("unrecorded", count(unrecorded.count())),
    ];
    let named = fields.into_iter().map(|(name, field)| (name.into(), field));
    Ok(named.collect::<Map>().into())
}
