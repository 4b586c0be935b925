//! A JSON scalar as a column's value.
//!
//! The Hive SerDe takes a number for a number and a text for a text; the OpenX SerDe reads one as the other where that loses
//! nothing. What would lose something is refused.
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use parquet::data_type::Int96;

use crate::HiveType;
use crate::leaf::Values;
use crate::timestamp::{Format, Moment, day};

/// Julian day of 1970-01-01, which INT96 counts from.
const JULIAN_DAY_OF_EPOCH: i64 = 2_440_588;
/// Characters of a value that a message shows.
const SHOWN_MAX: usize = 60;

/// A scalar as it stands in the JSON.
#[derive(Clone, Copy)]
pub(crate) enum Given<'a> {
    Boolean(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(&'a str),
}

/// How scalars are read.
pub(crate) enum Reading {
    OpenX,
    Hive { formats: Vec<Format> },
}

/// The value is none of the column's.
pub(crate) struct Unfit;

impl fmt::Display for Given<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean(value) => value.fmt(f),
            Self::Unsigned(value) => value.fmt(f),
            Self::Signed(value) => value.fmt(f),
            Self::Float(value) => value.fmt(f),
            Self::Text(text) => write!(f, "{:?}", text.chars().take(SHOWN_MAX).collect::<String>()),
        }
    }
}

/// Puts a value into its leaf. Answers the bytes it takes there.
pub(crate) fn put(
    values: &mut Values,
    hive_type: &HiveType,
    given: Given<'_>,
    reading: &Reading,
) -> Result<usize, Unfit> {
    match values {
        Values::Boolean(values) => {
            values.push(boolean(given, reading)?);
            Ok(1)
        }
        Values::Int32(values) => {
            let value = match hive_type {
                HiveType::TinyInt => i32::from(i8::try_from(whole(given, reading)?).map_err(|_| Unfit)?),
                HiveType::SmallInt => i32::from(i16::try_from(whole(given, reading)?).map_err(|_| Unfit)?),
                HiveType::Date => text(given).and_then(|text| day(text).ok_or(Unfit))?,
                _ => i32::try_from(whole(given, reading)?).map_err(|_| Unfit)?,
            };
            values.push(value);
            Ok(4)
        }
        Values::Int64(values) => {
            values.push(whole(given, reading)?);
            Ok(8)
        }
        Values::Int96(values) => {
            values.push(int96(moment(given, reading).ok_or(Unfit)?));
            Ok(12)
        }
        Values::Float(values) => {
            let value = double(given, reading)?;
            let narrow = value as f32;
            if narrow.is_infinite() && value.is_finite() {
                return Err(Unfit);
            }
            values.push(narrow);
            Ok(4)
        }
        Values::Double(values) => {
            values.push(double(given, reading)?);
            Ok(8)
        }
        Values::Bytes(data, ends) => {
            let before = data.len();
            match hive_type {
                HiveType::Binary => STANDARD.decode_vec(text(given)?, data).map_err(|_| {
                    data.truncate(before);
                    Unfit
                })?,
                HiveType::String => string(data, given),
                HiveType::Char(max) => {
                    string(data, given);
                    let end = data[before..].iter().rposition(|byte| *byte != b' ').map_or(0, |at| at + 1);
                    data.truncate(before + end);
                    bounded(data, before, *max)?;
                }
                HiveType::Varchar(max) => {
                    string(data, given);
                    bounded(data, before, *max)?;
                }
                _ => return Err(Unfit),
            }
            ends.push(data.len() as u32);
            Ok(data.len() - before + 4)
        }
        Values::Fixed(data, width) => {
            let HiveType::Decimal { precision, scale } = hive_type else { return Err(Unfit) };
            let shown;
            let text = match given {
                Given::Text(text) if matches!(reading, Reading::OpenX) => text.trim(),
                Given::Text(_) | Given::Boolean(_) => return Err(Unfit),
                number => {
                    shown = number.to_string();
                    &shown
                }
            };
            put_decimal(data, *width, text, *precision, *scale)?;
            Ok(*width)
        }
    }
}

