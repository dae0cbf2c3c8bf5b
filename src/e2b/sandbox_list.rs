//! Lists of sandboxes, page by page.

use std::collections::{BTreeMap, BTreeSet};

use crate::http::percent_encode;

use super::access::Need;
use super::api::{Ask, parse, path};
use super::{E2b, Error, Metric, Profile, SandboxInfo, Service};

/// Which sandboxes.
#[derive(Clone, Debug, Default)]
pub struct ListSandboxes {
    /// All of these are in its metadata.
    pub metadata: BTreeMap<String, String>,
    /// `running`, `paused`; none for both.
    pub states: Vec<String>,
    /// A template's id or alias; the seed does not know this filter, so it is looked at here.
    pub template: Option<String>,
    /// At most so many; all without it.
    pub limit: Option<usize>,
}

/// The most that a page may have, by profile.
fn page_size(profile: Profile) -> usize {
    match profile {
        Profile::Seed => 1000,
        Profile::Upstream => 100,
    }
}

impl E2b {
    /// Sandboxes of the team, newest first, from as many pages as there are. The seed does not list a
    /// paused one that was made without metadata.
    pub async fn list_sandboxes(&self, wanted: &ListSandboxes) -> Result<Vec<SandboxInfo>, Error> {
        let profile = self.profile().await?;
        let mut found: Vec<SandboxInfo> = Vec::new();
        let mut token: Option<String> = None;
        let mut seen = BTreeSet::new();
        loop {
            let left = wanted.limit.map(|limit| limit.saturating_sub(found.len()));
            if left == Some(0) {
                return Ok(found);
            }
            let size = left.unwrap_or(usize::MAX).min(page_size(profile));
            // a filter of ours leaves less of a page than was asked for
            let size = match wanted.template {
                Some(_) => page_size(profile),
                None => size,
            };
            let mut ask = Ask::get("/v2/sandboxes".to_owned(), Need::ApiKey);
            ask.query.push(("limit", size.to_string()));
            if !wanted.metadata.is_empty() {
                ask.query.push(("metadata", encoded(&wanted.metadata)));
            }
            if !wanted.states.is_empty() {
                ask.query.push(("state", wanted.states.join(",")));
            }
            if let (Some(template), Profile::Upstream) = (&wanted.template, profile) {
                ask.query.push(("template", template.clone()));
            }
            if let Some(token) = &token {
                ask.query.push(("nextToken", token.clone()));
            }
            let answer = self.ask(ask).await?;
            let page: Vec<SandboxInfo> = parse(Service::Api, "GET /v2/sandboxes", &answer)?;
            found.extend(page.into_iter().filter(|one| is_wanted(one, wanted)));
            if let Some(limit) = wanted.limit {
                found.truncate(limit);
            }
            token = answer
                .headers
                .get("x-next-token")
                .and_then(|value| value.to_str().ok())
                .filter(|token| !token.is_empty())
                .map(str::to_owned);
            // a token that comes again would have this go on for ever
            match &token {
                Some(token) if seen.insert(token.clone()) => {}
                _ => return Ok(found),
            }
        }
    }

    /// Running sandboxes and what they use. The platform measures only where it has a place to keep it.
    pub async fn sandbox_metrics(&self, id: &str) -> Result<Vec<Metric>, Error> {
        self.read(Ask::get(path(&["sandboxes", id, "metrics"]), Need::ApiKey))
            .await
    }
}

fn is_wanted(one: &SandboxInfo, wanted: &ListSandboxes) -> bool {
    let template = wanted.template.as_deref();
    template
        .is_none_or(|template| one.template == template || one.alias.as_deref() == Some(template))
}

/// `k=v&k2=v2`, each part encoded; the whole is encoded once more as a query's value.
fn encoded(metadata: &BTreeMap<String, String>) -> String {
    let pairs = metadata
        .iter()
        .map(|(name, value)| format!("{}={}", percent_encode(name), percent_encode(value)));
    pairs.collect::<Vec<_>>().join("&")
}
