//! Hides secrets in text: by value, in all the forms in which a value usually travels.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::forms;

/// What stands where a secret stood.
pub const REPLACEMENT: &str = "***";

/// Shorter values are not masked.
pub const MIN_CHARS: usize = 5;

/// Knows the secrets of a run and finds them in text.
#[derive(Default)]
pub struct Masker {
    patterns: BTreeSet<String>,
    /// Built when first needed after a change: secrets are often registered in a row.
    matcher: OnceLock<Option<AhoCorasick>>,
    /// Bytes of the longest pattern.
    longest: usize,
}

impl Masker {
    /// Registers a secret's value; see [`super::Reporter::mask`].
    pub fn add(&mut self, secret: &str) {
        let before = self.patterns.len();
        for form in forms::forms(secret) {
            self.longest = self.longest.max(form.len());
            self.patterns.insert(form);
        }
        if self.patterns.len() > before {
            self.matcher = OnceLock::new();
        }
    }

    /// Knows what `other` knows as well.
    pub fn add_all(&mut self, other: &Masker) {
        self.patterns.extend(other.patterns.iter().cloned());
        self.longest = self.longest.max(other.longest);
        self.matcher = OnceLock::new();
    }

    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// The text with every secret replaced; borrowed where there is none.
    pub fn mask<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let hidden = self.find(text);
        if hidden.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut masked = String::with_capacity(text.len());
        let mut from = 0;
        for range in hidden {
            masked.push_str(text.get(from..range.start).unwrap_or_default());
            masked.push_str(REPLACEMENT);
            from = range.end;
        }
        masked.push_str(text.get(from..).unwrap_or_default());
        Cow::Owned(masked)
    }

    /// Where secrets stand, in order; overlapping ones are one range, so that no part of any shows.
    fn find(&self, text: &str) -> Vec<Range<usize>> {
        let Some(matcher) = self.matcher() else {
            return Vec::new();
        };
        let mut found: Vec<Range<usize>> = matcher
            .find_overlapping_iter(text)
            .map(|hit| hit.range())
            .collect();
        found.sort_unstable_by_key(|range| range.start);
        let mut merged: Vec<Range<usize>> = Vec::with_capacity(found.len());
        for range in found {
            match merged.last_mut() {
                Some(last) if range.start < last.end => last.end = last.end.max(range.end),
                _ => merged.push(range),
            }
        }
        merged
    }

    fn matcher(&self) -> Option<&AhoCorasick> {
        if self.patterns.is_empty() {
            return None;
        }
        self.matcher
            .get_or_init(|| {
                // The faster automaton takes milliseconds to build, and is built anew for each secret.
                AhoCorasick::builder()
                    .kind(Some(AhoCorasickKind::ContiguousNFA))
                    .match_kind(MatchKind::Standard)
                    .build(&self.patterns)
                    .ok()
            })
            .as_ref()
    }
}

/// Masks a text that comes in pieces: what could be the start of a secret waits for the next piece.
#[derive(Default)]
pub struct StreamMask {
    /// Text that was not given out yet.
    carry: String,
    /// So many bytes of `carry` belong to a secret whose replacement was already given out.
    hidden: usize,
}

impl StreamMask {
    /// Takes a piece and gives out what is certain.
    pub fn push(&mut self, masker: &Masker, piece: &str) -> String {
        self.carry.push_str(piece);
        let keep = masker.longest.saturating_sub(1);
        let mut cut = self.carry.len().saturating_sub(keep);
        while !self.carry.is_char_boundary(cut) {
            cut -= 1;
        }
        self.give(masker, cut)
    }

    /// Gives out the rest: the text is at its end.
    pub fn finish(&mut self, masker: &Masker) -> String {
        self.give(masker, self.carry.len())
    }

