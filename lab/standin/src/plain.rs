//! A service of which nothing but its health is there.

use std::io;

use serde_json::json;

use crate::http;
use crate::service::Options;

/// Serves until it is told to end.
pub async fn run(options: Options) -> io::Result<()> {
    let listener = http::listen(options.port).await?;
    http::serve(listener, options.name, move |request| async move {
        let method = request.method().as_str();
        Ok(match (method, request.uri().path()) {
            ("GET" | "HEAD", "/health") => http::json(200, &healthy(options.name)),
            ("GET" | "HEAD", _) => http::json(404, &json!({"code":404,"message":"not found"})),
            _ => http::json(405, &json!({"code":405,"message":"method not allowed"})),
        })
    });
    http::ended().await;
    Ok(())
}

fn healthy(name: &str) -> serde_json::Value {
    let version = concat!("standin-", env!("CARGO_PKG_VERSION"));
    json!({"status": "healthy", "service": name, "version": version})
}
