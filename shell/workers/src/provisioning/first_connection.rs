//! JITR and JITP: a device connects with a certificate nobody registered.
use std::sync::Arc;

use sekisho_identity::PresentedCertificate;
use sekisho_registry::{FirstConnection, FirstConnectionError, VouchError};
use sekisho_state::CommitError;
use sekisho_types::{CertificateId, TopicName};
use tokio::sync::Semaphore;

use crate::decisions::{Decision, Outcome};
use crate::gateway::Gateway;
use crate::peer::Peer;
use crate::prelude::Prelude;

/// First connections under way at once: each costs up to ten checks of a signature and a commit, and whoever writes the name of
/// a registered CA on a certificate has one. And then: the next is refused, which is recorded, and its device connects again.
pub const FIRST_CONNECTIONS_MAX: usize = 256;

/// Bounds the first connections under way.
pub(crate) fn bound() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(FIRST_CONNECTIONS_MAX))
}

/// How it went: the step that decided, the CA that had a part in it, what the operator reads.
struct Looked {
    step: &'static str,
    ca_certificate_id: Option<CertificateId>,
    reason: String,
    outcome: Outcome,
}

impl Looked {
    fn refused(ca_certificate_id: Option<CertificateId>, reason: String) -> Self {
        Self { step: "identity", ca_certificate_id, reason, outcome: Outcome::Refused }
    }
}

fn too_many() -> String {
    format!("{FIRST_CONNECTIONS_MAX} first connections are under way already: the device connects again")
}

fn looking_failed(error: &tokio::task::JoinError) -> String {
    format!("its first connection failed in the server: {error}")
}

impl Gateway {
    /// Registers, or provisions, what `der` is, if a CA allows it. Whatever happens is recorded for `sekisho why`.
    ///
    /// It runs to its end even if the connection does not wait for it: an event that was promised is told.
    pub fn first_connection(
        self: &Arc<Self>,
        peer: &Arc<Peer>,
        client_id: Option<String>,
        der: Vec<u8>,
    ) -> tokio::task::JoinHandle<Prelude> {
        let (gateway, peer) = (self.clone(), peer.clone());
        let permit = self.first_connections.clone().try_acquire_owned();
        tokio::spawn(async move {
            let presented = match PresentedCertificate::parse(&der) {
                Ok(presented) => presented,
                Err(error) => {
                    let reason = format!("the certificate cannot be read: {error}");
                    gateway.refuse(&peer, client_id.as_deref(), "identity", reason);
                    return Prelude::Close;
                }
            };
            let (subject, issuer) = (presented.subject().to_string(), presented.issuer().to_string());
            let looked = match permit {
                Ok(permit) => {
                    let gateway = gateway.clone();
                    let looking = tokio::spawn(async move {
                        let _permit = permit;
                        gateway.first(presented).await
                    });
                    looking.await.unwrap_or_else(|error| Looked::refused(None, looking_failed(&error)))
                }
                Err(_) => Looked::refused(None, too_many()),
            };
            let Looked { step, ca_certificate_id, reason, outcome } = looked;
            let decision = Decision::new(gateway.state.now(), step, reason).outcome(outcome);
            let decision = decision.of(&peer).client_id(client_id.as_deref()).names(subject, issuer);
            gateway.decisions.record(decision.ca_certificate_id(ca_certificate_id));
            match outcome {
                Outcome::LetIn => Prelude::Retry,
                Outcome::Refused | Outcome::Closed | Outcome::Unavailable => Prelude::Close,
            }
        })
    }

