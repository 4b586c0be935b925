//! The values of `iot:Certificate.*` for one certificate (iot dev guide: "X.509 Certificate AWS IoT Core policy variables").
use std::borrow::Cow;

use sekisho_identity::{AlternativeName, DistinguishedName, PresentedCertificate, attribute_type};

use crate::variable::{CertificateVariable, Which};

/// Values taken of one field; the others are ignored, as AWS ignores them.
const VALUES_MAX: usize = 5;

/// Characters of a value; a longer one is as good as absent, as on AWS.
const VALUE_CHARS_MAX: usize = 1024;

/// Octets of a serial number (RFC 5280 §4.1.2.2); a longer one is as good as absent.
const SERIAL_NUMBER_BYTES_MAX: usize = 20;

#[rustfmt::skip] // as variables name it     object identifier                            in a DirectoryName
const FIELDS: [(&str, &str, &str); 13] = [
    ("DistinguishedNameQualifier",           attribute_type::DISTINGUISHED_NAME_QUALIFIER, "dnqualifier"),
    ("Country",                              attribute_type::COUNTRY,                      "c"),
    ("Organization",                         attribute_type::ORGANIZATION,                 "o"),
    ("OrganizationalUnit",                   attribute_type::ORGANIZATIONAL_UNIT,          "ou"),
    ("State",                                attribute_type::STATE,                        "st"),
    ("CommonName",                           attribute_type::COMMON_NAME,                  "cn"),
    ("SerialNumber",                         attribute_type::SERIAL_NUMBER,                "serialnumber"),
    ("Title",                                attribute_type::TITLE,                        "title"),
    ("Surname",                              attribute_type::SURNAME,                      "sn"),
    ("GivenName",                            attribute_type::GIVEN_NAME,                   "givenname"),
    ("Initials",                             attribute_type::INITIALS,                     "initials"),
    ("Pseudonym",                            attribute_type::PSEUDONYM,                    "pseudonym"),
    ("GenerationQualifier",                  attribute_type::GENERATION_QUALIFIER,         "generationqualifier"),
];

/// Places after those of `FIELDS`.
const ALTERNATIVES: [&str; 5] = [
    "AlternativeName.RFC822Name",
    "AlternativeName.DNSName",
    "AlternativeName.DirectoryName",
    "AlternativeName.UniformResourceIdentifier",
    "AlternativeName.IPAddress",
];

const FIELDS_ALL: usize = FIELDS.len() + ALTERNATIVES.len();

fn field_names() -> impl Iterator<Item = &'static str> {
    FIELDS.iter().map(|(name, ..)| *name).chain(ALTERNATIVES)
}

/// The place of a field among the values.
pub(crate) fn field(name: &str) -> Option<usize> {
    field_names().position(|known| known.eq_ignore_ascii_case(name))
}

/// The values of one field in their order; `None` for one that may not stand in a policy: those after it keep their place.
type Values = Vec<Option<String>>;

/// What a certificate says of its issuer and its subject, as policies see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateVariables {
    issuer: [Values; FIELDS_ALL],
    subject: [Values; FIELDS_ALL],
    serial_number: Option<String>,
}

impl CertificateVariables {
    /// Those of `certificate`.
    pub fn of(certificate: &PresentedCertificate) -> Self {
        Self {
            issuer: fields(certificate.issuer(), &certificate.issuer_alternative_names()),
            subject: fields(certificate.subject(), &certificate.subject_alternative_names()),
            serial_number: decimal(certificate.serial_number()),
        }
    }

    /// What `${…}` is replaced by.
    pub(crate) fn value(&self, variable: &CertificateVariable) -> Option<&str> {
        match variable {
            CertificateVariable::SerialNumber => self.serial_number.as_deref(),
            CertificateVariable::AvailableKeys | CertificateVariable::Field { which: Which::All, .. } => None,
            CertificateVariable::Field { which: Which::Nth(nth), .. } => self.field(variable).get(*nth)?.as_deref(),
        }
    }

    /// The values of a condition key.
    pub(crate) fn values(&self, variable: &CertificateVariable) -> Vec<Cow<'_, str>> {
        match variable {
            CertificateVariable::AvailableKeys => self.available_keys().map(Cow::Owned).collect(),
            CertificateVariable::Field { which: Which::All, .. } => self.present(variable).map(Cow::Borrowed).collect(),
            CertificateVariable::SerialNumber | CertificateVariable::Field { which: Which::Nth(_), .. } => {
                self.value(variable).map(Cow::Borrowed).into_iter().collect()
            }
        }
    }

    fn field(&self, variable: &CertificateVariable) -> &[Option<String>] {
        match variable {
            CertificateVariable::SerialNumber | CertificateVariable::AvailableKeys => &[],
            CertificateVariable::Field { of_issuer, field, .. } => {
                let fields = if *of_issuer { &self.issuer } else { &self.subject };
                &fields[*field]
            }
        }
    }

    fn present(&self, variable: &CertificateVariable) -> impl Iterator<Item = &str> {
        self.field(variable).iter().flatten().map(String::as_str)
    }

    /// "The name of all certificate policy variables that contain values", each once and without an index.
    fn available_keys(&self) -> impl Iterator<Item = String> {
        let serial_number = self.serial_number.iter().map(|_| "iot:Certificate.SerialNumber".to_owned());
        let of = |whose: &'static str, fields: &[Values; FIELDS_ALL]| {
            let named: Vec<_> = field_names()
                .zip(fields)
                .filter(|(_, values)| values.first().is_some_and(Option::is_some))
                .map(|(name, _)| format!("iot:Certificate.{whose}.{name}"))
                .collect();
            named
        };
        of("Issuer", &self.issuer).into_iter().chain(of("Subject", &self.subject)).chain(serial_number)
    }
}

