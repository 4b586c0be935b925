//! Server-side encryption of a stream's buffer: which key its records are sealed under, and how that changes.
//!
//! The buffer is sealed in every case, under the server's own keys. A customer's key is asked for beside them.
use sekisho_types::{DeliveryStreamName, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::Duration;

use crate::store::{Delivery, Event, put};
use crate::{DeliveryError, DeliveryStream};

/// Start and Stop together, of one stream, within [`CALLS_WITHIN`] (Firehose API reference).
const CALLS_MAX: usize = 25;
const CALLS_WITHIN: Duration = Duration::from_secs(24 * 3600);
/// Streams a customer's key encrypts (Firehose API reference).
const STREAMS_OF_KEY_MAX: usize = 500;

/// `KeyType`, and the key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BufferKey {
    /// AWS_OWNED_CMK: the server's own keys.
    AwsOwned,
    /// CUSTOMER_MANAGED_CMK
    Customer {
        /// The KMS key's ARN.
        key_arn: String,
    },
}

/// `DeliveryStreamEncryptionConfiguration`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum StreamEncryption {
    /// DISABLED. Left by Start.
    #[default]
    Disabled,
    /// ENABLING: nobody has asked KMS for `asked` yet. Left by [`Delivery::settle_encryption`].
    Enabling {
        /// What is to be.
        asked: BufferKey,
        /// What records are sealed under meanwhile.
        present: Option<BufferKey>,
    },
    /// ENABLED. Left by Start, with another key, and Stop.
    Enabled {
        /// What records are sealed under.
        key: BufferKey,
    },
    /// ENABLING_FAILED: everything is as it was before. Left by Start and Stop.
    EnablingFailed {
        /// What was to be.
        asked: BufferKey,
        /// What records are sealed under still.
        present: Option<BufferKey>,
        /// Why.
        failure: FailureDescription,
    },
    /// DISABLING. Left by [`Delivery::settle_encryption`].
    Disabling {
        /// What records are sealed under still.
        present: BufferKey,
    },
}

/// `FailureDescription`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureDescription {
    /// `Type`
    pub kind: FailureType,
    /// `Details`
    pub details: String,
}

/// `DeliveryStreamFailureType`, those that can come to pass here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FailureType {
    /// There is no such key.
    KmsKeyNotFound,
    /// The key is disabled.
    DisabledKmsKey,
    /// The key is about to be deleted, or is not a customer's.
    InvalidKmsKey,
    /// The server's fault.
    UnknownError,
}

impl BufferKey {
    fn describe(&self) -> Value {
        match self {
            Self::AwsOwned => json!({"KeyType": "AWS_OWNED_CMK"}),
            Self::Customer { key_arn } => json!({"KeyType": "CUSTOMER_MANAGED_CMK", "KeyARN": key_arn}),
        }
    }
}

impl StreamEncryption {
    /// What a record that comes now is sealed under, if encryption is on.
    pub fn key(&self) -> Option<&BufferKey> {
        match self {
            Self::Disabled => None,
            Self::Enabling { present, .. } | Self::EnablingFailed { present, .. } => present.as_ref(),
            Self::Enabled { key } => Some(key),
            Self::Disabling { present } => Some(present),
        }
    }

    /// The customer's key a record that comes now is sealed under.
    pub fn customer_key(&self) -> Option<&str> {
        match self.key()? {
            BufferKey::AwsOwned => None,
            BufferKey::Customer { key_arn } => Some(key_arn),
        }
    }

    /// Whether [`Delivery::settle_encryption`] is owed.
    pub fn is_changing(&self) -> bool {
        match self {
            Self::Enabling { .. } | Self::Disabling { .. } => true,
            Self::Disabled | Self::Enabled { .. } | Self::EnablingFailed { .. } => false,
        }
    }

