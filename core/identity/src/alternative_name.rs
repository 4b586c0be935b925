//! Alternative names of a certificate's subject and issuer (RFC 5280 §4.2.1.6, §4.2.1.7).
use std::net::IpAddr;

use x509_cert::Certificate;
use x509_cert::der::Decode;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::ext::pkix::name::{GeneralName, GeneralNames};

use crate::{DistinguishedName, PresentedCertificate};

const SUBJECT_ALT_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");
const ISSUER_ALT_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.18");

/// One alternative name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlternativeName {
    /// An address of mail.
    Rfc822(String),
    /// A host's name.
    Dns(String),
    /// A name as a subject is one.
    Directory(DistinguishedName),
    /// A URI.
    Uri(String),
    /// A host's address.
    Ip(IpAddr),
}

impl PresentedCertificate {
    /// Those of the subject, in the certificate's order; none where they cannot be read.
    pub fn subject_alternative_names(&self) -> Vec<AlternativeName> {
        self.alternative_names(SUBJECT_ALT_NAME)
    }

    /// Those of the issuer, in the certificate's order; none where they cannot be read.
    pub fn issuer_alternative_names(&self) -> Vec<AlternativeName> {
        self.alternative_names(ISSUER_ALT_NAME)
    }

    /// Few ask, so they are not kept.
    fn alternative_names(&self, extension: ObjectIdentifier) -> Vec<AlternativeName> {
        let Ok(certificate) = Certificate::from_der(self.as_der()) else { return Vec::new() };
        let mut found = certificate.tbs_certificate().extensions().into_iter().flatten();
        let found = found.find(|found| found.extn_id == extension);
        let names = found.and_then(|found| GeneralNames::from_der(found.extn_value.as_bytes()).ok());
        names.unwrap_or_default().iter().filter_map(name).collect()
    }
}

/// `None` for kinds that policies do not know.
fn name(name: &GeneralName) -> Option<AlternativeName> {
    Some(match name {
        GeneralName::Rfc822Name(text) => AlternativeName::Rfc822(text.as_str().to_owned()),
        GeneralName::DnsName(text) => AlternativeName::Dns(text.as_str().to_owned()),
        GeneralName::DirectoryName(name) => AlternativeName::Directory(DistinguishedName::from_name(name).ok()?),
        GeneralName::UniformResourceIdentifier(text) => AlternativeName::Uri(text.as_str().to_owned()),
        GeneralName::IpAddress(octets) => AlternativeName::Ip(match octets.as_bytes() {
            bytes if bytes.len() == 4 => <[u8; 4]>::try_from(bytes).ok()?.into(),
            bytes => <[u8; 16]>::try_from(bytes).ok()?.into(),
        }),
        GeneralName::OtherName(_) | GeneralName::EdiPartyName(_) | GeneralName::RegisteredId(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    use super::*;

    #[test]
    fn in_the_order_of_the_certificate() {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "pump-7");
        let text = |text: &str| text.try_into().unwrap();
        params.subject_alt_names = vec![
            SanType::DnsName(text("a.example")),
            SanType::IpAddress("2001:db8::1".parse().unwrap()),
            SanType::DnsName(text("b.example")),
            SanType::URI(text("urn:x:1")),
            SanType::Rfc822Name(text("a@example")),
            SanType::IpAddress("10.1.2.3".parse().unwrap()),
        ];
        let der = params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec();
        let presented = PresentedCertificate::parse(&der).unwrap();
        let expected = [
            AlternativeName::Dns("a.example".into()),
            AlternativeName::Ip("2001:db8::1".parse().unwrap()),
            AlternativeName::Dns("b.example".into()),
            AlternativeName::Uri("urn:x:1".into()),
            AlternativeName::Rfc822("a@example".into()),
            AlternativeName::Ip("10.1.2.3".parse().unwrap()),
        ];
        assert_eq!(presented.subject_alternative_names(), expected);
        assert_eq!(presented.issuer_alternative_names(), []);
    }
}
