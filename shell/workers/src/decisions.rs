//! Why was it refused? The last refusals, kept for `sekisho why`; each is also one line of the log.
use std::collections::VecDeque;
use std::fmt::Display;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use sekisho_types::{CertificateId, Timestamp};
use serde::{Deserialize, Serialize};

/// How many are kept. And then: the oldest is forgotten; the log has it.
const DECISIONS_MAX: usize = 10_000;

/// One refusal.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// When, in milliseconds since the epoch.
    pub time: Timestamp,
    /// The step that refused: `handshake`, `identity`, `jitr`, `jitp`, `provision`, `connect`, `publish`,
    /// `subscribe`, `receive`, `protocol`.
    pub step: String,
    /// Where it came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<SocketAddr>,
    /// The certificate presented.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_id: Option<CertificateId>,
    /// The MQTT client identifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Whom the certificate names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Who signed it, by its own account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// The customer's CA that vouched for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_certificate_id: Option<CertificateId>,
    /// The reason, for the operator: the wire says only what AWS says.
    pub reason: String,
}

/// The last refusals.
#[derive(Default)]
pub struct Decisions(Mutex<VecDeque<Decision>>);

impl Decisions {
    /// Keeps a decision and logs it.
    pub fn record(&self, decision: Decision) {
        tracing::warn!(
            step = decision.step,
            peer = decision.peer.map(tracing::field::display),
            certificate_id = decision.certificate_id.map(tracing::field::display),
            client_id = decision.client_id,
            subject = decision.subject,
            issuer = decision.issuer,
            ca_certificate_id = decision.ca_certificate_id.map(tracing::field::display),
            reason = decision.reason,
            "not let in"
        );
        metrics::counter!("sekisho_refusals_total", "step" => decision.step.clone()).increment(1);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == DECISIONS_MAX {
            kept.pop_front();
        }
        kept.push_back(decision);
    }

    /// Those that concern `text`: a certificate's or CA's id (or its beginning), a client id, a peer's address, or part of
    /// a subject's or issuer's name; all if empty.
    /// The newest first.
    pub fn about(&self, text: &str) -> Vec<Decision> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let begins = |value: Option<&dyn Display>| value.is_some_and(|value| value.to_string().starts_with(text));
        let concerns = |decision: &&Decision| {
            text.is_empty()
                || decision.client_id.as_deref() == Some(text)
                || begins(decision.certificate_id.as_ref().map(|id| id as &dyn Display))
                || begins(decision.peer.as_ref().map(|peer| peer as &dyn Display))
                || begins(decision.ca_certificate_id.as_ref().map(|id| id as &dyn Display))
                || [&decision.subject, &decision.issuer].into_iter().flatten().any(|name| name.contains(text))
        };
        kept.iter().rev().filter(concerns).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decision(client_id: &str) -> Decision {
        Decision {
            time: Timestamp::from_millis(1),
            step: "publish".into(),
            peer: Some(([127, 0, 0, 1], 4000).into()),
            certificate_id: Some(CertificateId::new([0xab; 32])),
            client_id: Some(client_id.into()),
            subject: None,
            issuer: None,
            ca_certificate_id: None,
            reason: "implicit deny".into(),
        }
    }

    #[test]
    fn found_by_client_certificate_and_peer_and_bounded() {
        let decisions = Decisions::default();
        (0..DECISIONS_MAX + 5).for_each(|n| decisions.record(decision(&format!("pump-{n}"))));
        assert_eq!(decisions.about("pump-4"), []);
        assert_eq!(decisions.about("pump-7").len(), 1);
        assert_eq!(decisions.about("abab").len(), DECISIONS_MAX);
        assert_eq!(decisions.about("127.0.0.1:4000")[0].client_id.as_deref(), Some("pump-10004"));
    }
}
