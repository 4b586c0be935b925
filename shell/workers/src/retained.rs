//! Retained messages: kept before their publisher is told, given to whoever subscribes to their topic by its name.
use std::sync::Arc;
use std::time::{Duration, Instant};

use sekisho_gate::{Delivery, Refusal};
use sekisho_journal::Sequence;
use sekisho_mqtt::{BinaryData, PublishProperties, QoS, RetainHandling, Subscription, UserProperty, Utf8String};
use sekisho_policy::{Permit, RetainPublish};
use sekisho_retained::{Properties, RetainedMessage};
use sekisho_types::Timestamp;

use crate::gateway::Gateway;
use crate::links::Link;
use crate::publish::Message;

impl Gateway {
    /// Keeps a message in the place of the one its topic has; an empty one takes that away.
    pub(crate) fn keep(&self, permit: &Permit<RetainPublish>, message: &Message<'_>) -> Result<Sequence, Refusal> {
        if !self.state.journal().has_room() {
            return Err(Refusal::ServerUnavailable);
        }
        let now = self.state.now();
        let kept = RetainedMessage {
            payload: message.payload.to_vec().into(), // it outlives the buffer it came in
            qos: message.qos.min(QoS::AtLeastOnce) as u8,
            kept_at: now,
            properties: message.properties.map(|properties| kept_properties(properties, now)).unwrap_or_default(),
        };
        let topic = &permit.action().topic;
        let kept = self.state.enqueue(|cores| {
            let events = cores.retained.keep(topic, kept, now)?;
            Ok::<_, sekisho_retained::Full>((events.into_iter().map(Into::into).collect(), ()))
        });
        match kept {
            Ok(()) => Ok(self.state.applied()),
            Err(sekisho_state::CommitError::Command(full)) => {
                tracing::warn!(topic = topic.as_str(), %full, "a message is not kept");
                Err(Refusal::QuotaExceeded)
            }
            Err(sekisho_state::CommitError::Journal(_)) => Err(Refusal::ServerUnavailable),
        }
    }

    /// Gives a new subscriber what the topic holds: AWS looks only where the filter is a topic's name (iot dev guide: "MQTT").
    pub(crate) fn give_retained(&self, link: &Link, subscription: &Subscription, is_new: bool) {
        let wanted = match subscription.retain_handling {
            RetainHandling::AtSubscribe => true,
            RetainHandling::IfNew => is_new,
            RetainHandling::Never => false,
        };
        if !wanted || subscription.topic_filter.shared().is_some() {
            return;
        }
        let now = self.state.now();
        let topic = subscription.topic_filter.as_str();
        // Until it is delivered: else who keeps another meanwhile could deliver that first, and this would look newer.
        let cores = self.state.read();
        let Some(message) = cores.retained.get(topic, now) else { return };
        let Ok(topic) = Utf8String::copied(topic) else { return };
        let properties = given_properties(&message.properties, now);
        let delivery = Delivery::new(Instant::now(), &topic, &message.payload, Some(&properties), true);
        let qos = if message.qos == 0 { QoS::AtMostOnce } else { QoS::AtLeastOnce };
        link.deliver(&Arc::new(delivery), subscription.qos.min(qos));
    }
}

fn kept_properties(properties: &PublishProperties, now: Timestamp) -> Properties {
    let text = |text: &Option<Utf8String>| text.as_ref().map(ToString::to_string);
    let pair = |pair: &UserProperty| (pair.name.to_string(), pair.value.to_string());
    let expires = |seconds: u32| now.plus(Duration::from_secs(seconds.into()));
    Properties {
        payload_is_utf8: properties.payload_format_indicator,
        expires_at: properties.message_expiry_interval_s.map(expires),
        response_topic: text(&properties.response_topic),
        correlation_data: properties.correlation_data.as_ref().map(|data| data.bytes().to_vec().into()),
        user_properties: properties.user_properties.iter().map(pair).collect(),
        content_type: text(&properties.content_type),
    }
}

/// What an MQTT5 subscriber is told; of its time, what is left ([MQTT-3.3.2-6]). What MQTT cannot say was never taken.
fn given_properties(properties: &Properties, now: Timestamp) -> PublishProperties {
    let text = |text: &Option<String>| text.as_ref().and_then(|text| Utf8String::copied(text).ok());
    let pair = |(name, value): &(String, String)| {
        Some(UserProperty { name: Utf8String::copied(name).ok()?, value: Utf8String::copied(value).ok()? })
    };
    let left = |at: Timestamp| u32::try_from(at.since(now).as_secs()).unwrap_or(u32::MAX).max(1);
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
