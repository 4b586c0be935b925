//! The conditions of a statement: AND over operators and keys, OR over the values of one key. What cannot be evaluated is neither
//! true nor false: a deny then applies and an allow does not.
use sekisho_iam::{Comparison, Operator};
use serde_json::Value;

use crate::Context;
use crate::pattern::Pattern;
use crate::variable::Variable;

/// One operator over one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    operator: Operator,
    /// As it is written.
    key: Box<str>,
    /// `None`: a key we know nothing about.
    variable: Option<Variable>,
    values: Vec<Wanted>,
}

/// A value that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Wanted {
    Text(Pattern),
    /// "Each of the six colon-delimited components of the ARN is checked separately" (IAM user guide: ARN condition operators).
    Arn([Pattern; ARN_COMPONENTS]),
}

const ARN_COMPONENTS: usize = 6;

impl Condition {
    /// The conditions of a `Condition` element.
    pub fn parse_block(block: &Value) -> Result<Vec<Self>, String> {
        let operators = block.as_object().ok_or("not a JSON object")?;
        let mut conditions = Vec::new();
        for (name, keys) in operators {
            let keys = keys.as_object().ok_or_else(|| format!("`{name}` is not followed by an object of keys"))?;
            for (key, values) in keys {
                let values = match values {
                    Value::Array(values) => values.iter().map(scalar).collect::<Option<Vec<_>>>(),
                    one => scalar(one).map(|one| vec![one]),
                };
                let values = values.ok_or_else(|| format!("the values of `{key}` are not strings"))?;
                conditions.push(Self::parse(name, key, &values)?);
            }
        }
        Ok(conditions)
    }

    fn parse(name: &str, key: &str, values: &[String]) -> Result<Self, String> {
        let operator = Operator::parse(name).ok_or_else(|| format!("`{name}` is not an operator"))?;
        let comparison = operator.comparison();
        for value in values {
            // What a variable will be replaced by is not known yet.
            let known = comparison == Comparison::Null || !value.contains("${");
            if known && !accepts(comparison, value) {
                return Err(format!("`{name}` of `{key}`: `{value}` is not {}", wanted_of(comparison)));
            }
        }
        let values = values.iter().map(|value| Wanted::parse(comparison, value)).collect();
        Ok(Self { operator, key: key.into(), variable: Variable::parse(key), values })
    }

    /// `None`: it cannot be evaluated.
    pub fn holds(&self, context: &Context) -> Option<bool> {
        let present = context.values(self.variable.as_ref()?)?;
        self.operator.holds(&present, &self.values, |comparison, value, wanted| wanted.fits(comparison, value, context))
    }

    /// The key, if it is a variable, and those in the values.
    pub fn variables(&self) -> impl Iterator<Item = &Variable> {
        let patterns = self.values.iter().flat_map(Wanted::patterns);
        self.variable.iter().chain(patterns.flat_map(Pattern::variables))
    }

    /// The key, if it has no value in `context`, and variables that have none, all without `${}`.
    pub fn missing<'a>(&'a self, context: &'a Context) -> impl Iterator<Item = &'a str> {
        let known = self.variable.as_ref().and_then(|variable| context.values(variable));
        let key = known.is_none_or(|values| values.is_empty()).then_some(&*self.key);
        let patterns = self.values.iter().flat_map(Wanted::patterns);
        key.into_iter().chain(patterns.flat_map(|pattern| pattern.unresolved(context)))
    }
}

impl Wanted {
    fn parse(comparison: Comparison, text: &str) -> Self {
        if comparison == Comparison::Arn
            && let Ok(components) = <[_; ARN_COMPONENTS]>::try_from(arn_components(text))
        {
            return Self::Arn(components.map(Pattern::parse));
        }
        Self::Text(Pattern::parse(text))
    }

    fn fits(&self, comparison: Comparison, value: &str, context: &Context) -> Option<bool> {
        match self {
            Self::Arn(components) => {
                let values: Vec<_> = value.splitn(ARN_COMPONENTS, ':').collect();
                let pairs = components.iter().zip(&values);
                Some(
                    values.len() == ARN_COMPONENTS
                        && pairs.into_iter().all(|(wanted, value)| wanted.matches(value, context)),
                )
            }
            // An ARN is an ARN, whatever a single `*` says.
            Self::Text(wanted) if comparison == Comparison::Arn => {
                Some(value.splitn(ARN_COMPONENTS, ':').count() == ARN_COMPONENTS && wanted.matches(value, context))
            }
            Self::Text(wanted) if comparison == Comparison::StringLike => Some(wanted.matches(value, context)),
            Self::Text(wanted) => comparison.compare(value, &wanted.literal(context)),
        }
    }

