//! JITR and JITP: a device connects with a certificate nobody registered.
use std::net::SocketAddr;
use std::sync::Arc;

use sekisho_identity::PresentedCertificate;
use sekisho_registry::{FirstConnection, FirstConnectionError};
use sekisho_state::CommitError;
use sekisho_types::{CertificateId, TopicName};

use crate::decisions::Decision;
use crate::gateway::{Gateway, Peer};

/// What becomes of a connection whose certificate was looked at for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum First {
    /// It is over; the device connects again.
    Close,
    /// It was provisioned, and this server lets it in at once: ask [`Gateway::connect`] again.
    Retry,
}

impl Gateway {
    /// Registers, or provisions, what `der` is, if a CA allows it. Whatever happens is recorded for `sekisho why`.
    pub async fn first_connection(self: Arc<Self>, peer: Peer, client_id: Option<String>, der: Vec<u8>) -> First {
        let presented = match PresentedCertificate::parse(&der) {
            Ok(presented) => presented,
            Err(error) => {
                self.refuse(peer, client_id.as_deref(), "identity", format!("the certificate cannot be read: {error}"));
                return First::Close;
            }
        };
        let (step, outcome) = self.first(&presented).await;
        let (ca_certificate_id, reason, first) = match outcome {
            Ok((ca, reason, first)) => (Some(ca), reason, first),
            Err((ca, reason)) => (ca, reason, First::Close),
        };
        self.decisions.record(Decision {
            time: self.state.now(),
            step: step.into(),
            peer: Some(peer.address),
            certificate_id: Some(presented.certificate_id()),
            client_id,
            subject: Some(presented.subject().to_string()),
            issuer: Some(presented.issuer().to_string()),
            ca_certificate_id,
            reason,
        });
        first
    }

    /// The step that decided, and how it went.
    async fn first(
        &self,
        presented: &PresentedCertificate,
    ) -> (&'static str, Result<(CertificateId, String, First), (Option<CertificateId>, String)>) {
        let (now, mut random) = (self.state.now(), self.state.random());
        let certificate_id = presented.certificate_id();
        // Taken out of the state and looked at here: checking a signature takes longer than a lock should be held.
        let candidates = self.state.read().registry.ca_candidates(presented);
        let ca = match candidates.vouch(presented, None, now) {
            Ok(ca) => ca.certificate_id,
            Err(error) => {
                let reason = format!("certificate `{certificate_id}` is not registered, and {error}");
                return ("identity", Err((None, reason)));
            }
        };
        let committed = self.state.commit(|cores| {
            let (events, outcome) = cores.registry.first_connection(now, presented, ca, &mut random)?;
            Ok::<_, FirstConnectionError>((events.into_iter().map(Into::into).collect(), outcome))
        });
        match committed.await {
            Ok(FirstConnection::Registered { topic, payload }) => {
                let published = match TopicName::parse(&topic) {
                    Ok(topic) => self.publish_event(&topic, payload.into()).await,
                    Err(error) => Err(error.to_string()),
                };
                let reason = match published {
                    Ok(()) => format!(
                        "certificate `{certificate_id}` is PENDING_ACTIVATION; `{topic}` was told; activate it and the next connection is let in"
                    ),
                    Err(error) => format!(
                        "certificate `{certificate_id}` is PENDING_ACTIVATION, but `{topic}` could not be told: {error}"
                    ),
                };
                ("jitr", Ok((ca, reason, First::Close)))
            }
            Ok(FirstConnection::Provisioned) if self.admit_first_connection => {
                ("jitp", Ok((ca, "provisioned and let in: first_connection is `admit`".into(), First::Retry)))
            }
            Ok(FirstConnection::Provisioned) => {
                let reason = "provisioned; this first connection is closed as AWS closes it, the next one is let in";
                ("jitp", Ok((ca, reason.into(), First::Close)))
            }
            Ok(FirstConnection::Failed { reason }) => ("jitp", Err((Some(ca), reason))),
            Err(CommitError::Command(error)) => ("identity", Err((Some(ca), error.to_string()))),
            Err(CommitError::Journal(error)) => ("identity", Err((Some(ca), error.to_string()))),
        }
    }

    /// Tells subscribers and rules of something that happened here, and waits until what the rules owe is durable.
    async fn publish_event(&self, topic: &TopicName, payload: bytes::Bytes) -> Result<(), String> {
        let owed = self.publish_service(topic, &payload).map_err(|refusal| refusal.to_string())?;
        self.state.journal().wait_durable(owed).await.map_err(|error| error.to_string())
    }

    /// Keeps and logs that a provisioning attempt failed.
    pub(crate) fn refuse_provisioning(&self, address: Option<SocketAddr>, decision: ProvisioningRefusal<'_>) {
        self.decisions.record(Decision {
            time: self.state.now(),
            step: "provision".into(),
            peer: address,
            certificate_id: decision.certificate_id,
            client_id: decision.client_id.map(str::to_owned),
            subject: None,
            issuer: None,
            ca_certificate_id: None,
            reason: decision.reason,
        });
    }
}

/// A provisioning attempt that failed.
pub(crate) struct ProvisioningRefusal<'a> {
    pub(crate) certificate_id: Option<CertificateId>,
    pub(crate) client_id: Option<&'a str>,
    pub(crate) reason: String,
}
