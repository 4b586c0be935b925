//! The values of `iot:Certificate.*` for one certificate (iot dev guide: "X.509 Certificate AWS IoT Core policy variables").
//!
//! Alternative names, the serial number and `AvailableKeys` are left out: a condition on them cannot be evaluated.
use sekisho_identity::{DistinguishedName, PresentedCertificate, attribute_type};

use crate::variable::{CertificateVariable, Which};

/// Values taken of one field; the others are ignored, as AWS ignores them.
const VALUES_MAX: usize = 5;

/// Characters of a value; a longer one is as good as absent, as on AWS.
const VALUE_CHARS_MAX: usize = 1024;

#[rustfmt::skip] // as variables name it     object identifier
const FIELDS: [(&str, &str); 13] = [
    ("DistinguishedNameQualifier",           attribute_type::DISTINGUISHED_NAME_QUALIFIER),
    ("Country",                              attribute_type::COUNTRY),
    ("Organization",                         attribute_type::ORGANIZATION),
    ("OrganizationalUnit",                   attribute_type::ORGANIZATIONAL_UNIT),
    ("State",                                attribute_type::STATE),
    ("CommonName",                           attribute_type::COMMON_NAME),
    ("SerialNumber",                         attribute_type::SERIAL_NUMBER),
    ("Title",                                attribute_type::TITLE),
    ("Surname",                              attribute_type::SURNAME),
    ("GivenName",                            attribute_type::GIVEN_NAME),
    ("Initials",                             attribute_type::INITIALS),
    ("Pseudonym",                            attribute_type::PSEUDONYM),
    ("GenerationQualifier",                  attribute_type::GENERATION_QUALIFIER),
];

/// The place of a field in `FIELDS`.
pub(crate) fn field(name: &str) -> Option<usize> {
    FIELDS.iter().position(|(known, _)| known.eq_ignore_ascii_case(name))
}

/// What a certificate says of its issuer and its subject, as policies see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateVariables {
    issuer: [Vec<String>; FIELDS.len()],
    subject: [Vec<String>; FIELDS.len()],
}

impl CertificateVariables {
    /// Those of `certificate`.
    pub fn of(certificate: &PresentedCertificate) -> Self {
        Self { issuer: fields(certificate.issuer()), subject: fields(certificate.subject()) }
    }

    pub(crate) fn values(&self, variable: &CertificateVariable) -> &[String] {
        let fields = if variable.of_issuer { &self.issuer } else { &self.subject };
        let values = &fields[variable.field];
        match variable.which {
            Which::All => values,
            Which::Nth(nth) => values.get(nth).map_or(&[], std::slice::from_ref),
        }
    }
}

fn fields(name: &DistinguishedName) -> [Vec<String>; FIELDS.len()] {
    FIELDS.map(|(_, oid)| name.values(oid).take(VALUES_MAX).filter_map(substitute).collect())
}

/// The value as it stands in a policy: some characters rule it out, others are written with a backslash.
fn substitute(value: &str) -> Option<String> {
    if value.chars().count() > VALUE_CHARS_MAX || value.contains(['*', '$', '+', '?', '#']) {
        return None;
    }
    let mut written = String::with_capacity(value.len());
    for c in value.chars() {
        if matches!(c, ',' | '"' | '\\' | '=' | '<' | '>' | ';') {
            written.push('\\');
        }
        written.push(c);
    }
    Some(written)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn variables() -> CertificateVariables {
        let mut found = CertificateVariables { issuer: Default::default(), subject: Default::default() };
        found.subject[field("CommonName").unwrap()] = vec!["pump-7".into()];
        found.subject[field("OrganizationalUnit").unwrap()] = vec!["north".into(), "hall 3".into()];
        found.issuer[field("Organization").unwrap()] = vec!["Works\\, Inc".into()];
        found
    }

    #[rustfmt::skip] // value               as a policy sees it
    const SUBSTITUTED: &[(&str, Option<&str>)] = &[
        ("pump-7",                          Some("pump-7")),
        ("Works, Inc",                      Some("Works\\, Inc")),
        ("a=b",                             Some("a\\=b")),
        ("any*",                            None),
        ("${iot:ClientId}",                 None),
        ("a+b",                             None),
    ];

    #[test]
    fn values_that_could_mislead_are_left_out() {
        for (value, expected) in SUBSTITUTED {
            assert_eq!(substitute(value).as_deref(), *expected, "{value}");
        }
        assert_eq!(substitute(&"a".repeat(VALUE_CHARS_MAX + 1)), None);
    }

    #[test]
    fn of_a_name() {
        let found = fields(&DistinguishedName::common_name("pump-7"));
        assert_eq!(found[field("commonname").unwrap()], ["pump-7"]);
        assert!(found[field("Country").unwrap()].is_empty());
    }
}
