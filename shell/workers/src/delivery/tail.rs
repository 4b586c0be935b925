//! Watching a stream: records as they are appended, each with its origin, for whoever may read them.
//!
//! A stream nobody watches pays one look at an atomic. A watcher that is slow loses records and is told how many: it never holds
//! up who puts.
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use sekisho_delivery::{Origin, RecordEntry};
use sekisho_journal::{Journal, JournalError, Sequence};
use sekisho_kms::KeyState;
use sekisho_state::State;
use sekisho_types::{CertificateId, DeliveryStreamName, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, mpsc};

use super::keys::Opener;
use super::put::NewRecord;
use super::streams::{DeliveryStreams, Live};

/// Records that wait for a watcher to take them. And then: the next is lost to it, and counted.
const TAIL_RECORDS_MAX: usize = 10_000;
/// The same in bytes of data.
const TAIL_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Watchers of a stream at once. And then: the next is refused.
const TAILS_MAX: usize = 8;

/// A record as a watcher is shown it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TailRecord {
    /// When it came, in milliseconds since the epoch.
    pub arrival: Timestamp,
    /// The certificate it came with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_id: Option<CertificateId>,
    /// The thing that was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thing: Option<String>,
    /// The MQTT client id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// The topic it was published to; none for PutRecord.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// The rule that selected it; none if the stream took it from its topic itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// How often that rule had been replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule_version: Option<u32>,
    /// Which of the stream's buffers it is in (`docs/format/record.md`); none for a stream that has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partition: Option<String>,
    /// What it holds, if that is text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// What it holds in base64, if not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_base64: Option<String>,
}

/// One line for a watcher.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TailLine {
    /// A record.
    Record(Box<TailRecord>),
    /// So many records were appended that the watcher was too slow for.
    Lost(u64),
    /// It ends here, and why.
    End(String),
}

impl TailLine {
    fn to_bytes(&self) -> Bytes {
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        line.into()
    }
}

/// Why nobody may watch.
#[derive(Debug, thiserror::Error)]
pub enum TailError {
    /// The caller's move.
    #[error("there is no delivery stream `{0}`")]
    NotFound(DeliveryStreamName),
    /// The caller's move: records are read by those who may use the key.
    #[error("the records of `{stream}` are under the KMS key `{key}`, which cannot be used now")]
    Key {
        /// Whose.
        stream: DeliveryStreamName,
        /// Which.
        key: String,
    },
    /// The caller's move: end another first.
    #[error("`{0}` is watched by {TAILS_MAX} already")]
    TooMany(DeliveryStreamName),
}

/// Where a watcher begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TailFrom {
    /// With the next record.
    #[default]
    Now,
    /// With what the stream holds and has not delivered.
    Buffered,
    /// The same, and it ends there.
    Held,
}

/// Those who watch a stream.
#[derive(Default)]
pub(crate) struct Tails {
    count: AtomicUsize,
    all: Mutex<Vec<Arc<Mailbox>>>,
}

impl Tails {
    /// Whether anybody does.
    pub fn is_watched(&self) -> bool {
        self.count.load(Ordering::Relaxed) != 0
    }

    /// Shows them a record.
    pub fn push(&self, record: &NewRecord<'_>) {
        let data = record.parts.concat();
        let partition = record.partition.to_text();
        let seen = seen(record.arrival, record.origin, partition.as_deref());
        self.lock().iter().for_each(|mailbox| mailbox.push(&seen, &data));
    }

    /// There is no stream to watch any more.
    pub fn end(&self) {
        self.lock().iter().for_each(|mailbox| {
            mailbox.lock().ended = true;
            mailbox.more.notify_one();
        });
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Mailbox>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) -> Option<Arc<Mailbox>> {
        let mut all = self.lock();
        let mailbox = Arc::new(Mailbox::default());
        (all.len() < TAILS_MAX).then(|| all.push(mailbox.clone()))?;
        self.count.store(all.len(), Ordering::Relaxed);
        Some(mailbox)
    }

