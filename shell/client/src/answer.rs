//! What an AWS API said: a status, headers and a body, or a refusal with the code AWS gives it.
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::Value;

/// An answer, whatever its status.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

/// An answer that is no success.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code} ({status}): {message}")]
pub struct Refused {
    /// HTTP status.
    pub status: u16,
    /// Such as `ResourceNotFoundException` or `NoSuchKey`.
    pub code: String,
    /// For people.
    pub message: String,
}

impl Answer {
    /// One header as text, or nothing.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The body as JSON; `null` where there is none.
    ///
    /// # Errors
    /// If there is a body and it is not JSON.
    pub fn json(&self) -> Result<Value, serde_json::Error> {
        if self.body.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(&self.body) }
    }

    /// Itself if it is a success.
    ///
    /// # Errors
    /// The refusal, read from the header (rest-json), `__type` (JSON 1.1) or `<Code>` (XML).
    pub fn success(self) -> Result<Self, Refused> {
        if self.status.is_success() { Ok(self) } else { Err(self.refused()) }
    }

    fn refused(&self) -> Refused {
        let text = String::from_utf8_lossy(&self.body);
        let json: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let code = self.header("x-amzn-errortype").map(|code| code.split(':').next().unwrap_or(code));
        let code = code.or_else(|| json["__type"].as_str()).or_else(|| element(&text, "Code")).unwrap_or("Unknown");
        let message =
            json["message"].as_str().or_else(|| json["Message"].as_str()).or_else(|| element(&text, "Message"));
        Refused { status: self.status.as_u16(), code: code.to_owned(), message: message.unwrap_or(&text).to_owned() }
    }
}

/// The text of the first `<name>` in an XML answer.
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, after) = xml.split_once(&format!("<{name}>"))?;
    after.split_once(&format!("</{name}>")).map(|(text, _)| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rustfmt::skip] // protocol       status  x-amzn-errortype                       body                                                     refusal
    const REFUSALS: &[(&str, u16, Option<&str>, &str, &str)] = &[
        ("rest-json",                  404,    Some("ResourceNotFoundException:"),    r#"{"message":"no such thing"}"#,                        "ResourceNotFoundException (404): no such thing"),
        ("JSON 1.1",                   400,    None,                                  r#"{"__type":"NotFoundException","message":"no key"}"#,  "NotFoundException (400): no key"),
        ("JSON 1.1, capital M",        400,    None,                                  r#"{"__type":"ValidationException","Message":"odd"}"#,   "ValidationException (400): odd"),
        ("rest-xml",                   404,    None,                                  "<Error><Code>NoSuchKey</Code><Message>gone</Message></Error>", "NoSuchKey (404): gone"),
        ("none: HEAD has no body",     404,    None,                                  "",                                                      "Unknown (404): "),
    ];

    #[test]
    fn a_refusal_is_read_in_every_protocol() {
        for (protocol, status, error_type, body, expected) in REFUSALS {
            let mut headers = HeaderMap::new();
            if let Some(value) = error_type {
                headers.insert("x-amzn-errortype", value.parse().unwrap());
            }
            let status = StatusCode::from_u16(*status).unwrap();
            let answer = Answer { status, headers, body: Bytes::from_static(body.as_bytes()) };
            assert_eq!(answer.success().unwrap_err().to_string(), *expected, "{protocol}");
        }
    }
}
