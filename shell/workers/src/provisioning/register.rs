//! `RegisterThing`: a template, and the certificate it names, brings or asks for. Bulk registration does the same a line.
use std::collections::BTreeMap;

use sekisho_identity::{Csr, PresentedCertificate};
use sekisho_provisioning::{CertificateSource, Plan, Template, TemplateType};
use sekisho_registry::{CaChoice, Certificate, Event, Provisioned, Registry, RegistryError, VouchError, Vouched};
use sekisho_state::{CommitError, State};
use sekisho_types::{CertificateId, Random, Timestamp};

use super::Issuing;

/// Why nothing was registered.
#[derive(Debug, thiserror::Error)]
pub enum RegisterThingError {
    /// Caller: the template could not work for any device.
    #[error("{0}")]
    Template(String),
    /// Caller: a resource could not be made; nothing was.
    #[error("{0}")]
    Resource(String),
    /// Caller: something that is there stands in the way, and an override says so.
    #[error("{0}")]
    Conflict(String),
    /// Us.
    #[error("{0}")]
    Internal(String),
}

/// Runs `template_body` for one device: everything it names is there afterwards, or nothing of it.
///
/// # Errors
/// [`RegisterThingError`].
pub async fn register_thing(
    state: &State,
    issuing: &Issuing,
    template: &Template,
    parameters: &BTreeMap<String, String>,
) -> Result<(Certificate, Provisioned), RegisterThingError> {
    let prepared = prepare(state, issuing, template, parameters).await?;
    let (now, mut random) = (state.now(), state.random());
    let committed = state.commit(|cores| {
        let (events, output) = prepared.events(&cores.registry, now, &mut random)?;
        Ok((events.into_iter().map(Into::into).collect(), output))
    });
    committed.await.map_err(|error| match error {
        CommitError::Command(error) => error,
        CommitError::Journal(error) => RegisterThingError::Internal(error.to_string()),
    })
}

/// Parses a template for `RegisterThing` and bulk registration.
///
/// # Errors
/// [`RegisterThingError::Template`].
pub fn parse(template_body: &str) -> Result<Template, RegisterThingError> {
    Template::parse(template_body, TemplateType::Registration)
        .map_err(|error| RegisterThingError::Template(error.to_string()))
}

/// A device's plan, and its certificate signed if it asked for that: what is left is a decision of the registry.
pub(crate) struct Prepared {
    plan: Plan,
    /// A certificate we have just signed.
    signed: Option<Vec<u8>>,
    /// A certificate a registered CA has signed; `Err` tells of one that none did, unless it is registered already.
    brought: Option<(CertificateId, Result<Vouched, VouchError>)>,
}

pub(crate) async fn prepare(
    state: &State,
    issuing: &Issuing,
    template: &Template,
    parameters: &BTreeMap<String, String>,
) -> Result<Prepared, RegisterThingError> {
    let resource = |error: &dyn std::fmt::Display| RegisterThingError::Resource(error.to_string());
    let plan = template.plan(parameters, state.tenant()).map_err(|error| resource(&error))?;
    let signed = match &plan.certificate.source {
        CertificateSource::SigningRequest(pem) => {
            let csr = Csr::parse_pem(pem)
                .map_err(|error| resource(&format_args!("{}: invalid CSR: {error}", plan.certificate.logical_name)))?;
            let der = issuing.sign(csr.subject_public_key_info().clone()).await;
            Some(der.map_err(|error| RegisterThingError::Internal(error.to_string()))?)
        }
        CertificateSource::Id(_) | CertificateSource::Pem { .. } => None,
    };
    let brought = match &plan.certificate.source {
        CertificateSource::Pem { certificate, ca } => {
            let of =
                |error: &dyn std::fmt::Display| resource(&format_args!("{}: {error}", plan.certificate.logical_name));
            let presented = PresentedCertificate::parse_pem(certificate).map_err(|error| of(&error))?;
            let choice = match ca {
                None => CaChoice::Sole,
                Some(pem) => {
                    let ca = PresentedCertificate::parse_pem(pem).map_err(|error| of(&error))?;
                    CaChoice::Only(ca.certificate_id())
                }
            };
            let (id, candidates) = (presented.certificate_id(), state.read().registry.ca_candidates(&presented));
            Some((id, candidates.vouch(presented, choice, state.now())))
        }
        CertificateSource::Id(_) | CertificateSource::SigningRequest(_) => None,
    };
    Ok(Prepared { plan, signed, brought })
}

impl Prepared {
    /// Everything the plan needs, as events of one commit.
    pub(crate) fn events(
        &self,
        registry: &Registry,
        now: Timestamp,
        random: &mut dyn Random,
    ) -> Result<(Vec<Event>, (Certificate, Provisioned)), RegisterThingError> {
        let of_certificate = |error: &dyn std::fmt::Display| {
            RegisterThingError::Resource(format!("{}: {error}", self.plan.certificate.logical_name))
        };
        let refused = |error: RegistryError| of_certificate(&error);
        let (mut events, certificate) = match &self.plan.certificate.source {
            CertificateSource::Id(id) => {
                let id = CertificateId::parse(id).map_err(|error| of_certificate(&error))?;
                (Vec::new(), registry.certificate(id).map_err(refused)?.clone())
            }
            CertificateSource::Pem { .. } => {
                let (id, vouched) = self.brought.as_ref().expect("`prepare` has looked at it");
                match (registry.certificate(*id), vouched) {
                    (Ok(known), _) => (Vec::new(), known.clone()),
                    (Err(_), Ok(vouched)) => {
                        registry.register_certificate(now, vouched, None, random).map_err(refused)?
                    }
                    (Err(_), Err(error)) => return Err(of_certificate(error)),
                }
            }
            CertificateSource::SigningRequest(_) => {
                let der = self.signed.as_deref().unwrap_or_default();
                registry.add_issued_certificate(now, der, false, random).map_err(refused)?
            }
        };
        let (more, provisioned) = registry.provision(now, &self.plan, &certificate, random).map_err(|failure| {
            if failure.conflict {
                RegisterThingError::Conflict(failure.to_string())
            } else {
                RegisterThingError::Resource(failure.to_string())
            }
        })?;
        events.extend(more);
        Ok((events, (certificate, provisioned)))
    }
}
