//! Applying migrations, and taking the newest back.

use std::time::{Duration, Instant};

use super::super::{self as postgres, Database, Lease, Param, Place, SqlError};
use super::{Error, Migration, Script, Statement, plan, state};

/// How a run goes about it.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Apply files that are older than what was applied last.
    pub out_of_order: bool,
    /// How long to wait for another run to end.
    pub wait: Duration,
}

/// A file that was applied or taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    pub version: i64,
    pub file: String,
    pub took: Duration,
}

const BEGIN: &str = "BEGIN;\n";

/// Applies what is not applied yet, each file in one transaction. `each` hears of every one.
///
/// # Errors
/// The first file that fails ends the run; those before it stay.
pub async fn up(
    database: &Database,
    files: &[Migration],
    options: Options,
    each: &mut (dyn FnMut(&Applied) + Send),
) -> Result<Vec<Applied>, Error> {
    let lease = database.lease().await?;
    let state = lock(&lease, options.wait).await?;
    let done = apply(&lease, files, &state, options, each).await;
    release(&lease, done).await
}

async fn apply(
    lease: &Lease,
    files: &[Migration],
    state: &super::State,
    options: Options,
    each: &mut (dyn FnMut(&Applied) + Send),
) -> Result<Vec<Applied>, Error> {
    let plan = plan::plan(files, state);
    plan.judge(state.newest(), options.out_of_order)?;
    let mut applied = Vec::new();
    for file in plan.pending.iter().filter_map(|index| files.get(*index)) {
        let began = Instant::now();
        let step = Step {
            lease,
            file,
            script: &file.up,
            up: true,
        };
        step.run(applied.len()).await?;
        let one = Applied {
            version: file.version,
            file: file.file.clone(),
            took: began.elapsed(),
        };
        each(&one);
        applied.push(one);
    }
    Ok(applied)
}

/// Takes the newest migration back.
///
/// # Errors
/// As of [`up`]; also a file that is not here or has no way back.
pub async fn down(
    database: &Database,
    files: &[Migration],
    options: Options,
) -> Result<Applied, Error> {
    let lease = database.lease().await?;
    let state = lock(&lease, options.wait).await?;
    let done = take_back(&lease, files, &state).await;
    release(&lease, done).await
}

async fn take_back(
    lease: &Lease,
    files: &[Migration],
    state: &super::State,
) -> Result<Applied, Error> {
    // the order of the others does not matter for the last one
    plan::plan(files, state).judge(state.newest(), true)?;
    let version = match state.newest() {
        0 => return Err(Error::Nothing),
        version => version,
    };
    let file = files
        .iter()
        .find(|file| file.version == version)
        .ok_or(Error::NoFile { version })?;
    if file.down.statements.is_empty() {
        return Err(Error::NoDown {
            file: file.file.clone(),
        });
    }
    let began = Instant::now();
    let step = Step {
        lease,
        file,
        script: &file.down,
        up: false,
    };
    step.run(0).await?;
    Ok(Applied {
        version,
        file: file.file.clone(),
        took: began.elapsed(),
    })
}

async fn lock(lease: &Lease, wait: Duration) -> Result<super::State, Error> {
    match state::lock_and_read(lease, wait).await {
        Err(Error::Postgres(error)) if error.kind() == "pg.locked" => Err(Error::Locked(
            state::holders(lease.database()).await.unwrap_or_default(),
        )),
        other => other,
    }
}

/// Gives the lock back. With a broken connection it is gone anyway.
async fn release<T>(lease: &Lease, done: Result<T, Error>) -> Result<T, Error> {
    let unlocked = state::unlock(lease).await;
    let value = done?;
    unlocked?;
    Ok(value)
}

/// One file in one direction.
struct Step<'a> {
    lease: &'a Lease,
    file: &'a Migration,
    script: &'a Script,
    up: bool,
}