    fn close(&self, mailbox: &Arc<Mailbox>) {
        let mut all = self.lock();
        all.retain(|other| !Arc::ptr_eq(other, mailbox));
        self.count.store(all.len(), Ordering::Relaxed);
    }
}

/// What waits for one watcher.
#[derive(Default)]
struct Mailbox {
    waiting: Mutex<Waiting>,
    more: Notify,
}

#[derive(Default)]
struct Waiting {
    records: VecDeque<(TailRecord, Vec<u8>)>,
    bytes: usize,
    lost: u64,
    ended: bool,
}

impl Mailbox {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, record: &TailRecord, data: &[u8]) {
        let mut waiting = self.lock();
        // What is lost is told behind what was kept, so nothing is kept again before that is taken.
        let is_full = waiting.records.len() >= TAIL_RECORDS_MAX || waiting.bytes + data.len() > TAIL_BYTES_MAX;
        if is_full || waiting.lost > 0 {
            waiting.lost += 1;
        } else {
            waiting.bytes += data.len();
            waiting.records.push_back((record.clone(), data.to_vec()));
        }
        drop(waiting);
        self.more.notify_one();
    }

    /// One record, or what stands behind the last.
    fn take(&self) -> Option<TailLine> {
        let mut waiting = self.lock();
        if let Some((record, data)) = waiting.records.pop_front() {
            waiting.bytes -= data.len();
            return Some(line(record, &data));
        }
        match std::mem::take(&mut waiting.lost) {
            0 if waiting.ended => Some(TailLine::End("the stream was deleted".into())),
            0 => None,
            lost => Some(TailLine::Lost(lost)),
        }
    }
}

fn seen(arrival: Timestamp, origin: Option<&Origin<'_>>, partition: Option<&str>) -> TailRecord {
    let partition = partition.map(str::to_owned);
    let Some(origin) = origin else { return TailRecord { arrival, partition, ..TailRecord::default() } };
    let by_rule = !origin.rule.is_empty();
    TailRecord {
        arrival,
        certificate_id: origin.certificate_id,
        thing: origin.thing.map(str::to_owned),
        client_id: origin.client_id.map(str::to_owned),
        topic: Some(origin.topic.to_owned()),
        rule: by_rule.then(|| origin.rule.to_owned()),
        rule_version: by_rule.then_some(origin.rule_version),
        partition,
        data: None,
        data_base64: None,
    }
}

fn line(mut record: TailRecord, data: &[u8]) -> TailLine {
    match std::str::from_utf8(data) {
        Ok(text) => record.data = Some(text.to_owned()),
        Err(_) => record.data_base64 = Some(STANDARD.encode(data)),
    }
    TailLine::Record(Box::new(record))
}

/// One who watches, from a moment on. Dropping it ends that.
pub struct Tail {
    state: Arc<State>,
    live: Arc<Live>,
    mailbox: Arc<Mailbox>,
    backlog: Option<Backlog>,
    /// With the backlog.
    ends: bool,
}

impl Drop for Tail {
    fn drop(&mut self) {
        self.live.tails.close(&self.mailbox);
    }
}

impl DeliveryStreams {
    /// Begins to watch a stream: by who may use the KMS keys that its records are under.
    ///
    /// # Errors
    /// [`TailError`].
    pub fn tail(&self, name: &DeliveryStreamName, from: TailFrom) -> Result<Tail, TailError> {
        let live = self.live(name).ok_or_else(|| TailError::NotFound(name.clone()))?;
        check_keys(&self.state, name)?;
        // Whoever appends holds the lock: a record is in the backlog or is shown live, never both.
        let inner = live.lock();
        let mailbox = live.tails.open().ok_or_else(|| TailError::TooMany(name.clone()))?;
        let backlog = match from {
            TailFrom::Now => None,
            TailFrom::Buffered | TailFrom::Held => {
                let waiting = inner.buffers.iter().flat_map(|(partition, pending)| {
                    let partition = partition.to_text().map(|text| text.into_owned());
                    pending.runs.iter().map(move |run| (partition.clone(), *run))
                });
                let cut = inner.queue.batches();
                let cut = cut.flat_map(|batch| batch.runs.iter().map(|run| (batch.cut.partition.clone(), *run)));
                // Batches of a partition do not overlap, so what lies in these runs and is of the partition is not delivered.
                Some(Backlog::new(live.clone(), waiting.chain(cut)))
            }
        };
        drop(inner);
        Ok(Tail { state: self.state.clone(), live, mailbox, backlog, ends: from == TailFrom::Held })
    }
}

