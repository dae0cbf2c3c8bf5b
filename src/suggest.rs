//! Did you mean: the nearest known name, or silence.

/// The candidate nearest to `name`, if one is near enough to be meant.
///
/// At most two edits for names of five letters and more, one for shorter ones: a far-off suggestion
/// is worse than none.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = if name.chars().count() >= 5 { 2 } else { 1 };
    candidates
        .into_iter()
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, candidate)| {
            *distance <= limit || candidate.replace('_', "") == name.replace('_', "")
        })
        .min()
        .map(|(_, candidate)| candidate)
}

/// Whether the names differ by one slip of the keyboard.
pub fn is_slip(one: &str, other: &str) -> bool {
    distance(one, other) == 1
}

/// Edits between two names; two neighbours swapped count as one (Damerau's restricted form).
fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().flat_map(char::to_lowercase).collect();
    let right: Vec<char> = right.chars().flat_map(char::to_lowercase).collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in right.iter().enumerate() {
            let at =
                |row: &[usize], index: usize| row.get(index).copied().unwrap_or(usize::MAX - 1);
            let mut best = (at(&last, j) + usize::from(a != b))
                .min(at(&last, j + 1) + 1)
                .min(at(&row, j) + 1);
            let swapped =
                i > 0 && j > 0 && left.get(i - 1) == Some(b) && right.get(j - 1) == Some(a);
            if swapped {
                best = best.min(at(&before, j - 1) + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let known = ["timeout", "limit", "sudo", "on_error"];
        assert_eq!(nearest("timeot", known), Some("timeout"));
        assert_eq!(nearest("suod", known), Some("sudo"));
        assert_eq!(nearest("onerror", known), Some("on_error"));
        assert_eq!(nearest("parallel", known), None);
    }
}
