//! Customers' CAs: registered by proof of possession, and which of them vouches for a device's certificate.
use std::sync::Arc;

use sekisho_identity::{PEM_CERTIFICATE, PresentedCertificate, check_ca, check_device, encode_pem};
use sekisho_provisioning::{Template, TemplateType};
use sekisho_types::{CertificateId, Random, Timestamp};
use serde::{Deserialize, Serialize};

use crate::registry::{hex, uuid};
use crate::revocation::authority;
use crate::{CertificateMode, Event, Registry, RegistryError, Resource};

/// CAs with one and the same subject (AWS IoT Core quotas).
pub const CAS_PER_SUBJECT_MAX: usize = 10;

/// A customer's CA.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaCertificate {
    /// SHA-256 of its DER.
    pub certificate_id: CertificateId,
    /// The DER.
    #[serde(with = "crate::certificate::base64_text")]
    pub der: Arc<[u8]>,
    /// Whether it vouches for new certificates.
    pub active: bool,
    /// Whether a device's first connection registers its certificate.
    pub auto_registration: bool,
    /// What else happens then.
    #[serde(default)]
    pub registration_config: Option<RegistrationConfig>,
    /// When it was registered.
    pub creation_date: Timestamp,
    /// When anything about it last changed.
    pub last_modified_date: Timestamp,
    /// 1 at first, one more with each update.
    pub customer_version: u32,
    /// A UUID.
    pub generation_id: String,
    /// First second of its validity.
    pub not_before: Timestamp,
    /// Last second of its validity.
    pub not_after: Timestamp,
    /// With or without proof of possession.
    #[serde(default)]
    pub certificate_mode: CertificateMode,
}

/// What happens at a device's first connection besides registration: a template of its own, or the name of one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegistrationConfig {
    /// A template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_body: Option<String>,
    /// The role AWS would act in; kept, and checked for its shape alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// A provisioning template of type JITP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_name: Option<String>,
}

/// What `RegisterCACertificate` asks for.
#[derive(Clone, Debug, Default)]
pub struct CaRegistration {
    /// The CA.
    pub ca_certificate_pem: String,
    /// A certificate with the registration code as its common name, signed by the CA.
    pub verification_certificate_pem: Option<String>,
    /// Whether it vouches for certificates at once.
    pub set_as_active: bool,
    /// Whether first connections register.
    pub allow_auto_registration: bool,
    /// And what else they do.
    pub registration_config: Option<RegistrationConfig>,
    /// DEFAULT or SNI_ONLY.
    pub certificate_mode: CertificateMode,
}

/// What `UpdateCACertificate` asks for.
#[derive(Clone, Debug, Default)]
pub struct CaUpdate {
    /// `newStatus`
    pub active: Option<bool>,
    /// `newAutoRegistrationStatus`
    pub auto_registration: Option<bool>,
    /// `registrationConfig`
    pub registration_config: Option<RegistrationConfig>,
    /// `removeAutoRegistration`: drops the configuration.
    pub remove_auto_registration: bool,
}

/// A CA in the fold, taken apart once.
#[derive(Clone, Debug)]
pub(crate) struct HeldCa {
    pub(crate) ca: CaCertificate,
    /// `None` only if a later version refuses to parse what an earlier took: it then vouches for nobody.
    pub(crate) presented: Option<PresentedCertificate>,
    /// Who it is when it revokes.
    pub(crate) authority: String,
}

impl HeldCa {
    pub(crate) fn new(ca: CaCertificate) -> Self {
        let presented = PresentedCertificate::parse(&ca.der).ok();
        let authority = presented.as_ref().map(authority).unwrap_or_default();
        Self { ca, presented, authority }
    }

    fn check_standing(&self, now: Timestamp) -> Result<(), VouchError> {
        if !self.ca.active {
            return Err(VouchError::Inactive(self.ca.certificate_id));
        }
        if now.seconds() > self.ca.not_after.seconds() {
            return Err(VouchError::Expired(self.ca.certificate_id));
        }
        Ok(())
    }
}

