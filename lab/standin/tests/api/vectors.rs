//! Every recorded answer of the seed's API, compared with the stand-in's.

use std::time::Duration;

use serde_json::Value;

use crate::peers::Peers;
use crate::postgres::{Postgres, is_root};
use crate::service::Service;
use crate::shape::{Names, differ, fill, fill_value};
use crate::world::{World, names};

const VECTORS: &str = include_str!("../vectors/seed-api.json");

/// Vectors that are not compared, and why.
fn skipped(id: &str) -> Option<&'static str> {
    match id {
        // the commands run on this machine
        "exec-whoami" | "exec-pwd" if !is_root() => Some("sandboxes belong to root"),
        _ => None,
    }
}

fn headers(of: &Value, names: &Names) -> Vec<(String, String)> {
    let headers = of["headers"].as_object().into_iter().flatten();
    headers
        .map(|(name, value)| (name.clone(), fill(value.as_str().unwrap(), names)))
        .collect()
}

/// Makes the state of a vector; returns what went wrong.
async fn set_up(service: &Service, vector: &Value, names: &mut Names) -> Option<String> {
    for step in vector["setup"].as_array().unwrap() {
        if let Some(seconds) = step["sleep"].as_f64() {
            tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
            continue;
        }
        let path = fill(step["path"].as_str().unwrap(), names);
        let method = step["method"].as_str().unwrap();
        let body = fill_value(&step["body"], names);
        let got = service
            .send(method, &path, &headers(step, names), &body)
            .await;
        if step["expect"]
            .as_u64()
            .is_some_and(|status| status != u64::from(got.status))
        {
            return Some(format!("{method} {path} in its setup: {got:?}"));
        }
        for (name, field) in step["bind"].as_object().into_iter().flatten() {
            let value = got.body[field.as_str().unwrap()]
                .as_str()
                .unwrap()
                .to_owned();
            names.insert(name.clone(), value);
        }
    }
    None
}

async fn compare(service: &Service, vector: &Value) -> Vec<String> {
    let mut names = names();
    if let Some(failure) = set_up(service, vector, &mut names).await {
        return vec![failure];
    }
    let request = &vector["request"];
    // an id that nobody has, where a request wants one
    let mut sent = names.clone();
    sent.insert(
        "uuid".to_owned(),
        "7f000000-0000-4000-8000-00000000abcd".to_owned(),
    );
    let path = fill(request["path"].as_str().unwrap(), &sent);
    let method = request["method"].as_str().unwrap();
    let body = fill_value(&request["body"], &sent);
    let got = service
        .send(method, &path, &headers(request, &sent), &body)
        .await;
    let wanted = &vector["response"];
    let mut found = Vec::new();
    if wanted["status"] != got.status {
        found.push(format!(
            "status: wanted {}, got {}",
            wanted["status"], got.status
        ));
    }
    let got_headers: Value = got
        .headers
        .iter()
        .map(|(name, value)| (name.clone(), Value::String(value.clone())))
        .collect();
    found.extend(differ("header", &wanted["headers"], &got_headers, &names));
    found.extend(differ("body", &wanted["body"], &got.body, &names));
    found
}

async fn run(world: World, config: &str, vectors: &[Value]) -> Vec<String> {
    let mut failures = Vec::new();
    let mut kept: Option<Service> = None;
    for vector in vectors.iter().filter(|vector| vector["config"] == config) {
        let id = vector["id"].as_str().unwrap();
        if let Some(reason) = skipped(id) {
            eprintln!("{id}: skipped, {reason}");
            continue;
        }
        // what only reads leaves the API as it was
        let reads = vector["setup"].as_array().unwrap().is_empty()
            && matches!(
                vector["request"]["method"].as_str(),
                Some("GET" | "HEAD" | "OPTIONS")
            );
        if !reads {
            kept = None;
        }
        world.reset().await;
        let service = match kept.take() {
            Some(service) => service,
            None => world.service(config).await,
        };
        let differences = compare(&service, vector).await;
        if !differences.is_empty() {
            failures.push(format!("{id}:\n    {}", differences.join("\n    ")));
        }
        if reads {
            kept = Some(service);
        }
    }
    failures
}

#[tokio::test(flavor = "multi_thread")]
async fn the_recorded_answers_are_given() {
    let vectors: Vec<Value> = serde_json::from_str(VECTORS).unwrap();
    assert_eq!(vectors.len(), 251);
    let postgres = Postgres::start().await;
    let world = |name: &'static str| async {
        World {
            database: postgres.migrated(name, "seed").await,
            url: postgres.url(name),
            peers: Peers::start().await,
        }
    };
    // roles are the whole server's: one after the other
    let (whole, bare) = (world("whole").await, world("bare").await);
    let (mut failures, more) =
        tokio::join!(run(whole, "default", &vectors), run(bare, "bare", &vectors));
    failures.extend(more);
    assert!(
        failures.is_empty(),
        "{} of {} answers differ:\n{}",
        failures.len(),
        vectors.len(),
        failures.join("\n")
    );
}
