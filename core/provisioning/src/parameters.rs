//! The parameters every just-in-time template has: what the certificate says about its device.
use std::collections::BTreeMap;

use sekisho_identity::{DistinguishedName, attribute_type};
use sekisho_types::CertificateId;

/// The parameter that is always there.
pub const CERTIFICATE_ID: &str = "AWS::IoT::Certificate::Id";

/// The others, by the attribute of the subject they are taken from. Nothing else of a certificate is read: `SerialNumber` is
/// the subject's attribute of that name, not the certificate's number (developer guide: jit-provisioning).
#[rustfmt::skip]
pub(crate) const OF_SUBJECT: [(&str, &str); 7] = [
    ("AWS::IoT::Certificate::Country",                    attribute_type::COUNTRY),
    ("AWS::IoT::Certificate::Organization",               attribute_type::ORGANIZATION),
    ("AWS::IoT::Certificate::OrganizationalUnit",         attribute_type::ORGANIZATIONAL_UNIT),
    ("AWS::IoT::Certificate::DistinguishedNameQualifier", attribute_type::DISTINGUISHED_NAME_QUALIFIER),
    ("AWS::IoT::Certificate::StateName",                  attribute_type::STATE),
    ("AWS::IoT::Certificate::CommonName",                 attribute_type::COMMON_NAME),
    ("AWS::IoT::Certificate::SerialNumber",               attribute_type::SERIAL_NUMBER),
];

/// What a certificate says about its device. An attribute that occurs more than once gives its first value; one that is not
/// there gives no parameter.
pub fn certificate_parameters(certificate_id: CertificateId, subject: &DistinguishedName) -> BTreeMap<String, String> {
    let of_subject = OF_SUBJECT.iter().filter_map(|(name, oid)| {
        let value = subject.values(oid).next()?;
        Some(((*name).to_owned(), value.to_owned()))
    });
    of_subject.chain([(CERTIFICATE_ID.to_owned(), certificate_id.to_string())]).collect()
}

/// Whether a just-in-time template may declare a parameter of this name.
pub(crate) fn is_of_certificate(name: &str) -> bool {
    name == CERTIFICATE_ID || OF_SUBJECT.iter().any(|(known, _)| *known == name)
}
