//! get, get_or_default, nanvl, isNull, isUndefined: what is in a value, and whether there is one.
use super::{Arity, Function, Run};
use crate::SqlVersion;
use crate::decimal::Rounding;
use crate::json::{self, Kind};
use crate::value::{Number, Value};

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "get",
        since: SqlVersion::V2015_10_08,
        arity: Arity::exactly(2),
        doc: "The element of an Array or the character of a String at an index from 0, or the member of an Object by its name.",
        examples: &[
            ("get(['a', 'b'], 1)", r#""b""#),
            ("get(['a', 'b'], 2)", "Undefined"),
            ("get(['a', 'b'], -1)", "Undefined"),
            ("get(['a', 'b'], '1')", r#""b""#),
            ("get(['a', 'b'], 0.5)", r#""b""#),
            ("get(['a', 'b'], '0.5')", r#""a""#),
            ("get(['a', 'b'], true)", "Undefined"),
            ("get({'my-key': 5}, 'my-key')", "5"),
            ("get({'1': 5}, 1)", "Undefined"),
            ("get('abc', 1)", r#""b""#),
            ("get(*, 'temperature')", "21.5"),
            ("get(5, 0)", "Undefined"),
        ],
        run: Run::Values(|context, args| {
            let element = match (&args[0], &args[1]) {
                (value @ (Value::Object(_) | Value::Json(_)), Value::String(key)) if !value.is_array() => {
                    value.member(key)
                }
                (Value::String(text), index) => index_of(index)
                    .and_then(|index| text.chars().nth(index))
                    .map_or(Value::Undefined, |char| Value::string(char.to_string())),
                (Value::Json(std::borrow::Cow::Borrowed(text)), index) if json::kind(text) == Kind::Array => {
                    index_of(index)
                        .and_then(|index| json::elements(text).nth(index))
                        .map_or(Value::Undefined, |element| Value::Json(element.into()))
                }
                (array, index) => {
                    index_of(index).and_then(|index| array.elements()?.into_iter().nth(index)).unwrap_or_default()
                }
            };
            element.read(context.version)
        }),
    },
    Function {
        name: "get_or_default",
        since: SqlVersion::V2016_03_23,
        arity: Arity::between(1, 2),
        doc: "The first argument, or the second (Undefined if there is none) if the first is Null or Undefined.",
        examples: &[
            ("get_or_default(temperature, 0)", "21.5"),
            ("get_or_default(missing, 0)", "0"),
            ("get_or_default(null, [])", "[]"),
            ("get_or_default(null)", "Undefined"),
            ("get_or_default(false, true)", "false"),
        ],
        run: Run::Values(|_, args| match (&args[0], args.len()) {
            (Value::Null | Value::Undefined, 2) => std::mem::take(&mut args[1]),
            (Value::Null, _) => Value::Undefined,
            _ => std::mem::take(&mut args[0]),
        }),
    },
    Function {
        name: "nanvl",
        since: SqlVersion::V2015_10_08,
        arity: Arity::exactly(2),
        doc: "The first argument, or the second if the first is Null or Undefined.",
        examples: &[("nanvl(8, 3)", "8"), ("nanvl(missing, 3)", "3"), ("nanvl(null, 'x')", r#""x""#)],
        run: Run::Values(|_, args| {
            let first = matches!(args[0], Value::Null | Value::Undefined);
            std::mem::take(&mut args[usize::from(first)])
        }),
    },
    Function {
        name: "isNull",
        since: SqlVersion::V2015_10_08,
        arity: Arity::exactly(1),
        doc: "Whether a value is Null.",
        examples: &[
            ("isNull(null)", "true"),
            ("isNull(missing)", "false"),
            ("isNull(5)", "false"),
            ("ISNULL('')", "false"),
        ],
        run: Run::Values(|_, args| Value::Boolean(matches!(args[0], Value::Null))),
    },
    Function {
        name: "isUndefined",
        since: SqlVersion::V2016_03_23,
        arity: Arity::exactly(1),
        doc: "Whether a value is Undefined.",
        examples: &[
            ("isUndefined(missing)", "true"),
            ("isUndefined(null)", "false"),
            ("isUndefined(temperature)", "false"),
        ],
        run: Run::Values(|_, args| Value::Boolean(args[0].is_undefined())),
    },
];

/// Conversions to Int: a Decimal becomes the nearest one, a String loses its decimal places.
fn index_of(index: &Value<'_>) -> Option<usize> {
    let rounding = if matches!(index, Value::String(_)) { Rounding::TowardsZero } else { Rounding::HalfAwayFromZero };
    let index = match index.number()? {
        Number::Int(index) => index,
        Number::Decimal(index) => index.to_places(0, rounding).to_int()?,
    };
    usize::try_from(index).ok()
}
