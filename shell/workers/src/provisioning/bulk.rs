//! Bulk registration: a device a line, in the order of the input, each line once.
//!
//! What a line makes and that it is done are one entry of the journal: after a crash the task goes on behind the last line
//! that counts. Reports are written a part at a time, from what the journal says of lines that are in no report yet.
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use sekisho_blobs::{NewObject, ObjectStore, Reader, StoreError};
use sekisho_objects::ObjectsError;
use sekisho_provisioning::Template;
use sekisho_registry::{Event, LineOutcome, LineResult, RegistrationTask, Registry, RegistryError, TaskStatus};
use sekisho_state::{CommitError, State};
use sekisho_types::{BucketName, ObjectKey};
use serde_json::{Value, json};

use super::register::{Prepared, parse, prepare};
use super::{Issuing, RegisterThingError};

/// A line longer than this fails (iot: bulk registration, line size).
const LINE_BYTES_MAX: usize = 256 * 1024;
/// Lines whose certificates are signed at the same time, and whose outcome is synced to the disk together.
const LINES_TOGETHER: usize = 64;
/// Lines of one part of a report.
const REPORT_LINES: usize = 1_000;
/// Characters of what a report says of a failed line: it may quote what the line holds.
const ERROR_CHARS_MAX: usize = 500;
/// After a report could not be written, wait before the next try.
const REPORT_RETRY: Duration = Duration::from_secs(5);
/// Reports lie in a bucket of this name, the account's number behind it.
pub const REPORTS_BUCKET_PREFIX: &str = "sekisho-registration-reports-";

/// Where a part of a report lies: `kind` is `results` or `errors`, `part` counts from 1.
pub fn report_key(task_id: &str, kind: &str, part: u32) -> String {
    format!("{task_id}/{kind}-{part:06}.json")
}

/// Runs the tasks.
pub struct BulkRegistration {
    state: Arc<State>,
    objects: Arc<ObjectStore>,
    issuing: Arc<Issuing>,
    running: Mutex<BTreeSet<String>>,
}

/// Why a task ends before its input does.
#[derive(Debug, thiserror::Error)]
enum BulkError {
    /// Operator: the input cannot be read, or is none, or a report cannot be written.
    #[error("{0}")]
    Input(String),
    /// It was forgotten, or the server goes down; the next start goes on.
    #[error("the server is going down")]
    Stopped,
}

/// A line on its way.
struct Line {
    number: u64,
    offset: u64,
    end: u64,
    prepared: Result<Prepared, String>,
}

impl BulkRegistration {
    /// Nothing runs until [`BulkRegistration::resume`].
    pub fn new(state: Arc<State>, objects: Arc<ObjectStore>, issuing: Arc<Issuing>) -> Arc<Self> {
        Arc::new(Self { state, objects, issuing, running: Mutex::default() })
    }

