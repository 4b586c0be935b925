//! The other side: an operator's signed HTTP client, a device that speaks MQTT over mutual TLS, a producer for Kafka.
//!
//! Receives an endpoint and who is calling; hands on answers and messages. `sekisho device`, `sekisho demo` and the
//! conformance tests are built from it. Nothing in it knows this server: it speaks to AWS as well.
mod answer; // what an AWS API said
mod aws; // AwsClient: signed requests
mod http; // HttpClient: unsigned ones
mod kafka; // KafkaProducer: records for a topic
mod device; // MqttDevice: connect, publish, subscribe
mod keys; // a device's private key and its certification request
mod tls; // a device's side of mutual TLS

mod own_ca; // a CA of one's own
mod local; // a server of one's own, for demos and tests

pub use self::http::{HttpClient, HttpError};
pub use answer::{Answer, Refused};
pub use aws::{AwsClient, AwsError, AwsRequest, encode_segment};
pub use device::{ConnectOptions, DeviceError, Message, MqttDevice, Negotiated};
pub use kafka::{KafkaProducer, ProduceError};
pub use keys::{DeviceKey, KeyError, KeyKind};
pub use local::{Endpoints, LocalError, LocalServer};
pub use own_ca::{OwnCa, OwnCaError};
pub use sekisho_mqtt::{PacketIdentifier, ProtocolVersion, QoS, ReasonCode};
pub use sekisho_sigv4::Credentials;
pub use tls::{DeviceTls, TlsMaterialError};
