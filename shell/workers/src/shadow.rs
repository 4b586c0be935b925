//! Device shadows: a request by MQTT or HTTP to the journal, and what it brings about to whoever listens.
//!
//! An update is durable before anybody is told of it: what there is to tell waits in one queue, in the order of the updates, and
//! is published from there as soon as the journal has got so far.
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use sekisho_gate::Refusal;
use sekisho_journal::Sequence;
use sekisho_policy::{DeleteThingShadow, GetThingShadow, Permit, UpdateThingShadow, authorize_operator};
use sekisho_shadow::{Event, Method, Rejected, ShadowError, ShadowTopic, Told, Update};
use sekisho_sigv4::Operator;
use sekisho_state::{CommitError, Cores};
use sekisho_types::{ShadowId, TopicName};
use serde_json::Value;
use tokio::sync::Notify;

use crate::gateway::{Gateway, Session};

/// Messages that wait to be told. And then: requests are refused until some are; a device sends its own again.
const WAITING_MAX: usize = 16 * 1024;
/// The same in bytes; one request's may come on top.
const WAITING_BYTES_MAX: usize = 64 * 1024 * 1024;
/// How long to wait when a rule cannot take a message because the disk is behind.
const PAUSE: Duration = Duration::from_millis(50);

/// What is told, as soon as it is durable.
#[derive(Default)]
pub(crate) struct Tidings {
    queue: Mutex<Queue>,
    arrived: Notify,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Tiding>,
    bytes: usize,
}

struct Tiding {
    owed: Sequence,
    topic: String,
    payload: Bytes,
}

impl Tidings {
    /// Held while a shadow changes, so that what is told is in the order of what happened. `None` if too much waits already.
    fn turn(&self) -> Option<MutexGuard<'_, Queue>> {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let has_room = queue.waiting.len() < WAITING_MAX && queue.bytes < WAITING_BYTES_MAX;
        has_room.then_some(queue)
    }

    fn take(&self) -> Option<Tiding> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let tiding = queue.waiting.pop_front()?;
        queue.bytes -= tiding.payload.len();
        if queue.waiting.is_empty() {
            queue.waiting = VecDeque::new();
        }
        Some(tiding)
    }

    fn add(&self, queue: &mut Queue, owed: Sequence, topic: String, document: &Value) {
        let payload = Bytes::from(document.to_string());
        queue.bytes += payload.len();
        queue.waiting.push_back(Tiding { owed, topic, payload });
        self.arrived.notify_one();
    }
}

/// Why a request over HTTP has no document for an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShadowFailure {
    /// The service refuses it.
    Refused(ShadowError),
    /// Not now.
    Unavailable,
}

impl ShadowFailure {
    /// What HTTP calls it: status, name, message (iot-data model: errors of its operations).
    pub fn parts(&self) -> (u16, &'static str, String) {
        let Self::Refused(error) = self else {
            return (503, "ServiceUnavailableException", "Service unavailable".to_owned());
        };
        let name = match error {
            ShadowError::InvalidJson
            | ShadowError::MissingState
            | ShadowError::StateNotObject
            | ShadowError::DesiredNotObject
            | ShadowError::ReportedNotObject
            | ShadowError::InvalidVersion
            | ShadowError::InvalidClientToken
            | ShadowError::TooDeep
            | ShadowError::InvalidNode => "InvalidRequestException",
            ShadowError::NotFound(_) => "ResourceNotFoundException",
            ShadowError::VersionConflict => "ConflictException",
            ShadowError::TooLarge => "RequestEntityTooLargeException",
            ShadowError::Encoding => "UnsupportedDocumentEncodingException",
            ShadowError::Full => "ThrottlingException",
        };
        (error.code(), name, error.to_string())
    }
}

impl From<ShadowError> for ShadowFailure {
    fn from(error: ShadowError) -> Self {
        Self::Refused(error)
    }
}

/// How a request ends that does not succeed.
enum Failed {
    Rejected(Rejected),
    Unavailable,
}

impl From<Rejected> for Failed {
    fn from(rejected: Rejected) -> Self {
        Self::Rejected(rejected)
    }
}

impl From<Failed> for ShadowFailure {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Rejected(rejected) => Self::Refused(rejected.error),
            Failed::Unavailable => Self::Unavailable,
        }
    }
}

