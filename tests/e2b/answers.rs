//! The client reads every recorded answer of the real services.

use std::fs;

use e2bscript::e2b::{
    BuildStart, E2b, Error, Exec, ListSandboxes, NewSandbox, NewTemplate, Profile, Sandbox,
};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::replay::{Answer, Server};

/// A vector's answer with plausible values where the recording has placeholders.
fn filled(value: &Value) -> Value {
    match value {
        Value::String(text) => match text.as_str() {
            "<timestamp>" => json!("2025-11-15T10:00:00.123456789Z"),
            "<int>" | "<number>" | "<pid>" => json!(7),
            "<list of build ids>" => json!(["0b000000-0000-4000-8000-000000000001"]),
            _ => json!(text.replace(['<', '>'], "")),
        },
        Value::Array(items) => items.iter().map(filled).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, field)| (name.clone(), filled(field)))
            .collect(),
        other => other.clone(),
    }
}

pub fn vectors(file: &str) -> Vec<Value> {
    let path = format!(
        "{}/lab/standin/tests/vectors/{file}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// The recorded answer, as it goes over the wire.
pub fn answer(vector: &Value) -> Answer {
    let response = &vector["response"];
    let headers = response["headers"].as_object().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().replace(['<', '>'], "");
    let headers: Vec<(String, String)> = headers
        .iter()
        .map(|(name, value)| (name.clone(), text(value)))
        .collect();
    let is_json = headers
        .iter()
        .any(|(name, value)| name == "content-type" && value.contains("json"));
    let body = match &response["body"] {
        Value::String(text) if !is_json => text.clone().into_bytes(),
        Value::String(text) if text.is_empty() => Vec::new(),
        body => filled(body).to_string().into_bytes(),
    };
    Answer {
        status: u16::try_from(response["status"].as_u64().unwrap()).unwrap(),
        headers,
        body,
        ..Answer::default()
    }
}

fn sandbox() -> Sandbox {
    let json = json!({"sandboxID": "i1", "clientID": "c1", "templateID": "t1"});
    serde_json::from_value(json).unwrap()
}

/// The client's call for what a vector asks; `None` for what no client of ours asks.
async fn ask(api: &E2b, method: &str, path: &str) -> Option<Result<(), Error>> {
    let parts: Vec<&str> = path.split('?').next().unwrap().split('/').skip(1).collect();
    Some(match (method, parts.as_slice()) {
        ("GET", ["health"]) => {
            api.api_health().await;
            return None;
        }
        ("GET", ["sandboxes" | "v2", ..])
            if matches!(
                parts[..],
                ["sandboxes"] | ["sandboxes", "metrics"] | ["v2", "sandboxes"]
            ) =>
        {
            api.list_sandboxes(&ListSandboxes::default())
                .await
                .map(drop)
        }
        ("POST", ["sandboxes"]) => api.create_sandbox(&NewSandbox::default()).await.map(drop),
        ("GET", ["sandboxes", id]) => api.get_sandbox(id).await.map(drop),
        ("DELETE", ["sandboxes", id]) => api.kill_sandbox(id).await.map(drop),
        ("POST", ["sandboxes", id, "exec"]) => api.exec(id, &Exec::default()).await.map(drop),
        ("POST", ["sandboxes", id, "pause"]) => api.pause_sandbox(id).await,
        ("POST", ["sandboxes", _, "resume"]) => api.resume_sandbox(&sandbox(), 15).await.map(drop),
        ("POST", ["sandboxes", id, "timeout"]) => api.set_sandbox_timeout(id, 15).await,
        ("POST", ["sandboxes", id, "refreshes"]) => api.refresh_sandbox(id, 15).await,
        ("GET", ["sandboxes", id, "logs"]) => api.sandbox_logs(id, 10).await.map(drop),
        ("GET", ["sandboxes", id, "metrics"]) => api.sandbox_metrics(id).await.map(drop),
        ("GET", ["teams"]) => api.list_teams().await.map(drop),
        ("GET", ["templates"]) => api.list_templates(None).await.map(drop),
        ("POST", ["templates"]) => api.create_template(&NewTemplate::default()).await.map(drop),
        ("POST", ["templates", id]) => api
            .rebuild_template(id, &NewTemplate::default())
            .await
            .map(drop),
        ("PATCH", ["templates", id]) => api.set_template_public(id, true).await,
        ("DELETE", ["templates", id]) => api.delete_template(id).await.map(drop),
        ("POST", ["templates", id, "builds", build]) => {
            api.start_build(id, build, &BuildStart::default()).await
        }
        ("GET", ["templates", id, "builds", build, "status"]) => {
            api.get_build(id, build, 0).await.map(drop)
        }
        ("GET", ["api-keys"]) => api.list_api_keys().await.map(drop),
        ("POST", ["api-keys"]) => api.create_api_key("x").await.map(drop),
        ("PATCH", ["api-keys", id]) => api.rename_api_key(id, "x").await,
        ("DELETE", ["api-keys", id]) => api.delete_api_key(id).await.map(drop),
        ("GET", ["nodes"]) => api.list_nodes().await.map(drop),
        ("GET", ["nodes", id]) => api.get_node(id).await.map(drop),
        ("POST", ["nodes", id]) => api.set_node_status(id, "ready").await,
        _ => return None,
    })
}

/// What must come of a recorded status.
fn wanted(id: &str, status: u16, method: &str) -> &'static [&'static str] {
    match status {
        // a template-manager that refuses is answered with 200, which is not what was asked for
        200 if id == "build-start-refused" || id == "build-start-no-template-manager" => {
            &["e2b.refused"]
        }
        200..=299 => &[""],
        401 => &["e2b.unauthorized"],
        403 => &["e2b.forbidden"],
        404 if method == "DELETE" => &[""],
        404 => &["e2b.not_found"],
        409 => &["e2b.conflict"],
        429 => &["e2b.limit"],
        0 => &["e2b.connection"],
        500.. => &["e2b.server"],
        _ => &["e2b.refused"],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_recorded_answer_of_the_api_is_read() {
    let checks = vectors("seed-api").into_iter().map(|vector| async move {
        let id = vector["id"].as_str().unwrap().to_owned();
        let (method, path) = (&vector["request"]["method"], &vector["request"]["path"]);
        let answer = answer(&vector);
        let status = answer.status;
        let server = Server::start(move |_| answer.clone()).await;
        let api = server.client(Some(Profile::Seed));
        let method = method.as_str().unwrap();
        let result = ask(&api, method, path.as_str().unwrap()).await?;
        let kind = result.as_ref().err().map(Error::kind).unwrap_or_default();
        let wanted = wanted(&id, status, method);
        let fits = wanted.contains(&kind.as_str());
        Some((!fits).then(|| {
            format!(
                "{id}: {status}, wanted {wanted:?}, got {kind:?}: {:?}",
                result.err()
            )
        }))
    });
    let results = join_all(checks).await;
    let read = results.iter().flatten().count();
    let wrong: Vec<&String> = results.iter().flatten().flatten().collect();
    assert!(wrong.is_empty(), "{} of {read}:\n{wrong:#?}", wrong.len());
    assert!(read > 200, "only {read} answers were read");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_answers_say_comes_out() {
    let find = |id: &str| {
        vectors("seed-api")
            .into_iter()
            .find(|vector| vector["id"] == id)
            .unwrap()
    };
    let served = |id: &str| answer(&find(id));
    let one = |answer: Answer| async move {
        let server = Server::start(move |_| answer.clone()).await;
        server.client(Some(Profile::Seed))
    };

    let made = one(served("create-full"))
        .await
        .create_sandbox(&NewSandbox::default())
        .await
        .unwrap();
    assert_eq!(
        (made.id.as_str(), made.envd_version.as_deref()),
        ("sandboxID", Some("0.2.0"))
    );
    let info = one(served("get-running"))
        .await
        .get_sandbox("i1")
        .await
        .unwrap();
    assert_eq!(
        (
            info.state.as_str(),
            info.memory_mb,
            info.metadata["user"].as_str()
        ),
        ("running", 1024, "u1")
    );
    let done = one(served("exec-killed"))
        .await
        .exec("i1", &Exec::default())
        .await
        .unwrap();
    assert_eq!(
        (done.exit_code, done.signal().as_deref()),
        (-1, Some("killed"))
    );

    // what a refusal says, why, and what to do
    let failure = |error: Error| e2bscript::diag::Failure::from(error);
    let error = failure(
        one(served("exec-no-cluster"))
            .await
            .exec("i1", &Exec::default())
            .await
            .unwrap_err(),
    );
    assert_eq!(error.kind, "e2b.conflict");
    assert!(
        error
            .message
            .contains("not associated with a compute cluster"),
        "{error}"
    );
    assert!(
        error.causes[0].contains("`clusters`") && error.help.unwrap().contains("run-init-db.rhai")
    );
    let error = failure(
        one(served("auth-v2sandboxes-banned-team"))
            .await
            .list_sandboxes(&ListSandboxes::default())
            .await
            .unwrap_err(),
    );
    assert!(error.causes[0].contains("banned"), "{error:?}");
    let error = failure(
        one(served("auth-v2sandboxes-unknown"))
            .await
            .list_sandboxes(&ListSandboxes::default())
            .await
            .unwrap_err(),
    );
    assert!(
        error.help.as_ref().unwrap().contains("the test"),
        "{error:?}"
    );
    assert!(!error.message.contains("models"), "{error}");
    let error = failure(
        one(served("create-no-node"))
            .await
            .create_sandbox(&NewSandbox::default())
            .await
            .unwrap_err(),
    );
    assert!(error.causes[0].contains("no orchestrator"), "{error:?}");
    let health = one(served("health-no-node")).await.api_health().await;
    assert!(
        !health.ok && health.status == 503 && health.cause.contains("no orchestrator"),
        "{health:?}"
    );
}

#[tokio::test]
async fn what_does_not_fit_is_told_with_the_field() {
    let body = json!([{"sandboxID": "i1", "clientID": "c", "templateID": "t", "startedAt": "a", "endAt": "b",
        "cpuCount": "two", "memoryMB": 1, "state": "running"}]);
    let server = Server::start(move |_| Answer::json(200, &body)).await;
    let error = server
        .client(Some(Profile::Seed))
        .list_sandboxes(&ListSandboxes::default())
        .await
        .unwrap_err();
    let Error::Shape { path, .. } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(path, "[0].cpuCount");
    assert_eq!(error.kind(), "e2b.answer");

    for (page, what) in [
        ("<html><body>502 Bad Gateway</body></html>", "an HTML page"),
        ("hello", "plain text"),
    ] {
        let server = Server::start(move |_| Answer::text(200, page)).await;
        let error = server
            .client(Some(Profile::Seed))
            .list_nodes()
            .await
            .unwrap_err();
        assert_eq!(error.kind(), "e2b.not_json");
        assert!(error.to_string().contains(what), "{error}");
    }
    let page = "<html>nginx</html>";
    let server = Server::start(move |_| Answer::text(404, page)).await;
    let error = server.client(None).profile().await.unwrap_err();
    assert_eq!(
        error.kind(),
        "e2b.not_json",
        "a proxy's page is no generation of the platform"
    );
}