/// Whether the keys can be used that a stream's records are under: its own, and that of its objects.
fn check_keys(state: &State, name: &DeliveryStreamName) -> Result<(), TailError> {
    let cores = state.read();
    let stream = cores.delivery.stream(name).map_err(|_| TailError::NotFound(name.clone()))?;
    let bucket = cores.objects.bucket(&stream.destination.bucket).ok();
    let of_objects = stream
        .destination
        .kms_key_arn
        .as_ref()
        .or_else(|| bucket.and_then(|bucket| bucket.encryption.kms_key.as_ref()));
    let description = stream.describe(state.tenant(), None);
    let of_stream = description["DeliveryStreamEncryptionConfiguration"]["KeyARN"].as_str();
    for key in of_stream.into_iter().chain(of_objects.map(String::as_str)) {
        if !cores.kms.resolve(key).is_ok_and(|key| key.state == KeyState::Enabled) {
            return Err(TailError::Key { stream: name.clone(), key: key.to_owned() });
        }
    }
    Ok(())
}

impl Tail {
    /// Hands lines over until nobody takes them, the stream is gone, or its key cannot be used any more.
    pub async fn run(mut self, out: mpsc::Sender<Bytes>) {
        let name = self.live.lock().config.name.clone();
        if let Some(backlog) = self.backlog.take()
            && let Err(error) = backlog.show(&self.state, &out).await
        {
            let _ = out.send(TailLine::End(error.to_string()).to_bytes()).await;
            return;
        }
        if self.ends {
            return;
        }
        loop {
            if let Err(error) = check_keys(&self.state, &name)
                && !matches!(error, TailError::NotFound(_))
            {
                let _ = out.send(TailLine::End(error.to_string()).to_bytes()).await;
                return;
            }
            while let Some(line) = self.mailbox.take() {
                let is_end = matches!(line, TailLine::End(_));
                if out.send(line.to_bytes()).await.is_err() || is_end {
                    return;
                }
            }
            tokio::select! {
                () = out.closed() => return,
                () = self.mailbox.more.notified() => {}
            }
        }
    }
}

/// Records that were there before.
struct Backlog {
    live: Arc<Live>,
    /// Where they are, by partition.
    runs: HashMap<Option<String>, Vec<(u64, u64)>>,
}

impl Backlog {
    fn new(live: Arc<Live>, found: impl Iterator<Item = (Option<String>, (u64, u64))>) -> Self {
        let mut runs: HashMap<Option<String>, Vec<(u64, u64)>> = HashMap::new();
        for (partition, run) in found {
            runs.entry(partition).or_default().push(run);
        }
        Self { live, runs }
    }

    async fn show(self, state: &Arc<State>, out: &mpsc::Sender<Bytes>) -> Result<(), JournalError> {
        let (journal, mut opener) = (state.journal(), Opener::new(state.clone(), self.live.id));
        let last = self.runs.values().flatten().map(|(_, last)| *last).max().unwrap_or(0);
        journal.wait_durable(Sequence(last)).await?;
        let (journal, out) = (journal.clone(), out.clone());
        let shown = tokio::task::spawn_blocking(move || self.read(&journal, &mut opener, &out));
        shown.await.unwrap_or(Ok(()))
    }

    fn holds(&self, sequence: u64, record: &RecordEntry<'_>) -> bool {
        let of_partition = self.runs.iter().find(|(partition, _)| partition.as_deref() == record.partition);
        of_partition.is_some_and(|(_, runs)| runs.iter().any(|(first, last)| (*first..=*last).contains(&sequence)))
    }

