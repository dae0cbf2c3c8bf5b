//! `numeric` from its binary form to decimal digits, none of them lost.

use std::error::Error as StdError;

const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xC000;
const INFINITY: u16 = 0xD000;
const MINUS_INFINITY: u16 = 0xF000;

/// Reads a `numeric`: groups of four decimal digits, the weight of the first, a sign, and how many
/// digits stand behind the point.
pub fn decode(raw: &[u8]) -> Result<String, Box<dyn StdError + Sync + Send>> {
    let mut words = raw.chunks_exact(2).map(|pair| {
        pair.iter()
            .fold(0u16, |word, byte| word << 8 | u16::from(*byte))
    });
    let mut next = || words.next().ok_or("a numeric ends early");
    let (count, weight, sign, scale) = (next()?, next()?.cast_signed(), next()?, next()?);
    match sign {
        NAN => return Ok("NaN".to_owned()),
        INFINITY => return Ok("Infinity".to_owned()),
        MINUS_INFINITY => return Ok("-Infinity".to_owned()),
        _ => {}
    }
    let groups: Vec<u16> = (0..count).map(|_| next()).collect::<Result<_, _>>()?;
    let group = |power: i32| {
        let index = usize::try_from(i32::from(weight) - power).ok();
        index
            .and_then(|index| groups.get(index))
            .copied()
            .unwrap_or(0)
    };
    let mut text = String::new();
    if sign == NEGATIVE {
        text.push('-');
    }
    text.push_str(&group(i32::from(weight).max(0)).to_string());
    for power in (0..i32::from(weight).max(0)).rev() {
        text.push_str(&format!("{:04}", group(power)));
    }
    if scale > 0 {
        let places = usize::from(scale);
        let mut fraction = String::new();
        let mut power = -1;
        while fraction.len() < places {
            fraction.push_str(&format!("{:04}", group(power)));
            power -= 1;
        }
        fraction.truncate(places);
        text.push('.');
        text.push_str(&fraction);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(words: &[u16]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    #[test]
    fn digits_are_kept() {
        for (words, wanted) in [
            (vec![0, 0, 0, 0], "0"),
            (vec![0, 0, 0, 2], "0.00"),
            (vec![1, 0, 0, 0, 7], "7"),
            (vec![2, 1, 0, 0, 1, 2], "10002"),
            (vec![1, 1, 0x4000, 0, 12], "-120000"),
            (vec![2, 0, 0, 3, 12, 3450], "12.345"),
            (vec![1, 0xFFFF, 0, 4, 1], "0.0001"),
            (vec![1, 0xFFFE, 0, 6, 100], "0.000001"),
            (vec![0, 0, 0xC000, 0], "NaN"),
            (vec![0, 0, 0xF000, 0], "-Infinity"),
        ] {
            assert_eq!(decode(&raw(&words)).unwrap(), wanted);
        }
        assert!(decode(&raw(&[1, 0, 0])).is_err());
        assert!(decode(&raw(&[2, 0, 0, 0, 1])).is_err());
    }
}
