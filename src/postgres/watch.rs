//! Who is in the way of a session that waits for a lock.

use std::future::Future;

use super::{Blocker, Error, Lease, Param, Value};

impl Lease {
    /// Runs `work` of this session. When it is about to wait for a lock longer than it may, those
    /// who hold the lock are found out over another connection: afterwards nobody could tell.
    pub(super) async fn watched<T>(
        &self,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let limit = self.database().config().lock_timeout;
        if limit.is_zero() {
            return work.await;
        }
        if self.is_answered() {
            return work.await;
        }
        let pid = self.connection()?.pid();
        tokio::pin!(work);
        let done = tokio::select! {
            done = &mut work => return done,
            () = tokio::time::sleep(limit / 2) => {
                // the work goes on meanwhile: it is driven by a task of its own
                let found = self.who_blocks(pid);
                tokio::pin!(found);
                tokio::select! {
                    done = &mut work => (done, Vec::new()),
                    found = &mut found => (work.await, found.unwrap_or_default()),
                }
            }
        };
        let (done, blockers) = done;
        done.map_err(|mut error| {
            if let Error::Sql { error, .. } = &mut error
                && error.code == "55P03"
            {
                error.blockers = blockers;
            }
            error
        })
    }

    async fn who_blocks(&self, pid: Option<i32>) -> Result<Vec<Blocker>, Error> {
        let Some(pid) = pid else {
            return Ok(Vec::new());
        };
        let sql = "SELECT pid, usename::text, application_name, query FROM pg_stat_activity
                   WHERE pid = ANY (pg_blocking_pids($1::int))";
        let lease = self.database().lease().await?;
        lease.blockers(sql, &[Param::Int(pid.into())]).await
    }

    /// Sessions that a query returns: pid, role, program, last statement.
    pub(super) async fn blockers(
        &self,
        sql: &str,
        params: &[Param],
    ) -> Result<Vec<Blocker>, Error> {
        let rows = self.query(sql, params).await?.rows;
        let text = |value: Option<&Value>| match value {
            Some(Value::Text(text)) => text.split_whitespace().collect::<Vec<_>>().join(" "),
            _ => String::new(),
        };
        let blocker = |row: &Vec<Value>| {
            let Some(Value::Int(pid)) = row.first() else {
                return None;
            };
            let (role, program) = (text(row.get(1)), text(row.get(2)));
            Some(Blocker {
                pid: i32::try_from(*pid).ok()?,
                who: match &*program {
                    "" => role,
                    program => format!("{role}, {program}"),
                },
                query: text(row.get(3)),
            })
        };
        Ok(rows.iter().filter_map(blocker).collect())
    }
}
