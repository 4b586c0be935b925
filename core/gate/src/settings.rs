//! Every limit of a connection, its reason, and what happens beyond it.
use sekisho_mqtt::QoS;
use serde::{Deserialize, Serialize};

/// The largest payload there is room for behind the gate: a message has to fit into one entry of the journal, several times over.
const PAYLOAD_BYTES_MOST: usize = 1024 * 1024;
/// What a packet may be larger than its payload.
const PACKET_BYTES_OVER: u32 = 128 * 1024;
/// The longest text MQTT can say (MQTT5 §1.5.4).
const MQTT_TEXT_BYTES_MAX: usize = u16::MAX as usize;

/// The defaults are AWS IoT Core's quotas (AWS General Reference, "AWS IoT Core endpoints and quotas") unless a field
/// says otherwise. Each is a setting of the operator's, under its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// From the first byte to CONNACK. Later the connection closes: an idle socket costs a file descriptor, and
    /// whoever opens one means to connect. Ours; AWS does not document its own.
    pub connect_deadline_s: u16,
    /// The largest packet, with its fixed header. One byte more closes the connection, v5 with 0x95. Announced to v5
    /// clients; the headroom over `payload_bytes_max` is what AWS's CONNACK leaves for topic and properties.
    pub packet_bytes_max: u32,
    /// The largest payload: 128 KiB. One byte more closes the connection, v5 with 0x95.
    pub payload_bytes_max: usize,
    /// QoS 1 messages of the client not yet acknowledged. At the limit a v3 client is not read from; a v5 client was
    /// told, and one more closes its connection with 0x93.
    pub receive_maximum: u16,
    /// QoS 1 messages to the client not yet acknowledged, unless it asks for fewer. More wait.
    pub send_maximum: u16,
    /// The greatest QoS of a message. AWS IoT Core has no QoS 2: PUBLISH and a will beyond it close the connection, v5 with 0x9B, and
    /// SUBSCRIBE is granted less.
    pub maximum_qos: QoS,
    /// The least keep alive. Smaller ones are raised to it; v5 clients are told.
    pub keep_alive_min_s: u16,
    /// The greatest keep alive of a v5 client. Greater ones are lowered to it, and the client is told (MQTT5 §3.2.2.3.14).
    pub keep_alive_max_s: u16,
    /// The greatest keep alive of a v3 client, which cannot be told: lowered in silence, as AWS does.
    pub keep_alive_untold_max_s: u16,
    /// What a client has that asks for none, 0: with 0 it has none (MQTT5 §3.1.2.10).
    pub keep_alive_unset_s: u16,
    /// Topic aliases a v5 client may define; one beyond closes the connection with 0x94. And as many are used towards it, if it takes
    /// them.
    pub topic_alias_maximum: u16,
    /// Topic filters in one SUBSCRIBE. One more closes the connection, v5 with 0x97.
    pub filters_per_subscribe_max: usize,
    /// Topic filters a connection holds, and in one UNSUBSCRIBE. One more closes the connection, v5 with 0x97.
    pub subscriptions_per_connection_max: usize,
    /// Slashes in a topic name or topic filter, not counting `$aws/rules/<rule>/` and `$share/<name>/`; AWS's own topics may
    /// have eight. One more closes the connection, v5 with 0x90 or 0x8F.
    pub topic_slashes_max: usize,
    /// Bytes of a topic name or topic filter, not counting the same prefixes. One more closes the connection, v5 with
    /// 0x90 or 0x8F.
    pub topic_bytes_max: usize,
    /// Whether topics that begin with `$` are AWS's, or a share's: any other in a PUBLISH, will or SUBSCRIBE closes the connection, v5 with
    /// 0x90 or 0x8F. MQTT leaves them to the server (MQTT5 §4.7.2).
    pub reserved_topics: bool,
    /// Message expiry is 1 second to this; what is outside is moved to the nearer end.
    pub message_expiry_max_s: u32,
    /// The longest a session outlives its connection; longer wishes are lowered to it, and v5 clients are told. A v3 client that wants
    /// a session gets this. With 4,294,967,295 it may be for ever.
    pub session_expiry_max_s: u32,
    /// Whether a client may give its subscriptions identifiers. AWS ends the connection with 0xA1.
    pub subscription_identifiers: bool,
    /// Whether DUP says that a message was sent before ([MQTT-3.3.1-1]). AWS never sets it.
    pub dup_on_redelivery: bool,
    /// Whether UNSUBACK says that there was no such subscription, 0x11; AWS does not.
    pub no_subscription_existed: bool,
    /// Whether SUBACK tells a v5 client that it may not subscribe, 0x87, or keeps to itself why, 0x80. v3 has but one word for both.
    pub suback_not_authorized: bool,
    /// Whether an MQTT3 client that is refused gets a CONNACK with a return code before the connection closes. AWS
    /// closes without; saying it helps debugging.
    pub connack_on_refusal: bool,
    /// Whether refusing a filter closes an MQTT3 connection, as AWS did before it answered SUBACK 0x80.
    pub close_on_refused_subscribe: bool,
    /// Answers to CONNECT, SUBSCRIBE, UNSUBSCRIBE, PUBREC and PUBREL that wait for the disk. At the limit nothing more is read from the
    /// client. Ours.
    pub untold_max: usize,
    /// Bytes waiting to be written. At the limit nothing more is read from the client and deliveries wait. A single
    /// packet may exceed it.
    pub outgoing_bytes_max: usize,
    /// Deliveries waiting for the window or for room. Beyond: the oldest QoS 0 is dropped, and when there is none left,
    /// QoS 0 is dropped and QoS 1 is not taken. Ours; AWS drops at 100 messages a second.
    pub waiting_deliveries_max: usize,
    /// Bytes of waiting deliveries: topics, properties, payloads, and what it takes to keep them. Beyond: as `waiting_deliveries_max`.
    pub waiting_bytes_max: usize,
    /// Messages a client may publish in a second. What is over it is discarded: above QoS 0 a v3 client gets no PUBACK, a v5 client one
    /// with 0x97. As with all rates: up to a second's worth at once, and 0 for as many as come, which is the default.
    pub publishes_per_s: u32,
    /// Messages a client is sent in a second. Over it QoS 0 is dropped; the others wait.
    pub deliveries_per_s: u32,
    /// Bytes a client may send in a second. What is over it is read later.
    pub received_bytes_per_s: u32,
    /// CONNECTs of one client id in a second. One more is refused, v5 with 0x97.
    pub connects_per_client_per_s: u32,
    /// CONNECTs of all clients in a second. One more is refused, v5 with 0x97.
    pub connects_per_s: u32,
}

