//! Registered certificates: what is known of each, and how its status changes.
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sekisho_identity::{
    CertificateRecord, CertificateStatus, PEM_CERTIFICATE, PresentedCertificate, TransitionError, check_device,
    encode_pem,
};
use sekisho_types::{CertificateId, Random, Timestamp};
use serde::{Deserialize, Serialize};

use crate::registry::uuid;
use crate::{CaCertificate, Event, PolicyTarget, Registry, RegistryError, Resource, Transfer, VouchError, Vouched};

/// A certificate in the registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// SHA-256 of its DER.
    pub certificate_id: CertificateId,
    /// The DER.
    #[serde(with = "base64_text")]
    pub der: Arc<[u8]>,
    /// The customer's CA that signed it, if it was registered through one.
    #[serde(default)]
    pub ca_certificate_id: Option<CertificateId>,
    /// Whether it may connect.
    pub status: CertificateStatus,
    /// First second of its validity.
    pub not_before: Timestamp,
    /// Last second of its validity.
    pub not_after: Timestamp,
    /// When it became known.
    pub creation_date: Timestamp,
    /// When its status last changed.
    pub last_modified_date: Timestamp,
    /// Stays 1 on AWS.
    #[serde(default = "one")]
    pub customer_version: u32,
    /// A UUID.
    pub generation_id: String,
    /// Whether a device must send SNI with it.
    #[serde(default)]
    pub certificate_mode: CertificateMode,
    /// While it is on its way to another account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transfer: Option<Transfer>,
}

/// How a certificate, or its CA, was registered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CertificateMode {
    /// By AWS, or through a CA whose key the account has proven to hold.
    #[default]
    Default,
    /// Without its CA; a device must send SNI.
    SniOnly,
}

impl CertificateMode {
    /// The API's spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Default => "DEFAULT",
            Self::SniOnly => "SNI_ONLY",
        }
    }
}

impl Certificate {
    /// `-----BEGIN CERTIFICATE-----`, with a newline at the end.
    pub fn to_pem(&self) -> String {
        encode_pem(PEM_CERTIFICATE, &self.der)
    }

    /// What decides whether its holder is let in.
    pub const fn record(&self) -> CertificateRecord {
        CertificateRecord { status: self.status, not_before: self.not_before, not_after: self.not_after }
    }
}

impl Registry {
    /// A certificate by its id.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`].
    pub fn certificate(&self, certificate_id: CertificateId) -> Result<&Certificate, RegistryError> {
        self.certificates
            .get(&certificate_id)
            .ok_or_else(|| RegistryError::not_found(Resource::Certificate, certificate_id))
    }

    /// All certificates, oldest first. AWS lists the newest first unless asked otherwise: `.rev()`.
    pub fn certificates(&self) -> impl DoubleEndedIterator<Item = &Certificate> {
        self.certificates_by_creation.iter().filter_map(|(_, id)| self.certificates.get(id))
    }

    /// The certificates a CA signed, oldest first.
    pub fn certificates_by_ca(&self, ca: CertificateId) -> impl DoubleEndedIterator<Item = &Certificate> {
        let ids = self.certificates_by_ca.get(&ca).into_iter().flatten();
        ids.filter_map(|(_, id)| self.certificates.get(id))
    }

    /// `arn:aws:iot:<region>:<account>:cert/<id>`.
    pub fn certificate_arn(&self, certificate_id: CertificateId) -> String {
        self.tenant.arn("iot", format_args!("cert/{certificate_id}"))
    }

    /// The certificate an ARN of this tenant names, known or not.
    pub fn certificate_of_arn(&self, arn: &str) -> Option<CertificateId> {
        CertificateId::parse(self.tenant.resource_of("iot", arn)?.strip_prefix("cert/")?).ok()
    }

    /// `CreateKeysAndCertificate`, `CreateCertificateFromCsr`: takes in a certificate that our issuing CA just signed.
    ///
    /// # Errors
    /// [`RegistryError::AlreadyExists`], [`RegistryError::CertificateValidation`]; neither happens to a fresh one.
    pub fn add_issued_certificate(
        &self,
        now: Timestamp,
        der: &[u8],
        set_as_active: bool,
        random: &mut dyn Random,
    ) -> Result<(Vec<Event>, Certificate), RegistryError> {
        let status = if set_as_active { CertificateStatus::Active } else { CertificateStatus::Inactive };
        let presented =
            PresentedCertificate::parse(der).map_err(|e| RegistryError::CertificateValidation(e.to_string()))?;
        self.register(now, &presented, status, None, random)
    }

