//! Misbehaviour on demand, and nodes that come and go.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::peers::Peers;
use crate::postgres::{Postgres, free_port};
use crate::service::{Faults, Service};
use crate::world::{World, names};

#[tokio::test(flavor = "multi_thread")]
async fn it_misbehaves_when_told_to() {
    let postgres = Postgres::start().await;
    let world = World {
        database: postgres.migrated("faults", "seed").await,
        url: postgres.url("faults"),
        peers: Peers::start().await,
    };
    world.reset().await;
    let faults = Faults::new();
    let mut variables = world.variables("default");
    variables.retain(|(name, _)| *name != "STANDIN_FAULTS");
    variables.push(("STANDIN_FAULTS", faults.path().display().to_string()));
    // Nomad knows nothing: Consul does
    variables.retain(|(name, _)| !["NOMAD_ADDRESS", "CONSUL_HTTP_ADDR"].contains(name));
    variables.push(("NOMAD_ADDRESS", format!("http://127.0.0.1:{}", free_port())));
    variables.push((
        "CONSUL_HTTP_ADDR",
        format!("127.0.0.1:{}", world.peers.port),
    ));
    let service = Service::start(&variables, true).await;
    let key = names()["api-key:team-a"].clone();
    let wish = json!({"templateID": "base", "timeout": 60});

    faults.set(&json!({"api-500": {"count": 2, "serial": 1}}));
    for status in [500, 500, 201] {
        let got = service.ask("POST", "/sandboxes", &key, &wish).await;
        assert_eq!(got.status, status, "{got:?}");
    }
    faults.set(&json!({"rate-limit": {"count": 1, "serial": 1}}));
    for status in [429, 200] {
        let got = service.ask("GET", "/sandboxes", &key, &Value::Null).await;
        assert_eq!(got.status, status, "{got:?}");
    }
    // it is done, and the answer says otherwise
    faults.set(&json!({"api-500": {"count": 1, "serial": 2, "method": "POST", "after": true}}));
    let got = service.ask("POST", "/sandboxes", &key, &wish).await;
    assert_eq!(got.status, 500, "{got:?}");
    let listed = service.ask("GET", "/sandboxes", &key, &Value::Null).await;
    assert_eq!(listed.body.as_array().unwrap().len(), 2);

    faults.set(&json!({"no-capacity": true}));
    let got = service.ask("POST", "/sandboxes", &key, &wish).await;
    assert_eq!(
        got.body["message"],
        "Failed to get node to place sandbox on."
    );
    faults.set(&json!({"expire-key": key}));
    assert_eq!(
        service
            .ask("GET", "/sandboxes", &key, &Value::Null)
            .await
            .status,
        401
    );
    faults.set(&json!({}));

    // bodies of any shape are refused, not stumbled over
    for body in [
        "",
        "null",
        "[1]",
        "\"x\"",
        "{\"templateID\":null}",
        "{\"templateID\":\"\\u0000\"}",
        "\u{0}",
        "{",
    ] {
        let body = Value::String(body.to_owned());
        let headers = [
            ("x-api-key".to_owned(), key.clone()),
            ("content-type".to_owned(), "application/json".to_owned()),
        ];
        let got = service.send("POST", "/sandboxes", &headers, &body).await;
        assert_eq!(got.status, 400, "{body}: {got:?}");
    }

    // another API learns what runs
    drop(service);
    let service = Service::start(&variables, true).await;
    let began = Instant::now();
    loop {
        let listed = service.ask("GET", "/sandboxes", &key, &Value::Null).await;
        if listed.body.as_array().unwrap().len() == 2 {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(5), "{listed:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_takes_too_long_is_cut_without_an_answer() {
    // a database that takes connections and says nothing
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let database = silent.local_addr().unwrap();
    let mut options = standin::api::Options::from_environment(free_port());
    options.database = format!("postgresql://x@{database}/x?sslmode=disable");
    options.nomad = format!("http://127.0.0.1:{}", free_port());
    options.request_limit = Duration::from_millis(300);
    let base = format!("http://127.0.0.1:{}", options.port);
    drop(tokio::spawn(standin::api::run(options)));
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let began = Instant::now();
    while http.get(format!("{base}/health")).send().await.is_err() {
        assert!(began.elapsed() < Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let began = Instant::now();
    let asked = http
        .get(format!("{base}/sandboxes"))
        .header("x-api-key", "e2b_00");
    let error = asked.send().await.unwrap_err();
    assert!(error.is_request(), "{error:?}");
    assert!(began.elapsed() < Duration::from_secs(3));
}
