//! What became of a stream's batches since the start: counted as it happens, told by `/metrics` and `sekisho stream`.
use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use metrics::{Counter, Gauge, Histogram};
use sekisho_delivery::BatchId;
use sekisho_types::{DeliveryStreamName, Timestamp};
use serde::{Deserialize, Serialize};

use super::queue::Batch;

/// Errors of a stream that are kept. And then: the oldest is forgotten; the log has it.
const TROUBLES_MAX: usize = 5;

/// A batch did not get where it was to go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// When.
    pub at: Timestamp,
    /// Where it was to go.
    pub destination: String,
    /// Why it did not get there, with every cause.
    pub error: String,
}

/// How much was done since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Objects written.
    pub delivered_objects: u64,
    /// The records in them.
    pub delivered_records: u64,
    /// The bytes of these.
    pub delivered_bytes: u64,
    /// Attempts that failed.
    pub failures: u64,
    /// Attempts with a batch that had failed before.
    pub retries: u64,
}

/// What a stream holds at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Level {
    pub records: u64,
    pub bytes: u64,
    pub oldest_age_s: f64,
    pub undelivered: usize,
}

#[derive(Default)]
struct Kept {
    /// Batches that failed and are not where they are to go: no more than there are batches.
    failed: HashSet<BatchId>,
    troubles: VecDeque<Trouble>,
}

/// One counter in two places: the exporter does not tell what it counted.
pub(crate) struct Count {
    own: AtomicU64,
    exported: Counter,
}

impl Count {
    /// Zero.
    pub(crate) fn new(exported: Counter) -> Self {
        Self { own: AtomicU64::new(0), exported }
    }

    pub(crate) fn add(&self, more: u64) {
        self.own.fetch_add(more, Ordering::Relaxed);
        self.exported.increment(more);
    }

    pub(crate) fn get(&self) -> u64 {
        self.own.load(Ordering::Relaxed)
    }
}

/// A stream's figures. Labelled by its name, so there are as many as there are streams.
pub(crate) struct Figures {
    delivered_objects: Count,
    delivered_records: Count,
    delivered_bytes: Count,
    failures: Count,
    retries: Count,
    object_bytes: Histogram,
    buffered_bytes: Gauge,
    buffered_records: Gauge,
    oldest_age_seconds: Gauge,
    undelivered_batches: Gauge,
    kept: Mutex<Kept>,
}

impl Figures {
    /// All zero.
    pub fn new(name: &DeliveryStreamName) -> Self {
        let stream = name.to_string();
        macro_rules! count {
            ($name:literal) => {
                Count::new(metrics::counter!($name, "stream" => stream.clone()))
            };
        }
        macro_rules! gauge {
            ($name:literal) => {
                metrics::gauge!($name, "stream" => stream.clone())
            };
        }
        Self {
            delivered_objects: count!("sekisho_stream_delivered_objects_total"),
            delivered_records: count!("sekisho_stream_delivered_records_total"),
            delivered_bytes: count!("sekisho_stream_delivered_bytes_total"),
            failures: count!("sekisho_stream_failures_total"),
            retries: count!("sekisho_stream_retries_total"),
            object_bytes: metrics::histogram!("sekisho_stream_object_bytes", "stream" => stream.clone()),
            buffered_bytes: gauge!("sekisho_stream_buffered_bytes"),
            buffered_records: gauge!("sekisho_stream_buffered_records"),
            oldest_age_seconds: gauge!("sekisho_stream_oldest_age_seconds"),
            undelivered_batches: gauge!("sekisho_stream_undelivered_batches"),
            kept: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A batch is on its way.
    pub fn began(&self, batch: BatchId) {
        if self.lock().failed.contains(&batch) {
            self.retries.add(1);
        }
    }

    /// A batch is where it was to go; if that is objects, they have so many bytes.
    pub fn delivered(&self, batch: &Batch, object_bytes: Option<u64>) {
        self.lock().failed.remove(&batch.id);
        self.delivered_records.add(batch.cut.records);
        self.delivered_bytes.add(batch.cut.bytes);
        if let Some(bytes) = object_bytes {
            self.delivered_objects.add(1);
            self.object_bytes.record(bytes as f64);
        }
    }

    /// A batch is over, and what became of it goes on.
    pub fn transformed(&self, batch: BatchId) {
        self.lock().failed.remove(&batch);
    }

    /// A batch is not where it was to go.
    pub fn failed(&self, at: Timestamp, batch: &Batch, error: &dyn std::error::Error) {
        let causes = std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string);
        let trouble = Trouble {
            at,
            destination: batch.destination().to_owned(),
            error: causes.collect::<Vec<String>>().join(": "),
        };
        self.failures.add(1);
        let mut kept = self.lock();
        kept.failed.insert(batch.id);
        if kept.troubles.len() == TROUBLES_MAX {
            kept.troubles.pop_front();
        }
        kept.troubles.push_back(trouble);
    }

    /// The errors of late, the newest last.
    pub fn troubles(&self) -> Vec<Trouble> {
        self.lock().troubles.iter().cloned().collect()
    }

    pub fn counts(&self) -> Counts {
        Counts {
            delivered_objects: self.delivered_objects.get(),
            delivered_records: self.delivered_records.get(),
            delivered_bytes: self.delivered_bytes.get(),
            failures: self.failures.get(),
            retries: self.retries.get(),
        }
    }

    /// Tells the exporter what the stream holds now.
    pub fn measure(&self, level: Level) {
        self.buffered_bytes.set(level.bytes as f64);
        self.buffered_records.set(level.records as f64);
        self.oldest_age_seconds.set(level.oldest_age_s);
        self.undelivered_batches.set(level.undelivered as f64);
    }
}
