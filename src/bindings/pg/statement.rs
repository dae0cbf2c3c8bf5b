//! Statements, of a database and of a transaction alike.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use rhai::{Array, Dynamic};

use super::super::fs::{self, LocalChange};
use super::values::{maps, param, params};
use crate::diag::Failure;
use crate::engine::Call;
use crate::engine::context::Context;
use crate::engine::raise::Raise;
use crate::engine::registry::{Opt, Param};
use crate::engine::ty::Ty;
use crate::postgres::{Error, Lease, Source};
use crate::report::{Action, Event};
use crate::workstation::path;

pub const SQL: Param = Param::new(
    "sql",
    Ty::Text,
    "one statement, with `$1`, `$2`, … for parameters; a secret is not shown",
);
pub const PARAMS: Param = Param::optional(
    "params",
    Ty::Array,
    "values for `$1`, `$2`, …: they travel beside the statement, never in it",
);
pub const COPY_OUT: &[Opt] = &[Opt::new(
    "file",
    Ty::Str,
    "",
    "where to put it on the workstation; without it, it is returned",
)];
pub const DATA: Param = Param::new(
    "data",
    Ty::Any,
    "an array of rows, each an array of values; or a string or blob in the statement's format; or `#{ file: path }`",
);

pub const ERRORS: &[&str] = &[
    "pg.connect",
    "pg.tls",
    "pg.auth",
    "pg.database",
    "pg.lost",
    "pg.sql",
    "pg.constraint",
    "pg.locked",
    "pg.timeout",
    "pg.conflict",
    "pg.read_only",
    "pg.disk_full",
    "pg.denied",
    "pg.parameter",
    "pg.type",
];

