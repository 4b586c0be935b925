//! What a rule may know about a message.
use sekisho_types::Timestamp;

/// A published message, and what the context functions answer with.
#[derive(Clone, Copy, Debug, Default)]
pub struct Message<'a> {
    /// The topic it was published to. `topic()` leaves out the prefix of Basic Ingest (`$aws/rules/<rule>/`).
    pub topic: &'a str,
    /// The bytes as they came.
    pub payload: &'a [u8],
    /// `clientid()`; absent when the message did not come by MQTT.
    pub client_id: Option<&'a str>,
    /// `principal()`: the certificate id for a device, a role or user id for IAM.
    pub principal: &'a str,
    /// `accountid()`: twelve digits.
    pub account: &'a str,
    /// `timestamp()`.
    pub received: Timestamp,
    /// `traceid()`; absent when the message did not come by MQTT.
    pub trace_id: Option<&'a str>,
    /// `sourceip()`.
    pub source_ip: Option<&'a str>,
}

impl<'a> Message<'a> {
    /// The topic without the prefix of Basic Ingest.
    pub(crate) fn rule_topic(&self) -> &'a str {
        self.topic
            .strip_prefix("$aws/rules/")
            .and_then(|rest| rest.split_once('/'))
            .map_or(self.topic, |(_rule, topic)| topic)
    }
}
