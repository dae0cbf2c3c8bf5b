//! Consul's HTTP API: who is there, what is healthy, and the key-value store.

mod catalog;
mod kv;
mod session;

use std::sync::Arc;

use crate::hashi::{Api, Error, Given, Hooks, Peer, Product, Settings, TrustVariables};
use crate::http::Client;

pub use catalog::{Check, Instance, Member, Node};
pub use kv::{Change, Entry, Guard};
pub use session::{Session, SessionOptions};

/// Consul on the wire.
pub static PRODUCT: Product = Product {
    title: "Consul",
    area: "consul",
    address_variable: "CONSUL_HTTP_ADDR",
    token_variable: "CONSUL_HTTP_TOKEN",
    scope_variables: &[],
    token_file_variable: Some("CONSUL_HTTP_TOKEN_FILE"),
    tls_variable: Some("CONSUL_HTTP_SSL"),
    trust_variables: TrustVariables {
        authorities: "CONSUL_CACERT",
        certificate: "CONSUL_CLIENT_CERT",
        key: "CONSUL_CLIENT_KEY",
        server_name: "CONSUL_TLS_SERVER_NAME",
        unchecked: ("CONSUL_HTTP_SSL_VERIFY", false),
    },
    token_header: "X-Consul-Token",
    index_header: "X-Consul-Index",
    default_address: "http://127.0.0.1:8500",
};

/// A Consul cluster. Copies share connections and counters.
#[derive(Clone)]
pub struct Consul {
    api: Arc<Api>,
}

impl Consul {
    /// What `given` leaves out comes from `CONSUL_HTTP_ADDR`, `CONSUL_HTTP_TOKEN` (or a
    /// file that `CONSUL_HTTP_TOKEN_FILE` names), `CONSUL_HTTP_SSL` and the variables for TLS. Nothing is sent yet.
    pub fn new(
        http: Arc<Client>,
        peers: Vec<Peer>,
        given: Given,
        hooks: Hooks,
    ) -> Result<Consul, Error> {
        let settings = Settings::new(&PRODUCT, given, |name| std::env::var(name).ok())?;
        Ok(Consul {
            api: Arc::new(Api::new(&PRODUCT, settings, http, peers, hooks)?),
        })
    }

    /// The address as people know it.
    pub fn address(&self) -> String {
        self.api.address()
    }

    /// What is shown as who asks, if anything is.
    pub fn token(&self) -> Option<&crate::secret::Secret> {
        self.api.token()
    }

    /// How many requests were sent so far.
    pub fn requests(&self) -> u64 {
        self.api.requests()
    }
}
