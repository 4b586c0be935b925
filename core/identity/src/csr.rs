//! PKCS#10: a device that made its own key asks for a certificate (RFC 2986).
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::{self, Decode, Reader, SliceReader};
use x509_cert::name::Name;
use x509_cert::spki::SubjectPublicKeyInfoOwned;

use crate::key::SignatureError;
use crate::signed::Signed;
use crate::{DistinguishedName, KeyType, SubjectPublicKeyInfo, decode_pem};

/// A request whose sender has proven to hold the private key. There is no other way to make one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Csr {
    subject: DistinguishedName,
    subject_public_key_info: SubjectPublicKeyInfo,
}

/// Why a request is refused. The device's move, each time: make another.
#[derive(Debug, thiserror::Error)]
pub enum CsrError {
    /// Not one PEM block labelled CERTIFICATE REQUEST.
    #[error("exactly one PEM block labelled CERTIFICATE REQUEST was expected")]
    NotPem,
    /// Not a certification request in DER.
    #[error("not a certification request in DER")]
    Malformed(#[source] der::Error),
    /// The key inside cannot be read.
    #[error("the public key of the certification request is malformed")]
    PublicKey,
    /// AWS takes RSA of 2,048 bits and more, P-256, P-384 and P-521.
    #[error("a key of type {0} is not accepted: RSA of at least 2048 bits, P-256, P-384 or P-521 is")]
    KeyNotAccepted(KeyType),
    /// The signature is of a kind nobody here can check.
    #[error("signature algorithm {0} is not accepted")]
    SignatureAlgorithm(ObjectIdentifier),
    /// The sender does not hold the private key, or the request was changed.
    #[error("the signature of the certification request does not match its public key")]
    Signature,
}

impl Csr {
    /// Parses and checks a request.
    ///
    /// Attributes, requested extensions among them, are tolerated and ignored: AWS decides alone what a device's certificate
    /// says. They are not decoded either, so a device with an unusual encoder gets its certificate all the same.
    ///
    /// # Errors
    /// See [`CsrError`].
    pub fn parse_pem(text: &str) -> Result<Self, CsrError> {
        let blocks = decode_pem(&["CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"], text).ok_or(CsrError::NotPem)?;
        match blocks.as_slice() {
            [der] => Self::parse(der),
            _ => Err(CsrError::NotPem),
        }
    }

    /// [`Csr::parse_pem`] without the text around it.
    ///
    /// # Errors
    /// See [`CsrError`].
    pub fn parse(der: &[u8]) -> Result<Self, CsrError> {
        let request = Request::decode(der).map_err(CsrError::Malformed)?;
        let spki = SubjectPublicKeyInfo::from_spki(&request.public_key).ok_or(CsrError::PublicKey)?;
        if !spki.key_type().is_strong_enough() {
            return Err(CsrError::KeyNotAccepted(spki.key_type()));
        }
        let Signed { message, signature, .. } = request.signed;
        spki.verify(request.signed.algorithm_oid(), message, signature).map_err(|error| match error {
            SignatureError::Unsupported(algorithm) => CsrError::SignatureAlgorithm(algorithm),
            SignatureError::Wrong => CsrError::Signature,
        })?;
        let subject = DistinguishedName::from_name(&request.subject).map_err(CsrError::Malformed)?;
        Ok(Self { subject, subject_public_key_info: spki })
    }

    /// Whom the device says it is. Nothing vouches for it.
    pub const fn subject(&self) -> &DistinguishedName {
        &self.subject
    }

    /// The key whose private half the sender holds.
    pub const fn subject_public_key_info(&self) -> &SubjectPublicKeyInfo {
        &self.subject_public_key_info
    }
}

/// CertificationRequest (RFC 2986 §4).
struct Request<'a> {
    signed: Signed<'a>,
    subject: Name,
    public_key: SubjectPublicKeyInfoOwned,
}