    fn read(&self, journal: &Journal, opener: &mut Opener, out: &mpsc::Sender<Bytes>) -> Result<(), JournalError> {
        let mut all: Vec<(u64, u64)> = self.runs.values().flatten().copied().collect();
        all.sort_unstable();
        let mut next = 0;
        for (first, last) in all {
            let first = first.max(next);
            if first > last {
                continue;
            }
            next = last + 1;
            journal.read(first..=last, &mut |sequence, entry| {
                let Some(entry) = self.live.entry(sequence, entry) else { return };
                for record in entry.records().filter(|record| self.holds(sequence.0, record)) {
                    // The keys were asked about when the watching began; what is locked since is not shown.
                    let Ok(data) = opener.open(&record) else { continue };
                    let seen = seen(record.arrival, record.origin.as_ref(), record.partition);
                    // Waits for a slow watcher, on a thread that may: nothing of the backlog is lost to it. If it has gone, what is
                    // left is read along.
                    let _ = out.blocking_send(line(seen, &data).to_bytes());
                }
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use sekisho_delivery::Partition;

    use super::*;

    fn push(tails: &Tails, data: &[u8]) {
        let origin = Origin {
            certificate_id: Some(CertificateId::new([0xab; 32])),
            client_id: Some("pump-7"),
            thing: Some("pump-7"),
            topic: "factory/pump-7/telemetry",
            rule: "hot",
            rule_version: 2,
        };
        let arrival = Timestamp::from_millis(7);
        tails.push(&NewRecord { partition: &Partition::Whole, arrival, origin: Some(&origin), parts: &[data, b"\n"] });
    }

    #[test]
    fn nobody_watches_until_somebody_does() {
        let tails = Tails::default();
        assert!(!tails.is_watched());
        let mailboxes: Vec<_> = (0..TAILS_MAX).map(|_| tails.open().unwrap()).collect();
        assert!(tails.is_watched() && tails.open().is_none(), "watchers are bounded");
        mailboxes.iter().for_each(|mailbox| tails.close(mailbox));
        assert!(!tails.is_watched());
    }

    #[test]
    fn a_record_is_shown_with_its_origin() {
        let tails = Tails::default();
        let mailbox = tails.open().unwrap();
        push(&tails, b"{\"temperature\": 21}");
        let shown = String::from_utf8(mailbox.take().unwrap().to_bytes().to_vec()).unwrap();
        let certificate = "ab".repeat(32);
        assert_eq!(
            shown,
            format!(
                "{{\"record\":{{\"arrival\":7,\"certificateId\":\"{certificate}\",\"thing\":\"pump-7\",\"clientId\":\"pump-7\",\
                 \"topic\":\"factory/pump-7/telemetry\",\"rule\":\"hot\",\"ruleVersion\":2,\
                 \"data\":\"{{\\\"temperature\\\": 21}}\\n\"}}}}\n"
            )
        );
        push(&tails, &[0xff, 0xfe]);
        let Some(TailLine::Record(record)) = mailbox.take() else { panic!("a record") };
        assert_eq!((record.data, record.data_base64.as_deref()), (None, Some("//4K")));
        assert_eq!(mailbox.take(), None);
    }

    #[test]
    fn who_is_slow_loses_records_and_is_told_how_many() {
        let tails = Tails::default();
        let (slow, quick) = (tails.open().unwrap(), tails.open().unwrap());
        for number in 0..TAIL_RECORDS_MAX + 3 {
            push(&tails, number.to_string().as_bytes());
            assert!(matches!(quick.take(), Some(TailLine::Record(_))));
        }
        for _ in 0..TAIL_RECORDS_MAX {
            assert!(matches!(slow.take(), Some(TailLine::Record(_))));
        }
        push(&tails, b"behind what was lost");
        assert_eq!(slow.take(), Some(TailLine::Lost(4)), "the gap is told in its place");
        push(&tails, &vec![0; TAIL_BYTES_MAX]);
        assert_eq!(slow.take(), Some(TailLine::Lost(1)), "bounded in bytes");
        tails.end();
        assert!(matches!(slow.take(), Some(TailLine::End(_))));
    }
}