    async fn first(&self, presented: PresentedCertificate) -> Looked {
        let (now, mut random) = (self.state.now(), self.state.random());
        let id = presented.certificate_id();
        // Taken out of the state and looked at here: checking a signature takes longer than a lock should be held.
        let (candidates, known, choice) = {
            let registry = &self.state.read().registry;
            (registry.ca_candidates(&presented), registry.certificate(id).is_ok(), registry.first_connection_ca(id))
        };
        let choice = match choice {
            Ok(choice) => choice,
            Err(error) => return Looked::refused(None, error.to_string()),
        };
        let unvouched = |ca, error: VouchError| {
            let status = if known { "PENDING_ACTIVATION" } else { "not registered" };
            Looked::refused(ca, format!("certificate `{id}` is {status}, and {error}"))
        };
        // Up to ten signatures; connections do not wait for that.
        let vouching = tokio::task::spawn_blocking(move || candidates.vouch(presented, choice, now));
        let vouched = match vouching.await {
            Ok(Ok(vouched)) => vouched,
            Ok(Err(error)) => return unvouched(None, error),
            Err(error) => return Looked::refused(None, looking_failed(&error)),
        };
        let ca = Some(vouched.ca_certificate_id());
        let committed = self.state.commit(|cores| {
            let (events, outcome) = cores.registry.first_connection(now, &vouched, &mut random)?;
            Ok::<_, FirstConnectionError>((events.into_iter().map(Into::into).collect(), outcome))
        });
        let jitp = |reason: String, outcome| Looked { step: "jitp", ca_certificate_id: ca, reason, outcome };
        match committed.await {
            Ok(FirstConnection::Registered { topic, payload }) => {
                let pending = format!("certificate `{id}` is PENDING_ACTIVATION");
                let (outcome, reason) = match self.publish_event(&topic, payload).await {
                    Ok(()) => {
                        let next = "activate it, and the next connection is let in";
                        (Outcome::Closed, format!("{pending}, and `{topic}` was told: {next}"))
                    }
                    Err(error) => (Outcome::Refused, format!("{pending}, but `{topic}` could not be told: {error}")),
                };
                Looked { step: "jitr", ca_certificate_id: ca, reason, outcome }
            }
            Ok(FirstConnection::Provisioned { active, thing_name }) => {
                let made = thing_name.map_or(String::new(), |thing_name| format!(" as thing `{thing_name}`"));
                let made = format!("certificate `{id}` was provisioned{made}");
                if !active {
                    jitp(format!("{made}, INACTIVE as its template says: activate it"), Outcome::Closed)
                } else if self.admit_first_connection {
                    let next = "first_connection is `admit`, so its policies decide at once";
                    jitp(format!("{made}; {next}"), Outcome::LetIn)
                } else {
                    let next = "a first connection is closed as AWS closes it, the next one is let in";
                    jitp(format!("{made}; {next}"), Outcome::Closed)
                }
            }
            Ok(FirstConnection::Failed { reason }) => {
                let next = "mend the template (or give a Default) and connect again";
                jitp(format!("{reason}; the certificate stays PENDING_ACTIVATION; {next}"), Outcome::Refused)
            }
            Err(CommitError::Command(FirstConnectionError::Vouch(error))) => unvouched(ca, error),
            Err(CommitError::Command(error)) => Looked::refused(ca, error.to_string()),
            Err(CommitError::Journal(error)) => Looked::refused(ca, error.to_string()),
        }
    }

