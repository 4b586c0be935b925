//! A message as HTTP brings it, in text, and checked: the same for a device with a certificate and for who signs (iot-data model: Publish).
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use sekisho_gate::Settings;
use sekisho_mqtt::{BinaryData, PublishProperties, QoS, TextError, UserProperty, Utf8String};
use sekisho_types::{TopicName, basic_ingest};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::Spoken;

/// What a request says beside its payload.
#[derive(Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase")]
pub struct PublishRequest {
    /// Where to.
    pub topic: String,
    /// 0 or 1.
    pub qos: Option<u8>,
    /// Whether it is kept for later subscribers.
    pub retain: Option<bool>,
    /// Base64 of a JSON array of objects of one pair.
    pub user_properties: Option<String>,
    /// UNSPECIFIED_BYTES or UTF8_DATA.
    pub payload_format_indicator: Option<String>,
    /// MQTT5 §3.3.2.3.9.
    pub content_type: Option<String>,
    /// MQTT5 §3.3.2.3.5.
    pub response_topic: Option<String>,
    /// Base64.
    pub correlation_data: Option<String>,
    /// In seconds.
    pub message_expiry: Option<u32>,
}

/// What is wrong with a request: the caller's to mend.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPublish {
    /// The topic, or the one of the response.
    #[error("Invalid topic: {0}")]
    Topic(String),
    /// Neither 0 nor 1.
    #[error("qos is 0 or 1")]
    QoS,
    /// Neither of the two words.
    #[error("payloadFormatIndicator is UNSPECIFIED_BYTES or UTF8_DATA")]
    PayloadFormatIndicator,
    /// Not as they are to be written.
    #[error("Invalid user properties")]
    UserProperties,
    /// What is to be base64 is not.
    #[error("A header is not base64")]
    Base64,
    /// Too long, or text that MQTT has not.
    #[error("MQTT cannot carry a property: {0}")]
    Property(#[from] TextError),
}

/// A message whose payload is still to come.
#[derive(Clone, Debug)]
pub struct Announced {
    /// Where to.
    pub topic: TopicName,
    /// 0 or 1.
    pub qos: QoS,
    /// Whether it is to be kept.
    pub retain: bool,
    /// What MQTT5 says of it.
    pub properties: PublishProperties,
}

impl PublishRequest {
    /// Checks everything but who asks. Topics are held to `limits`, as they are over MQTT.
    ///
    /// # Errors
    /// [`BadPublish`].
    pub fn check(&self, limits: &Settings) -> Result<Announced, BadPublish> {
        let qos = match self.qos {
            None | Some(0) => QoS::AtMostOnce,
            Some(1) => QoS::AtLeastOnce,
            Some(_) => return Err(BadPublish::QoS),
        };
        let payload_format_indicator = match self.payload_format_indicator.as_deref() {
            None | Some("UNSPECIFIED_BYTES") => None,
            Some("UTF8_DATA") => Some(true),
            Some(_) => return Err(BadPublish::PayloadFormatIndicator),
        };
        let response_topic = self.response_topic.as_deref().map(|text| topic(text, limits)).transpose()?;
        let correlation_data = self.correlation_data.as_deref().map(base64).transpose()?;
        let properties = PublishProperties {
            payload_format_indicator,
            message_expiry_interval_s: self.message_expiry.map(|seconds| limits.message_expiry_s(seconds)),
            response_topic: response_topic.map(|topic| Utf8String::copied(topic.as_str())).transpose()?,
            correlation_data: correlation_data.map(|data| BinaryData::new(data.into())).transpose()?,
            user_properties: self.user_properties.as_deref().map(user_properties).transpose()?.unwrap_or_default(),
            content_type: self.content_type.as_deref().map(Utf8String::copied).transpose()?,
            ..PublishProperties::default()
        };
        Ok(Announced { topic: published(&self.topic, limits)?, qos, retain: self.retain.unwrap_or(false), properties })
    }
}

impl Announced {
    /// With its payload.
    pub fn with<'a>(&'a self, payload: &'a Bytes) -> Spoken<'a> {
        let Self { topic, qos, retain, properties } = self;
        Spoken { topic, payload, qos: *qos, retain: *retain, properties: Some(properties) }
    }
}

fn topic(text: &str, limits: &Settings) -> Result<TopicName, BadPublish> {
    limits.check_topic_name(text).map_err(BadPublish::Topic)?;
    TopicName::parse(text).map_err(|error| BadPublish::Topic(error.to_string()))
}

/// Basic ingest alone of the reserved topics: what devices ask for there has operations of its own, and the rest is the server's.
fn published(text: &str, limits: &Settings) -> Result<TopicName, BadPublish> {
    if text.starts_with('$') && basic_ingest(text).is_none() {
        return Err(BadPublish::Topic("a reserved topic cannot be published to over HTTP".to_owned()));
    }
    topic(text, limits)
}