impl CaCertificate {
    /// `-----BEGIN CERTIFICATE-----`, with a newline at the end.
    pub fn to_pem(&self) -> String {
        encode_pem(PEM_CERTIFICATE, &self.der)
    }

    /// The API's spelling.
    pub const fn status(&self) -> &'static str {
        if self.active { "ACTIVE" } else { "INACTIVE" }
    }

    /// The API's spelling.
    pub const fn auto_registration_status(&self) -> &'static str {
        if self.auto_registration { "ENABLE" } else { "DISABLE" }
    }
}

/// The registered CAs that have a certificate's issuer as their name. Looking at signatures takes longer than a lock should be
/// held: they are taken out, and looked at outside.
#[derive(Clone, Debug)]
pub struct CaCandidates(Vec<Arc<HeldCa>>);

/// Why no CA vouches for a certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VouchError {
    /// Device, or operator: nobody of that name is registered.
    #[error("no CA with the subject `{0}` is registered")]
    UnknownCa(String),
    /// Caller: the CA that was named is not registered, or not the one the certificate names.
    #[error("CA `{0}` is not registered with the subject `{1}`")]
    UnknownCaOfName(CertificateId, String),
    /// Device: it carries a name of registered CAs and was signed by somebody else.
    #[error("the certificate is not signed by the key of {}", whose(.0))]
    Signature(Vec<CertificateId>),
    /// Device: the certificate cannot be used.
    #[error("{0}")]
    Certificate(String),
    /// Operator: activate it.
    #[error("CA `{0}` is INACTIVE")]
    Inactive(CertificateId),
    /// Operator: its time is over; register the one that follows it.
    #[error("CA `{0}` has expired")]
    Expired(CertificateId),
    /// Device: its CA has revoked it.
    #[error("CA `{0}` has revoked the certificate")]
    Revoked(CertificateId),
    /// Caller: several CAs have the same name and key; say which.
    #[error("several CAs have the subject of the certificate's issuer and its key; name one with caCertificatePem")]
    Ambiguous,
    /// Operator: enable it.
    #[error("CA `{0}` does not register certificates at their first connection: autoRegistrationStatus is DISABLE")]
    NoAutoRegistration(CertificateId),
}

/// A CA, or how many there are of a name.
fn whose(cas: &[CertificateId]) -> String {
    match cas {
        [ca] => format!("CA `{ca}`"),
        cas => format!("any of the {} CAs with its issuer's name", cas.len()),
    }
}

/// Which of several CAs is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CaChoice {
    /// Any that signed it: an active one before an inactive one, one that registers automatically before one that does not.
    Any,
    /// This one.
    Only(CertificateId),
    /// The only one that could have signed it; it is an error if there are several.
    Sole,
}

/// A certificate that a registered CA's key has signed, and that is fit for a device. There is no other way to make one.
///
/// Whether that CA still stands is asked again when something is made of it.
#[derive(Clone, Debug)]
pub struct Vouched {
    presented: PresentedCertificate,
    ca_certificate_id: CertificateId,
}

impl Vouched {
    /// The certificate.
    pub const fn presented(&self) -> &PresentedCertificate {
        &self.presented
    }

    /// The CA whose key signed it.
    pub const fn ca_certificate_id(&self) -> CertificateId {
        self.ca_certificate_id
    }
}

