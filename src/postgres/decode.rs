//! The binary forms of the types, each into a [`Value`].

use std::error::Error as StdError;
use std::net::{Ipv4Addr, Ipv6Addr};

use chrono::{DateTime, Datelike, Days, Duration, NaiveDate, NaiveDateTime, NaiveTime, Timelike};
use tokio_postgres::types::{FromSql, Kind, Type};

use super::{Value, numeric};

type Outcome<T> = Result<T, Box<dyn StdError + Sync + Send>>;

/// Whether values of the type can be read.
pub fn readable(ty: &Type) -> bool {
    match ty.kind() {
        Kind::Array(inner) | Kind::Domain(inner) => readable(inner),
        Kind::Enum(_) => true,
        Kind::Simple | Kind::Pseudo => is_text(ty) || is_known(ty),
        _ => false,
    }
}

fn is_text(ty: &Type) -> bool {
    matches!(
        *ty,
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN | Type::XML
    ) || ty.name() == "citext"
}

fn is_known(ty: &Type) -> bool {
    matches!(
        *ty,
        Type::BOOL
            | Type::CHAR
            | Type::INT2
            | Type::INT4
            | Type::INT8
            | Type::OID
            | Type::FLOAT4
            | Type::FLOAT8
            | Type::NUMERIC
            | Type::BYTEA
            | Type::UUID
            | Type::JSON
            | Type::JSONB
            | Type::TIMESTAMP
            | Type::TIMESTAMPTZ
            | Type::DATE
            | Type::TIME
            | Type::INTERVAL
            | Type::INET
            | Type::CIDR
            | Type::VOID
    )
}

/// Reads one value.
pub fn decode(ty: &Type, raw: &[u8]) -> Outcome<Value> {
    match ty.kind() {
        Kind::Array(inner) => return array(inner, raw),
        Kind::Domain(inner) => return decode(inner, raw),
        Kind::Enum(_) => return text(raw),
        _ if is_text(ty) => return text(raw),
        _ => {}
    }
    Ok(match *ty {
        Type::BOOL => Value::Bool(bool::from_sql(ty, raw)?),
        Type::CHAR => Value::Text(raw.iter().map(|byte| char::from(*byte)).collect()),
        Type::INT2 => Value::Int(i16::from_sql(ty, raw)?.into()),
        Type::INT4 => Value::Int(i32::from_sql(ty, raw)?.into()),
        Type::INT8 => Value::Int(i64::from_sql(ty, raw)?),
        Type::OID => Value::Int(u32::from_sql(ty, raw)?.into()),
        Type::FLOAT4 => Value::Float(f32::from_sql(ty, raw)?.to_string().parse()?),
        Type::FLOAT8 => Value::Float(f64::from_sql(ty, raw)?),
        Type::NUMERIC => Value::Numeric(numeric::decode(raw)?),
        Type::BYTEA => Value::Bytes(raw.to_vec()),
        Type::UUID => Value::Text(uuid(raw)?),
        Type::JSON => Value::Json(serde_json::from_slice(raw)?),
        // one byte of version
        Type::JSONB => Value::Json(serde_json::from_slice(raw.get(1..).unwrap_or_default())?),
        Type::TIMESTAMP => Value::Text(moment(i64::from_be_bytes(exactly(raw)?), "")?),
        Type::TIMESTAMPTZ => Value::Text(moment(i64::from_be_bytes(exactly(raw)?), "Z")?),
        Type::DATE => Value::Text(date(i32::from_be_bytes(exactly(raw)?))?),
        Type::TIME => Value::Text(time(i64::from_be_bytes(exactly(raw)?))?),
        Type::INTERVAL => Value::Text(interval(raw)?),
        Type::INET | Type::CIDR => Value::Text(address(raw, *ty == Type::CIDR)?),
        Type::VOID => Value::Null,
        _ => return Err(format!("`{}` cannot be read", ty.name()).into()),
    })
}

fn text(raw: &[u8]) -> Outcome<Value> {
    Ok(Value::Text(std::str::from_utf8(raw)?.to_owned()))
}