impl Gateway {
    /// Whether a device may publish to a topic if its policy lets it: not where the server answers, nor where nobody listens.
    pub(crate) fn check_shadow_topic(
        &self,
        session: &Session,
        topic: &str,
    ) -> Result<Option<(Method, ShadowId)>, Refusal> {
        let (reason, refusal) = match ShadowTopic::parse(topic) {
            None => return Ok(None),
            Some(ShadowTopic::Call(method, shadow)) => return Ok(Some((method, shadow))),
            Some(ShadowTopic::Reply) => {
                (format!("`{topic}` is a topic of answers: only the server publishes there"), Refusal::NotAuthorized)
            }
            Some(ShadowTopic::Unknown) => (format!("`{topic}` is no topic of a shadow"), Refusal::TopicNameInvalid),
        };
        self.refuse(session.peer(), Some(session.client_id().as_str()), "publish", reason);
        Err(refusal)
    }

    /// A request is no will: AWS ignores wills on reserved topics (iot dev guide: "Detecting a thing is connected").
    pub(crate) fn ignores_will(&self, session: &Session, topic: &str) -> bool {
        let is_request = matches!(ShadowTopic::parse(topic), Some(ShadowTopic::Call(..)));
        if is_request {
            let reason = format!("`{topic}` is a topic of requests: a will there is ignored");
            self.refuse(session.peer(), Some(session.client_id().as_str()), "will", reason);
        }
        is_request
    }

    /// A request by MQTT, which policy has let through. What it brings about is told on the topics beside its own; what is
    /// returned is what the request's acknowledgement waits for.
    pub(crate) fn handle_shadow(&self, method: Method, shadow: &ShadowId, payload: &[u8]) -> Result<Sequence, Refusal> {
        let mut queue = self.tidings.turn().ok_or(Refusal::QuotaExceeded)?;
        let topic = method.topic(shadow);
        let done = match method {
            Method::Get => self.get_in_turn(&mut queue, shadow, payload, &topic).map(|()| Sequence(0)),
            Method::Update => self.update_in_turn(&mut queue, shadow, payload).map(|(owed, _)| owed),
            Method::Delete => self.delete_in_turn(&mut queue, shadow, payload).map(|(owed, _)| owed),
        };
        match done {
            Ok(owed) => Ok(owed),
            Err(Failed::Rejected(rejected)) => {
                let owed = self.state.applied(); // it may tell of what was changed just before
                self.tidings.add(&mut queue, owed, format!("{topic}/rejected"), &rejected.document());
                Ok(Sequence(0))
            }
            Err(Failed::Unavailable) => Err(Refusal::ServerUnavailable),
        }
    }

    /// `GetThingShadow`.
    pub fn get_shadow(&self, permit: &Permit<GetThingShadow>) -> Result<Value, ShadowFailure> {
        Ok(self.state.read().shadows.get(&permit.action().shadow, self.state.now())?)
    }

    /// `UpdateThingShadow`: the answer, once the state has settled. Who listens is told as of any update.
    pub fn update_shadow(&self, permit: &Permit<UpdateThingShadow>, payload: &[u8]) -> Result<Value, ShadowFailure> {
        let mut queue = self.tidings.turn().ok_or(ShadowFailure::Unavailable)?;
        Ok(self.update_in_turn(&mut queue, &permit.action().shadow, payload)?.1)
    }

    /// `DeleteThingShadow`: as above.
    pub fn delete_shadow(&self, permit: &Permit<DeleteThingShadow>) -> Result<Value, ShadowFailure> {
        let mut queue = self.tidings.turn().ok_or(ShadowFailure::Unavailable)?;
        Ok(self.delete_in_turn(&mut queue, &permit.action().shadow, b"")?.1)
    }

    /// The account's operator updates a shadow.
    pub fn update_shadow_operator(
        &self,
        operator: &Operator,
        shadow: ShadowId,
        payload: &[u8],
    ) -> Result<Value, ShadowFailure> {
        self.update_shadow(&authorize_operator(operator, UpdateThingShadow { shadow }), payload)
    }

    /// The account's operator deletes a shadow.
    pub fn delete_shadow_operator(&self, operator: &Operator, shadow: ShadowId) -> Result<Value, ShadowFailure> {
        self.delete_shadow(&authorize_operator(operator, DeleteThingShadow { shadow }))
    }

    fn get_in_turn(&self, queue: &mut Queue, shadow: &ShadowId, payload: &[u8], topic: &str) -> Result<(), Failed> {
        let cores = self.state.read();
        let document = cores.shadows.handle_get(shadow, payload, self.state.now())?;
        self.tidings.add(queue, self.state.applied(), format!("{topic}/accepted"), &document);
        Ok(())
    }

