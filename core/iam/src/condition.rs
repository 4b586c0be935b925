//! Condition operators (IAM user guide: "IAM JSON policy elements: Condition operators"): AND over operators and keys, OR over
//! the values of one key.
use std::net::IpAddr;

use serde_json::Value;

use crate::Context;
use crate::evaluate::normalised;
use crate::pattern::fits;

/// One operator over one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    operator: Operator,
    negated: bool,
    if_exists: bool,
    set: Option<Set>,
    /// As [`normalised`] writes it.
    key: String,
    values: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    StringEquals,
    StringEqualsIgnoreCase,
    StringLike,
    Numeric(Order),
    Date(Order),
    Bool,
    Null,
    IpAddress,
    ArnLike,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// How to compare a key that has several values (IAM user guide: "Multivalued context keys").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    ForAllValues,
    ForAnyValue,
}

#[rustfmt::skip] // name                        operator                                   negated
const OPERATORS: &[(&str,                       Operator,                                  bool)] = &[
    ("StringEquals",                            Operator::StringEquals,                    false),
    ("StringNotEquals",                         Operator::StringEquals,                    true),
    ("StringEqualsIgnoreCase",                  Operator::StringEqualsIgnoreCase,          false),
    ("StringNotEqualsIgnoreCase",               Operator::StringEqualsIgnoreCase,          true),
    ("StringLike",                              Operator::StringLike,                      false),
    ("StringNotLike",                           Operator::StringLike,                      true),
    ("NumericEquals",                           Operator::Numeric(Order::Equal),           false),
    ("NumericNotEquals",                        Operator::Numeric(Order::Equal),           true),
    ("NumericLessThan",                         Operator::Numeric(Order::Less),            false),
    ("NumericLessThanEquals",                   Operator::Numeric(Order::LessOrEqual),     false),
    ("NumericGreaterThan",                      Operator::Numeric(Order::Greater),         false),
    ("NumericGreaterThanEquals",                Operator::Numeric(Order::GreaterOrEqual),  false),
    ("DateEquals",                              Operator::Date(Order::Equal),              false),
    ("DateNotEquals",                           Operator::Date(Order::Equal),              true),
    ("DateLessThan",                            Operator::Date(Order::Less),               false),
    ("DateLessThanEquals",                      Operator::Date(Order::LessOrEqual),        false),
    ("DateGreaterThan",                         Operator::Date(Order::Greater),            false),
    ("DateGreaterThanEquals",                   Operator::Date(Order::GreaterOrEqual),     false),
    ("Bool",                                    Operator::Bool,                            false),
    ("Null",                                    Operator::Null,                            false),
    ("IpAddress",                               Operator::IpAddress,                       false),
    ("NotIpAddress",                            Operator::IpAddress,                       true),
    ("ArnEquals",                               Operator::ArnLike,                         false),
    ("ArnLike",                                 Operator::ArnLike,                         false),
    ("ArnNotEquals",                            Operator::ArnLike,                         true),
    ("ArnNotLike",                              Operator::ArnLike,                         true),
];

impl Condition {
    /// The conditions of a `Condition` element.
    pub fn parse_block(block: &Value) -> Option<Vec<Self>> {
        let mut conditions = Vec::new();
        for (name, keys) in block.as_object()? {
            for (key, values) in keys.as_object()? {
                let scalar = |value: &Value| match value {
                    Value::Bool(value) => Some(value.to_string()),
                    Value::Number(value) => Some(value.to_string()),
                    Value::String(text) => Some(text.clone()),
                    _ => None,
                };
                let values = match values {
                    Value::Array(values) => values.iter().map(scalar).collect::<Option<Vec<String>>>()?,
                    one => vec![scalar(one)?],
                };
                conditions.push(Self::parse(name, key, values)?);
            }
        }
        Some(conditions)
    }

