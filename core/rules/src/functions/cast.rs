//! cast(value AS type): conversions that somebody asked for, which go further than those that happen by themselves.
use crate::decimal::{Decimal, Rounding};
use crate::program::CastType;
use crate::value::{Number, Value, decimal, double, int};

/// The value as another type; Undefined where there is no way.
pub(crate) fn cast<'a>(value: &Value<'_>, to: CastType) -> Value<'a> {
    match to {
        CastType::String => value.text().map_or(Value::Undefined, |text| Value::string(text.into_owned())),
        CastType::Int => match value.number() {
            Some(Number::Int(whole)) => int(whole),
            Some(Number::Decimal(number)) => {
                let whole = number.to_places(0, Rounding::Down);
                whole.to_int().map_or(decimal(Some(whole)), int)
            }
            None => of_boolean(value).map_or(Value::Undefined, |value| int(i128::from(value))),
        },
        CastType::Double => match value.number() {
            Some(Number::Int(whole)) => decimal(Some(Decimal::from_int(whole))), // "with no decimal point"
            Some(Number::Decimal(number)) => double(number.to_f64()),
            None => of_boolean(value).map_or(Value::Undefined, |value| double(f64::from(value))),
        },
        CastType::Decimal => match value.number() {
            Some(Number::Int(whole)) => decimal(Some(Decimal::from_int(whole))),
            Some(Number::Decimal(number)) => decimal(Some(number)),
            None => of_boolean(value).map_or(Value::Undefined, |value| double(f64::from(value))),
        },
        CastType::Boolean => match value {
            Value::Int(_) | Value::Decimal(_) => {
                value.number().map_or(Value::Undefined, |number| Value::Boolean(number.decimal().sign() != 0))
            }
            _ => value.boolean().map_or(Value::Undefined, Value::Boolean),
        },
    }
}

fn of_boolean(value: &Value<'_>) -> Option<bool> {
    if let Value::Boolean(value) = value { Some(*value) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SqlVersion;

    #[rustfmt::skip] // statement                       from           to                  result
    const CASTS: &[(&str, &str, CastType, &str)] = &[
        ("cast: Int to String",                         "5",           CastType::String,   r#""5""#),
        ("cast: Object to String",                      r#"{"a": 1}"#, CastType::String,   r#""{\"a\":1}""#),
        ("cast: Decimal to Int, rounds down",           "1.9",         CastType::Int,      "1"),
        ("cast: Decimal to Int, rounds down",           "-1.1",        CastType::Int,      "-2"),
        ("cast: String to Int",                         r#""7.9""#,    CastType::Int,      "7"),
        ("cast: Boolean to Int",                        "true",        CastType::Int,      "1"),
        ("cast: Boolean to Decimal",                    "true",        CastType::Decimal,  "1.0"),
        ("cast: String to Decimal",                     r#""x""#,      CastType::Decimal,  ""),
        ("cast: Decimal to Double",                     "0.1000000000000000000001", CastType::Double, "0.1"),
        ("cast: Boolean to Double",                     "false",       CastType::Double,   "0.0"),
        ("cast: number to Boolean",                     "0.0",         CastType::Boolean,  "false"),
        ("cast: number to Boolean",                     "-2",          CastType::Boolean,  "true"),
        ("cast: String to Boolean",                     r#""TRUE""#,   CastType::Boolean,  "true"),
        ("cast: Null is Undefined",                     "null",        CastType::String,   ""),
        ("cast: Null is Undefined",                     "null",        CastType::Int,      ""),
        ("cast: Array is Undefined",                    "[]",          CastType::Decimal,  ""),
    ];

    #[test]
    fn casts() {
        for (statement, from, to, result) in CASTS {
            let mut out = Vec::new();
            cast(&Value::Json((*from).into()).read(SqlVersion::V2015_10_08), *to).write(&mut out);
            assert_eq!(String::from_utf8(out).unwrap(), *result, "{statement}: {from}");
        }
    }
}
