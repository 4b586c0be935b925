//! MQTT5 properties, typed per packet (MQTT5 §2.2.2).
//!
//! Each packet holds `Option<Box<..Properties>>`: `None` is the common case and costs one byte on the wire and no
//! allocation. A packet decoded with an empty property list holds `None`.
mod value; // types of values, and fields

use std::num::{NonZeroU16, NonZeroU32};

use sekisho_types::memory::allocated;

use self::value::Slot;
use crate::error::DecodeError;
use crate::reader::Reader;
use crate::writer::{Sink, count};
use crate::{BinaryData, PacketType, QoS, Utf8String};

/// A name and its value; the same name may come more than once (MQTT5 §3.3.2.3.7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserProperty {
    /// Chosen by the sender.
    pub name: Utf8String,
    /// Chosen by the sender.
    pub value: Utf8String,
}

/// A number a client gives a subscription: 1 to 268,435,455 (MQTT5 §3.8.2.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriptionIdentifier(NonZeroU32);

impl SubscriptionIdentifier {
    /// From its number, if that is in range.
    pub const fn new(number: u32) -> Option<Self> {
        match NonZeroU32::new(number) {
            Some(number) if number.get() <= crate::REMAINING_LENGTH_MAX => Some(Self(number)),
            _ => None,
        }
    }

    /// Its number.
    pub const fn number(self) -> u32 {
        self.0.get()
    }
}

/// The properties of one kind of packet.
pub(crate) trait Properties: Default {
    /// Reads the value of one property into its field.
    fn put(&mut self, identifier: u32, reader: &mut Reader) -> Result<(), DecodeError>;
    /// Writes all fields that are present, without the Property Length.
    fn write(&self, sink: &mut impl Sink);
}

/// Reads a Property Length and the properties it spans.
pub(crate) fn read<P: Properties>(reader: &mut Reader) -> Result<Option<Box<P>>, DecodeError> {
    let length = reader.variable_byte_integer()?;
    if length == 0 {
        return Ok(None);
    }
    let mut section = reader.section(length as usize)?;
    let mut properties = Box::<P>::default();
    while !section.is_empty() {
        let identifier = section.variable_byte_integer()?;
        properties.put(identifier, &mut section)?;
    }
    Ok(Some(properties))
}

/// Writes a Property Length and the properties it spans.
pub(crate) fn write<P: Properties>(properties: Option<&P>, sink: &mut impl Sink) {
    match properties {
        None => sink.u8(0),
        Some(properties) => {
            sink.variable_byte_integer(count(|counter| properties.write(counter)));
            properties.write(sink);
        }
    }
}

