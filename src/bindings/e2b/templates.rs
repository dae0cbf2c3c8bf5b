//! Templates and their builds.

use std::time::Duration;

use rhai::Dynamic;
use tokio::sync::mpsc;

use crate::bindings::cluster_api;
use crate::diag::Failure;
use crate::e2b::{BuildNews, BuildStart, E2b, FollowBuild, NewTemplate, Requested};
use crate::engine::Call;
use crate::engine::raise::Raise;
use crate::engine::registry::{Function, Opt, Param};
use crate::engine::ty::Ty;
use crate::engine::value::{self, Secrets};
use crate::report::{Action, UNKNOWN};

use super::ERRORS;

const TEMPLATE: Param = Param::new("template", Ty::Str, "its id");
const BUILD: Param = Param::new("build", Ty::Str, "the build's id");
const NAME: Param = Param::new("name", Ty::Str, "its id or an alias");
const MAP: &str = "a map with `id`, `build`, `aliases`, `cpu_count`, `memory_mb`, `is_public`, `created_at`, `updated_at`, `last_spawned_at`, \
                   `spawn_count`, `build_count`, `build_status` and `envd_version`; what a generation does not tell is `()`";
const REQUESTED: &str = "a map with `template`, `build` (ids, empty under `--plan`) and `aliases`";
const STATUS: &str = "a map with `template`, `id`, `status` (`waiting`, `building`, `ready`, `error`), `logs` and `reason` (`message`, `step`; `()` without one)";
const SHAPE: &[Opt] = &[
    Opt::new(
        "alias",
        Ty::Str,
        "",
        "what it is called besides its id: lower case, digits, `-`, `_`; upstream asks for one",
    ),
    Opt::new(
        "dockerfile",
        Ty::Str,
        "\"\"",
        "the text that the seed keeps and does not build",
    ),
    Opt::new("cpu", Ty::Int, "2", "processors of its sandboxes"),
    Opt::new(
        "memory_mb",
        Ty::Int,
        "1024",
        "memory of its sandboxes in MiB, even",
    ),
    Opt::new("start_cmd", Ty::Str, "", "what runs in it from the start"),
    Opt::new(
        "ready_cmd",
        Ty::Str,
        "",
        "what must succeed before it counts as started",
    ),
    Opt::new(
        "team",
        Ty::Str,
        "the user's default team",
        "the id of the team that has it",
    ),
];

pub const LIST: Function = Function {
    name: "list_templates",
    doc: "The templates of the team.",
    options: &[Opt::new(
        "team",
        Ty::Str,
        "the default team",
        "another team's id",
    )],
    returns: "an array of maps as `get_template` gives one",
    errors: ERRORS,
    example: "api.list_templates().map(|template| template.id)",
    body: |call| {
        let api = call.receiver::<E2b>()?;
        let team = call.opt_string("team");
        value::from_serde(&call.wait_ok(api.list_templates(team.as_deref()))?)
    },
    ..Function::BASE
};

pub const FIND: Function = Function {
    name: "find_template",
    doc: "The template of that id or alias.",
    params: &[NAME],
    returns: "a map as `get_template` gives one; `()` when there is none",
    errors: ERRORS,
    example: "api.find_template(\"base\") != ()",
    body: |call| {
        let (api, name) = (call.receiver::<E2b>()?, call.string(0)?);
        match call.wait_ok(api.find_template(&name))? {
            Some(found) => value::from_serde(&found),
            None => Ok(Dynamic::UNIT),
        }
    },
    ..Function::BASE
};

pub const GET: Function = Function {
    name: "get_template",
    doc: "The template of that id or alias, which must be there.",
    params: &[NAME],
    returns: MAP,
    errors: &["e2b.not_found", "and those of `list_templates`"],
    example: "api.get_template(\"base\").build",
    body: |call| {
        let (api, name) = (call.receiver::<E2b>()?, call.string(0)?);
        match call.wait_ok(api.find_template(&name))? {
            Some(found) => value::from_serde(&found),
            None => Err(Failure::new(
                "e2b.not_found",
                format!("the team has no template `{name}`"),
            )
            .help("`e2bscript list-templates.rhai` lists those that it has")
            .into()),
        }
    },
    ..Function::BASE
};

