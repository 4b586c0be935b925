//! Messages from the client: QoS 1 acknowledged in order of receipt, topic aliases resolved.
use std::collections::VecDeque;

use sekisho_mqtt::{PacketIdentifier, ReasonCode, Utf8String};

use crate::output::Sequence;

/// QoS 1 messages received and not yet acknowledged, oldest first.
///
/// MQTT5 [MQTT-4.6.0-2] wants PUBACKs in the order of the PUBLISHes, so one that waits for the journal holds back
/// those behind it. A packet identifier may be in it twice if a client reuses it early; the older one is answered
/// first.
#[derive(Debug, Default)]
pub(crate) struct Inbound {
    received: VecDeque<Received>,
    persisted: Sequence,
}

#[derive(Debug)]
struct Received {
    packet_identifier: PacketIdentifier,
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

impl Inbound {
    /// How many the client waits for.
    pub(crate) fn len(&self) -> usize {
        self.received.len()
    }

    /// Takes one more.
    pub(crate) fn push(&mut self, packet_identifier: PacketIdentifier) {
        self.received.push_back(Received { packet_identifier, answer: Answer::Undecided });
    }

    /// Decides about the oldest undecided one of that identifier; without one, nothing happens.
    pub(crate) fn answer(&mut self, packet_identifier: PacketIdentifier, answer: Answer) {
        let undecided = |r: &&mut Received| r.packet_identifier == packet_identifier && r.answer == Answer::Undecided;
        if let Some(received) = self.received.iter_mut().find(undecided) {
            received.answer = answer;
        }
    }

    /// Everything up to here is durable.
    pub(crate) fn persisted(&mut self, upto: Sequence) {
        self.persisted = self.persisted.max(upto);
    }

    /// The next PUBACK, if its turn has come.
    pub(crate) fn next_acknowledgement(&mut self) -> Option<(PacketIdentifier, ReasonCode)> {
        while let Some(&Received { packet_identifier, answer }) = self.received.front() {
            let reason_code = match answer {
                Answer::Undecided => return None,
                Answer::Accepted(sequence) if sequence > self.persisted => return None,
                Answer::Accepted(_) => Some(ReasonCode::Success),
                Answer::Refused(reason_code) => Some(reason_code),
                Answer::Unanswered => None,
            };
            self.received.pop_front();
            if let Some(reason_code) = reason_code {
                return Some((packet_identifier, reason_code));
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
}

impl TopicAliases {
    /// Defines `alias`, which is 1 to the maximum.
    pub(crate) fn set(&mut self, alias: u16, topic: &Utf8String) {
        let index = usize::from(alias) - 1;
        if self.topics.len() <= index {
            self.topics.resize(index + 1, None);
        }
        self.topics[index] = Some(topic.detached());
    }

    /// The topic `alias` stands for.
    pub(crate) fn get(&self, alias: u16) -> Option<&Utf8String> {
        self.topics.get(usize::from(alias).checked_sub(1)?)?.as_ref()
    }
}
