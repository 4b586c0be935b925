//! Certificate revocation lists: which certificates a CA no longer vouches for (RFC 5280 §5).
use sekisho_types::Timestamp;
use x509_cert::der::asn1::{ContextSpecific, IntRef, ObjectIdentifier, UintRef};
use x509_cert::der::{self, Decode, Header, Reader, SliceReader, Tag, TagNumber};
use x509_cert::ext::pkix::crl::IssuingDistributionPoint;
use x509_cert::ext::{Extension, Extensions};
use x509_cert::name::Name;
use x509_cert::spki::AlgorithmIdentifierOwned;
use x509_cert::time::Time;

use crate::certificate::timestamp;
use crate::signed::Signed;
use crate::{DistinguishedName, PresentedCertificate, SignedByError, decode_pem};

/// The label of a certificate revocation list (RFC 7468 §6).
pub const PEM_CRL: &str = "X509 CRL";

const CRL_NUMBER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.20");
const REASON_CODE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.21");
const DELTA_CRL_INDICATOR: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.27");
const ISSUING_DISTRIBUTION_POINT: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.28");
const CERTIFICATE_ISSUER: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.29");
/// RFC 5280 §5.3.1, as the bytes of an ENUMERATED.
const REMOVE_FROM_CRL: &[u8] = &[0x0a, 1, 8];

/// A well-formed list. That it parses says nothing about who signed it: [`RevocationList::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationList {
    der: Box<[u8]>,
    issuer: DistinguishedName,
    this_update: Timestamp,
    next_update: Option<Timestamp>,
    revoked: Vec<Box<[u8]>>,
    number: Option<Box<[u8]>>,
    part: Box<[u8]>,
}