pub const CREATE: Function = Function {
    name: "create_template",
    doc: "Makes the rows of a template and of its first build; nothing is built before `start_build`. In the seed an image that is called \
          `TEMPLATE:BUILD` must be in the Docker of a client node by then: `std/templates` does all of it. Under `--plan` it is shown and not done.",
    options: SHAPE,
    returns: REQUESTED,
    errors: ERRORS,
    example: "api.create_template(#{ alias: \"demo\", dockerfile: \"FROM debian:12\", cpu: 2, memory_mb: 512 }).template",
    body: |call| {
        let api = call.receiver::<E2b>()?;
        let new = shape(call);
        let item = format!("template {}", new.alias.clone().unwrap_or_default());
        let item = item.trim_end().to_owned();
        if call.session.run.is_plan() {
            cluster_api::changed(call, "e2b", item, Action::Create, None, false);
            return value::from_serde(&Requested {
                template: UNKNOWN.to_owned(),
                build: UNKNOWN.to_owned(),
                aliases: Vec::new(),
            });
        }
        let made = call.wait_ok(api.create_template(&new))?;
        // One that was refused is no change; flows ask again in another way.
        cluster_api::changed(call, "e2b", item, Action::Create, None, true);
        value::from_serde(&made)
    },
    ..Function::BASE
};

pub const REBUILD: Function = Function {
    name: "rebuild_template",
    doc: "Makes the row of another build of a template, which takes the old one's place once it is ready. Under `--plan` it is shown and not done.",
    params: &[TEMPLATE],
    options: SHAPE,
    returns: REQUESTED,
    errors: ERRORS,
    example: "api.rebuild_template(\"9civuib8exntxta6bgdr\", #{ dockerfile: \"FROM debian:12\" }).build",
    body: |call| {
        let (api, id) = (call.receiver::<E2b>()?, call.string(0)?);
        let new = shape(call);
        if cluster_api::only_planned(call, "e2b", format!("template {id}"), Action::Update, None) {
            return value::from_serde(&Requested {
                template: id,
                build: UNKNOWN.to_owned(),
                aliases: Vec::new(),
            });
        }
        value::from_serde(&call.wait_ok(api.rebuild_template(&id, &new))?)
    },
    ..Function::BASE
};

pub const START_BUILD: Function = Function {
    name: "start_build",
    doc: "Starts a build whose rows are there. The seed takes no options: what it builds is the image. Under `--plan` it is shown and not done.",
    params: &[TEMPLATE, BUILD],
    options: &[
        Opt::new("from_image", Ty::Str, "", "an image of a registry"),
        Opt::new("from_template", Ty::Str, "", "another template"),
        Opt::new(
            "steps",
            Ty::Array,
            "[]",
            "steps as the API has them: `#{ type: \"RUN\", args: [\"apt-get update\"] }`",
        ),
        Opt::new("start_cmd", Ty::Str, "", "what runs in it from the start"),
        Opt::new(
            "ready_cmd",
            Ty::Str,
            "",
            "what must succeed before it counts as started",
        ),
    ],
    errors: ERRORS,
    example: "api.start_build(\"9civuib8exntxta6bgdr\", \"7a1e9c52-7d6b-4c52-8ee8-0d6a4d1c6d4e\")",
    body: |call| {
        let (api, template, build) = (call.receiver::<E2b>()?, call.string(0)?, call.string(1)?);
        if cluster_api::only_planned(call, "e2b", format!("build {build}"), Action::Run, None) {
            return Ok(Dynamic::UNIT);
        }
        let steps = call
            .opt("steps")
            .map(|steps| value::to_json(steps, Secrets::Refuse));
        let steps = match steps.transpose()? {
            Some(serde_json::Value::Array(steps)) => steps,
            _ => Vec::new(),
        };
        let start = BuildStart {
            from_image: call.opt_string("from_image"),
            from_template: call.opt_string("from_template"),
            steps,
            start_cmd: call.opt_string("start_cmd"),
            ready_cmd: call.opt_string("ready_cmd"),
        };
        call.wait_ok(api.start_build(&template, &build, &start))?;
        Ok(Dynamic::UNIT)
    },
    ..Function::BASE
};

pub const GET_BUILD: Function = Function {
    name: "get_build",
    doc: "How a build is.",
    params: &[TEMPLATE, BUILD],
    options: &[Opt::new(
        "offset",
        Ty::Int,
        "0",
        "the first line of its log that is wanted",
    )],
    returns: STATUS,
    errors: ERRORS,
    example: "api.get_build(\"9civuib8exntxta6bgdr\", \"7a1e9c52-7d6b-4c52-8ee8-0d6a4d1c6d4e\").status",
    body: |call| {
        let (api, template, build) = (call.receiver::<E2b>()?, call.string(0)?, call.string(1)?);
        let offset = usize::try_from(call.opt_int("offset").unwrap_or(0)).unwrap_or(0);
        value::from_serde(&call.wait_ok(api.get_build(&template, &build, offset))?)
    },
    ..Function::BASE
};