    fn update_in_turn(
        &self,
        queue: &mut Queue,
        shadow: &ShadowId,
        payload: &[u8],
    ) -> Result<(Sequence, Value), Failed> {
        let update = Update::parse(payload)?;
        let now = self.state.now();
        let (owed, told) = self.change(|cores| cores.shadows.update(shadow, &update, now))?;
        let Told { accepted, delta, documents } = told;
        let topic = Method::Update.topic(shadow);
        self.tidings.add(queue, owed, format!("{topic}/accepted"), &accepted);
        if let Some(delta) = &delta {
            self.tidings.add(queue, owed, format!("{topic}/delta"), delta);
        }
        self.tidings.add(queue, owed, format!("{topic}/documents"), &documents);
        Ok((owed, accepted))
    }

    fn delete_in_turn(
        &self,
        queue: &mut Queue,
        shadow: &ShadowId,
        payload: &[u8],
    ) -> Result<(Sequence, Value), Failed> {
        let now = self.state.now();
        let (owed, document) = self.change(|cores| cores.shadows.delete(shadow, payload, now))?;
        self.tidings.add(queue, owed, format!("{}/accepted", Method::Delete.topic(shadow)), &document);
        Ok((owed, document))
    }

    fn change<T>(&self, command: impl FnOnce(&Cores) -> Result<(Event, T), Rejected>) -> Result<(Sequence, T), Failed> {
        if !self.state.journal().has_room() {
            return Err(Failed::Unavailable);
        }
        let changed = self.state.enqueue(|cores| command(cores).map(|(event, told)| (vec![event.into()], told)));
        match changed {
            Ok(told) => Ok((self.state.applied(), told)),
            Err(CommitError::Command(rejected)) => Err(Failed::Rejected(rejected)),
            Err(CommitError::Journal(_)) => Err(Failed::Unavailable),
        }
    }
}

/// Where only the server speaks of shadows, or nobody.
pub(crate) fn is_shadows_own(topic: &str) -> bool {
    matches!(ShadowTopic::parse(topic), Some(ShadowTopic::Reply | ShadowTopic::Unknown))
}

/// Tells whoever listens of shadows, in order and as soon as it is durable, until the journal stops.
pub async fn run_shadows(gateway: Arc<Gateway>) {
    loop {
        let Some(Tiding { owed, topic, payload }) = gateway.tidings.take() else {
            gateway.tidings.arrived.notified().await;
            continue;
        };
        if gateway.state.journal().wait_durable(owed).await.is_err() {
            return; // nobody was promised anything
        }
        let topic = TopicName::parse(&topic).expect("names of things and shadows make topics");
        // A rule that cannot take it now takes it later; who asks meanwhile is pushed back.
        while let Err(Refusal::QuotaExceeded | Refusal::ServerUnavailable) = gateway.publish_service(&topic, &payload) {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_told_in_order_and_bounded() {
        let tidings = Tidings::default();
        let add = |owed: u64, bytes: usize| {
            let turn = tidings.turn();
            let there_is_room = turn.is_some();
            turn.into_iter().for_each(|mut queue| {
                tidings.add(&mut queue, Sequence(owed), format!("t/{owed}"), &Value::String("x".repeat(bytes)));
            });
            there_is_room
        };
        for owed in 0..WAITING_MAX as u64 {
            assert!(add(owed, 0));
        }
        assert!(!add(1, 0), "one more");
        let told: Vec<u64> = std::iter::from_fn(|| tidings.take()).map(|tiding| tiding.owed.0).collect();
        assert!(told.len() == WAITING_MAX && told.is_sorted());
        assert!(add(1, WAITING_BYTES_MAX) && !add(2, 0), "too large together");
        assert!(tidings.take().is_some() && tidings.take().is_none() && add(3, 0));
    }

    #[test]
    fn refusals_have_the_names_of_the_model() {
        #[rustfmt::skip] // iot-data model: errors of its operations
        let table = [
            (ShadowFailure::Unavailable,                                            503, "ServiceUnavailableException"),
            (ShadowFailure::Refused(ShadowError::InvalidJson),                      400, "InvalidRequestException"),
            (ShadowFailure::Refused(ShadowError::NotFound("t".into())),             404, "ResourceNotFoundException"),
            (ShadowFailure::Refused(ShadowError::VersionConflict),                  409, "ConflictException"),
            (ShadowFailure::Refused(ShadowError::TooLarge),                         413, "RequestEntityTooLargeException"),
            (ShadowFailure::Refused(ShadowError::Encoding),                         415, "UnsupportedDocumentEncodingException"),
            (ShadowFailure::Refused(ShadowError::Full),                             429, "ThrottlingException"),
        ];
        for (failure, status, name) in table {
            let (found, called, _) = failure.parts();
            assert_eq!((found, called), (status, name));
        }
    }
}
