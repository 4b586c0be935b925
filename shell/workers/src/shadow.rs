//! Device shadows: a request by MQTT or HTTP to the journal, and what it brings about to whoever listens.
//!
//! An update is durable before anybody is told of it: what there is to tell waits in one queue, in the order of the updates, and
//! is published from there as soon as the journal has got so far.
use sekisho_gate::Refusal;
use sekisho_journal::Sequence;
use sekisho_policy::{DeleteThingShadow, GetThingShadow, Permit, UpdateThingShadow};
use sekisho_shadow::{Event, Method, Rejected, ShadowError, ShadowTopic, Told, Update};
use sekisho_state::{CommitError, Cores};
use sekisho_types::ShadowId;
use serde_json::Value;

use crate::gateway::{Gateway, Session};
use crate::tidings::{Queue, Turn};

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

    /// Whether there is room for what a request brings about: asked before its message goes to anybody, so that one which comes again
    /// goes nowhere twice.
    pub(crate) fn admit_shadow(&self, method: Method) -> Result<(), Refusal> {
        let changes = matches!(method, Method::Update | Method::Delete);
        if changes && !self.state.journal().has_room() {
            return Err(Refusal::NoRoom);
        }
        self.shadow_tidings.turn().map(drop).ok_or(Refusal::QuotaExceeded)
    }

    /// A request by MQTT, which policy has let through. What it brings about is told on the topics beside its own; what is
    /// returned is what the request's acknowledgement waits for. Room was asked for before.
    pub(crate) fn handle_shadow(
        &self,
        mut queue: Turn<'_>,
        method: Method,
        shadow: &ShadowId,
        payload: &[u8],
    ) -> Result<Sequence, Refusal> {
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
                queue.add(owed, format!("{topic}/rejected"), &rejected.document());
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
        let mut queue = self.turn_for_caller()?;
        Ok(self.update_in_turn(&mut queue, &permit.action().shadow, payload)?.1)
    }

    /// `DeleteThingShadow`: as above.
    pub fn delete_shadow(&self, permit: &Permit<DeleteThingShadow>) -> Result<Value, ShadowFailure> {
        let mut queue = self.turn_for_caller()?;
        Ok(self.delete_in_turn(&mut queue, &permit.action().shadow, b"")?.1)
    }

    /// A turn for a change by the API.
    fn turn_for_caller(&self) -> Result<Turn<'_>, ShadowFailure> {
        let has_room = self.state.journal().has_room();
        self.shadow_tidings.turn().filter(|_| has_room).ok_or(ShadowFailure::Unavailable)
    }

    fn get_in_turn(&self, queue: &mut Queue, shadow: &ShadowId, payload: &[u8], topic: &str) -> Result<(), Failed> {
        let cores = self.state.read();
        let document = cores.shadows.handle_get(shadow, payload, self.state.now())?;
        queue.add(self.state.applied(), format!("{topic}/accepted"), &document);
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
        queue.add(owed, format!("{topic}/accepted"), &accepted);
        if let Some(delta) = &delta {
            queue.add(owed, format!("{topic}/delta"), delta);
        }
        queue.add(owed, format!("{topic}/documents"), &documents);
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
        queue.add(owed, format!("{}/accepted", Method::Delete.topic(shadow)), &document);
        Ok((owed, document))
    }

    fn change<T>(&self, command: impl FnOnce(&Cores) -> Result<(Event, T), Rejected>) -> Result<(Sequence, T), Failed> {
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

#[cfg(test)]
mod tests {
    use super::*;

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