pub const FOLLOW_BUILD: Function = Function {
    name: "follow_build",
    doc: "Asks after a build until it is ready, and calls `line` for each line of its log as it comes; without `line` they are shown. A build that \
          fails is a failure with its reason and the end of its log. Under `--plan` it returns at once.",
    params: &[
        TEMPLATE,
        BUILD,
        Param::optional("line", Ty::Callback(1), "gets each line of the log"),
    ],
    options: &[
        Opt::new("timeout", Ty::Duration, "\"10m\"", "the end of patience"),
        Opt::new(
            "interval",
            Ty::Duration,
            "\"1s\"",
            "pause between questions",
        ),
    ],
    returns: STATUS,
    errors: &["e2b.build", "e2b.timeout", "and those of `get_build`"],
    example: "api.follow_build(\"9civuib8exntxta6bgdr\", \"7a1e9c52-7d6b-4c52-8ee8-0d6a4d1c6d4e\", #{ timeout: \"20m\" }, |line| log::info(line))",
    body: follow,
    ..Function::BASE
};

pub const SET_PUBLIC: Function = Function {
    name: "set_template_public",
    doc: "Lets every team use a template, or only its own. Under `--plan` it is shown and not done.",
    params: &[
        TEMPLATE,
        Param::new("public", Ty::Bool, "whether others may"),
    ],
    errors: ERRORS,
    example: "api.set_template_public(\"9civuib8exntxta6bgdr\", true)",
    body: |call| {
        let (api, id) = (call.receiver::<E2b>()?, call.string(0)?);
        let public = call.value(1)?.as_bool() == Ok(true);
        let diff = Some(format!("~ public: {public}\n"));
        if !cluster_api::only_planned(call, "e2b", format!("template {id}"), Action::Update, diff) {
            call.wait_ok(api.set_template_public(&id, public))?;
        }
        Ok(Dynamic::UNIT)
    },
    ..Function::BASE
};

pub const DELETE: Function = Function {
    name: "delete_template",
    doc: "Removes a template with its builds. One of which a paused sandbox is made stays. Under `--plan` it is shown and not done.",
    params: &[NAME],
    returns: "whether there was one",
    errors: ERRORS,
    example: "api.delete_template(\"demo\")",
    body: |call| {
        let (api, id) = (call.receiver::<E2b>()?, call.string(0)?);
        if cluster_api::only_planned(call, "e2b", format!("template {id}"), Action::Delete, None) {
            return Ok(true.into());
        }
        Ok(call.wait_ok(api.delete_template(&id))?.into())
    },
    ..Function::BASE
};

fn shape(call: &Call) -> NewTemplate {
    let text = |name: &str| call.opt_string(name).filter(|text| !text.is_empty());
    NewTemplate {
        alias: text("alias"),
        dockerfile: call.opt_string("dockerfile").unwrap_or_default(),
        cpu_count: call.opt_int("cpu"),
        memory_mb: call.opt_int("memory_mb"),
        start_cmd: text("start_cmd"),
        ready_cmd: text("ready_cmd"),
        team: text("team"),
    }
}

fn follow(call: &mut Call) -> Result<Dynamic, Raise> {
    let (api, template, build) = (call.receiver::<E2b>()?, call.string(0)?, call.string(1)?);
    if call.session.run.is_plan() {
        return Ok(Dynamic::UNIT);
    }
    let callback = match call.has(2) {
        true => Some(call.callback(2)?),
        false => None,
    };
    let follow = FollowBuild {
        timeout: cluster_api::duration(call, "timeout", Duration::from_secs(600)),
        interval: cluster_api::duration(call, "interval", Duration::from_secs(1)),
    };
    let what = format!("build {build}");
    let _wait = call.session.run.reporter().wait_for(&what);
    // the closure runs on the script's own thread, between the answers
    let (pass, mut passed) = mpsc::unbounded_channel();
    let mut tell = |news: BuildNews| drop(pass.send(news));
    let mut following = Box::pin(api.follow_build(&template, &build, follow, &mut tell));
    loop {
        let step = call.wait(async {
            tokio::select! {
                biased;
                done = &mut following => Ok(done),
                news = passed.recv() => Err(news),
            }
        })?;
        match step {
            Err(Some(news)) => show(call, callback.as_ref(), news)?,
            Err(None) => return Err(Raise::internal("a build was not followed to its end")),
            Ok(done) => {
                while let Ok(news) = passed.try_recv() {
                    show(call, callback.as_ref(), news)?;
                }
                return value::from_serde(&done.map_err(Failure::from)?);
            }
        }
    }
}

fn show(call: &Call, callback: Option<&rhai::FnPtr>, news: BuildNews) -> Result<(), Raise> {
    match (news, callback) {
        (BuildNews::Status(status), _) => {
            crate::bindings::note(call, &format!("the build is {status}"))
        }
        (BuildNews::Line(line), None) => crate::bindings::note(call, &line),
        (BuildNews::Line(line), Some(callback)) => {
            let _what_it_returns = call.invoke(callback, (line,))?;
        }
    }
    Ok(())
}
