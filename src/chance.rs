//! Numbers that nobody foresees: for pauses that differ and for marks, not for keys.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// The keys of the standard library's hash maps come from the system, and at once. The crypto library's generator begins
/// with some 50 ms of gathering chance by itself.
pub fn number() -> u64 {
    RandomState::new().hash_one(())
}

/// Half to one and a half times as long: many who wait do not come back at once.
pub fn jittered(pause: Duration) -> Duration {
    let [byte, ..] = number().to_le_bytes();
    pause / 2 + pause * u32::from(byte) / 256
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_differ() {
        let numbers: std::collections::HashSet<u64> = (0..100).map(|_| number()).collect();
        assert_eq!(numbers.len(), 100);
    }

    #[test]
    fn pauses_differ_and_stay_near_what_was_asked_for() {
        let pause = Duration::from_millis(250);
        let pauses: Vec<Duration> = (0..20).map(|_| jittered(pause)).collect();
        assert!(
            pauses
                .iter()
                .all(|jittered| *jittered >= pause / 2 && *jittered <= pause * 3 / 2)
        );
        assert!(pauses.iter().any(|pause| *pause != pauses[0]));
    }
}
