//! JITR and JITP: a device connects with a certificate nobody registered.
use std::sync::Arc;

use sekisho_identity::PresentedCertificate;
use sekisho_registry::{CaChoice, FirstConnection, FirstConnectionError, VouchError};
use sekisho_state::CommitError;
use sekisho_types::{CertificateId, TopicName};

use crate::decisions::{Decision, Outcome};
use crate::gateway::{Gateway, Peer};

/// What becomes of a connection whose certificate was looked at for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum First {
    /// It is over; the device connects again.
    Close,
    /// It was provisioned, and this server lets it in at once: ask [`Gateway::connect`] again.
    Retry,
}

impl First {
    const fn outcome(self) -> Outcome {
        match self {
            Self::Close => Outcome::Refused,
            Self::Retry => Outcome::LetIn,
        }
    }
}

/// How it went: the step that decided, the CA that had a part in it, what the operator reads.
struct Looked {
    step: &'static str,
    ca_certificate_id: Option<CertificateId>,
    reason: String,
    first: First,
}

impl Gateway {
    /// Registers, or provisions, what `der` is, if a CA allows it. Whatever happens is recorded for `sekisho why`.
    ///
    /// It runs to its end even if the connection does not wait for it: an event that was promised is told.
    pub fn first_connection(
        self: &Arc<Self>,
        peer: Peer,
        client_id: Option<String>,
        der: Vec<u8>,
    ) -> tokio::task::JoinHandle<First> {
        let gateway = self.clone();
        tokio::spawn(async move {
            let presented = match PresentedCertificate::parse(&der) {
                Ok(presented) => presented,
                Err(error) => {
                    let reason = format!("the certificate cannot be read: {error}");
                    gateway.refuse(peer, client_id.as_deref(), "identity", reason);
                    return First::Close;
                }
            };
            let (subject, issuer) = (presented.subject().to_string(), presented.issuer().to_string());
            let Looked { step, ca_certificate_id, reason, first } = gateway.first(presented).await;
            let decision = Decision::new(gateway.state.now(), step, reason).outcome(first.outcome());
            let decision = decision.address(peer.address).certificate_id(Some(peer.certificate_id));
            let decision = decision.client_id(client_id.as_deref()).names(subject, issuer);
            gateway.decisions.record(decision.ca_certificate_id(ca_certificate_id));
            first
        })
    }

    async fn first(&self, presented: PresentedCertificate) -> Looked {
        let (now, mut random) = (self.state.now(), self.state.random());
        let id = presented.certificate_id();
        let refused = |ca_certificate_id, reason: String| Looked {
            step: "identity",
            ca_certificate_id,
            reason,
            first: First::Close,
        };
        // Taken out of the state and looked at here: checking a signature takes longer than a lock should be held.
        let (candidates, known) = {
            let registry = &self.state.read().registry;
            let known = registry.certificate(id).ok().map(|known| known.ca_certificate_id);
            (registry.ca_candidates(&presented), known)
        };
        let choice = match known {
            None => CaChoice::Any,
            Some(Some(ca)) => CaChoice::Only(ca),
            Some(None) => return refused(None, FirstConnectionError::Claimed(id).to_string()),
        };
        let vouched = match candidates.vouch(presented, choice, now) {
            Ok(vouched) => vouched,
            Err(error) if known.is_some() => {
                let reason = format!("certificate `{id}` is PENDING_ACTIVATION, and {error}");
                return refused(None, reason);
            }
            Err(error) => return refused(None, format!("certificate `{id}` is not registered, and {error}")),
        };
        let ca = Some(vouched.ca_certificate_id());
        let committed = self.state.commit(|cores| {
            let (events, outcome) = cores.registry.first_connection(now, &vouched, &mut random)?;
            Ok::<_, FirstConnectionError>((events.into_iter().map(Into::into).collect(), outcome))
        });
        let jitp = |reason: String, first| Looked { step: "jitp", ca_certificate_id: ca, reason, first };
        match committed.await {
            Ok(FirstConnection::Registered { topic, payload }) => {
                let reason = match self.publish_event(&topic, payload).await {
                    Ok(()) => format!(
                        "certificate `{id}` is PENDING_ACTIVATION, and `{topic}` was told: activate it, and the next connection is let in"
                    ),
                    Err(error) => {
                        format!("certificate `{id}` is PENDING_ACTIVATION, but `{topic}` could not be told: {error}")
                    }
                };
                Looked { step: "jitr", ca_certificate_id: ca, reason, first: First::Close }
            }
            Ok(FirstConnection::Provisioned { active, thing_name }) => {
                let made = thing_name.map_or(String::new(), |thing_name| format!(" as thing `{thing_name}`"));
                let made = format!("certificate `{id}` was provisioned{made}");
                if !active {
                    jitp(format!("{made}, INACTIVE as its template says: activate it"), First::Close)
                } else if self.admit_first_connection {
                    let next = "first_connection is `admit`, so its policies decide at once";
                    jitp(format!("{made}; {next}"), First::Retry)
                } else {
                    let next = "a first connection is closed as AWS closes it, the next one is let in";
                    jitp(format!("{made}; {next}"), First::Close)
                }
            }
            Ok(FirstConnection::Failed { reason }) => jitp(reason, First::Close),
            Err(CommitError::Command(FirstConnectionError::Vouch(error @ VouchError::NoAutoRegistration(_)))) => {
                refused(ca, format!("certificate `{id}` is not registered, and {error}"))
            }
            Err(CommitError::Command(error)) => refused(ca, error.to_string()),
            Err(CommitError::Journal(error)) => refused(ca, error.to_string()),
        }
    }

    /// Tells subscribers and rules of something that happened here, and waits until what the rules owe is durable.
    async fn publish_event(&self, topic: &str, payload: String) -> Result<(), String> {
        let topic = TopicName::parse(topic).map_err(|error| error.to_string())?;
        let owed = self.publish_service(&topic, &payload.into()).map_err(|refusal| refusal.to_string())?;
        self.state.journal().wait_durable(owed).await.map_err(|error| error.to_string())
    }
}
