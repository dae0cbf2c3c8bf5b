//! `e2bscript test`: runs the tests of scripts.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use crate::diag::{Class, Failure};
use crate::engine::library::Library;
use crate::explain::RenderOptions;
use crate::report::{ColorChoice, Level, Mode, Reporter, width_of};
use crate::run::{Run, RunId, RunOptions, signals};
use crate::testing::{self, Options, Outcome, Summary, Tested, json, junit};

use super::args::TestArgs;
use super::run::{env, library, refuse};

/// Runs the tests and returns the exit code: 1 after a failure.
pub fn test(args: &TestArgs) -> u8 {
    let reporter = Reporter::builder("test")
        .console(Default::default())
        .build();
    match all(args, &reporter) {
        Ok(code) => code,
        Err(failure) => refuse(&reporter, &failure),
    }
}

fn all(args: &TestArgs, reporter: &Reporter) -> Result<u8, Failure> {
    let internal =
        |error: &io::Error| Failure::from_error("internal", error).class(Class::Internal);
    let library = library(&args.std_dirs);
    let project = library.project.clone().unwrap_or_default();
    let files = testing::files(&args.files, &project)?;
    let files: Vec<PathBuf> = files.iter().map(|path| short(path)).collect();
    if files.is_empty() {
        return Err(Failure::usage("test.not_found", "there are no tests here").help(
            "tests are files `*.test.rhai` in `scripts/`, `stdlib/` or `tests/` of the project, or named on the command line",
        ));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| internal(&error))?;
    let run = Run::start(
        RunId::new(),
        RunOptions {
            script: "test".to_owned(),
            mode: Mode::Apply,
            ..RunOptions::default()
        },
        reporter.clone(),
        None,
        runtime.handle().clone(),
    );
    let _listening = signals::listen(&run).map_err(|error| internal(&error))?;
    let options = options(args, library);
    let out = Out { json: args.json };
    let summary = if args.list {
        let (names, wrong) = testing::list(&files, &options, &run);
        print(
            &names
                .iter()
                .map(|name| format!("{name}\n"))
                .collect::<String>(),
        )?;
        out.file(&wrong)?;
        match wrong.is_empty() {
            true => return Ok(0),
            false => return Ok(Class::Failed.exit_code()),
        }
    } else {
        let mut told: Result<(), Failure> = Ok(());
        let summary = testing::run(&files, &options, &run, &mut |tests| {
            if told.is_ok() {
                told = out.file(tests);
            }
        });
        told?;
        summary
    };
    if let Some(path) = &args.junit {
        write(path, &junit::document(&summary))?;
    }
    end(args, &summary, reporter)?;
    // What a test left behind must not hold up the exit.
    runtime.shutdown_background();
    Ok(match run.signal() {
        Some(signal) => signal.exit_code(),
        None if summary.is_good() => 0,
        None => Class::Failed.exit_code(),
    })
}

fn options(args: &TestArgs, library: Library) -> Options {
    let terminal = io::stdout().is_terminal();
    let usual = Options::new(library);
    Options {
        filter: args.filter.clone(),
        jobs: args.jobs.unwrap_or(usual.jobs).max(1),
        timeout: args.timeout.unwrap_or(usual.timeout),
        update: args.update,
        record: args.record,
        variables: args.kept.variables.clone(),
        look: RenderOptions {
            color: ColorChoice::from(args.color).resolve(terminal, env),
            width: width_of(io::stdout()).map_or(usual.look.width, usize::from),
            ..usual.look
        },
        ..usual
    }
}

/// The last line, and what is said when nothing was left to run.
fn end(args: &TestArgs, summary: &Summary, reporter: &Reporter) -> Result<(), Failure> {
    if args.json {
        return print(&format!("{}\n", json::summary(summary)));
    }
    if summary.tests.is_empty() && !summary.interrupted {
        let filter = args.filter.as_deref().unwrap_or_default();
        reporter.log(Level::Warn, format!("no test has `{filter}` in its name"));
    }
    print(&format!(
        "{} in {:.1} s\n",
        summary.words(),
        summary.took.as_secs_f64()
    ))
}

/// Where the outcomes go.
struct Out {
    json: bool,
}

impl Out {
    fn file(&self, tests: &[Tested]) -> Result<(), Failure> {
        let mut text = String::new();
        for test in tests.iter().filter(|_| self.json) {
            text.push_str(&format!("{}\n", json::test(test)));
        }
        if !self.json {
            text = page(tests);
        }
        print(&text)
    }
}

/// A line for the file, then each failure with its report.
fn page(tests: &[Tested]) -> String {
    let Some(first) = tests.first() else {
        return String::new();
    };
    let count = |outcome| tests.iter().filter(|test| test.outcome == outcome).count();
    let (passed, failed) = (count(Outcome::Passed), count(Outcome::Failed));
    let took: f64 = tests.iter().map(|test| test.took.as_secs_f64()).sum();
    let mut parts = Vec::new();
    for (count, word) in [
        (passed, "passed"),
        (failed, "failed"),
        (count(Outcome::Skipped), "skipped"),
    ] {
        if count > 0 {
            parts.push(format!("{count} {word}"));
        }
    }
    let mark = if failed > 0 { "failed" } else { "ok" };
    let file = first.file.display();
    let mut text = format!("{mark:<6} {file}  {} ({took:.1} s)\n", parts.join(", "));
    for test in tests {
        match test.outcome {
            Outcome::Passed => {}
            Outcome::Skipped => {
                let why = test
                    .failure
                    .as_ref()
                    .map(|failure| failure.message.as_str());
                text.push_str(&format!(
                    "       {}: skipped: {}\n",
                    test.name,
                    why.unwrap_or_default()
                ));
            }
            Outcome::Failed => text.push_str(&failing(test)),
        }
    }
    text
}

/// A test that failed: why, and what it said.
pub(super) fn failing(test: &Tested) -> String {
    let mut text = format!("\nfailed {}\n{}", test.title(), test.report);
    for line in &test.output {
        text.push_str(&format!("  │ {line}\n"));
    }
    text.push('\n');
    text
}

fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::from_error("cli.output", &error))
        }
        _ => Ok(()),
    }
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|error| {
        Failure::usage("test.junit", format!("cannot write `{}`", path.display()))
            .cause(error.to_string())
    })
}

/// The path as seen from here, where it is below.
pub(super) fn short(path: &Path) -> PathBuf {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(here).unwrap_or(path).to_path_buf()
}
