//! The words every station shares: identifiers, time, secrets, and nothing that decides.
//!
//! Text from outside becomes one of these types at the edge (`parse`), and inside nobody checks it again.
mod arn; // account, region, and the resource names built from them
pub mod base64_bytes; // bytes in JSON
mod causes; // an error and its causes in one line
mod http_url; // addresses of HTTP endpoints
mod id; // newtypes of the names AWS and X.509 give things
pub mod json; // JSON whose objects name each member once
pub mod memory; // what things take in it
mod message; // what MQTT5 says of a message that is kept
mod mqtt; // versions, QoS, packet identifiers, sessions
mod reserved; // topics that begin with $
mod random; // randomness as an argument
mod secret; // bytes that never reach a log
mod shadow_id; // which of a thing's shadows
mod time; // wall-clock time as a value
mod topic; // MQTT topic names and topic filters

pub use arn::{AccountId, Region, Tenant};
pub use causes::with_causes;
pub use http_url::HttpUrl;
pub use id::{
    AuthorizerName, BillingGroupName, BucketName, CertificateId, ClientId, DeliveryStreamName, InvalidName, KeyId,
    ObjectKey, PolicyName, PrincipalId, RoleAliasName, RuleName, ShadowName, ThingGroupName, ThingName, ThingTypeName,
};
pub use message::MessageProperties;
pub use mqtt::{Grant, PacketIdentifier, ProtocolVersion, QoS, SessionId};
pub use random::Random;
pub use reserved::{is_reserved_for_nobody, service_not_offered};
pub use secret::{Secret, SecretKey};
pub use shadow_id::ShadowId;
pub use time::Timestamp;
pub use topic::{TOPIC_BYTES_MAX, TOPIC_LEVELS_MAX, TopicError, TopicFilter, TopicName, basic_ingest};
