//! One JSON object from path, query, headers and body, by the operation's table.
//!
//! Handlers read members by the model's names and never see where one stood.
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::HeaderMap;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Number, Value};

use crate::ApiError;
use crate::table::{Kind, Location, Member, Shape};

/// The parts of a REST request that members come from.
pub(crate) struct Parts<'a> {
    /// Still encoded.
    pub(crate) labels: &'a [(&'static str, &'a str)],
    pub(crate) raw_query: &'a str,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a Bytes,
}

/// Binds a rest-json request. Members no table knows are left out, as are those that are `null`.
pub(crate) fn rest_json(shape: Option<&'static Shape>, parts: &Parts<'_>) -> Result<Value, ApiError> {
    let Some(shape) = shape else { return Ok(Value::Object(Map::new())) };
    let query = query_pairs(parts.raw_query, false);
    let wants = |location| shape.members.iter().any(|member| member.location == location);
    let mut body = if wants(Location::Body) { json_object(parts.body)? } else { Map::new() };
    let mut out = Map::new();
    for member in shape.members {
        let value = match member.location {
            Location::Uri => {
                let label = parts.labels.iter().find(|(name, _)| *name == member.wire);
                label.map(|(_, raw)| decode(raw)).transpose()?.map(|text| scalar(member, text))
            }
            Location::Query => {
                let mut values = query.iter().filter(|(name, _)| name == member.wire).map(|(_, value)| value.clone());
                match member.kind {
                    Kind::List(..) => {
                        let all: Vec<Value> = values.map(Value::String).collect();
                        (!all.is_empty()).then_some(Value::Array(all))
                    }
                    _ => values.next().map(|text| scalar(member, text)),
                }
            }
            Location::Header => {
                let value = parts.headers.get(member.wire).map(|value| String::from_utf8_lossy(value.as_bytes()));
                value.map(|text| scalar(member, text.into_owned()))
            }
            Location::Body => body.remove(member.wire),
            Location::Payload => match member.kind {
                Kind::Blob(_) => Some(Value::String(BASE64_STANDARD.encode(parts.body))),
                _ if parts.body.is_empty() => None,
                _ => Some(Value::Object(json_object(parts.body)?)),
            },
        };
        if let Some(value) = value.filter(|value| !value.is_null()) {
            out.insert(member.name.to_owned(), value);
        }
    }
    Ok(Value::Object(out))
}

/// The object a body holds; none at all counts as `{}`.
pub(crate) fn json_object(body: &[u8]) -> Result<Map<String, Value>, ApiError> {
    if body.is_empty() {
        return Ok(Map::new());
    }
    let refused = || ApiError::new(400, "SerializationException", "The request body is not a JSON object");
    serde_json::from_slice(body).map_err(|error| refused().because(error))
}

/// The pairs of a raw query, decoded; a name without `=` has an empty value.
pub(crate) fn query_pairs(raw_query: &str, plus_is_space: bool) -> Vec<(String, String)> {
    let text = |raw: &str| {
        let raw = if plus_is_space { raw.replace('+', " ") } else { raw.to_owned() };
        percent_decode_str(&raw).decode_utf8_lossy().into_owned()
    };
    let parts = raw_query.split('&').filter(|part| !part.is_empty());
    parts.map(|part| part.split_once('=').unwrap_or((part, ""))).map(|(n, v)| (text(n), text(v))).collect()
}

fn decode(raw: &str) -> Result<String, ApiError> {
    let text = percent_decode_str(raw).decode_utf8();
    text.map(std::borrow::Cow::into_owned)
        .map_err(|_| ApiError::new(400, "InvalidRequestException", "The path is not UTF-8"))
}