macro_rules! properties {
    ($($(#[$doc:meta])* $type:ident for $packet:ident {
        $($(#[$field_doc:meta])* $identifier:literal $field:ident: $value:ty,)*
    })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct $type {
            $($(#[$field_doc])* pub $field: $value,)*
        }

        impl Properties for $type {
            fn put(&mut self, identifier: u32, reader: &mut Reader) -> Result<(), DecodeError> {
                match identifier {
                    $($identifier => Slot::put(&mut self.$field, identifier, reader),)*
                    _ => Err(DecodeError::PropertyNotAllowed { identifier, packet_type: PacketType::$packet }),
                }
            }

            fn write(&self, sink: &mut impl Sink) {
                $(Slot::write(&self.$field, $identifier, sink);)*
            }
        }
    )*};
}

properties! {
    /// MQTT5 §3.1.2.11
    ConnectProperties for Connect {
        /// How long the session outlives the connection; absent is 0, `u32::MAX` is forever.
        0x11 session_expiry_interval_s: Option<u32>,
        /// How many QoS 1 and 2 messages the client takes at once; absent is 65,535.
        0x21 receive_maximum: Option<NonZeroU16>,
        /// The largest packet the client takes, in bytes; absent is no limit.
        0x27 maximum_packet_size: Option<NonZeroU32>,
        /// How many topic aliases the client takes; absent is 0.
        0x22 topic_alias_maximum: Option<u16>,
        /// Whether the client wants Response Information; absent is no.
        0x19 request_response_information: Option<bool>,
        /// Whether Reason Strings may be sent with any packet; absent is yes.
        0x17 request_problem_information: Option<bool>,
        /// In the order sent.
        0x26 user_properties: Vec<UserProperty>,
        /// Names an extended authentication.
        0x15 authentication_method: Option<Utf8String>,
        /// Its first data.
        0x16 authentication_data: Option<BinaryData>,
    }

    /// MQTT5 §3.1.3.2
    WillProperties for Connect {
        /// Seconds between the end of the connection and the will; absent is 0.
        0x18 will_delay_interval_s: Option<u32>,
        /// Whether the payload is UTF-8 text.
        0x01 payload_format_indicator: Option<bool>,
        /// Seconds the message may wait.
        0x02 message_expiry_interval_s: Option<u32>,
        /// The payload's MIME type, by convention.
        0x03 content_type: Option<Utf8String>,
        /// Where an answer is expected.
        0x08 response_topic: Option<Utf8String>,
        /// Belongs to the answer.
        0x09 correlation_data: Option<BinaryData>,
        /// In the order sent.
        0x26 user_properties: Vec<UserProperty>,
    }

    /// MQTT5 §3.2.2.3
    ConnAckProperties for ConnAck {
        /// What the server uses, where the client asked for something else.
        0x11 session_expiry_interval_s: Option<u32>,
        /// How many QoS 1 and 2 messages the server takes at once; absent is 65,535.
        0x21 receive_maximum: Option<NonZeroU16>,
        /// The highest QoS the server takes, 0 or 1; absent is 2.
        0x24 maximum_qos: Option<QoS>,
        /// Whether the server keeps retained messages; absent is yes.
        0x25 retain_available: Option<bool>,
        /// The largest packet the server takes, in bytes; absent is no limit.
        0x27 maximum_packet_size: Option<NonZeroU32>,
        /// The name the server chose for a client that gave none.
        0x12 assigned_client_identifier: Option<Utf8String>,
        /// How many topic aliases the server takes; absent is 0.
        0x22 topic_alias_maximum: Option<u16>,
        /// For people.
        0x1F reason_string: Option<Utf8String>,
        /// In the order sent.
        0x26 user_properties: Vec<UserProperty>,
        /// Absent is yes.
        0x28 wildcard_subscription_available: Option<bool>,
        /// Absent is yes.
        0x29 subscription_identifiers_available: Option<bool>,
        /// Absent is yes.
        0x2A shared_subscription_available: Option<bool>,
        /// The keep alive the server uses instead of the client's.
        0x13 server_keep_alive_s: Option<u16>,
        /// Where the client may have answers sent to.
        0x1A response_information: Option<Utf8String>,
        /// Another server.
        0x1C server_reference: Option<Utf8String>,
        /// Names an extended authentication.
        0x15 authentication_method: Option<Utf8String>,
        /// Its data.
        0x16 authentication_data: Option<BinaryData>,
    }

    /// MQTT5 §3.3.2.3
    PublishProperties for Publish {
        /// Whether the payload is UTF-8 text.
        0x01 payload_format_indicator: Option<bool>,
        /// Seconds the message may wait.
        0x02 message_expiry_interval_s: Option<u32>,
        /// Stands for a topic name on this connection.
        0x23 topic_alias: Option<NonZeroU16>,
        /// Where an answer is expected.
        0x08 response_topic: Option<Utf8String>,
        /// Belongs to the answer.
        0x09 correlation_data: Option<BinaryData>,
        /// In the order sent.
        0x26 user_properties: Vec<UserProperty>,
        /// The subscriptions that chose this message; only a server sends them.
        0x0B subscription_identifiers: Vec<SubscriptionIdentifier>,
        /// The payload's MIME type, by convention.
        0x03 content_type: Option<Utf8String>,
    }

    /// Of PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK and UNSUBACK: MQTT5 §3.4.2.2 and its like.
    ReasonProperties for PubAck {
        /// For people.
        0x1F reason_string: Option<Utf8String>,
        /// In the order sent.
        0x26 user_properties: Vec<UserProperty>,
    }

    /// MQTT5 §3.8.2.1
    SubscribeProperties for Subscribe {
        /// Comes back with each message these subscriptions choose.
        0x0B subscription_identifier: Option<SubscriptionIdentifier>,
        /// In the order sent.
        0x26 user_properties: Vec<UserProperty>,
    }

    /// MQTT5 §3.10.2.1
    UnsubscribeProperties for Unsubscribe {
        /// In the order sent.
        0x26 user_properties: Vec<UserProperty>,
    }

    /// MQTT5 §3.14.2.2
    DisconnectProperties for Disconnect {
        /// Replaces what CONNECT said.
        0x11 session_expiry_interval_s: Option<u32>,
        /// For people.
        0x1F reason_string: Option<Utf8String>,
        /// In the order sent.
        0x26 user_properties: Vec<UserProperty>,
        /// Another server.
        0x1C server_reference: Option<Utf8String>,
    }

    /// MQTT5 §3.15.2.2
    AuthProperties for Auth {
        /// As in CONNECT.
        0x15 authentication_method: Option<Utf8String>,
        /// This step's data.
        0x16 authentication_data: Option<BinaryData>,
        /// For people.
        0x1F reason_string: Option<Utf8String>,
        /// In the order sent.
        0x26 user_properties: Vec<UserProperty>,
    }
}

impl WillProperties {
    /// The same properties in buffers of their own, for whoever keeps them longer than the packet they came in.
    pub fn detached(&self) -> Self {
        let text = |text: &Option<Utf8String>| text.as_ref().map(Utf8String::detached);
        let user_property = |p: &UserProperty| UserProperty { name: p.name.detached(), value: p.value.detached() };
        Self {
            will_delay_interval_s: self.will_delay_interval_s,
            payload_format_indicator: self.payload_format_indicator,
            message_expiry_interval_s: self.message_expiry_interval_s,
            content_type: text(&self.content_type),
            response_topic: text(&self.response_topic),
            correlation_data: self.correlation_data.as_ref().map(BinaryData::detached),
            user_properties: self.user_properties.iter().map(user_property).collect(),
        }
    }

    /// What they take in memory, in buffers of their own.
    pub fn bytes(&self) -> usize {
        let Self { content_type, response_topic, correlation_data, user_properties, .. } = self;
        let text = |text: &Utf8String| allocated(text.bytes().len());
        let texts: usize = [content_type, response_topic].into_iter().flatten().map(text).sum();
        let data = correlation_data.as_ref().map_or(0, |data| allocated(data.bytes().len()));
        let pairs: usize = user_properties.iter().map(|pair| text(&pair.name) + text(&pair.value)).sum();
        allocated(size_of::<Self>()) + texts + data + allocated(size_of_val(user_properties.as_slice())) + pairs
    }
}
