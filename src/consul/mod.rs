//! Consul's HTTP API: who is there, what is healthy, and the key-value store.

mod catalog;
mod kv;

use std::sync::Arc;

use crate::hashi::{Api, Error, Given, OnRetry, Peer, Product, Settings};
use crate::http::Client;

pub use catalog::{Check, Instance, Member};
pub use kv::{Entry, Guard};

/// Consul on the wire.
pub static PRODUCT: Product = Product {
    title: "Consul",
    area: "consul",
    address_variable: "CONSUL_HTTP_ADDR",
    token_variable: "CONSUL_HTTP_TOKEN",
    scope_variables: &[],
    tls_variable: Some("CONSUL_HTTP_SSL"),
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
    /// What `given` leaves out comes from `CONSUL_HTTP_ADDR`, `CONSUL_HTTP_TOKEN` and
    /// `CONSUL_HTTP_SSL`. Nothing is sent yet.
    pub fn new(
        http: Arc<Client>,
        peers: Vec<Peer>,
        given: Given,
        on_retry: Option<OnRetry>,
    ) -> Result<Consul, Error> {
        let settings = Settings::new(&PRODUCT, given, |name| std::env::var(name).ok())?;
        Ok(Consul {
            api: Arc::new(Api::new(&PRODUCT, settings, http, peers, on_retry)),
        })
    }

    /// The address as people know it.
    pub fn address(&self) -> String {
        self.api.address()
    }

    /// How many requests were sent so far.
    pub fn requests(&self) -> u64 {
        self.api.requests()
    }
}
