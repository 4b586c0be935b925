//! abs, ceil, floor, round, sign, mod, remainder, trunc: exact arithmetic on numbers.
use super::{Arity, Function, Run};
use crate::SqlVersion;
use crate::decimal::{DIGITS_MAX, Decimal, Rounding};
use crate::operators::{Operator, apply};
use crate::value::{Number, Value, decimal, int};

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "abs",
        since: SqlVersion::V2015_10_08,
        arity: Arity::exactly(1),
        doc: "The absolute value of a number.",
        examples: &[
            ("abs(-5)", "5"),
            ("abs('-5.123')", "5.123"),
            ("abs(true)", "Undefined"),
            ("abs(null)", "Undefined"),
        ],
        run: Run::Values(|_, args| match args[0].number() {
            Some(Number::Int(value)) => int(value.abs()),
            Some(Number::Decimal(value)) => decimal(Some(value.abs())),
            None => Value::Undefined,
        }),
    },
    Function {
        name: "ceil",
        since: SqlVersion::V2015_10_08,
        arity: Arity::exactly(1),
        doc: "A number rounded up to the nearest Int.",
        examples: &[("ceil(1.2)", "2"), ("ceil(-1.2)", "-1"), ("ceil('1.2')", "2"), ("ceil('x')", "Undefined")],
        run: Run::Values(|_, args| to_whole(&args[0], Rounding::Up)),
    },
    Function {
        name: "floor",
        since: SqlVersion::V2015_10_08,
        arity: Arity::exactly(1),
        doc: "A number rounded down to the nearest Int.",
        examples: &[("floor(1.2)", "1"), ("floor(-1.2)", "-2"), ("isUndefined(floor([1, 2, 3]))", "true")],
        run: Run::Values(|_, args| to_whole(&args[0], Rounding::Down)),
    },
    Function {
        name: "round",
        since: SqlVersion::V2015_10_08,
        arity: Arity::exactly(1),
        doc: "A number rounded to the nearest Int, half away from zero.",
        examples: &[("round(1.2)", "1"), ("round(1.5)", "2"), ("round(-1.5)", "-2"), ("round('1.7')", "2")],
        run: Run::Values(|_, args| to_whole(&args[0], Rounding::HalfAwayFromZero)),
    },
    Function {
        name: "sign",
        since: SqlVersion::V2015_10_08,
        arity: Arity::exactly(1),
        doc: "-1, 0 or 1 for a number below, at or above zero.",
        examples: &[("sign(-7)", "-1"), ("sign(0)", "0"), ("sign(0.1)", "1"), ("sign('x')", "Undefined")],
        run: Run::Values(|_, args| args[0].number().map_or(Value::Undefined, |number| int(number.decimal().sign()))),
    },
    Function {
        name: "mod",
        since: SqlVersion::V2015_10_08,
        arity: Arity::exactly(2),
        doc: "What dividing the first number by the second leaves, as `%`.",
        examples: &[("mod(8, 3)", "2"), ("mod(-8, 3)", "-2"), ("mod(7.5, 2)", "1.5"), ("mod(8, 0)", "Undefined")],
        run: Run::Values(|context, args| apply(context, Operator::Modulo, &args[0], &args[1])),
    },
    Function {
        name: "remainder",
        since: SqlVersion::V2015_10_08,
        arity: Arity::exactly(2),
        doc: "The same as `mod`.",
        examples: &[("remainder(8, 3)", "2"), ("remainder(8, 'x')", "Undefined")],
        run: Run::Values(|context, args| apply(context, Operator::Modulo, &args[0], &args[1])),
    },
    Function {
        name: "trunc",
        since: SqlVersion::V2015_10_08,
        arity: Arity::exactly(2),
        doc: "A number cut off after so many places (0 to 34; others become the nearest of these), without zeros at its end.",
        examples: &[
            ("trunc(2.888, 2)", "2.88"),
            ("trunc(2.3, 0)", "2"),
            ("trunc(-2.888, 2)", "-2.88"),
            ("trunc('a', 2)", "Undefined"),
            ("trunc(2.888, '2')", "Undefined"),
        ],
        run: Run::Values(|_, args| match (args[0].number(), args[1].number()) {
            // "Int/Decimal": what else there is for the second argument is not converted
            (Some(_), Some(_)) if matches!(args[1], Value::String(_)) => Value::Undefined,
            (Some(Number::Int(value)), Some(_)) => int(value),
            (Some(Number::Decimal(value)), Some(places)) => {
                let places = places.floor().clamp(0, i64::from(DIGITS_MAX)) as u32;
                decimal(Some(value.to_places(places, Rounding::TowardsZero).stripped()))
            }
            _ => Value::Undefined,
        }),
    },
];

/// A number rounded to an Int; beyond 34 digits it stays the Decimal it is, which is whole.
fn to_whole<'a>(value: &Value<'_>, rounding: Rounding) -> Value<'a> {
    let whole = |value: Decimal| value.to_places(0, rounding);
    match value.number() {
        Some(Number::Int(value)) => int(value),
        Some(Number::Decimal(value)) => whole(value).to_int().map_or(decimal(Some(whole(value))), int),
        None => Value::Undefined,
    }
}
