//! Requests in versions that every broker from 1.0 to the newest takes (KIP-896), so that none has to be asked which it knows.
use crate::error::{BrokerError, KafkaError};
use crate::properties::Acks;
use crate::wire::{Reader, Writer};

/// The longest answer that is read. A longer one is no answer: the metadata of one topic, or less, has a few hundred KB at most.
pub const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How long a broker waits for its replicas, in ms. And then: `REQUEST_TIMED_OUT`.
const REPLICAS_MS: i32 = 10_000;
/// As brokers log it.
const CLIENT_ID: &str = "sekisho";

/// What is asked of a broker.
#[derive(Clone, Copy, Debug)]
pub enum Request<'a> {
    /// Metadata v4: who leads a topic's partitions. The topic is made, if the broker makes topics.
    Metadata {
        /// Which.
        topic: &'a str,
    },
    /// Produce v3.
    Produce {
        /// Where to.
        topic: &'a str,
        /// The same.
        partition: i32,
        /// What is acknowledged.
        acks: Acks,
        /// A batch, as [`crate::Record::batch`] makes it.
        batch: &'a [u8],
    },
    /// SaslHandshake v1.
    SaslHandshake {
        /// Such as `SCRAM-SHA-512`.
        mechanism: &'a str,
    },
    /// SaslAuthenticate v0.
    SaslAuthenticate {
        /// The mechanism's next message.
        message: &'a [u8],
    },
}

/// What a broker answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// To Metadata.
    Metadata(Metadata),
    /// To Produce: it has the records.
    Produced,
    /// To SaslHandshake: go on.
    Sasl,
    /// To SaslAuthenticate: the mechanism's next message.
    Authenticated(Vec<u8>),
}

/// Brokers, and one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Number, host and port of each.
    pub brokers: Vec<(i32, String, u16)>,
    /// What was asked for.
    pub topic: Topic,
}

/// Its partitions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topic {
    /// The number of each, and its leader's; -1 while there is none.
    pub partitions: Vec<(i32, i32)>,
}

impl Request<'_> {
    const fn key_and_version(&self) -> (i16, i16) {
        match self {
            Self::Produce { .. } => (0, 3),
            Self::Metadata { .. } => (3, 4),
            Self::SaslHandshake { .. } => (17, 1),
            Self::SaslAuthenticate { .. } => (36, 0),
        }
    }

    /// Whether a broker answers it.
    pub const fn is_answered(&self) -> bool {
        !matches!(self, Self::Produce { acks: Acks::None, .. })
    }

    /// The frame that goes to the broker; `number` comes back with the answer.
    pub fn frame(&self, number: i32) -> Vec<u8> {
        let mut out = Writer(vec![0; 4]);
        let (key, version) = self.key_and_version();
        out.int16(key).int16(version).int32(number).string(CLIENT_ID);
        match self {
            Self::Metadata { topic } => out.int32(1).string(topic).int8(1),
            Self::Produce { topic, partition, acks, batch } => {
                out.int16(-1).int16(acks.code()).int32(REPLICAS_MS);
                out.int32(1).string(topic).int32(1).int32(*partition).bytes(batch)
            }
            Self::SaslHandshake { mechanism } => out.string(mechanism),
            Self::SaslAuthenticate { message } => out.bytes(message),
        };
        let length = i32::try_from(out.0.len() - 4).unwrap_or(i32::MAX);
        out.0[..4].copy_from_slice(&length.to_be_bytes());
        out.0
    }

    /// Reads the answer to the request of this number: a frame without its length.
    ///
    /// # Errors
    /// [`KafkaError`].
    pub fn read(&self, number: i32, frame: &[u8]) -> Result<Answer, KafkaError> {
        let mut from = Reader(frame);
        if from.int32()? != number {
            return Err(KafkaError::NotAnAnswer);
        }
        match self {
            Self::Metadata { topic } => metadata(&mut from, topic).map(Answer::Metadata),
            Self::Produce { topic, partition, .. } => {
                let answers = from.array(|from| {
                    let name = from.string()?;
                    let partitions = from.array(|from| {
                        let (index, code) = (from.int32()?, from.int16()?);
                        let _offset_and_time = (from.int64()?, from.int64()?);
                        Ok((index, code))
                    });
                    Ok((name, partitions?))
                })?;
                let code = answers.iter().filter(|(name, _)| name == topic).flat_map(|(_, partitions)| partitions);
                let code = code.filter(|(index, _)| index == partition).map(|(_, code)| *code).next();
                BrokerError::check(code.ok_or(KafkaError::NotAnAnswer)?).map(|()| Answer::Produced)
            }
            Self::SaslHandshake { .. } => {
                let code = from.int16()?;
                let known = from.array(|from| from.string().map(str::to_owned))?;
                match BrokerError::check(code) {
                    Err(_) => Err(KafkaError::Sasl(format!("the broker knows {} only", known.join(", ")))),
                    Ok(()) => Ok(Answer::Sasl),
                }
            }
            Self::SaslAuthenticate { .. } => {
                let (code, said, message) = (from.int16()?, from.nullable_string()?, from.bytes()?);
                match BrokerError::check(code) {
                    Err(error) => Err(KafkaError::Sasl(said.map_or_else(|| error.to_string(), str::to_owned))),
                    Ok(()) => Ok(Answer::Authenticated(message.to_vec())),
                }
            }
        }
    }
}

fn metadata(from: &mut Reader<'_>, wanted: &str) -> Result<Metadata, KafkaError> {
    let _throttled_ms = from.int32()?;
    let brokers = from.array(|from| {
        let (number, host, port) = (from.int32()?, from.string()?.to_owned(), from.int32()?);
        let _rack = from.nullable_string()?;
        Ok((number, host, u16::try_from(port).map_err(|_| KafkaError::NotAnAnswer)?))
    })?;
    let _cluster_and_controller = (from.nullable_string()?, from.int32()?);
    let topics = from.array(|from| {
        let (code, name, _is_internal) = (from.int16()?, from.string()?, from.boolean()?);
        let partitions = from.array(|from| {
            let (_code, index, leader) = (from.int16()?, from.int32()?, from.int32()?);
            let _replicas_in_sync = (from.array(Reader::int32)?, from.array(Reader::int32)?);
            Ok((index, leader))
        })?;
        Ok((code, name, partitions))
    })?;
    let found = topics.into_iter().find(|(_, name, _)| *name == wanted).ok_or(KafkaError::NotAnAnswer)?;
    BrokerError::check(found.0)?;
    let mut partitions = found.2;
    partitions.sort_unstable();
    Ok(Metadata { brokers, topic: Topic { partitions } })
}

#[cfg(test)]
mod tests;
