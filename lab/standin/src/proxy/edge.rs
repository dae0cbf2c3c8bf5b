//! The edge API: health, the catalog, commands for sandboxes, and which services there are.

use hyper::body::Incoming;
use hyper::{Request, Response};
use serde_json::{Value, json};

use super::discovery::Node;
use super::{Proxy, schema};
use crate::connect;
use crate::field::Field;
use crate::http::{self, Reply};

const TEXT: &str = "text/plain; charset=utf-8";

/// Answers a request.
pub async fn answer(proxy: &Proxy, request: Request<Incoming>) -> Response<Reply> {
    let path = request.uri().path().trim_end_matches('/').to_owned();
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let Some(methods) = methods(&parts) else {
        return invalid(404, "no matching operation was found");
    };
    let method = request.method().as_str().to_owned();
    if !methods.contains(&method.as_str()) {
        return invalid(400, "method not allowed");
    }
    let healthy = proxy.nodes.was_found();
    let health = |text: &'static str| {
        let status = if healthy { 200 } else { 503 };
        http::answer(status, TEXT, if healthy { text } else { "unhealthy" })
    };
    match parts.as_slice() {
        ["health"] | ["health", "traffic"] => return health("healthy"),
        ["health", "machine"] => return http::answer(200, TEXT, "running"),
        ["v1", "info"] => return http::json(200, &proxy.info()),
        _ => {}
    }
    match http::header(request.headers(), "x-api-key") {
        "" => return error(401, "authorization header is missing"),
        shown if shown != proxy.secret => return error(401, "authorization is invalid"),
        _ => {}
    }
    let query = |key| http::query(request.uri(), key);
    match parts.as_slice() {
        ["v1", "sandboxes", "catalog"] => catalog(proxy, request, method == "DELETE").await,
        ["v1", "sandboxes", id, "exec"] => {
            let id = (*id).to_owned();
            exec(proxy, request, &id).await
        }
        ["v1", "service-discovery", "nodes"] => http::json(200, &proxy.services()),
        ["v1", "service-discovery", "nodes", "orchestrators"] => {
            let nodes: Vec<Value> = proxy.nodes.all().iter().map(orchestrator).collect();
            http::json(200, &json!(nodes))
        }
        ["v1", "service-discovery", "nodes", id, action] => {
            let id = (*id).to_owned();
            let state = if *action == "kill" { 2 } else { 1 };
            override_status(proxy, &id, state).await
        }
        _ if query("orchestratorID").is_none() => {
            let why = "error in openapi3filter.RequestError: parameter \"orchestratorID\" in query has an error: value is required but missing";
            invalid(400, why)
        }
        // as with a log service that has no lines
        _ => http::json(200, &json!({"logs": []})),
    }
}

/// The methods of a path, `None` for one that is not there.
fn methods(parts: &[&str]) -> Option<&'static [&'static str]> {
    Some(match parts {
        ["health"] | ["health", "traffic" | "machine"] | ["v1", "info"] => &["GET"],
        ["v1", "sandboxes", "catalog"] => &["POST", "DELETE"],
        ["v1", "sandboxes", _, "exec"] => &["POST"],
        ["v1", "service-discovery", "nodes"]
        | ["v1", "service-discovery", "nodes", "orchestrators"] => &["GET"],
        ["v1", "service-discovery", "nodes", _, "drain" | "kill"] => &["POST"],
        ["v1", "templates", "builds", _, "logs"] => &["GET"],
        _ => return None,
    })
}

fn error(code: u16, message: &str) -> Response<Reply> {
    http::json(code, &json!({"code": code, "message": message}))
}

fn invalid(code: u16, message: &str) -> Response<Reply> {
    error(code, &format!("validation error: {message}"))
}

impl Proxy {
    fn status(&self) -> &'static str {
        match self.nodes.was_found() {
            true => "healthy",
            false => "unhealthy",
        }
    }

    fn info(&self) -> Value {
        json!({
            "nodeID": self.node,
            "serviceInstanceID": self.instance,
            "serviceStartup": self.since,
            "serviceStatus": self.status(),
            "serviceVersion": "1.0.0",
            "serviceVersionCommit": "",
        })
    }

    fn services(&self) -> Value {
        let mut services: Vec<Value> = self.nodes.all().iter().map(service).collect();
        services.push(json!({
            "nodeID": self.node,
            "serviceHost": format!("{}:{}", self.address, self.port),
            "serviceInstanceID": self.instance,
            "serviceStartedAt": self.since,
            "serviceStatus": self.status(),
            "serviceType": "edge",
            "serviceVersion": "1.0.0",
            "serviceVersionCommit": "",
        }));
        Value::Array(services)
    }
}

