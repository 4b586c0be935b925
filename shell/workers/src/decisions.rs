//! Why was it refused? The last decisions, kept for `sekisho why`; each is also one line of the log.
use std::collections::VecDeque;
use std::fmt::Display;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};

use sekisho_types::{AuthorizerName, CertificateId, ThingName, Timestamp};
use serde::{Deserialize, Serialize};

use crate::peer::Peer;

/// How many are kept. And then: the oldest is forgotten; the log has it.
const DECISIONS_MAX: usize = 10_000;

/// Bytes of each text of a decision: a certificate's names may be as long as the handshake that carries them. And then: the rest
/// is cut off, and `…` stands for it. With [`DECISIONS_MAX`] it bounds what is kept to some 20 MB.
const DECISION_TEXT_BYTES_MAX: usize = 512;

/// What became of who came.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Turned away.
    #[default]
    Refused,
    /// A first connection that registered or provisioned its certificate, and is closed as AWS closes it.
    Closed,
    /// A first connection that goes on.
    LetIn,
    /// Nobody was turned away: something this server needs does not do what it should.
    Unavailable,
}

/// What one step decided about one device.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// When, in milliseconds since the epoch.
    pub time: Timestamp,
    /// The step that decided: `handshake`, `identity`, `authorizer`, `jitr`, `jitp`, `provision`, `connect`, `publish`, `subscribe`, `receive`,
    /// `will`, `request` (over HTTPS), `protocol`, `queue` (what waits for a session or a connection); `object_store` where the S3 that keeps the
    /// bodies fails.
    pub step: String,
    /// What it decided.
    #[serde(default)]
    pub outcome: Outcome,
    /// Where it came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<SocketAddr>,
    /// The certificate presented.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_id: Option<CertificateId>,
    /// The access key an operator signed with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_key_id: Option<String>,
    /// As whom a custom authorizer knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal_id: Option<String>,
    /// Which one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorizer: Option<AuthorizerName>,
    /// The MQTT client identifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// The thing it is, as policy variables know it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thing: Option<ThingName>,
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

impl Decision {
    /// A refusal of nobody in particular; the rest says whom it concerns.
    pub(crate) fn new(time: Timestamp, step: &str, reason: String) -> Self {
        Self {
            time,
            step: step.into(),
            outcome: Outcome::Refused,
            peer: None,
            certificate_id: None,
            access_key_id: None,
            principal_id: None,
            authorizer: None,
            client_id: None,
            thing: None,
            subject: None,
            issuer: None,
            ca_certificate_id: None,
            reason,
        }
    }

    /// Something this server needs does not do what it should.
    pub fn unavailable(time: Timestamp, step: &str, reason: String) -> Self {
        Self::new(time, step, reason).outcome(Outcome::Unavailable)
    }

    pub(crate) fn outcome(self, outcome: Outcome) -> Self {
        Self { outcome, ..self }
    }

    pub(crate) fn address(self, address: SocketAddr) -> Self {
        Self { peer: Some(address), ..self }
    }

    /// It concerns who is there.
    pub(crate) fn of(self, peer: &Peer) -> Self {
        let access_key_id = peer.access_key_id().map(str::to_owned);
        let (principal_id, authorizer) = peer.known_as().unzip();
        let (peer, certificate_id) = (Some(peer.address), peer.certificate_id());
        Self { peer, certificate_id, access_key_id, principal_id, authorizer, ..self }
    }

    pub(crate) fn certificate_id(self, certificate_id: Option<CertificateId>) -> Self {
        Self { certificate_id, ..self }
    }

    pub(crate) fn client_id(self, client_id: Option<&str>) -> Self {
        Self { client_id: client_id.map(str::to_owned), ..self }
    }

    pub(crate) fn thing(self, thing: Option<ThingName>) -> Self {
        Self { thing, ..self }
    }

    pub(crate) fn names(self, subject: String, issuer: String) -> Self {
        Self { subject: Some(subject), issuer: Some(issuer), ..self }
    }

    pub(crate) fn ca_certificate_id(self, ca_certificate_id: Option<CertificateId>) -> Self {
        Self { ca_certificate_id, ..self }
    }

    fn cut(mut self) -> Self {
        cut(&mut self.reason);
        [&mut self.access_key_id, &mut self.client_id, &mut self.subject, &mut self.issuer]
            .into_iter()
            .flatten()
            .for_each(cut);
        self
    }
}

/// Cuts a text to [`DECISION_TEXT_BYTES_MAX`], and gives back the memory of the rest.
fn cut(text: &mut String) {
    const ELLIPSIS: char = '…';
    if text.len() > DECISION_TEXT_BYTES_MAX {
        let room = DECISION_TEXT_BYTES_MAX - ELLIPSIS.len_utf8();
        text.truncate((0..=room).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0));
        text.push(ELLIPSIS);
    }
    text.shrink_to_fit();
}

