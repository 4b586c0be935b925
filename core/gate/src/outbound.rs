//! Messages to the client: a window of messages in flight above QoS 0, and a bounded waiting room behind it.
use std::collections::VecDeque;
use std::num::NonZeroU16;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Instant;

use bytes::BytesMut;
use sekisho_mqtt::{PacketIdentifier, QoS, TopicAlias};

use crate::agreed::Agreed;
use crate::delivery::Delivery;
use crate::settings::Settings;

/// What is sent and not acknowledged, and what waits to be sent.
///
/// QoS 0 and the others wait apart: QoS 0 needs no window, and MQTT orders messages only within a QoS (MQTT5 §4.6).
///
/// A stored session's messages above QoS 0 come with packet identifiers of their own, and wait where they are stored.
#[derive(Debug)]
pub(crate) struct Outbound {
    next: PacketIdentifier,
    in_flight: VecDeque<(PacketIdentifier, Stage)>,
    at_most_once: VecDeque<Arc<Delivery>>,
    acknowledged_later: VecDeque<(Arc<Delivery>, QoS)>,
    waiting_bytes: usize,
    dropped: u64,
    /// Topics the client knows by an alias: the first by 1.
    aliased: Vec<Box<str>>,
}

/// Topics that get an alias: shorter ones save nothing, and longer ones are not kept for each connection.
const ALIASED_BYTES: RangeInclusive<usize> = 4..=256;
/// What the first packet with an alias has more than one without.
const FIRST_ALIAS_BYTES: usize = 5;

/// What a message in flight waits to be: by PUBACK, by PUBREC, by PUBCOMP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Acknowledged,
    Received,
    Completed,
}

/// What became of a message of a stored session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handed {
    /// It is sent.
    Sent,
    /// It is not, and never will be: too large for the client, or expired.
    Dropped,
    /// Not now: the window is closed, or there is no room to write. Its turn comes with the client's next acknowledgement.
    Later,
}

/// How a client answers PUBREC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Receipt {
    /// It has the message now.
    New,
    /// It said so before.
    Again,
    /// It does not want it.
    Refused,
    /// Nothing was sent under that identifier.
    Unknown,
}

impl Outbound {
    pub(crate) fn new() -> Self {
        Self {
            next: PacketIdentifier::FIRST,
            in_flight: VecDeque::new(),
            at_most_once: VecDeque::new(),
            acknowledged_later: VecDeque::new(),
            waiting_bytes: 0,
            dropped: 0,
            aliased: Vec::new(),
        }
    }

    /// Bytes of deliveries that wait.
    pub(crate) fn waiting_bytes(&self) -> usize {
        self.waiting_bytes
    }

    /// Deliveries that were taken and not sent: too large for the client, expired, or QoS 0 without room.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Sends a message or lets it wait; `false` if one above QoS 0 finds no room.
    pub(crate) fn deliver(
        &mut self,
        now: Instant,
        delivery: &Arc<Delivery>,
        qos: QoS,
        agreed: &Agreed,
        settings: &Settings,
        out: &mut BytesMut,
    ) -> bool {
        let room = out.len() < settings.outgoing_bytes_max;
        if qos == QoS::AtMostOnce {
            if room && self.at_most_once.is_empty() {
                self.send_next(now, delivery, qos, agreed, out);
            } else if self.make_room(delivery, settings) {
                self.waiting_bytes += delivery.bytes();
                self.at_most_once.push_back(delivery.clone());
            } else {
                self.dropped += 1;
            }
            return true;
        }
        if room && self.acknowledged_later.is_empty() && self.window_is_open(agreed) {
            self.send_next(now, delivery, qos, agreed, out);
            true
        } else if self.make_room(delivery, settings) {
            self.waiting_bytes += delivery.bytes();
            self.acknowledged_later.push_back((delivery.clone(), qos));
            true
        } else {
            false
        }
    }

    /// Sends a message of a stored session under the identifier it has there.
    pub(crate) fn deliver_stored(
        &mut self,
        now: Instant,
        delivery: &Delivery,
        (packet_identifier, qos, dup): (PacketIdentifier, QoS, bool),
        agreed: &Agreed,
        settings: &Settings,
        out: &mut BytesMut,
    ) -> Handed {
        if out.len() >= settings.outgoing_bytes_max || !self.window_is_open(agreed) {
            return Handed::Later;
        }
        let dup = dup && settings.dup_on_redelivery;
        if self.send(now, delivery, (packet_identifier, qos, dup), agreed, out) {
            Handed::Sent
        } else {
            Handed::Dropped
        }
    }

    /// A message of an earlier connection that the client has: only PUBCOMP is missing.
    pub(crate) fn resume_released(&mut self, packet_identifier: PacketIdentifier) {
        if !self.in_flight.iter().any(|(sent, _)| *sent == packet_identifier) {
            self.in_flight.push_back((packet_identifier, Stage::Completed));
        }
    }

    /// PUBACK; whether a message waited for it.
    pub(crate) fn acknowledged(&mut self, packet_identifier: PacketIdentifier) -> bool {
        self.leaves(packet_identifier, Stage::Acknowledged)
    }

    /// PUBCOMP; the same.
    pub(crate) fn completed(&mut self, packet_identifier: PacketIdentifier) -> bool {
        self.leaves(packet_identifier, Stage::Completed)
    }

