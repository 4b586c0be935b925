//! Condition operators (IAM user guide, "IAM JSON policy elements: Condition operators").
//!
//! AND over operators and keys, OR over the values of one key. What cannot be evaluated is neither true nor false: a deny
//! then applies and an allow does not.
use std::net::IpAddr;

use serde_json::Value;

use crate::Context;
use crate::document::strings;
use crate::pattern::Pattern;

/// One operator over one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    operator: Operator,
    negated: bool,
    if_exists: bool,
    set: Option<Set>,
    key: String,
    values: Vec<Pattern>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    StringEquals,
    StringEqualsIgnoreCase,
    StringLike,
    NumericEquals,
    NumericLessThan,
    NumericLessThanEquals,
    NumericGreaterThan,
    NumericGreaterThanEquals,
    Bool,
    Null,
    IpAddress,
    /// IAM has it; no key of ours has such values yet.
    Unevaluated,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    ForAllValues,
    ForAnyValue,
}

impl Condition {
    /// The conditions of a `Condition` element.
    pub fn parse_block(block: &Value) -> Result<Vec<Self>, String> {
        let operators = block.as_object().ok_or("not a JSON object")?;
        let mut conditions = Vec::new();
        for (name, keys) in operators {
            let keys = keys.as_object().ok_or_else(|| format!("`{name}` is not followed by an object of keys"))?;
            for (key, values) in keys {
                let values = match values {
                    Value::Bool(value) => vec![value.to_string()],
                    Value::Number(value) => vec![value.to_string()],
                    other => strings(other).ok_or_else(|| format!("the values of `{key}` are not strings"))?,
                };
                conditions.push(Self::parse(name, key, &values)?);
            }
        }
        Ok(conditions)
    }

    fn parse(name: &str, key: &str, values: &[String]) -> Result<Self, String> {
        let (set, bare) = match name.split_once(':') {
            Some(("ForAllValues", bare)) => (Some(Set::ForAllValues), bare),
            Some(("ForAnyValue", bare)) => (Some(Set::ForAnyValue), bare),
            Some(_) => return Err(format!("`{name}` is not an operator")),
            None => (None, name),
        };
        let (bare, if_exists) = bare.strip_suffix("IfExists").map_or((bare, false), |bare| (bare, true));
        let (operator, negated) = match bare {
            "StringEquals" | "ArnEquals" => (Operator::StringEquals, false),
            "StringNotEquals" | "ArnNotEquals" => (Operator::StringEquals, true),
            "StringEqualsIgnoreCase" => (Operator::StringEqualsIgnoreCase, false),
            "StringNotEqualsIgnoreCase" => (Operator::StringEqualsIgnoreCase, true),
            "StringLike" | "ArnLike" => (Operator::StringLike, false),
            "StringNotLike" | "ArnNotLike" => (Operator::StringLike, true),
            "NumericEquals" => (Operator::NumericEquals, false),
            "NumericNotEquals" => (Operator::NumericEquals, true),
            "NumericLessThan" => (Operator::NumericLessThan, false),
            "NumericLessThanEquals" => (Operator::NumericLessThanEquals, false),
            "NumericGreaterThan" => (Operator::NumericGreaterThan, false),
            "NumericGreaterThanEquals" => (Operator::NumericGreaterThanEquals, false),
            "Bool" => (Operator::Bool, false),
            "Null" => (Operator::Null, false),
            "IpAddress" => (Operator::IpAddress, false),
            "NotIpAddress" => (Operator::IpAddress, true),
            "DateEquals"
            | "DateNotEquals"
            | "DateLessThan"
            | "DateLessThanEquals"
            | "DateGreaterThan"
            | "DateGreaterThanEquals"
            | "BinaryEquals" => (Operator::Unevaluated, false),
            _ => return Err(format!("`{name}` is not an operator")),
        };
        let values = values.iter().map(|value| Pattern::parse(value)).collect();
        Ok(Self { operator, negated, if_exists, set, key: key.to_owned(), values })
    }

    /// `None`: it cannot be evaluated.
    pub fn holds(&self, context: &Context) -> Option<bool> {
        if self.operator == Operator::Unevaluated {
            return None;
        }
        let present = context.values(&self.key);
        if self.operator == Operator::Null {
            let wanted = self.values.first()?.literal(context);
            return Some((wanted == "true") == present.is_empty());
        }
        if present.is_empty() {
            // A missing key: every negated operator and every ForAllValues holds, all others do not.
            return Some(self.if_exists || self.set == Some(Set::ForAllValues) || (self.negated && self.set.is_none()));
        }
        let matches = |value: &str| -> Option<bool> {
            let any = self
                .values
                .iter()
                .map(|pattern| self.compare(value, pattern, context))
                .try_fold(false, |any, one| Some(any | one?))?;
            Some(any != self.negated)
        };
        match self.set {
            Some(Set::ForAnyValue) => present.iter().try_fold(false, |any, value| Some(any | matches(value)?)),
            Some(Set::ForAllValues) | None => present.iter().try_fold(true, |all, value| Some(all & matches(value)?)),
        }
    }

