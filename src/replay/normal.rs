//! Requests as they are compared: what differs from run to run is left out.

use std::sync::LazyLock;

use regex::Regex;
use similar::TextDiff;

/// What is new in every run, and what stands for it.
static VOLATILE: LazyLock<Vec<(Regex, &'static str)>> = LazyLock::new(|| {
    let patterns = [
        (
            r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}",
            "<uuid>",
        ),
        (
            r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?",
            "<time>",
        ),
        (r"\b[0-9a-fA-F]{32,}\b", "<hex>"),
        (r"\d{8}T\d{6}Z?-[0-9a-f]+", "<run>"),
        (r"([?&])(index|wait)=[^&]*", "$1$2=<any>"),
    ];
    let compiled = patterns
        .into_iter()
        .filter_map(|(pattern, name)| Some((Regex::new(pattern).ok()?, name)));
    compiled.collect()
});

/// The request without what is new in every run.
pub fn normal(request: &str) -> String {
    let mut text = request.to_owned();
    for (pattern, name) in VOLATILE.iter() {
        text = pattern.replace_all(&text, *name).into_owned();
    }
    text
}

/// White space is of no meaning in SQL.
pub fn one_line(sql: &str) -> String {
    sql.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The one of `known` that is most like `asked`, if any is at all.
pub fn nearest<'a>(asked: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let likeness = |other: &str| TextDiff::from_chars(asked, other).ratio();
    let ranked = known.map(|other| (likeness(other), other));
    let best = ranked.max_by(|(a, _), (b, _)| a.total_cmp(b));
    best.filter(|(likeness, _)| *likeness > 0.4)
        .map(|(_, other)| other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_new_in_every_run_does_not_count() {
        let one = "GET /v1/allocation/0f3a1b2c-1111-2222-3333-444455556666?index=7&wait=30s";
        let other = "GET /v1/allocation/aaaaaaaa-1111-2222-3333-444455556666?index=12&wait=5s";
        assert_eq!(normal(one), normal(other));
        assert_ne!(normal("GET /v1/job/api"), normal("GET /v1/job/web"));
        assert_eq!(
            normal("touch -d 2026-01-31T08:15:30.250Z x"),
            "touch -d <time> x"
        );
    }

    #[test]
    fn the_nearest_request_is_near() {
        let known = ["systemctl restart nomad", "uname -a"];
        let near = nearest("systemctl restart nomda", known.into_iter());
        assert_eq!(near, Some("systemctl restart nomad"));
        assert_eq!(nearest("zzz", known.into_iter()), None);
    }
}