impl CaCandidates {
    /// Looks for the CA that signed `presented`, which must itself be fit for a device.
    ///
    /// # Errors
    /// [`VouchError`].
    pub fn vouch(
        &self,
        presented: PresentedCertificate,
        choice: CaChoice,
        now: Timestamp,
    ) -> Result<Vouched, VouchError> {
        let named = self.0.iter().filter(|held| match choice {
            CaChoice::Only(id) => held.ca.certificate_id == id,
            CaChoice::Any | CaChoice::Sole => true,
        });
        let mut wrong = Vec::new();
        let mut signed = Vec::new();
        for held in named {
            match held.presented.as_ref().map(|ca| (ca, presented.verify_signed_by(ca))) {
                Some((ca, Ok(()))) => signed.push((held, ca)),
                Some((_, Err(_))) | None => wrong.push(held.ca.certificate_id),
            }
        }
        if choice == CaChoice::Sole && signed.len() > 1 {
            return Err(VouchError::Ambiguous);
        }
        // Of equals, the one that was registered first.
        let rank = |(held, _): &&(&Arc<HeldCa>, _)| {
            (held.ca.active, held.ca.auto_registration, std::cmp::Reverse(held.ca.creation_date))
        };
        let Some((held, ca)) = signed.iter().max_by_key(rank) else {
            let issuer = presented.issuer().to_string();
            return Err(match choice {
                _ if !wrong.is_empty() => VouchError::Signature(wrong),
                CaChoice::Only(id) => VouchError::UnknownCaOfName(id, issuer),
                CaChoice::Any | CaChoice::Sole => VouchError::UnknownCa(issuer),
            });
        };
        held.check_standing(now)?;
        check_device(&presented, now).map_err(|error| VouchError::Certificate(error.to_string()))?;
        presented.check_under(ca, now).map_err(|error| VouchError::Certificate(error.to_string()))?;
        let ca_certificate_id = held.ca.certificate_id;
        Ok(Vouched { presented, ca_certificate_id })
    }
}

impl Registry {
    /// `GetRegistrationCode`: 64 hexadecimal digits, drawn when it is first asked for.
    pub fn ensure_registration_code(&self, random: &mut dyn Random) -> (Vec<Event>, String) {
        if let Some(code) = &self.registration_code {
            return (Vec::new(), code.clone());
        }
        let mut bytes = [0; 32];
        random.fill(&mut bytes);
        let code = hex(&bytes);
        (vec![Event::RegistrationCodeSet { registration_code: Some(code.clone()) }], code)
    }

    /// `DeleteRegistrationCode`: the next one asked for is another.
    pub fn delete_registration_code(&self) -> Vec<Event> {
        if self.registration_code.is_none() {
            return Vec::new();
        }
        vec![Event::RegistrationCodeSet { registration_code: None }]
    }

    /// A CA by its id.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`].
    pub fn ca_certificate(&self, certificate_id: CertificateId) -> Result<&CaCertificate, RegistryError> {
        let held = self.cas.get(&certificate_id);
        held.map(|held| &held.ca).ok_or_else(|| RegistryError::not_found(Resource::CaCertificate, certificate_id))
    }

    /// All CAs, oldest first. AWS lists the newest first unless asked otherwise.
    pub fn ca_certificates(&self) -> Vec<&CaCertificate> {
        let mut all: Vec<_> = self.cas.values().map(|held| &held.ca).collect();
        all.sort_by_key(|ca| (ca.creation_date, ca.certificate_id));
        all
    }

    /// `arn:aws:iot:<region>:<account>:cacert/<id>`.
    pub fn ca_certificate_arn(&self, certificate_id: CertificateId) -> String {
        self.tenant.arn("iot", format_args!("cacert/{certificate_id}"))
    }

    /// The registered CAs of a name, for a list of theirs.
    pub fn cas_named(&self, subject_der: &[u8]) -> Vec<PresentedCertificate> {
        let ids = self.cas_by_subject.get(subject_der);
        ids.into_iter().flatten().filter_map(|id| self.cas.get(id)?.presented.clone()).collect()
    }

    /// Who may have signed a certificate, by its own account.
    pub fn ca_candidates(&self, presented: &PresentedCertificate) -> CaCandidates {
        let ids = self.cas_by_subject.get(presented.issuer().as_der());
        CaCandidates(ids.into_iter().flatten().filter_map(|id| self.cas.get(id)).cloned().collect())
    }