fn exactly<const N: usize>(raw: &[u8]) -> Outcome<[u8; N]> {
    Ok(raw.try_into()?)
}

fn uuid(raw: &[u8]) -> Outcome<String> {
    let bytes: [u8; 16] = exactly(raw)?;
    let mut text = String::with_capacity(36);
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from_digit(digit.into(), 16).unwrap_or('0'));
        }
    }
    Ok(text)
}

/// 2000-01-01, from which the server counts.
fn epoch() -> NaiveDateTime {
    DateTime::UNIX_EPOCH.naive_utc() + Duration::days(10_957)
}

/// Microseconds since the epoch. The two ends of time have names of their own.
fn moment(micros: i64, zone: &str) -> Outcome<String> {
    match micros {
        i64::MAX => return Ok("infinity".to_owned()),
        i64::MIN => return Ok("-infinity".to_owned()),
        _ => {}
    }
    let at = epoch()
        .checked_add_signed(Duration::microseconds(micros))
        .ok_or("the moment is too far away")?;
    // Written by hand: results have thousands of them, and chrono reads its format anew for each.
    let (date, time) = (at.date(), at.time());
    let Ok(year @ 0..=9999) = u32::try_from(date.year()) else {
        return Ok(format!("{}{zone}", at.format("%Y-%m-%dT%H:%M:%S%.6f")));
    };
    let mut text = String::with_capacity(27);
    for (number, width, before) in [
        (year, 4, ""),
        (date.month(), 2, "-"),
        (date.day(), 2, "-"),
        (time.hour(), 2, "T"),
        (time.minute(), 2, ":"),
        (time.second(), 2, ":"),
        (time.nanosecond() / 1000, 6, "."),
    ] {
        text.push_str(before);
        push_number(&mut text, number, width);
    }
    text.push_str(zone);
    Ok(text)
}

/// The last `width` decimal digits of a number.
fn push_number(text: &mut String, number: u32, width: u32) {
    for place in (0..width).rev() {
        let digit = number / 10_u32.pow(place) % 10;
        text.push(char::from_digit(digit, 10).unwrap_or('0'));
    }
}

fn date(days: i32) -> Outcome<String> {
    match days {
        i32::MAX => return Ok("infinity".to_owned()),
        i32::MIN => return Ok("-infinity".to_owned()),
        _ => {}
    }
    let start: NaiveDate = epoch().date();
    let span = Days::new(days.unsigned_abs().into());
    let day = if days < 0 {
        start.checked_sub_days(span)
    } else {
        start.checked_add_days(span)
    };
    Ok(day.ok_or("the date is too far away")?.to_string())
}

fn time(micros: i64) -> Outcome<String> {
    let seconds = u32::try_from(micros / 1_000_000)?;
    let nanos = u32::try_from(micros % 1_000_000)? * 1000;
    // 24:00:00 is a time for the server
    match NaiveTime::from_num_seconds_from_midnight_opt(seconds, nanos) {
        Some(time) => Ok(time.format("%H:%M:%S%.6f").to_string()),
        None => Ok("24:00:00.000000".to_owned()),
    }
}

/// ISO 8601: months, days and microseconds are kept apart, as the server keeps them.
fn interval(raw: &[u8]) -> Outcome<String> {
    let bytes: [u8; 16] = exactly(raw)?;
    let (micros, rest) = bytes.split_at(8);
    let (days, months) = rest.split_at(4);
    let micros = i64::from_be_bytes(exactly(micros)?);
    let (days, months) = (
        i32::from_be_bytes(exactly(days)?),
        i32::from_be_bytes(exactly(months)?),
    );
    let mut text = "P".to_owned();
    for (number, unit) in [(months / 12, 'Y'), (months % 12, 'M'), (days, 'D')] {
        if number != 0 {
            text.push_str(&format!("{number}{unit}"));
        }
    }
    if micros != 0 || text == "P" {
        let sign = if micros < 0 { "-" } else { "" };
        let (seconds, fraction) = (
            micros.unsigned_abs() / 1_000_000,
            micros.unsigned_abs() % 1_000_000,
        );
        text.push_str(&format!("T{sign}{seconds}"));
        if fraction != 0 {
            text.push_str(format!(".{fraction:06}").trim_end_matches('0'));
        }
        text.push('S');
    }
    Ok(text)
}

