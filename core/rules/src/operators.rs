//! The operators: + - * / %, = <> < <= > >=, AND OR NOT IN.
use std::cmp::Ordering;

use crate::decimal::Decimal;
use crate::evaluate::Context;
use crate::value::{Number, Value, decimal, int};

/// An operator between two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

impl Operator {
    /// As it is written.
    pub(crate) fn symbol(self) -> &'static str {
        match self {
            Self::Or => "OR",
            Self::And => "AND",
            Self::Equal => "=",
            Self::NotEqual => "<>",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::In => "IN",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Modulo => "%",
        }
    }
}

/// What the operator makes of two values that have been read.
pub(crate) fn apply<'a>(
    context: &mut Context<'_, '_>,
    operator: Operator,
    left: &Value<'a>,
    right: &Value<'a>,
) -> Value<'a> {
    let boolean = |value: Option<bool>| value.map_or(Value::Undefined, Value::Boolean);
    let ordered = |fits: fn(Ordering) -> bool| boolean(order(left, right).map(fits));
    match operator {
        Operator::Or => boolean(both(left, right).map(|(left, right)| left || right)),
        Operator::And => boolean(both(left, right).map(|(left, right)| left && right)),
        Operator::Equal => boolean(equal(context, left, right)),
        Operator::NotEqual => boolean(equal(context, left, right).map(|equal| !equal)),
        Operator::Less => ordered(Ordering::is_lt),
        Operator::LessOrEqual => ordered(Ordering::is_le),
        Operator::Greater => ordered(Ordering::is_gt),
        Operator::GreaterOrEqual => ordered(Ordering::is_ge),
        Operator::In => boolean(contains(context, right, left)),
        Operator::Add if is_string(left) || is_string(right) => match (left.text(), right.text()) {
            (Some(left), Some(right)) => Value::string(left.into_owned() + &right),
            _ => Value::Undefined,
        },
        Operator::Add => arithmetic(left, right, i128::checked_add, Decimal::plus),
        Operator::Subtract => arithmetic(left, right, i128::checked_sub, Decimal::minus),
        Operator::Multiply => arithmetic(left, right, i128::checked_mul, Decimal::times),
        Operator::Divide => whole_or(left, right, i128::checked_div, Decimal::divided_by),
        Operator::Modulo => whole_or(left, right, i128::checked_rem, Decimal::remainder),
    }
}

/// `NOT`.
pub(crate) fn not<'a>(value: &Value<'a>) -> Value<'a> {
    value.boolean().map_or(Value::Undefined, |value| Value::Boolean(!value))
}

fn both(left: &Value<'_>, right: &Value<'_>) -> Option<(bool, bool)> {
    Some((left.boolean()?, right.boolean()?))
}

fn is_string(value: &Value<'_>) -> bool {
    matches!(value, Value::String(_))
}

type OnInts = fn(i128, i128) -> Option<i128>;
type OnDecimals = fn(Decimal, Decimal) -> Option<Decimal>;

/// Two Ints make an Int, or a Decimal if it would be too long; anything else a Decimal.
fn arithmetic<'a>(left: &Value<'_>, right: &Value<'_>, ints: OnInts, decimals: OnDecimals) -> Value<'a> {
    match (left.number(), right.number()) {
        (Some(Number::Int(left)), Some(Number::Int(right))) => match ints(left, right) {
            Some(result) => int(result),
            None => decimal(decimals(Decimal::from_int(left), Decimal::from_int(right))),
        },
        (Some(left), Some(right)) => decimal(decimals(left.decimal(), right.decimal())),
        _ => Value::Undefined,
    }
}

/// As `arithmetic`, but what two Ints do not make (a division by zero) is Undefined.
fn whole_or<'a>(left: &Value<'_>, right: &Value<'_>, ints: OnInts, decimals: OnDecimals) -> Value<'a> {
    match (left.number(), right.number()) {
        (Some(Number::Int(left)), Some(Number::Int(right))) => ints(left, right).map_or(Value::Undefined, int),
        _ => arithmetic(left, right, ints, decimals),
    }
}

fn order(left: &Value<'_>, right: &Value<'_>) -> Option<Ordering> {
    Some(match (left.number()?, right.number()?) {
        (Number::Int(left), Number::Int(right)) => left.cmp(&right),
        (left, right) => left.decimal().cmp(&right.decimal()),
    })
}

