//! sqrt, power, exp, ln, log, and the trigonometric functions: in double precision, as AWS computes them.
use super::{Arity, Function, Run};
use crate::SqlVersion;
use crate::value::{Value, double};

/// A function of one double.
macro_rules! of_one {
    ($name:literal, $doc:literal, $function:expr, $examples:expr) => {
        Function {
            name: $name,
            since: SqlVersion::V2015_10_08,
            arity: Arity::exactly(1),
            doc: $doc,
            examples: $examples,
            run: Run::Values(|_, args| {
                let function: fn(f64) -> f64 = $function;
                args[0].number().map_or(Value::Undefined, |number| double(function(number.decimal().to_f64())))
            }),
        }
    };
}

/// A function of two doubles.
macro_rules! of_two {
    ($name:literal, $doc:literal, $function:expr, $examples:expr) => {
        Function {
            name: $name,
            since: SqlVersion::V2015_10_08,
            arity: Arity::exactly(2),
            doc: $doc,
            examples: $examples,
            run: Run::Values(|_, args| {
                let function: fn(f64, f64) -> f64 = $function;
                match (args[0].number(), args[1].number()) {
                    (Some(a), Some(b)) => double(function(a.decimal().to_f64(), b.decimal().to_f64())),
                    _ => Value::Undefined,
                }
            }),
        }
    };
}

#[rustfmt::skip]
pub(super) const FUNCTIONS: &[Function] = &[
    of_one!("acos", "The inverse cosine, in radians.", f64::acos, &[("acos(0)", "1.5707963267948966"), ("acos(2)", "Undefined")]),
    of_one!("asin", "The inverse sine, in radians.", f64::asin, &[("asin(0)", "0")]),
    of_one!("atan", "The inverse tangent, in radians.", f64::atan, &[("atan(0)", "0")]),
    of_two!("atan2", "The angle to a point (y, x), in radians.", f64::atan2, &[("atan2(1, 0)", "1.5707963267948966")]),
    of_one!("cos", "The cosine of radians.", f64::cos, &[("cos(0)", "1")]),
    of_one!("cosh", "The hyperbolic cosine of radians.", f64::cosh, &[("cosh(2.3)", "5.037220649268761")]),
    of_one!("exp", "e to the power of a number.", f64::exp, &[("exp(0)", "1"), ("exp('x')", "Undefined")]),
    of_one!("ln", "The logarithm to base e.", f64::ln, &[("ln(1)", "0"), ("ln(0)", "Undefined"), ("ln(-1)", "Undefined")]),
    of_one!("log", "The logarithm to base 10.", f64::log10, &[("log(100)", "2"), ("log('100')", "2")]),
    of_two!("power", "The first number to the power of the second.", f64::powf, &[("power(2, 5)", "32"), ("power(-8, 0.5)", "Undefined")]),
    of_one!("sin", "The sine of radians.", f64::sin, &[("sin(0)", "0"), ("sin(true)", "Undefined")]),
    of_one!("sinh", "The hyperbolic sine of radians.", f64::sinh, &[("sinh(2.3)", "4.936961805545957")]),
    of_one!("sqrt", "The square root.", f64::sqrt, &[("sqrt(9)", "3"), ("sqrt(2.25)", "1.5"), ("sqrt(-1)", "Undefined")]),
    of_one!("tan", "The tangent of radians.", f64::tan, &[("tan(3)", "-0.1425465430742778")]),
    of_one!("tanh", "The hyperbolic tangent of radians.", f64::tanh, &[("tanh(2.3)", "0.9800963962661914")]),
];
