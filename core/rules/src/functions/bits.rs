//! bitand, bitor, bitxor, bitnot: on two's complement, of arguments rounded down to Ints.
use super::{Arity, Function, Run};
use crate::SqlVersion;
use crate::decimal::Rounding;
use crate::value::{Number, Value, int};

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "bitand",
        since: SqlVersion::V2015_10_08,
        arity: Arity::exactly(2),
        doc: "The bits that both numbers have.",
        examples: &[("bitand(13, 5)", "5"), ("bitand('13.9', 5)", "5"), ("bitand(13, true)", "Undefined")],
        run: Run::Values(|_, args| both(args, |a, b| a & b)),
    },
    Function {
        name: "bitor",
        since: SqlVersion::V2015_10_08,
        arity: Arity::exactly(2),
        doc: "The bits that either number has.",
        examples: &[("bitor(8, 5)", "13")],
        run: Run::Values(|_, args| both(args, |a, b| a | b)),
    },
    Function {
        name: "bitxor",
        since: SqlVersion::V2015_10_08,
        arity: Arity::exactly(2),
        doc: "The bits that one of the numbers has and the other has not.",
        examples: &[("bitxor(13, 5)", "8")],
        run: Run::Values(|_, args| both(args, |a, b| a ^ b)),
    },
    Function {
        name: "bitnot",
        since: SqlVersion::V2015_10_08,
        arity: Arity::exactly(1),
        doc: "The complement of a number's bits.",
        examples: &[("bitnot(13)", "-14"), ("bitnot('x')", "Undefined")],
        run: Run::Values(|_, args| whole(&args[0]).map_or(Value::Undefined, |bits| int(!bits))),
    },
];

fn whole(value: &Value<'_>) -> Option<i128> {
    match value.number()? {
        Number::Int(value) => Some(value),
        Number::Decimal(value) => value.to_places(0, Rounding::Down).to_int(),
    }
}

fn both<'a>(args: &[Value<'_>], operation: fn(i128, i128) -> i128) -> Value<'a> {
    match (whole(&args[0]), whole(&args[1])) {
        (Some(left), Some(right)) => int(operation(left, right)),
        _ => Value::Undefined,
    }
}