    /// `DeliveryStreamEncryptionConfiguration`
    pub(crate) fn describe(&self) -> Value {
        let (status, key) = match self {
            Self::Disabled => return json!({"Status": "DISABLED"}),
            Self::Enabling { asked, .. } => ("ENABLING", asked),
            Self::Enabled { key } => ("ENABLED", key),
            Self::EnablingFailed { asked, present, .. } => ("ENABLING_FAILED", present.as_ref().unwrap_or(asked)),
            Self::Disabling { present } => ("DISABLING", present),
        };
        let mut description = key.describe();
        description["Status"] = json!(status);
        if let Self::EnablingFailed { failure, .. } = self {
            description["FailureDescription"] = json!({"Type": failure.kind, "Details": failure.details});
        }
        description
    }
}

impl Delivery {
    /// StartDeliveryStreamEncryption. It is ENABLING then.
    ///
    /// # Errors
    /// [`DeliveryError::NotFound`], [`DeliveryError::NotActive`], [`DeliveryError::LimitExceeded`].
    pub fn start_encryption(
        &self,
        now: Timestamp,
        name: &DeliveryStreamName,
        asked: BufferKey,
    ) -> Result<Vec<Event>, DeliveryError> {
        self.check_streams_of_key(name, &asked)?;
        self.change_encryption(now, name, |present| StreamEncryption::Enabling { asked, present })
    }

    /// StopDeliveryStreamEncryption. It is DISABLING then.
    ///
    /// # Errors
    /// As [`Delivery::start_encryption`].
    pub fn stop_encryption(&self, now: Timestamp, name: &DeliveryStreamName) -> Result<Vec<Event>, DeliveryError> {
        self.change_encryption(now, name, |present| match present {
            Some(present) => StreamEncryption::Disabling { present },
            None => StreamEncryption::Disabled,
        })
    }

    fn change_encryption(
        &self,
        now: Timestamp,
        name: &DeliveryStreamName,
        change: impl FnOnce(Option<BufferKey>) -> StreamEncryption,
    ) -> Result<Vec<Event>, DeliveryError> {
        let mut stream = self.stream(name)?.clone();
        if stream.encryption.is_changing() {
            return Err(DeliveryError::NotActive { name: name.clone() });
        }
        stream.encryption_calls.retain(|at| now.since(*at) < CALLS_WITHIN);
        if stream.encryption_calls.len() >= CALLS_MAX {
            let message = format!(
                "StartDeliveryStreamEncryption and StopDeliveryStreamEncryption are called at most {CALLS_MAX} times in 24 hours for Firehose {name}"
            );
            return Err(DeliveryError::LimitExceeded(message));
        }
        stream.encryption_calls.push(now);
        stream.encryption = change(stream.encryption.key().cloned());
        Ok(put(stream))
    }

    /// What became of ENABLING and DISABLING: `outcome` is the key that KMS vouches for, or why it does not. Nothing if the
    /// stream is gone, or in neither.
    pub fn settle_encryption(
        &self,
        name: &DeliveryStreamName,
        outcome: Result<BufferKey, FailureDescription>,
    ) -> Vec<Event> {
        let Ok(stream) = self.stream(name) else { return Vec::new() };
        let encryption = match (stream.encryption.clone(), outcome) {
            (StreamEncryption::Disabling { .. }, _) => StreamEncryption::Disabled,
            (StreamEncryption::Enabling { .. }, Ok(key)) => StreamEncryption::Enabled { key },
            (StreamEncryption::Enabling { asked, present }, Err(failure)) => {
                StreamEncryption::EnablingFailed { asked, present, failure }
            }
            (StreamEncryption::Disabled | StreamEncryption::Enabled { .. }, _)
            | (StreamEncryption::EnablingFailed { .. }, _) => return Vec::new(),
        };
        put(DeliveryStream { encryption, ..stream.clone() })
    }

