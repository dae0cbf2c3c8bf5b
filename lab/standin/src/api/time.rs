//! Timestamps as Go writes them.

use chrono::{DateTime, Duration, Timelike, Utc};
use serde_json::{Value, json};

/// Go's zero time: what a field that nobody filled shows.
pub const ZERO: &str = "0001-01-01T00:00:00Z";

/// RFC 3339 with as many digits as there are, and no zeros behind them.
pub fn text(time: DateTime<Utc>) -> String {
    let whole = time.format("%Y-%m-%dT%H:%M:%S").to_string();
    let digits = format!("{:09}", time.nanosecond() % 1_000_000_000);
    match digits.trim_end_matches('0') {
        "" => format!("{whole}Z"),
        part => format!("{whole}.{part}Z"),
    }
}

/// The zero time where there is none.
pub fn or_zero(time: Option<DateTime<Utc>>) -> String {
    time.map_or_else(|| ZERO.to_owned(), text)
}

/// `null` where there is none.
pub fn or_null(time: Option<DateTime<Utc>>) -> Value {
    time.map_or(Value::Null, |time| json!(text(time)))
}

/// Reads RFC 3339.
pub fn parse(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text)
        .ok()
        .map(|time| time.with_timezone(&Utc))
}

/// So many seconds after `time`; the same time for what no calendar holds.
pub fn after(time: DateTime<Utc>, seconds: i64) -> DateTime<Utc> {
    Duration::try_seconds(seconds)
        .and_then(|length| time.checked_add_signed(length))
        .unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_at_the_end_are_dropped() {
        for shown in [
            "2025-11-15T10:00:00Z",
            "2025-11-15T10:00:00.12Z",
            "2025-11-15T10:00:00.123456789Z",
        ] {
            assert_eq!(parse(shown).map(text).as_deref(), Some(shown));
        }
        assert_eq!(or_zero(None), ZERO);
    }
}
