//! What MQTT5 says of a message, from a packet to what is kept, and back.
use std::time::Duration;

use sekisho_mqtt::{BinaryData, PublishProperties, UserProperty, Utf8String};
use sekisho_types::{MessageProperties, Timestamp};

pub(crate) fn kept_properties(properties: &PublishProperties, now: Timestamp) -> MessageProperties {
    let text = |text: &Option<Utf8String>| text.as_ref().map(ToString::to_string);
    let pair = |pair: &UserProperty| (pair.name.to_string(), pair.value.to_string());
    let expires = |seconds: u32| now.plus(Duration::from_secs(seconds.into()));
    MessageProperties {
        payload_is_utf8: properties.payload_format_indicator,
        expires_at: properties.message_expiry_interval_s.map(expires),
        response_topic: text(&properties.response_topic),
        correlation_data: properties.correlation_data.as_ref().map(|data| data.bytes().to_vec().into()),
        user_properties: properties.user_properties.iter().map(pair).collect(),
        content_type: text(&properties.content_type),
    }
}

/// What an MQTT5 subscriber is told; of its time, what is left ([MQTT-3.3.2-6]), a second that was begun included. What MQTT cannot say was
/// never taken.
pub(crate) fn given_properties(properties: &MessageProperties, now: Timestamp) -> PublishProperties {
    let text = |text: &Option<String>| text.as_ref().and_then(|text| Utf8String::copied(text).ok());
    let pair = |(name, value): &(String, String)| {
        Some(UserProperty { name: Utf8String::copied(name).ok()?, value: Utf8String::copied(value).ok()? })
    };
    let left = |at: Timestamp| u32::try_from(at.since(now).as_millis().div_ceil(1000)).unwrap_or(u32::MAX).max(1);
    PublishProperties {
        payload_format_indicator: properties.payload_is_utf8,
        message_expiry_interval_s: properties.expires_at.map(left),
        response_topic: text(&properties.response_topic),
        correlation_data: properties.correlation_data.clone().and_then(|data| BinaryData::new(data).ok()),
        user_properties: properties.user_properties.iter().filter_map(pair).collect(),
        content_type: text(&properties.content_type),
        ..PublishProperties::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_come_back_as_they_went_with_what_is_left_of_their_time() {
        let text = |text| Some(Utf8String::copied(text).unwrap());
        let properties = PublishProperties {
            payload_format_indicator: Some(true),
            message_expiry_interval_s: Some(60),
            response_topic: text("answers/7"),
            correlation_data: BinaryData::new(vec![0, 255].into()).ok(),
            user_properties: vec![UserProperty { name: text("a").unwrap(), value: text("é").unwrap() }],
            content_type: text("application/json"),
            ..PublishProperties::default()
        };
        let kept = kept_properties(&properties, Timestamp::from_seconds(100));
        let given = given_properties(&kept, Timestamp::from_seconds(130));
        assert_eq!(given, PublishProperties { message_expiry_interval_s: Some(30), ..properties });
    }
}
