//! Kafka clusters that rules produce for: one producer for each way to be one, made when it is first needed.
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use sekisho_client::{KafkaProducer, ProduceError};
use sekisho_kafka::{ClientProperties, Produce, Record};
use sekisho_types::Timestamp;

use crate::rule_actions::AskError;

/// Producers that are kept, each with connections of its own; a secret that was changed makes another one. And then: those nobody uses at
/// the moment are made anew.
const PRODUCERS_MAX: usize = 64;

/// All of them.
#[derive(Default)]
pub(crate) struct Clusters(Mutex<HashMap<ClientProperties, Arc<KafkaProducer>>>);

/// Why a record is not with a broker.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotProduced {
    #[error("no VPC destination `{0}` is enabled")]
    NoDestination(String),
    #[error("{0}")]
    Properties(String),
    #[error("clientProperties: {0}: there is no such secret")]
    NoSecret(String),
    #[error("a secret could not be asked for")]
    Secret(#[source] Box<AskError>),
    #[error(transparent)]
    Broker(#[from] ProduceError),
}

impl NotProduced {
    /// The same will fail again.
    pub(crate) fn is_lasting(&self) -> bool {
        match self {
            Self::NoDestination(_) | Self::Properties(_) => true,
            Self::NoSecret(_) => false, // somebody may keep one yet
            Self::Secret(error) => error.is_lasting(),
            Self::Broker(error) => !error.is_passing(),
        }
    }
}

impl Clusters {
    /// Sends what a rule made.
    pub(crate) async fn produce(
        &self,
        produce: &Produce,
        properties: BTreeMap<String, String>,
        value: &Bytes,
        timestamp: Timestamp,
    ) -> Result<(), NotProduced> {
        let producer = self.producer(ClientProperties::read(&properties).map_err(NotProduced::Properties)?)?;
        let headers = produce.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        let key = produce.key.as_deref().map(str::as_bytes);
        let record = Record { key, value, headers: headers.collect(), timestamp };
        Ok(producer.send(&produce.topic, produce.partition, &record).await?)
    }

    fn producer(&self, properties: ClientProperties) -> Result<Arc<KafkaProducer>, NotProduced> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = all.get(&properties) {
            return Ok(known.clone());
        }
        if all.len() >= PRODUCERS_MAX {
            all.retain(|_, producer| Arc::strong_count(producer) > 1);
        }
        let producer = Arc::new(KafkaProducer::new(properties.clone())?);
        all.insert(properties, producer.clone());
        Ok(producer)
    }
}