/// Puts a number as it was written.
pub(crate) fn put_decimal(data: &mut Vec<u8>, width: usize, text: &str, precision: u8, scale: u8) -> Result<(), Unfit> {
    let value = decimal(text, precision, scale).ok_or(Unfit)?;
    data.extend_from_slice(&value.to_be_bytes()[16 - width..]);
    Ok(())
}

fn bounded(data: &mut Vec<u8>, before: usize, max: u32) -> Result<(), Unfit> {
    // Every byte but those that go on with a character begins one.
    let characters = data[before..].iter().filter(|byte| *byte & 0xC0 != 0x80).count();
    if characters > max as usize {
        data.truncate(before);
        return Err(Unfit);
    }
    Ok(())
}

fn text(given: Given<'_>) -> Result<&str, Unfit> {
    match given {
        Given::Text(text) => Ok(text),
        _ => Err(Unfit),
    }
}

/// Any scalar is a text: as it would be written in JSON, a text without its quotes.
fn string(data: &mut Vec<u8>, given: Given<'_>) {
    match given {
        Given::Text(text) => data.extend_from_slice(text.as_bytes()),
        Given::Float(value) => {
            let number = serde_json::Number::from_f64(value);
            data.extend_from_slice(number.map_or_else(|| value.to_string(), |number| number.to_string()).as_bytes());
        }
        other => data.extend_from_slice(other.to_string().as_bytes()),
    }
}

fn boolean(given: Given<'_>, reading: &Reading) -> Result<bool, Unfit> {
    match (given, reading) {
        (Given::Boolean(value), _) => Ok(value),
        (Given::Text(text), Reading::OpenX) if text.eq_ignore_ascii_case("true") => Ok(true),
        (Given::Text(text), Reading::OpenX) if text.eq_ignore_ascii_case("false") => Ok(false),
        _ => Err(Unfit),
    }
}

fn whole(given: Given<'_>, reading: &Reading) -> Result<i64, Unfit> {
    /// The first whole number above a `bigint`'s.
    const ABOVE: f64 = 9_223_372_036_854_775_808.0;
    match (given, reading) {
        (Given::Signed(value), _) => Ok(value),
        (Given::Unsigned(value), _) => i64::try_from(value).map_err(|_| Unfit),
        (Given::Float(value), _) if value.fract() == 0.0 && (-ABOVE..ABOVE).contains(&value) => Ok(value as i64),
        (Given::Text(text), Reading::OpenX) => text.trim().parse().map_err(|_| Unfit),
        _ => Err(Unfit),
    }
}

fn double(given: Given<'_>, reading: &Reading) -> Result<f64, Unfit> {
    match (given, reading) {
        (Given::Float(value), _) => Ok(value),
        (Given::Signed(value), _) => Ok(value as f64),
        (Given::Unsigned(value), _) => Ok(value as f64),
        // Java's words; Rust's parser takes more of them.
        (Given::Text("NaN"), Reading::OpenX) => Ok(f64::NAN),
        (Given::Text("Infinity"), Reading::OpenX) => Ok(f64::INFINITY),
        (Given::Text("-Infinity"), Reading::OpenX) => Ok(f64::NEG_INFINITY),
        (Given::Text(text), Reading::OpenX) => {
            text.trim().parse().ok().filter(|value: &f64| value.is_finite()).ok_or(Unfit)
        }
        _ => Err(Unfit),
    }
}

fn moment(given: Given<'_>, reading: &Reading) -> Option<Moment> {
    match (given, reading) {
        (Given::Signed(value), Reading::OpenX) => Moment::from_whole(value),
        (Given::Unsigned(value), Reading::OpenX) => Moment::from_whole(i64::try_from(value).ok()?),
        (Given::Float(value), Reading::OpenX) => Moment::from_seconds(value),
        (Given::Text(text), Reading::OpenX) => Moment::from_openx(text),
        (Given::Text(text), Reading::Hive { formats }) if formats.is_empty() => Moment::from_sql(text),
        (Given::Text(text), Reading::Hive { formats }) => formats.iter().find_map(|format| format.read(text)),
        (Given::Signed(_) | Given::Unsigned(_), Reading::Hive { formats }) => {
            let text = given.to_string();
            formats.iter().find_map(|format| format.read(&text))
        }
        (Given::Boolean(_), _) | (Given::Float(_), Reading::Hive { .. }) => None,
    }
}

