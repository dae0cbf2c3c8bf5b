//! What the client sends fits the platform's interface files: path, method, query, body, credentials.

use std::collections::BTreeMap;
use std::fs;

use e2bscript::e2b::{
    BuildStart, E2b, Exec, ListSandboxes, NewSandbox, NewTemplate, Profile, Sandbox,
};
use e2bscript::secret::Secret;
use serde_json::{Value, json};

use crate::replay::{Answer, Asked, Server};

/// An interface file.
struct Spec(Value);

impl Spec {
    fn load(name: &str) -> Spec {
        let path = format!("{}/tests/vectors/{name}.json", env!("CARGO_MANIFEST_DIR"));
        Spec(serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap())
    }

    fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        match schema["$ref"].as_str() {
            Some(place) => self.resolved(self.0.pointer(place.trim_start_matches('#')).unwrap()),
            None => schema,
        }
    }

    /// The operation of a request: of several paths that fit, the one with the fewest variables.
    fn operation(&self, asked: &Asked) -> Option<&Value> {
        let parts: Vec<&str> = asked.path().split('/').collect();
        let paths = self.0["paths"].as_object().unwrap();
        let fits = paths.iter().filter(|(template, _)| {
            let wanted: Vec<&str> = template.split('/').collect();
            wanted.len() == parts.len()
                && wanted
                    .iter()
                    .zip(&parts)
                    .all(|(wanted, part)| wanted.starts_with('{') || wanted == part)
        });
        let best = fits.min_by_key(|(template, _)| template.matches('{').count());
        best?.1.get(asked.method.to_lowercase())
    }

    /// Everything that is wrong with a request.
    fn problems(&self, asked: &Asked) -> Vec<String> {
        let Some(operation) = self.operation(asked) else {
            return vec!["there is no such operation".to_owned()];
        };
        let mut problems = self.query_problems(asked, operation);
        let body = &operation["requestBody"];
        let body = self.resolved(body);
        let schema = &body["content"]["application/json"]["schema"];
        match (asked.body.is_empty(), schema.is_null()) {
            (false, true) => problems.push("it has a body, and takes none".to_owned()),
            (true, _) if body["required"] == true => {
                problems.push("its body is missing".to_owned())
            }
            (false, false) => self.value_problems(&asked.json(), schema, "body", &mut problems),
            _ => {}
        }
        let security = operation
            .get("security")
            .or(self.0.get("security"))
            .and_then(Value::as_array);
        let shown = |name: &String| self.shows(asked, name);
        let enough = security.is_none_or(|all| {
            all.is_empty()
                || all
                    .iter()
                    .any(|one| one.as_object().unwrap().keys().all(shown))
        });
        if !enough {
            problems.push(format!("its credentials do not do: {security:?}"));
        }
        problems
    }

    fn query_problems(&self, asked: &Asked, operation: &Value) -> Vec<String> {
        let parameters = operation["parameters"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let parameters: Vec<Value> = parameters
            .iter()
            .map(|one| self.resolved(one).clone())
            .collect();
        let in_query = |one: &&Value| one["in"] == "query";
        let query = asked.target.split_once('?').map_or("", |(_, query)| query);
        let sent: BTreeMap<&str, &str> = query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .collect();
        let mut problems = Vec::new();
        for name in sent.keys() {
            if !parameters
                .iter()
                .filter(in_query)
                .any(|one| one["name"] == *name)
            {
                problems.push(format!("it takes no query `{name}`"));
            }
        }
        for one in parameters.iter().filter(in_query) {
            let name = one["name"].as_str().unwrap();
            if one["required"] == true && !sent.contains_key(name) {
                problems.push(format!("its query `{name}` is missing"));
            }
            let largest = self.resolved(&one["schema"])["maximum"].as_i64();
            let number = sent.get(name).and_then(|text| text.parse::<i64>().ok());
            if let (Some(largest), Some(number)) = (largest, number)
                && number > largest
            {
                problems.push(format!("its query `{name}` is over {largest}"));
            }
        }
        problems
    }

    fn value_problems(
        &self,
        value: &Value,
        schema: &Value,
        place: &str,
        problems: &mut Vec<String>,
    ) {
        let schema = self.resolved(schema);
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.value_problems(value, part, place, problems);
        }
        let right = match schema["type"].as_str() {
            Some("object") => value.is_object(),
            Some("array") => value.is_array(),
            Some("string") => value.is_string(),
            Some("integer") => value.is_i64() || value.is_u64(),
            Some("boolean") => value.is_boolean(),
            _ => true,
        };
        if !right {
            problems.push(format!("`{place}` is {value}"));
        }
        for name in schema["required"].as_array().into_iter().flatten() {
            if value.get(name.as_str().unwrap()).is_none() {
                problems.push(format!("`{place}` lacks {name}"));
            }
        }
        let (Some(known), Some(fields)) = (schema["properties"].as_object(), value.as_object())
        else {
            return;
        };
        for (name, field) in fields {
            match known.get(name) {
                Some(schema) => {
                    self.value_problems(field, schema, &format!("{place}.{name}"), problems)
                }
                None => problems.push(format!("`{place}` has no `{name}`")),
            }
        }
    }

    /// Whether the header of a security scheme was sent.
    fn shows(&self, asked: &Asked, scheme: &String) -> bool {
        let scheme = &self.0["components"]["securitySchemes"][scheme];
        match scheme["type"].as_str() {
            Some("http") => asked
                .header("authorization")
                .is_some_and(|value| value.starts_with("Bearer ")),
            _ => asked
                .header(&scheme["name"].as_str().unwrap().to_lowercase())
                .is_some(),
        }
    }
}

