//! What today's SDKs call, against a database of today's generation.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::peers::{NODE, Peers};
use crate::postgres::Postgres;
use crate::service::{Got, Service};
use crate::world::World;

/// Team A's key.
pub const KEY: &str = "e2b_53ae1fed82754c17ad8077fbc8bcdd90";
const OTHER: &str = "e2b_00000000000000000000000000000000";
const TEAM: &str = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa";

/// Two teams with a key each.
pub async fn fill(database: &Client) {
    let insert = format!(
        "INSERT INTO public.users (id) VALUES ('11111111-1111-4111-8111-111111111111');
         INSERT INTO public.teams (id, name, tier, email) VALUES
            ('{TEAM}', 'Team A', 'base_v1', 'a@example.com'),
            ('bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb', 'Team B', 'base_v1', 'b@example.com');
         INSERT INTO public.users_teams (user_id, team_id, is_default) VALUES ('11111111-1111-4111-8111-111111111111', '{TEAM}', true);
         INSERT INTO public.team_api_keys (team_id, api_key_hash, api_key_prefix, api_key_length, api_key_mask_prefix, api_key_mask_suffix) VALUES
            ('{TEAM}', '$sha256$RLrLQtatBzJCfetucGulV+lw+EZ/YXV1/3LBxlsAXYk', 'e2b_', 32, '53', 'dd90'),
            ('bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb', '$sha256$N0cI/wqXlYfLO1t2ZG4qQ07OiMXmkPCbrPwIRScgMqw', 'e2b_', 32, '00', '0000');
         UPDATE public.team_api_keys SET api_key_hash = '$sha256$' || rtrim(encode(sha256(decode(repeat('00', 16), 'hex')), 'base64'), '=')
            WHERE api_key_mask_prefix = '00';"
    );
    database.batch_execute(&insert).await.unwrap();
}

async fn world(postgres: &Postgres) -> World {
    let database = postgres.migrated("today", "upstream").await;
    fill(&database).await;
    World {
        database,
        url: postgres.url("today"),
        peers: Peers::start().await,
    }
}

fn text(got: &Got, field: &str) -> String {
    got.body[field]
        .as_str()
        .unwrap_or_else(|| panic!("{field} in {got:?}"))
        .to_owned()
}

