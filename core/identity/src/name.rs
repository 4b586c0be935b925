//! Distinguished names: subject and issuer, with repeats and order kept (RFC 5280 §4.1.2.4).
use std::fmt;

use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::der::asn1::{Any, ObjectIdentifier};
use x509_cert::der::{Decode, Encode, Tag, Tagged};
use x509_cert::name::{Name, RdnSequence, RelativeDistinguishedName};

/// Object identifiers of the attributes that AWS names in policy variables and templates.
pub mod attribute_type {
    /// `CN`
    pub const COMMON_NAME: &str = "2.5.4.3";
    /// `SN`
    pub const SURNAME: &str = "2.5.4.4";
    /// `serialNumber`, of the subject, not of the certificate
    pub const SERIAL_NUMBER: &str = "2.5.4.5";
    /// `C`
    pub const COUNTRY: &str = "2.5.4.6";
    /// `L`
    pub const LOCALITY: &str = "2.5.4.7";
    /// `ST`
    pub const STATE: &str = "2.5.4.8";
    /// `O`
    pub const ORGANIZATION: &str = "2.5.4.10";
    /// `OU`
    pub const ORGANIZATIONAL_UNIT: &str = "2.5.4.11";
    /// `title`
    pub const TITLE: &str = "2.5.4.12";
    /// `givenName`
    pub const GIVEN_NAME: &str = "2.5.4.42";
    /// `initials`
    pub const INITIALS: &str = "2.5.4.43";
    /// `generationQualifier`
    pub const GENERATION_QUALIFIER: &str = "2.5.4.44";
    /// `dnQualifier`
    pub const DISTINGUISHED_NAME_QUALIFIER: &str = "2.5.4.46";
    /// `pseudonym`
    pub const PSEUDONYM: &str = "2.5.4.65";
}

/// One attribute of a distinguished name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameAttribute {
    /// Its type in dotted form, see [`attribute_type`].
    pub oid: Box<str>,
    /// Its text.
    pub value: Box<str>,
}

/// A subject or issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DistinguishedName {
    der: Box<[u8]>,
    text: Box<str>,
    attributes: Vec<NameAttribute>,
}

impl DistinguishedName {
    /// A name of one attribute, written as UTF8String.
    pub fn of(oid: &'static str, value: &str) -> Self {
        let attribute = AttributeTypeAndValue {
            oid: ObjectIdentifier::new_unwrap(oid),
            value: Any::new(Tag::Utf8String, value.as_bytes()).expect("a name is shorter than DER's longest value"),
        };
        let mut level = RelativeDistinguishedName::default();
        level.insert(attribute).expect("the first attribute of a level is unique");
        let mut sequence = RdnSequence::default();
        sequence.push(level);
        let der = sequence.to_der().expect("a name of one attribute can be encoded");
        let name = Name::from_der(&der).expect("what was encoded can be decoded");
        Self::from_name(&name).expect("what was encoded can be decoded")
    }

    /// `CN=value`.
    pub fn common_name(value: &str) -> Self {
        Self::of(attribute_type::COMMON_NAME, value)
    }

    /// `OU=value`.
    pub fn organizational_unit(value: &str) -> Self {
        Self::of(attribute_type::ORGANIZATIONAL_UNIT, value)
    }

    pub(crate) fn from_name(name: &Name) -> x509_cert::der::Result<Self> {
        let attributes = name
            .iter()
            .filter_map(|attribute| {
                let value = text_of(attribute.value.tag(), attribute.value.value())?.into();
                Some(NameAttribute { oid: attribute.oid.to_string().into(), value })
            })
            .collect();
        Ok(Self { der: name.to_der()?.into(), text: name.to_string().into(), attributes })
    }

    pub(crate) fn to_name(&self) -> x509_cert::der::Result<Name> {
        Name::from_der(&self.der)
    }

    /// The attributes that hold text, in the certificate's order.
    pub fn attributes(&self) -> &[NameAttribute] {
        &self.attributes
    }

    /// The values of one attribute type, in the certificate's order.
    pub fn values<'a>(&'a self, oid: &'a str) -> impl Iterator<Item = &'a str> {
        self.attributes.iter().filter(move |a| &*a.oid == oid).map(|a| &*a.value)
    }

    /// The DER of the `Name`.
    pub fn as_der(&self) -> &[u8] {
        &self.der
    }
}

/// As RFC 4514 writes it: the last level first.
impl fmt::Display for DistinguishedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The text of a DirectoryString or IA5String (RFC 5280 §4.1.2.4); `None` for anything else.
fn text_of(tag: Tag, value: &[u8]) -> Option<String> {
    match tag {
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String | Tag::NumericString | Tag::VisibleString => {
            std::str::from_utf8(value).ok().map(String::from)
        }
        // T.61 was never implemented in full by anybody; every reader takes it for Latin-1.
        Tag::TeletexString => Some(value.iter().map(|b| char::from(*b)).collect()),
        Tag::BmpString if value.len().is_multiple_of(2) => {
            let units = value.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
            char::decode_utf16(units).collect::<Result<_, _>>().ok()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rustfmt::skip] // citation                        tag                    bytes                text
    const TEXTS: &[(&str, Tag, &[u8], Option<&str>)] = &[
        ("RFC 5280 §4.1.2.4 utf8String",       Tag::Utf8String,      "ポンプ".as_bytes(), Some("ポンプ")),
        ("RFC 5280 §4.1.2.4 utf8String",       Tag::Utf8String,      &[0xff],             None),
        ("RFC 5280 §4.1.2.4 printableString",  Tag::PrintableString, b"pump 7",           Some("pump 7")),
        ("RFC 5280 §4.1.2.4 teletexString",    Tag::TeletexString,   &[0xe5],             Some("å")),
        ("RFC 5280 §4.1.2.4 bmpString",        Tag::BmpString,       &[0x30, 0xdd],       Some("ポ")),
        ("RFC 5280 §4.1.2.4 bmpString",        Tag::BmpString,       &[0x30],             None),
        ("RFC 5280 §4.1.2.4 AttributeValue",   Tag::Integer,         &[1],                None),
    ];

    #[test]
    fn texts() {
        for (citation, tag, bytes, text) in TEXTS {
            assert_eq!(text_of(*tag, bytes).as_deref(), *text, "{citation}");
        }
    }

    #[test]
    fn an_equals_sign_in_a_value_makes_no_second_attribute() {
        let name = DistinguishedName::organizational_unit("a O=b, C=c");
        assert_eq!(name.attributes(), [NameAttribute { oid: "2.5.4.11".into(), value: "a O=b, C=c".into() }]);
        assert_eq!(name.values(attribute_type::ORGANIZATION).count(), 0);
        assert_eq!(name.to_string(), "OU=a O=b\\, C=c");
    }
}