/// What cannot be a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}`: {problem}")]
pub struct SettingsError {
    /// Which.
    pub name: &'static str,
    /// Why not.
    pub problem: &'static str,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            connect_deadline_s: 10,
            packet_bytes_max: 149_504,
            payload_bytes_max: 131_072,
            receive_maximum: 100,
            send_maximum: 100,
            maximum_qos: QoS::AtLeastOnce,
            keep_alive_min_s: 30,
            keep_alive_max_s: 1200,
            keep_alive_untold_max_s: 1200,
            keep_alive_unset_s: 1200,
            topic_alias_maximum: 8,
            filters_per_subscribe_max: 8,
            subscriptions_per_connection_max: 50,
            topic_slashes_max: 7,
            topic_bytes_max: sekisho_types::TOPIC_BYTES_MAX,
            reserved_topics: true,
            message_expiry_max_s: 604_800,
            session_expiry_max_s: 3600,
            subscription_identifiers: false,
            dup_on_redelivery: false,
            no_subscription_existed: false,
            suback_not_authorized: true,
            connack_on_refusal: false,
            close_on_refused_subscribe: false,
            untold_max: 100,
            outgoing_bytes_max: 256 * 1024,
            waiting_deliveries_max: 1000,
            waiting_bytes_max: 1024 * 1024,
            publishes_per_s: 0,
            deliveries_per_s: 0,
            received_bytes_per_s: 0,
            connects_per_client_per_s: 0,
            connects_per_s: 0,
        }
    }
}