/// The last decisions.
#[derive(Default)]
pub struct Decisions(Mutex<VecDeque<Decision>>);

impl Decisions {
    /// Keeps a decision and logs it.
    pub fn record(&self, decision: Decision) {
        let decision = decision.cut();
        macro_rules! tell {
            ($level:ident, $message:literal) => {
                tracing::$level!(
                    step = decision.step,
                    peer = decision.peer.map(tracing::field::display),
                    certificate_id = decision.certificate_id.map(tracing::field::display),
                    access_key_id = decision.access_key_id,
                    principal_id = decision.principal_id,
                    authorizer = decision.authorizer.as_ref().map(tracing::field::display),
                    client_id = decision.client_id,
                    thing = decision.thing.as_ref().map(tracing::field::display),
                    subject = decision.subject,
                    issuer = decision.issuer,
                    ca_certificate_id = decision.ca_certificate_id.map(tracing::field::display),
                    reason = decision.reason,
                    $message
                )
            };
        }
        let step = decision.step.clone();
        match decision.outcome {
            Outcome::Refused => {
                tell!(warn, "not let in");
                metrics::counter!("sekisho_refusals_total", "step" => step).increment(1);
            }
            Outcome::Closed => {
                tell!(info, "first connection done, and closed");
                metrics::counter!("sekisho_first_connections_total", "step" => step, "outcome" => "closed")
                    .increment(1);
            }
            Outcome::Unavailable => {
                tell!(error, "does not do what it should");
                metrics::counter!("sekisho_unavailable_total", "step" => step).increment(1);
            }
            Outcome::LetIn => {
                tell!(info, "let in");
                metrics::counter!("sekisho_first_connections_total", "step" => step, "outcome" => "let_in")
                    .increment(1);
            }
        }
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == DECISIONS_MAX {
            kept.pop_front();
        }
        kept.push_back(decision);
    }

    /// Those that concern `text`: a step, a certificate's or CA's id (or its beginning), an access key, a custom authorizer or whom it knows, a client id, a thing, a peer's address, or part of
    /// a subject's or issuer's name; all if empty.
    /// The newest first.
    pub fn about(&self, text: &str) -> Vec<Decision> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let begins = |value: Option<&dyn Display>| value.is_some_and(|value| value.to_string().starts_with(text));
        let concerns = |decision: &&Decision| {
            text.is_empty()
                || decision.step == text
                || decision.client_id.as_deref() == Some(text)
                || decision.access_key_id.as_deref() == Some(text)
                || decision.principal_id.as_deref() == Some(text)
                || decision.authorizer.as_ref().is_some_and(|authorizer| authorizer.as_str() == text)
                || decision.thing.as_ref().is_some_and(|thing| thing.as_str() == text)
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
        Decision::new(Timestamp::from_millis(1), "publish", "implicit deny".into())
            .address(([127, 0, 0, 1], 4000).into())
            .certificate_id(Some(CertificateId::new([0xab; 32])))
            .client_id(Some(client_id))
    }

    #[test]
    fn found_by_client_certificate_and_peer_and_bounded() {
        let decisions = Decisions::default();
        (0..DECISIONS_MAX + 5).for_each(|n| decisions.record(decision(&format!("pump-{n}"))));
        assert_eq!(decisions.about("pump-4"), []);
        assert_eq!(decisions.about("pump-7").len(), 1);
        assert_eq!(decisions.about("abab").len(), DECISIONS_MAX);
        decisions.record(decision("other").thing(ThingName::parse("oven-3").ok()));
        assert_eq!(decisions.about("oven-3")[0].client_id.as_deref(), Some("other"));
        assert_eq!(decisions.about("127.0.0.1:4000")[1].client_id.as_deref(), Some("pump-10004"));
    }

    #[test]
    fn a_text_is_cut_before_it_is_kept() {
        let decisions = Decisions::default();
        let name = "OU=ö,".repeat(10_000);
        let long = |reason: String| Decision { reason, ..decision(&name).names(name.clone(), name.clone()) };
        (0..4).for_each(|n| decisions.record(long("x".repeat(n) + &name))); // wherever the letters fall
        decisions.record(long("short".into()));
        let kept = decisions.0.lock().unwrap();
        for decision in kept.iter() {
            let texts = [&decision.client_id, &decision.subject, &decision.issuer].map(|text| text.as_ref().unwrap());
            for text in texts.into_iter().chain(Some(&decision.reason).filter(|reason| *reason != "short")) {
                assert!(text.ends_with('…') && text.len() > DECISION_TEXT_BYTES_MAX - 4, "{text}");
                assert!(text.capacity() <= DECISION_TEXT_BYTES_MAX, "{} bytes are held", text.capacity());
            }
        }
        assert_eq!(kept[4].reason, "short");
    }
}
