//! What brokers refuse, and what is no answer.

/// Why a record is not with its broker.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KafkaError {
    /// The bytes are no answer to what was asked.
    #[error("the broker's answer cannot be read")]
    NotAnAnswer,
    /// The broker said so.
    #[error("the broker answered {0}")]
    Refused(BrokerError),
    /// SASL: who asks is not let in, or the broker does not know the password either.
    #[error("SASL failed: {0}")]
    Sasl(String),
    /// A record is longer than an answer to it could be, or one of its parts than Kafka takes.
    #[error("{0}")]
    Record(String),
}

impl KafkaError {
    /// The same may do better later.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Refused(error) => error.is_passing(),
            Self::NotAnAnswer | Self::Sasl(_) => true, // an operator can mend that without a new rule
            Self::Record(_) => false,
        }
    }
}

/// An error code (protocol guide, "Error Codes").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokerError(pub i16);

#[rustfmt::skip] // code, its name, whether a client tries again
const CODES: &[(i16, &str, bool)] = &[
    (-1, "UNKNOWN_SERVER_ERROR",             true),
    (2,  "CORRUPT_MESSAGE",                  true),
    (3,  "UNKNOWN_TOPIC_OR_PARTITION",       false),
    (5,  "LEADER_NOT_AVAILABLE",             true),
    (6,  "NOT_LEADER_OR_FOLLOWER",           true),
    (7,  "REQUEST_TIMED_OUT",                true),
    (8,  "BROKER_NOT_AVAILABLE",             true),
    (9,  "REPLICA_NOT_AVAILABLE",            true),
    (10, "MESSAGE_TOO_LARGE",                false),
    (13, "NETWORK_EXCEPTION",                true),
    (17, "INVALID_TOPIC_EXCEPTION",          false),
    (18, "RECORD_LIST_TOO_LARGE",            false),
    (19, "NOT_ENOUGH_REPLICAS",              true),
    (20, "NOT_ENOUGH_REPLICAS_AFTER_APPEND", true),
    (21, "INVALID_REQUIRED_ACKS",            false),
    (29, "TOPIC_AUTHORIZATION_FAILED",       false),
    (31, "CLUSTER_AUTHORIZATION_FAILED",     false),
    (32, "INVALID_TIMESTAMP",                false),
    (33, "UNSUPPORTED_SASL_MECHANISM",       false),
    (34, "ILLEGAL_SASL_STATE",               false),
    (35, "UNSUPPORTED_VERSION",              false),
    (41, "NOT_CONTROLLER",                   true),
    (43, "UNSUPPORTED_FOR_MESSAGE_FORMAT",   false),
    (56, "KAFKA_STORAGE_ERROR",              true),
    (58, "SASL_AUTHENTICATION_FAILED",       true),
    (76, "UNSUPPORTED_COMPRESSION_TYPE",     false),
    (87, "INVALID_RECORD",                   false),
    (89, "THROTTLING_QUOTA_EXCEEDED",        true),
];

impl BrokerError {
    fn known(self) -> Option<&'static (i16, &'static str, bool)> {
        CODES.iter().find(|(code, ..)| *code == self.0)
    }

    fn is_passing(self) -> bool {
        self.known().is_none_or(|(_, _, passes)| *passes)
    }

    /// Nobody knows the topic, or not yet: brokers that make topics take a moment for it.
    pub const fn is_of_topic(self) -> bool {
        self.0 == 3
    }

    /// Another broker leads the partition by now.
    pub const fn is_of_leader(self) -> bool {
        matches!(self.0, 3 | 5 | 6 | 9 | 13 | 56 | 72 | 74)
    }

    /// A code; none if nothing is wrong.
    pub(crate) const fn check(code: i16) -> Result<(), KafkaError> {
        if code == 0 { Ok(()) } else { Err(KafkaError::Refused(Self(code))) }
    }
}

impl std::fmt::Display for BrokerError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.known() {
            Some((code, name, _)) => write!(f, "{name} ({code})"),
            None => write!(f, "error {}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_names_and_some_pass() {
        assert_eq!(BrokerError(3).to_string(), "UNKNOWN_TOPIC_OR_PARTITION (3)");
        assert_eq!(BrokerError(999).to_string(), "error 999");
        assert!(
            KafkaError::Refused(BrokerError(19)).is_passing() && !KafkaError::Refused(BrokerError(10)).is_passing()
        );
        assert!(CODES.windows(2).all(|pair| pair[0].0 < pair[1].0), "in order, once");
    }
}
