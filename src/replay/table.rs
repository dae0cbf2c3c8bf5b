//! Answers that a test gives: patterns of requests, and what each is answered.

use serde_json::Value;

/// Requests by pattern; `*` stands for any text.
#[derive(Debug, Default)]
pub struct Table {
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    pattern: String,
    /// What is answered one time after the other; the last stays.
    turns: Vec<Value>,
    next: usize,
}

impl Table {
    /// Adds an answer; one to the same pattern is replaced.
    pub fn put(&mut self, pattern: String, answer: Value) {
        let turns = match answer.as_object() {
            Some(fields) if fields.len() == 1 => fields.get("turns").and_then(Value::as_array),
            _ => None,
        };
        let turns = turns.cloned().unwrap_or_else(|| vec![answer]);
        self.entries.retain(|entry| entry.pattern != pattern);
        self.entries.push(Entry {
            pattern,
            turns,
            next: 0,
        });
    }

    /// The answer of the pattern that fits one of the `forms` of a request most closely.
    pub fn answer<S: AsRef<str>>(&mut self, forms: &[S]) -> Option<Value> {
        let fitting = self.entries.iter_mut().filter(|entry| {
            let mut forms = forms.iter();
            forms.any(|form| fits(&entry.pattern, form.as_ref()))
        });
        let entry = fitting.max_by_key(|entry| {
            let stars = entry.pattern.matches('*').count();
            (stars == 0, entry.pattern.len() - stars)
        })?;
        let last = entry.turns.len().checked_sub(1)?;
        let turn = entry.next.min(last);
        entry.next += 1;
        entry.turns.get(turn).cloned()
    }

    pub fn patterns(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.pattern.as_str())
    }
}

/// Whether the pattern is the whole text, each `*` in it standing for anything.
pub fn fits(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in middle {
        match rest.find(part).and_then(|at| rest.get(at + part.len()..)) {
            Some(behind) => rest = behind,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_star_stands_for_anything() {
        assert!(fits("a*c", "abc") && fits("a*c", "ac") && fits("*", ""));
        assert!(fits("*b*", "abc") && fits("a*b*c", "a1b2b3c"));
        assert!(!fits("a*c", "ab") && !fits("a", "ab") && !fits("ab*b", "ab"));
    }

    #[test]
    fn the_closest_pattern_answers_in_turn() {
        let mut table = Table::default();
        table.put("systemctl *".into(), json!("any"));
        table.put(
            "systemctl is-active nomad".into(),
            json!({"turns": ["a", "b"]}),
        );
        assert_eq!(table.answer(&["systemctl stop x"]), Some(json!("any")));
        let asked = "systemctl is-active nomad";
        let answers: Vec<_> = (0..3).filter_map(|_| table.answer(&[asked])).collect();
        assert_eq!(answers, ["a", "b", "b"]);
        assert_eq!(table.answer(&["reboot"]), None);
    }
}