/// Family, length of the network, a flag, how many bytes, the bytes.
fn address(raw: &[u8], network: bool) -> Outcome<String> {
    let [_, bits, _, _, rest @ ..] = raw else {
        return Err("an address ends early".into());
    };
    let (text, most) = match rest.len() {
        4 => (Ipv4Addr::from(exactly::<4>(rest)?).to_string(), 32),
        16 => (Ipv6Addr::from(exactly::<16>(rest)?).to_string(), 128),
        other => return Err(format!("an address of {other} bytes").into()),
    };
    Ok(if network || *bits != most {
        format!("{text}/{bits}")
    } else {
        text
    })
}

/// Number of dimensions, a flag, the element's type; length and first index of each dimension; then
/// the elements with their lengths.
fn array(inner: &Type, raw: &[u8]) -> Outcome<Value> {
    let mut rest = raw;
    let mut next = || -> Outcome<i32> {
        let (head, tail) = rest.split_at_checked(4).ok_or("an array ends early")?;
        rest = tail;
        Ok(i32::from_be_bytes(exactly(head)?))
    };
    let dimensions = usize::try_from(next()?)?;
    let (_, _) = (next()?, next()?);
    let mut lengths = Vec::new();
    for _ in 0..dimensions {
        lengths.push(usize::try_from(next()?)?);
        next()?;
    }
    let count: usize = if lengths.is_empty() {
        0
    } else {
        lengths.iter().product()
    };
    let mut values = Vec::new();
    for _ in 0..count {
        let (head, tail) = rest.split_at_checked(4).ok_or("an array ends early")?;
        let length = i32::from_be_bytes(exactly(head)?);
        rest = tail;
        values.push(match usize::try_from(length) {
            Ok(length) => {
                let (head, tail) = rest.split_at_checked(length).ok_or("an array ends early")?;
                rest = tail;
                decode(inner, head)?
            }
            // -1 is null
            Err(_) => Value::Null,
        });
    }
    for length in lengths.iter().skip(1).rev() {
        let mut rows = Vec::new();
        let mut cells = values.into_iter().peekable();
        while cells.peek().is_some() {
            rows.push(Value::Array(cells.by_ref().take(*length).collect()));
        }
        values = rows;
    }
    Ok(Value::Array(values))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_have_six_digits_and_ends() {
        assert_eq!(moment(0, "Z").unwrap(), "2000-01-01T00:00:00.000000Z");
        assert_eq!(moment(-1, "").unwrap(), "1999-12-31T23:59:59.999999");
        assert_eq!(
            moment(662_774_405_006_007, "").unwrap(),
            "2021-01-01T00:00:05.006007"
        );
        assert_eq!(
            moment(252_455_616_000_000_000, "Z").unwrap(),
            "+10000-01-01T00:00:00.000000Z"
        );
        assert_eq!(moment(i64::MAX, "Z").unwrap(), "infinity");
        assert_eq!(date(-1).unwrap(), "1999-12-31");
        assert_eq!(time(86_400_000_000).unwrap(), "24:00:00.000000");
    }

    #[test]
    fn an_interval_keeps_its_parts() {
        let raw = |micros: i64, days: i32, months: i32| {
            let mut raw = micros.to_be_bytes().to_vec();
            raw.extend(days.to_be_bytes());
            raw.extend(months.to_be_bytes());
            interval(&raw).unwrap()
        };
        assert_eq!(raw(1_500_000, 3, 14), "P1Y2M3DT1.5S");
        assert_eq!(raw(0, 0, 0), "PT0S");
        assert_eq!(raw(-2_000_000, 0, 0), "PT-2S");
    }

    #[test]
    fn a_truncated_array_is_an_error() {
        assert!(array(&Type::INT4, &[0, 0, 0, 1]).is_err());
    }
}
