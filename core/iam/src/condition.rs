//! The conditions of a statement: AND over operators and keys, OR over the values of one key.
use serde_json::Value;

use crate::evaluate::normalised;
use crate::{Context, Operator};

/// One operator over one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    operator: Operator,
    /// As [`normalised`] writes it.
    key: String,
    values: Vec<String>,
}

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
        let operator = Operator::parse(name)?;
        let valid = !values.is_empty() && values.iter().all(|value| operator.comparison().accepts(value));
        valid.then(|| Self { operator, key: normalised(key), values })
    }

    /// Whether it holds of a request; `None` if that cannot be said, as of a key nobody here knows.
    pub fn holds(&self, context: &Context) -> Option<bool> {
        let present = context.values(&self.key)?;
        self.operator.holds(&present, &self.values, |comparison, value, wanted| comparison.compare(value, wanted))
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
}
