//! What the operator publishes through the API goes the same way as a device's message, and so do changes of shadows; and the ends of
//! connections.
use std::sync::Arc;
use std::time::Instant;

use sekisho_api::{ApiError, BoxFuture, Message, Publish};
use sekisho_mqtt::{BinaryData, PublishProperties, QoS, TextError, UserProperty, Utf8String};
use sekisho_sigv4::Operator;
use sekisho_types::{ClientId, ShadowId};
use sekisho_workers::{DeleteConnectionError, Gateway, Spoken};
use serde_json::Value;

/// Joins the API to the gateway.
pub struct Operators {
    /// Where messages go.
    pub gateway: Arc<Gateway>,
}

impl Publish for Operators {
    fn publish<'a>(&'a self, operator: &'a Operator, message: Message) -> BoxFuture<'a, Result<(), ApiError>> {
        Box::pin(async move {
            let qos = if message.qos == 0 { QoS::AtMostOnce } else { QoS::AtLeastOnce };
            let properties = properties(&message).map_err(|error| {
                ApiError::new(400, "InvalidRequestException", format!("MQTT cannot carry a property: {error}"))
            })?;
            let spoken = Spoken {
                topic: &message.topic,
                payload: &message.payload,
                qos,
                retain: message.retain,
                properties: Some(&properties),
            };
            let published = self.gateway.publish_operator(Instant::now(), operator, spoken);
            let owed = published.map_err(ApiError::unavailable)?;
            self.gateway.state().journal().wait_durable(owed).await.map_err(ApiError::internal)
        })
    }

    fn update_shadow(&self, operator: &Operator, shadow: ShadowId, payload: &[u8]) -> Result<Value, ApiError> {
        Ok(self.gateway.update_shadow_operator(operator, shadow, payload)?)
    }

    fn delete_shadow(&self, operator: &Operator, shadow: ShadowId) -> Result<Value, ApiError> {
        Ok(self.gateway.delete_shadow_operator(operator, shadow)?)
    }

    fn delete_connection(
        &self,
        _: &Operator,
        client_id: ClientId,
        clean_session: bool,
        prevent_will_message: bool,
    ) -> Result<(), ApiError> {
        let deleted = self.gateway.delete_connection(&client_id, clean_session, prevent_will_message);
        deleted.map_err(|error| match error {
            DeleteConnectionError::NotFound(_) => ApiError::new(404, "ResourceNotFoundException", error.to_string()),
            DeleteConnectionError::Journal(error) => ApiError::unavailable(error),
        })
    }
}

/// What MQTT5's subscribers are told of it.
fn properties(message: &Message) -> Result<PublishProperties, TextError> {
    let text = |text: Option<&str>| text.map(Utf8String::copied).transpose();
    let pair = |(name, value): &(String, String)| {
        Ok(UserProperty { name: Utf8String::copied(name)?, value: Utf8String::copied(value)? })
    };
    Ok(PublishProperties {
        payload_format_indicator: message.payload_is_utf8.then_some(true),
        message_expiry_interval_s: message.message_expiry_s,
        response_topic: text(message.response_topic.as_ref().map(|topic| topic.as_str()))?,
        correlation_data: message.correlation_data.clone().map(BinaryData::new).transpose()?,
        user_properties: message.user_properties.iter().map(pair).collect::<Result<_, TextError>>()?,
        content_type: text(message.content_type.as_deref())?,
        ..PublishProperties::default()
    })
}