    fn patterns(&self) -> &[Pattern] {
        match self {
            Self::Text(pattern) => std::slice::from_ref(pattern),
            Self::Arn(components) => components,
        }
    }
}

/// What stands between an ARN's first five colons, and the rest. A colon inside `${…}` belongs to a name.
fn arn_components(text: &str) -> Vec<&str> {
    let (mut components, mut begun, mut rest) = (Vec::new(), 0, 0);
    while components.len() + 1 < ARN_COMPONENTS
        && let Some(found) = text[rest..].find([':', '$'])
    {
        let at = rest + found;
        let name = text[at..].strip_prefix("${").and_then(|name| name.find('}'));
        match name {
            Some(length) => rest = at + "${".len() + length + "}".len(),
            None => {
                rest = at + 1;
                if text[at..].starts_with(':') {
                    components.push(&text[begun..at]);
                    begun = rest;
                }
            }
        }
    }
    components.push(&text[begun..]);
    components
}

/// IAM user guide, "Grammar of the IAM JSON policy language": a string, a number or a Boolean.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn accepts(comparison: Comparison, value: &str) -> bool {
    match comparison {
        Comparison::Bool => value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false"),
        comparison => comparison.accepts(value),
    }
}

fn wanted_of(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Null | Comparison::Bool => "true or false",
        Comparison::Numeric(_) => "a number",
        Comparison::Date(_) => "a date as ISO 8601 writes it, or seconds since 1970",
        Comparison::IpAddress => "an address or a network (203.0.113.0/24)",
        Comparison::StringEquals
        | Comparison::StringEqualsIgnoreCase
        | Comparison::StringLike
        | Comparison::Arn
        | Comparison::Binary => "accepted",
    }
}

#[cfg(test)]
mod tests {
    use sekisho_types::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::context::tests::{context, thing};

