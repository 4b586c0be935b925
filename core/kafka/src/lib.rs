//! A producer's side of Kafka, without I/O (kafka.apache.org/protocol): what a client is told to be, the requests it makes of brokers from
//! 1.0 on, what they answer, SASL, and records.
//!
//! Hands on bytes to be sent and what bytes that came mean; nothing is allocated on a broker's word. Knows no sockets.
mod properties; // `clientProperties`: who is asked, and how
mod produce; // what a rule wants produced
mod wire; // numbers, strings, arrays
mod request; // Metadata, Produce, SaslHandshake, SaslAuthenticate
mod record; // a batch of one record, and where it belongs
mod scram; // SASL SCRAM-SHA-256 and -512
mod error; // what brokers refuse

pub use error::{BrokerError, KafkaError};
pub use produce::Produce;
pub use properties::{Acks, Address, ClientProperties, Compression, Mechanism, Sasl};
pub use record::{Record, partition_of};
pub use request::{ANSWER_BYTES_MAX, Answer, Metadata, Request, Topic};
pub use scram::Scram;