    /// Starts every task that is not over and not running: after a start of the server, or of a task.
    pub fn resume(self: &Arc<Self>) {
        let open: Vec<String> = {
            let cores = self.state.read();
            let tasks = cores.registry.registration_tasks().filter(|task| !task.status.is_over());
            tasks.map(|task| task.task_id.clone()).collect()
        };
        for task_id in open {
            if self.running.lock().unwrap_or_else(PoisonError::into_inner).insert(task_id.clone()) {
                let this = self.clone();
                tokio::spawn(async move {
                    this.run(&task_id).await;
                    this.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&task_id);
                });
            }
        }
    }

    async fn run(&self, task_id: &str) {
        let ended = self.work(task_id).await;
        let (status, message) = match &ended {
            Ok(status) => (*status, None),
            Err(BulkError::Input(message)) => (TaskStatus::Failed, Some(message.clone())),
            Err(BulkError::Stopped) => return,
        };
        if self.report_all(task_id).await.is_err() {
            return;
        }
        let finished = self.change(task_id, |task| {
            task.status = status;
            task.message = message;
            if status == TaskStatus::Completed {
                task.percentage_progress = 100;
            }
        });
        match finished.await {
            Ok(task) => tracing::info!(
                task_id,
                status = status.as_str(),
                success_count = task.success_count,
                failure_count = task.failure_count,
                message = task.message,
                "bulk registration ended"
            ),
            Err(error) => tracing::warn!(task_id, %error, "the end of a bulk registration could not be recorded"),
        }
    }

    async fn work(&self, task_id: &str) -> Result<TaskStatus, BulkError> {
        let input = |error: &dyn std::fmt::Display| BulkError::Input(error.to_string());
        let task = self.task(task_id)?;
        let template = parse(&task.template_body).map_err(|error| input(&error))?;
        let bucket = BucketName::parse(&task.input_file_bucket).map_err(|error| input(&error))?;
        let key = ObjectKey::parse(&task.input_file_key).map_err(|error| input(&error))?;
        let (got, reader) = self.objects.get(&bucket, &key, None, None).await.map_err(|error| input(&error))?;
        let record = got.record;
        match &task.input_etag {
            Some(etag) if **etag != *record.etag => {
                return Err(BulkError::Input("the input was replaced while it was worked on".into()));
            }
            Some(_) => {}
            None => {
                let etag = record.etag.to_string();
                let noted = self.change(task_id, |task| task.input_etag = Some(etag)).await;
                noted.map_err(|_| BulkError::Stopped)?;
            }
        }
        let mut lines = Lines {
            reader: reader.range(task.offset, record.size),
            buffer: BytesMut::new(),
            offset: task.offset,
            number: task.success_count + task.failure_count,
            ended: task.offset == record.size,
        };
        loop {
            if self.status(task_id)? == TaskStatus::Cancelling {
                return Ok(TaskStatus::Cancelled);
            }
            let batch = self.next_batch(&mut lines, &template).await.map_err(|error| input(&error))?;
            if batch.is_empty() {
                return Ok(TaskStatus::Completed);
            }
            self.register(task_id, batch, record.size).await?;
            if self.unreported(task_id)? >= REPORT_LINES {
                self.report_all(task_id).await?;
            }
        }
    }

    /// The next lines, their certificates signed side by side.
    async fn next_batch(&self, lines: &mut Lines, template: &Template) -> Result<Vec<Line>, StoreError> {
        let mut batch = Vec::new();
        let mut preparing = Vec::new();
        while preparing.len() < LINES_TOGETHER {
            let Some((number, offset, end, text)) = lines.next().await? else { break };
            let (state, issuing) = (self.state.clone(), self.issuing.clone());
            let template = template.clone();
            preparing.push((
                number,
                offset,
                end,
                tokio::spawn(async move {
                    let parameters = parameters(&text?)?;
                    prepare(&state, &issuing, &template, &parameters).await.map_err(|error| error.to_string())
                }),
            ));
        }
        for (number, offset, end, prepared) in preparing {
            let prepared = prepared.await.unwrap_or_else(|error| Err(error.to_string()));
            batch.push(Line { number, offset, end, prepared });
        }
        Ok(batch)
    }

    /// Registers lines one after another; returns once all of them are durable.
    async fn register(&self, task_id: &str, batch: Vec<Line>, size: u64) -> Result<(), BulkError> {
        for line in batch {
            let (now, mut random) = (self.state.now(), self.state.random());
            let progress = |outcome: Result<LineResult, String>| Event::RegistrationTaskProgressed {
                task_id: task_id.to_owned(),
                line: LineOutcome { line_number: line.number, offset: line.offset, end: line.end, outcome },
                percentage_progress: u8::try_from(line.end * 100 / size.max(1)).unwrap_or(100).min(99),
                at: now,
            };
            let enqueued = self.state.enqueue(|cores| {
                let outcome = match &line.prepared {
                    Ok(prepared) => prepared.events(&cores.registry, now, &mut random).map_err(|e| e.to_string()),
                    Err(error) => Err(error.clone()),
                };
                let events = match outcome {
                    Ok((mut events, (certificate, provisioned))) => {
                        let (certificate_id, resource_arns) = (certificate.certificate_id, provisioned.resource_arns);
                        events.push(progress(Ok(LineResult { certificate_id, resource_arns })));
                        events
                    }
                    Err(error) => vec![progress(Err(error.chars().take(ERROR_CHARS_MAX).collect()))],
                };
                Ok::<_, RegisterThingError>((events.into_iter().map(Into::into).collect(), ()))
            });
            if enqueued.is_err() {
                return Err(BulkError::Stopped);
            }
        }
        self.state.settle().await.map_err(|_| BulkError::Stopped)
    }

    /// Reports, and tries again while the object store refuses: a line that is in no report has not been told of.
    async fn report_all(&self, task_id: &str) -> Result<(), BulkError> {
        loop {
            match self.report(task_id).await {
                Err(BulkError::Input(error)) => {
                    tracing::warn!(
                        task_id,
                        error,
                        "a report of a bulk registration could not be written; it will be tried again"
                    );
                    tokio::time::sleep(REPORT_RETRY).await;
                }
                other => return other,
            }
        }
    }

    /// Writes what is in no report yet, under names that follow from what was written before: twice is the same as once.
    async fn report(&self, task_id: &str) -> Result<(), BulkError> {
        let task = self.task(task_id)?;
        if task.unreported.is_empty() {
            return Ok(());
        }
        let (mut results, mut errors) = (String::new(), String::new());
        for line in &task.unreported {
            let response = match &line.outcome {
                Ok(done) => {
                    let pem = self.state.read().registry.certificate(done.certificate_id).map(|found| found.to_pem());
                    json!({ "certificatePem": pem.unwrap_or_default(), "ResourceArns": done.resource_arns })
                }
                Err(error) => json!({ "Error": error }),
            };
            let into = if line.outcome.is_ok() { &mut results } else { &mut errors };
            let row = json!({ "lineNumber": line.line_number, "offset": line.offset, "response": response });
            into.push_str(&format!("{row}\n"));
        }
        let mut parts = task.report_parts;
        for (kind, body, part) in [("results", results, &mut parts.results), ("errors", errors, &mut parts.errors)] {
            if !body.is_empty() {
                *part += 1;
                let key = report_key(task_id, kind, *part);
                self.write_report(&key, body).await.map_err(BulkError::Input)?;
            }
        }
        let reported = task.unreported.len();
        let changed = self.change(task_id, |task| {
            task.report_parts = parts;
            task.unreported.drain(..reported);
        });
        changed.await.map(drop).map_err(|_| BulkError::Stopped)
    }

    async fn write_report(&self, key: &str, body: String) -> Result<(), String> {
        let bucket = format!("{REPORTS_BUCKET_PREFIX}{}", self.state.tenant().account);
        let bucket = BucketName::parse(&bucket).map_err(|error| error.to_string())?;
        let now = self.state.now();
        let made = self.state.commit(|cores| {
            let events = cores.objects.create_bucket(now, &bucket, None)?;
            Ok::<_, ObjectsError>((events.into_iter().map(Into::into).collect(), ()))
        });
        match made.await {
            Ok(()) | Err(CommitError::Command(ObjectsError::BucketAlreadyOwnedByYou(_))) => {}
            Err(error) => return Err(error.to_string()),
        }
        let key = ObjectKey::parse(key).map_err(|error| error.to_string())?;
        let headers = BTreeMap::from([("content-type".to_owned(), "application/json".to_owned())]).into();
        let object = NewObject { headers, ..NewObject::new(bucket, key) };
        self.objects.put(object, body).await.map(drop).map_err(|error| error.to_string())
    }

    fn task(&self, task_id: &str) -> Result<RegistrationTask, BulkError> {
        self.state.read().registry.registration_task(task_id).cloned().map_err(|_| BulkError::Stopped)
    }

    fn status(&self, task_id: &str) -> Result<TaskStatus, BulkError> {
        self.state.read().registry.registration_task(task_id).map(|task| task.status).map_err(|_| BulkError::Stopped)
    }

    fn unreported(&self, task_id: &str) -> Result<usize, BulkError> {
        let cores = self.state.read();
        cores.registry.registration_task(task_id).map(|task| task.unreported.len()).map_err(|_| BulkError::Stopped)
    }

    async fn change(
        &self,
        task_id: &str,
        change: impl FnOnce(&mut RegistrationTask),
    ) -> Result<RegistrationTask, CommitError<RegistryError>> {
        let now = self.state.now();
        let committed = self.state.commit(|cores| {
            let registry: &Registry = &cores.registry;
            let (events, task) = registry.change_registration_task(now, task_id, change)?;
            Ok((events.into_iter().map(Into::into).collect(), task))
        });
        committed.await
    }
}

