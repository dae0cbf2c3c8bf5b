//! What would be done, and what is not as it should be.

use super::{Error, Migration, State};

/// What the files and a database say about each other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Files to apply, by their place among the files.
    pub pending: Vec<usize>,
    /// What is odd, worst first.
    pub findings: Vec<Finding>,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// The file is not what was applied.
    Changed {
        file: String,
        at: String,
        recorded: String,
        found: String,
    },
    /// The file is older than what was applied last, and is not applied.
    OutOfOrder { file: String },
    /// The version is applied, and no file of it is here.
    Missing { version: i64 },
}

/// Compares files with a database.
pub fn plan(files: &[Migration], state: &State) -> Plan {
    let newest = state.newest();
    let mut plan = Plan::default();
    let (mut order, mut missing) = (Vec::new(), Vec::new());
    for (index, file) in files.iter().enumerate() {
        match state.applied.get(&file.version) {
            None => {
                plan.pending.push(index);
                if file.version < newest {
                    order.push(Finding::OutOfOrder {
                        file: file.file.clone(),
                    });
                }
            }
            Some(record) => {
                if let Some(recorded) = &record.checksum
                    && *recorded != file.checksum
                {
                    plan.findings.push(Finding::Changed {
                        file: file.file.clone(),
                        at: record.at.clone(),
                        recorded: recorded.clone(),
                        found: file.checksum.clone(),
                    });
                }
            }
        }
    }
    for version in state.applied.keys() {
        if !files.iter().any(|file| file.version == *version) {
            missing.push(Finding::Missing { version: *version });
        }
    }
    plan.findings.extend(order);
    plan.findings.extend(missing);
    plan
}

impl Plan {
    /// Fails with what must not be gone past: a changed file, and files out of order unless
    /// `out_of_order` allows them.
    pub fn judge(&self, newest: i64, out_of_order: bool) -> Result<(), Error> {
        let mut late = Vec::new();
        for finding in &self.findings {
            match finding {
                Finding::Changed {
                    file,
                    at,
                    recorded,
                    found,
                } => {
                    return Err(Error::Changed {
                        file: file.clone(),
                        at: at.clone(),
                        recorded: recorded.clone(),
                        found: found.clone(),
                    });
                }
                Finding::OutOfOrder { file } if !out_of_order => late.push(file.clone()),
                Finding::OutOfOrder { .. } | Finding::Missing { .. } => {}
            }
        }
        if late.is_empty() {
            return Ok(());
        }
        Err(Error::OutOfOrder {
            files: late,
            newest,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Record;
    use super::*;

    fn files(versions: &[i64]) -> Vec<Migration> {
        let parse = |version: &i64| {
            Migration::parse(
                &format!("{version}_x.sql"),
                &format!("-- +goose Up\nSELECT {version};\n"),
            )
            .unwrap()
        };
        versions.iter().map(parse).collect()
    }

    fn state(versions: &[(i64, Option<&str>)]) -> State {
        let record = |checksum: &Option<&str>| Record {
            at: "2026-01-02".into(),
            checksum: checksum.map(str::to_owned),
        };
        let applied = versions
            .iter()
            .map(|(version, checksum)| (*version, record(checksum)));
        State {
            applied: applied.collect(),
        }
    }

    #[test]
    fn what_is_not_applied_is_pending_in_order() {
        let files = files(&[1, 2, 3]);
        let sum = files[0].checksum.clone();
        let plan = plan(&files, &state(&[(1, Some(&sum))]));
        assert_eq!(plan.pending, [1, 2]);
        assert_eq!(plan.findings, []);
    }

    #[test]
    fn odd_things_are_found_and_some_are_refused() {
        let files = files(&[1, 2, 3]);
        let state = state(&[(1, None), (3, None), (9, None)]);
        let found = plan(&files, &state);
        assert_eq!(found.pending, [1]);
        assert_eq!(found.findings.len(), 2);
        let refused = found.judge(9, false).unwrap_err().to_string();
        assert_eq!(refused, "1 file would be applied behind 9: 2_x.sql");
        assert!(found.judge(9, true).is_ok());
    }

    #[test]
    fn a_changed_file_is_refused_by_name() {
        let found = plan(&files(&[1]), &state(&[(1, Some("00"))]));
        let error = found.judge(1, true).unwrap_err();
        assert_eq!(error.kind(), "pg.migration_changed");
        assert!(error.to_string().contains("`1_x.sql`"), "{error}");
    }
}