/// `None` if either is Undefined. Nothing is converted: `"5" = 5` is false.
pub(crate) fn equal(context: &mut Context<'_, '_>, left: &Value<'_>, right: &Value<'_>) -> Option<bool> {
    Some(match (left, right) {
        (Value::Undefined, _) | (_, Value::Undefined) => return None,
        (Value::Null, Value::Null) => true,
        (Value::Boolean(left), Value::Boolean(right)) => left == right,
        (Value::String(left), Value::String(right)) => left == right,
        (Value::Int(_) | Value::Decimal(_), Value::Int(_) | Value::Decimal(_)) => {
            order(left, right) == Some(Ordering::Equal)
        }
        (Value::Array(_) | Value::Object(_) | Value::Json(_), Value::Array(_) | Value::Object(_) | Value::Json(_)) => {
            context.takes(left.weight() + right.weight())
                && equal_arrays(context, left, right).or_else(|| equal_objects(context, left, right)).unwrap_or(false)
        }
        _ => false,
    })
}

fn equal_arrays(context: &mut Context<'_, '_>, left: &Value<'_>, right: &Value<'_>) -> Option<bool> {
    let (left, right) = (left.elements()?, right.elements()?);
    Some(
        left.len() == right.len()
            && left.into_iter().zip(right).all(|(left, right)| equal_inside(context, left, right)),
    )
}

fn equal_objects(context: &mut Context<'_, '_>, left: &Value<'_>, right: &Value<'_>) -> Option<bool> {
    let (left, right) = (left.members()?, right.members()?);
    Some(
        left.len() == right.len()
            && left.into_iter().zip(right).all(|((left_key, left), (right_key, right))| {
                left_key == right_key && equal_inside(context, left, right)
            }),
    )
}

fn equal_inside(context: &mut Context<'_, '_>, left: Value<'_>, right: Value<'_>) -> bool {
    let version = context.version;
    equal(context, &left.read(version), &right.read(version)) == Some(true)
}

