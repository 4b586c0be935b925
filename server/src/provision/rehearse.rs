//! The server's side of `sekisho provision --dry-run`: what a device would be refused with, asked of what would refuse it.
use anyhow::{Context, Result, anyhow};
use sekisho_identity::PresentedCertificate;
use sekisho_provisioning::{CertificateSource, Template, TemplateType};
use sekisho_state::State;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A template to try out.
#[derive(Serialize, Deserialize)]
pub struct Rehearsal {
    pub template: String,
    pub template_type: TemplateType,
    pub parameters: BTreeMap<String, String>,
    /// The device's certificate, PEM.
    pub certificate: Option<String>,
}

impl Rehearsal {
    /// Does everything but the commit.
    pub fn run(&self, state: &State) -> Result<&'static str> {
        let (now, mut random) = (state.now(), state.random());
        let presented = |pem: &str| PresentedCertificate::parse_pem(pem).context("the certificate cannot be read");
        if let (TemplateType::Jitp, Some(pem)) = (self.template_type, &self.certificate) {
            let presented = presented(pem)?;
            // As in a first connection: signatures are checked without the lock.
            let (candidates, choice) = {
                let registry = &state.read().registry;
                (registry.ca_candidates(&presented), registry.first_connection_ca(presented.certificate_id())?)
            };
            let vouched = candidates.vouch(presented, choice, now)?;
            let registry = &state.read().registry;
            registry
                .rehearse_first_connection(now, &vouched, &self.template, &mut random)
                .map_err(|why| anyhow!(why))?;
            return Ok("the server would do it");
        }
        let registry = &state.read().registry;
        let plan = Template::parse(&self.template, self.template_type)?.plan(&self.parameters, registry.tenant())?;
        let presented = match (&self.certificate, &plan.certificate.source) {
            (Some(pem), _) | (None, CertificateSource::Pem { certificate: pem, .. }) => presented(pem)?,
            (None, CertificateSource::Id(_) | CertificateSource::SigningRequest(_)) => {
                return Ok(
                    "what is there already was not looked at: that needs the device's certificate (--cert FILE)",
                );
            }
        };
        registry.rehearse(now, &plan, &presented, &mut random).map_err(|why| anyhow!(why))?;
        Ok("the server would do it")
    }
}