impl Step<'_> {
    async fn run(&self, applied: usize) -> Result<(), Error> {
        let done = if self.file.transaction {
            self.in_transaction().await
        } else {
            self.one_by_one().await
        };
        let Err((place, mut source)) = done else {
            return Ok(());
        };
        if matches!(source, postgres::Error::Lost { .. }) {
            return Err(Error::Cut {
                file: self.file.file.clone(),
                known: self.was_done().await,
                source,
            });
        }
        // the place is of the file, and is told with it
        if let postgres::Error::Sql { error, .. } = &mut source {
            error.place.clone_from(&place);
        }
        Err(Error::Failed {
            file: self.file.file.clone(),
            place,
            undone: self.file.transaction,
            applied,
            source,
        })
    }

    /// The whole file and its record in one transaction and one round trip: what is sent at once is
    /// done in order, and after a failure `COMMIT` undoes all of it.
    async fn in_transaction(&self) -> Result<(), (Option<Place>, postgres::Error)> {
        let text = format!("{BEGIN}{}", self.script.text());
        let watched = self.lease.watched(async {
            let (ran, noted, ended) = futures_util::join!(
                self.lease.batch(&text),
                self.note(),
                self.lease.batch("COMMIT")
            );
            ran.and(noted).and(ended)
        });
        watched.await.map_err(|error| {
            let place = error.sql().and_then(|said| said.place.clone());
            // the first line is not the file's
            let place = place.and_then(|place| {
                Some(Place {
                    line: place.line.checked_sub(1).filter(|line| *line > 0)?,
                    ..place
                })
            });
            (place, error)
        })
    }

    /// Statement by statement, as it must be for `CREATE INDEX CONCURRENTLY` and its like.
    async fn one_by_one(&self) -> Result<(), (Option<Place>, postgres::Error)> {
        for statement in &self.script.statements {
            let ran = self.lease.watched(self.lease.batch(&statement.text)).await;
            ran.map_err(|error| (place_in(statement, error.sql()), error))?;
        }
        self.note().await.map_err(|error| (None, error))
    }

    /// Goose's row and ours, as of now.
    async fn note(&self) -> Result<(), postgres::Error> {
        let version = Param::Int(self.file.version);
        if self.up {
            let ours = [
                version.clone(),
                Param::Text(self.file.file.clone()),
                Param::Text(self.file.checksum.clone()),
            ];
            let goose = [version];
            let (one, other) = futures_util::join!(
                self.lease.execute(
                    "INSERT INTO public._migrations (version_id, is_applied) VALUES ($1, true)",
                    &goose
                ),
                self.lease.execute(
                    "INSERT INTO e2bscript.migrations (version_id, file, sha256) VALUES ($1, $2, $3)
                     ON CONFLICT (version_id) DO UPDATE
                     SET file = excluded.file, sha256 = excluded.sha256, applied_at = now()",
                    &ours
                )
            );
            one.and(other)?;
        } else {
            let version = [version];
            let (one, other) = futures_util::join!(
                self.lease.execute(
                    "DELETE FROM public._migrations WHERE version_id = $1",
                    &version
                ),
                self.lease.execute(
                    "DELETE FROM e2bscript.migrations WHERE version_id = $1",
                    &version
                )
            );
            one.and(other)?;
        }
        Ok(())
    }

    /// What became of the file, asked over a new connection; `None` where there is none.
    async fn was_done(&self) -> Option<bool> {
        let asked = async {
            let lease = self.lease.database().lease().await?;
            // whoever held the lock has ended: only then is the answer final
            let state = state::lock_and_read(&lease, Duration::from_secs(20)).await?;
            state::unlock(&lease).await?;
            Ok::<bool, Error>(state.applied.contains_key(&self.file.version))
        };
        let known = tokio::time::timeout(Duration::from_secs(30), asked).await;
        known.ok()?.ok().map(|applied| applied == self.up)
    }
}

fn place_in(statement: &Statement, error: Option<&SqlError>) -> Option<Place> {
    let place = error?.place.clone()?;
    Some(Place {
        line: place.line + statement.line - 1,
        ..place
    })
}