/// Asks until the build is ready or has failed.
async fn built(service: &Service, template: &str, build: &str) -> Got {
    let began = Instant::now();
    loop {
        let path = format!("/templates/{template}/builds/{build}/status?logsOffset=0&limit=100");
        let got = service.ask("GET", &path, KEY, &Value::Null).await;
        assert_eq!(got.status, 200, "{got:?}");
        if got.body["status"] == "ready" || got.body["status"] == "error" {
            return got;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{got:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Has a template built; gives its id and how the build stood at its end.
pub async fn template(service: &Service, name: &str, start: &str) -> (String, Got) {
    let made = service
        .ask(
            "POST",
            "/v3/templates",
            KEY,
            &json!({"name": name, "cpuCount": 1, "memoryMB": 512}),
        )
        .await;
    assert_eq!(made.status, 202, "{made:?}");
    let (template, build) = (text(&made, "templateID"), text(&made, "buildID"));
    let files = service
        .ask(
            "GET",
            &format!("/templates/{template}/files/{}", "0a".repeat(32)),
            KEY,
            &Value::Null,
        )
        .await;
    assert_eq!(
        (files.status, &files.body),
        (
            201,
            &json!({"present": false, "url": format!("http://uploads/{TEAM}")})
        )
    );
    let steps = json!({
        "fromImage": "debian:12", "startCmd": start, "readyCmd": "true",
        "steps": [{"type": "RUN", "args": ["true"], "force": false}],
    });
    let path = format!("/v2/templates/{template}/builds/{build}");
    let started = service.ask("POST", &path, KEY, &steps).await;
    assert_eq!(started.status, 202, "{started:?}");
    let again = service.ask("POST", &path, KEY, &steps).await;
    assert_eq!(again.status, 400, "{again:?}");
    (template.clone(), built(service, &template, &build).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn sdks_find_what_they_call() {
    let postgres = Postgres::start().await;
    let world = world(&postgres).await;
    let service = world.service("default").await;

    let none = service
        .ask("POST", "/sandboxes", KEY, &json!({"templateID": "base"}))
        .await;
    assert_eq!(
        (none.status, text(&none, "message").as_str()),
        (404, "template 'base' not found")
    );

    let (id, ready) = template(&service, "base", "").await;
    assert_eq!(ready.body["status"], "ready", "{ready:?}");
    assert_eq!(world.peers.upstream()[0]["fromImage"], "debian:12");
    let (_, failed) = template(&service, "broken", "fake-reason").await;
    assert_eq!(failed.body["status"], "error");
    assert_eq!(failed.body["reason"]["message"], "no such image");
    assert_eq!(failed.body["logEntries"][1]["message"], "step 2");

    let alias = service
        .ask("GET", "/templates/aliases/base", KEY, &Value::Null)
        .await;
    assert_eq!(
        (alias.status, text(&alias, "templateID")),
        (200, id.clone())
    );
    let alias = service
        .ask("GET", "/templates/aliases/nope", KEY, &Value::Null)
        .await;
    assert_eq!(alias.status, 404);
    for path in ["/templates", "/v2/templates"] {
        let listed = service.ask("GET", path, KEY, &Value::Null).await;
        assert_eq!(listed.status, 200, "{listed:?}");
        assert_eq!(listed.body[0]["names"], json!(["base"]));
        assert_eq!(listed.body[0]["buildStatus"], "ready");
        assert_eq!(listed.body[1]["buildStatus"], "error");
    }
    let one = service
        .ask("GET", &format!("/templates/{id}"), KEY, &Value::Null)
        .await;
    assert_eq!(
        (one.status, &one.body["builds"][0]["status"]),
        (200, &json!("ready"))
    );

    life(&service, &id).await;
    newer(&service).await;
    tags(&service, &id).await;

    let deleted = service
        .ask("DELETE", &format!("/templates/{id}"), OTHER, &Value::Null)
        .await;
    assert_eq!(deleted.status, 403, "{deleted:?}");
    let wish = json!({"templateID": id, "timeout": 60});
    let left = service.ask("POST", "/sandboxes", KEY, &wish).await;
    let deleted = service
        .ask("DELETE", &format!("/templates/{id}"), KEY, &Value::Null)
        .await;
    assert_eq!(deleted.status, 204, "{deleted:?}");
    let again = service.ask("POST", "/sandboxes", KEY, &wish).await;
    assert_eq!(again.status, 404, "{again:?}");
    // what runs goes on, and can still be kept
    let path = format!("/sandboxes/{}/pause", text(&left, "sandboxID"));
    let paused = service.ask("POST", &path, KEY, &Value::Null).await;
    assert_eq!(paused.status, 204, "{paused:?}");
}

/// A sandbox from its start to its end, as an SDK takes it there.
async fn life(service: &Service, template: &str) {
    let wish = json!({
        "templateID": "base", "timeout": 300, "secure": true, "autoPause": false, "allow_internet_access": true,
        "metadata": {"user": "u1"}, "envVars": {"A": "1"},
    });
    let made = service.ask("POST", "/sandboxes", KEY, &wish).await;
    assert_eq!(made.status, 201, "{made:?}");
    let id = text(&made, "sandboxID");
    assert_eq!(text(&made, "envdAccessToken").len(), 64);
    assert_eq!(made.body["domain"], Value::Null);
    assert_eq!(made.body["clientID"], &NODE[..8]);

    let path = format!("/sandboxes/{id}");
    let one = service.ask("GET", &path, KEY, &Value::Null).await;
    assert_eq!((one.status, &one.body["state"]), (200, &json!("running")));
    assert_eq!(one.body["lifecycle"]["onTimeout"], "kill");
    let foreign = service.ask("GET", &path, OTHER, &Value::Null).await;
    let missing = format!("Sandbox \"{id}\" doesn't exist or you don't have access to it");
    assert_eq!(
        (foreign.status, text(&foreign, "message")),
        (404, missing.clone())
    );
    let foreign = service
        .ask(
            "POST",
            &format!("{path}/timeout"),
            OTHER,
            &json!({"timeout": 1}),
        )
        .await;
    assert_eq!(foreign.status, 404);

    let listed = service
        .ask(
            "GET",
            "/v2/sandboxes?metadata=user%3Du1&state=running",
            KEY,
            &Value::Null,
        )
        .await;
    assert_eq!(
        (listed.status, listed.header("x-total-running")),
        (200, Some("1"))
    );
    assert_eq!(listed.body[0]["sandboxID"], id.as_str());

    let connected = service
        .ask(
            "POST",
            &format!("{path}/connect"),
            KEY,
            &json!({"timeout": 60}),
        )
        .await;
    assert_eq!(connected.status, 200, "{connected:?}");
    for (what, body, status) in [
        ("timeout", json!({"timeout": 0}), 400),
        ("timeout", json!({"timeout": 200}), 204),
        ("refreshes", json!({"duration": 60}), 204),
        ("refreshes", Value::Null, 204),
    ] {
        let got = service
            .ask("POST", &format!("{path}/{what}"), KEY, &body)
            .await;
        assert_eq!(got.status, status, "{what} {got:?}");
    }
    let logs = service
        .ask("GET", &format!("{path}/logs"), KEY, &Value::Null)
        .await;
    assert_eq!(logs.body["logs"][0]["line"], "hello", "{logs:?}");
    assert_eq!(logs.body["logEntries"][0]["message"], "hello");
    let metrics = service
        .ask(
            "GET",
            &format!("{path}/metrics?start=0&end=9"),
            KEY,
            &Value::Null,
        )
        .await;
    assert_eq!((metrics.status, metrics.body), (200, json!([])));

    let snapshot = service
        .ask(
            "POST",
            &format!("{path}/snapshots"),
            KEY,
            &json!({"name": "kept"}),
        )
        .await;
    assert_eq!(
        (snapshot.status, text(&snapshot, "snapshotID").as_str()),
        (201, "kept:default")
    );
    let of_it = service
        .ask(
            "POST",
            "/sandboxes",
            KEY,
            &json!({"templateID": "kept:default", "timeout": 60}),
        )
        .await;
    assert_eq!(of_it.status, 201, "{of_it:?}");
    let other = format!("/sandboxes/{}", text(&of_it, "sandboxID"));
    assert_eq!(
        service
            .ask("DELETE", &other, KEY, &Value::Null)
            .await
            .status,
        204
    );
    let listed = service.ask("GET", "/snapshots", KEY, &Value::Null).await;
    assert_eq!(listed.body[0]["snapshotID"], "kept:default", "{listed:?}");

    let pause = format!("{path}/pause");
    assert_eq!(
        service.ask("POST", &pause, KEY, &Value::Null).await.status,
        204
    );
    assert_eq!(
        service.ask("POST", &pause, KEY, &Value::Null).await.status,
        409
    );
    let one = service.ask("GET", &path, KEY, &Value::Null).await;
    assert_eq!((one.status, &one.body["state"]), (200, &json!("paused")));
    let listed = service
        .ask("GET", "/v2/sandboxes?state=paused", KEY, &Value::Null)
        .await;
    assert_eq!(listed.body.as_array().unwrap().len(), 1, "{listed:?}");
    assert_eq!(listed.body[0]["templateID"], template);
    let connected = service
        .ask(
            "POST",
            &format!("{path}/connect"),
            KEY,
            &json!({"timeout": 60}),
        )
        .await;
    assert_eq!(connected.status, 201, "{connected:?}");
    assert_eq!(
        service.ask("POST", &pause, KEY, &json!({})).await.status,
        204
    );
    let resumed = service
        .ask(
            "POST",
            &format!("{path}/resume"),
            KEY,
            &json!({"timeout": 60}),
        )
        .await;
    assert_eq!(resumed.status, 201, "{resumed:?}");
    assert_eq!(
        service.ask("DELETE", &path, KEY, &Value::Null).await.status,
        204
    );
    let gone = service.ask("DELETE", &path, KEY, &Value::Null).await;
    assert_eq!((gone.status, text(&gone, "message")), (404, missing));
}

/// What the newest SDKs call instead.
async fn newer(service: &Service) {
    let headers = [
        ("x-api-key", KEY),
        ("content-type", "application/json"),
        ("idempotency-key", "k1"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let wish = json!({"templateID": "base"});
    let first = service.send("POST", "/v2/sandboxes", &headers, &wish).await;
    let second = service.send("POST", "/v2/sandboxes", &headers, &wish).await;
    assert_eq!((first.status, second.status), (201, 201), "{first:?}");
    assert_eq!(text(&first, "envdAccessToken").len(), 64);
    let id = text(&first, "sandboxID");
    assert_eq!(id, text(&second, "sandboxID"));
    let path = format!("/v2/sandboxes/{id}/connect");
    let connected = service.ask("POST", &path, KEY, &json!({})).await;
    assert_eq!(connected.status, 200, "{connected:?}");
    let path = format!("/sandboxes/{id}");
    assert_eq!(
        service.ask("DELETE", &path, KEY, &Value::Null).await.status,
        204
    );
}

async fn tags(service: &Service, template: &str) {
    let assigned = service
        .ask(
            "POST",
            "/templates/tags",
            KEY,
            &json!({"target": "base", "tags": ["v1"]}),
        )
        .await;
    assert_eq!(assigned.status, 201, "{assigned:?}");
    let listed = service
        .ask(
            "GET",
            &format!("/templates/{template}/tags"),
            KEY,
            &Value::Null,
        )
        .await;
    let tags: Vec<&str> = listed
        .body
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| tag["tag"].as_str().unwrap())
        .collect();
    assert_eq!(tags, ["default", "v1"]);
    let removed = service
        .ask(
            "DELETE",
            "/templates/tags",
            KEY,
            &json!({"name": "base", "tags": ["v1"]}),
        )
        .await;
    assert_eq!(removed.status, 204, "{removed:?}");
    let none = service
        .ask("POST", "/sandboxes", KEY, &json!({"templateID": "base:v1"}))
        .await;
    assert_eq!(none.status, 404, "{none:?}");
}
