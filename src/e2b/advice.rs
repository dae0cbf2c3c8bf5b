//! Why a service refused, and what to do about it, by what it said.
//!
//! The texts are those of the platform's own code; what operators met behind them is told here.

use super::{Refusal, RpcError, Service};

/// Cause and next step, where they are known.
pub(super) fn of(refusal: &Refusal) -> (Option<String>, Option<String>) {
    let (cause, help) = match refusal.status {
        401 => unauthorized(refusal),
        403 => forbidden(refusal),
        404 => not_found(refusal),
        408 | 504 => (
            "the platform ran out of time itself",
            "look whether nodes are ready and have room: `e2bscript check-cluster.rhai`",
        ),
        409 => conflict(refusal),
        429 => limit(refusal),
        500.. => server(refusal),
        _ => ("", ""),
    };
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let help = match (refusal.status, &refusal.credential) {
        (401, Some((what, source))) => Some(format!("{what} came from {source}: {help}")),
        _ => some(help),
    };
    (some(cause), help)
}

fn unauthorized(refusal: &Refusal) -> (&'static str, &'static str) {
    if refusal.message.contains("header is missing") {
        return (
            "the endpoint takes another credential than was sent",
            "the service may be of the other generation: `profile` of `e2b::connect` says which is meant",
        );
    }
    if refusal
        .message
        .contains("deprecated and no longer accepted")
    {
        return (
            "this platform takes no access tokens any more",
            "leave the access token out and give the API key",
        );
    }
    if refusal.message.contains("does not belong to your team") {
        return (
            "it belongs to another team",
            "take the API key of the team that made it",
        );
    }
    (
        "the database behind the API does not know it",
        "`e2bscript export-api-creds.rhai` writes the keys that the database has",
    )
}

fn forbidden(refusal: &Refusal) -> (&'static str, &'static str) {
    let said = refusal.message.as_str();
    if said.contains("banned") || said.contains("blocked") {
        return (
            "the team was banned or blocked",
            "`is_banned`, `is_blocked` and `blocked_reason` of its row in `teams` say so: `e2bscript db-shell.rhai`",
        );
    }
    if said.contains("does not have access to the template") {
        return (
            "the template belongs to another team and is not public",
            "`e2bscript list-templates.rhai` lists those that this team has",
        );
    }
    if said.contains("Alias") {
        return (
            "a template has that alias already",
            "choose another alias, or rebuild that template",
        );
    }
    if said.contains("maximal allowed uptime") {
        return (
            "the tier allows no longer life (`max_length_hours`)",
            "make a new sandbox, or raise the tier's limit in the database",
        );
    }
    ("", "")
}

fn not_found(refusal: &Refusal) -> (&'static str, &'static str) {
    let said = refusal.message.to_lowercase();
    if said.contains("no matching operation") || said.contains("page not found") {
        return (
            "the service has no such endpoint",
            "it is of the other generation, or something else answers there: `profile` of `e2b::connect` says which is meant",
        );
    }
    if said.contains("template") || said.contains("environment") {
        return (
            "the team has no such template, or no build of it is ready",
            "`e2bscript list-templates.rhai` lists what there is; `e2bscript create-template.rhai` makes one",
        );
    }
    if said.contains("sandbox") {
        return (
            "it ended (its time was up, somebody killed it, or its orchestrator was started anew), or it is another team's",
            "`e2bscript sandboxes.rhai` lists those that run; give new ones a longer `timeout`",
        );
    }
    ("", "")
}

fn limit(refusal: &Refusal) -> (&'static str, &'static str) {
    if refusal.message.contains("concurrent") {
        return (
            "the team runs as many sandboxes as its tier allows",
            "`e2bscript sandboxes.rhai` lists them, `--kill-older-than 1h` ends old ones; the tier's limit is `concurrent_instances` in the database",
        );
    }
    (
        "more requests came than are taken at once; nothing was done",
        "wait a little, or have fewer branches ask at the same time (`limit` of `task::parallel`)",
    )
}

fn conflict(refusal: &Refusal) -> (&'static str, &'static str) {
    let said = refusal.message.as_str();
    if said.contains("not associated with a compute cluster") {
        return (
            "the team has no row in `clusters`, through which exec finds the client-proxy",
            "`SEED_CLUSTER=true` in deploy.env, then `e2bscript run-init-db.rhai`; the API reads it within a minute",
        );
    }
    if said.contains("already paused") || said.contains("being paused") {
        return ("it is paused", "`sandbox.resume()` has it run again");
    }
    if said.contains("already running") {
        return ("it runs", "`api.sandbox(id)` is a handle of it");
    }
    ("", "")
}

fn server(refusal: &Refusal) -> (&'static str, &'static str) {
    let said = refusal.message.as_str();
    let exec = refusal.request.ends_with("/exec");
    if refusal.service == Service::Sandboxes {
        return if said.contains("port is not open") {
            (
                "the sandbox runs, and nothing listens on that port in it",
                "wait until the program in it listens; envd is on port 49983",
            )
        } else {
            (
                "the client-proxy does not know the sandbox: it ended, or the proxy was started anew and forgot it",
                "`e2bscript sandboxes.rhai` lists those that run; make a new one after a restart of client-proxy",
            )
        };
    }
    if said.contains("Failed to get node to place sandbox")
        || said.contains("Failed to place sandbox")
    {
        return (
            "no orchestrator took the sandbox: none is known, or none has room",
            "`e2bscript status.rhai` and `e2bscript check-cluster.rhai` show the orchestrators; `api.list_nodes()` what they carry",
        );
    }
    if said.contains("Service is unavailable") {
        return (
            "the API knows no orchestrator",
            "a ready Nomad node of pool `default` and class `client` with an orchestrator on port 5008 is needed: `e2bscript check-cluster.rhai`",
        );
    }
    if said.contains("Failed to create sandbox") {
        return (
            "the orchestrator could not start it",
            "`e2bscript logs.rhai orchestrator` says why",
        );
    }
    if said.contains("control plane is not reachable")
        || said.contains("Failed to reach sandbox edge")
    {
        return (
            "the API cannot reach the client-proxy that the team's row in `clusters` names",
            "`e2bscript status.rhai` shows the client-proxy; the API reads a changed row within a minute",
        );
    }
    if exec {
        return (
            "this answer hides the reason: the program or its directory does not exist, its time was up, its output is no UTF-8 or some MiB large, or the sandbox ended meanwhile",
            "run it by a shell (`[\"/bin/sh\", \"-c\", …]`) to see what it says, or through envd with `way: \"envd\"`",
        );
    }
    if said.is_empty() {
        return (
            "the handler crashed: the answer has no body",
            "`e2bscript logs.rhai api` has the trace",
        );
    }
    ("", "`e2bscript logs.rhai api` may say more")
}

/// What to do about an error of envd's.
pub(super) fn of_rpc(error: &RpcError) -> Option<String> {
    let help = match error.code.as_str() {
        "unauthenticated" => {
            "the sandbox is secure, or the user does not exist in it: take the handle that made it, and a user that its template has"
        }
        "deadline_exceeded" => "its `timeout` was up and envd ended the process: give it more",
        "invalid_argument"
            if error.message.contains("starting process") || error.message.contains("cwd") =>
        {
            "the program or the directory does not exist in the sandbox, or the user may not run it"
        }
        "unimplemented" => "this envd is older than what was asked of it",
        _ => return None,
    };
    Some(help.to_owned())
}