/// What stands as text outside the body, as the JSON its kind asks for. Text that is no such thing stays text, and
/// validation names it.
fn scalar(member: &Member, text: String) -> Value {
    match member.kind {
        Kind::Boolean => text.parse().map_or(Value::String(text), Value::Bool),
        Kind::Integer(_) => text.parse::<i64>().map_or(Value::String(text), Value::from),
        Kind::Number(_) => {
            let number = text.parse().ok().and_then(Number::from_f64);
            number.map_or(Value::String(text), Value::Number)
        }
        _ => Value::String(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Service, route, validate};
    use expect_test::expect;

    fn bind(method: &str, uri: &str, headers: &[(&'static str, &'static str)], body: &'static str) -> String {
        let (path, raw_query) = uri.split_once('?').unwrap_or((uri, ""));
        let service = if path.starts_with("/topics") { Service::IotData } else { Service::Iot };
        let route = route::rest_json(service, method, path).unwrap();
        let headers = headers.iter().map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap())).collect();
        let body = Bytes::from_static(body.as_bytes());
        let parts = Parts { labels: &route.labels, raw_query, headers: &headers, body: &body };
        rest_json(route.operation.input, &parts).map_or_else(|e| e.to_string(), |value| value.to_string())
    }

    #[test]
    fn each_place_is_read() {
        let arn = ("x-amzn-principal", "arn:aws:iot:us-east-1:000000000000:cert/ab");
        let bound = [
            bind("PUT", "/things/a%3Ab/principals?thingPrincipalType=EXCLUSIVE_THING", &[arn], ""),
            bind("PUT", "/target-policies/p%2B", &[], r#"{"target":"t","unknown":1,"policyName":"smuggled"}"#),
            bind("GET", "/certificates?isAscendingOrder=true&pageSize=7", &[], ""),
            bind("GET", "/things?maxResults=many", &[], ""),
            bind("POST", "/rules/r", &[("x-amz-tagging", "k=v")], r#"{"sql":"SELECT * FROM 'a'","actions":[]}"#),
            bind("POST", "/untag", &[], r#"{"resourceArn":"r","tagKeys":null}"#),
            bind("POST", "/topics/a%2F%2Fb?qos=1&retain=false", &[], "hello"),
            bind("POST", "/keys-and-certificate?setAsActive=true", &[], ""),
            bind("PUT", "/target-policies/p", &[], "{"),
        ];
        expect![[r#"
            {"thingName":"a:b","principal":"arn:aws:iot:us-east-1:000000000000:cert/ab","thingPrincipalType":"EXCLUSIVE_THING"}
            {"policyName":"p+","target":"t"}
            {"pageSize":7,"ascendingOrder":true}
            {"maxResults":"many"}
            {"ruleName":"r","topicRulePayload":{"sql":"SELECT * FROM 'a'","actions":[]},"tags":"k=v"}
            {"resourceArn":"r"}
            {"topic":"a//b","qos":1,"retain":false,"payload":"aGVsbG8="}
            {"setAsActive":true}
            SerializationException: The request body is not a JSON object (EOF while parsing an object at line 1 column 1)"#]]
        .assert_eq(&bound.join("\n"));
    }

    #[test]
    fn a_topic_with_slashes_is_one_label() {
        assert_eq!(bind("POST", "/topics/a/b%20c", &[], ""), r#"{"topic":"a/b c","payload":""}"#);
    }

    #[test]
    fn binding_takes_anything_the_router_lets_through() {
        // Path, query and body, a line each.
        bolero::check!(name = "http_binding").for_each(|input: &[u8]| {
            let text = String::from_utf8_lossy(input);
            let mut lines = text.splitn(3, '\n').map(str::to_owned);
            let mut line = || lines.next().unwrap_or_default();
            let (path, raw_query, body) = (line(), line(), Bytes::from(line()));
            for service in [Service::Iot, Service::IotData] {
                for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
                    let Some(route) = route::rest_json(service, method, &path) else { continue };
                    let parts =
                        Parts { labels: &route.labels, raw_query: &raw_query, headers: &HeaderMap::new(), body: &body };
                    let Ok(bound) = rest_json(route.operation.input, &parts) else { continue };
                    let _ = validate::validate(service, route.operation.input, &bound, &validate::Patterns::default());
                }
            }
        });
    }
}
