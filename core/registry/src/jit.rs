//! Just-in-time: what becomes of a certificate nobody registered, when its device connects (JITR and JITP).
use sekisho_identity::{CertificateStatus, PresentedCertificate};
use sekisho_provisioning::{Template, TemplateType, certificate_parameters};
use sekisho_types::{CertificateId, Random, ThingName, Timestamp};
use serde_json::json;

use crate::{CaCertificate, CaChoice, Certificate, Event, Provisioned, Registry, VouchError, Vouched};

/// What a first connection led to. The connection itself ends in every case but an admitted one.
#[derive(Clone, Debug, PartialEq)]
pub enum FirstConnection {
    /// JITR: it is PENDING_ACTIVATION, and somebody is to be told on this topic.
    Registered {
        /// `$aws/events/certificates/registered/<caCertificateId>`
        topic: String,
        /// The event, as JSON.
        payload: String,
    },
    /// JITP: thing, policies and the certificate's status are as the template says.
    Provisioned {
        /// Whether that status is ACTIVE.
        active: bool,
        /// The thing, if the template has one.
        thing_name: Option<ThingName>,
    },
    /// JITP: the template failed, nothing of it was made, and the certificate stays PENDING_ACTIVATION.
    Failed {
        /// Which parameter or which resource.
        reason: String,
    },
}

/// Why a first connection leads to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FirstConnectionError {
    /// No CA vouches for it.
    #[error(transparent)]
    Vouch(#[from] VouchError),
    /// It is registered already, and only an operator can let it in.
    #[error("certificate `{certificate_id}` is {status}, not ACTIVE")]
    NotPending {
        /// The certificate.
        certificate_id: CertificateId,
        /// Its status.
        status: CertificateStatus,
    },
    /// It is pending for another reason than a first connection.
    #[error("certificate `{0}` is PENDING_ACTIVATION: a fleet provisioning template has to activate it")]
    Claimed(CertificateId),
}

impl Registry {
    /// Which CA has to vouch for a certificate at its first connection: the one that did before, while it is registered.
    ///
    /// After that any CA whose key signed it, as for a certificate that nobody knows: a CA is renewed by registering its new
    /// certificate and deleting the old one. Who wants to be rid of what a key signed deactivates that CA, or revokes.
    ///
    /// # Errors
    /// [`FirstConnectionError::Claimed`].
    pub fn first_connection_ca(&self, certificate_id: CertificateId) -> Result<CaChoice, FirstConnectionError> {
        let Some(known) = self.certificates.get(&certificate_id) else { return Ok(CaChoice::Any) };
        let ca = known.ca_certificate_id.ok_or(FirstConnectionError::Claimed(certificate_id))?;
        Ok(if self.cas.contains_key(&ca) { CaChoice::Only(ca) } else { CaChoice::Any })
    }

    /// A device connects with a certificate that is not registered, or still PENDING_ACTIVATION, and `ca` has vouched for it.
    ///
    /// # Errors
    /// [`FirstConnectionError`]: nothing happens.
    pub fn first_connection(
        &self,
        now: Timestamp,
        vouched: &Vouched,
        random: &mut dyn Random,
    ) -> Result<(Vec<Event>, FirstConnection), FirstConnectionError> {
        let presented = vouched.presented();
        let known = self.certificates.contains_key(&presented.certificate_id());
        let (ca, mut events, certificate) = self.begin(now, vouched, random)?;
        let outcome = match self.template_of(ca) {
            None => {
                let topic = format!("$aws/events/certificates/registered/{}", ca.certificate_id);
                FirstConnection::Registered { topic, payload: self.registered_event(now, ca, &certificate, !known) }
            }
            Some(template) => match self.just_in_time(now, template, presented, &certificate, random) {
                Ok((more, Provisioned { thing_name, .. }, active)) => {
                    events.extend(more);
                    FirstConnection::Provisioned { active, thing_name }
                }
                Err(reason) => FirstConnection::Failed { reason },
            },
        };
        Ok((events, outcome))
    }