    /// That the key may encrypt one stream more.
    pub(crate) fn check_streams_of_key(&self, name: &DeliveryStreamName, key: &BufferKey) -> Result<(), DeliveryError> {
        let BufferKey::Customer { key_arn } = key else { return Ok(()) };
        let others = self.streams().filter(|stream| stream.name != *name);
        let encrypted = others.filter(|stream| stream.encryption.customer_key() == Some(key_arn)).count();
        if encrypted < STREAMS_OF_KEY_MAX {
            return Ok(());
        }
        let message =
            format!("{key_arn} encrypts {encrypted} delivery streams; at most {STREAMS_OF_KEY_MAX} are allowed");
        Err(DeliveryError::LimitExceeded(message))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use sekisho_types::{AccountId, Region, Tenant};

    use super::*;
    use crate::{Given, StreamId, WrappedDataKey};

    fn name() -> DeliveryStreamName {
        DeliveryStreamName::parse("telemetry").unwrap()
    }

    fn customer(key_arn: &str) -> BufferKey {
        BufferKey::Customer { key_arn: key_arn.into() }
    }

    fn apply(delivery: &mut Delivery, events: &[Event]) {
        events.iter().for_each(|event| delivery.apply(event));
    }

    fn with_streams(names: &[String], encryption: &StreamEncryption) -> Delivery {
        let mut delivery = Delivery::new(Tenant {
            account: AccountId::parse("000000000000").unwrap(),
            region: Region::parse("us-east-1").unwrap(),
        });
        for name in names {
            let given = json!({"RoleARN": "arn:aws:iam::000000000000:role/r", "BucketARN": "arn:aws:s3:::lake"});
            let (now, name) = (Timestamp::from_seconds(0), DeliveryStreamName::parse(name).unwrap());
            let made = delivery
                .create_delivery_stream(now, name, Given::S3(&given), encryption.clone(), BTreeMap::new())
                .unwrap();
            apply(&mut delivery, &made.0);
        }
        delivery
    }

    enum Step {
        Start(&'static str),
        Stop,
        Vouched,
        Refused,
    }

    #[test]
    fn every_state_is_left_as_documented() {
        use Step::{Refused, Start, Stop, Vouched};
        #[rustfmt::skip] // step         Status             KeyARN                   sealed under
        const LIFE: &[(Step, &str, Option<&str>, Option<&str>)] = &[
            (Stop,        "DISABLED",        None,      None),
            (Start("a"),  "ENABLING",        Some("a"), None),      // "the data is not encrypted"
            (Refused,     "ENABLING_FAILED", Some("a"), None),
            (Start("a"),  "ENABLING",        Some("a"), None),
            (Vouched,     "ENABLED",         Some("a"), Some("a")),
            (Start("b"),  "ENABLING",        Some("b"), Some("a")), // to change the key
            (Refused,     "ENABLING_FAILED", Some("a"), Some("a")), // "encryption remains enabled with the old CMK"
            (Start("b"),  "ENABLING",        Some("b"), Some("a")),
            (Vouched,     "ENABLED",         Some("b"), Some("b")),
            (Stop,        "DISABLING",       Some("b"), Some("b")),
            (Vouched,     "DISABLED",        None,      None),
            (Vouched,     "DISABLED",        None,      None),      // nobody asked
        ];
        let mut delivery = with_streams(&["telemetry".into()], &StreamEncryption::Disabled);
        let (now, mut asked) = (Timestamp::from_seconds(1), "");
        for (at, (step, status, told, sealed)) in LIFE.iter().enumerate() {
            let events = match step {
                Start(key) => {
                    asked = key;
                    delivery.start_encryption(now, &name(), customer(key)).unwrap()
                }
                Stop => delivery.stop_encryption(now, &name()).unwrap(),
                Vouched => delivery.settle_encryption(&name(), Ok(customer(asked))),
                Refused => {
                    let failure = FailureDescription { kind: FailureType::DisabledKmsKey, details: "d".into() };
                    delivery.settle_encryption(&name(), Err(failure))
                }
            };
            apply(&mut delivery, &events);
            let stream = delivery.stream(&name()).unwrap();
            let described = stream.encryption.describe();
            assert_eq!(
                (described["Status"].as_str(), described["KeyARN"].as_str()),
                (Some(*status), *told),
                "step {at}"
            );
            assert_eq!(stream.encryption.customer_key(), *sealed, "step {at}");
            let failure = (*status == "ENABLING_FAILED").then(|| json!({"Type": "DISABLED_KMS_KEY", "Details": "d"}));
            assert_eq!(described.get("FailureDescription"), failure.as_ref(), "step {at}");
            assert_eq!(stream.version, 1, "encryption is not the destination's version");
            if stream.encryption.is_changing() {
                let again = delivery.stop_encryption(now, &name());
                assert_eq!(again, Err(DeliveryError::NotActive { name: name() }), "step {at}");
            }
        }
    }

    #[test]
    fn twenty_five_calls_in_24_hours() {
        let mut delivery = with_streams(&["telemetry".into()], &StreamEncryption::Disabled);
        for second in 0..25 {
            let events = delivery.stop_encryption(Timestamp::from_seconds(second), &name()).unwrap();
            apply(&mut delivery, &events);
        }
        let call = |second| delivery.start_encryption(Timestamp::from_seconds(second), &name(), BufferKey::AwsOwned);
        assert!(matches!(call(24 * 3600 - 1), Err(DeliveryError::LimitExceeded(_))));
        assert!(call(24 * 3600).is_ok(), "the first is a day ago");
    }

    #[test]
    fn a_key_encrypts_500_streams() {
        let names: Vec<String> = (0..500).map(|n| format!("s{n}")).collect();
        let mut delivery = with_streams(&names, &StreamEncryption::Enabled { key: customer("k") });
        let (now, one) = (Timestamp::from_seconds(1), DeliveryStreamName::parse("s7").unwrap());
        assert!(delivery.start_encryption(now, &one, customer("k")).is_ok(), "it is one of them");
        let given = json!({"RoleARN": "arn:aws:iam::000000000000:role/r", "BucketARN": "arn:aws:s3:::lake"});
        let made = delivery.create_delivery_stream(
            now,
            name(),
            Given::S3(&given),
            StreamEncryption::Disabled,
            BTreeMap::new(),
        );
        apply(&mut delivery, &made.unwrap().0);
        let over = delivery.start_encryption(now, &name(), customer("k"));
        assert!(matches!(over, Err(DeliveryError::LimitExceeded(_))));
        assert!(delivery.start_encryption(now, &name(), customer("l")).is_ok());
    }

    #[test]
    fn data_keys_survive_a_snapshot_and_their_numbers_are_never_used_again() {
        let mut delivery = with_streams(&["telemetry".into()], &StreamEncryption::Enabled { key: customer("k") });
        let stream = StreamId(1);
        let key = |number| WrappedDataKey {
            number,
            key_arn: "k".into(),
            ciphertext_blob: "AQIC".into(),
            made_at: Timestamp::from_seconds(1),
        };
        for number in 0..3 {
            assert_eq!(delivery.next_data_key(stream), number);
            delivery.apply(&Event::DataKeyMade { stream, key: key(number) });
        }
        for below in [2, 3] {
            delivery.apply(&Event::DataKeysDropped { stream, below });
            let mut again = with_streams(&[], &StreamEncryption::Disabled);
            for event in delivery.snapshot() {
                again.apply(&serde_json::from_str(&serde_json::to_string(&event).unwrap()).unwrap());
            }
            assert_eq!(again, delivery);
            let kept: Vec<u32> = again.data_keys(stream).map(|key| key.number).collect();
            assert_eq!((kept, again.next_data_key(stream)), ((below..3).collect(), 3));
        }
        let gone = delivery.delete_delivery_stream(&name()).unwrap();
        apply(&mut delivery, &gone);
        assert_eq!(delivery.data_keys(stream).count(), 0);
    }
}
