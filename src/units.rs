//! Durations, sizes and modes as people write them.

use std::time::Duration;

/// A duration in words.
pub const DURATION: &str = "a duration such as `\"30s\"`";
/// A size in words.
pub const SIZE: &str = "a size such as `\"64MiB\"`";
/// A mode in words.
pub const MODE: &str = "an octal mode such as `\"0644\"`";

/// Reads `"1m 30s"`; the unit is required.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text.trim())
        .map_err(|_| format!("expected {}, got \"{text}\"", DURATION))
}

/// Reads `"64MiB"`, `"10 GB"` or plain bytes; `k`, `M`, `G`, `T` with `B` are powers of 1000, with
/// `iB` of 1024.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let wrong = || format!("expected {}, got \"{text}\"", SIZE);
    let trimmed = text.trim();
    let digits = trimmed
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(digits);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let factor: u64 = match unit.trim() {
        "" | "B" => 1,
        "kB" | "KB" => 1000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return Err(wrong()),
    };
    number.checked_mul(factor).ok_or_else(wrong)
}

/// Reads `"0644"`, at most four octal digits.
pub fn parse_mode(text: &str) -> Result<u32, String> {
    let wrong = || format!("expected {}, got \"{text}\"", MODE);
    if text.is_empty() || text.len() > 4 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(wrong());
    }
    u32::from_str_radix(text, 8).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_know_both_families_of_units() {
        assert_eq!(parse_size("64MiB"), Ok(64 << 20));
        assert_eq!(parse_size("10 GB"), Ok(10_000_000_000));
        assert_eq!(parse_size("7"), Ok(7));
        assert!(parse_size("1.5GB").is_err());
        assert!(parse_size("99999999999TB").is_err());
    }

    #[test]
    fn modes_are_octal_and_short() {
        assert_eq!(parse_mode("0644"), Ok(0o644));
        assert!(parse_mode("0888").is_err());
        assert!(parse_mode("rw").is_err());
    }
}
