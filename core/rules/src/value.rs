//! Types of AWS IoT SQL, and what converts to what.
use std::borrow::Cow;

use crate::SqlVersion;
use crate::decimal::Decimal;
use crate::json::{self, Kind, write_compact, write_quoted};

/// A value. `Undefined` is what is not there: it spreads through operators and functions and never reaches a result.
#[derive(Clone, Debug, Default)]
pub(crate) enum Value<'a> {
    #[default]
    Undefined,
    Null,
    Boolean(bool),
    Int(i128),
    Decimal(Decimal),
    String(Cow<'a, str>),
    Array(Vec<Value<'a>>),
    Object(Vec<(Cow<'a, str>, Value<'a>)>),
    /// Text of JSON that nobody has looked into yet. Copied as it is, but for white space. After [`Value::read`] it is an
    /// array or an object.
    Json(Cow<'a, str>),
}

/// A number an operator works with.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Number {
    Int(i128),
    Decimal(Decimal),
}

/// The weight of a scalar, and of a place in an array.
const WEIGHT_MIN: usize = 4;

const INT_LIMIT: i128 = 10i128.pow(crate::decimal::DIGITS_MAX);

/// An Int, or beyond 34 digits the nearest Decimal.
pub(crate) fn int(value: i128) -> Value<'static> {
    if -INT_LIMIT < value && value < INT_LIMIT {
        Value::Int(value)
    } else {
        Decimal::parse(&value.to_string()).map_or(Value::Undefined, Value::Decimal)
    }
}

/// A Decimal, or Undefined beyond its range.
pub(crate) fn decimal(value: Option<Decimal>) -> Value<'static> {
    value.map_or(Value::Undefined, Value::Decimal)
}

/// A Decimal of double precision; Undefined for what is not a number ("imaginary results").
pub(crate) fn double(value: f64) -> Value<'static> {
    decimal(Decimal::from_f64(value))
}

/// The Int or Decimal that `text` spells in JSON.
pub(crate) fn number(text: &str) -> Value<'static> {
    if text.contains(['.', 'e', 'E']) {
        decimal(Decimal::parse(text))
    } else {
        match text.parse() {
            Ok(whole) => int(whole),
            Err(_) => decimal(Decimal::parse(text)),
        }
    }
}

impl<'a> Value<'a> {
    pub(crate) fn string(text: impl Into<Cow<'a, str>>) -> Self {
        Self::String(text.into())
    }

    /// Looks at the value: a scalar of JSON becomes one of ours, an array or object stays text.
    pub(crate) fn read(self, version: SqlVersion) -> Self {
        let Self::Json(text) = self else { return self.settled(version) };
        match json::kind(&text) {
            Kind::Null => Self::Null,
            Kind::Boolean(value) => Self::Boolean(value),
            Kind::Number => number(&text).settled(version),
            Kind::String => Self::String(match text {
                Cow::Borrowed(text) => json::unquoted(text.get(1..text.len() - 1).unwrap_or_default()),
                Cow::Owned(text) => json::unquoted(text.get(1..text.len() - 1).unwrap_or_default()).into_owned().into(),
            }),
            Kind::Array | Kind::Object => Self::Json(text),
        }
    }

    /// From 2016-03-23 on, a whole Decimal is an Int (data types, note on `10.0`).
    pub(crate) fn settled(self, version: SqlVersion) -> Self {
        match self {
            Self::Decimal(decimal) if version >= SqlVersion::V2016_03_23 => decimal.to_int().map_or(self, Value::Int),
            other => other,
        }
    }

