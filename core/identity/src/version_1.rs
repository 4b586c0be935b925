//! Certificates of version 1: no extensions, so nothing but a name and a key. `openssl x509 -req` makes them unless it is given
//! extensions, and AWS takes them as devices' certificates.
use sekisho_types::Timestamp;
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::pkix;
use x509_cert::{Certificate, Version};

use crate::{PathError, PresentedCertificate, verify_chain};

/// A public key as a TLS library without X.509 wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version1Key {
    /// The AlgorithmIdentifier's DER without its outermost tag and length.
    pub algorithm: Vec<u8>,
    /// What subjectPublicKey's BIT STRING holds.
    pub key: Vec<u8>,
}

/// The key of a certificate of version 1; `None` for every other.
pub fn version_1_key(der: &[u8]) -> Option<Version1Key> {
    let certificate = Certificate::from_der(der).ok()?;
    let tbs = certificate.tbs_certificate();
    if tbs.version() != Version::V1 {
        return None;
    }
    let spki = tbs.subject_public_key_info();
    let mut algorithm = spki.algorithm.oid.to_der().ok()?;
    if let Some(parameters) = &spki.algorithm.parameters {
        algorithm.extend(parameters.to_der().ok()?);
    }
    Some(Version1Key { algorithm, key: spki.subject_public_key.as_bytes()?.to_vec() })
}

impl PresentedCertificate {
    fn has_name_constraints(&self) -> bool {
        let certificate = Certificate::from_der(self.as_der()).ok();
        let found = certificate.map(|found| found.tbs_certificate().get_extension::<pkix::NameConstraints>());
        !matches!(found, Some(Ok(None)))
    }

    /// Checks what `ca`, whose key has signed this certificate, allows it to be: names, path length, uses. A certificate of
    /// version 1 is checked by its signature alone, and refused where the CA constrains names.
    ///
    /// # Errors
    /// [`PathError`].
    pub fn check_under(&self, ca: &Self, now: Timestamp) -> Result<(), PathError> {
        if version_1_key(self.as_der()).is_some() {
            // What a CA says of names is checked by the library, which does not look at certificates of version 1.
            let constrained = ca.has_name_constraints();
            return if constrained { Err(PathError::NameConstraint) } else { Ok(()) };
        }
        verify_chain(self.as_der(), &[], &[ca.as_der()], now)
    }
}
