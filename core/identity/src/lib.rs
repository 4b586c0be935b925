//! X.509: whose certificate is this, and issuing ours.
//!
//! Receives DER, PEM and what the registry holds about a certificate; hands on a [`DeviceIdentity`], which exists only for a
//! certificate that is ACTIVE and inside its validity. Knows nothing of connections, policies or storage.
mod device; // certificate record → DeviceIdentity, the proof
mod status; // a certificate's status as AWS spells it, and what it may become

mod certificate; // DER → PresentedCertificate
mod check; // may this CA, or this device's certificate, be registered?
mod crl; // what a CA no longer vouches for
mod csr; // a device asks for a certificate: PEM → Csr
mod algorithm; // signature algorithms, and which are believed
mod extensions; // what a certificate may be used for
mod alternative_name; // other names of its subject and its issuer
mod key; // SubjectPublicKeyInfo, and signatures checked with it
mod name; // distinguished names, repeats and order kept
mod path; // end entity → intermediates → root
mod pem; // the text around DER
mod signed; // the signed bytes, the algorithm, the signature
mod version_1; // certificates without extensions

mod issue; // certificates we sign
mod profile; // what is in them
mod signer; // private keys that sign them

pub use algorithm::{AcceptedSignatureAlgorithm, HashAlgorithm};
pub use alternative_name::AlternativeName;
pub use certificate::{BasicConstraints, CertificateError, PresentedCertificate};
pub use check::{CaError, CertificateUnfit, DeviceCertificateError, check_ca, check_device};
pub use crl::{CrlError, PEM_CRL, RevocationList};
pub use csr::{Csr, CsrError};
pub use device::{CertificateRecord, DeviceIdentity, IdentityError};
pub use issue::{
    DEVICE_CA_SUBJECT, DEVICE_CERTIFICATE_NOT_AFTER, DEVICE_CERTIFICATE_SUBJECT, IssueError, Issuer, Lifetime,
    SERVER_CA_SUBJECT, ServerName, issue_ca, issue_device_certificate, issue_server_certificate, request_certificate,
};
pub use key::{KeyType, SubjectPublicKeyInfo};
pub use name::{DistinguishedName, NameAttribute, attribute_type};
pub use path::{INTERMEDIATES_MAX, PathError, verify_chain};
pub use pem::{PEM_CERTIFICATE, decode_pem, encode_pem};
pub use signed::{SignatureAlgorithmError, SignedByError};
pub use signer::{SignError, SignatureAlgorithm, Signer, SigningKey, SigningKeyError};
pub use status::{CertificateStatus, TransitionError};
pub use version_1::{Version1Key, version_1_key};