    /// About how many bytes it is as text; what it takes to look at all of it.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::String(text) | Self::Json(text) => text.len(),
            Self::Array(elements) => elements.iter().map(|element| WEIGHT_MIN + element.weight()).sum(),
            Self::Object(members) => members.iter().map(|(key, value)| WEIGHT_MIN + key.len() + value.weight()).sum(),
            Self::Undefined | Self::Null | Self::Boolean(_) | Self::Int(_) | Self::Decimal(_) => WEIGHT_MIN,
        }
    }

    /// The value without anything borrowed.
    pub(crate) fn into_owned(self) -> Value<'static> {
        match self {
            Self::Undefined => Value::Undefined,
            Self::Null => Value::Null,
            Self::Boolean(value) => Value::Boolean(value),
            Self::Int(value) => Value::Int(value),
            Self::Decimal(value) => Value::Decimal(value),
            Self::String(text) => Value::String(text.into_owned().into()),
            Self::Array(elements) => Value::Array(elements.into_iter().map(Value::into_owned).collect()),
            Self::Object(members) => Value::Object(
                members.into_iter().map(|(key, value)| (key.into_owned().into(), value.into_owned())).collect(),
            ),
            Self::Json(text) => Value::Json(text.into_owned().into()),
        }
    }

    /// The text of the value in JSON; empty if it is Undefined.
    pub(crate) fn into_json(self) -> Cow<'a, str> {
        match self {
            Self::Json(text) => text,
            other => {
                let mut out = Vec::new();
                other.write(&mut out);
                String::from_utf8(out).unwrap_or_default().into()
            }
        }
    }

    pub(crate) fn is_undefined(&self) -> bool {
        matches!(self, Self::Undefined)
    }

    pub(crate) fn is_array(&self) -> bool {
        match self {
            Self::Array(_) => true,
            Self::Json(text) => json::kind(text) == Kind::Array,
            _ => false,
        }
    }

    /// The elements of an array.
    pub(crate) fn elements(&self) -> Option<Vec<Value<'a>>> {
        match self {
            Self::Array(elements) => Some(elements.clone()),
            Self::Json(text) if json::kind(text) == Kind::Array => Some(match text {
                Cow::Borrowed(text) => json::elements(text).map(|e| Value::Json(e.into())).collect(),
                Cow::Owned(text) => json::elements(text).map(|e| Value::Json(e.to_owned().into())).collect(),
            }),
            _ => None,
        }
    }

    /// The members of an object that are not Undefined, by key; of a repeated key the last.
    pub(crate) fn members(&self) -> Option<Vec<(Cow<'a, str>, Value<'a>)>> {
        let mut members = self.all_members()?;
        members.sort_by(|(a, _), (b, _)| a.cmp(b)); // stable: of equal keys the last in the text stays last
        members.dedup_by(|later, earlier| {
            let same = later.0 == earlier.0;
            if same {
                std::mem::swap(later, earlier);
            }
            same
        });
        Some(members)
    }

    /// The members of an object that are not Undefined, in its order; a repeated key stands where it is first, and has its last
    /// value.
    pub(crate) fn members_in_order(&self) -> Option<Vec<(Cow<'a, str>, Value<'a>)>> {
        let mut members = self.all_members()?;
        let mut by_key: Vec<usize> = (0..members.len()).collect();
        by_key.sort_by(|a, b| members[*a].0.cmp(&members[*b].0)); // stable, as above
        for pair in by_key.windows(2).rev() {
            if members[pair[0]].0 == members[pair[1]].0 {
                members[pair[0]].1 = std::mem::take(&mut members[pair[1]].1);
            }
        }
        members.retain(|(_, value)| !value.is_undefined());
        Some(members)
    }

    fn all_members(&self) -> Option<Vec<(Cow<'a, str>, Value<'a>)>> {
        Some(match self {
            Self::Object(members) => members.iter().filter(|(_, value)| !value.is_undefined()).cloned().collect(),
            Self::Json(text) if json::kind(text) == Kind::Object => match text {
                Cow::Borrowed(text) => json::members(text).map(|m| (m.key, Value::Json(m.value.into()))).collect(),
                Cow::Owned(text) => json::members(text)
                    .map(|m| (m.key.into_owned().into(), Value::Json(m.value.to_owned().into())))
                    .collect(),
            },
            _ => return None,
        })
    }

    /// The member called `key` of an object.
    pub(crate) fn member(&self, key: &str) -> Value<'a> {
        let found = match self {
            Self::Object(members) => members.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value.clone()),
            Self::Json(Cow::Borrowed(text)) => {
                json::members(text).filter(|m| m.key == key).last().map(|m| Value::Json(m.value.into()))
            }
            Self::Json(Cow::Owned(text)) => {
                json::members(text).filter(|m| m.key == key).last().map(|m| Value::Json(m.value.to_owned().into()))
            }
            _ => None,
        };
        found.unwrap_or_default()
    }

    /// As a number: Int, Decimal, or a String that spells one (data types: conversions to Decimal).
    pub(crate) fn number(&self) -> Option<Number> {
        match self {
            Self::Int(int) => Some(Number::Int(*int)),
            Self::Decimal(decimal) => Some(Number::Decimal(*decimal)),
            Self::String(text) if !text.contains('+') => Decimal::parse(text).map(Number::Decimal),
            _ => None,
        }
    }

    /// As a Boolean: one, or "true" or "false" in any case (data types: conversions to Boolean).
    pub(crate) fn boolean(&self) -> Option<bool> {
        match self {
            Self::Boolean(value) => Some(*value),
            Self::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
            Self::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
            _ => None,
        }
    }

    /// As a String; Null and Undefined have none (data types: conversions to String).
    pub(crate) fn text(&self) -> Option<Cow<'_, str>> {
        Some(match self {
            Self::Undefined | Self::Null => return None,
            Self::Boolean(true) => "true".into(),
            Self::Boolean(false) => "false".into(),
            Self::Int(int) => int.to_string().into(),
            Self::Decimal(decimal) => decimal.to_string().into(),
            Self::String(text) => Cow::Borrowed(text),
            Self::Array(_) | Self::Object(_) | Self::Json(_) => {
                let mut out = Vec::new();
                self.write(&mut out);
                String::from_utf8(out).ok()?.into()
            }
        })
    }

    /// Writes the value as compact JSON. Undefined members and elements are left out.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Undefined => {}
            Self::Null => out.extend_from_slice(b"null"),
            Self::Boolean(true) => out.extend_from_slice(b"true"),
            Self::Boolean(false) => out.extend_from_slice(b"false"),
            Self::Int(int) => match u64::try_from(*int) {
                Ok(small) => out.extend_from_slice(digits(small, &mut [0; 20])),
                Err(_) => out.extend_from_slice(int.to_string().as_bytes()),
            },
            Self::Decimal(decimal) => out.extend_from_slice(decimal.to_string().as_bytes()),
            Self::String(text) => write_quoted(text, out),
            Self::Array(elements) => {
                out.push(b'[');
                let mut comma = false;
                for element in elements.iter().filter(|element| !element.is_undefined()) {
                    separate(&mut comma, out);
                    element.write(out);
                }
                out.push(b']');
            }
            Self::Object(members) => {
                out.push(b'{');
                let mut comma = false;
                for (key, value) in members.iter().filter(|(_, value)| !value.is_undefined()) {
                    separate(&mut comma, out);
                    write_quoted(key, out);
                    out.push(b':');
                    value.write(out);
                }
                out.push(b'}');
            }
            Self::Json(text) => write_compact(text, out),
        }
    }
}