/// Whether an element of `array` equals `value`; `None` if it is no array or the value is Undefined.
fn contains(context: &mut Context<'_, '_>, array: &Value<'_>, value: &Value<'_>) -> Option<bool> {
    if value.is_undefined() || !context.takes(array.weight()) {
        return None;
    }
    let version = context.version;
    let mut elements = array.elements()?.into_iter();
    Some(elements.any(|element| equal(context, value, &element.read(version)) == Some(true)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SqlVersion::{V2015_10_08 as V1, V2016_03_23 as V2};
    use crate::{Message, SqlVersion};

    fn shown(operator: Operator, left: &str, right: &str, version: SqlVersion) -> String {
        let value = |json: &'static str| {
            if json.is_empty() { Value::Undefined } else { Value::Json(json.into()).read(version) }
        };
        let leak = |text: &str| -> &'static str { text.to_owned().leak() };
        let message = Message::default();
        let mut random = |_: &mut [u8]| {};
        let mut context = Context::new(&message, version, &mut random);
        let result = apply(&mut context, operator, &value(leak(left)), &value(leak(right))).settled(version);
        let mut out = Vec::new();
        result.write(&mut out);
        String::from_utf8(out).unwrap()
    }

    use Operator::*;

    /// The empty text is Undefined.
    #[rustfmt::skip] // statement                              operator        left            right          result
    const OPERATIONS: &[(&str, Operator, &str, &str, &str)] = &[
        ("operators, AND",                                     And,            "true",         r#""TRUE""#,   "true"),
        ("operators, AND",                                     And,            "true",         "false",       "false"),
        ("operators, AND: other value",                        And,            "false",        "1",           ""),
        ("operators, AND: other value",                        And,            "true",         "",            ""),
        ("operators, OR",                                      Or,             "false",        "true",        "true"),
        ("operators, OR: other value",                         Or,             "true",         "null",        ""),
        ("operators, >: Int, Decimal",                         Greater,        "2",            "1.5",         "true"),
        ("operators, >: String that converts",                 Greater,        r#""10""#,      "9",           "true"),
        ("operators, >: String that does not convert",         Greater,        r#""a""#,       "9",           ""),
        ("operators, >=",                                      GreaterOrEqual, "2",            "2.0",         "true"),
        ("operators, <",                                       Less,           "true",         "2",           ""),
        ("operators, <=",                                      LessOrEqual,    "null",         "2",           ""),
        ("operators, =: Int, Decimal",                         Equal,          "2",            "2.00",        "true"),
        ("operators, =: String, Int",                          Equal,          r#""5""#,       "5",           "false"),
        ("operators, =: String",                               Equal,          r#""\u0061""#,  r#""a""#,      "true"),
        ("operators, =: Array, in order",                      Equal,          "[1,2.0]",      "[1.0, 2]",    "true"),
        ("operators, =: Array, in order",                      Equal,          "[1,2]",        "[2,1]",       "false"),
        ("operators, =: Object, in any order",                 Equal,          r#"{"a":1,"b":{}}"#, r#"{"b":{ },"a":1}"#, "true"),
        ("operators, =: Object",                               Equal,          r#"{"a":1}"#,   r#"{"a":2}"#,  "false"),
        ("operators, =: Array, Object",                        Equal,          "[]",           "{}",          "false"),
        ("operators, =: Null",                                 Equal,          "null",         "null",        "true"),
        ("operators, =: Undefined",                            Equal,          "",             "1",           ""),
        ("operators, <>: Null",                                NotEqual,       "null",         "null",        "false"),
        ("operators, <>: mismatched types",                    NotEqual,       r#""5""#,       "5",           "true"),
        ("operators, <>: Undefined",                           NotEqual,       "1",            "",            ""),
        ("operators, IN",                                      In,             "3",            r#"["a",3.0]"#, "true"),
        ("operators, IN",                                      In,             "[1]",          "[[1],2]",     "true"),
        ("operators, IN",                                      In,             r#""3""#,       "[3]",         "false"),
        ("operators, IN: not an array",                        In,             "3",            "3",           ""),
        ("operators, +: Int",                                  Add,            "2",            "3",           "5"),
        ("operators, +: Int, Decimal",                         Add,            "2",            "0.5",         "2.5"),
        ("operators, +: String",                               Add,            "1",            r#""a""#,      r#""1a""#),
        ("operators, +: String, Array",                        Add,            r#""a""#,       "[1, 2]",      r#""a[1,2]""#),
        ("operators, +: String, Undefined",                    Add,            r#""a""#,       "",            ""),
        ("operators, +: String, Null",                         Add,            r#""a""#,       "null",        ""),
        ("operators, +: Boolean",                              Add,            "1",            "true",        ""),
        ("operators, -: Int",                                  Subtract,       "2",            "3",           "-1"),
        ("operators, -: String that converts",                 Subtract,       r#""2.5""#,     "1",           "1.5"),
        ("operators, *: Int",                                  Multiply,       "6",            "7",           "42"),
        ("operators, *: more than 34 digits",                  Multiply,       "100000000000000000000", "100000000000000000000", "1.000000000000000000000000000000000E+40"),
        ("operators, *: other value",                          Multiply,       "6",            "[]",          ""),
        ("operators, /: Int",                                  Divide,         "7",            "2",           "3"),
        ("operators, /: Decimal",                              Divide,         "7",            "2.5",         "2.8"),
        ("operators, /: by zero",                              Divide,         "7",            "0",           ""),
        ("operators, /: by zero",                              Divide,         "7.5",          "0",           ""),
        ("operators, %: Int",                                  Modulo,         "-7",           "3",           "-1"),
        ("operators, %: Decimal",                              Modulo,         "7.5",          "2",           "1.5"),
        ("operators, %: by zero",                              Modulo,         "7",            "0",           ""),
    ];

    #[test]
    fn operations() {
        for (statement, operator, left, right, result) in OPERATIONS {
            assert_eq!(shown(*operator, left, right, V1), *result, "{statement}: {left} {operator:?} {right}");
        }
    }

    #[test]
    fn whole_decimals_divide_as_ints_from_2016_03_23_on() {
        assert_eq!(shown(Divide, "10.0", "4", V1), "2.5");
        assert_eq!(shown(Divide, "10.0", "4", V2), "2");
        assert_eq!(shown(Multiply, "2.5", "4", V2), "10");
        assert_eq!(shown(Multiply, "2.5", "4", V1), "10.0");
    }

    #[test]
    fn not_takes_what_is_boolean() {
        assert!(matches!(not(&Value::Boolean(true)), Value::Boolean(false)));
        assert!(matches!(not(&Value::string("False")), Value::Boolean(true)));
        assert!(matches!(not(&Value::Int(0)), Value::Undefined));
    }
}
