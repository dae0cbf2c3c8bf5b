//! Tests as JSON lines: one for each test, the last one for all.

use serde_json::{Value, json};

use crate::report::seconds;

use super::result::{Outcome, Summary, Tested};

/// The line of one test.
pub fn test(tested: &Tested) -> Value {
    let mut line = json!({
        "event": "test",
        "file": tested.file.display().to_string(),
        "test": tested.name,
        "outcome": tested.outcome,
        "seconds": seconds(tested.took),
    });
    if let (Some(line), Some(failure)) = (line.as_object_mut(), &tested.failure) {
        line.insert("failure".into(), json!(failure));
        line.insert("output".into(), json!(tested.output));
    }
    line
}

/// The last line.
pub fn summary(summary: &Summary) -> Value {
    json!({
        "event": "summary",
        "passed": summary.count(Outcome::Passed),
        "failed": summary.count(Outcome::Failed),
        "skipped": summary.count(Outcome::Skipped),
        "interrupted": summary.interrupted,
        "seconds": seconds(summary.took),
    })
}