/// Waits for work on a database; the time counts as its.
pub fn on_database<T, E: Into<Failure>>(
    call: &Call,
    label: &str,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, Raise> {
    let began = Instant::now();
    let done = call.wait(work);
    let wire = call.session.run.wire();
    wire.host(label).add_busy(began.elapsed());
    done?.map_err(|error| {
        let mut failure: Failure = error.into();
        failure.host.get_or_insert_with(|| label.to_owned());
        failure.into()
    })
}

fn bound(call: &Call) -> Result<Vec<crate::postgres::Param>, Raise> {
    match call.has(1) {
        true => params(&call.array(1)?),
        false => Ok(Vec::new()),
    }
}

/// The statement as messages show it: its first line, or asterisks.
fn shown(call: &Call) -> Result<String, Raise> {
    if call.is_secret(0) {
        return Ok(crate::secret::MASK.to_owned());
    }
    let text = call.string(0)?;
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    let short: String = line.chars().take(80).collect();
    Ok(match short.len() < line.len() {
        true => format!("{short}…"),
        false => line,
    })
}

/// Where a statement runs, for the run's output.
pub struct Scene {
    /// What the output calls the database.
    pub label: String,
    /// What is told once the transaction has lasted; `None` outside of one.
    pub later: Option<Arc<Mutex<Vec<Event>>>>,
}

impl Scene {
    fn change(&self, call: &Call, reason: String) -> Result<(), Raise> {
        let run = &call.session.run;
        let event = Event::Change {
            host: self.label.clone(),
            item: format!("sql {}", shown(call)?),
            action: Action::Run,
            applied: !run.is_plan(),
            reason,
            diff: None,
            step: Context::step(),
        };
        match &self.later {
            Some(later) => {
                let mut later = later.lock().unwrap_or_else(PoisonError::into_inner);
                later.push(event);
            }
            None => {
                run.reporter().emit(event);
            }
        }
        Ok(())
    }
}

fn rows_touched(count: u64) -> String {
    match count {
        1 => "1 row".to_owned(),
        count => format!("{count} rows"),
    }
}

async fn all(
    lease: impl Future<Output = Result<Lender, Error>>,
    sql: &str,
    params: &[crate::postgres::Param],
) -> Result<Array, Error> {
    lease.await?.lease().query_as(sql, params, maps).await
}

pub fn query(
    call: &mut Call,
    scene: &Scene,
    lease: impl Future<Output = Result<Lender, Error>>,
) -> Result<Dynamic, Raise> {
    let (sql, params) = (call.text(0)?, bound(call)?);
    let rows = on_database(call, &scene.label, all(lease, sql.expose(), &params))?;
    Ok(Dynamic::from_array(rows))
}

pub fn query_one(
    call: &mut Call,
    scene: &Scene,
    lease: impl Future<Output = Result<Lender, Error>>,
) -> Result<Dynamic, Raise> {
    let (sql, params) = (call.text(0)?, bound(call)?);
    on_database(call, &scene.label, async {
        let rows = all(lease, sql.expose(), &params).await?;
        let found = rows.len();
        match <[Dynamic; 1]>::try_from(rows) {
            Ok([row]) => Ok(row),
            Err(_) => Err(Error::NotOne { found }),
        }
    })
}

pub fn execute(
    call: &mut Call,
    scene: &Scene,
    lease: impl Future<Output = Result<Lender, Error>>,
) -> Result<Dynamic, Raise> {
    let (sql, params) = (call.text(0)?, bound(call)?);
    if call.session.run.is_plan() {
        scene.change(call, String::new())?;
        return Ok(0_i64.into());
    }
    let count = on_database(call, &scene.label, async {
        lease.await?.lease().execute(sql.expose(), &params).await
    })?;
    if count > 0 {
        scene.change(call, rows_touched(count))?;
    }
    Ok(i64::try_from(count).unwrap_or(i64::MAX).into())
}

pub fn copy_in(
    call: &mut Call,
    scene: &Scene,
    lease: impl Future<Output = Result<Lender, Error>>,
) -> Result<Dynamic, Raise> {
    let (sql, source) = (call.text(0)?, source(call)?);
    if call.session.run.is_plan() {
        scene.change(call, String::new())?;
        return Ok(0_i64.into());
    }
    let count = on_database(call, &scene.label, async {
        lease.await?.lease().copy_in(sql.expose(), source).await
    })?;
    scene.change(call, rows_touched(count))?;
    Ok(i64::try_from(count).unwrap_or(i64::MAX).into())
}

fn source(call: &Call) -> Result<Source, Raise> {
    let value = call.value(1)?;
    if let Some(map) = value.read_lock::<rhai::Map>() {
        if let Some(file) = map.get("file").and_then(crate::engine::ty::text)
            && map.len() == 1
        {
            let file = path::expand(&file);
            call.session.run.inputs().file(&file);
            return Ok(Source::File(file));
        }
    } else if let Some(rows) = value.read_lock::<Array>() {
        let row = |row: &Dynamic| match row.read_lock::<Array>() {
            Some(cells) => cells.iter().map(|cell| param(cell, 1)).collect(),
            None => Err(unfit(call, "a row is no array")),
        };
        return Ok(Source::Rows(
            rows.iter().map(row).collect::<Result<_, _>>()?,
        ));
    } else if value.is_blob() || value.is_string() {
        return Ok(Source::Bytes(call.bytes(1)?));
    }
    Err(unfit(
        call,
        "it takes rows, a string, a blob or `#{ file: path }`",
    ))
}

fn unfit(call: &Call, why: &str) -> Raise {
    Failure::usage(
        "script.argument",
        format!("`data` of `{}`: {why}", call.name()),
    )
    .into()
}

pub fn copy_out(
    call: &mut Call,
    scene: &Scene,
    lease: impl Future<Output = Result<Lender, Error>>,
) -> Result<Dynamic, Raise> {
    let sql = call.text(0)?;
    match call.opt_string("file") {
        None => {
            let mut bytes = Vec::new();
            on_database(call, &scene.label, async {
                lease
                    .await?
                    .lease()
                    .copy_out(sql.expose(), &mut bytes)
                    .await
            })?;
            // text unless the statement asks for the binary format
            Ok(match String::from_utf8(bytes) {
                Ok(text) => text.into(),
                Err(binary) => Dynamic::from_blob(binary.into_bytes()),
            })
        }
        Some(file) => {
            let target = path::expand(&file);
            let action = match target.exists() {
                true => Action::Update,
                false => Action::Create,
            };
            let change = LocalChange {
                path: &target,
                what: "file",
                action,
                reason: format!("rows of {}", scene.label),
                diff: None,
            };
            if !fs::announce(call, change) {
                return Ok(0_i64.into());
            }
            let directory = target.parent().unwrap_or(std::path::Path::new("."));
            let opened = tempfile::NamedTempFile::new_in(directory)
                .and_then(|beside| Ok((tokio::fs::File::from_std(beside.reopen()?), beside)));
            let (mut writer, beside) =
                opened.map_err(crate::workstation::Error::io("write beside", &target))?;
            let count = on_database(call, &scene.label, async {
                lease
                    .await?
                    .lease()
                    .copy_out(sql.expose(), &mut writer)
                    .await
            })?;
            beside
                .persist(&target)
                .map_err(|error| crate::workstation::Error::io("write", &target)(error.error))?;
            call.session.run.inputs().wrote(&target);
            Ok(i64::try_from(count).unwrap_or(i64::MAX).into())
        }
    }
}

/// A connection for one statement: one of its own, or that of a transaction.
pub enum Lender {
    Own(Box<Lease>),
    Shared(tokio::sync::OwnedMutexGuard<Lease>),
}

impl Lender {
    fn lease(&self) -> &Lease {
        match self {
            Lender::Own(lease) => lease,
            Lender::Shared(lease) => lease,
        }
    }
}
