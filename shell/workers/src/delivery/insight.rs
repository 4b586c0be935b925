//! What a stream holds and how it fares: for the operator's port.
use std::collections::HashSet;
use std::time::Duration;

use sekisho_delivery::{BatchId, Partition, Target};
use sekisho_types::{DeliveryStreamName, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::figures::{Counts, Level, Trouble};
use super::put::PutError;
use super::queue::Batch;
use super::streams::{DeliveryStreams, Inner, Live};

/// Partitions that are told of one by one: those that hold most.
const PARTITIONS_SHOWN: usize = 20;
/// How often it is looked at whether batches are delivered, for who waits.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A stream at one moment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StreamInsight {
    /// Its name.
    pub name: DeliveryStreamName,
    /// `DeliveryStreamDescription`, as the API tells it.
    pub description: Value,
    /// When this was.
    pub now: Timestamp,
    /// Records that wait to be cut.
    pub buffered_records: u64,
    /// Bytes of their data.
    pub buffered_bytes: u64,
    /// When the oldest came.
    pub oldest: Option<Timestamp>,
    /// When something is cut at the latest.
    pub next_flush: Option<Timestamp>,
    /// Buffers that hold something.
    pub partitions: usize,
    /// Those that hold most.
    pub largest: Vec<PartitionInsight>,
    /// Batches that are cut and not where they go.
    pub undelivered_batches: usize,
    /// The records in them.
    pub undelivered_records: u64,
    /// Those among the batches that are being transformed.
    pub transforming: usize,
    /// Batches that wait because their destination failed.
    pub held: Vec<Held>,
    /// What was done since the start.
    pub counts: Counts,
    /// The errors of late, the newest last.
    pub troubles: Vec<Trouble>,
}

/// One buffer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PartitionInsight {
    /// Which (`docs/format/record.md`); none for the one of a stream without partitions.
    pub partition: Option<String>,
    /// Records that wait.
    pub records: u64,
    /// Bytes of their data.
    pub bytes: u64,
    /// When the oldest came.
    pub oldest: Timestamp,
    /// When it is cut at the latest.
    pub due: Timestamp,
}

/// Batches that wait because their destination failed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Held {
    /// The bucket; `HTTP` or `LAMBDA` for batches that could not be read back on their way there.
    pub destination: String,
    /// How many.
    pub batches: usize,
    /// When they are tried again.
    pub retry_at: Timestamp,
}

/// A batch that a flush cut.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flushed {
    /// Which.
    pub batch: BatchId,
    /// Which buffer it was.
    pub partition: Option<String>,
    /// How many records.
    pub records: u64,
    /// Bytes of their data.
    pub bytes: u64,
    /// The object it becomes, if it becomes one.
    pub object: Option<String>,
    /// It is transformed first, and what is made of it is buffered.
    pub is_transformed: bool,
}

impl DeliveryStreams {
    /// Every stream, by name, ascending.
    pub fn insights(&self) -> Vec<StreamInsight> {
        let mut insights: Vec<StreamInsight> = self.all().iter().map(|live| self.look(live)).collect();
        insights.sort_by(|a, b| a.name.cmp(&b.name));
        insights
    }

    /// One stream.
    pub fn insight(&self, name: &DeliveryStreamName) -> Option<StreamInsight> {
        self.live(name).map(|live| self.look(&live))
    }

    /// Tells the exporter what every stream holds now.
    pub fn measure(&self) {
        let now = self.state.now();
        for live in self.all() {
            let inner = live.lock();
            if !inner.gone {
                live.figures.measure(level(&inner, now));
            }
        }
    }

