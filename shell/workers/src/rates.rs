//! Rates: how often clients may connect, and how many messages each may publish and is sent (AWS IoT Core quotas: "MQTT protocol
//! quotas"). Bytes are the gate's.
use std::collections::HashMap;
use std::time::{Duration, Instant};

use sekisho_gate::{Rate, Refusal, Settings};
use sekisho_mqtt::QoS;
use sekisho_types::ClientId;

use crate::gateway::{Gateway, Session};

/// What may happen with each message of somebody is told once in this time.
const TOLD_EVERY: Duration = Duration::from_secs(1);
/// Clients whose rate is known, before those who are within theirs are looked for.
const CLIENTS_BEFORE_A_LOOK: usize = 1024;

/// Of all CONNECTs.
#[derive(Debug, Default)]
pub(crate) struct ConnectRates {
    all: Rate,
    by_client: HashMap<ClientId, Rate>,
    /// How many clients there are when those are let go of who are within their rate.
    look_at: usize,
}

impl ConnectRates {
    /// Whether a client may connect now.
    fn take(&mut self, now: Instant, client_id: &ClientId, settings: &Settings) -> Result<(), String> {
        let per_client = settings.connects_per_client_per_s;
        if per_client > 0 {
            if self.by_client.len() >= self.look_at {
                self.by_client.retain(|_, rate| !rate.is_idle(now));
                self.look_at = CLIENTS_BEFORE_A_LOOK.max(self.by_client.len() * 2);
            }
            if !self.by_client.entry(client_id.clone()).or_default().take(now, 1, per_client) {
                return Err(format!("more than {per_client} CONNECTs of this client id in a second"));
            }
        }
        let most = settings.connects_per_s;
        if self.all.take(now, 1, most) { Ok(()) } else { Err(format!("more than {most} CONNECTs in a second")) }
    }
}

/// Of one connection's messages.
#[derive(Debug, Default)]
pub(crate) struct MessageRates {
    published: Rate,
    delivered: Rate,
    told: Told,
    /// Of requests that nobody answers.
    pub(crate) told_unanswered: Told,
    /// What is published next was counted, and found no room: it comes again.
    comes_again: bool,
}

/// When somebody was told last.
#[derive(Debug, Default)]
pub(crate) struct Told(Option<Instant>);

impl Told {
    /// Whether it is time to tell once more; then it is told.
    pub(crate) fn again(&mut self, now: Instant) -> bool {
        let again = self.0.is_none_or(|told| now >= told + TOLD_EVERY);
        if again {
            self.0 = Some(now);
        }
        again
    }
}

/// When a message may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Now.
    Now,
    /// Never: it is not owed.
    Never,
    /// Not before.
    At(Instant),
}

impl Gateway {
    pub(crate) fn check_connect_rate(&self, client_id: &ClientId) -> Result<(), String> {
        let settings = self.settings();
        if settings.connects_per_client_per_s == 0 && settings.connects_per_s == 0 {
            return Ok(());
        }
        let mut rates = self.connect_rates.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        rates.take(Instant::now(), client_id, settings)
    }

    pub(crate) fn check_publish_rate(&self, now: Instant, session: &mut Session) -> Result<(), Refusal> {
        let per_s = self.settings().publishes_per_s;
        if std::mem::take(&mut session.rates.comes_again) || session.rates.published.take(now, 1, per_s) {
            return Ok(());
        }
        metrics::counter!("sekisho_publishes_over_rate_total").increment(1);
        self.tell_over_rate(now, session, "publish", || format!("more than {per_s} messages published in a second"));
        Err(Refusal::QuotaExceeded)
    }

    /// A message that found no room waits, and is not counted again when it comes again.
    pub(crate) fn found_no_room(session: &mut Session) {
        session.rates.comes_again = true;
    }

    /// When a session may be sent its next message; [`Gateway::took_turn`] says that it was.
    pub fn turn(&self, now: Instant, session: &mut Session, qos: QoS) -> Turn {
        let per_s = self.settings().deliveries_per_s;
        let wait = session.rates.delivered.wait(now, 1, per_s);
        if wait.is_zero() {
            return Turn::Now;
        }
        if qos > QoS::AtMostOnce {
            return Turn::At(now + wait);
        }
        metrics::counter!("sekisho_deliveries_over_rate_total").increment(1);
        self.tell_over_rate(now, session, "receive", || format!("more than {per_s} messages for it in a second"));
        Turn::Never
    }

    /// It was sent a message.
    pub fn took_turn(&self, now: Instant, session: &mut Session) {
        session.rates.delivered.owe(now, 1, self.settings().deliveries_per_s);
    }

    fn tell_over_rate(&self, now: Instant, session: &mut Session, step: &str, reason: impl FnOnce() -> String) {
        if session.rates.told.again(now) {
            self.refuse(session.peer(), Some(session.client_id().as_str()), step, reason());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_connects_once_a_second_and_who_waits_is_forgotten() {
        let (mut rates, start) = (ConnectRates::default(), Instant::now());
        let settings = Settings { connects_per_client_per_s: 1, connects_per_s: 5000, ..Settings::default() };
        let client = |n: usize| ClientId::parse(&format!("pump-{n}")).unwrap();
        assert!(rates.take(start, &client(0), &settings).is_ok());
        let refused = rates.take(start, &client(0), &settings);
        assert_eq!(refused, Err("more than 1 CONNECTs of this client id in a second".into()));
        assert!(rates.take(start + TOLD_EVERY, &client(0), &settings).is_ok());
        for n in 0..4000 {
            let now = start + TOLD_EVERY + Duration::from_millis(2 * n as u64);
            assert!(rates.take(now, &client(n + 1), &settings).is_ok());
        }
        assert!(rates.by_client.len() <= CLIENTS_BEFORE_A_LOOK, "{}", rates.by_client.len());
        let crowded = Settings { connects_per_s: 2, ..settings };
        let now = start + Duration::from_secs(60);
        let many = (0..3).map(|n| rates.take(now, &client(n), &crowded));
        assert_eq!(many.filter(Result::is_ok).count(), 2);
    }
}