    fn compare(&self, value: &str, pattern: &Pattern, context: &Context) -> Option<bool> {
        let numbers = || Some((value.parse::<f64>().ok()?, pattern.literal(context).parse::<f64>().ok()?));
        Some(match self.operator {
            Operator::StringEquals => value == pattern.literal(context),
            Operator::StringEqualsIgnoreCase => value.eq_ignore_ascii_case(&pattern.literal(context)),
            Operator::StringLike => pattern.matches(value, context),
            Operator::NumericEquals => numbers().map(|(a, b)| a == b)?,
            Operator::NumericLessThan => numbers().map(|(a, b)| a < b)?,
            Operator::NumericLessThanEquals => numbers().map(|(a, b)| a <= b)?,
            Operator::NumericGreaterThan => numbers().map(|(a, b)| a > b)?,
            Operator::NumericGreaterThanEquals => numbers().map(|(a, b)| a >= b)?,
            Operator::Bool => value.eq_ignore_ascii_case(&pattern.literal(context)),
            Operator::IpAddress => in_network(value.parse().ok()?, &pattern.literal(context))?,
            Operator::Null | Operator::Unevaluated => return None,
        })
    }
}

/// Whether `address` is in `network`, written `10.0.0.0/8`, `2001:db8::/32` or as one address.
fn in_network(address: IpAddr, network: &str) -> Option<bool> {
    let (base, length) = network.split_once('/').map_or((network, None), |(base, length)| (base, Some(length)));
    let (address, base, width) = match (address, base.parse::<IpAddr>().ok()?) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (u128::from(u32::from(a)), u128::from(u32::from(b)), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => (u128::from(a), u128::from(b), 128),
        _ => return Some(false),
    };
    let length: u32 = length.map_or(Some(width), |length| length.parse().ok())?;
    let host_bits = width.checked_sub(length)?;
    Some(address.checked_shr(host_bits).unwrap_or(0) == base.checked_shr(host_bits).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::context::tests::context;

    #[test]
    fn operators() {
        let with = Context { source_ip: Some([10, 1, 2, 3].into()), last_will: true, ..context("pump-7") };
        #[rustfmt::skip] // condition                                                          holds
        let table = [
            (json!({"StringEquals": {"iot:ClientId": "pump-7"}}),                                  Some(true)),
            (json!({"StringEquals": {"iot:ClientId": ["pump-8", "pump-7"]}}),                      Some(true)),
            (json!({"StringEquals": {"iot:ClientId": "PUMP-7"}}),                                  Some(false)),
            (json!({"StringEqualsIgnoreCase": {"iot:ClientId": "PUMP-7"}}),                        Some(true)),
            (json!({"StringNotEquals": {"iot:ClientId": "pump-7"}}),                               Some(false)),
            (json!({"StringNotEquals": {"iot:Nothing": "x"}}),                                     Some(true)),
            (json!({"StringEquals": {"iot:Nothing": "x"}}),                                        Some(false)),
            (json!({"StringEqualsIfExists": {"iot:Nothing": "x"}}),                                Some(true)),
            (json!({"StringLike": {"iot:ClientId": "pump-*"}}),                                    Some(true)),
            (json!({"StringEquals": {"iot:ClientId": "pump-*"}}),                                  Some(false)),
            (json!({"StringEquals": {"iot:ClientId": "${iot:ClientId}"}}),                         Some(true)),
            (json!({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}),                                 Some(true)),
            (json!({"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}),                              Some(false)),
            (json!({"IpAddress": {"aws:SourceIp": "2001:db8::/32"}}),                              Some(false)),
            (json!({"IpAddress": {"aws:SourceIp": "nonsense"}}),                                   None),
            (json!({"NumericLessThan": {"aws:EpochTime": "2000"}}),                                Some(true)),
            (json!({"NumericGreaterThan": {"aws:EpochTime": 2000}}),                               Some(false)),
            (json!({"NumericEquals": {"iot:ClientId": "7"}}),                                      None),
            (json!({"Null": {"iot:Nothing": "true"}}),                                             Some(true)),
            (json!({"Null": {"iot:ClientId": "true"}}),                                            Some(false)),
            (json!({"ForAllValues:StringEquals": {"iot:ConnectAttributes": ["LastWill"]}}),        Some(true)),
            (json!({"ForAllValues:StringEquals": {"iot:Nothing": ["LastWill"]}}),                  Some(true)),
            (json!({"ForAnyValue:StringEquals": {"iot:ConnectAttributes": ["PersistentConnect"]}}), Some(false)),
            (json!({"ForAnyValue:StringEquals": {"iot:Nothing": ["x"]}}),                          Some(false)),
            (json!({"DateLessThan": {"aws:CurrentTime": "2030-01-01T00:00:00Z"}}),                 None),
        ];
        for (block, expected) in table {
            let conditions = Condition::parse_block(&block).unwrap();
            assert_eq!(conditions[0].holds(&with), expected, "{block}");
        }
        assert_eq!(
            Condition::parse_block(&json!({"StringIs": {"a": "b"}})).unwrap_err(),
            "`StringIs` is not an operator"
        );
    }
}