    /// `RegisterCertificateWithoutCA`: takes in a certificate that somebody else signed; nobody checks who.
    ///
    /// # Errors
    /// [`RegistryError::CertificateValidation`] for what is no certificate, is outside its validity or has a weak key,
    /// [`RegistryError::CertificateState`] for a status no registration may ask for, [`RegistryError::AlreadyExists`].
    pub fn register_certificate_without_ca(
        &self,
        now: Timestamp,
        pem: &str,
        status: Option<CertificateStatus>,
        random: &mut dyn Random,
    ) -> Result<(Vec<Event>, Certificate), RegistryError> {
        let status = registrable(status)?;
        let presented =
            PresentedCertificate::parse_pem(pem).map_err(|e| RegistryError::CertificateValidation(e.to_string()))?;
        check_device(&presented, now).map_err(|e| RegistryError::CertificateValidation(e.to_string()))?;
        let (_, mut certificate) = self.register(now, &presented, status, None, random)?;
        certificate.certificate_mode = CertificateMode::SniOnly;
        Ok((vec![Event::CertificateRegistered { certificate: certificate.clone() }], certificate))
    }

    /// `RegisterCertificate`: takes in a certificate that a registered, active CA signed.
    ///
    /// # Errors
    /// As [`Registry::register_certificate_without_ca`]; and by the reason for which its CA does not stand any more.
    pub fn register_certificate(
        &self,
        now: Timestamp,
        vouched: &Vouched,
        status: Option<CertificateStatus>,
        random: &mut dyn Random,
    ) -> Result<(Vec<Event>, Certificate), RegistryError> {
        let status = registrable(status)?;
        let ca = self.standing(vouched, now)?;
        self.register(now, vouched.presented(), status, Some(ca), random)
    }

    /// Takes a certificate in; what a CA signed has the CA's mode.
    pub(crate) fn register(
        &self,
        now: Timestamp,
        presented: &PresentedCertificate,
        status: CertificateStatus,
        ca: Option<&CaCertificate>,
        random: &mut dyn Random,
    ) -> Result<(Vec<Event>, Certificate), RegistryError> {
        let certificate_id = presented.certificate_id();
        if self.certificates.contains_key(&certificate_id) {
            return Err(RegistryError::AlreadyExists {
                message: "The certificate is already provisioned or registered".to_owned(),
                resource_id: certificate_id.to_string(),
                resource_arn: self.certificate_arn(certificate_id),
            });
        }
        let certificate = Certificate {
            certificate_id,
            der: presented.as_der().into(),
            ca_certificate_id: ca.map(|ca| ca.certificate_id),
            status,
            not_before: presented.not_before(),
            not_after: presented.not_after(),
            creation_date: now,
            last_modified_date: now,
            customer_version: 1,
            generation_id: uuid(random),
            certificate_mode: ca.map_or(CertificateMode::Default, |ca| ca.certificate_mode),
            transfer: None,
        };
        Ok((vec![Event::CertificateRegistered { certificate: certificate.clone() }], certificate))
    }

    /// `UpdateCertificate`. The status it has already is no error and changes nothing.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`]; [`RegistryError::InvalidRequest`] for a status no update may set,
    /// [`RegistryError::CertificateState`] for one that cannot follow the present one.
    pub fn update_certificate(
        &self,
        now: Timestamp,
        certificate_id: CertificateId,
        new_status: CertificateStatus,
    ) -> Result<(Vec<Event>, ()), RegistryError> {
        let certificate = self.certificate(certificate_id)?;
        certificate.status.may_become(new_status).map_err(|error| match error {
            TransitionError::NotSettable(_) => RegistryError::InvalidRequest(error.to_string()),
            TransitionError::Refused { .. } => {
                RegistryError::CertificateState(format!("{error}. Id: {certificate_id}"))
            }
        })?;
        if certificate.status == new_status {
            return Ok((Vec::new(), ()));
        }
        Ok((vec![Event::CertificateStatusChanged { certificate_id, status: new_status, at: now }], ()))
    }

