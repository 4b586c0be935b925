//! `Publish`: a message from a caller who signs, on the same road as a device's.
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sekisho_sigv4::Operator;
use sekisho_types::{TOPIC_BYTES_MAX, TopicName};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{ApiError, App, Blob, Message};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Input {
    topic: String,
    qos: Option<u8>,
    retain: Option<bool>,
    #[serde(default)]
    payload: Blob,
    user_properties: Option<String>,
    payload_format_indicator: Option<String>,
    content_type: Option<String>,
    response_topic: Option<String>,
    correlation_data: Option<String>,
    message_expiry: Option<u32>,
}

pub(crate) async fn run(app: &App, operator: &Operator, input: Input, trace_id: &str) -> Result<Value, ApiError> {
    let user_properties = input.user_properties.as_deref().map(user_properties).transpose()?.unwrap_or_default();
    let correlation_data = input.correlation_data.as_deref().map(base64).transpose()?.map(Into::into);
    let message = Message {
        topic: published(&input.topic)?,
        payload: input.payload.0,
        qos: input.qos.unwrap_or(0),
        retain: input.retain.unwrap_or(false),
        content_type: input.content_type,
        response_topic: input.response_topic.as_deref().map(topic).transpose()?,
        message_expiry_s: input.message_expiry,
        correlation_data,
        user_properties,
        payload_is_utf8: input.payload_format_indicator.as_deref() == Some("UTF8_DATA"),
    };
    app.ingest.publish(operator, message).await?;
    Ok(json!({ "message": "OK", "traceId": trace_id }))
}

fn topic(text: &str) -> Result<TopicName, ApiError> {
    let refused = |cause: String| ApiError::new(400, "InvalidRequestException", format!("Invalid topic: {cause}"));
    // Basic ingest's prefix is not counted (IoT Core quotas: topic size).
    let counted = match text.strip_prefix("$aws/rules/").and_then(|rest| rest.split_once('/')) {
        Some((_, rest)) => rest,
        None => text,
    };
    if counted.len() > TOPIC_BYTES_MAX {
        return Err(refused(format!("longer than {TOPIC_BYTES_MAX} bytes")));
    }
    TopicName::parse(text).map_err(|error| refused(error.to_string()))
}

/// Basic ingest alone of the reserved topics: what devices ask for there has operations of its own, and the rest is the server's.
fn published(text: &str) -> Result<TopicName, ApiError> {
    if text.starts_with('$') && !text.starts_with("$aws/rules/") {
        let message = "Invalid topic: a reserved topic cannot be published to over HTTP";
        return Err(ApiError::new(400, "InvalidRequestException", message));
    }
    topic(text)
}

/// Base64 of a JSON array of objects with one pair each; some tools put the array into a JSON string first.
fn user_properties(text: &str) -> Result<Vec<(String, String)>, ApiError> {
    let refused = || ApiError::new(400, "InvalidRequestException", "Invalid user properties");
    let decoded = base64(text)?;
    let inner = serde_json::from_slice::<String>(&decoded).map_or(decoded, String::into_bytes);
    let objects: Vec<Map<String, Value>> = serde_json::from_slice(&inner).map_err(|_| refused())?;
    let pairs = objects.into_iter().flatten().map(|(name, value)| match value {
        Value::String(value) => Ok((name, value)),
        _ => Err(refused()),
    });
    pairs.collect()
}

fn base64(text: &str) -> Result<Vec<u8>, ApiError> {
    BASE64_STANDARD.decode(text).map_err(|_| ApiError::new(400, "InvalidRequestException", "A header is not base64"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_properties_keep_their_order_and_repeats() {
        for json in [r#"[{"b":"1"},{"a":"2"},{"b":"3"}]"#, r#""[{\"b\":\"1\"},{\"a\":\"2\"},{\"b\":\"3\"}]""#] {
            let pairs = user_properties(&BASE64_STANDARD.encode(json)).unwrap();
            let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (&**name, &**value)).collect();
            assert_eq!(pairs, [("b", "1"), ("a", "2"), ("b", "3")]);
        }
        assert!(user_properties(&BASE64_STANDARD.encode(r#"[{"a":1}]"#)).is_err());
        assert!(user_properties("%").is_err());
    }

    #[test]
    fn a_topic_is_as_long_as_aws_lets_it_be() {
        let level = "a".repeat(TOPIC_BYTES_MAX);
        assert!(topic(&level).is_ok() && topic(&format!("{level}a")).is_err());
        assert!(topic(&format!("$aws/rules/r/{level}")).is_ok());
        assert!(topic("a/+").is_err() && topic("").is_err());
        assert!(published("$aws/rules/r/a").is_ok() && published("$aws/things/t/shadow/update").is_err());
    }
}