    /// Gives out the text before `cut`. A secret that begins before it and ends after it is given
    /// out as its replacement, and the bytes that follow are remembered as hidden.
    fn give(&mut self, masker: &Masker, cut: usize) -> String {
        let mut given = String::new();
        let mut from = self.hidden.min(cut);
        let mut hidden = self.hidden.saturating_sub(cut);
        for range in masker.find(&self.carry) {
            if range.start >= cut {
                break;
            }
            // A secret that overlaps the one already replaced belongs to the same asterisks.
            let continues = range.start < self.hidden;
            if !continues {
                given.push_str(self.carry.get(from..range.start).unwrap_or_default());
                given.push_str(REPLACEMENT);
            }
            from = from.max(range.end.min(cut));
            hidden = hidden.max(range.end.saturating_sub(cut));
        }
        given.push_str(self.carry.get(from..cut).unwrap_or_default());
        self.carry.drain(..cut);
        self.hidden = hidden;
        given
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn masker(secrets: &[&str]) -> Masker {
        let mut masker = Masker::default();
        for secret in secrets {
            masker.add(secret);
        }
        masker
    }

    fn stream(masker: &Masker, pieces: &[&str]) -> String {
        let mut mask = StreamMask::default();
        let mut given: String = pieces.iter().map(|p| mask.push(masker, p)).collect();
        given.push_str(&mask.finish(masker));
        given
    }

    #[test]
    fn the_rest_of_the_line_is_kept() {
        let masker = masker(&["hunter2!"]);
        assert_eq!(
            masker.mask("user=ubuntu password=hunter2! port=5432"),
            "user=ubuntu password=*** port=5432"
        );
        assert!(matches!(masker.mask("nothing here"), Cow::Borrowed(_)));
    }

    #[test]
    fn short_values_are_not_masked() {
        let masker = masker(&["", "abcd", "  ab  ", "äöüß"]);
        assert!(masker.is_empty());
        assert_eq!(masker.mask("abcd äöüß"), "abcd äöüß");
        assert!(!self::masker(&["äöüßé"]).is_empty());
    }

    #[test]
    fn secrets_that_contain_or_overlap_each_other_show_no_part() {
        assert_eq!(
            masker(&["secret", "secret-long"]).mask("a secret-long b"),
            "a *** b"
        );
        assert_eq!(masker(&["abcdef", "defghi"]).mask("xabcdefghix"), "x***x");
        assert_eq!(masker(&["secret"]).mask("secretsecret"), "******");
    }

    #[test]
    fn a_secret_added_later_is_found_too() {
        let mut masker = masker(&["first-secret"]);
        assert_eq!(
            masker.mask("first-secret second-secret"),
            "*** second-secret"
        );
        masker.add("second-secret");
        assert_eq!(masker.mask("first-secret second-secret"), "*** ***");
    }

    #[test]
    fn a_secret_over_piece_borders_is_found() {
        let masker = masker(&["hunter2-and-more"]);
        for cut in 0.."a hunter2-and-more b".len() {
            let (left, right) = "a hunter2-and-more b".split_at(cut);
            assert_eq!(stream(&masker, &[left, right]), "a *** b", "cut at {cut}");
        }
    }

    #[test]
    fn a_secret_that_repeats_itself_needs_bounded_memory() {
        let masker = masker(&["aaaaaa"]);
        let mut mask = StreamMask::default();
        let piece = "a".repeat(10_000);
        for _ in 0..20 {
            mask.push(&masker, &piece);
            assert!(mask.carry.len() < 100, "{}", mask.carry.len());
        }
        assert_eq!(mask.finish(&masker), "");
    }

    /// Letters that no form of a secret contains.
    fn filler() -> impl Strategy<Value = String> {
        "[а-я]{1,30}"
    }

    fn secret() -> impl Strategy<Value = String> {
        "[a-zA-Z0-9'\"\\\\$&<>/+=%@ éß日]{0,4}[a-z0-9/'\"é]{6,20}"
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

        /// Every form of every secret is replaced, and nothing else is, however the text is cut.
        #[test]
        fn secrets_never_show_and_the_rest_always_does(
            secrets in prop::collection::vec(secret(), 1..4),
            parts in prop::collection::vec((filler(), any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..6),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        ) {
            let masker = masker(&secrets.iter().map(String::as_str).collect::<Vec<_>>());
            let mut text = String::new();
            let mut expected = String::new();
            for (filler, secret, form) in &parts {
                let forms = forms::forms(&secrets[secret.index(secrets.len())]);
                text.push_str(filler);
                text.push_str(&forms[form.index(forms.len())]);
                expected.push_str(filler);
                expected.push_str(REPLACEMENT);
            }
            prop_assert_eq!(masker.mask(&text), expected.as_str());

            let mut at: Vec<usize> = cuts
                .iter()
                .map(|cut| cut.index(text.len()))
                .filter(|cut| text.is_char_boundary(*cut))
                .chain([0, text.len()])
                .collect();
            at.sort_unstable();
            let pieces: Vec<&str> = at.windows(2).map(|w| &text[w[0]..w[1]]).collect();
            prop_assert_eq!(stream(&masker, &pieces), expected);
        }

        /// In text of the secrets' own letters, pieces and whole agree and no secret is left.
        #[test]
        fn pieces_and_whole_agree(
            secrets in prop::collection::vec("[ab]{5,7}", 1..4),
            pieces in prop::collection::vec("[ab]{0,12}", 0..12),
        ) {
            let masker = masker(&secrets.iter().map(String::as_str).collect::<Vec<_>>());
            let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
            let whole = pieces.concat();
            let masked = masker.mask(&whole);
            prop_assert_eq!(stream(&masker, &pieces), masked.as_ref());
            for secret in &secrets {
                prop_assert!(!masked.contains(secret));
            }
        }

        #[test]
        fn text_without_secrets_is_left_alone(text in "[ -~а-я]{0,200}") {
            let masker = masker(&["Zq7#kW9$vX2!mN4", "correct horse battery staple"]);
            prop_assert_eq!(masker.mask(&text), text.as_str());
        }
    }
}