/// Why a list is refused. The operator's move: fetch another.
#[derive(Debug, thiserror::Error)]
pub enum CrlError {
    /// Neither DER nor one PEM block labelled X509 CRL.
    #[error("exactly one PEM block labelled X509 CRL, or DER, was expected")]
    NotPem,
    /// Not a certificate revocation list in DER.
    #[error("not a certificate revocation list in DER")]
    Malformed(#[source] der::Error),
    /// RFC 5280 §5.1.1.2: the algorithm stands inside what is signed and beside it, and must be the same.
    #[error("the revocation list names two different signature algorithms")]
    AlgorithmMismatch,
    /// RFC 5280 §5.2.4: it holds changes to another list.
    #[error("a delta revocation list is not accepted: the complete list is")]
    Delta,
    /// RFC 5280 §5.2.5, §5.3.3: it revokes certificates of other CAs than the one that signed it.
    #[error("an indirect revocation list is not accepted: the list of the certificates' own CA is")]
    Indirect,
    /// RFC 5280 §5.2.5: it leaves out certificates of devices, or reasons for which they may be revoked.
    #[error("the revocation list covers {0} only")]
    Scope(&'static str),
    /// RFC 5280 §5.2: what must be understood and is not makes the list unusable.
    #[error("the revocation list has a critical extension that is not understood: {0}")]
    CriticalExtension(ObjectIdentifier),
    /// RFC 5280 §5.3: the same, about one of its entries.
    #[error("an entry of the revocation list has a critical extension that is not understood: {0}")]
    CriticalEntryExtension(ObjectIdentifier),
    /// Another CA signed it, or it was changed.
    #[error("the revocation list is not the CA's: {0}")]
    NotSignedByCa(#[from] SignedByError),
    /// RFC 5280 §6.3.3 (f): the CA's keyUsage leaves out cRLSign.
    #[error("the CA may not sign revocation lists: its keyUsage does not include cRLSign")]
    MayNotSignRevocationLists,
    /// It is for later, or a clock is wrong.
    #[error("the revocation list is not valid before {this_update}")]
    NotYetValid {
        /// When it was issued, by its own account.
        this_update: Timestamp,
    },
}

impl RevocationList {
    /// Parses PEM or DER.
    ///
    /// # Errors
    /// Every [`CrlError`] that tells of the list alone.
    pub fn parse(bytes: &[u8]) -> Result<Self, CrlError> {
        if bytes.first() == Some(&0x30) {
            return Self::parse_der(bytes); // the tag of SEQUENCE; it is `0` in text, with which no PEM begins
        }
        let text = std::str::from_utf8(bytes).map_err(|_| CrlError::NotPem)?;
        let blocks = decode_pem(&[PEM_CRL], text).ok_or(CrlError::NotPem)?;
        match blocks.as_slice() {
            [der] => Self::parse_der(der),
            _ => Err(CrlError::NotPem),
        }
    }

    fn parse_der(der: &[u8]) -> Result<Self, CrlError> {
        let signed = Signed::decode(der).map_err(CrlError::Malformed)?;
        let tbs = TbsCertList::decode(signed.message)?;
        if tbs.algorithm != signed.algorithm {
            return Err(CrlError::AlgorithmMismatch);
        }
        let (mut number, mut part) = (None, Box::default());
        for extension in &tbs.extensions {
            let value = extension.extn_value.as_bytes();
            match extension.extn_id {
                CRL_NUMBER => {
                    let found = UintRef::from_der(value).map_err(CrlError::Malformed)?;
                    number = Some(found.as_bytes().into());
                }
                DELTA_CRL_INDICATOR => return Err(CrlError::Delta),
                ISSUING_DISTRIBUTION_POINT => {
                    check_scope(value)?;
                    part = value.into();
                }
                unknown if extension.critical => return Err(CrlError::CriticalExtension(unknown)),
                _ => {}
            }
        }
        // Sorted once, so that a list of a million is searched in twenty steps.
        let mut revoked = tbs.revoked;
        revoked.sort_unstable();
        revoked.dedup();
        Ok(Self {
            der: der.into(),
            issuer: DistinguishedName::from_name(&tbs.issuer).map_err(CrlError::Malformed)?,
            this_update: timestamp(tbs.this_update),
            next_update: tbs.next_update.map(timestamp),
            revoked,
            number,
            part,
        })
    }

    /// Checks that `ca` signed it, was allowed to, and did so before `now`.
    ///
    /// An old list is not refused, for a revoked certificate stays revoked: [`RevocationList::is_expired`].
    ///
    /// # Errors
    /// [`CrlError::NotSignedByCa`], [`CrlError::MayNotSignRevocationLists`] or [`CrlError::NotYetValid`].
    pub fn verify(&self, ca: &PresentedCertificate, now: Timestamp) -> Result<(), CrlError> {
        if self.issuer.as_der() != ca.subject().as_der() {
            return Err(SignedByError::IssuerName.into());
        }
        if !ca.may_sign_revocation_lists() {
            return Err(CrlError::MayNotSignRevocationLists);
        }
        let signed = Signed::decode(&self.der).expect("RevocationList::parse decoded it");
        signed.verify(ca.subject_public_key_info())?;
        if now.seconds() < self.this_update.seconds() {
            return Err(CrlError::NotYetValid { this_update: self.this_update });
        }
        Ok(())
    }

    /// Whether the CA promised a newer list for a time before `now`. A list without nextUpdate promises none.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.next_update.is_some_and(|next_update| now.seconds() > next_update.seconds())
    }

    /// Whose certificates it revokes.
    pub const fn issuer(&self) -> &DistinguishedName {
        &self.issuer
    }

    /// When it was issued.
    pub const fn this_update(&self) -> Timestamp {
        self.this_update
    }

    /// When a newer one was to be issued at the latest.
    pub const fn next_update(&self) -> Option<Timestamp> {
        self.next_update
    }

    /// Serial numbers as [`PresentedCertificate::serial_number`] has them, sorted as bytes, each once.
    pub fn revoked(&self) -> &[Box<[u8]>] {
        &self.revoked
    }

    /// Whether the certificate with this serial number is on it.
    pub fn revokes(&self, serial_number: &[u8]) -> bool {
        self.revoked.binary_search_by(|revoked| revoked.as_ref().cmp(serial_number)).is_ok()
    }

    /// The cRLNumber, big-endian, without leading zeros: of two, the longer is newer, of equally long ones the greater
    /// (RFC 5280 §5.2.3).
    pub fn number(&self) -> Option<&[u8]> {
        self.number.as_deref()
    }

    /// Which part of what its CA has revoked it covers: the issuingDistributionPoint, byte for byte, empty for all of it
    /// (RFC 5280 §5.2.5).
    pub fn part(&self) -> &[u8] {
        &self.part
    }

    /// The DER, byte for byte as it came, without the text around it.
    pub fn as_der(&self) -> &[u8] {
        &self.der
    }
}

/// A list cut into parts by address is taken, for what it revokes is revoked; one that leaves out devices, or reasons, would
/// make an operator believe in more than it says.
fn check_scope(value: &[u8]) -> Result<(), CrlError> {
    let point = IssuingDistributionPoint::from_der(value).map_err(CrlError::Malformed)?;
    if point.indirect_crl {
        return Err(CrlError::Indirect);
    }
    if point.only_contains_ca_certs {
        return Err(CrlError::Scope("certificates of CAs"));
    }
    if point.only_contains_attribute_certs {
        return Err(CrlError::Scope("attribute certificates"));
    }
    if point.only_some_reasons.is_some() {
        return Err(CrlError::Scope("some reasons for revocation"));
    }
    Ok(())
}

/// TBSCertList (RFC 5280 §5.1).
struct TbsCertList {
    algorithm: AlgorithmIdentifierOwned,
    issuer: Name,
    this_update: Time,
    next_update: Option<Time>,
    revoked: Vec<Box<[u8]>>,
    extensions: Vec<Extension>,
}

impl TbsCertList {
    fn decode(tbs: &[u8]) -> Result<Self, CrlError> {
        let mut reader = SliceReader::new(tbs).map_err(CrlError::Malformed)?;
        let mut refused = None;
        let found = reader.sequence(|fields| {
            if next_is(fields, Tag::Integer) && u8::decode(fields)? != 1 {
                return Err(Tag::Integer.value_error().into()); // RFC 5280 §5.1.2.1: version 2
            }
            let algorithm = AlgorithmIdentifierOwned::decode(fields)?;
            let issuer = Name::decode(fields)?;
            let this_update = Time::decode(fields)?;
            let has_next_update = next_is(fields, Tag::UtcTime) || next_is(fields, Tag::GeneralizedTime);
            let next_update = if has_next_update { Some(Time::decode(fields)?) } else { None };
            let mut revoked = Vec::new();
            if next_is(fields, Tag::Sequence) {
                fields.sequence(|entries| {
                    while !entries.is_finished() {
                        match entry(entries)? {
                            Entry::Revoked(serial_number) => revoked.push(serial_number),
                            Entry::Removed => {}
                            Entry::Refused(error) => refused = refused.take().or(Some(error)),
                        }
                    }
                    der::Result::Ok(())
                })?;
            }
            let extensions = ContextSpecific::<Extensions>::decode_explicit(fields, TagNumber(0))?;
            let extensions = extensions.map(|extensions| extensions.value).unwrap_or_default();
            der::Result::Ok(Self { algorithm, issuer, this_update, next_update, revoked, extensions })
        });
        let found = found.and_then(|found| reader.finish().map(|()| found)).map_err(CrlError::Malformed)?;
        refused.map_or(Ok(found), Err)
    }
}

enum Entry {
    Revoked(Box<[u8]>),
    /// Only a delta list should say so: the certificate is valid again.
    Removed,
    Refused(CrlError),
}

fn entry(entries: &mut SliceReader<'_>) -> der::Result<Entry> {
    entries.sequence(|fields| {
        let serial_number = fields.decode::<IntRef<'_>>()?.as_bytes().into();
        let _revocation_date = Time::decode(fields)?;
        let extensions = if fields.is_finished() { Vec::new() } else { Extensions::decode(fields)? };
        let mut removed = false;
        for extension in &extensions {
            match extension.extn_id {
                REASON_CODE => removed = extension.extn_value.as_bytes() == REMOVE_FROM_CRL,
                CERTIFICATE_ISSUER => return Ok(Entry::Refused(CrlError::Indirect)),
                unknown if extension.critical => {
                    return Ok(Entry::Refused(CrlError::CriticalEntryExtension(unknown)));
                }
                _ => {}
            }
        }
        Ok(if removed { Entry::Removed } else { Entry::Revoked(serial_number) })
    })
}

fn next_is(reader: &SliceReader<'_>, tag: Tag) -> bool {
    Header::peek(reader).is_ok_and(|header| header.tag() == tag)
}

#[cfg(test)]
mod tests;
