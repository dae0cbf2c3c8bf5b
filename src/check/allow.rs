//! `// check: allow(CODE, CODE)`: findings that a script's author has looked at.

use std::collections::HashMap;

use crate::diag::scan::{Kind, pieces};
use crate::engine::source::Sources;

use super::finding::Finding;

/// Takes out what comments allow. A script that cannot be parsed cannot allow that.
pub fn filter(findings: &mut Vec<Finding>, sources: &Sources) {
    let mut allowed: HashMap<String, Vec<(usize, String)>> = HashMap::new();
    findings.retain(|finding| {
        if matches!(finding.code.as_str(), "script.syntax" | "script.reserved") {
            return true;
        }
        let id = &finding.place.source;
        let codes = allowed.entry(id.clone()).or_insert_with(|| {
            let source = sources.get(id);
            source
                .map(|source| comments(&source.text))
                .unwrap_or_default()
        });
        let line = finding.place.line;
        !codes
            .iter()
            .any(|(at, code)| (*at == line || *at + 1 == line) && *code == finding.code)
    });
}

/// Lines and the codes that their comments allow.
fn comments(text: &str) -> Vec<(usize, String)> {
    if !text.contains("check: allow(") {
        return Vec::new();
    }
    let mut found = Vec::new();
    for piece in pieces(text)
        .into_iter()
        .filter(|piece| piece.kind == Kind::Comment)
    {
        let comment = text.get(piece.range.clone()).unwrap_or_default();
        let codes = comment
            .split_once("check: allow(")
            .and_then(|(_, rest)| rest.split_once(')'));
        if let Some((codes, _)) = codes {
            let before = text.get(..piece.range.start).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            found.extend(codes.split(',').map(|code| (line, code.trim().to_owned())));
        }
    }
    found
}
