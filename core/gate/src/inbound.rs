//! Messages from the client: acknowledged in order of receipt, those of QoS 2 taken once; topic aliases resolved.
use std::collections::{BTreeSet, VecDeque};

use sekisho_mqtt::{PacketIdentifier, QoS, ReasonCode, Utf8String};

use crate::close::Violation;
use crate::output::Sequence;

/// Messages received and not yet acknowledged, oldest first; and identifiers of QoS 2 that the client has not let go of.
///
/// MQTT5 [MQTT-4.6.0-2] wants PUBACKs in the order of the PUBLISHes, and [MQTT-4.6.0-3] PUBRECs, so one that waits for the journal
/// holds back those behind it. A packet identifier may be in it twice if a client reuses it early; the older one is answered
/// first.
#[derive(Debug, Default)]
pub(crate) struct Inbound {
    received: VecDeque<Received>,
    /// QoS 2: PUBLISH has come, PUBREL has not.
    taken: BTreeSet<PacketIdentifier>,
    /// The same of an earlier connection, as long as this one has not sent it again: only then it counts towards what the client may
    /// have under way, which begins anew with each connection (MQTT5 §4.9).
    taken_before: BTreeSet<PacketIdentifier>,
}

#[derive(Debug)]
struct Received {
    packet_identifier: PacketIdentifier,
    qos: QoS,
    answer: Answer,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Nobody has decided yet.
    Undecided,
    /// Acknowledge it once this is durable.
    Accepted(Sequence),
    /// Say why not.
    Refused(ReasonCode),
    /// Say nothing; the client will send it again.
    Unanswered,
}

/// The answer to a PUBLISH above QoS 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Acknowledgement {
    pub(crate) packet_identifier: PacketIdentifier,
    pub(crate) qos: QoS,
    pub(crate) reason_code: ReasonCode,
}

impl Inbound {
    /// With identifiers of QoS 2 that an earlier connection took.
    pub(crate) fn with_taken(taken: Vec<PacketIdentifier>) -> Self {
        Self { taken_before: taken.into_iter().collect(), ..Self::default() }
    }

    /// How many messages wait for an answer of ours.
    pub(crate) fn unanswered(&self) -> usize {
        self.received.len()
    }

    /// How many exchanges are under way: those that wait for the client's PUBREL too.
    pub(crate) fn len(&self) -> usize {
        if self.taken.is_empty() {
            return self.received.len();
        }
        let once = self.received.iter().filter(|received| received.qos == QoS::ExactlyOnce).count();
        self.received.len() - once + once.max(self.taken.len())
    }

    /// Takes one more; `false` for a message of QoS 2 that was taken before, which is acknowledged and is not anybody's
    /// ([MQTT-4.3.3-10]).
    pub(crate) fn push(&mut self, packet_identifier: PacketIdentifier, qos: QoS) -> bool {
        let is_new = qos != QoS::ExactlyOnce || {
            let was_taken_before = self.taken_before.remove(&packet_identifier);
            self.taken.insert(packet_identifier) && !was_taken_before
        };
        let answer = if is_new { Answer::Undecided } else { Answer::Accepted(Sequence(0)) };
        self.received.push_back(Received { packet_identifier, qos, answer });
        is_new
    }

    /// Decides about the oldest undecided one of that identifier; without one, nothing happens.
    pub(crate) fn answer(&mut self, packet_identifier: PacketIdentifier, answer: Answer) {
        let undecided = |r: &&mut Received| r.packet_identifier == packet_identifier && r.answer == Answer::Undecided;
        let Some(received) = self.received.iter_mut().find(undecided) else { return };
        received.answer = answer;
        if received.qos == QoS::ExactlyOnce && !matches!(answer, Answer::Accepted(_)) {
            self.taken.remove(&packet_identifier);
        }
    }

    /// Whether a message of QoS 2 with that identifier was taken, and not let go of.
    pub(crate) fn is_taken(&self, packet_identifier: PacketIdentifier) -> bool {
        self.taken.contains(&packet_identifier) || self.taken_before.contains(&packet_identifier)
    }

    /// The client has let go of an identifier.
    pub(crate) fn release_identifier(&mut self, packet_identifier: PacketIdentifier) {
        self.taken.remove(&packet_identifier);
        self.taken_before.remove(&packet_identifier);
    }

    /// The next PUBACK or PUBREC, if its turn has come now that everything up to `persisted` is durable.
    pub(crate) fn next_acknowledgement(&mut self, persisted: Sequence) -> Option<Acknowledgement> {
        while let Some(&Received { packet_identifier, qos, answer }) = self.received.front() {
            let reason_code = match answer {
                Answer::Undecided => return None,
                Answer::Accepted(sequence) if sequence > persisted => return None,
                Answer::Accepted(_) => Some(ReasonCode::Success),
                Answer::Refused(reason_code) => Some(reason_code),
                Answer::Unanswered => None,
            };
            self.received.pop_front();
            if let Some(reason_code) = reason_code {
                return Some(Acknowledgement { packet_identifier, qos, reason_code });
            }
        }
        None
    }

    /// Gives memory back if nothing waits.
    pub(crate) fn release(&mut self) {
        if self.received.is_empty() {
            self.received = VecDeque::new();
        }
    }
}

/// Topic aliases the client has defined (MQTT5 §3.3.2.3.4), each topic in a buffer of its own.
#[derive(Debug, Default)]
pub(crate) struct TopicAliases {
    topics: Vec<Option<Utf8String>>,
    bytes: usize,
}

/// What the topics of one connection's aliases weigh at most. And then: the connection ends, v5 with 0x97. With AWS's limits they come to
/// 3 KiB; basic ingest's prefix, which those do not count, and MQTT's own limits let one topic have 64 KiB.
const ALIASES_BYTES_MAX: usize = 64 * 1024;

impl TopicAliases {
    /// Defines `alias`, which is 1 to the maximum, if there is room for its topic.
    pub(crate) fn set(&mut self, alias: u16, topic: &Utf8String) -> Result<(), Violation> {
        let index = usize::from(alias) - 1;
        if self.topics.len() <= index {
            self.topics.resize(index + 1, None);
        }
        let before = self.topics[index].as_ref().map_or(0, |topic| topic.bytes().len());
        self.bytes = self.bytes - before + topic.bytes().len();
        if self.bytes > ALIASES_BYTES_MAX {
            let explanation = format!("the topics of its aliases have more than {ALIASES_BYTES_MAX} bytes");
            return Err(Violation::new(ReasonCode::QuotaExceeded, explanation));
        }
        self.topics[index] = Some(topic.detached());
        Ok(())
    }

    /// The topic `alias` stands for.
    pub(crate) fn get(&self, alias: u16) -> Option<&Utf8String> {
        self.topics.get(usize::from(alias).checked_sub(1)?)?.as_ref()
    }
}
