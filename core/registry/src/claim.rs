//! Fleet provisioning: claims that let a device ask, and the tokens by which it owns what it was given.
use std::collections::HashMap;
use std::sync::Arc;

use sekisho_identity::{CertificateRecord, CertificateStatus, PresentedCertificate};
use sekisho_policy::{PolicyDocument, PolicySet};
use sekisho_provisioning::TemplateType;
use sekisho_types::{CertificateId, PolicyName, Random, Tenant, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Certificate, Event, PolicyTarget, Registry, RegistryError};

/// How long a token is good (developer guide: fleet-provision-api).
pub const OWNERSHIP_TOKEN_SECONDS: i64 = 3600;
/// Tokens given out and not used yet. And then: the next device is told to try again later.
pub const OWNERSHIP_TOKENS_MAX: usize = 100_000;
/// What expires in one entry of the journal.
pub const EXPIRED_TOGETHER: usize = 1_000;
/// How long a claim made by `CreateProvisioningClaim` is good (developer guide: provision-wo-cert).
pub const CLAIM_SECONDS: i64 = 300;

/// A certificate that may do nothing but ask for another by one template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProvisioningClaim {
    /// SHA-256 of its DER.
    pub certificate_id: CertificateId,
    /// The template.
    pub template_name: String,
    /// First second of its validity.
    pub not_before: Timestamp,
    /// Last second of its validity.
    pub not_after: Timestamp,
}

impl ProvisioningClaim {
    pub(crate) const fn record(&self) -> CertificateRecord {
        CertificateRecord { status: CertificateStatus::Active, not_before: self.not_before, not_after: self.not_after }
    }

    /// The policy it has without one being attached: to connect, to ask for a certificate, to be provisioned by its template.
    pub(crate) fn policy(&self, tenant: &Tenant) -> String {
        let topics = ["$aws/certificates/create/*", "$aws/certificates/create-from-csr/*"].map(str::to_owned);
        let topics =
            topics.into_iter().chain([format!("$aws/provisioning-templates/{}/provision/*", self.template_name)]);
        let (topics, filters): (Vec<_>, Vec<_>) = topics
            .map(|topic| {
                let arn = |kind: &str| tenant.arn("iot", format_args!("{kind}/{topic}"));
                (arn("topic"), arn("topicfilter"))
            })
            .unzip();
        serde_json::json!({
            "Version": "2012-10-17",
            "Statement": [
                { "Effect": "Allow", "Action": "iot:Connect", "Resource": "*" },
                { "Effect": "Allow", "Action": ["iot:Publish", "iot:Receive"], "Resource": topics },
                { "Effect": "Allow", "Action": "iot:Subscribe", "Resource": filters },
            ],
        })
        .to_string()
    }
}

/// A claim in the fold, its policy compiled once.
#[derive(Clone, Debug)]
pub(crate) struct HeldClaim {
    pub(crate) claim: ProvisioningClaim,
    pub(crate) policies: PolicySet,
}

impl HeldClaim {
    pub(crate) fn new(claim: ProvisioningClaim, tenant: &Tenant) -> Self {
        let document = PolicyDocument::parse(&claim.policy(tenant)).expect("the claim's policy is a policy");
        let name = PolicyName::parse("provisioning-claim").expect("a policy's name");
        Self { claim, policies: PolicySet::new(vec![(name, Arc::new(document))]) }
    }
}

/// Whose certificate a token stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ownership {
    /// The certificate.
    pub certificate_id: CertificateId,
    /// Until when it can be provisioned.
    pub expires_at: Timestamp,
    /// The certificate of whoever asked for it: the token is good on its connections alone.
    pub claim_certificate_id: CertificateId,
}

/// Tokens by the SHA-256 of their text: what is on the disk does not let anybody use one.
pub(crate) type Ownerships = HashMap<String, Ownership>;

