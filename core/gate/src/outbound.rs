//! Messages to the client: a window of QoS 1 messages in flight, and a bounded waiting room behind it.
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use bytes::BytesMut;
use sekisho_mqtt::{PacketIdentifier, QoS};

use crate::agreed::Agreed;
use crate::delivery::Delivery;
use crate::settings::Settings;

/// What is sent and not acknowledged, and what waits to be sent.
///
/// QoS 0 and QoS 1 wait apart: QoS 0 needs no window, and MQTT orders messages only within a QoS (MQTT5 §4.6).
#[derive(Debug)]
pub(crate) struct Outbound {
    next: PacketIdentifier,
    in_flight: VecDeque<PacketIdentifier>,
    at_most_once: VecDeque<Arc<Delivery>>,
    at_least_once: VecDeque<Arc<Delivery>>,
    waiting_bytes: usize,
    dropped: u64,
}

impl Outbound {
    pub(crate) fn new() -> Self {
        Self {
            next: PacketIdentifier::FIRST,
            in_flight: VecDeque::new(),
            at_most_once: VecDeque::new(),
            at_least_once: VecDeque::new(),
            waiting_bytes: 0,
            dropped: 0,
        }
    }

    /// Deliveries that were taken and not sent: too large for the client, expired, or QoS 0 without room.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Sends a message or lets it wait; `false` if a QoS 1 message finds no room.
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
                self.send(now, delivery, qos, agreed, out);
            } else if self.make_room(delivery, settings) {
                self.waiting_bytes += delivery.bytes();
                self.at_most_once.push_back(delivery.clone());
            } else {
                self.dropped += 1;
            }
            return true;
        }
        if room && self.at_least_once.is_empty() && self.window_is_open(agreed) {
            self.send(now, delivery, qos, agreed, out);
            true
        } else if self.make_room(delivery, settings) {
            self.waiting_bytes += delivery.bytes();
            self.at_least_once.push_back(delivery.clone());
            true
        } else {
            false
        }
    }

    /// The client has that message.
    pub(crate) fn acknowledged(&mut self, packet_identifier: PacketIdentifier) {
        if let Some(at) = self.in_flight.iter().position(|&sent| sent == packet_identifier) {
            self.in_flight.remove(at);
        }
    }

    /// Sends what waits, while there is room.
    pub(crate) fn pump(&mut self, now: Instant, agreed: &Agreed, settings: &Settings, out: &mut BytesMut) {
        while out.len() < settings.outgoing_bytes_max && self.window_is_open(agreed) {
            let Some(delivery) = self.at_least_once.pop_front() else { break };
            self.waiting_bytes -= delivery.bytes();
            self.send(now, &delivery, QoS::AtLeastOnce, agreed, out);
        }
        while out.len() < settings.outgoing_bytes_max {
            let Some(delivery) = self.at_most_once.pop_front() else { break };
            self.waiting_bytes -= delivery.bytes();
            self.send(now, &delivery, QoS::AtMostOnce, agreed, out);
        }
    }

    /// Gives memory back where nothing waits.
    pub(crate) fn release(&mut self) {
        if self.in_flight.is_empty() {
            self.in_flight = VecDeque::new();
        }
        for waiting in [&mut self.at_most_once, &mut self.at_least_once] {
            if waiting.is_empty() {
                *waiting = VecDeque::new();
            }
        }
    }

    fn window_is_open(&self, agreed: &Agreed) -> bool {
        self.in_flight.len() < usize::from(agreed.send_maximum)
    }

    /// Drops the oldest QoS 0 messages until one more fits; whether it does.
    fn make_room(&mut self, delivery: &Delivery, settings: &Settings) -> bool {
        loop {
            let waiting = self.at_most_once.len() + self.at_least_once.len();
            let bytes = self.waiting_bytes + delivery.bytes();
            if waiting < settings.waiting_deliveries_max && bytes <= settings.waiting_bytes_max {
                return true;
            }
            let Some(oldest) = self.at_most_once.pop_front() else { return false };
            self.waiting_bytes -= oldest.bytes();
            self.dropped += 1;
        }
    }

    fn send(&mut self, now: Instant, delivery: &Delivery, qos: QoS, agreed: &Agreed, out: &mut BytesMut) {
        let version = agreed.protocol_version;
        let fits = delivery.packet_bytes(version, qos) <= agreed.client_packet_bytes_max; // [MQTT-3.1.2-25]
        let Some(expiry_s) = delivery.message_expiry_left_s(now).filter(|_| fits) else {
            self.dropped += 1;
            return;
        };
        let packet_identifier = self.next;
        if qos > QoS::AtMostOnce {
            self.in_flight.push_back(packet_identifier);
            self.next = packet_identifier.next();
            while self.in_flight.contains(&self.next) {
                self.next = self.next.next();
            }
        }
        delivery.write(version, qos, packet_identifier, expiry_s, out);
    }
}
