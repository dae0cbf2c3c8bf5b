//! `e2bscript check`: mistakes found without running anything.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::bindings::REGISTRY;
use crate::check::{Checker, Finding, check as find};
use crate::diag::{Class, Failure};
use crate::engine::library::{Found, Library, SCRIPTS};
use crate::engine::{Host, Session, Settings};
use crate::explain::{RenderOptions, Severity, render_diagnostic};
use crate::report::{ColorChoice, Level, Mode, Reporter, width_of};
use crate::run::Run;

use super::args::{CheckArgs, MessageFormat};
use super::given;
use super::run::{env, library, refuse};

/// Stack of a thread that checks: the walk through a script recurses as deep as its expressions.
const STACK: usize = 16 << 20;

/// Checks the named scripts, or everything built in, and returns the exit code: 3 after an error.
pub fn check(args: &CheckArgs) -> u8 {
    let reporter = Reporter::builder("check")
        .console(Default::default())
        .build();
    match all(args) {
        Ok((errors, summary)) => {
            reporter.log(Level::Info, summary);
            reporter.flush();
            match errors {
                0 => 0,
                _ => Class::Check.exit_code(),
            }
        }
        Err(failure) => refuse(&reporter, &failure),
    }
}

/// Prints the findings; how many are errors, and a line that sums up.
fn all(args: &CheckArgs) -> Result<(usize, String), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .map_err(|error| Failure::from_error("internal", &error).class(Class::Internal))?;
    let library = library(&args.std_dirs);
    let scripts = scripts(&args.files, &library)?;
    let run = Run::silent(Mode::Plan, runtime.handle().clone());
    let session = Session::new(run, Settings::default());
    let host = Host::new(REGISTRY, library, session, Box::new(|_| {}));
    let mut seen = BTreeSet::new();
    let mut findings: Vec<Finding> = each(&host, &scripts).into_iter().flatten().collect();
    // A module that several scripts import is found wanting once.
    findings.retain(|finding| {
        seen.insert((
            finding.place.clone(),
            finding.code.clone(),
            finding.message.clone(),
        ))
    });
    print(args, &host, &findings)?;
    let errors = count(&findings, Severity::Error);
    let warnings = count(&findings, Severity::Warning);
    let summary = match (errors, warnings) {
        (0, 0) => format!("{}: nothing found", counted(scripts.len(), "script")),
        _ => format!(
            "{}: {}, {}",
            counted(scripts.len(), "script"),
            counted(errors, "error"),
            counted(warnings, "warning")
        ),
    };
    Ok((errors, summary))
}

/// Findings of each script, in the order of the scripts; as many scripts at once as there are processors.
fn each(host: &Host, scripts: &[Found]) -> Vec<Vec<Finding>> {
    let checker = Checker::new(host, REGISTRY);
    let results: Vec<OnceLock<Vec<Finding>>> = scripts.iter().map(|_| OnceLock::new()).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some((script, result)) = {
            let index = next.fetch_add(1, Ordering::Relaxed);
            scripts.get(index).zip(results.get(index))
        } {
            result.get_or_init(|| checker.check(script));
        }
    };
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 1..workers.min(scripts.len()) {
            let thread = thread::Builder::new().stack_size(STACK);
            // Without it, this one does all the work.
            let _ = thread.spawn_scoped(scope, work);
        }
        work();
    });
    results
        .into_iter()
        .filter_map(OnceLock::into_inner)
        .collect()
}

fn scripts(files: &[String], library: &Library) -> Result<Vec<Found>, Failure> {
    if !files.is_empty() {
        return files
            .iter()
            .map(|name| given::find(library, name))
            .collect();
    }
    let modules = library.std_names().into_iter();
    let modules = modules.map(|name| library.find_std(&name).map(|(found, _)| found));
    let built_in = SCRIPTS.iter().map(|file| library.find_script(file.name));
    modules.chain(built_in).collect()
}

fn print(args: &CheckArgs, host: &Host, findings: &[Finding]) -> Result<(), Failure> {
    let terminal = io::stdout().is_terminal();
    let fallback = RenderOptions::default();
    let options = RenderOptions {
        color: ColorChoice::from(args.color).resolve(terminal, env),
        width: width_of(io::stdout()).map_or(fallback.width, usize::from),
        ..fallback
    };
    let mut text = String::new();
    for finding in findings {
        let report = finding.diagnostic();
        if args.json || args.message_format == MessageFormat::Json {
            let line = serde_json::to_string(&report)
                .map_err(|error| Failure::from_error("internal", &error).class(Class::Internal))?;
            text.push_str(&line);
            text.push('\n');
        } else {
            text.push_str(&render_diagnostic(&report, host.sources(), options));
            text.push('\n');
        }
    }
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::from_error("cli.output", &error))
        }
        _ => Ok(()),
    }
}

fn count(findings: &[Finding], severity: Severity) -> usize {
    let same = findings
        .iter()
        .filter(|finding| finding.severity == severity);
    same.count()
}

fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        more => format!("{more} {what}s"),
    }
}

/// What a check of a script says.
pub struct Verdict {
    /// Why it must not run, with the report of all its mistakes.
    pub refusal: Option<(Failure, String)>,
    /// A line for each thing that is suspicious.
    pub warnings: Vec<String>,
    pub summary: String,
}

/// Checks a script, warnings included.
pub fn verdict(host: &Host, script: &Found, look: RenderOptions) -> Verdict {
    let findings = find(host, REGISTRY, script);
    let (errors, rest): (Vec<Finding>, Vec<Finding>) = findings
        .into_iter()
        .partition(|finding| finding.severity == Severity::Error);
    let warnings: Vec<String> = rest
        .iter()
        .filter(|finding| finding.severity == Severity::Warning)
        .map(|finding| format!("{}: {}", finding.place, finding.message))
        .collect();
    let summary = match (errors.len(), warnings.len()) {
        (0, 0) => "nothing found".to_owned(),
        (0, some) => counted(some, "warning"),
        (some, 0) => counted(some, "error"),
        (some, more) => format!("{}, {}", counted(some, "error"), counted(more, "warning")),
    };
    Verdict {
        refusal: refusal(host, errors, look),
        warnings,
        summary,
    }
}

/// Why a script must not run, with the report of all its mistakes; warnings do not stop it.
pub fn before_run(host: &Host, script: &Found, look: RenderOptions) -> Option<(Failure, String)> {
    let mut errors = find(host, REGISTRY, script);
    errors.retain(|finding| finding.severity == Severity::Error);
    refusal(host, errors, look)
}

fn refusal(host: &Host, errors: Vec<Finding>, look: RenderOptions) -> Option<(Failure, String)> {
    let reports: Vec<String> = errors
        .iter()
        .map(|finding| render_diagnostic(&finding.diagnostic(), host.sources(), look))
        .collect();
    let failures: Vec<Failure> = errors
        .into_iter()
        .map(|finding| {
            Failure::new(finding.code, finding.message)
                .maybe_help(finding.help)
                .detail("at", finding.place.to_string())
                .class(Class::Check)
        })
        .collect();
    let summary = format!(
        "{} in the script: nothing was run",
        counted(failures.len(), "mistake")
    );
    let text = format!("{}\n{summary}\n", reports.join("\n"));
    let failure = match failures.as_slice() {
        [] => return None,
        [only] => only.clone(),
        _ => Failure {
            failures,
            ..Failure::new("script.check", summary).class(Class::Check)
        },
    };
    Some((failure, text))
}