/// Everything that the client can ask, with every field that it can send.
async fn ask_everything(api: &E2b, profile: Profile) {
    let sandbox: Sandbox =
        serde_json::from_value(json!({"sandboxID": "i1", "clientID": "c1", "templateID": "t1"}))
            .unwrap();
    let new = NewSandbox {
        template: "base".to_owned(),
        timeout: Some(60),
        metadata: BTreeMap::from([("k".to_owned(), "v w".to_owned())]),
        env: BTreeMap::from([("A".to_owned(), Secret::new("1"))]),
        secure: true,
        auto_pause: true,
    };
    let list = ListSandboxes {
        metadata: BTreeMap::from([("k".to_owned(), "v w".to_owned())]),
        states: vec!["running".to_owned(), "paused".to_owned()],
        template: Some("base".to_owned()),
        limit: None,
    };
    let template = NewTemplate {
        alias: Some("demo".to_owned()),
        dockerfile: "FROM debian:12".to_owned(),
        cpu_count: Some(2),
        memory_mb: Some(512),
        start_cmd: Some("true".to_owned()),
        ready_cmd: Some("true".to_owned()),
        team: Some("t".to_owned()),
    };
    let build = BuildStart {
        from_image: Some("debian:12".to_owned()),
        steps: vec![json!({"type": "RUN", "args": ["true"]})],
        start_cmd: Some("true".to_owned()),
        ready_cmd: Some("true".to_owned()),
        ..BuildStart::default()
    };
    let exec = Exec {
        command: "true".to_owned(),
        args: vec!["x".to_owned()],
        env: BTreeMap::from([("A".to_owned(), Secret::new("1"))]),
        cwd: Some("/".to_owned()),
        timeout: Some(std::time::Duration::from_secs(5)),
    };
    // the answers do not matter here, only what is sent
    let _ = api.create_sandbox(&new).await;
    let _ = api.get_sandbox("i1").await;
    let _ = api.list_sandboxes(&list).await;
    let _ = api.kill_sandbox("i1").await;
    let _ = api.set_sandbox_timeout("i1", 60).await;
    let _ = api.refresh_sandbox("i1", 60).await;
    let _ = api.pause_sandbox("i1").await;
    let _ = api.resume_sandbox(&sandbox, 60).await;
    let _ = api.sandbox_logs("i1", 10).await;
    let _ = api.sandbox_metrics("i1").await;
    let _ = api.list_templates(Some("t")).await;
    let _ = api.create_template(&template).await;
    let _ = api.rebuild_template("t1", &template).await;
    let _ = api.start_build("t1", "b1", &build).await;
    let _ = api.get_build("t1", "b1", 3).await;
    let _ = api.set_template_public("t1", true).await;
    let _ = api.delete_template("t1").await;
    let _ = api.list_teams().await;
    let _ = api.list_api_keys().await;
    let _ = api.create_api_key("ci").await;
    let _ = api.rename_api_key("k1", "ci").await;
    let _ = api.delete_api_key("k1").await;
    let _ = api.list_nodes().await;
    let _ = api.get_node("n1").await;
    let _ = api.set_node_status("n1", "draining").await;
    match profile {
        Profile::Seed => drop(api.exec("i1", &exec).await),
        Profile::Upstream => {
            let _ = api.connect_sandbox("i1", 60).await;
            let _ = api.find_template("demo").await;
        }
    }
}

async fn all_fit(profile: Profile, spec: &str) {
    let server = Server::start(|asked| match asked.path() {
        "/v2/templates" => Answer::json(200, &json!([])),
        _ => Answer::json(418, &json!({"code": 418, "message": "only asked"})),
    })
    .await;
    ask_everything(&server.client(Some(profile)), profile).await;
    let spec = Spec::load(spec);
    let asked = server.asked();
    assert!(asked.len() >= 25, "{} requests", asked.len());
    let mut wrong = Vec::new();
    for one in &asked {
        for problem in spec.problems(one) {
            wrong.push(format!("{} {}: {problem}", one.method, one.target));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn requests_fit_the_seeds_interface() {
    all_fit(Profile::Seed, "e2b-openapi-seed").await;
}

#[tokio::test]
async fn requests_fit_todays_interface() {
    all_fit(Profile::Upstream, "e2b-openapi-upstream").await;
}

#[tokio::test]
async fn a_wrong_request_would_show() {
    let spec = Spec::load("e2b-openapi-seed");
    let asked = |method: &str, target: &str, body: &str| Asked {
        method: method.to_owned(),
        target: target.to_owned(),
        body: body.as_bytes().to_vec(),
        headers: vec![("x-api-key".to_owned(), "k".to_owned())],
    };
    assert!(
        spec.problems(&asked("POST", "/sandboxes", r#"{"templateID":"base"}"#))
            .is_empty()
    );
    for (method, target, body) in [
        ("POST", "/sandboxes", r#"{"template":"base"}"#),
        (
            "POST",
            "/sandboxes",
            r#"{"templateID":"base","timeout":"5"}"#,
        ),
        ("GET", "/v2/sandboxes?limits=1", ""),
        ("GET", "/v2/sandboxes?limit=5000", ""),
        ("GET", "/templates", ""),
        ("POST", "/v3/templates", "{}"),
    ] {
        assert!(
            !spec.problems(&asked(method, target, body)).is_empty(),
            "{method} {target} {body}"
        );
    }
}
