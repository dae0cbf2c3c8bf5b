//! Whether the services say that they are healthy.

use std::time::Duration;

use serde::Serialize;

use crate::http::{Method, Request};

use super::api::{at, ready};
use super::link::{Link, Repeat};
use super::{E2b, Error, Service};

/// How long a health check may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a service says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Health {
    pub ok: bool,
    /// HTTP's; 0 when nobody answered.
    pub status: u16,
    /// Its words, or why nobody answered.
    pub said: String,
    /// Why, where it is not healthy and that is known.
    pub cause: String,
}

impl E2b {
    /// The API's health: 200 (or 204) once it knows an orchestrator.
    pub async fn api_health(&self) -> Health {
        health(self.api()).await
    }

    /// The client-proxy's health, at its own port.
    pub async fn proxy_health(&self) -> Health {
        health(self.edge()).await
    }
}

async fn health(link: &Link) -> Health {
    let mut request = Request::new(Method::GET, at(&link.address, "/health"));
    ready(&mut request);
    request.timeout = PATIENCE;
    match link.send(&request, Repeat::Once).await {
        Ok(answer) => {
            let ok = answer.status.is_success();
            let text = String::from_utf8_lossy(&answer.body);
            Health {
                ok,
                status: answer.status.as_u16(),
                said: text.lines().next().unwrap_or_default().trim().to_owned(),
                cause: match ok {
                    true => String::new(),
                    false => cause(link.service, answer.status.as_u16()).to_owned(),
                },
            }
        }
        Err(error) => Health {
            ok: false,
            status: 0,
            cause: match &error {
                Error::Unreachable { .. } => "nobody listens there".to_owned(),
                _ => String::new(),
            },
            said: error.to_string(),
        },
    }
}

fn cause(service: Service, status: u16) -> &'static str {
    match (service, status) {
        (Service::Api, 503) => {
            "it knows no orchestrator: on no ready Nomad node of pool `default` and class `client` does one answer"
        }
        (Service::Edge, 503) => {
            "it has not found an orchestrator through Consul's DNS; missing telemetry is not the reason"
        }
        _ => "",
    }
}