/// Writes a comma before every value but the first.
pub(crate) fn separate(comma: &mut bool, out: &mut Vec<u8>) {
    if std::mem::replace(comma, true) {
        out.push(b',');
    }
}

/// Without the formatting machinery, because timestamps are in most results.
fn digits(mut number: u64, buffer: &mut [u8; 20]) -> &[u8] {
    let mut at = buffer.len();
    loop {
        at -= 1;
        buffer[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &buffer[at..];
        }
    }
}

impl Number {
    pub(crate) fn decimal(self) -> Decimal {
        match self {
            Self::Int(int) => Decimal::from_int(int),
            Self::Decimal(decimal) => decimal,
        }
    }

    /// Rounded down to a whole number, for counts and positions; far ones become the nearest `i64`.
    pub(crate) fn floor(self) -> i64 {
        let whole = match self {
            Self::Int(int) => Some(int),
            Self::Decimal(decimal) => decimal.to_places(0, crate::decimal::Rounding::Down).to_int(),
        };
        let end = if self.decimal().sign() < 0 { i64::MIN } else { i64::MAX };
        whole.and_then(|whole| i64::try_from(whole).ok()).unwrap_or(end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(json: &str) -> Value<'_> {
        if json.is_empty() { Value::Undefined } else { Value::Json(json.into()).read(SqlVersion::V2015_10_08) }
    }

    /// `-` is a conversion to Undefined.
    #[rustfmt::skip] // statement                              from              Decimal     Boolean  String
    const CONVERSIONS: &[(&str, &str, &str, &str, &str)] = &[
        ("data types, conversions: Int",                       "12",             "12",       "-",     "12"),
        ("data types, conversions: Decimal",                   "1.50",           "1.50",     "-",     "1.50"),
        ("data types, conversions: Decimal, scientific",       "1E-9",           "1E-9",     "-",     "1E-9"),
        ("data types, conversions: Boolean",                   "true",           "-",        "true",  "true"),
        ("data types, conversions: String, number",            r#""-2.5e-1""#,   "-0.25",    "-",     "-2.5e-1"),
        ("data types, conversions: String, no plus sign",      r#""1E+5""#,      "-",        "-",     "1E+5"),
        ("data types, conversions: String, not a number",      r#"" 1""#,        "-",        "-",     " 1"),
        ("data types, conversions: String, TRUE",              r#""TRUE""#,      "-",        "true",  "TRUE"),
        ("data types, conversions: String, yes",               r#""yes""#,       "-",        "-",     "yes"),
        ("data types, conversions: Array",                     "[1, 2]",         "-",        "-",     "[1,2]"),
        ("data types, conversions: Object",                    r#"{"a": "b c"}"#,"-",        "-",     r#"{"a":"b c"}"#),
        ("data types, conversions: Null",                      "null",           "-",        "-",     "-"),
        ("data types, conversions: Undefined",                 "",               "-",        "-",     "-"),
    ];

    #[test]
    fn conversions() {
        for (statement, from, decimal, boolean, string) in CONVERSIONS {
            let value = value(from);
            let shown = |text: Option<String>| text.unwrap_or_else(|| "-".into());
            assert_eq!(shown(value.number().map(|n| n.decimal().to_string())), *decimal, "{statement}");
            assert_eq!(shown(value.boolean().map(|b| b.to_string())), *boolean, "{statement}");
            assert_eq!(shown(value.text().map(|t| t.into_owned())), *string, "{statement}");
        }
    }

    #[test]
    fn a_whole_decimal_is_an_int_from_2016_03_23_on() {
        let read = |version| Value::Json("10.0".into()).read(version);
        assert!(matches!(read(SqlVersion::V2015_10_08), Value::Decimal(_)));
        assert!(matches!(read(SqlVersion::V2016_03_23), Value::Int(10)));
    }

    #[test]
    fn an_int_of_35_digits_becomes_a_decimal() {
        assert!(matches!(number(&"9".repeat(34)), Value::Int(_)));
        assert_eq!(number(&"1".repeat(35)).text().unwrap(), "1.111111111111111111111111111111111E+34");
        assert_eq!(number(&"1".repeat(60)).text().unwrap(), "1.111111111111111111111111111111111E+59");
    }

    #[test]
    fn the_last_of_a_repeated_key_counts() {
        let object = value(r#"{"b":1,"a":2,"b":3}"#);
        let members = object.members().unwrap();
        assert_eq!(members.iter().map(|(k, v)| format!("{k}{}", v.text().unwrap())).collect::<Vec<_>>(), ["a2", "b3"]);
        assert_eq!(object.member("b").text().unwrap(), "3");
        let members = object.members_in_order().unwrap();
        assert_eq!(members.iter().map(|(k, v)| format!("{k}{}", v.text().unwrap())).collect::<Vec<_>>(), ["b3", "a2"]);
    }
}