    fn parse(name: &str, key: &str, values: Vec<String>) -> Option<Self> {
        let (set, bare) = match name.split_once(':') {
            Some(("ForAllValues", bare)) => (Some(Set::ForAllValues), bare),
            Some(("ForAnyValue", bare)) => (Some(Set::ForAnyValue), bare),
            Some(_) => return None,
            None => (None, name),
        };
        let (bare, if_exists) = bare.strip_suffix("IfExists").map_or((bare, false), |bare| (bare, true));
        let (_, operator, negated) = OPERATORS.iter().find(|(known, ..)| *known == bare)?;
        let number = |value: &String| value.parse::<f64>().is_ok();
        let valid = match operator {
            Operator::Null => {
                !if_exists && set.is_none() && values.iter().all(|value| value == "true" || value == "false")
            }
            Operator::Numeric(_) => values.iter().all(number),
            Operator::Date(_) => values.iter().all(|value| instant(value).is_some()),
            Operator::IpAddress => values.iter().all(|value| network(value).is_some()),
            _ => true,
        };
        let (operator, negated, key) = (*operator, *negated, normalised(key));
        (valid && !values.is_empty()).then_some(Self { operator, negated, if_exists, set, key, values })
    }

    /// Whether it holds of a request; `None` if nobody here knows its key.
    pub fn holds(&self, context: &Context) -> Option<bool> {
        Some(self.holds_of(&context.values(&self.key)?))
    }

    fn holds_of(&self, present: &[&str]) -> bool {
        if self.operator == Operator::Null {
            return self.values.iter().any(|wanted| (wanted == "true") == present.is_empty());
        }
        if present.is_empty() {
            // A missing key: every negated operator and every ForAllValues holds, all others do not.
            return self.if_exists || self.set == Some(Set::ForAllValues) || (self.negated && self.set.is_none());
        }
        let mut matches =
            present.iter().map(|value| self.values.iter().any(|wanted| self.compare(value, wanted)) != self.negated);
        match self.set {
            Some(Set::ForAllValues) => matches.all(|one| one),
            // Without a set's name, a key has one value.
            Some(Set::ForAnyValue) | None => matches.any(|one| one),
        }
    }

    fn compare(&self, value: &str, wanted: &str) -> bool {
        match self.operator {
            Operator::StringEquals => value == wanted,
            Operator::StringEqualsIgnoreCase => value.eq_ignore_ascii_case(wanted),
            Operator::StringLike | Operator::ArnLike => fits(wanted, value),
            Operator::Numeric(order) => ordered(order, value.parse::<f64>().ok(), wanted.parse::<f64>().ok()),
            Operator::Date(order) => ordered(order, instant(value), instant(wanted)),
            Operator::Bool => value.eq_ignore_ascii_case(wanted),
            Operator::IpAddress => {
                value.parse().is_ok_and(|address| network(wanted).is_some_and(|net| net.has(address)))
            }
            Operator::Null => false,
        }
    }
}

fn ordered<T: PartialOrd>(order: Order, value: Option<T>, wanted: Option<T>) -> bool {
    let (Some(value), Some(wanted)) = (value, wanted) else { return false };
    match order {
        Order::Equal => value == wanted,
        Order::Less => value < wanted,
        Order::LessOrEqual => value <= wanted,
        Order::Greater => value > wanted,
        Order::GreaterOrEqual => value >= wanted,
    }
}

/// Seconds since 1970, from an ISO 8601 time or date, or from the number itself.
fn instant(text: &str) -> Option<f64> {
    let time = || text.parse::<jiff::Timestamp>().ok();
    let date = || Some(text.parse::<jiff::civil::Date>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp());
    text.parse::<f64>().ok().or_else(|| Some(time().or_else(date)?.as_second() as f64))
}

struct Network {
    base: IpAddr,
    length: u32,
}

fn network(text: &str) -> Option<Network> {
    let (base, length) = text.split_once('/').map_or((text, None), |(base, length)| (base, Some(length)));
    let base: IpAddr = base.parse().ok()?;
    let width = if base.is_ipv4() { 32 } else { 128 };
    let length = length.map_or(Some(width), |length| length.parse().ok()).filter(|length| *length <= width)?;
    Some(Network { base, length })
}