    /// `RegisterCACertificate`.
    ///
    /// # Errors
    /// [`RegistryError::CertificateValidation`] for what is no CA's certificate, or a verification certificate it did not sign;
    /// [`RegistryError::RegistrationCode`] for one with another name than the registration code;
    /// [`RegistryError::AlreadyExists`]; [`RegistryError::LimitExceeded`] for the eleventh of a name;
    /// [`RegistryError::InvalidRequest`] where mode and verification certificate do not fit, or the configuration is none.
    pub fn register_ca_certificate(
        &self,
        now: Timestamp,
        asked: CaRegistration,
        random: &mut dyn Random,
    ) -> Result<(Vec<Event>, CaCertificate), RegistryError> {
        let presented = PresentedCertificate::parse_pem(&asked.ca_certificate_pem)
            .map_err(|error| RegistryError::CertificateValidation(format!("CA certificate: {error}")))?;
        check_ca(&presented, now)
            .map_err(|error| RegistryError::CertificateValidation(format!("CA certificate: {error}")))?;
        match (asked.certificate_mode, &asked.verification_certificate_pem) {
            (CertificateMode::Default, Some(pem)) => self.check_possession(&presented, pem, now)?,
            (CertificateMode::SniOnly, None) => {}
            (CertificateMode::Default, None) => {
                let message = "verificationCertificate must be given when certificateMode is DEFAULT".to_owned();
                return Err(RegistryError::InvalidRequest(message));
            }
            (CertificateMode::SniOnly, Some(_)) => {
                let message = "verificationCertificate must be absent when certificateMode is SNI_ONLY".to_owned();
                return Err(RegistryError::InvalidRequest(message));
            }
        }
        let certificate_id = presented.certificate_id();
        if self.cas.contains_key(&certificate_id) {
            return Err(RegistryError::AlreadyExists {
                message: "CA certificate is already registered".to_owned(),
                resource_id: certificate_id.to_string(),
                resource_arn: self.ca_certificate_arn(certificate_id),
            });
        }
        if self.cas_by_subject.get(presented.subject().as_der()).is_some_and(|ids| ids.len() >= CAS_PER_SUBJECT_MAX) {
            return Err(RegistryError::LimitExceeded(format!(
                "The maximum number of CA certificates with the same subject is {CAS_PER_SUBJECT_MAX}"
            )));
        }
        if let Some(config) = &asked.registration_config {
            self.check_registration_config(config)?;
        }
        let ca_certificate = CaCertificate {
            certificate_id,
            der: presented.as_der().into(),
            active: asked.set_as_active,
            auto_registration: asked.allow_auto_registration,
            registration_config: asked.registration_config,
            creation_date: now,
            last_modified_date: now,
            customer_version: 1,
            generation_id: uuid(random),
            not_before: presented.not_before(),
            not_after: presented.not_after(),
            certificate_mode: asked.certificate_mode,
        };
        Ok((vec![Event::CaCertificatePut { ca_certificate: ca_certificate.clone() }], ca_certificate))
    }

    /// Whoever registers a CA must hold its key: it has signed a certificate for the registration code.
    fn check_possession(&self, ca: &PresentedCertificate, pem: &str, now: Timestamp) -> Result<(), RegistryError> {
        let invalid = |text: String| RegistryError::CertificateValidation(format!("Verification certificate: {text}"));
        let verification = PresentedCertificate::parse_pem(pem).map_err(|error| invalid(error.to_string()))?;
        verification.verify_signed_by(ca).map_err(|error| invalid(error.to_string()))?;
        if now.seconds() < verification.not_before().seconds() || now.seconds() > verification.not_after().seconds() {
            return Err(invalid("the certificate is outside its validity period".to_owned()));
        }
        let common_name = verification.subject().values(sekisho_identity::attribute_type::COMMON_NAME).next();
        match (&self.registration_code, common_name) {
            (Some(code), Some(name)) if code == name => Ok(()),
            (Some(_), _) => Err(RegistryError::RegistrationCode(
                "The common name of the verification certificate is not the registration code".to_owned(),
            )),
            (None, _) => Err(RegistryError::RegistrationCode("No registration code was asked for".to_owned())),
        }
    }

