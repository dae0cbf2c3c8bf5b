//! What a host is like, and making it so.

use rhai::{Array, Dynamic};

use crate::diag::Failure;
use crate::engine::call::Call;
use crate::engine::context::Context;
use crate::engine::raise::Raise;
use crate::engine::registry::{Function, Opt, Param};
use crate::engine::ty::{self, Ty};
use crate::engine::value;
use crate::files::command::{CommandLine, Work};
use crate::files::{self, Item, ItemReport, Report};
use crate::report::{Event, Stream};
use crate::run::Run;

use super::super::state::StateItem;
use super::transfer::Bar;
use super::{HostHandle, on_host};

pub const ENSURE: Function = Function {
    name: "ensure",
    doc: "Brings the host to the states given, in order. One round trip reads how things are; what \
          differs is applied in one more; where nothing differs there is no second. Under `--plan` \
          the differences are shown and nothing is written.",
    params: &[Param::new(
        "states",
        Ty::Array,
        "array of states, see the module `state`",
    )],
    options: &[
        Opt::new("sudo", Ty::Bool, "true", "work as root"),
        Opt::new(
            "compress",
            Ty::Bool,
            "when it pays",
            "compress contents on the wire",
        ),
        Opt::new(
            "plan",
            Ty::Bool,
            "false",
            "only show what differs, as under `--plan`",
        ),
    ],
    returns: "array of the states that changed, as maps with `kind`, `name`, `action` and `reasons`",
    errors: &["state.*", "ssh.*"],
    example: r#"host.ensure([state::dir("/tmp/example", #{ mode: "0755" })])"#,
    body: ensure,
    ..Function::BASE
};

pub const FACTS: Function = Function {
    name: "facts",
    doc: "What there is to know about the host, in one round trip: system, processors, memory, disks, \
          clock, systemd, `/dev/kvm`, addresses.",
    returns: "a map",
    errors: &["ssh.*"],
    example: "host.facts().hostname",
    body: |call| {
        let host = call.receiver::<HostHandle>()?;
        let facts = on_host(call, &host, async |remote| files::facts(remote).await)?;
        value::from_serde(&facts)
    },
    ..Function::BASE
};

pub const MISSING: Function = Function {
    name: "missing",
    doc: "Which of the paths are not there, in one round trip, looked at as root.",
    params: &[Param::new("paths", Ty::Strings, "array of paths")],
    returns: "array of paths",
    errors: &["ssh.*", "host.command"],
    example: r#"host.missing(["/etc/passwd", "/nowhere"])"#,
    body: missing,
    ..Function::BASE
};

fn ensure(call: &mut Call) -> Result<Dynamic, Raise> {
    let host = call.receiver::<HostHandle>()?;
    let items = items(call)?;
    let run = call.session.run.clone();
    let plan = run.is_plan() || call.opt_bool("plan") == Some(true);
    let root = call.opt_bool("sudo") != Some(false);
    let compress = match call.opt_bool("compress") {
        None => files::Compress::Auto,
        Some(true) => files::Compress::On,
        Some(false) => files::Compress::Off,
    };
    let mut view = View::new(&run, &host, plan);
    let report = on_host(call, &host, async |remote| {
        let options = files::Options {
            plan,
            compress,
            sudo: host.sudo_for(remote, root),
            ..files::Options::default()
        };
        files::ensure(remote, &items, &options, &mut |event: files::Event<'_>| {
            view.see(event)
        })
        .await
    })?;
    let changed: Vec<&ItemReport> = report.changed().collect();
    changed
        .iter()
        .map(|item| summary(item))
        .collect::<Result<Array, Raise>>()
        .map(Into::into)
}

fn items(call: &Call) -> Result<Vec<Item>, Raise> {
    let mut items = Vec::new();
    for (index, value) in call.array(0)?.iter().enumerate() {
        match value.read_lock::<StateItem>() {
            Some(state) => items.push(state.0.clone()),
            None => {
                return Err(Failure::usage(
                    "script.argument",
                    format!(
                        "item {} of `Host.ensure`: expected a state, got {}",
                        index + 1,
                        ty::describe(value)
                    ),
                )
                .help("make states with `state::file`, `state::dir` and the like")
                .into());
            }
        }
    }
    Ok(items)
}

fn summary(item: &ItemReport) -> Result<Dynamic, Raise> {
    value::from_serde(&serde_json::json!({
        "kind": item.kind,
        "name": item.name,
        "action": item.change.as_ref().map(|change| change.action.to_string()),
        "reasons": item.change.as_ref().map(|change| words(&change.reasons)),
    }))
}

/// Turns what happens during an ensure into events of the run.
struct View {
    run: Run,
    host: String,
    plan: bool,
    bar: Option<Bar>,
    step: Option<crate::report::StepId>,
}

impl View {
    fn new(run: &Run, host: &HostHandle, plan: bool) -> View {
        View {
            run: run.clone(),
            host: host.name().to_owned(),
            plan,
            bar: None,
            step: Context::step(),
        }
    }

