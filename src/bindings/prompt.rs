//! `prompt`: questions to the person who started the run.

use rhai::Dynamic;

use crate::diag::{Class, Failure};
use crate::engine::Call;
use crate::engine::raise::Raise;
use crate::engine::registry::{Function, Module, Opt, Param};
use crate::engine::ty::Ty;
use crate::workstation::{Terminal, TerminalError};

const QUESTION: Param = Param::new(
    "question",
    Ty::Str,
    "what to ask, without a colon at the end",
);
const INSTEAD: Opt = Opt::new(
    "instead",
    Ty::Str,
    "",
    "what to pass where nobody can be asked, such as `--name NAME`, for the error's advice",
);
const ERRORS: &[&str] = &["prompt.no_terminal", "prompt.closed", "prompt.failed"];

pub static MODULE: Module = Module {
    name: "prompt",
    doc: "Questions to the person who started the run, on the terminal itself, so that redirected output stays clean. Where there is no \
          terminal, as in a CI job, a question is an error of usage that says what to pass instead.",
    functions: &[
        Function {
            name: "confirm",
            doc: "Asks for a yes. `--yes` answers it, and so does `--plan`, where nothing is done anyway. Everything but \
                  `y` and `yes` is a no.",
            params: &[QUESTION],
            returns: "a bool",
            errors: ERRORS,
            example: "if task::is_plan() { prompt::confirm(\"Continue\") }",
            body: confirm,
            ..Function::BASE
        },
        Function {
            name: "ask",
            doc: "Asks for a line of text, again until it is not empty.",
            params: &[QUESTION],
            options: &[
                Opt::new(
                    "fallback",
                    Ty::Str,
                    "",
                    "what an empty answer means; also holds where nobody can be asked",
                ),
                INSTEAD,
            ],
            returns: "a string",
            errors: ERRORS,
            example: "if false { prompt::ask(\"Bastion\", #{ instead: \"--bastion HOST\" }) }",
            body: ask,
            ..Function::BASE
        },
        Function {
            name: "secret",
            doc: "Asks for a secret, which is not shown while it is typed.",
            params: &[QUESTION],
            options: &[INSTEAD],
            returns: "a secret",
            errors: ERRORS,
            example: "if false { prompt::secret(\"Password\") }",
            body: secret,
            ..Function::BASE
        },
        Function {
            name: "choose",
            doc: "Asks to choose one of several, by number or by name, again until the answer is one of them.",
            params: &[
                QUESTION,
                Param::new("choices", Ty::Strings, "what there is to choose from"),
            ],
            options: &[
                Opt::new(
                    "fallback",
                    Ty::Str,
                    "",
                    "what an empty answer means; also holds where nobody can be asked",
                ),
                INSTEAD,
            ],
            returns: "the chosen string",
            errors: ERRORS,
            example: "if false { prompt::choose(\"Environment\", [\"staging\", \"production\"]) }",
            body: choose,
            ..Function::BASE
        },
    ],
    types: &[],
};

fn confirm(call: &mut Call) -> Result<Dynamic, Raise> {
    let run = &call.session.run;
    if run.options().yes || run.is_plan() {
        return Ok(true.into());
    }
    let question = format!("{} [y/N] ", call.string(0)?);
    let answer = answer(call, &open(call, "--yes")?, &question, true)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes").into())
}

fn ask(call: &mut Call) -> Result<Dynamic, Raise> {
    let fallback = call.opt_string("fallback");
    let Some(terminal) = open_unless(call, fallback.is_some())? else {
        return Ok(fallback.unwrap_or_default().into());
    };
    let question = match &fallback {
        Some(fallback) => format!("{} [{fallback}]: ", call.string(0)?),
        None => format!("{}: ", call.string(0)?),
    };
    loop {
        let answer = answer(call, &terminal, &question, true)?;
        let answer = answer.trim();
        match (&fallback, answer.is_empty()) {
            (_, false) => return Ok(answer.to_owned().into()),
            (Some(fallback), true) => return Ok(fallback.clone().into()),
            (None, true) => {}
        }
    }
}

fn secret(call: &mut Call) -> Result<Dynamic, Raise> {
    let terminal = open(call, "")?;
    let question = format!("{}: ", call.string(0)?);
    loop {
        let answer = answer(call, &terminal, &question, false)?;
        if !answer.is_empty() {
            return Ok(super::keep_secret(call, answer));
        }
    }
}

fn choose(call: &mut Call) -> Result<Dynamic, Raise> {
    let choices = call.strings(1)?;
    let fallback = call.opt_string("fallback");
    let known = |name: &String| choices.contains(name);
    if choices.is_empty() || fallback.as_ref().is_some_and(|name| !known(name)) {
        let what = if choices.is_empty() {
            "has nothing to choose from"
        } else {
            "has a `fallback` that is no choice"
        };
        return Err(Failure::usage("script.argument", format!("`prompt::choose` {what}")).into());
    }
    let Some(terminal) = open_unless(call, fallback.is_some())? else {
        return Ok(fallback.unwrap_or_default().into());
    };
    let mut question = format!("{}\n", call.string(0)?);
    for (index, choice) in choices.iter().enumerate() {
        question.push_str(&format!("  {}) {choice}\n", index + 1));
    }
    question.push_str(
        &fallback
            .as_ref()
            .map_or("> ".into(), |fallback| format!("[{fallback}] > ")),
    );
    loop {
        let answer = answer(call, &terminal, &question, true)?;
        let answer = answer.trim();
        let by_number = answer
            .parse::<usize>()
            .ok()
            .and_then(|number| choices.get(number.checked_sub(1)?));
        let by_name = choices
            .iter()
            .find(|choice| choice.eq_ignore_ascii_case(answer));
        let meant = by_name
            .or(by_number)
            .or(fallback.as_ref().filter(|_| answer.is_empty()));
        if let Some(meant) = meant {
            return Ok(meant.clone().into());
        }
        "that is none of them; > ".clone_into(&mut question);
    }
}

/// The terminal; `None` where there is none and the question has an answer of its own.
fn open_unless(call: &Call, answered: bool) -> Result<Option<Terminal>, Raise> {
    match Terminal::open() {
        Err(TerminalError::None) if answered => Ok(None),
        _ => open(call, "").map(Some),
    }
}

fn open(call: &Call, instead: &str) -> Result<Terminal, Raise> {
    Terminal::open().map_err(|error| failed(call, instead, error).into())
}

/// One question, with the console quiet meanwhile.
fn answer(call: &Call, terminal: &Terminal, question: &str, shown: bool) -> Result<String, Raise> {
    let question = call.session.run.reporter().masked(question);
    let _pause = call.session.run.reporter().pause();
    call.wait(async { terminal.ask(&question, shown).await })?
        .map_err(|error| failed(call, "", error).into())
}

fn failed(call: &Call, instead: &str, error: TerminalError) -> Failure {
    let kind = match error {
        TerminalError::None => "prompt.no_terminal",
        TerminalError::Closed => "prompt.closed",
        TerminalError::Io(_) => "prompt.failed",
    };
    let asked = call.string(0).unwrap_or_default();
    let mut failure = Failure::from_error(kind, &error).class(Class::Usage);
    failure.message = format!("\"{asked}\": {}", failure.message);
    let known = call.options().get("instead").map(ToString::to_string);
    let instead = known.or((!instead.is_empty()).then(|| instead.to_owned()));
    failure.maybe_help(instead.map(|instead| format!("pass `{instead}`")))
}
