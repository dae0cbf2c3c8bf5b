//! Tests as JUnit's XML, which CI servers read.

use std::fmt::Write as _;

use crate::report::seconds;

use super::result::{Outcome, Summary, Tested};

/// The whole document: a suite for each file.
pub fn document(summary: &Summary) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    line(
        &mut text,
        format_args!(
            "<testsuites tests=\"{}\" failures=\"{}\" skipped=\"{}\" time=\"{}\">",
            summary.tests.len(),
            summary.count(Outcome::Failed),
            summary.count(Outcome::Skipped),
            seconds(summary.took)
        ),
    );
    for tests in summary.tests.chunk_by(|a, b| a.file == b.file) {
        suite(&mut text, tests);
    }
    text.push_str("</testsuites>\n");
    text
}

fn suite(text: &mut String, tests: &[Tested]) {
    let Some(first) = tests.first() else { return };
    let file = attribute(&first.file.display().to_string());
    let count = |outcome| tests.iter().filter(|test| test.outcome == outcome).count();
    let time: f64 = tests.iter().map(|test| test.took.as_secs_f64()).sum();
    line(
        text,
        format_args!(
            "  <testsuite name=\"{file}\" tests=\"{}\" failures=\"{}\" skipped=\"{}\" time=\"{time:.3}\">",
            tests.len(),
            count(Outcome::Failed),
            count(Outcome::Skipped)
        ),
    );
    for test in tests {
        case(text, &file, test);
    }
    text.push_str("  </testsuite>\n");
}

fn case(text: &mut String, file: &str, test: &Tested) {
    let name = match test.name.as_str() {
        "" => "the file itself",
        name => name,
    };
    let head = format!(
        "    <testcase classname=\"{file}\" name=\"{}\" time=\"{}\"",
        attribute(name),
        seconds(test.took)
    );
    let message = test.failure.as_ref().map(|failure| &failure.message);
    let message = attribute(message.map_or("", String::as_str));
    match test.outcome {
        Outcome::Passed => line(text, format_args!("{head}/>")),
        Outcome::Skipped => line(
            text,
            format_args!("{head}><skipped message=\"{message}\"/></testcase>"),
        ),
        Outcome::Failed => {
            let kind = test.failure.as_ref().map(|failure| &failure.kind);
            let kind = attribute(kind.map_or("", String::as_str));
            line(text, format_args!("{head}>"));
            line(
                text,
                format_args!(
                    "      <failure type=\"{kind}\" message=\"{message}\">{}</failure>",
                    content(&test.report)
                ),
            );
            if !test.output.is_empty() {
                let output = content(&test.output.join("\n"));
                line(
                    text,
                    format_args!("      <system-out>{output}</system-out>"),
                );
            }
            text.push_str("    </testcase>\n");
        }
    }
}

fn line(text: &mut String, what: std::fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _ = writeln!(text, "{what}");
}

/// For between two quotes.
fn attribute(text: &str) -> String {
    content(text).replace('"', "&quot;").replace('\n', "&#10;")
}

/// For between two tags. Characters that XML cannot hold are left out.
fn content(text: &str) -> String {
    text.chars()
        .filter(|c| matches!(c, '\t' | '\n' | '\r') || *c >= ' ')
        .collect::<String>()
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::diag::Failure;

    #[test]
    fn what_xml_reads_as_its_own_is_escaped() {
        let tested = |name: &str, outcome| Tested {
            file: "a&b.test.rhai".into(),
            name: name.to_owned(),
            outcome,
            took: Duration::from_millis(12),
            failure: Some(Failure::new("test.equal", "\"1\" < 2\u{1b}[0m")),
            report: "a\n<b>".into(),
            output: vec!["said".into()],
            heard: Vec::new(),
            inputs: Default::default(),
        };
        let summary = Summary {
            tests: vec![
                tested("test_one", Outcome::Failed),
                tested("test_two", Outcome::Skipped),
            ],
            ..Summary::default()
        };
        let text = document(&summary);
        let failure = "<failure type=\"test.equal\" message=\"&quot;1&quot; &lt; 2[0m\">a\n&lt;b&gt;</failure>";
        assert!(text.contains(failure), "{text}");
        assert!(
            text.contains("name=\"a&amp;b.test.rhai\" tests=\"2\" failures=\"1\" skipped=\"1\"")
        );
        assert!(text.contains("<skipped message"));
    }
}
