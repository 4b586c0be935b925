//! The conditions of a statement: AND over operators and keys, OR over the values of one key. What cannot be evaluated is neither
//! true nor false: a deny then applies and an allow does not.
use sekisho_iam::{Comparison, Operator};
use serde_json::Value;

use crate::Context;
use crate::document::strings;
use crate::pattern::Pattern;
use crate::variable::Variable;

/// One operator over one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    operator: Operator,
    /// `None`: a key we know nothing about.
    key: Option<Variable>,
    values: Vec<Pattern>,
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
        let operator = Operator::parse(name).ok_or_else(|| format!("`{name}` is not an operator"))?;
        let comparison = operator.comparison();
        if comparison == Comparison::Null && !values.iter().all(|value| comparison.accepts(value)) {
            return Err(format!("`Null` of `{key}` is neither true nor false"));
        }
        let values = values.iter().map(|value| Pattern::parse(value)).collect();
        Ok(Self { operator, key: Variable::parse(key), values })
    }

    /// `None`: it cannot be evaluated.
    pub fn holds(&self, context: &Context) -> Option<bool> {
        // IAM has these, but no key of ours has such values.
        if matches!(self.operator.comparison(), Comparison::Date(_) | Comparison::Arn | Comparison::Binary) {
            return None;
        }
        let present = context.values(self.key.as_ref()?)?;
        self.operator.holds(&present, &self.values, |comparison, value, wanted| match comparison {
            Comparison::StringLike => Some(wanted.matches(value, context)),
            comparison => comparison.compare(value, &wanted.literal(context)),
        })
    }
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
