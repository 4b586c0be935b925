//! Condition operators (IAM user guide: "IAM JSON policy elements: Condition operators").
//!
//! AND over operators and keys, OR over the values of one key. What cannot be evaluated is neither true nor false: a deny
//! then applies and an allow does not.
use std::net::IpAddr;

use serde_json::Value;

use crate::Context;
use crate::document::strings;
use crate::pattern::Pattern;
use crate::variable::Variable;

/// One operator over one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    operator: Operator,
    negated: bool,
    if_exists: bool,
    set: Option<Set>,
    /// `None`: a key we know nothing about.
    key: Option<Variable>,
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
    /// IAM has it, but no key of ours has such values.
    Unevaluated,
}

/// How to compare a key that has several values (IAM user guide: "Multivalued context keys").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    ForAllValues,
    ForAnyValue,
}

#[rustfmt::skip] // operator            negated  name
const OPERATORS: &[(Operator,           bool,    &[&str])] = &[
    (Operator::StringEquals,            false,   &["StringEquals"]),
    (Operator::StringEquals,            true,    &["StringNotEquals"]),
    (Operator::StringEqualsIgnoreCase,  false,   &["StringEqualsIgnoreCase"]),
    (Operator::StringEqualsIgnoreCase,  true,    &["StringNotEqualsIgnoreCase"]),
    (Operator::StringLike,              false,   &["StringLike"]),
    (Operator::StringLike,              true,    &["StringNotLike"]),
    (Operator::NumericEquals,           false,   &["NumericEquals"]),
    (Operator::NumericEquals,           true,    &["NumericNotEquals"]),
    (Operator::NumericLessThan,         false,   &["NumericLessThan"]),
    (Operator::NumericLessThanEquals,   false,   &["NumericLessThanEquals"]),
    (Operator::NumericGreaterThan,      false,   &["NumericGreaterThan"]),
    (Operator::NumericGreaterThanEquals, false,  &["NumericGreaterThanEquals"]),
    (Operator::Bool,                    false,   &["Bool"]),
    (Operator::Null,                    false,   &["Null"]),
    (Operator::IpAddress,               false,   &["IpAddress"]),
    (Operator::IpAddress,               true,    &["NotIpAddress"]),
    (Operator::Unevaluated,             false,   &["DateEquals", "DateNotEquals", "DateLessThan", "DateLessThanEquals",
                                                   "DateGreaterThan", "DateGreaterThanEquals", "BinaryEquals",
                                                   "ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"]),
];

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
        let operator = OPERATORS.iter().find(|(_, _, names)| names.contains(&bare));
        let (operator, negated) = match operator {
            // IAM user guide: "You can add IfExists to the end of any condition operator name except the Null condition".
            Some((Operator::Null, ..)) if if_exists || set.is_some() => {
                return Err(format!("`{name}` is not an operator"));
            }
            Some((operator, negated, _)) => (*operator, *negated),
            None => return Err(format!("`{name}` is not an operator")),
        };
        if operator == Operator::Null && values.iter().any(|value| value != "true" && value != "false") {
            return Err(format!("`Null` of `{key}` is neither true nor false"));
        }
        let values = values.iter().map(|value| Pattern::parse(value)).collect();
        Ok(Self { operator, negated, if_exists, set, key: Variable::parse(key), values })
    }

    /// `None`: it cannot be evaluated.
    pub fn holds(&self, context: &Context) -> Option<bool> {
        let present = context.values(self.key.as_ref()?)?;
        match self.operator {
            Operator::Unevaluated => return None,
            Operator::Null => return self.any(|value| Some((value.literal(context) == "true") == present.is_empty())),
            _ => {}
        }
        if present.is_empty() {
            // A missing key: every negated operator and every ForAllValues holds, all others do not.
            return Some(self.if_exists || self.set == Some(Set::ForAllValues) || (self.negated && self.set.is_none()));
        }
        let mut matches =
            present.iter().map(|value| Some(self.any(|wanted| self.compare(value, wanted, context))? != self.negated));
        match self.set {
            Some(Set::ForAnyValue) => matches.try_fold(false, |any, one| Some(any | one?)),
            Some(Set::ForAllValues) => matches.try_fold(true, |all, one| Some(all & one?)),
            // IAM leaves open what several values mean to an operator without a set's name.
            None if present.len() > 1 => None,
            None => matches.next()?,
        }
    }

    /// Whether `matches` says so of any of the values; `None` as soon as it cannot say.
    fn any(&self, matches: impl Fn(&Pattern) -> Option<bool>) -> Option<bool> {
        self.values.iter().try_fold(false, |any, value| Some(any | matches(value)?))
    }

    fn compare(&self, value: &str, wanted: &Pattern, context: &Context) -> Option<bool> {
        let numbers = || Some((value.parse::<f64>().ok()?, wanted.literal(context).parse::<f64>().ok()?));
        match self.operator {
            Operator::StringEquals => Some(value == wanted.literal(context)),
            Operator::StringEqualsIgnoreCase => Some(value.eq_ignore_ascii_case(&wanted.literal(context))),
            Operator::StringLike => Some(wanted.matches(value, context)),
            Operator::NumericEquals => numbers().map(|(value, wanted)| value == wanted),
            Operator::NumericLessThan => numbers().map(|(value, wanted)| value < wanted),
            Operator::NumericLessThanEquals => numbers().map(|(value, wanted)| value <= wanted),
            Operator::NumericGreaterThan => numbers().map(|(value, wanted)| value > wanted),
            Operator::NumericGreaterThanEquals => numbers().map(|(value, wanted)| value >= wanted),
            Operator::Bool => Some(value.eq_ignore_ascii_case(&wanted.literal(context))),
            Operator::IpAddress => in_network(value.parse().ok()?, &wanted.literal(context)),
            Operator::Null | Operator::Unevaluated => None,
        }
    }
}