/// Base64 of a JSON array of objects with one pair each; some tools put the array into a JSON string first.
fn user_properties(text: &str) -> Result<Vec<UserProperty>, BadPublish> {
    let decoded = base64(text)?;
    let inner = serde_json::from_slice::<String>(&decoded).map_or(decoded, String::into_bytes);
    let objects: Vec<Map<String, Value>> = serde_json::from_slice(&inner).map_err(|_| BadPublish::UserProperties)?;
    let pairs = objects.into_iter().flatten().map(|(name, value)| match value {
        Value::String(value) => {
            Ok(UserProperty { name: Utf8String::copied(&name)?, value: Utf8String::copied(&value)? })
        }
        _ => Err(BadPublish::UserProperties),
    });
    pairs.collect()
}

fn base64(text: &str) -> Result<Vec<u8>, BadPublish> {
    BASE64_STANDARD.decode(text).map_err(|_| BadPublish::Base64)
}

#[cfg(test)]
mod tests {
    use sekisho_types::TOPIC_BYTES_MAX;

    use super::*;

    #[test]
    fn user_properties_keep_their_order_and_repeats() {
        for json in [r#"[{"b":"1"},{"a":"2"},{"b":"3"}]"#, r#""[{\"b\":\"1\"},{\"a\":\"2\"},{\"b\":\"3\"}]""#] {
            let pairs = user_properties(&BASE64_STANDARD.encode(json)).unwrap();
            let pairs: Vec<(&str, &str)> = pairs.iter().map(|pair| (&*pair.name, &*pair.value)).collect();
            assert_eq!(pairs, [("b", "1"), ("a", "2"), ("b", "3")]);
        }
    }

    #[test]
    fn a_topic_is_as_long_and_as_deep_as_over_mqtt() {
        let (level, deep, rule) = ("a".repeat(TOPIC_BYTES_MAX), "a/".repeat(7), "$aws/rules/r/");
        let deeper = format!("{deep}/");
        #[rustfmt::skip] // General Reference, "Message broker"        topic                     AWS's limits  MQTT to the letter
        let table = [
            ("topic size",                                             level.clone(),            true,         true),
            ("topic size",                                             format!("{level}a"),      false,        true),
            ("topic size, without Basic Ingest's prefix",              format!("{rule}{level}"), true,         true),
            ("slashes in a topic",                                     deep.clone(),             true,         true),
            ("slashes in a topic",                                     deeper.clone(),           false,        true),
            ("slashes in a topic, without that prefix",                format!("{rule}{deep}"),  true,         true),
            ("slashes in a topic, without that prefix",                format!("{rule}{deeper}"), false,       true),
            ("wildcards",                                              "a/+".to_owned(),         false,        false),
            ("no topic",                                               String::new(),            false,        false),
            ("a reserved topic",                                       "$aws/things/t/shadow/update".to_owned(), false, false),
        ];
        for (row, topic, by_default, to_the_letter) in table {
            assert_eq!(published(&topic, &Settings::default()).is_ok(), by_default, "{row}: {topic}");
            assert_eq!(published(&topic, &Settings::mqtt()).is_ok(), to_the_letter, "{row}: {topic}");
        }
    }

    /// Spoils a request in one place.
    type Spoil = fn(&mut PublishRequest);

    #[test]
    fn what_mqtt_has_no_words_for_is_refused() {
        let base64 = |text: &str| Some(BASE64_STANDARD.encode(text));
        let whole = PublishRequest {
            topic: "a".into(),
            qos: Some(1),
            retain: Some(true),
            user_properties: base64(r#"[{"a":"1"}]"#),
            payload_format_indicator: Some("UTF8_DATA".into()),
            content_type: Some("text/plain".into()),
            response_topic: Some("b".into()),
            correlation_data: base64("c"),
            message_expiry: Some(60),
        };
        let announced = whole.check(&Settings::default()).unwrap();
        let said = format!("{announced:?}");
        assert!(announced.retain && announced.qos == QoS::AtLeastOnce && said.contains("text/plain"), "{said}");
        #[rustfmt::skip] // iot-data model: Publish                            refused as
        let table: &[(Spoil, &str)] = &[
            (|r| r.topic = "a/#".into(),                                       "Invalid topic: "),
            (|r| r.topic = "$aws/events/a".into(),                             "Invalid topic: a reserved topic cannot be published to over HTTP"),
            (|r| r.qos = Some(2),                                              "qos is 0 or 1"),
            (|r| r.user_properties = Some("%".into()),                         "A header is not base64"),
            (|r| r.user_properties = Some(BASE64_STANDARD.encode("[{\"a\":1}]")), "Invalid user properties"),
            (|r| r.user_properties = Some(BASE64_STANDARD.encode("{}")),       "Invalid user properties"),
            (|r| r.payload_format_indicator = Some("TEXT".into()),             "payloadFormatIndicator is UNSPECIFIED_BYTES or UTF8_DATA"),
            (|r| r.content_type = Some("\0".into()),                           "MQTT cannot carry a property: "),
            (|r| r.response_topic = Some("b/+".into()),                        "Invalid topic: "),
            (|r| r.correlation_data = Some("?".into()),                        "A header is not base64"),
        ];
        for (spoil, refused) in table {
            let mut request = whole.clone();
            spoil(&mut request);
            let said = request.check(&Settings::default()).unwrap_err().to_string();
            assert!(said.starts_with(refused), "{said} / {refused}");
        }
    }
}