    /// `DeleteCertificate`. `force_delete` overlooks attached policies, never things.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], [`RegistryError::CertificateState`] while it is ACTIVE or on its way to another account,
    /// [`RegistryError::DeleteConflict`] while something is attached.
    pub fn delete_certificate(
        &self,
        certificate_id: CertificateId,
        force_delete: bool,
    ) -> Result<(Vec<Event>, ()), RegistryError> {
        match self.certificate(certificate_id)?.status {
            CertificateStatus::Active => {
                return Err(RegistryError::CertificateState(format!(
                    "Certificate must be deactivated (not ACTIVE) before deletion. Id: {certificate_id}"
                )));
            }
            CertificateStatus::PendingTransfer => {
                return Err(RegistryError::CertificateState(format!(
                    "Certificate transfer must be cancelled before deletion. Id: {certificate_id}"
                )));
            }
            CertificateStatus::Inactive
            | CertificateStatus::Revoked
            | CertificateStatus::RegisterInactive
            | CertificateStatus::PendingActivation => {}
        }
        let arn = self.certificate_arn(certificate_id);
        if self.thing_principals.count(&certificate_id) > 0 {
            let message = format!("Things must be detached before deletion (arn: {arn})");
            return Err(RegistryError::DeleteConflict(message));
        }
        if !force_delete && self.policy_targets.count(&PolicyTarget::Certificate(certificate_id)) > 0 {
            let message = format!("Certificate policies must be detached before deletion (arn: {arn})");
            return Err(RegistryError::DeleteConflict(message));
        }
        Ok((vec![Event::CertificateDeleted { certificate_id }], ()))
    }
}

/// The statuses a registration may ask for; INACTIVE unless it does.
fn registrable(status: Option<CertificateStatus>) -> Result<CertificateStatus, RegistryError> {
    match status.unwrap_or(CertificateStatus::Inactive) {
        status @ (CertificateStatus::Active | CertificateStatus::Inactive | CertificateStatus::Revoked) => Ok(status),
        status @ (CertificateStatus::PendingActivation
        | CertificateStatus::PendingTransfer
        | CertificateStatus::RegisterInactive) => {
            let message = format!("Not allowed to register certificate with {status} status");
            Err(RegistryError::CertificateState(message))
        }
    }
}

impl From<VouchError> for RegistryError {
    fn from(error: VouchError) -> Self {
        let message = error.to_string();
        match error {
            VouchError::UnknownCa(_)
            | VouchError::UnknownCaOfName(..)
            | VouchError::Signature(_)
            | VouchError::Certificate(_)
            | VouchError::Revoked(_) => Self::CertificateValidation(message),
            VouchError::Ambiguous => Self::CertificateConflict(message),
            VouchError::Inactive(_) | VouchError::Expired(_) | VouchError::NoAutoRegistration(_) => {
                Self::CertificateState(message)
            }
        }
    }
}

fn one() -> u32 {
    1
}

