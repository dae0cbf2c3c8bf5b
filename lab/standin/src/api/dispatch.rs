//! From a request to the operation that answers it.

use std::sync::Arc;

use serde_json::Map;

use super::answer::{Answer, Outcome};
use super::call::Call;
use super::credential;
use super::operation::{self, Action, Operation};
use super::options::Profile;
use super::platform::Platform;
use super::query::unescape_path;
use super::request::Request;
use super::{
    access_token, alias, api_key, build, build_start, create, exec, lifetime, listing, logs,
    metrics, node_admin, pause, resume, team, template, template_create, template_upstream,
};

const ALLOWED_HEADERS: &str = "Origin,Content-Length,Content-Type,Authorization,X-Api-Key,X-Supabase-Token,X-Supabase-Team,Browser,Lang,Lang_version,Machine,Os,Package_version,Processor,Publisher,Release,Sdk_runtime,System";
const ALLOWED_METHODS: &str = "GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS";

/// Answers a request: path, method, credentials, query and body are checked in this order.
pub async fn dispatch(platform: Arc<Platform>, request: Request) -> Outcome {
    if request.method == "OPTIONS" && request.has("origin") {
        return Ok(Answer::empty(204)
            .with("access-control-allow-headers", ALLOWED_HEADERS)
            .with("access-control-allow-methods", ALLOWED_METHODS)
            .with("access-control-max-age", "43200"));
    }
    let (operation, path) = find(platform.database.profile(), &request)?;
    let principal = credential::recognise(&platform, operation.access, &request).await?;
    request.query.check(operation.query)?;
    let body = match operation.body {
        None => Map::new(),
        Some(schema) => {
            let content_type = request.header("content-type");
            match schema.read(content_type, &request.body)? {
                Some(value) => schema.object(value)?,
                None if content_type.is_empty()
                    || platform.database.profile() == Profile::Upstream =>
                {
                    Map::new()
                }
                None => return Err(Answer::unparsed("EOF")),
            }
        }
    };
    let call = Call {
        platform,
        request,
        principal,
        path,
        body,
    };
    act(operation.action, &call).await
}

fn find(profile: Profile, request: &Request) -> Result<(&'static Operation, Vec<String>), Answer> {
    let operations = operation::of(profile);
    let mut known = false;
    for operation in operations {
        if let Some(path) = matches(operation.path, &request.path) {
            if operation.method == request.method {
                return Ok((operation, path));
            }
            known = true;
        }
    }
    if known {
        return Err(Answer::invalid(400, "method not allowed"));
    }
    if let Some(bare) = request.path.strip_suffix('/')
        && operations
            .iter()
            .any(|operation| matches(operation.path, bare).is_some())
    {
        let status = if request.method == "GET" { 301 } else { 307 };
        return Err(Answer::empty(status).with("location", bare));
    }
    let old = ["/instances", "/envs"];
    Err(if old.iter().any(|old| request.path.starts_with(old)) {
        let text = "Endpoints are deprecated, please update your SDK to use the new endpoints.";
        Answer::invalid(404, text)
    } else {
        Answer::invalid(404, "no matching operation was found")
    })
}

/// The variable parts of a path, if it is of that form: `{}` stands for one.
fn matches(form: &str, path: &str) -> Option<Vec<String>> {
    let (mut form, mut path) = (form.split('/'), path.split('/'));
    let mut parts = Vec::new();
    loop {
        match (form.next(), path.next()) {
            (None, None) => return Some(parts),
            (Some("{}"), Some(part)) if !part.is_empty() => parts.push(unescape_path(part)),
            (Some(form), Some(part)) if form == part => {}
            _ => return None,
        }
    }
}

async fn act(action: Action, call: &Call) -> Outcome {
    match action {
        Action::Health => Ok(if call.platform.nodes.any_answers() {
            Answer::text(200, "Health check successful")
        } else {
            Answer::text(503, "Service is unavailable")
        }),
        Action::Gone(text) => Err(Answer::problem(410, text)),
        Action::Nothing => lifetime::exists(call).map(|_| Answer::empty(204)),
        Action::CreateSandbox => create::create(call).await,
        Action::ListSandboxes => listing::running(call),
        Action::ListAllSandboxes => listing::all(call).await,
        Action::GetSandbox => listing::get(call).await,
        Action::KillSandbox => lifetime::kill(call).await,
        Action::SetTimeout => lifetime::timeout(call).await,
        Action::Refresh => lifetime::refresh(call).await,
        Action::Pause => pause::handle(call).await,
        Action::Resume => resume::resume(call).await,
        Action::Connect => resume::connect(call).await,
        Action::Snapshot => pause::snapshot(call).await,
        Action::ListSnapshots => pause::snapshots(call).await,
        Action::Exec => exec::exec(call).await,
        Action::Logs => logs::logs(call).await,
        Action::LogEntries => logs::entries(call).await,
        Action::Metrics => metrics::of_one(call).await,
        Action::AllMetrics => metrics::of_all(call).await,
        Action::ListTeams => team::list(call).await,
        Action::ListTemplates => template::list(call).await,
        Action::GetTemplate => template_upstream::get(call).await,
        Action::CreateTemplate => template_create::create(call).await,
        Action::RebuildTemplate => template_create::rebuild(call).await,
        Action::RequestTemplate => template_upstream::request(call).await,
        Action::UpdateTemplate => template::update(call).await,
        Action::DeleteTemplate => template::delete(call).await,
        Action::TemplateFiles => template_upstream::files(call).await,
        Action::StartBuild => build_start::start(call).await,
        Action::StartBuildOfSteps => build_start::start_steps(call).await,
        Action::BuildStatus => build::status(call).await,
        Action::BuildLogs => build::logs(call).await,
        Action::Alias => alias::get(call).await,
        Action::ListTags => alias::tags(call).await,
        Action::AssignTags => alias::assign(call).await,
        Action::RemoveTags => alias::remove(call).await,
        Action::ListNodes => node_admin::list(call),
        Action::GetNode => node_admin::get(call).await,
        Action::SetNode => node_admin::set(call).await,
        Action::ListKeys => api_key::list(call).await,
        Action::CreateKey => api_key::create(call).await,
        Action::UpdateKey => api_key::update(call).await,
        Action::DeleteKey => api_key::delete(call).await,
        Action::CreateToken => access_token::create(call).await,
        Action::DeleteToken => access_token::delete(call).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_their_parts() {
        assert_eq!(
            matches("/sandboxes/{}/pause", "/sandboxes/i%20a+b/pause"),
            Some(vec!["i a+b".to_owned()])
        );
        assert_eq!(matches("/sandboxes/{}", "/sandboxes/"), None);
        assert_eq!(matches("/sandboxes/{}", "/sandboxes/a/b"), None);
        assert_eq!(matches("/sandboxes", "/sandboxes"), Some(Vec::new()));
    }
}