impl Registry {
    /// Takes in a certificate for a device that asked with a claim: PENDING_ACTIVATION, and owned by whoever has the token.
    ///
    /// # Errors
    /// [`RegistryError::LimitExceeded`] while too many wait.
    pub fn add_claimed_certificate(
        &self,
        now: Timestamp,
        der: &[u8],
        token_sha256: String,
        claim_certificate_id: CertificateId,
        random: &mut dyn Random,
    ) -> Result<(Vec<Event>, Certificate), RegistryError> {
        if self.ownerships.len() >= OWNERSHIP_TOKENS_MAX {
            let message = "Too many certificates wait to be provisioned; try again later".to_owned();
            return Err(RegistryError::LimitExceeded(message));
        }
        let presented =
            PresentedCertificate::parse(der).map_err(|e| RegistryError::CertificateValidation(e.to_string()))?;
        let (mut events, certificate) =
            self.register(now, &presented, CertificateStatus::PendingActivation, None, random)?;
        let expires_at = Timestamp::from_seconds(now.seconds() + OWNERSHIP_TOKEN_SECONDS);
        let ownership = Ownership { certificate_id: certificate.certificate_id, expires_at, claim_certificate_id };
        events.push(Event::OwnershipTokenIssued { token_sha256, ownership });
        Ok((events, certificate))
    }

    /// The certificate a token stands for, on a connection with `claim_certificate_id`: while the token is good, and the
    /// certificate waits for nothing but this. Once an operator has decided about it, no token undoes that.
    pub fn owned_certificate(
        &self,
        token_sha256: &str,
        claim_certificate_id: CertificateId,
        now: Timestamp,
    ) -> Option<&Certificate> {
        let ownership = self.ownerships.get(token_sha256)?;
        let good = now < ownership.expires_at && ownership.claim_certificate_id == claim_certificate_id;
        let certificate = self.certificates.get(&ownership.certificate_id).filter(|_| good)?;
        (certificate.status == CertificateStatus::PendingActivation).then_some(certificate)
    }

    /// Takes in a claim's certificate. It is no certificate of the registry: no list shows it.
    ///
    /// # Errors
    /// [`RegistryError::CertificateValidation`] for what is no certificate.
    pub fn add_claim(&self, template_name: &str, der: &[u8]) -> Result<(Vec<Event>, ProvisioningClaim), RegistryError> {
        let template = self.provisioning_template(template_name)?;
        if template.template_type != TemplateType::FleetProvisioning {
            let message = format!("Provisioning template {template_name} is not of type FLEET_PROVISIONING");
            return Err(RegistryError::InvalidRequest(message));
        }
        let presented =
            PresentedCertificate::parse(der).map_err(|e| RegistryError::CertificateValidation(e.to_string()))?;
        let claim = ProvisioningClaim {
            certificate_id: presented.certificate_id(),
            template_name: template_name.to_owned(),
            not_before: presented.not_before(),
            not_after: presented.not_after(),
        };
        Ok((vec![Event::ProvisioningClaimAdded { claim: claim.clone() }], claim))
    }

    /// A claim by its certificate.
    pub fn claim(&self, certificate_id: CertificateId) -> Option<&ProvisioningClaim> {
        self.claims.get(&certificate_id).map(|held| &held.claim)
    }

    /// What ends by itself at `now`: claims, and tokens. A certificate whose token ends is deleted unless it was activated or
    /// belongs to something (developer guide: fleet-provision-api).
    ///
    /// At most [`EXPIRED_TOGETHER`] claims and as many tokens: ask again until there are none.
    pub fn expired(&self, now: Timestamp) -> Vec<Event> {
        let mut events = Vec::new();
        let claims = self.claims.values().filter(|held| held.claim.not_after < now).take(EXPIRED_TOGETHER);
        events.extend(claims.map(|held| Event::ProvisioningClaimExpired { certificate_id: held.claim.certificate_id }));
        let over = self.ownerships.iter().filter(|(_, ownership)| ownership.expires_at <= now);
        for (token_sha256, ownership) in over.take(EXPIRED_TOGETHER) {
            events.push(Event::OwnershipTokenSpent { token_sha256: token_sha256.clone() });
            let certificate_id = ownership.certificate_id;
            let unused = self.certificates.get(&certificate_id).is_some_and(|certificate| {
                certificate.status == CertificateStatus::PendingActivation
                    && self.policy_targets.count(&PolicyTarget::Certificate(certificate_id)) == 0
                    && self.thing_principals.count(&certificate_id) == 0
            });
            if unused {
                events.push(Event::CertificateDeleted { certificate_id });
            }
        }
        events
    }
}