    /// PUBREC.
    pub(crate) fn received(&mut self, packet_identifier: PacketIdentifier, is_refused: bool) -> Receipt {
        let Some(at) = self.in_flight.iter().position(|(sent, _)| *sent == packet_identifier) else {
            return Receipt::Unknown;
        };
        match self.in_flight[at].1 {
            Stage::Received if is_refused => {
                self.in_flight.remove(at);
                Receipt::Refused
            }
            Stage::Received => {
                self.in_flight[at].1 = Stage::Completed;
                Receipt::New
            }
            Stage::Completed => Receipt::Again,
            Stage::Acknowledged => Receipt::Unknown,
        }
    }

    fn leaves(&mut self, packet_identifier: PacketIdentifier, stage: Stage) -> bool {
        let at = self.in_flight.iter().position(|sent| *sent == (packet_identifier, stage));
        at.and_then(|at| self.in_flight.remove(at)).is_some()
    }

    /// Sends what waits, while there is room.
    pub(crate) fn pump(&mut self, now: Instant, agreed: &Agreed, settings: &Settings, out: &mut BytesMut) {
        while out.len() < settings.outgoing_bytes_max && self.window_is_open(agreed) {
            let Some((delivery, qos)) = self.acknowledged_later.pop_front() else { break };
            self.waiting_bytes -= delivery.bytes();
            self.send_next(now, &delivery, qos, agreed, out);
        }
        while out.len() < settings.outgoing_bytes_max {
            let Some(delivery) = self.at_most_once.pop_front() else { break };
            self.waiting_bytes -= delivery.bytes();
            self.send_next(now, &delivery, QoS::AtMostOnce, agreed, out);
        }
    }

    /// Gives memory back where nothing waits.
    pub(crate) fn release(&mut self) {
        if self.in_flight.is_empty() {
            self.in_flight = VecDeque::new();
        }
        if self.at_most_once.is_empty() {
            self.at_most_once = VecDeque::new();
        }
        if self.acknowledged_later.is_empty() {
            self.acknowledged_later = VecDeque::new();
        }
    }

    fn window_is_open(&self, agreed: &Agreed) -> bool {
        self.in_flight.len() < usize::from(agreed.send_maximum)
    }

    /// Drops the oldest QoS 0 messages until one more fits; whether it does.
    fn make_room(&mut self, delivery: &Delivery, settings: &Settings) -> bool {
        loop {
            let waiting = self.at_most_once.len() + self.acknowledged_later.len();
            let bytes = self.waiting_bytes + delivery.bytes();
            if waiting < settings.waiting_deliveries_max && bytes <= settings.waiting_bytes_max {
                return true;
            }
            let Some(oldest) = self.at_most_once.pop_front() else { return false };
            self.waiting_bytes -= oldest.bytes();
            self.dropped += 1;
        }
    }

    /// Under the next free packet identifier.
    fn send_next(&mut self, now: Instant, delivery: &Delivery, qos: QoS, agreed: &Agreed, out: &mut BytesMut) {
        let packet_identifier = self.next;
        if self.send(now, delivery, (packet_identifier, qos, false), agreed, out) && qos > QoS::AtMostOnce {
            self.next = packet_identifier.next();
            while self.in_flight.iter().any(|(sent, _)| *sent == self.next) {
                self.next = self.next.next();
            }
        }
    }

    /// Whether it was sent.
    fn send(
        &mut self,
        now: Instant,
        delivery: &Delivery,
        (packet_identifier, qos, dup): (PacketIdentifier, QoS, bool),
        agreed: &Agreed,
        out: &mut BytesMut,
    ) -> bool {
        let version = agreed.protocol_version;
        let bytes = delivery.packet_bytes(version, qos);
        let fits = bytes <= agreed.client_packet_bytes_max; // [MQTT-3.1.2-25]
        let Some(expiry_s) = delivery.message_expiry_left_s(now).filter(|_| fits) else {
            self.dropped += 1;
            return false;
        };
        match qos {
            QoS::AtMostOnce => {}
            QoS::AtLeastOnce => self.in_flight.push_back((packet_identifier, Stage::Acknowledged)),
            QoS::ExactlyOnce => self.in_flight.push_back((packet_identifier, Stage::Received)),
        }
        let may_be_first = bytes + FIRST_ALIAS_BYTES <= agreed.client_packet_bytes_max;
        let alias = self.alias(delivery, agreed.client_aliases, may_be_first);
        delivery.write(version, (packet_identifier, qos, dup), alias, expiry_s, out);
        true
    }

    /// What a delivery's topic is called, if the client takes as many aliases as that ([MQTT-3.1.2-26]).
    fn alias(&mut self, delivery: &Delivery, most: u16, may_be_first: bool) -> Option<TopicAlias> {
        if most == 0 {
            return None; // most take none, and the topic need not be looked at
        }
        let topic = delivery.topic();
        if !ALIASED_BYTES.contains(&topic.len()) {
            return None;
        }
        let known = self.aliased.iter().position(|known| **known == *topic);
        let is_known = known.is_some();
        let at = known.or_else(|| {
            let has_room = may_be_first && self.aliased.len() < usize::from(most);
            has_room.then(|| self.aliased.push(topic.into()))?;
            Some(self.aliased.len() - 1)
        })?;
        let number = u16::try_from(at + 1).ok().and_then(NonZeroU16::new)?;
        Some(TopicAlias { number, is_known })
    }
}
