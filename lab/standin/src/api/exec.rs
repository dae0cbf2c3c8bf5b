//! The seed's `exec`: a command in a sandbox, by way of client-proxy's edge API.

use serde_json::{Value, json};

use super::answer::{Answer, Outcome};
use super::call::Call;

/// `POST /sandboxes/{id}/exec`.
pub async fn exec(call: &Call) -> Outcome {
    let team = call.team()?;
    let id = call.sandbox_id()?;
    let platform = &call.platform;
    let sandbox = platform
        .sandboxes
        .get(id)
        .ok_or_else(|| Answer::problem(404, "Sandbox not found"))?;
    if sandbox.team != team.id {
        let text = "Sandbox does not belong to your team";
        return Err(Answer::problem(403, text));
    }
    let cluster = team
        .cluster
        .as_deref()
        .ok_or_else(|| Answer::problem(409, "Team is not associated with a compute cluster"))?;
    let cluster = platform
        .clusters
        .get(cluster)
        .ok_or_else(|| Answer::problem(502, "Cluster control plane is not reachable"))?;
    let mut order = call.body.clone();
    // it is taken from clients, and goes no further
    order.remove("input");
    order.insert("executionId".to_owned(), json!(sandbox.execution));
    if let Some(token) = &sandbox.token {
        order.insert("accessToken".to_owned(), json!(token));
    }
    let unreachable = || Answer::problem(502, "Failed to reach sandbox edge service");
    let answer = platform
        .http
        .post(format!("{}/v1/sandboxes/{id}/exec", cluster.base))
        .header("x-api-key", &cluster.token)
        .json(&order)
        .send()
        .await
        .map_err(|_| unreachable())?;
    let status = answer.status();
    let body = answer.bytes().await.map_err(|_| unreachable())?;
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    match status.as_u16() {
        200 => {
            let field = |name: &str, empty: Value| body.get(name).cloned().unwrap_or(empty);
            let shown = json!({
                "exitCode": field("exitCode", json!(0)),
                "stdout": field("stdout", json!("")),
                "stderr": field("stderr", json!("")),
                "status": field("status", json!("")),
            });
            Ok(Answer::json(200, &shown))
        }
        code @ (400 | 401 | 404) => {
            let message = body.get("message").and_then(Value::as_str);
            let text = message.map_or_else(|| status.to_string(), str::to_owned);
            Err(Answer::problem(code, text))
        }
        _ => Err(Answer::problem(500, status.to_string())),
    }
}
