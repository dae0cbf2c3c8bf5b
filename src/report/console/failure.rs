//! A failure on the console: the report that was made for it, or its fields in plain words.

use std::fmt::Write as _;

use crate::diag::{Failure, folded};
use crate::report::color::{Look, Paint};
use crate::report::text::{visible, visible_with_color, without_color};

pub(super) fn show(failure: &Failure, report: Option<&str>, paint: Paint) -> String {
    match report {
        Some(report) if paint.is_on() => {
            format!("{}\n", visible_with_color(report.trim_end()))
        }
        Some(report) => format!("{}\n", visible(&without_color(report.trim_end()))),
        None => {
            let mut text = String::new();
            plain(&mut text, failure, paint, 0);
            text
        }
    }
}

fn plain(text: &mut String, failure: &Failure, paint: Paint, indent: usize) {
    let label = paint.paint(Look::Bad, "error:");
    let kind = match failure.kind.is_empty() {
        true => String::new(),
        false => paint.paint(Look::Faint, &format!(" [{}]", visible(&failure.kind))),
    };
    let message = under(&failure.message, indent + 7);
    let _ = writeln!(text, "{:indent$}{label} {message}{kind}", "");
    let mut fact = |name: &str, value: &str| {
        let name = paint.paint(Look::Faint, &format!("{name:<8}"));
        let value = under(value, indent + 11);
        let _ = writeln!(text, "{:indent$}  {name} {value}", "");
    };
    if let Some(host) = &failure.host {
        fact("host", host);
    }
    if let Some(command) = &failure.command {
        fact("command", command);
    }
    if let Some(code) = failure.code {
        fact("code", &code.to_string());
    }
    if !failure.output.is_empty() {
        fact("output", &failure.output.join("\n"));
    }
    for (name, value) in &failure.details {
        match value.as_str() {
            Some(value) => fact(name, value),
            None => fact(name, &value.to_string()),
        }
    }
    for cause in &failure.causes {
        fact("cause", cause);
    }
    if let Some(help) = &failure.help {
        fact("help", help);
    }
    for (hosts, item) in folded(&failure.failures) {
        if let [_, _, ..] = hosts.as_slice() {
            let hosts = visible(&hosts.join(", ")).into_owned();
            let _ = writeln!(text, "{:indent$}  on {hosts}:", "");
        }
        plain(text, &item, paint, indent + 2);
    }
}

/// Visible text whose further lines stand under the first.
fn under(text: &str, indent: usize) -> String {
    visible(text.trim_end()).replace('\n', &format!("\n{:indent$}", ""))
}