    #[test]
    fn operators() {
        let mut with =
            Context { source_ip: Some([10, 1, 2, 3].into()), last_will: true, thing: thing(true), ..context("pump-7") };
        with.certificate = Some(crate::certificate::tests::variables().into());
        with.now = Some(Timestamp::from_seconds(1_795_524_805)); // 2026-11-24T12:53:25Z
        let attributes = &mut with.thing.as_mut().unwrap().attributes;
        attributes.insert("bucket".into(), "arn:aws:s3:::lake".into());
        attributes.insert("role".into(), "arn:aws:iam::1:role/a:b".into());
        let bucket = "iot:Connection.Thing.Attributes[bucket]";
        let role = "iot:Connection.Thing.Attributes[role]";
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
            (json!({"IpAddress": {"aws:SourceIp": "${iot:ClientId}"}}),                            None),
            (json!({"IpAddressIfExists": {"aws:SourceIp": ["10.0.0.0/8", "::/0"]}}),               Some(true)),
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
            (json!({"BinaryEquals": {"iot:ClientId": "cHVtcC03"}}),                                None),
            (json!({"StringEquals": {hall: 3}}),                                                   Some(true)),
            (json!({"NumericEquals": {hall: [4, 3]}}),                                             Some(true)),
            (json!({"Bool": {"iot:Connection.Thing.IsAttached": [false, true]}}),                  Some(true)),
            (json!({"DateLessThan": {"aws:CurrentTime": "2030-01-01T00:00:00Z"}}),                 Some(true)),
            (json!({"DateGreaterThan": {"aws:CurrentTime": "2026-11-24T12:53:24Z"}}),              Some(true)),
            (json!({"DateGreaterThan": {"aws:CurrentTime": "2026-11-24T12:53:25Z"}}),              Some(false)),
            (json!({"DateGreaterThanEquals": {"aws:CurrentTime": "2026-11-24T14:53:25+02:00"}}),   Some(true)),
            (json!({"DateLessThanEquals": {"aws:CurrentTime": "2026-11-24"}}),                     Some(false)),
            (json!({"DateEquals": {"aws:CurrentTime": "1795524805"}}),                             Some(true)),
            (json!({"DateNotEquals": {"aws:CurrentTime": "2026-11-24"}}),                          Some(true)),
            (json!({"DateGreaterThan": {"aws:EpochTime": "2026-11-24T12:53:24Z"}}),                Some(true)),
            (json!({"NumericLessThanEquals": {"aws:EpochTime": 1795524805}}),                      Some(true)),
            (json!({"DateLessThan": {"iot:ClientId": "2030-01-01"}}),                              None),
            (json!({"DateLessThan": {"aws:CurrentTime": "${iot:ClientId}"}}),                      None),
            (json!({"ArnEquals": {bucket: "arn:aws:s3:::lake"}}),                                  Some(true)),
            (json!({"ArnEquals": {bucket: "arn:*:s3:::l*"}}),                                      Some(true)),
            (json!({"ArnLike": {bucket: "arn:aws:*"}}),                                            Some(true)),
            (json!({"ArnLike": {bucket: "arn:aws:*:lake"}}),                                       Some(true)),
            (json!({"ArnLike": {bucket: "*:lake:*::::*"}}),                                        Some(false)),
            (json!({"ArnLike": {bucket: "arn:aws:s3:*:lake:*"}}),                                  Some(false)),
            (json!({"ArnLike": {role: "arn:aws:iam::1:role/*"}}),                                  Some(true)),
            (json!({"ArnNotLike": {role: "arn:aws:iam::2:role/*"}}),                               Some(true)),
            (json!({"ArnNotEquals": {bucket: ["x", "arn:aws:s3:::lake"]}}),                        Some(false)),
            (json!({"ArnLike": {role: "arn:aws:iam::1:role/${iot:Connection.Thing.ThingName}"}}),  Some(false)),
            (json!({"ArnEquals": {"iot:ClientId": "pump-7"}}),                                     Some(false)),
            (json!({"ArnNotEqualsIfExists": {"iot:ClientId": "pump-7"}}),                          Some(true)),
            (json!({"ForAnyValue:StringLike": {"iot:Certificate.AvailableKeys": "iot:Certificate.Subject.*"}}), Some(true)),
            (json!({"ForAllValues:StringLike": {"iot:Certificate.AvailableKeys": "iot:Certificate.Subject.*"}}), Some(false)),
            (json!({"Null": {"iot:Certificate.SerialNumber": "false", }}),                         Some(true)),
            (json!({"Null": {"iot:Certificate.Subject.Country": "false"}}),                        Some(false)),
            (json!({"StringEquals": {"iot:DomainName": "x"}}),                                     Some(false)),
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
    fn an_arn_has_six_components() {
        #[rustfmt::skip] // text                          components
        let table: &[(&str, &[&str])] = &[
            ("arn:aws:iot:r:1:topic/a:b",                  &["arn", "aws", "iot", "r", "1", "topic/a:b"]),
            ("arn:aws:iot:r:1:topic/${iot:ClientId}:b",    &["arn", "aws", "iot", "r", "1", "topic/${iot:ClientId}:b"]),
            ("arn:aws:${iot:ClientId}:r:1:x",              &["arn", "aws", "${iot:ClientId}", "r", "1", "x"]),
            ("arn:$:${a:b",                                &["arn", "$", "${a", "b"]),
            ("*",                                          &["*"]),
            ("",                                           &[""]),
        ];
        for (text, expected) in table {
            assert_eq!(arn_components(text), *expected, "{text}");
        }
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
            (json!({"Null": {"a": "maybe"}}),                              "`Null` of `a`: `maybe` is not true or false"),
            (json!({"Null": {"a": "${iot:ClientId}"}}),                    "`Null` of `a`: `${iot:ClientId}` is not true or false"),
            (json!({"BoolIfExists": {"a": "maybe"}}),                      "`BoolIfExists` of `a`: `maybe` is not true or false"),
            (json!({"NumericEquals": {"a": ["1", "x"]}}),                  "`NumericEquals` of `a`: `x` is not a number"),
            (json!({"DateLessThan": {"a": "tomorrow"}}),                   "`DateLessThan` of `a`: `tomorrow` is not a date as ISO 8601 writes it, or seconds since 1970"),
            (json!({"IpAddress": {"a": "nonsense"}}),                      "`IpAddress` of `a`: `nonsense` is not an address or a network (203.0.113.0/24)"),
            (json!({"NotIpAddress": {"a": "10.0.0.0/33"}}),                "`NotIpAddress` of `a`: `10.0.0.0/33` is not an address or a network (203.0.113.0/24)"),
            (json!({"StringEquals": "b"}),                                 "`StringEquals` is not followed by an object of keys"),
            (json!({"StringEquals": {"a": [null]}}),                       "the values of `a` are not strings"),
        ];
        for (block, expected) in table {
            assert_eq!(Condition::parse_block(&block).unwrap_err(), expected, "{block}");
        }
    }
}