    fn check_registration_config(&self, config: &RegistrationConfig) -> Result<(), RegistryError> {
        match (&config.template_body, &config.template_name) {
            (Some(_), Some(_)) => Err(RegistryError::InvalidRequest(
                "registrationConfig holds templateBody or templateName, not both".to_owned(),
            )),
            (Some(body), None) => {
                if config.role_arn.is_none() {
                    let message = "registrationConfig with a templateBody needs a roleArn".to_owned();
                    return Err(RegistryError::InvalidRequest(message));
                }
                let parsed = Template::parse(body, TemplateType::Jitp);
                parsed.map(drop).map_err(|error| RegistryError::InvalidRequest(error.to_string()))
            }
            (None, Some(name)) => {
                let template = self.provisioning_template(name)?;
                if template.template_type != TemplateType::Jitp {
                    let message = format!("Provisioning template {name} is not of type JITP");
                    return Err(RegistryError::InvalidRequest(message));
                }
                Ok(())
            }
            (None, None) => Err(RegistryError::InvalidRequest("registrationConfig is empty".to_owned())),
        }
    }

    /// `UpdateCACertificate`.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], [`RegistryError::InvalidRequest`] for a configuration that is none.
    pub fn update_ca_certificate(
        &self,
        now: Timestamp,
        certificate_id: CertificateId,
        update: CaUpdate,
    ) -> Result<(Vec<Event>, ()), RegistryError> {
        let mut ca_certificate = self.ca_certificate(certificate_id)?.clone();
        if update.remove_auto_registration && update.registration_config.is_some() {
            let message = "registrationConfig and removeAutoRegistration exclude each other".to_owned();
            return Err(RegistryError::InvalidRequest(message));
        }
        if let Some(config) = update.registration_config {
            self.check_registration_config(&config)?;
            ca_certificate.registration_config = Some(config);
        }
        if update.remove_auto_registration {
            ca_certificate.registration_config = None;
        }
        ca_certificate.active = update.active.unwrap_or(ca_certificate.active);
        ca_certificate.auto_registration = update.auto_registration.unwrap_or(ca_certificate.auto_registration);
        if ca_certificate == *self.ca_certificate(certificate_id)? {
            return Ok((Vec::new(), ()));
        }
        ca_certificate.customer_version += 1;
        ca_certificate.last_modified_date = now;
        Ok((vec![Event::CaCertificatePut { ca_certificate }], ()))
    }

    /// `DeleteCACertificate`. The certificates registered through it stay.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`]; [`RegistryError::CertificateState`] while it is ACTIVE.
    pub fn delete_ca_certificate(&self, certificate_id: CertificateId) -> Result<(Vec<Event>, ()), RegistryError> {
        if self.ca_certificate(certificate_id)?.active {
            return Err(RegistryError::CertificateState(format!(
                "CA certificate must be deactivated (not ACTIVE) before deletion. Id: {certificate_id}"
            )));
        }
        Ok((vec![Event::CaCertificateDeleted { certificate_id }], ()))
    }

    /// The CA that vouched, if it still stands and has not revoked the certificate since.
    ///
    /// # Errors
    /// [`VouchError`].
    pub(crate) fn standing(&self, vouched: &Vouched, now: Timestamp) -> Result<&CaCertificate, VouchError> {
        let gone = || VouchError::UnknownCa(vouched.presented.issuer().to_string());
        let held = self.cas.get(&vouched.ca_certificate_id).ok_or_else(gone)?;
        held.check_standing(now)?;
        if self.is_listed(&held.authority, vouched.presented.serial_number()) {
            return Err(VouchError::Revoked(vouched.ca_certificate_id));
        }
        Ok(&held.ca)
    }
}