impl<'a> Request<'a> {
    fn decode(der: &'a [u8]) -> der::Result<Self> {
        let signed = Signed::decode(der)?;
        let mut reader = SliceReader::new(signed.message)?;
        let (subject, public_key) = reader.sequence(|fields| {
            let _version = u8::decode(fields)?;
            let subject = Name::decode(fields)?;
            let public_key = SubjectPublicKeyInfoOwned::decode(fields)?;
            while !fields.is_finished() {
                fields.tlv_bytes()?;
            }
            der::Result::Ok((subject, public_key))
        })?;
        reader.finish()?;
        Ok(Self { signed, subject, public_key })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    macro_rules! csr {
        ($name:literal) => {
            include_str!(concat!("../tests/csr/", $name, ".pem"))
        };
    }

    #[rustfmt::skip] // citation                                               request                          outcome
    const REQUESTS: &[(&str, &str, &str)] = &[
        ("iot CreateCertificateFromCsr: P-256",                                csr!("p256_sha256"),              "P-256 OU=b,OU=a,CN=pump-7"),
        ("iot CreateCertificateFromCsr: P-256",                                csr!("p256_sha384"),              "P-256 CN=pump-7"),
        ("iot CreateCertificateFromCsr: P-256",                                csr!("p256_sha512"),              "P-256 CN=pump-7"),
        ("iot CreateCertificateFromCsr: P-384",                                csr!("p384_sha384"),              "P-384 CN=pump-7"),
        ("iot CreateCertificateFromCsr: P-521",                                csr!("p521_sha512"),              "P-521 CN=pump-7"),
        ("iot CreateCertificateFromCsr: RSA of 2048 bits",                     csr!("rsa2048_sha256"),           "RSA-2048 CN=pump-7"),
        ("iot CreateCertificateFromCsr: RSA of 2048 bits",                     csr!("rsa2048_sha512"),           "RSA-2048 CN=pump-7"),
        ("iot: signed with SHA-1, issued all the same",                        csr!("rsa2048_sha1"),             "RSA-2048 CN=pump-7"),
        ("iot CreateCertificateFromCsr: RSA of at least 2048 bits",            csr!("rsa1024_sha256"),           "a key of type RSA-1024 is not accepted: RSA of at least 2048 bits, P-256, P-384 or P-521 is"),
        ("iot CreateCertificateFromCsr: curves",                               csr!("secp256k1_sha256"),         "a key of type algorithm 1.3.132.0.10 is not accepted: RSA of at least 2048 bits, P-256, P-384 or P-521 is"),
        ("iot CreateCertificateFromCsr: key types",                            csr!("ed25519"),                  "a key of type algorithm 1.3.101.112 is not accepted: RSA of at least 2048 bits, P-256, P-384 or P-521 is"),
        ("here: RSASSA-PSS is not taken for a request",                        csr!("rsa2048_pss"),              "signature algorithm 1.2.840.113549.1.1.10 is not accepted"),
        ("RFC 7468 §7: older label; RFC 2986 §4.1: the subject may be empty",  csr!("new_header_empty_subject"), "P-256 "),
        ("RFC 2985 §5.4.2: any extension may be asked for",                    csr!("extensions"),               "P-256 CN=pump-7"),
        ("RFC 2986 §3: proof of possession",                                   csr!("changed_after_signing"),    "the signature of the certification request does not match its public key"),
        ("RFC 7468 §7",                                                        "pump-7",                         "exactly one PEM block labelled CERTIFICATE REQUEST was expected"),
        ("RFC 7468 §7",                                                        "-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n-----END CERTIFICATE REQUEST-----\n", "not a certification request in DER"),
    ];

    #[test]
    fn requests() {
        for (citation, text, outcome) in REQUESTS {
            let seen = match Csr::parse_pem(text) {
                Ok(csr) => format!("{} {}", csr.subject_public_key_info().key_type(), csr.subject()),
                Err(error) => error.to_string(),
            };
            assert_eq!(seen, *outcome, "{citation}");
        }
    }
}