/// The parameters of one line: an object of text.
fn parameters(line: &[u8]) -> Result<BTreeMap<String, String>, String> {
    let value: Value = serde_json::from_slice(line).map_err(|error| format!("the line is not JSON: {error}"))?;
    let object = value.as_object().ok_or("the line is not a JSON object")?;
    let pair = |(name, value): (&String, &Value)| match value {
        Value::String(text) => Ok((name.clone(), text.clone())),
        Value::Number(number) => Ok((name.clone(), number.to_string())),
        Value::Bool(flag) => Ok((name.clone(), flag.to_string())),
        _ => Err(format!("parameter `{name}` is not text")),
    };
    object.iter().map(pair).collect()
}

/// The lines of an object, empty ones left out.
struct Lines {
    reader: Reader,
    buffer: BytesMut,
    /// Where the buffer begins in the object.
    offset: u64,
    /// Lines given out.
    number: u64,
    ended: bool,
}

impl Lines {
    /// Number, begin, end (the line feed included) and text of the next line.
    async fn next(&mut self) -> Result<Option<(u64, u64, u64, Result<Vec<u8>, String>)>, StoreError> {
        loop {
            let Some((text, taken)) = self.cut().await? else { return Ok(None) };
            let begin = self.offset;
            self.offset += taken;
            if matches!(&text, Ok(text) if text.trim_ascii().is_empty()) {
                continue;
            }
            self.number += 1;
            return Ok(Some((self.number, begin, self.offset, text)));
        }
    }