    /// Tells subscribers and rules of something that happened here, and waits until what the rules owe is durable.
    async fn publish_event(&self, topic: &str, payload: String) -> Result<(), String> {
        let topic = TopicName::parse(topic).map_err(|error| error.to_string())?;
        let owed = self.publish_service(&topic, &payload.into()).map_err(|refusal| refusal.to_string())?;
        self.state.journal().wait_durable(owed).await.map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::atomic::{AtomicBool, Ordering};

    use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
    use sekisho_blobs::ObjectStore;
    use sekisho_identity::{DistinguishedName, Lifetime, SigningKey, issue_ca};
    use sekisho_journal::Durability;
    use sekisho_kms::RootKey;
    use sekisho_types::{AccountId, Region, Secret, SecretKey, Tenant, Timestamp};

    use super::*;
    use crate::{Authorizers, Credential, Decisions, Functions, Issuing, Parts, Recovered, RsaKeys};

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    /// A gateway on a directory of its own, whose clock fails once when it is told to.
    struct World {
        gateway: Arc<Gateway>,
        fails: Arc<AtomicBool>,
        _directory: tempfile::TempDir,
    }

    impl World {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let tenant = Tenant {
                account: AccountId::parse("000000000000").unwrap(),
                region: Region::parse("eu-north-1").unwrap(),
            };
            let fails = Arc::new(AtomicBool::new(false));
            let failing = fails.clone();
            let clock: sekisho_state::Clock = Arc::new(move || {
                assert!(!failing.swap(false, Ordering::SeqCst), "the clock has stopped");
                NOW
            });
            let (journal, root_key) = (directory.path().join("journal"), RootKey::new(SecretKey::new([7; 32])));
            let opened =
                sekisho_state::open(&journal, tenant, root_key, Durability::Relaxed, clock, &mut |_, _| {}).unwrap();
            let state = Arc::new(opened.state);
            let objects = Arc::new(ObjectStore::open(&directory.path().join("objects"), state.clone()).unwrap());
            let functions = Arc::new(Functions::new(HashMap::new()));
            let authorizers = Arc::new(Authorizers::new(state.clone(), functions.clone(), 300));
            let parts = Parts {
                profile: crate::Profile::Aws,
                settings: crate::Profile::Aws.settings(),
                session_limits: sekisho_sessions::Limits::default(),
                rule_work_limits: sekisho_actions::Limits::default(),
                streams: crate::start_delivery(
                    state.clone(),
                    objects,
                    Arc::default(),
                    Arc::default(),
                    Recovered::default(),
                ),
                decisions: Arc::new(Decisions::default()),
                issuing: Arc::new(Issuing::new(state.clone(), RsaKeys::none())),
                functions,
                authorizers,
                hostnames: Vec::new(),
                admit_first_connection: false,
                state,
            };
            Self { gateway: Arc::new(Gateway::new(parts)), fails, _directory: directory }
        }

        /// What is recorded of a stranger's first connection.
        async fn refusal(&self) -> String {
            let mut random = |out: &mut [u8]| out.fill(0x5e);
            let lifetime = Lifetime::until(NOW, Timestamp::from_seconds(2_000_000_000));
            let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
            let key = SigningKey::from_pkcs8(&Secret::new(pair.to_pkcs8v1().unwrap().as_ref().to_vec())).unwrap();
            let der = issue_ca(&key, &DistinguishedName::common_name("Stranger"), lifetime, &mut random).unwrap();
            let certificate_id = PresentedCertificate::id_of(&der);
            let credential = Credential::Certificate(certificate_id);
            let address = ([127, 0, 0, 1], 4000).into();
            let peer = Arc::new(Peer { address, credential, domain_name: None, tls: None });
            let first = self.gateway.first_connection(&peer, Some("pump-7".into()), der).await;
            assert_eq!(first.unwrap(), Prelude::Close);
            let [decision] = &self.gateway.decisions.about(&certificate_id.to_string())[..] else {
                panic!("one record")
            };
            assert_eq!((decision.step.as_str(), decision.client_id.as_deref()), ("identity", Some("pump-7")));
            decision.reason.clone()
        }
    }

    #[tokio::test]
    async fn one_more_than_may_be_under_way_is_refused_and_says_so() {
        let world = World::new();
        let others = world.gateway.first_connections.clone();
        let others = others.acquire_many_owned(FIRST_CONNECTIONS_MAX as u32).await.unwrap();
        assert_eq!(world.refusal().await, "256 first connections are under way already: the device connects again");
        drop(others);
        let reason = world.refusal().await;
        assert!(
            reason.ends_with("is not registered, and no CA with the subject `CN=Stranger` is registered"),
            "{reason}"
        );
        assert_eq!(world.gateway.first_connections.available_permits(), FIRST_CONNECTIONS_MAX);
    }

    #[tokio::test]
    async fn one_that_panics_is_refused_and_says_so() {
        let world = World::new();
        tokio::task::yield_now().await; // the delivery streams' timer has looked at the clock, and sleeps
        world.fails.store(true, Ordering::SeqCst);
        let reason = world.refusal().await;
        assert!(reason.starts_with("its first connection failed in the server: "), "{reason}");
        assert!(reason.ends_with(r#"panicked with message "the clock has stopped""#), "{reason}");
        assert_eq!(world.gateway.first_connections.available_permits(), FIRST_CONNECTIONS_MAX);
    }
}
