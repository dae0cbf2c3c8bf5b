//! Requests that nobody sends on purpose: each is refused, none makes the API stumble.

use serde_json::{Value, json};

use crate::peers::Peers;
use crate::postgres::Postgres;
use crate::service::Service;
use crate::world::{World, names};

const PARTS: [&str; 7] = [
    "%00",
    "a%2Fb",
    "x'--",
    "%C3%A9",
    "%FF",
    "-",
    "7f000000-0000-4000-8000-00000000abcd",
];

const PATHS: [(&str, &str); 46] = [
    ("GET", "/sandboxes/{}"),
    ("DELETE", "/sandboxes/{}"),
    ("POST", "/sandboxes/{}/exec"),
    ("POST", "/sandboxes/{}/pause"),
    ("POST", "/sandboxes/{}/resume"),
    ("POST", "/sandboxes/{}-{}/resume"),
    ("POST", "/sandboxes/{}/connect"),
    ("POST", "/sandboxes/{}/timeout"),
    ("POST", "/sandboxes/{}/refreshes"),
    ("POST", "/sandboxes/{}/snapshots"),
    ("PUT", "/sandboxes/{}/network"),
    ("GET", "/sandboxes/{}/logs?start=1&limit=5"),
    ("GET", "/v2/sandboxes/{}/logs?cursor=1&direction=backward"),
    ("GET", "/sandboxes/{}/metrics?start=9999999999999"),
    ("GET", "/sandboxes?metadata={}"),
    ("GET", "/v2/sandboxes?metadata={}&state={}&nextToken={}"),
    ("GET", "/v2/sandboxes?limit={}&order={}&template={}"),
    ("GET", "/sandboxes/metrics?sandbox_ids={}&metadata={}"),
    ("GET", "/snapshots?sandboxID={}&limit=1"),
    ("POST", "/sandboxes"),
    ("POST", "/templates"),
    ("POST", "/v2/templates"),
    ("POST", "/v3/templates"),
    ("GET", "/templates?teamID={}"),
    ("GET", "/v2/templates?limit=3"),
    ("GET", "/templates/{}"),
    ("POST", "/templates/{}"),
    ("PATCH", "/templates/{}"),
    ("PATCH", "/v2/templates/{}"),
    ("DELETE", "/templates/{}"),
    ("GET", "/templates/{}/tags"),
    ("POST", "/templates/tags"),
    ("DELETE", "/templates/tags"),
    ("GET", "/templates/aliases/{}"),
    ("GET", "/templates/{}/files/{}"),
    ("POST", "/templates/{}/builds/{}"),
    ("POST", "/v2/templates/{}/builds/{}"),
    ("GET", "/templates/{}/builds/{}/logs"),
    ("GET", "/teams"),
    ("GET", "/nodes/{}"),
    ("POST", "/nodes/{}"),
    ("GET", "/api-keys"),
    ("POST", "/api-keys"),
    ("PATCH", "/api-keys/{}"),
    ("DELETE", "/api-keys/{}"),
    ("DELETE", "/access-tokens/{}"),
];

fn bodies() -> Vec<Value> {
    let long = "x".repeat(100_000);
    let odd = "a\u{0}é\u{1F600}'\"";
    let mut bodies: Vec<Value> = ["", "null", "[]", "0", "\"x\"", "{", "{\"a\":", "\u{1}"]
        .iter()
        .map(|text| json!(text))
        .collect();
    bodies.push(json!({}));
    for value in [
        json!(null),
        json!(-1),
        json!(1e99),
        json!([]),
        json!({}),
        json!(odd),
        json!(long),
    ] {
        bodies.push(json!({
            "templateID": value, "timeout": value, "duration": value, "metadata": value, "command": value, "name": value,
            "dockerfile": value, "alias": value, "tags": value, "target": value, "status": value, "public": value,
            "fromImage": value, "steps": value,
        }));
    }
    // each is right as far as schemas go
    bodies.push(json!({
        "templateID": "base", "timeout": i32::MAX, "metadata": {odd: odd}, "envVars": {odd: odd}, "command": odd,
        "duration": 3600, "name": odd, "dockerfile": odd, "startCmd": odd, "readyCmd": odd, "tags": [odd],
        "target": "a:b:c", "status": "draining", "public": true, "fromImage": odd, "steps": [{"type": odd}],
    }));
    bodies
}

async fn stumbles(service: &Service, headers: &[(String, String)]) -> Vec<String> {
    let mut found = Vec::new();
    let bodies = bodies();
    for (method, form) in PATHS {
        for (n, part) in PARTS.iter().enumerate() {
            let path = form.replace("{}", part);
            if n > 0 && path == form {
                break;
            }
            // all bodies for one part, one body for all parts
            let tried = if method == "GET" { 1 } else { bodies.len() };
            let tried = if n == 0 { tried } else { 1 };
            for body in bodies.iter().rev().take(tried) {
                let body = if method == "GET" { &Value::Null } else { body };
                let got = service.send(method, &path, headers, body).await;
                if got.status >= 500 {
                    let body: String = body.to_string().chars().take(200).collect();
                    found.push(format!("{method} {path} {body}: {got:?}"));
                }
            }
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_makes_it_stumble() {
    let postgres = Postgres::start().await;
    let world = |name: &'static str, generation: &'static str| async {
        World {
            database: postgres.migrated(name, generation).await,
            url: postgres.url(name),
            peers: Peers::start().await,
        }
    };
    let mut found = Vec::new();
    let seed = world("oddseed", "seed").await;
    seed.reset().await;
    let names = names();
    let mut headers: Vec<(String, String)> = [
        ("x-api-key", "api-key:team-a"),
        ("authorization", "access-token:alice"),
        ("x-supabase-token", "supabase-jwt:alice"),
        ("x-supabase-team", "team-id:team-a"),
        ("x-admin-token", "admin-token"),
    ]
    .iter()
    .map(|(header, name)| ((*header).to_owned(), names[*name].clone()))
    .collect();
    headers.push(("content-type".to_owned(), "application/json".to_owned()));
    found.extend(stumbles(&seed.service("default").await, &headers).await);

    let today = world("oddtoday", "upstream").await;
    crate::upstream::fill(&today.database).await;
    for header in &mut headers {
        if header.0 == "x-api-key" {
            crate::upstream::KEY.clone_into(&mut header.1);
        }
    }
    found.extend(stumbles(&today.service("default").await, &headers).await);
    assert!(found.is_empty(), "{}:\n{}", found.len(), found.join("\n"));
}