impl Settings {
    /// What a message's expiry becomes that somebody wishes for: see `message_expiry_max_s`.
    pub fn message_expiry_s(&self, wished: u32) -> u32 {
        wished.clamp(1, self.message_expiry_max_s.max(1))
    }

    /// MQTT to the letter: what AWS IoT Core narrows is as wide as the specifications have it, or as this server can bound it.
    pub fn mqtt() -> Self {
        Self {
            packet_bytes_max: PAYLOAD_BYTES_MOST as u32,
            payload_bytes_max: PAYLOAD_BYTES_MOST,
            receive_maximum: 1000,
            send_maximum: 1000,
            maximum_qos: QoS::ExactlyOnce,
            keep_alive_min_s: 0,
            keep_alive_max_s: 60,
            keep_alive_untold_max_s: u16::MAX,
            keep_alive_unset_s: 0,
            topic_alias_maximum: 64,
            filters_per_subscribe_max: 1000,
            subscriptions_per_connection_max: 1000,
            topic_slashes_max: sekisho_types::TOPIC_LEVELS_MAX - 1,
            topic_bytes_max: MQTT_TEXT_BYTES_MAX,
            reserved_topics: false,
            message_expiry_max_s: u32::MAX,
            session_expiry_max_s: u32::MAX,
            subscription_identifiers: true,
            dup_on_redelivery: true,
            no_subscription_existed: true,
            suback_not_authorized: false,
            connack_on_refusal: true,
            ..Self::default()
        }
    }

    /// The same with the rates of an AWS account (there: "MQTT protocol quotas", "Throttling limits and quotas").
    #[must_use]
    pub fn with_rates_of_aws(self) -> Self {
        Self {
            publishes_per_s: 100,
            deliveries_per_s: 100,
            received_bytes_per_s: 512 * 1024,
            connects_per_client_per_s: 1,
            connects_per_s: 500,
            ..self
        }
    }

    /// Whether a server can work with them.
    pub fn check(&self) -> Result<(), SettingsError> {
        let most_of_a_packet =
            u32::try_from(self.payload_bytes_max).unwrap_or(u32::MAX).saturating_add(PACKET_BYTES_OVER);
        let rules: [(&'static str, bool, &'static str); 11] = [
            ("connect_deadline_s", self.connect_deadline_s > 0, "nobody could connect"),
            ("payload_bytes_max", self.payload_bytes_max <= PAYLOAD_BYTES_MOST, "at most 1048576"),
            ("packet_bytes_max", self.packet_bytes_max >= 128, "at least 128: there has to be room for a CONNECT"),
            ("packet_bytes_max", self.packet_bytes_max <= most_of_a_packet, "at most 131072 over `payload_bytes_max`"),
            ("receive_maximum", self.receive_maximum > 0, "at least 1 (MQTT5 §3.2.2.3.3)"),
            ("send_maximum", self.send_maximum > 0, "at least 1"),
            ("keep_alive_min_s", self.keep_alive_min_s <= self.keep_alive_max_s, "at most `keep_alive_max_s`"),
            (
                "keep_alive_min_s",
                self.keep_alive_min_s <= self.keep_alive_untold_max_s,
                "at most `keep_alive_untold_max_s`",
            ),
            ("message_expiry_max_s", self.message_expiry_max_s > 0, "at least 1"),
            ("untold_max", self.untold_max > 0, "at least 1"),
            ("outgoing_bytes_max", self.outgoing_bytes_max > 0, "at least 1"),
        ];
        match rules.into_iter().find(|(_, holds, _)| !holds) {
            Some((name, _, problem)) => Err(SettingsError { name, problem }),
            None => Ok(()),
        }
    }
}
