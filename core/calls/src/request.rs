//! A request before it is signed.
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sekisho_types::Timestamp;
use serde_json::Value;

/// RFC 3986 §2.3: what stays as it is.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What a request is made of beside the call.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// What the rule made of the message.
    pub result: &'a [u8],
    /// When the message came.
    pub received: Timestamp,
    /// Whose call it is.
    pub rule: &'a str,
    /// Where the service is.
    pub region: &'a str,
}

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// `POST`, mostly.
    pub method: &'static str,
    /// In wire form.
    pub path: String,
    /// Signed with the rest.
    pub headers: Vec<(&'static str, String)>,
    /// Whole.
    pub body: Vec<u8>,
}

impl<'a> Context<'a> {
    /// The result where a text is wanted.
    pub(crate) fn text(&self) -> Result<&'a str, String> {
        std::str::from_utf8(self.result).map_err(|_| "the result is not UTF-8".into())
    }

    /// The result where JSON is wanted.
    pub(crate) fn json(&self) -> Result<Value, String> {
        serde_json::from_slice(self.result).map_err(|error| format!("the result is not JSON: {error}"))
    }

    /// The same, where its members are wanted.
    pub(crate) fn object(&self) -> Result<serde_json::Map<String, Value>, String> {
        match self.json()? {
            Value::Object(members) => Ok(members),
            _ => Err("the result is not a JSON object".into()),
        }
    }
}

impl Request {
    /// An operation of a JSON protocol (Smithy: `aws.protocols#awsJson1_0` and `1_1`).
    pub(crate) fn json(version: &str, target: &str, body: &Value) -> Self {
        let headers =
            vec![("content-type", format!("application/x-amz-json-{version}")), ("x-amz-target", target.to_owned())];
        Self { method: "POST", path: "/".into(), headers, body: body.to_string().into_bytes() }
    }

    /// An operation of the query protocol (Smithy: `aws.protocols#awsQuery`).
    pub(crate) fn query(operation: &str, version: &str, parameters: &[(&str, &str)]) -> Self {
        let pairs = [("Action", operation), ("Version", version)].into_iter().chain(parameters.iter().copied());
        let pairs = pairs.map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
        let headers = vec![("content-type", "application/x-www-form-urlencoded; charset=utf-8".into())];
        Self { method: "POST", path: "/".into(), headers, body: pairs.collect::<Vec<_>>().join("&").into_bytes() }
    }
}

/// A text as a segment of a path, or as a form's value.
pub(crate) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}