/// Whether `address` is in `network`, written `10.0.0.0/8`, `2001:db8::/32` or as one address; `None` if that is no network.
fn in_network(address: IpAddr, network: &str) -> Option<bool> {
    let (base, length) = network.split_once('/').map_or((network, None), |(base, length)| (base, Some(length)));
    let bits = |address: IpAddr| match address {
        IpAddr::V4(address) => (u128::from(u32::from(address)), 32),
        IpAddr::V6(address) => (u128::from(address), 128),
    };
    let ((address, address_width), (base, width)) = (bits(address), bits(base.parse().ok()?));
    let length: u32 = length.map_or(Some(width), |length| length.parse().ok())?;
    let host_bits = width.checked_sub(length)?;
    let network_of = |bits: u128| bits.checked_shr(host_bits).unwrap_or(0);
    Some(address_width == width && network_of(address) == network_of(base))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::context::tests::{context, thing};

    #[test]
    fn operators() {
        let mut with =
            Context { source_ip: Some([10, 1, 2, 3].into()), last_will: true, thing: thing(true), ..context("pump-7") };
        with.certificate = Some(crate::certificate::tests::variables().into());
        let hall = "iot:Connection.Thing.Attributes[hall]";
        let none = "iot:Connection.Thing.Attributes[none]";
        let units = "iot:Certificate.Subject.OrganizationalUnit.List";
        #[rustfmt::skip] // condition                                                          holds
        let table = [
            (json!({"StringEquals": {"iot:ClientId": "pump-7"}}),                                  Some(true)),
            (json!({"StringEquals": {"IOT:CLIENTID": "pump-7"}}),                                  Some(true)),
            (json!({"StringEquals": {"iot:ClientId": ["pump-8", "pump-7"]}}),                      Some(true)),
            (json!({"StringEquals": {"iot:ClientId": "PUMP-7"}}),                                  Some(false)),
            (json!({"StringEquals": {"iot:ClientId": "pump-*"}}),                                  Some(false)),
            (json!({"StringEquals": {"iot:ClientId": "${iot:ClientId}"}}),                         Some(true)),
            (json!({"StringEquals": {"iot:ClientId": []}}),                                        Some(false)),
            (json!({"StringEqualsIgnoreCase": {"iot:ClientId": "PUMP-7"}}),                        Some(true)),
            (json!({"StringNotEqualsIgnoreCase": {"iot:ClientId": "PUMP-7"}}),                     Some(false)),
            (json!({"StringNotEquals": {"iot:ClientId": "pump-7"}}),                               Some(false)),
            (json!({"StringNotEquals": {"iot:ClientId": ["pump-8", "pump-7"]}}),                   Some(false)),
            (json!({"StringNotEquals": {none: "x"}}),                                              Some(true)),
            (json!({"StringEquals": {none: "x"}}),                                                 Some(false)),
            (json!({"StringEqualsIfExists": {none: "x"}}),                                         Some(true)),
            (json!({"StringLike": {"iot:ClientId": "pump-*"}}),                                    Some(true)),
            (json!({"StringNotLike": {"iot:ClientId": "pump-?"}}),                                 Some(false)),
            (json!({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}),                                 Some(true)),
            (json!({"IpAddress": {"aws:SourceIp": "10.1.2.3"}}),                                   Some(true)),
            (json!({"IpAddress": {"aws:SourceIp": ["10.2.0.0/16", "10.1.0.0/16"]}}),               Some(true)),
            (json!({"IpAddress": {"aws:SourceIp": "0.0.0.0/0"}}),                                  Some(true)),
            (json!({"IpAddress": {"aws:SourceIp": "::/0"}}),                                       Some(false)),
            (json!({"IpAddress": {"aws:SourceIp": "2001:db8::/32"}}),                              Some(false)),
            (json!({"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}),                              Some(false)),
            (json!({"IpAddress": {"aws:SourceIp": "nonsense"}}),                                   None),
            (json!({"IpAddress": {"aws:SourceIp": "10.0.0.0/33"}}),                                None),
            (json!({"NumericLessThan": {hall: "4"}}),                                              Some(true)),
            (json!({"NumericLessThanEquals": {hall: 3}}),                                          Some(true)),
            (json!({"NumericGreaterThan": {hall: 3}}),                                             Some(false)),
            (json!({"NumericGreaterThanEquals": {hall: "3.0"}}),                                   Some(true)),
            (json!({"NumericEquals": {hall: "3.0"}}),                                              Some(true)),
            (json!({"NumericNotEquals": {hall: "3.0"}}),                                           Some(false)),
            (json!({"NumericEquals": {"iot:ClientId": "7"}}),                                      None),
            (json!({"Bool": {"iot:Connection.Thing.IsAttached": true}}),                           Some(true)),
            (json!({"Bool": {"iot:Connection.Thing.IsAttached": "false"}}),                        Some(false)),
            (json!({"Null": {none: "true"}}),                                                      Some(true)),
            (json!({"Null": {"iot:ClientId": true}}),                                              Some(false)),
            (json!({"Null": {"iot:ClientId": ["true", "false"]}}),                                 Some(true)),
            (json!({"ForAllValues:StringEquals": {"iot:ConnectAttributes": ["LastWill"]}}),        Some(true)),
            (json!({"ForAllValues:StringNotEquals": {"iot:ConnectAttributes": ["LastWill"]}}),     Some(false)),
            (json!({"ForAllValues:StringEquals": {none: ["x"]}}),                                  Some(true)),
            (json!({"ForAnyValue:StringEquals": {"iot:ConnectAttributes": ["PersistentConnect"]}}), Some(false)),
            (json!({"ForAnyValue:StringEquals": {none: ["x"]}}),                                   Some(false)),
            (json!({"ForAnyValue:StringNotEquals": {none: ["x"]}}),                                Some(false)),
            (json!({"ForAllValues:StringEquals": {units: ["north"]}}),                             Some(false)),
            (json!({"ForAllValues:StringEquals": {units: ["north", "hall 3", "x"]}}),              Some(true)),
            (json!({"ForAnyValue:StringEquals": {units: ["north"]}}),                              Some(true)),
            (json!({"ForAnyValue:StringNotEquals": {units: ["north"]}}),                           Some(true)),
            (json!({"StringEquals": {units: ["north"]}}),                                          None),
            (json!({"StringEquals": {"iot:Nothing": "x"}}),                                        None),
            (json!({"StringNotEquals": {"aws:SourceVpc": "x"}}),                                   None),
            (json!({"StringEqualsIfExists": {"iot:Nothing": "x"}}),                                None),
            (json!({"Null": {"iot:Nothing": "true"}}),                                             None),
            (json!({"DateLessThan": {"aws:CurrentTime": "2030-01-01T00:00:00Z"}}),                 None),
            (json!({"ArnEquals": {"iot:ClientId": "pump-7"}}),                                     None),
        ];
        for (block, expected) in table {
            let conditions = Condition::parse_block(&block).unwrap();
            assert_eq!(conditions[0].holds(&with), expected, "{block}");
        }
        let unknown = Context { certificate: None, ..with };
        let condition =
            Condition::parse_block(&json!({"StringNotEquals": {"iot:Certificate.Subject.CommonName": "x"}})).unwrap();
        assert_eq!(condition[0].holds(&unknown), None);
    }

    #[test]
    fn malformed_conditions_are_told_why() {
        #[rustfmt::skip] // block                                          why
        let table = [
            (json!({"StringIs": {"a": "b"}}),                              "`StringIs` is not an operator"),
            (json!({"stringequals": {"a": "b"}}),                          "`stringequals` is not an operator"),
            (json!({"ForSome:StringEquals": {"a": "b"}}),                  "`ForSome:StringEquals` is not an operator"),
            (json!({"NullIfExists": {"a": "true"}}),                       "`NullIfExists` is not an operator"),
            (json!({"ForAnyValue:Null": {"a": "true"}}),                   "`ForAnyValue:Null` is not an operator"),
            (json!({"Null": {"a": "maybe"}}),                              "`Null` of `a` is neither true nor false"),
            (json!({"StringEquals": "b"}),                                 "`StringEquals` is not followed by an object of keys"),
            (json!({"StringEquals": {"a": [1]}}),                          "the values of `a` are not strings"),
        ];
        for (block, expected) in table {
            assert_eq!(Condition::parse_block(&block).unwrap_err(), expected, "{block}");
        }
    }
}
