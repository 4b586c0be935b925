//! What is posted (Firehose developer guide: HTTP endpoint delivery request and response specifications).
use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::write::GzEncoder;
use md5::{Digest, Md5};
use sekisho_types::Timestamp;
use serde_json::{Map, Value, json};

use super::HttpEndpoint;

/// The body of a request, written a record at a time:
/// `{"requestId": …, "timestamp": …, "records": [{"data": base64}, …]}`, gzipped if the stream says so.
pub struct EndpointRequest {
    body: Body,
    is_first: bool,
}

enum Body {
    Plain(Vec<u8>),
    Gzip(Box<GzEncoder<Vec<u8>>>),
}

/// The id of a batch's request, the same at every attempt: a UUID made of the key of the batch's object, which is drawn once
/// and holds a random UUID.
pub fn request_id(key: &str) -> String {
    uuid::Builder::from_md5_bytes(Md5::digest(key.as_bytes()).into()).into_uuid().to_string()
}

impl EndpointRequest {
    /// Begins a body.
    pub fn new(endpoint: &HttpEndpoint, request_id: &str, timestamp: Timestamp) -> Self {
        let body = match endpoint.gzip {
            false => Body::Plain(Vec::new()),
            true => Body::Gzip(Box::new(GzEncoder::new(Vec::new(), flate2::Compression::default()))),
        };
        let mut request = Self { body, is_first: true };
        let head = format!(r#"{{"requestId":{},"timestamp":{},"records":["#, json!(request_id), timestamp.millis());
        request.write(head.as_bytes());
        request
    }

    /// One more record.
    pub fn push(&mut self, record: &[u8]) {
        let comma = if std::mem::take(&mut self.is_first) { "" } else { "," };
        self.write(format!(r#"{comma}{{"data":"{}"}}"#, STANDARD.encode(record)).as_bytes());
    }

    /// The whole body.
    pub fn finish(mut self) -> Vec<u8> {
        self.write(b"]}");
        match self.body {
            Body::Plain(body) => body,
            Body::Gzip(body) => body.finish().expect("memory takes every write"),
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        match &mut self.body {
            Body::Plain(body) => body.extend_from_slice(bytes),
            Body::Gzip(body) => body.write_all(bytes).expect("memory takes every write"),
        }
    }
}

impl HttpEndpoint {
    /// The headers of a request. One of them is the access key.
    pub fn headers(&self, request_id: &str, source_arn: &str) -> Vec<(&'static str, String)> {
        let mut headers = vec![
            ("content-type", "application/json".to_owned()),
            ("x-amz-firehose-protocol-version", "1.0".to_owned()),
            ("x-amz-firehose-request-id", request_id.to_owned()),
            ("x-amz-firehose-source-arn", source_arn.to_owned()),
        ];
        if self.gzip {
            headers.push(("content-encoding", "gzip".to_owned()));
        }
        if let Some(key) = &self.access_key {
            headers.push(("x-amz-firehose-access-key", key.expose().to_owned()));
        }
        if !self.common_attributes.is_empty() {
            let attributes: Map<String, Value> =
                self.common_attributes.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
            headers.push(("x-amz-firehose-common-attributes", ascii(&json!({"commonAttributes": attributes}))));
        }
        headers
    }
}

/// JSON as a header carries it: what is not ASCII is escaped.
fn ascii(value: &Value) -> String {
    let mut text = String::new();
    for character in value.to_string().chars() {
        match character {
            ' '..='~' => text.push(character),
            other => other.encode_utf16(&mut [0; 2]).iter().for_each(|unit| text.push_str(&format!("\\u{unit:04x}"))),
        }
    }
    text
}
