//! The API with everything around it, as the recorded answers were made.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio_postgres::Client;

use crate::peers::{NODE, Peers};
use crate::postgres::free_port;
use crate::service::Service;
use crate::shape::Names;

const FIXTURES: &str = include_str!("../vectors/fixtures.sql");
const SECRET: &str = "jwt-secret-for-vectors";

/// A database of its own, and the other services.
pub struct World {
    pub database: Client,
    pub url: String,
    pub peers: Peers,
}

impl World {
    /// Fills the database anew.
    pub async fn reset(&self) {
        self.peers.reset();
        self.database.batch_execute(FIXTURES).await.unwrap();
        let endpoint = format!("127.0.0.1:{}", self.peers.port);
        self.database
            .execute("UPDATE clusters SET endpoint = $1", &[&endpoint])
            .await
            .unwrap();
    }

    /// The variables of one of the configurations.
    pub fn variables(&self, config: &str) -> Vec<(&'static str, String)> {
        let closed = free_port();
        let port = self.peers.port;
        let mut variables = vec![
            ("POSTGRES_CONNECTION_STRING", self.url.clone()),
            (
                "SANDBOX_ACCESS_TOKEN_HASH_SEED",
                "seed-for-vectors".to_owned(),
            ),
            ("ORCHESTRATOR_PORT", port.to_string()),
            ("CONSUL_HTTP_ADDR", format!("127.0.0.1:{closed}")),
            ("STANDIN_FAULTS", "/nonexistent".to_owned()),
        ];
        if config == "bare" {
            variables.push(("NOMAD_ADDRESS", format!("http://127.0.0.1:{closed}")));
            variables.push(("TEMPLATE_MANAGER_HOST", format!("127.0.0.1:{closed}")));
        } else {
            variables.push(("NOMAD_ADDRESS", format!("http://127.0.0.1:{port}")));
            variables.push(("TEMPLATE_MANAGER_HOST", format!("127.0.0.1:{port}")));
            variables.push(("LOKI_ADDRESS", format!("http://127.0.0.1:{port}")));
            variables.push(("ADMIN_TOKEN", "admin-token-for-vectors".to_owned()));
            variables.push(("SUPABASE_JWT_SECRETS", SECRET.to_owned()));
        }
        variables
    }

    /// The API in one of the configurations.
    pub async fn service(&self, config: &str) -> Service {
        Service::start(&self.variables(config), config != "bare").await
    }
}

/// A token of the dashboard.
fn jwt(user: &str) -> String {
    let head = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    let claims = URL_SAFE_NO_PAD.encode(format!(r#"{{"sub":"{user}","exp":4102444800}}"#));
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let signature = hmac::sign(&key, format!("{head}.{claims}").as_bytes());
    format!("{head}.{claims}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// What the placeholders of the fixtures stand for.
pub fn names() -> Names {
    let mut names = Names::new();
    for (team, byte) in [
        ("a", "aa"),
        ("b", "bb"),
        ("banned", "cc"),
        ("blocked", "dd"),
        ("tiny", "ee"),
    ] {
        names.insert(
            format!("api-key:team-{team}"),
            format!("e2b_{}", byte.repeat(20)),
        );
        let half = byte.repeat(2);
        let rest = &half[1..];
        let id = format!("{half}{half}-{half}-4{rest}-8{rest}-{half}{half}{half}");
        names.insert(format!("team-id:team-{team}"), id);
    }
    names.insert(
        "api-key-id:team-a".to_owned(),
        "a0a0a0a0-a0a0-40a0-80a0-a0a0a0a0a0a0".to_owned(),
    );
    for (user, byte, digit) in [
        ("alice", "a1", "1"),
        ("bob", "b1", "2"),
        ("carol", "c1", "3"),
    ] {
        let part = |length: usize| digit.repeat(length);
        let id = format!(
            "{}-{}-4{}-8{}-{}",
            part(8),
            part(4),
            part(3),
            part(3),
            part(12)
        );
        names.insert(
            format!("access-token:{user}"),
            format!("sk_e2b_{}", byte.repeat(20)),
        );
        names.insert(format!("supabase-jwt:{user}"), jwt(&id));
        names.insert(format!("user-id:{user}"), id);
    }
    for (n, (name, id)) in [
        ("base", "tmplbase000000000000"),
        ("old-envd", "tmploldenvd000000000"),
        ("no-envd", "tmplnoenvd0000000000"),
        ("no-build", "tmplnobuild000000000"),
        ("failed", "tmplfailed0000000000"),
        ("b-private", "tmplbprivate00000000"),
    ]
    .into_iter()
    .enumerate()
    {
        names.insert(format!("template:{name}"), id.to_owned());
        let build = format!("0b000000-0000-4000-8000-00000000000{}", n + 1);
        names.insert(format!("build:{name}"), build);
    }
    names.insert(
        "admin-token".to_owned(),
        "admin-token-for-vectors".to_owned(),
    );
    names.insert("clientID".to_owned(), NODE[..8].to_owned());
    names
}