    fn see(&mut self, event: files::Event<'_>) {
        match event {
            files::Event::Compared(report) => self.compared(report),
            files::Event::Sent { bytes, of } => {
                let bar = self
                    .bar
                    .get_or_insert_with(|| Bar::upload(&self.run, &self.host, "files", Some(of)));
                bar.at(bytes);
            }
            files::Event::Done(item) => self.changed(item, true),
            files::Event::Output(_, bytes) => {
                self.run
                    .reporter()
                    .output(&self.host, Stream::Stdout)
                    .step(self.step)
                    .write(bytes);
            }
            _ => {}
        }
    }

    fn compared(&mut self, report: &Report) {
        let same: Vec<&ItemReport> = report
            .items
            .iter()
            .filter(|item| item.change.is_none())
            .collect();
        if !same.is_empty() {
            self.run.reporter().emit(Event::Unchanged {
                host: self.host.clone(),
                count: same.len() as u64,
                items: same.iter().map(|item| item.address()).collect(),
                step: self.step,
            });
        }
        for item in &report.items {
            for note in &item.notes {
                self.run.reporter().emit(Event::Log {
                    level: crate::report::Level::Warn,
                    message: format!("{}: {note}", item.address()),
                    fields: serde_json::Map::new(),
                    host: Some(self.host.clone()),
                    step: self.step,
                });
            }
        }
        if self.plan {
            for item in report.changed() {
                self.changed(item, false);
            }
        }
    }

    fn changed(&self, item: &ItemReport, applied: bool) {
        if let Some(change) = &item.change {
            note(&self.run, &self.host, item);
            self.run.reporter().emit(change_event(
                &self.host,
                &item.address(),
                change,
                applied,
                self.step,
            ));
        }
    }
}

/// Notes what was found of what must not be shown.
pub(super) fn note(run: &Run, host: &str, item: &ItemReport) {
    if let Some(was) = item.change.as_ref().and_then(|change| change.was.as_ref()) {
        run.inputs()
            .found(&format!("{host} {}", item.address()), was);
    }
}

/// A difference as an event of the run.
pub(super) fn change_event(
    host: &str,
    item: &str,
    change: &files::Change,
    applied: bool,
    step: Option<crate::report::StepId>,
) -> Event {
    Event::Change {
        host: host.to_owned(),
        item: item.to_owned(),
        action: action(change.action),
        applied,
        reason: words(&change.reasons).join(", "),
        diff: change.diff.as_ref().and_then(diff_text),
        step,
    }
}

/// What differs, as people read it.
pub(super) fn words(reasons: &[files::Reason]) -> Vec<String> {
    reasons.iter().map(ToString::to_string).collect()
}

pub(super) fn diff_text(diff: &files::Diff) -> Option<String> {
    match diff {
        files::Diff::Text { text } => Some(text.clone()),
        files::Diff::Secret | files::Diff::Binary { .. } => None,
    }
}

fn action(action: files::Action) -> crate::report::Action {
    use crate::report::Action as Shown;
    match action {
        files::Action::Create => Shown::Create,
        files::Action::Update => Shown::Update,
        files::Action::Remove => Shown::Delete,
        files::Action::Install => Shown::Install,
        files::Action::Load | files::Action::Mount | files::Action::Start => Shown::Start,
        files::Action::Stop => Shown::Stop,
        files::Action::Restart => Shown::Restart,
        files::Action::Reload => Shown::Reload,
        files::Action::Run => Shown::Run,
    }
}

fn missing(call: &mut Call) -> Result<Dynamic, Raise> {
    let host = call.receiver::<HostHandle>()?;
    let paths = call.strings(0)?;
    if let Some(model) = on_host(call, &host, async |remote| {
        Ok::<_, Failure>(files::standin(remote))
    })? {
        let missing = model.missing(paths.iter().map(String::as_str));
        let missing = missing.into_iter().map(Dynamic::from);
        return Ok(missing.collect::<Array>().into());
    }
    let mut words = vec![
        "sh".to_owned(),
        "-c".to_owned(),
        r#"for path; do [ -e "$path" ] || printf '%s\n' "$path"; done"#.to_owned(),
        "sh".to_owned(),
    ];
    words.extend(paths.iter().cloned());
    let line = CommandLine::new(Work::Words(words));
    let (finished, model) = on_host(call, &host, async |remote| {
        let (command, _) = line.launch(&host.sudo_for(remote, true));
        let finished = remote.exec(crate::ssh::Exec::new(command)).await?;
        Ok::<_, crate::ssh::Error>((finished, files::Shell::model(remote)))
    })?;
    if finished.code != Some(0) {
        let said = files::last_lines(&finished.stderr);
        let why = said.last().map_or_else(
            || "the command was ended".to_owned(),
            |line| line.trim().to_owned(),
        );
        let message = format!("cannot look at the paths: {why}");
        return Err(Failure::new("host.command", message)
            .host(host.name())
            .output(said)
            .into());
    }
    let text = String::from_utf8_lossy(&finished.stdout);
    let missing: Vec<String> = text.lines().map(str::to_owned).collect();
    if let Some(model) = model {
        model.learn_presence(paths.iter().map(String::as_str), &missing);
    }
    let missing = missing.into_iter().map(Dynamic::from);
    Ok(missing.collect::<Array>().into())
}