impl Network {
    fn has(&self, address: IpAddr) -> bool {
        let bits = |address: IpAddr| match address {
            IpAddr::V4(address) => u128::from(u32::from(address)) << 96,
            IpAddr::V6(address) => u128::from(address),
        };
        let differing = bits(self.base) ^ bits(address);
        self.base.is_ipv4() == address.is_ipv4() && (self.length == 0 || differing >> (128 - self.length) == 0)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn operators() {
        let context = Context::new(
            [
                ("s3:prefix", "home/a"),
                ("aws:SourceIp", "10.1.2.3"),
                ("s3:max-keys", "10"),
                ("aws:SecureTransport", "false"),
                ("aws:CurrentTime", "2026-11-28T12:00:00Z"),
                ("tags", "a"),
                ("tags", "b"),
            ],
            |_| true,
        );
        #[rustfmt::skip] // source                                    condition                                                                              holds
        let table = [
            ("StringEquals",                                          json!({"StringEquals": {"S3:Prefix": ["x", "home/a"]}}),                               true),
            ("StringEquals: the case counts",                         json!({"StringEquals": {"s3:prefix": "HOME/a"}}),                                      false),
            ("StringEqualsIgnoreCase",                                json!({"StringEqualsIgnoreCase": {"s3:prefix": "HOME/a"}}),                            true),
            ("StringNotEquals: none of the values",                   json!({"StringNotEquals": {"s3:prefix": ["x", "home/a"]}}),                            false),
            ("StringNotEquals: a missing key",                        json!({"StringNotEquals": {"s3:x": "a"}}),                                             true),
            ("StringEquals: a missing key",                           json!({"StringEquals": {"s3:x": "a"}}),                                                false),
            ("StringEqualsIfExists: a missing key",                   json!({"StringEqualsIfExists": {"s3:x": "a"}}),                                        true),
            ("StringLike",                                            json!({"StringLike": {"s3:prefix": "home/*"}}),                                        true),
            ("Null: missing",                                         json!({"Null": {"s3:x": "true"}}),                                                     true),
            ("Null: there",                                           json!({"Null": {"s3:prefix": true}}),                                                  false),
            ("Null false: there",                                     json!({"Null": {"s3:prefix": "false"}}),                                               true),
            ("Bool",                                                  json!({"Bool": {"aws:SecureTransport": false}}),                                       true),
            ("IpAddress",                                             json!({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}),                                  true),
            ("NotIpAddress",                                          json!({"NotIpAddress": {"aws:SourceIp": ["10.0.0.0/8", "::1"]}}),                      false),
            ("NumericLessThanEquals",                                 json!({"NumericLessThanEquals": {"s3:max-keys": 10}}),                                 true),
            ("NumericGreaterThan",                                    json!({"NumericGreaterThan": {"s3:max-keys": "10"}}),                                  false),
            ("DateLessThan",                                          json!({"DateLessThan": {"aws:CurrentTime": "2026-11-29"}}),                            true),
            ("DateGreaterThan",                                       json!({"DateGreaterThan": {"aws:CurrentTime": "2026-11-28T12:00:01Z"}}),               false),
            ("ForAllValues",                                          json!({"ForAllValues:StringEquals": {"tags": ["a", "b", "c"]}}),                       true),
            ("ForAnyValue",                                           json!({"ForAnyValue:StringEquals": {"tags": "b"}}),                                    true),
            ("AND over operators",                                    json!({"StringLike": {"s3:prefix": "home/*"}, "Bool": {"aws:SecureTransport": "true"}}), false),
        ];
        for (source, block, expected) in table {
            let conditions = Condition::parse_block(&block).unwrap_or_else(|| panic!("{source}"));
            assert_eq!(
                conditions.iter().all(|condition| condition.holds(&context) == Some(true)),
                expected,
                "{source}: {block}"
            );
        }
        for block in [
            json!({"StringIs": {"a": "b"}}),
            json!({"NullIfExists": {"a": "true"}}),
            json!({"NumericEquals": {"a": "x"}}),
            json!({"IpAddress": {"a": "x"}}),
            json!([]),
        ] {
            assert_eq!(Condition::parse_block(&block), None, "{block}");
        }
    }

    #[test]
    fn instants() {
        for (text, expected) in [
            ("1970-01-01", 0.0),
            ("2000-02-29T00:00:01Z", 951_782_401.0),
            ("2026-11-28T12:00:00Z", 1_795_867_200.0),
            ("2026-11-28T14:00:00+02:00", 1_795_867_200.0),
            ("2026-11-28T07:30-04:30", 1_795_867_200.0),
            ("17", 17.0),
        ] {
            assert_eq!(instant(text), Some(expected), "{text}");
        }
        assert_eq!((instant("yesterday"), instant("2026-11-28T12:00:00+x")), (None, None));
    }
}
