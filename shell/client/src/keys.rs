//! A device's own private key, which never leaves it, and the request that proves it is held (PKCS#10, RFC 2986).
use std::time::Duration;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject;
use sekisho_identity::{
    DistinguishedName, IssueError, Lifetime, PEM_CERTIFICATE, SignatureAlgorithm, Signer, SigningKey, encode_pem,
    issue_ca,
};
use sekisho_types::Secret;
use x509_cert::der::asn1::{BitString, Null};
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::{Any, Decode, Encode};
use x509_cert::name::Name;
use x509_cert::request::{CertReq, CertReqInfo, Version};
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};

use crate::aws::now;

/// How long a certificate that a key signs for itself is valid.
const SELF_SIGNED_VALIDITY: Duration = Duration::from_secs(24 * 3600);

/// Which algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// ECDSA on P-256: made in microseconds.
    P256,
    /// RSA of 2,048 bits, for peers that want it.
    Rsa2048,
}

/// A private key of a device.
pub struct DeviceKey {
    pkcs8: Secret,
    signer: SigningKey,
}

/// Why a key or request could not be made.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Only PKCS#8 (`BEGIN PRIVATE KEY`) of RSA or P-256 makes requests here.
    #[error("no private key in PKCS#8 PEM, RSA or P-256")]
    Pem,
    /// The operating system or the library failed.
    #[error("the key could not be generated")]
    Generate,
    /// A subject that cannot be encoded.
    #[error("the request could not be encoded")]
    Encode(#[from] x509_cert::der::Error),
    /// The library failed.
    #[error("the key did not sign")]
    Sign(#[from] sekisho_identity::SignError),
    /// A subject that cannot be encoded, or the library failed.
    #[error("the certificate could not be made")]
    SelfSigned(#[from] IssueError),
}

impl From<Unspecified> for KeyError {
    fn from(_: Unspecified) -> Self {
        Self::Generate
    }
}

impl DeviceKey {
    /// A fresh key.
    ///
    /// # Errors
    /// [`KeyError::Generate`].
    pub fn generate(kind: KeyKind) -> Result<Self, KeyError> {
        let pkcs8 = match kind {
            KeyKind::P256 => EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING)?.to_pkcs8v1()?.as_ref().to_vec(),
            KeyKind::Rsa2048 => {
                let pair = rsa::KeyPair::generate(rsa::KeySize::Rsa2048)?;
                AsDer::<Pkcs8V1Der<'_>>::as_der(&pair)?.as_ref().to_vec()
            }
        };
        Self::from_pkcs8(Secret::new(pkcs8))
    }

    /// Reads `-----BEGIN PRIVATE KEY-----`.
    ///
    /// # Errors
    /// [`KeyError::Pem`].
    pub fn from_pem(pem: &[u8]) -> Result<Self, KeyError> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem).map_err(|_| KeyError::Pem)?;
        Self::from_pkcs8(Secret::new(der.secret_pkcs8_der().to_vec()))
    }

    fn from_pkcs8(pkcs8: Secret) -> Result<Self, KeyError> {
        let signer = SigningKey::from_pkcs8(&pkcs8).map_err(|_| KeyError::Pem)?;
        Ok(Self { pkcs8, signer })
    }

    pub(crate) fn signer(&self) -> &SigningKey {
        &self.signer
    }

    /// `-----BEGIN PRIVATE KEY-----`
    pub fn to_pem(&self) -> Secret {
        Secret::new(encode_pem("PRIVATE KEY", self.pkcs8.expose()).into_bytes())
    }

    /// A certification request for `CN=common_name`, in PEM, signed by this key.
    ///
    /// # Errors
    /// [`KeyError::Encode`], [`KeyError::Sign`].
    pub fn csr(&self, common_name: &str) -> Result<String, KeyError> {
        let info = CertReqInfo {
            version: Version::V1,
            subject: Name::from_der(DistinguishedName::common_name(common_name).as_der())?,
            public_key: SubjectPublicKeyInfoOwned::from_der(self.signer.subject_public_key_info().as_der())?,
            attributes: Default::default(),
        };
        let signature = BitString::from_bytes(&self.signer.sign(&info.to_der()?)?)?;
        let request = CertReq { info, algorithm: algorithm(self.signer.algorithm())?, signature };
        Ok(encode_pem("CERTIFICATE REQUEST", &request.to_der()?))
    }

    /// A certificate for `CN=common_name` that this key signs for itself, in PEM: to be registered without a CA, or to be
    /// a stranger with.
    ///
    /// # Errors
    /// [`KeyError::SelfSigned`].
    pub fn self_signed(&self, common_name: &str) -> Result<String, KeyError> {
        let mut random = |out: &mut [u8]| aws_lc_rs::rand::fill(out).expect("the operating system gives random bytes");
        let (subject, lifetime) =
            (DistinguishedName::common_name(common_name), Lifetime::of(now(), SELF_SIGNED_VALIDITY));
        Ok(encode_pem(PEM_CERTIFICATE, &issue_ca(&self.signer, &subject, lifetime, &mut random)?))
    }
}

/// RFC 4055 §5 wants NULL parameters with RSA, RFC 5758 §3.2 none with ECDSA.
fn algorithm(algorithm: SignatureAlgorithm) -> Result<AlgorithmIdentifierOwned, KeyError> {
    Ok(match algorithm {
        SignatureAlgorithm::Sha256WithRsaEncryption => AlgorithmIdentifierOwned {
            oid: ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11"),
            parameters: Some(Any::encode_from(&Null)?),
        },
        SignatureAlgorithm::EcdsaWithSha256 => {
            AlgorithmIdentifierOwned { oid: ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2"), parameters: None }
        }
    })
}

#[cfg(test)]
mod tests {
    use sekisho_identity::Csr;

    use super::*;

    #[test]
    fn a_request_proves_possession_of_the_key_it_names() {
        for kind in [KeyKind::P256, KeyKind::Rsa2048] {
            let key = DeviceKey::generate(kind).unwrap();
            let again = DeviceKey::from_pem(key.to_pem().expose()).unwrap();
            let request = Csr::parse_pem(&again.csr("pump-7").unwrap()).unwrap();
            assert_eq!(request.subject().to_string(), "CN=pump-7", "{kind:?}");
            assert_eq!(request.subject_public_key_info(), key.signer.subject_public_key_info(), "{kind:?}");
        }
    }
}