    /// A line's text, and how many bytes of the object it took.
    async fn cut(&mut self) -> Result<Option<(Result<Vec<u8>, String>, u64)>, StoreError> {
        let (mut taken, mut too_long) = (0_u64, false);
        loop {
            let feed = self.buffer.iter().position(|byte| *byte == b'\n');
            let over = self.buffer.len() > LINE_BYTES_MAX;
            match feed {
                Some(at) => {
                    let text = self.buffer.split_to(at).to_vec();
                    self.buffer.advance(1);
                    return Ok(Some((whole(text, too_long), taken + at as u64 + 1)));
                }
                None if self.ended && self.buffer.is_empty() && taken == 0 => return Ok(None),
                None if self.ended => {
                    let text = self.buffer.split().to_vec();
                    let taken = taken + text.len() as u64;
                    return Ok(Some((whole(text, too_long), taken)));
                }
                None if over => {
                    // What is too long is not kept.
                    taken += self.buffer.len() as u64;
                    self.buffer.clear();
                    too_long = true;
                }
                None => {}
            }
            match self.reader.next().await? {
                Some(piece) => self.buffer.extend_from_slice(&piece),
                None => self.ended = true,
            }
        }
    }
}

fn whole(text: Vec<u8>, too_long: bool) -> Result<Vec<u8>, String> {
    if too_long || text.len() > LINE_BYTES_MAX {
        return Err(format!("the line has more than {LINE_BYTES_MAX} bytes"));
    }
    Ok(text)
}
