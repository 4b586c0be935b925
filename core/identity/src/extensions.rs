//! The extensions of a certificate that decide what it may be used for (RFC 5280 §4.2).
use x509_cert::certificate::TbsCertificate;
use x509_cert::der::asn1::{BitStringRef, ObjectIdentifier};
use x509_cert::der::{self, Decode, ErrorKind};
use x509_cert::ext::pkix;

use crate::BasicConstraints;

const SUBJECT_KEY_IDENTIFIER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.14");
const KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.15");
const SUBJECT_ALT_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");
const BASIC_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.19");
const NAME_CONSTRAINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.30");
const CRL_DISTRIBUTION_POINTS: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.31");
const EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37");

const ANY_EXTENDED_KEY_USAGE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.37.0");
const CLIENT_AUTH: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2");

/// RFC 5280 §4.2.1.3: positions in the KeyUsage bit string.
const KEY_CERT_SIGN: usize = 5;
const CRL_SIGN: usize = 6;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extensions {
    pub(crate) basic_constraints: Option<BasicConstraints>,
    pub(crate) subject_key_identifier: Option<Box<[u8]>>,
    pub(crate) key_usage: Option<KeyUsage>,
    /// Whether TLS clients are among the uses, where uses are named.
    pub(crate) client_auth: Option<bool>,
    /// The first extension that must be understood and is not. Those that path validation understands are the same, or a
    /// certificate could be registered and never be let in.
    pub(crate) unknown_critical: Option<ObjectIdentifier>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyUsage {
    pub(crate) key_cert_sign: bool,
    pub(crate) crl_sign: bool,
}

impl Extensions {
    /// An extension that stands there twice is an error where it decides something (RFC 5280 §4.2).
    pub(crate) fn of(tbs: &TbsCertificate) -> der::Result<Self> {
        let mut found = Self::default();
        for extension in tbs.extensions().into_iter().flatten() {
            let value = extension.extn_value.as_bytes();
            match extension.extn_id {
                BASIC_CONSTRAINTS => {
                    let pkix::BasicConstraints { ca, path_len_constraint } = pkix::BasicConstraints::from_der(value)?;
                    once(&mut found.basic_constraints, BasicConstraints { ca, path_len: path_len_constraint })?;
                }
                SUBJECT_KEY_IDENTIFIER => {
                    let identifier = pkix::SubjectKeyIdentifier::from_der(value)?;
                    once(&mut found.subject_key_identifier, identifier.0.as_bytes().into())?;
                }
                KEY_USAGE => {
                    let bits = BitStringRef::from_der(value)?;
                    let bit = |position| bits.get(position).unwrap_or(false);
                    let key_usage = KeyUsage { key_cert_sign: bit(KEY_CERT_SIGN), crl_sign: bit(CRL_SIGN) };
                    once(&mut found.key_usage, key_usage)?;
                }
                EXTENDED_KEY_USAGE => {
                    let uses = pkix::ExtendedKeyUsage::from_der(value)?.0;
                    let client_auth = uses.iter().any(|r#use| [CLIENT_AUTH, ANY_EXTENDED_KEY_USAGE].contains(r#use));
                    once(&mut found.client_auth, client_auth)?;
                }
                // The names in them are looked at where a path is validated.
                SUBJECT_ALT_NAME | NAME_CONSTRAINTS | CRL_DISTRIBUTION_POINTS => {}
                other if extension.critical => found.unknown_critical = found.unknown_critical.or(Some(other)),
                _ => {}
            }
        }
        Ok(found)
    }
}

fn once<T>(slot: &mut Option<T>, value: T) -> der::Result<()> {
    if slot.replace(value).is_some() { Err(ErrorKind::Failed.into()) } else { Ok(()) }
}