/// Nanoseconds of the day, then the Julian day, both little-endian.
fn int96(moment: Moment) -> Int96 {
    let mut value = Int96::new();
    let julian = JULIAN_DAY_OF_EPOCH + i64::from(moment.days);
    value.set_data(moment.nanos as u32, (moment.nanos >> 32) as u32, julian as u32);
    value
}

/// The number times ten to the scale, rounded half up (away from zero), as Hive does.
fn decimal(text: &str, precision: u8, scale: u8) -> Option<i128> {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = match rest.find(['e', 'E']) {
        Some(at) => (&rest[..at], rest[at + 1..].parse::<i32>().ok()?),
        None => (rest, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let digits = || whole.bytes().chain(fraction.bytes());
    if !digits().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // How many of the digits stand before the last one that is kept.
    let kept = i64::try_from(whole.len()).ok()? + i64::from(exponent) + i64::from(scale);
    let limit = 10i128.pow(u32::from(precision));
    let mut value = 0i128;
    let mut taken = 0i64;
    for digit in digits() {
        if taken >= kept {
            break;
        }
        value = value.checked_mul(10)?.checked_add(i128::from(digit - b'0'))?;
        taken += 1;
        if value >= limit {
            return None;
        }
    }
    while taken < kept && value != 0 {
        value = value.checked_mul(10)?;
        taken += 1;
        if value >= limit {
            return None;
        }
    }
    if kept >= 0 && digits().nth(usize::try_from(kept).ok()?).is_some_and(|digit| digit >= b'5') {
        value += 1;
    }
    (value < limit).then_some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals() {
        #[rustfmt::skip] // source                                    text                     p,  s   value times 10^s
        let table = [
            ("as written",                                            "12.34",                 10, 2,  Some(1234)),
            ("fewer digits behind the point",                         "12.3",                  10, 2,  Some(1230)),
            ("Hive: rounded half up",                                 "12.345",                10, 2,  Some(1235)),
            ("Hive: rounded half up",                                 "-12.345",               10, 2,  Some(-1235)),
            ("Hive: rounded half up",                                 "0.004",                 10, 2,  Some(0)),
            ("a double's last digits",                                "0.30000000000000004",   10, 2,  Some(30)),
            ("an exponent",                                           "1.5e3",                 10, 2,  Some(150_000)),
            ("an exponent",                                           "1500E-3",               10, 2,  Some(150)),
            ("far below what is kept",                                "1e-400",                10, 2,  Some(0)),
            ("nothing, however many digits",                          "0e400",                 10, 2,  Some(0)),
            ("38 digits",                                             "99999999999999999999999999999999999999", 38, 0, Some(10i128.pow(38) - 1)),
            ("39 digits",                                             "100000000000000000000000000000000000000", 38, 0, None),
            ("one digit too many",                                    "123.4",                 4,  2,  None),
            ("one digit too many once rounded",                       "99.995",                4,  2,  None),
            ("far above",                                             "1e400",                 38, 0,  None),
            ("an exponent beyond all",                                "1e99999999999",         38, 0,  None),
            ("no number",                                             "1.2.3",                 10, 2,  None),
            ("no number",                                             "",                      10, 2,  None),
            ("no number",                                             ".",                     10, 2,  None),
        ];
        for (source, text, precision, scale, expected) in table {
            assert_eq!(decimal(text, precision, scale), expected, "{source}: {text}");
        }
    }

    #[test]
    fn any_text_is_a_decimal_or_none() {
        bolero::check!().with_type::<(String, u8, u8)>().for_each(|(text, precision, scale)| {
            let precision = precision % 38 + 1;
            if let Some(value) = decimal(text, precision, scale % (precision + 1)) {
                assert!(value.unsigned_abs() < 10u128.pow(u32::from(precision)));
            }
        });
    }
}