pub(crate) mod base64_text {
    use super::{Arc, Engine, STANDARD};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(crate) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<[u8]>, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        STANDARD.decode(&*text).map(Arc::from).map_err(Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    #[rustfmt::skip] // citation                                          command                                  answer
    fn registration() { check(&[
        ("iot CreateKeysAndCertificate: setAsActive",                     "issue #0 active",                       "ok"),
        ("iot CreateKeysAndCertificate: setAsActive absent",              "issue #1",                              "ok"),
        ("iot DescribeCertificate",                                       "describe-certificate #0",               "ACTIVE DEFAULT"),
        ("iot DescribeCertificate",                                       "describe-certificate #1",               "INACTIVE DEFAULT"),
        ("iot DescribeCertificate: ResourceNotFoundException",            "describe-certificate #2",               "NotFound: Certificate #2 not found"),
        ("iot RegisterCertificateWithoutCA: exists (moto 3331)",          "register #1",                           "AlreadyExists: The certificate is already provisioned or registered"),
        ("ministack 1755, measured",                                      "register #2 PENDING_ACTIVATION",        "CertificateState: Not allowed to register certificate with PENDING_ACTIVATION status"),
        ("iot RegisterCertificateWithoutCA: usable statuses",             "register #2 PENDING_TRANSFER",          "CertificateState: Not allowed to register certificate with PENDING_TRANSFER status"),
        ("iot dev guide: audit checks, expired",                          "register #2 ACTIVE late",               "CertificateValidation: the certificate expired at 2033-05-18T03:33:20Z"),
        ("iot RegisterCertificateWithoutCA: CertificateValidation",       "register nonsense",                     "CertificateValidation: no PEM block labelled CERTIFICATE was found"),
        ("iot dev guide: manual-cert-registration, default status",       "register #2",                           "ok"),
        ("ministack 1755, measured: certificateMode",                     "describe-certificate #2",               "INACTIVE SNI_ONLY"),
        ("iot ListCertificates: newest first",                            "list-certificates",                     "#2 #1 #0"),
    ]) }

    #[test]
    #[rustfmt::skip] // citation                                          command                                  answer
    fn status_and_deletion() { check(&[
        ("iot UpdateCertificate: ResourceNotFoundException",              "status #0 ACTIVE",                      "NotFound: Certificate #0 not found"),
        ("iot DeleteCertificate: ResourceNotFoundException",              "delete-certificate #0",                 "NotFound: Certificate #0 not found"),
        ("iot UpdateCertificate",                                         "issue #0 active",                       "ok"),
        ("iot UpdateCertificate: idempotent",                             "status #0 ACTIVE",                      "ok, nothing happened"),
        ("iot UpdateCertificate: no update sets it",                      "status #0 PENDING_ACTIVATION",          "InvalidRequest: status `PENDING_ACTIVATION` cannot be set by an update"),
        ("iot UpdateCertificate: no update sets it",                      "status #0 PENDING_TRANSFER",            "InvalidRequest: status `PENDING_TRANSFER` cannot be set by an update"),
        ("aws-nuke 374",                                                  "delete-certificate #0",                 "CertificateState: Certificate must be deactivated (not ACTIVE) before deletion. Id: #0"),
        ("iot DeleteCertificate: forceDelete does not help",              "delete-certificate #0 force",           "CertificateState: Certificate must be deactivated (not ACTIVE) before deletion. Id: #0"),
        ("iot UpdateCertificate",                                         "status #0 INACTIVE",                    "ok"),
        ("iot DeleteCertificate: things",                                 "create-thing pump-7",                   "ok"),
        ("iot DeleteCertificate: things",                                 "attach-principal pump-7 #0",            "ok"),
        ("iot DeleteCertificate: policies",                               "create-policy p a",                     "ok"),
        ("iot DeleteCertificate: policies",                               "attach-policy p #0",                    "ok"),
        ("iot DeleteCertificate: things",                                 "delete-certificate #0 force",           "DeleteConflict: Things must be detached before deletion (arn: arn:aws:iot:eu-north-1:000000000000:cert/#0)"),
        ("iot DeleteCertificate: things",                                 "detach-principal pump-7 #0",            "ok"),
        ("serverless 8324",                                               "delete-certificate #0",                 "DeleteConflict: Certificate policies must be detached before deletion (arn: arn:aws:iot:eu-north-1:000000000000:cert/#0)"),
        ("iot DeleteCertificate: forceDelete",                            "delete-certificate #0 force",           "ok"),
        ("iot DeleteCertificate: forceDelete detaches",                   "list-targets p",                        ""),
        ("iot DeleteCertificate: it can be registered again",             "register #0 REVOKED",                   "ok"),
        ("iot DeleteCertificate: nothing of it is left",                  "list-attached-policies #0",             ""),
        ("iot dev guide: manual-cert-registration, revoked is final",     "status #0 ACTIVE",                      "CertificateState: a certificate that is `REVOKED` cannot become `ACTIVE`. Id: #0"),
        ("iot UpdateCertificate: idempotent",                             "status #0 REVOKED",                     "ok, nothing happened"),
        ("iot DeleteCertificate",                                         "delete-certificate #0",                 "ok"),
        ("iot ListCertificates",                                          "list-certificates",                     ""),
    ]) }
}