    /// Whether a first connection would be provisioned if `template` were the CA's. Nothing happens.
    ///
    /// # Errors
    /// What it would be refused with.
    pub fn rehearse_first_connection(
        &self,
        now: Timestamp,
        vouched: &Vouched,
        template: &str,
        random: &mut dyn Random,
    ) -> Result<(), String> {
        let (_, _, certificate) = self.begin(now, vouched, random).map_err(|error| error.to_string())?;
        self.just_in_time(now, Ok(template.to_owned()), vouched.presented(), &certificate, random).map(drop)
    }

    /// The certificate of a first connection, with the event that registers it if nobody has.
    fn begin(
        &self,
        now: Timestamp,
        vouched: &Vouched,
        random: &mut dyn Random,
    ) -> Result<(&CaCertificate, Vec<Event>, Certificate), FirstConnectionError> {
        let presented = vouched.presented();
        let certificate_id = presented.certificate_id();
        // What was true when the signature was looked at may have changed.
        let ca = self.standing(vouched, now)?;
        if !ca.auto_registration {
            return Err(VouchError::NoAutoRegistration(ca.certificate_id).into());
        }
        let (events, certificate) = match self.certificates.get(&certificate_id) {
            Some(known) if known.status != CertificateStatus::PendingActivation => {
                return Err(FirstConnectionError::NotPending { certificate_id, status: known.status });
            }
            Some(known) if known.ca_certificate_id.is_none() => {
                return Err(FirstConnectionError::Claimed(certificate_id));
            }
            Some(known) => (Vec::new(), known.clone()),
            None => self
                .register(now, presented, CertificateStatus::PendingActivation, Some(ca), random)
                .expect("it is not registered yet"),
        };
        Ok((ca, events, certificate))
    }

    /// The template a CA's first connections run: an error if it is named and cannot be used.
    fn template_of(&self, ca: &CaCertificate) -> Option<Result<String, String>> {
        let config = ca.registration_config.as_ref()?;
        Some(match (&config.template_body, &config.template_name) {
            (Some(body), _) => Ok(body.clone()),
            (None, Some(name)) => match self.provisioning_template(name) {
                Ok(template) if !template.enabled => Err(format!("provisioning template `{name}` is not enabled")),
                Ok(template) => Ok(template.default_version().template_body.clone()),
                Err(error) => Err(error.to_string()),
            },
            (None, None) => Err("the CA's registrationConfig names no template".to_owned()),
        })
    }

    fn just_in_time(
        &self,
        now: Timestamp,
        template: Result<String, String>,
        presented: &PresentedCertificate,
        certificate: &Certificate,
        random: &mut dyn Random,
    ) -> Result<(Vec<Event>, Provisioned, bool), String> {
        let template = Template::parse(&template?, TemplateType::Jitp).map_err(|error| error.to_string())?;
        let parameters = certificate_parameters(certificate.certificate_id, presented.subject());
        let plan = template.plan(&parameters, &self.tenant).map_err(|error| error.to_string())?;
        let (events, provisioned) =
            self.provision(now, &plan, certificate, random).map_err(|error| error.to_string())?;
        Ok((events, provisioned, plan.certificate.active))
    }

    /// The event a rule or a subscriber acts on (developer guide: auto-register-device-cert).
    fn registered_event(&self, now: Timestamp, ca: &CaCertificate, certificate: &Certificate, first: bool) -> String {
        json!({
            "certificateId": certificate.certificate_id,
            "caCertificateId": ca.certificate_id,
            "timestamp": now.millis(),
            "certificateStatus": "PENDING_ACTIVATION",
            "awsAccountId": self.tenant.account,
            // Measured on AWS: null at first, then the time of the registration as text.
            "certificateRegistrationTimestamp": (!first).then(|| certificate.creation_date.millis().to_string()),
        })
        .to_string()
    }
}
