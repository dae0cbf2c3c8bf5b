//! Stand-in for `template-manager`, the service that makes templates: out of an image of the node's Docker daemon to
//! the files that sandboxes start from.

mod build;
mod copy;
mod image;
mod jobs;
mod provision;
mod steps;
mod upload;

use std::io;
use std::sync::Arc;

use hyper::Request;
use hyper::body::Incoming;
use serde_json::{Value, json};

use crate::connect::{self, error};
use crate::http::{self, Answer};
use crate::orchestrator::Info;
use crate::service::Options;
use jobs::Jobs;
use upload::Uploads;

/// What calls work with.
struct Service {
    info: Arc<Info>,
    jobs: Jobs,
    uploads: Uploads,
}

/// Serves until it is told to end; builds that run then end with it.
///
/// # Errors
///
/// When a port cannot be had.
pub async fn run(options: Options) -> io::Result<()> {
    let calls = http::listen(options.port).await?;
    let traffic = http::listen(options.traffic).await?;
    image::sweep().await;
    // sandboxes of builds are reached by nobody
    http::serve(traffic, options.name, |_| async {
        Ok(http::error_text(400, "Invalid host"))
    });
    let info = Arc::new(Info::new("TemplateBuilder"));
    let service = Arc::new(Service {
        info: Arc::clone(&info),
        jobs: Jobs::default(),
        uploads: Uploads::new(options.port)?,
    });
    http::serve(calls, options.name, move |request| {
        let service = Arc::clone(&service);
        async move { answer(&service, request).await }
    });
    http::ended().await;
    info.drain();
    Ok(())
}

async fn answer(service: &Service, request: Request<Incoming>) -> Answer {
    let Service {
        info,
        jobs,
        uploads,
    } = service;
    let path = request.uri().path().to_owned();
    let method = request.method().as_str().to_owned();
    let call = path.trim_start_matches('/');
    if (method.as_str(), call) == ("GET", "health") {
        return Ok(info.health());
    }
    if call == "upload" {
        return Ok(uploads.take(request).await);
    }
    if method != "POST" {
        return Ok(http::error_text(404, "404 page not found"));
    }
    let body = http::whole(request.into_body()).await.unwrap_or_default();
    let message: Result<Value, _> = match body.is_empty() {
        true => Ok(json!({})),
        false => serde_json::from_slice(&body),
    };
    let message = match message {
        Ok(message) => message,
        Err(why) => {
            let why = format!("unmarshal message: {why}");
            return Ok(connect::unary(Err(error("invalid_argument", why))));
        }
    };
    Ok(connect::unary(match call {
        "TemplateService/TemplateCreate" if info.is_open() => jobs.create(&message),
        "TemplateService/TemplateCreate" => Err(error("unavailable", "the node is draining")),
        "TemplateService/TemplateBuildStatus" => jobs.status(&message),
        "TemplateService/TemplateBuildDelete" => jobs.delete(&message),
        "TemplateService/InitLayerFileUpload" => uploads.begin(&message),
        "TemplateService/HealthStatus" => Ok(json!({"status": "Healthy"})),
        "InfoService/ServiceInfo" => Ok(info.service_info()),
        "InfoService/ServiceStatusOverride" => info.set(&message),
        other => Err(error("unimplemented", format!("unknown method {other}"))),
    }))
}