    fn look(&self, live: &Live) -> StreamInsight {
        let now = self.state.now();
        let inner = live.lock();
        let mut largest: Vec<PartitionInsight> = inner
            .buffers
            .iter()
            .map(|(partition, pending)| PartitionInsight {
                partition: partition.to_text().map(|text| text.into_owned()),
                records: pending.held.records,
                bytes: pending.held.bytes,
                oldest: pending.held.oldest,
                due: inner.limits.due_at(partition, pending.held),
            })
            .collect();
        largest.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.partition.cmp(&b.partition)));
        let level = level(&inner, now);
        let held = inner.queue.held().map(|(destination, wait, batches)| Held {
            destination: destination.to_owned(),
            batches,
            retry_at: now.plus(wait),
        });
        StreamInsight {
            name: inner.config.name.clone(),
            description: inner.config.describe(self.state.tenant(), None),
            now,
            buffered_records: level.records,
            buffered_bytes: level.bytes,
            oldest: oldest(&inner),
            next_flush: largest.iter().map(|partition| partition.due).min(),
            partitions: inner.buffers.len(),
            undelivered_batches: level.undelivered,
            undelivered_records: inner.queue.batches().map(|batch| batch.cut.records).sum(),
            transforming: inner.queue.batches().filter(|batch| is_transformed(batch)).count(),
            held: held.collect(),
            counts: live.figures.counts(),
            troubles: live.figures.troubles(),
            largest: {
                largest.truncate(PARTITIONS_SHOWN);
                largest
            },
        }
    }

    /// Cuts everything a stream holds, due or not. Answers what was cut, once that is durable.
    ///
    /// # Errors
    /// [`PutError::NotFound`], [`PutError::Journal`].
    pub async fn flush(&self, name: &DeliveryStreamName) -> Result<Vec<Flushed>, PutError> {
        let live = self.live(name).ok_or_else(|| PutError::NotFound(name.clone()))?;
        let cut = self.cut_all(&live)?;
        if let Some(last) = cut.iter().map(Batch::after).max() {
            self.state.journal().wait_durable(last).await?;
        }
        Ok(cut.iter().map(flushed).collect())
    }

    /// The same, and waits until all of it is where it goes: what is transformed first is flushed again behind that. Whoever
    /// waits for a destination that fails waits for ever.
    ///
    /// # Errors
    /// [`PutError::NotFound`] also if the stream is deleted meanwhile, [`PutError::Journal`].
    pub async fn flush_and_wait(&self, name: &DeliveryStreamName) -> Result<Vec<Flushed>, PutError> {
        let live = self.live(name).ok_or_else(|| PutError::NotFound(name.clone()))?;
        let (mut all, mut before) = (self.flush(name).await?, self.undelivered(&live));
        self.wait_delivered(&live, &before, name).await?;
        if all.iter().any(|batch| batch.is_transformed) {
            let made = self.flush(name).await?;
            // Records that came meanwhile and are to be transformed are the next flush's.
            before = made.iter().filter(|batch| !batch.is_transformed).map(|batch| batch.batch).collect();
            all.extend(made.into_iter().filter(|batch| !batch.is_transformed));
            self.wait_delivered(&live, &before, name).await?;
        }
        Ok(all)
    }

    fn undelivered(&self, live: &Live) -> HashSet<BatchId> {
        live.lock().queue.batches().map(|batch| batch.id).collect()
    }

    async fn wait_delivered(
        &self,
        live: &Live,
        batches: &HashSet<BatchId>,
        name: &DeliveryStreamName,
    ) -> Result<(), PutError> {
        loop {
            if live.lock().gone {
                return Err(PutError::NotFound(name.clone()));
            }
            if self.undelivered(live).is_disjoint(batches) {
                return Ok(());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

fn oldest(inner: &Inner) -> Option<Timestamp> {
    inner.buffers.values().map(|pending| pending.held.oldest).min()
}

fn level(inner: &Inner, now: Timestamp) -> Level {
    Level {
        records: inner.buffers.values().map(|pending| pending.held.records).sum(),
        bytes: inner.buffers.values().map(|pending| pending.held.bytes).sum(),
        oldest_age_s: oldest(inner).map_or(0.0, |oldest| now.since(oldest).as_secs_f64()),
        undelivered: inner.queue.batches().count(),
    }
}

fn is_transformed(batch: &Batch) -> bool {
    batch.cut.partition == Partition::Untransformed.to_text().map(|text| text.into_owned())
}

fn flushed(batch: &Batch) -> Flushed {
    let object = if let Target::Object { bucket, key, .. } = &batch.cut.target {
        Some(format!("s3://{bucket}/{key}"))
    } else {
        None
    };
    let Batch { id, cut, .. } = batch;
    let (partition, is_transformed) = (cut.partition.clone(), is_transformed(batch));
    Flushed { batch: *id, partition, records: cut.records, bytes: cut.bytes, object, is_transformed }
}