fn service(node: &Node) -> Value {
    json!({
        "nodeID": node.id(),
        "serviceHost": node.address,
        "serviceInstanceID": node.instance(),
        "serviceStartedAt": node.info.of("serviceStartup"),
        "serviceStatus": node.status(),
        "serviceType": "orchestrator",
        "serviceVersion": node.info.of("serviceVersion"),
        "serviceVersionCommit": node.info.of("serviceCommit"),
    })
}

fn orchestrator(node: &Node) -> Value {
    let roles = node
        .info
        .of("serviceRoles")
        .as_array()
        .into_iter()
        .flatten();
    let roles = roles.filter_map(Value::as_str).map(|role| match role {
        "TemplateBuilder" => "template-builder",
        _ => "orchestrator",
    });
    let mut shown = service(node);
    if let Some(shown) = shown.as_object_mut() {
        shown.remove("serviceType");
    }
    shown.put("roles", roles.collect::<Value>());
    for (shown_as, name) in [
        ("metricDiskMBUsed", "metricDiskMb"),
        ("metricRamMBUsed", "metricMemoryUsedMb"),
        ("metricSandboxesRunning", "metricSandboxesRunning"),
        ("metricVCpuUsed", "metricVcpuUsed"),
    ] {
        shown.put(shown_as, node.info.of(name).clone());
    }
    shown
}

async fn catalog(proxy: &Proxy, request: Request<Incoming>, is_delete: bool) -> Response<Reply> {
    let body = http::whole(request.into_body()).await.unwrap_or_default();
    let (schema, required): (&str, &[&str]) = match is_delete {
        true => ("SandboxDeleteCatalogRequest", &["executionId", "sandboxId"]),
        false => (
            "SandboxCreateCatalogRequest",
            &[
                "orchestratorId",
                "executionId",
                "sandboxId",
                "sandboxMaxLength",
                "sandboxStartTime",
            ],
        ),
    };
    let message = match schema::read(&body, schema, required) {
        Ok(message) => message,
        Err(why) => return invalid(400, &why),
    };
    if !is_delete {
        proxy.catalog.add(&message);
        return http::answer(200, "", "");
    }
    let text = |name: &str| message.of(name).as_str().unwrap_or_default();
    match proxy.catalog.remove(text("sandboxId"), text("executionId")) {
        true => http::answer(200, "", ""),
        // as the real handler crashes, and its server catches it
        false => http::answer(500, "", ""),
    }
}

async fn exec(proxy: &Proxy, request: Request<Incoming>, id: &str) -> Response<Reply> {
    let body = http::whole(request.into_body()).await.unwrap_or_default();
    let mut message = match schema::read(&body, "SandboxExecRequest", &["command"]) {
        Ok(message) => message,
        Err(why) => return invalid(400, &why),
    };
    let Some(node) = proxy.catalog.orchestrator(id) else {
        return error(404, "Sandbox not found");
    };
    let Some(node) = proxy.nodes.find(&node) else {
        return error(502, "Sandbox orchestrator is not reachable");
    };
    message.put("sandboxId", id);
    let ran = connect::call(&node.address, "SandboxService/Exec", &message).await;
    match ran {
        Ok(ended) => http::json(
            200,
            &json!({
                "exitCode": ended.of("exitCode"),
                "status": ended.of("status"),
                "stderr": ended.of("stderr"),
                "stdout": ended.of("stdout"),
            }),
        ),
        Err(why) => {
            let status = match why.code {
                "invalid_argument" => 400,
                "not_found" => 404,
                "permission_denied" | "failed_precondition" => 409,
                _ => 500,
            };
            error(status, &why.message)
        }
    }
}

async fn override_status(proxy: &Proxy, id: &str, state: u8) -> Response<Reply> {
    let failed = || error(400, "Error when calling service discovery node");
    let Some(node) = proxy.nodes.find(id) else {
        return failed();
    };
    let message = json!({ "serviceStatus": state });
    match connect::call(&node.address, "InfoService/ServiceStatusOverride", &message).await {
        Ok(_) => http::answer(200, "", ""),
        Err(_) => failed(),
    }
}
