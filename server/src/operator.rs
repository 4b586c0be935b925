//! What the operator publishes through the API goes the same way as a device's message.
use std::sync::Arc;
use std::time::Instant;

use sekisho_api::{ApiError, BoxFuture, Message, Publish};
use sekisho_mqtt::QoS;
use sekisho_sigv4::Operator;
use sekisho_workers::Gateway;

/// Joins the API to the gateway.
pub struct Operators {
    /// Where messages go.
    pub gateway: Arc<Gateway>,
}

impl Publish for Operators {
    fn publish<'a>(&'a self, operator: &'a Operator, message: Message) -> BoxFuture<'a, Result<(), ApiError>> {
        Box::pin(async move {
            let qos = if message.qos == 0 { QoS::AtMostOnce } else { QoS::AtLeastOnce };
            let published =
                self.gateway.publish_operator(Instant::now(), operator, &message.topic, &message.payload, qos);
            let owed = published.map_err(ApiError::unavailable)?;
            self.gateway.state().journal().wait_durable(owed).await.map_err(ApiError::internal)
        })
    }
}