fn fields(name: &DistinguishedName, alternatives: &[AlternativeName]) -> [Values; FIELDS_ALL] {
    let mut found: [Values; FIELDS_ALL] = Default::default();
    for ((_, oid, _), values) in FIELDS.iter().zip(&mut found) {
        values.extend(name.values(oid).take(VALUES_MAX).map(substitute));
    }
    for alternative in alternatives {
        let (kind, value) = match alternative {
            AlternativeName::Rfc822(address) => (0, substitute(address)),
            AlternativeName::Dns(name) => (1, substitute(name)),
            AlternativeName::Directory(name) => (2, directory_name(name)),
            AlternativeName::Uri(uri) => (3, substitute(uri)),
            AlternativeName::Ip(address) => (4, substitute(&address.to_string())),
        };
        let values = &mut found[FIELDS.len() + kind];
        if values.len() < VALUES_MAX {
            values.push(value);
        }
    }
    found
}

/// `cn=LightBulbCert,ou=SmartHome,o=IoT,c=US`: the last level first, as the page writes it.
fn directory_name(name: &DistinguishedName) -> Option<String> {
    let mut levels = Vec::new();
    for attribute in name.attributes().iter().rev() {
        let known = FIELDS.iter().find(|(_, oid, _)| *oid == &*attribute.oid);
        let keyword = match known {
            Some((.., keyword)) => keyword,
            None if &*attribute.oid == attribute_type::LOCALITY => "l",
            None => &*attribute.oid,
        };
        levels.push(format!("{keyword}={}", substitute(&attribute.value)?));
    }
    Some(levels.join(",")).filter(|name| name.chars().count() <= VALUE_CHARS_MAX)
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

/// A big-endian number as "the string representation of a decimal integer".
fn decimal(number: &[u8]) -> Option<String> {
    let number = &number[number.iter().take_while(|byte| **byte == 0).count()..];
    if number.len() > SERIAL_NUMBER_BYTES_MAX {
        return None;
    }
    let mut digits = vec![0_u8]; // the lowest first
    for byte in number {
        let mut carry = u32::from(*byte);
        for digit in &mut digits {
            carry += u32::from(*digit) * 256;
            *digit = (carry % 10) as u8;
            carry /= 10;
        }
        while carry > 0 {
            digits.push((carry % 10) as u8);
            carry /= 10;
        }
    }
    Some(digits.iter().rev().map(|digit| char::from(b'0' + digit)).collect())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::variable::Variable;

    pub(crate) fn variables() -> CertificateVariables {
        let mut found = CertificateVariables {
            issuer: Default::default(),
            subject: Default::default(),
            serial_number: Some("17".into()),
        };
        found.subject[field("CommonName").unwrap()] = vec![Some("pump-7".into())];
        found.subject[field("OrganizationalUnit").unwrap()] = vec![Some("north".into()), Some("hall 3".into())];
        found.issuer[field("Organization").unwrap()] = vec![Some("Works\\, Inc".into())];
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
        assert_eq!(substitute(&"a".repeat(VALUE_CHARS_MAX)).map(|value| value.len()), Some(VALUE_CHARS_MAX));
        assert_eq!(substitute(&"a".repeat(VALUE_CHARS_MAX + 1)), None);
    }

    #[test]
    fn of_a_name() {
        let found = fields(&DistinguishedName::common_name("pump-7"), &[]);
        assert_eq!(found[field("commonname").unwrap()], [Some("pump-7".to_owned())]);
        assert!(found[field("Country").unwrap()].is_empty());
    }

    #[test]
    fn serial_numbers_are_decimal() {
        #[rustfmt::skip] // number                        decimal
        let table: &[(&[u8], Option<&str>)] = &[
            (&[],                                         Some("0")),
            (&[0, 0],                                     Some("0")),
            (&[9],                                        Some("9")),
            (&[1, 0],                                     Some("256")),
            (&[0, 0xff],                                  Some("255")),
            (&[0x92, 0x12, 0x85, 0xcb, 0xb7, 0xa5, 0xe0, 0x86], Some("10525622389124227206")),
            (&[0xff; 20],                                 Some("1461501637330902918203684832716283019655932542975")),
            (&[1; 21],                                    None),
        ];
        for (number, expected) in table {
            assert_eq!(decimal(number).as_deref(), *expected, "{number:?}");
        }
    }

    fn ask(found: &CertificateVariables, name: &str) -> (Option<String>, Vec<String>) {
        let Some(Variable::Certificate(variable)) = Variable::parse(name) else { panic!("{name}") };
        let values = found.values(&variable).into_iter().map(Cow::into_owned).collect();
        (found.value(&variable).map(str::to_owned), values)
    }

    /// A value that may not stand in a policy leaves its place empty: `.1` is the second value whatever the first one is.
    #[test]
    fn five_values_and_each_in_its_place() {
        let mut found = variables();
        let names: Vec<_> =
            ["a*", "b", "c", "d", "e", "f"].iter().map(|name| AlternativeName::Dns((*name).into())).collect();
        found.subject = fields(&DistinguishedName::common_name("x"), &names);
        let name = |suffix: &str| format!("iot:Certificate.Subject.AlternativeName.DNSName{suffix}");
        #[rustfmt::skip] // suffix  substituted  values
        let table: &[(&str, Option<&str>, &[&str])] = &[
            ("",         None,        &[]),
            (".1",       Some("b"),   &["b"]),
            (".4",       Some("e"),   &["e"]),
            (".5",       None,        &[]),
            (".List",    None,        &["b", "c", "d", "e"]),
        ];
        for (suffix, value, values) in table {
            assert_eq!(
                ask(&found, &name(suffix)),
                (value.map(str::to_owned), values.iter().map(|v| (*v).to_owned()).collect())
            );
        }
    }

    /// The example of "Using X.509 certificate policy variables", made by openssl as the page shows it.
    #[test]
    fn of_the_guides_certificate() {
        let pem = include_str!("../tests/certificates/guide.pem");
        let found = CertificateVariables::of(&PresentedCertificate::parse_pem(pem).unwrap());
        #[rustfmt::skip] // variable                                             value
        let table = [
            ("iot:Certificate.Issuer.Country",                                   "US"),
            ("iot:Certificate.Issuer.Organization",                              "IoT Devices"),
            ("iot:Certificate.Issuer.OrganizationalUnit",                        "SmartHome"),
            ("iot:Certificate.Issuer.State",                                     "WA"),
            ("iot:Certificate.Issuer.CommonName",                                "IoT Devices Primary CA"),
            ("iot:Certificate.Issuer.GivenName",                                 "Primary CA1"),
            ("iot:Certificate.Issuer.initials",                                  "XY"),
            ("iot:Certificate.Issuer.DistinguishedNameQualifier",                "Example corp"),
            ("iot:Certificate.Issuer.Surname",                                   "SmartHome"),
            ("iot:Certificate.Issuer.Title",                                     "CA1"),
            ("iot:Certificate.Issuer.Pseudonym",                                 "Primary_CA"),
            ("iot:Certificate.Issuer.GenerationQualifier",                       "2"),
            ("iot:Certificate.Issuer.SerialNumber",                              "987"),
            ("iot:Certificate.Subject.CommonName",                               "LightBulb Device Cert"),
            ("iot:Certificate.Subject.SerialNumber",                             "123"),
            ("iot:Certificate.Issuer.AlternativeName.DNSName",                   "issuer.com"),
            ("iot:Certificate.Issuer.AlternativeName.IPAddress",                 "5.6.7.8"),
            ("iot:Certificate.Issuer.AlternativeName.UniformResourceIdentifier", "PrimarySignerCA"),
            ("iot:Certificate.Issuer.AlternativeName.RFC822Name",                "primary@issuer.com"),
            ("iot:Certificate.Issuer.AlternativeName.DirectoryName",             "cn=Primary Issuer CA,ou=IoT Devices,o=Issuer,c=US"),
            ("iot:Certificate.Subject.AlternativeName.DNSName",                  "example.com"),
            ("iot:Certificate.Subject.AlternativeName.IPAddress",                "1.2.3.4"),
            ("iot:Certificate.Subject.AlternativeName.UniformResourceIdentifier", "ResourceIdentifier001"),
            ("iot:Certificate.Subject.AlternativeName.RFC822Name",               "device1@example.com"),
            ("iot:Certificate.Subject.AlternativeName.DirectoryName",            "cn=LightBulbCert,ou=SmartHome,o=IoT,c=US"),
            ("iot:Certificate.SerialNumber",                                     "10525622389124227206"),
        ];
        for (name, value) in table {
            assert_eq!(ask(&found, name), (Some(value.to_owned()), vec![value.to_owned()]), "{name}");
        }
        let (substituted, keys) = ask(&found, "iot:Certificate.AvailableKeys");
        assert_eq!((substituted, keys.len()), (None, 2 * FIELDS_ALL + 1));
        assert!(keys.contains(&"iot:Certificate.Subject.AlternativeName.DNSName".to_owned()));
    }
}
