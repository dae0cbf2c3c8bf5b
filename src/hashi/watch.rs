//! Blocking queries: a question that is answered when its answer changes.

use std::marker::PhantomData;
use std::time::Duration;

use futures_util::stream::{self, BoxStream};
use serde::de::DeserializeOwned;

use super::{Api, Error};
use crate::chance::jittered;
use crate::http::Method;

/// The longest that a server holds a question whose answer does not change; two thirds are usual.
const WAIT: Duration = Duration::from_secs(60);
/// Servers add up to a sixteenth, so that not all come back at once; the rest is for the wire.
const SLACK: Duration = Duration::from_secs(20);

/// A value on the other side, followed as it changes.
pub struct Watch<'a, T> {
    api: &'a Api,
    path: String,
    query: Vec<(&'static str, String)>,
    index: u64,
    kind: PhantomData<fn() -> T>,
}

impl<'a, T: DeserializeOwned> Watch<'a, T> {
    pub fn new(api: &'a Api, path: String, query: Vec<(&'static str, String)>) -> Self {
        Watch {
            api,
            path,
            query,
            index: 0,
            kind: PhantomData,
        }
    }

    /// The value as it is, the first time; later, once it has changed. A value that does not exist
    /// is [`Error::NotFound`]. May be dropped at any point and called again.
    pub async fn next(&mut self) -> Result<T, Error> {
        loop {
            // not all who watch come back at once
            let wait = jittered(WAIT * 2 / 3);
            let (index, wait) = (self.index.to_string(), format!("{}ms", wait.as_millis()));
            let mut query: Vec<(&str, &str)> = self
                .query
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .collect();
            if self.index > 0 {
                query.extend([("index", index.as_str()), ("wait", wait.as_str())]);
            }
            let answer = self
                .api
                .call_for(Method::GET, &self.path, &query, None, WAIT + SLACK)
                .await?;
            let (before, now) = (self.index, answer.index);
            self.index = next_index(before, now);
            if before == 0 || now != before {
                return self.api.read(&answer);
            }
        }
    }
}

impl<'a, T: DeserializeOwned + Send + 'a> Watch<'a, T> {
    /// The value as it is, then each time it has changed; ends after an error. Several such
    /// streams can be waited for at once without any of them asking anew.
    pub fn stream(self) -> BoxStream<'a, Result<T, Error>> {
        let step = |watch: Option<Watch<'a, T>>| async move {
            let mut watch = watch?;
            match watch.next().await {
                Ok(value) => Some((Ok(value), Some(watch))),
                Err(error) => Some((Err(error), None)),
            }
        };
        Box::pin(stream::unfold(Some(self), step))
    }
}

/// An index that went back means that the servers were restored: what is known is worth nothing.
fn next_index(before: u64, now: u64) -> u64 {
    match now < before {
        true => 0,
        false => now.max(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_never_stays_at_nothing_and_starts_anew_when_it_went_back() {
        assert_eq!(next_index(0, 0), 1);
        assert_eq!(next_index(0, 7), 7);
        assert_eq!(next_index(7, 9), 9);
        assert_eq!(next_index(7, 7), 7);
        assert_eq!(next_index(9, 7), 0);
    }
}
