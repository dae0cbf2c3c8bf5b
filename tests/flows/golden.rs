//! Reports as people see them, without what differs from run to run.

use std::fs;
use std::path::Path;

use regex::Regex;

use crate::common::lab::Lab;

/// Holds the error report in `stderr` against `tests/golden/flows/NAME.txt`; `UPDATE_GOLDEN=1` writes it.
#[track_caller]
pub fn report_is(name: &str, lab: &Lab, stderr: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/flows")
        .join(format!("{name}.txt"));
    let actual = settled(lab, report(stderr));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &actual).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        expected,
        actual,
        "{}: run with UPDATE_GOLDEN=1 if this is meant; all of it:\n{stderr}",
        path.display()
    );
}

/// From the kind of the failure to the table of hosts, the first of which stands alone on a line.
fn report(stderr: &str) -> &str {
    let kind = Regex::new(r"(?m)^[a-z]+\.[a-z_]+\n").unwrap();
    let from = kind.find(stderr).map_or(0, |found| found.start());
    let rest = &stderr[from..];
    let end = ["\nhost  ", "\nall events of this run"]
        .iter()
        .filter_map(|mark| rest.find(mark))
        .min();
    &rest[..end.unwrap_or(rest.len())]
}

fn settled(lab: &Lab, text: &str) -> String {
    // Where long lines are folded depends on the paths in them.
    let folded = Regex::new(r"\n(  │ | {8,})(\S)").unwrap();
    let mut text = folded.replace_all(text, " $2").into_owned();
    for (pattern, settled) in [
        (lab.file("").display().to_string(), "LAB/"),
        (lab.home.path().display().to_string(), "HOME"),
    ] {
        text = text.replace(&pattern, settled);
    }
    for (pattern, settled) in [
        // Lines of flows move with every change to them.
        (r"std/([a-z_]+):\d+(:\d+)?", "std/$1:LINE"),
        (r"(scripts/[a-z_-]+\.rhai):\d+", "$1:LINE"),
        (r"(?m)^ *\d+ │", "   N │"),
        (r"(?m)^ *(·|╭|╰)", "     $1"),
        (r"SHA256:[A-Za-z0-9+/]{43}", "SHA256:FINGERPRINT"),
        (r"[0-9a-f]{64}", "CHECKSUM"),
        (r"10\.(7[78])\.\d+\.", "10.$1.N."),
        (
            r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
            "ID",
        ),
        (r"allocation [0-9a-f]{8}\b", "allocation ID"),
        (r"known_for( +)\d+\.\d\d s", "known_for${1}N s"),
        (
            r"\b(at index|is now at|[Vv]ersion|reverted_to)( *) \d+",
            "$1$2 N",
        ),
    ] {
        text = Regex::new(pattern)
            .unwrap()
            .replace_all(&text, settled)
            .into_owned();
    }
    text
}
