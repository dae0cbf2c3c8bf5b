//! The client's typed errors as failures of the script.

use crate::diag::{Class, Failure};
use crate::postgres::{Error, Place, SqlError, migrate};

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let class = match &error {
            Error::Config { .. } | Error::Authority { .. } | Error::Parameter { .. } => {
                Class::Usage
            }
            error if error.is_unreachable() => Class::Unreachable,
            _ => Class::Failed,
        };
        let failure = Failure::from_error(error.kind(), &error)
            .class(class)
            .maybe_help(error.help());
        match error.sql() {
            Some(said) => told(failure, said),
            None => failure,
        }
    }
}

/// What the server said, for scripts; the line of the SQL, for people.
fn told(mut failure: Failure, said: &SqlError) -> Failure {
    failure = failure.detail("sqlstate", said.code.clone());
    let facts = [
        ("detail", &said.detail),
        ("hint", &said.hint),
        ("table", &said.table),
        ("column", &said.column),
        ("constraint", &said.constraint),
    ];
    for (name, fact) in facts {
        if let Some(fact) = fact {
            failure = failure.detail(name, fact.clone());
        }
    }
    if let Some(blocker) = said.blockers.first() {
        failure = failure
            .detail("blocking_pid", blocker.pid)
            .detail("blocking_query", blocker.query.clone());
    }
    match &said.place {
        Some(place) => placed(failure, place),
        None => failure,
    }
}

fn placed(failure: Failure, place: &Place) -> Failure {
    failure
        .detail("line", place.line)
        .detail("at", place.column)
        .output(place.lines())
}

impl From<migrate::Error> for Failure {
    fn from(error: migrate::Error) -> Failure {
        let class = match &error {
            migrate::Error::Postgres(error) => return error.clone().into(),
            migrate::Error::Locked(_) => Class::Locked,
            migrate::Error::Read { .. }
            | migrate::Error::Empty(_)
            | migrate::Error::Format { .. }
            | migrate::Error::Twice { .. } => Class::Usage,
            _ => Class::Failed,
        };
        let mut failure = Failure::new(error.kind(), error.to_string())
            .class(class)
            .maybe_help(error.help());
        match &error {
            migrate::Error::Failed {
                file,
                place,
                undone,
                applied,
                source,
            } => {
                failure = failure
                    .detail("file", file.clone())
                    .detail("undone", *undone)
                    .detail("applied", *applied);
                if let Some(said) = source.sql() {
                    failure = told(failure, said);
                }
                if let Some(place) = place {
                    failure = placed(failure, place);
                }
            }
            migrate::Error::Cut {
                file,
                known,
                source,
            } => {
                failure = failure
                    .detail("file", file.clone())
                    .detail("applied", serde_json::Value::from(*known))
                    .cause(source.to_string());
            }
            migrate::Error::Changed {
                file,
                recorded,
                found,
                ..
            } => {
                failure = failure
                    .detail("file", file.clone())
                    .detail("recorded", recorded.clone())
                    .detail("found", found.clone());
            }
            migrate::Error::Locked(blockers) => {
                if let Some(blocker) = blockers.first() {
                    failure = failure
                        .detail("blocking_pid", blocker.pid)
                        .detail("blocking_query", blocker.query.clone());
                }
            }
            _ => {}
        }
        failure
    }
}
