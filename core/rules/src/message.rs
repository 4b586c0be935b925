//! What a rule may know about a message.
use std::cell::OnceCell;
use std::net::IpAddr;

use sekisho_types::{Timestamp, basic_ingest};

use crate::{Answer, Question, Variables};

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
    /// `traceid()`, which is made when it is first asked for; absent when the message did not come by MQTT.
    pub trace_id: Option<&'a OnceCell<String>>,
    /// `sourceip()`.
    pub source_ip: Option<IpAddr>,
    /// What MQTT 5 said of it; absent when it said nothing.
    pub mqtt: Option<&'a MqttProperties<'a>>,
    /// Who answers the functions that ask for more than the message; absent where there is no server.
    pub known: Option<&'a dyn Known>,
    /// What the rule's SET made of it, for the rule's templates.
    pub variables: Option<&'a Variables>,
}

/// Who answers what a statement asks.
pub trait Known: std::fmt::Debug {
    /// What is known of it.
    fn answer(&self, question: &Question) -> Answer;
}

/// Properties of a PUBLISH (MQTT5 §3.3.2.3) that a rule may ask for.
#[derive(Clone, Debug, Default)]
pub struct MqttProperties<'a> {
    /// `get_mqtt_property('content_type')`
    pub content_type: Option<&'a str>,
    /// `get_mqtt_property('format_indicator')`: `UTF8_DATA` or `UNSPECIFIED_BYTES`.
    pub payload_is_utf8: bool,
    /// `get_mqtt_property('response_topic')`
    pub response_topic: Option<&'a str>,
    /// `get_mqtt_property('correlation_data')`, in base64.
    pub correlation_data: Option<&'a [u8]>,
    /// `get_user_properties()`, in their order, names repeated as they came.
    pub user_properties: Vec<(&'a str, &'a str)>,
}

impl<'a> Message<'a> {
    /// The topic without the prefix of Basic Ingest.
    pub(crate) fn rule_topic(&self) -> &'a str {
        basic_ingest(self.topic).map_or(self.topic, |(_rule, topic)| topic)
    }
}
