//! Certificates we sign: devices', the server's, and the two CAs they come from.
use std::net::IpAddr;
use std::time::Duration;

use sekisho_types::{Random, Timestamp};
use x509_cert::builder::{Builder, CertificateBuilder, Error as BuilderError};
use x509_cert::der::asn1::{BitString, GeneralizedTime, Ia5String};
use x509_cert::der::{DateTime, Encode};
use x509_cert::ext::pkix::SubjectKeyIdentifier;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::request::RequestBuilder;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::SubjectPublicKeyInfoRef;
use x509_cert::time::{Time, Validity};

use crate::profile::{Adapter, IssuerNames, Profile, Role};
use crate::{CertificateError, DistinguishedName, PresentedCertificate, SignError, Signer, SubjectPublicKeyInfo};

/// The common name AWS gives every device certificate it issues.
pub const DEVICE_CERTIFICATE_SUBJECT: &str = "AWS IoT Certificate";
/// The one organizational unit that AWS's issuing CA is called by. The equals signs are part of the text.
pub const DEVICE_CA_SUBJECT: &str = "Amazon Web Services O=Amazon.com Inc. L=Seattle ST=Washington C=US";
/// The common name of the CA behind the server's own certificate.
pub const SERVER_CA_SUBJECT: &str = "sekisho server CA";
/// 2049-12-31T23:59:59Z, the last moment of every device certificate AWS issues.
pub const DEVICE_CERTIFICATE_NOT_AFTER: Timestamp = Timestamp::from_seconds(2_524_607_999);
/// How long before its issue a certificate begins, for devices whose clock is slow.
const BACKDATED_S: u64 = 120;

/// A CA that can sign: its certificate and whoever holds its key.
pub struct Issuer<'a> {
    subject: DistinguishedName,
    key_identifier: Box<[u8]>,
    not_after: Timestamp,
    signer: &'a dyn Signer,
}

/// From when to when a certificate is valid, both ends included, in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    not_before: Timestamp,
    not_after: Timestamp,
}

impl Lifetime {
    /// From two minutes before `now` until `not_after`.
    pub fn until(now: Timestamp, not_after: Timestamp) -> Self {
        let not_before = Timestamp::from_seconds(now.seconds().saturating_sub(BACKDATED_S as i64).max(0));
        Self { not_before, not_after }
    }

    /// From two minutes before `now` until `validity` after it.
    pub fn of(now: Timestamp, validity: Duration) -> Self {
        Self::until(now, now.plus(validity))
    }
}

/// A name the server's certificate is valid for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerName {
    /// A DNS name, which may begin with `*.`.
    Dns(String),
    /// An address.
    Ip(IpAddr),
}

/// Why a certificate was not issued.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// Operator: certificate and private key of the CA do not belong together.
    #[error("the issuer's certificate holds another key than its signer")]
    KeyMismatch,
    /// Operator: not a CA's certificate.
    #[error("the issuer's certificate cannot be read")]
    IssuerCertificate(#[source] CertificateError),
    /// Operator: not a name a certificate can hold.
    #[error("`{0}` is no name for a certificate")]
    ServerName(String),
    /// Us: the key failed.
    #[error("the certificate could not be signed")]
    Sign(#[source] SignError),
    /// Us: what was to be signed cannot be encoded.
    #[error("the certificate could not be encoded")]
    Encode(#[source] BuilderError),
}

impl<'a> Issuer<'a> {
    /// A CA by its certificate in DER and the holder of its key.
    ///
    /// # Errors
    /// [`IssueError::IssuerCertificate`], [`IssueError::KeyMismatch`].
    pub fn new(certificate_der: &[u8], signer: &'a dyn Signer) -> Result<Self, IssueError> {
        let certificate = PresentedCertificate::parse(certificate_der).map_err(IssueError::IssuerCertificate)?;
        if certificate.subject_public_key_info() != signer.subject_public_key_info() {
            return Err(IssueError::KeyMismatch);
        }
        let key_identifier = match certificate.subject_key_identifier() {
            Some(found) => found.into(),
            None => key_identifier(signer.subject_public_key_info())?,
        };
        let (subject, not_after) = (certificate.subject().clone(), certificate.not_after());
        Ok(Self { subject, key_identifier, not_after, signer })
    }

    /// The last second of the CA: what it signs should not outlive it.
    pub const fn not_after(&self) -> Timestamp {
        self.not_after
    }
}

/// Issues a device's certificate, shaped as AWS shapes them: v3, a random serial number of 20 bytes, subject as given
/// ([`DEVICE_CERTIFICATE_SUBJECT`]), authorityKeyIdentifier, subjectKeyIdentifier, basicConstraints (critical, CA:FALSE) and
/// keyUsage (critical, digitalSignature). Returns its DER.
///
/// # Errors
/// [`IssueError::Sign`], [`IssueError::Encode`].
pub fn issue_device_certificate(
    issuer: &Issuer<'_>,
    subject_public_key_info: &SubjectPublicKeyInfo,
    subject: &DistinguishedName,
    lifetime: Lifetime,
    random: &mut dyn Random,
) -> Result<Vec<u8>, IssueError> {
    let profile = Profile { issuer: issuer.names(), subject: subject.clone(), role: Role::Device };
    issue(issuer.signer, profile, subject_public_key_info, lifetime, random)
}

/// Issues the server's certificate for `names`. Its subject is the first of them.
///
/// # Errors
/// Any [`IssueError`].
pub fn issue_server_certificate(
    issuer: &Issuer<'_>,
    subject_public_key_info: &SubjectPublicKeyInfo,
    names: &[ServerName],
    lifetime: Lifetime,
    random: &mut dyn Random,
) -> Result<Vec<u8>, IssueError> {
    // X.520 bounds a common name to 64 characters; nobody reads it where there is a subjectAltName.
    let subject = match names.first() {
        Some(ServerName::Dns(name)) if name.chars().count() <= 64 => name.clone(),
        Some(ServerName::Ip(address)) => address.to_string(),
        Some(ServerName::Dns(_)) | None => "sekisho".to_owned(),
    };
    let names = names.iter().map(general_name).collect::<Result<Vec<_>, _>>()?;
    let profile = Profile {
        issuer: issuer.names(),
        subject: DistinguishedName::common_name(&subject),
        role: Role::Server(names),
    };
    issue(issuer.signer, profile, subject_public_key_info, lifetime, random)
}

/// Issues the certificate of a CA that signs itself and, directly, end entities.
///
/// # Errors
/// [`IssueError::Sign`], [`IssueError::Encode`].
pub fn issue_ca(
    signer: &dyn Signer,
    subject: &DistinguishedName,
    lifetime: Lifetime,
    random: &mut dyn Random,
) -> Result<Vec<u8>, IssueError> {
    let spki = signer.subject_public_key_info();
    let issuer = IssuerNames { subject: subject.clone(), key_identifier: key_identifier(spki)? };
    issue(signer, Profile { issuer, subject: subject.clone(), role: Role::Ca }, spki, lifetime, random)
}

/// Asks a CA for a certificate of our own (PKCS#10); returns its DER.
///
/// # Errors
/// [`IssueError::Sign`], [`IssueError::Encode`].
pub fn request_certificate(signer: &dyn Signer, subject: &DistinguishedName) -> Result<Vec<u8>, IssueError> {
    let encode = |error: x509_cert::der::Error| IssueError::Encode(error.into());
    let adapter = Adapter(signer);
    let mut builder = RequestBuilder::new(subject.to_name().map_err(encode)?).map_err(IssueError::Encode)?;
    let info = builder.finalize(&adapter).map_err(IssueError::Encode)?;
    let signature = BitString::from_bytes(&signer.sign(&info).map_err(IssueError::Sign)?).map_err(encode)?;
    builder.assemble(signature, &adapter).map_err(IssueError::Encode)?.to_der().map_err(encode)
}

impl Issuer<'_> {
    fn names(&self) -> IssuerNames {
        IssuerNames { subject: self.subject.clone(), key_identifier: self.key_identifier.clone() }
    }
}

fn issue(
    signer: &dyn Signer,
    profile: Profile,
    spki: &SubjectPublicKeyInfo,
    lifetime: Lifetime,
    random: &mut dyn Random,
) -> Result<Vec<u8>, IssueError> {
    let encode = |error: x509_cert::der::Error| IssueError::Encode(error.into());
    let serial_number = serial_number(random).map_err(encode)?;
    let validity = Validity::new(time(lifetime.not_before).map_err(encode)?, time(lifetime.not_after).map_err(encode)?);
    let spki = spki.to_spki().map_err(encode)?;
    let adapter = Adapter(signer);
    let mut builder = CertificateBuilder::new(profile, serial_number, validity, spki).map_err(IssueError::Encode)?;
    let tbs = builder.finalize(&adapter).map_err(IssueError::Encode)?;
    let signature = BitString::from_bytes(&signer.sign(&tbs).map_err(IssueError::Sign)?).map_err(encode)?;
    let certificate = builder.assemble(signature, &adapter).map_err(IssueError::Encode)?;
    certificate.to_der().map_err(encode)
}

/// 20 bytes, positive and never shorter: 158 of its bits are random.
fn serial_number(random: &mut dyn Random) -> x509_cert::der::Result<SerialNumber> {
    let mut bytes = [0; 20];
    random.fill(&mut bytes);
    bytes[0] = (bytes[0] & 0x7f) | 0x40;
    SerialNumber::new(&bytes)
}

fn time(at: Timestamp) -> x509_cert::der::Result<Time> {
    let since_epoch = Duration::from_secs(u64::try_from(at.seconds()).unwrap_or(0));
    DateTime::from_unix_duration(since_epoch).map(|at| Time::GeneralTime(GeneralizedTime::from_date_time(at)))
}

/// RFC 5280 §4.2.1.2, method (1).
fn key_identifier(spki: &SubjectPublicKeyInfo) -> Result<Box<[u8]>, IssueError> {
    let encode = |error: x509_cert::der::Error| IssueError::Encode(error.into());
    let spki = SubjectPublicKeyInfoRef::try_from(spki.as_der()).map_err(|e| IssueError::Encode(e.into()))?;
    Ok(SubjectKeyIdentifier::try_from(spki).map_err(encode)?.0.as_bytes().into())
}

fn general_name(name: &ServerName) -> Result<GeneralName, IssueError> {
    match name {
        ServerName::Dns(text) => {
            let host = text.strip_prefix("*.").unwrap_or(text);
            let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
            if host.is_empty() || !host.bytes().all(fits) {
                return Err(IssueError::ServerName(text.clone()));
            }
            Ia5String::new(text).map(GeneralName::DnsName).map_err(|_| IssueError::ServerName(text.clone()))
        }
        ServerName::Ip(address) => Ok(GeneralName::from(*address)),
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
    use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
    use expect_test::expect;
    use sekisho_types::Secret;
    use x509_cert::Certificate;
    use x509_cert::der::Decode;

    use super::*;
    use crate::{BasicConstraints, KeyType, PathError, SigningKey, verify_chain};

    const NOW: Timestamp = Timestamp::from_millis(1_541_022_751_983);

    fn counter(out: &mut [u8]) {
        out.iter_mut().enumerate().for_each(|(i, byte)| *byte = 0xf0_u8.wrapping_add(i as u8));
    }

    fn rsa() -> Secret {
        let der: Pkcs8V1Der<'_> = RsaKeyPair::generate(KeySize::Rsa2048).unwrap().as_der().unwrap();
        Secret::new(der.as_ref().to_vec())
    }

    fn p256() -> Secret {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        Secret::new(pair.to_pkcs8v1().unwrap().as_ref().to_vec())
    }

    /// What a certificate says, one line each.
    fn outline(der: &[u8]) -> String {
        let certificate = Certificate::from_der(der).unwrap();
        let presented = PresentedCertificate::parse(der).unwrap();
        let tbs = certificate.tbs_certificate();
        let mut out = format!(
            "{:?} {}\nserial {}\nissuer {}\nsubject {}\nfrom {} to {}\nkey {}\n",
            tbs.version(),
            certificate.signature_algorithm().oid,
            tbs.serial_number(),
            presented.issuer(),
            presented.subject(),
            tbs.validity().not_before,
            tbs.validity().not_after,
            presented.subject_public_key_info().key_type(),
        );
        for extension in tbs.extensions().unwrap() {
            let critical = if extension.critical { " critical" } else { "" };
            let value = extension.extn_value.as_bytes();
            // Key identifiers follow from keys, which are new each time.
            let value = if value.len() > 20 { format!("{} bytes", value.len()) } else { format!("{value:02x?}") };
            out.push_str(&format!("{}{critical} {value}\n", extension.extn_id));
        }
        out
    }

    /// Shape of AWS's device certificates: iot dev guide, x509-client-certs; the rest from certificates AWS issued.
    #[test]
    fn a_device_certificate_has_the_shape_aws_gives_it() {
        let ca_key = SigningKey::from_pkcs8(&rsa()).unwrap();
        let name = DistinguishedName::organizational_unit(DEVICE_CA_SUBJECT);
        let ca = issue_ca(&ca_key, &name, Lifetime::until(NOW, DEVICE_CERTIFICATE_NOT_AFTER), &mut counter).unwrap();
        let device_key = SigningKey::from_pkcs8(&p256()).unwrap();
        let issuer = Issuer::new(&ca, &ca_key).unwrap();
        let subject = DistinguishedName::common_name(DEVICE_CERTIFICATE_SUBJECT);
        let spki = device_key.subject_public_key_info();
        let device = issue_device_certificate(
            &issuer,
            spki,
            &subject,
            Lifetime::until(NOW, DEVICE_CERTIFICATE_NOT_AFTER),
            &mut counter,
        )
        .unwrap();

        expect![[r#"
            V3 1.2.840.113549.1.1.11
            serial 70:F1:F2:F3:F4:F5:F6:F7:F8:F9:FA:FB:FC:FD:FE:FF:00:01:02:03
            issuer OU=Amazon Web Services O=Amazon.com Inc. L=Seattle ST=Washington C=US
            subject OU=Amazon Web Services O=Amazon.com Inc. L=Seattle ST=Washington C=US
            from 2018-10-31T21:50:31Z to 2049-12-31T23:59:59Z
            key RSA-2048
            2.5.29.14 22 bytes
            2.5.29.19 critical [30, 06, 01, 01, ff, 02, 01, 00]
            2.5.29.15 critical [03, 02, 01, 06]
        "#]]
        .assert_eq(&outline(&ca));
        expect![[r#"
            V3 1.2.840.113549.1.1.11
            serial 70:F1:F2:F3:F4:F5:F6:F7:F8:F9:FA:FB:FC:FD:FE:FF:00:01:02:03
            issuer OU=Amazon Web Services O=Amazon.com Inc. L=Seattle ST=Washington C=US
            subject CN=AWS IoT Certificate
            from 2018-10-31T21:50:31Z to 2049-12-31T23:59:59Z
            key P-256
            2.5.29.35 24 bytes
            2.5.29.14 22 bytes
            2.5.29.19 critical [30, 00]
            2.5.29.15 critical [03, 02, 07, 80]
        "#]]
        .assert_eq(&outline(&device));

        let presented = PresentedCertificate::parse(&device).unwrap();
        assert_eq!(presented.not_before(), Timestamp::from_seconds(1_541_022_631));
        assert_eq!(presented.not_after(), DEVICE_CERTIFICATE_NOT_AFTER);
        assert_eq!(presented.basic_constraints(), Some(BasicConstraints { ca: false, path_len: None }));
        assert_eq!(presented.certificate_id(), PresentedCertificate::id_of(&device));
        assert_eq!(PresentedCertificate::parse_pem(&presented.to_pem()).unwrap(), presented);
        assert_eq!(verify_chain(&device, &[], &[&ca], NOW), Ok(()));
        assert_eq!(verify_chain(&device, &[], &[&ca], Timestamp::from_seconds(2_524_608_000)), Err(PathError::Expired));
    }

    #[test]
    fn the_server_certificate_is_taken_by_a_tls_client_under_each_of_its_names() {
        let ca_key = SigningKey::from_pkcs8(&p256()).unwrap();
        let lifetime = Lifetime::of(NOW, Duration::from_secs(3600));
        let name = DistinguishedName::common_name(SERVER_CA_SUBJECT);
        let ca = issue_ca(&ca_key, &name, lifetime, &mut counter).unwrap();
        let key = SigningKey::from_pkcs8(&p256()).unwrap();
        let issuer = Issuer::new(&ca, &ca_key).unwrap();
        let names = [
            ServerName::Dns("a-ats.iot.eu-north-1.localhost".into()),
            ServerName::Dns("*.s3.localhost".into()),
            ServerName::Ip([127, 0, 0, 1].into()),
        ];
        let spki = key.subject_public_key_info();
        let server = issue_server_certificate(&issuer, spki, &names, lifetime, &mut counter).unwrap();

        let ca_der = ca.as_slice().into();
        let server_der = server.as_slice().into();
        let anchor = webpki::anchor_from_trusted_cert(&ca_der).unwrap();
        let end_entity = webpki::EndEntityCert::try_from(&server_der).unwrap();
        let now = rustls_pki_types::UnixTime::since_unix_epoch(Duration::from_millis(NOW.millis() as u64));
        let usage = webpki::KeyUsage::server_auth();
        let algorithms = webpki::ALL_VERIFICATION_ALGS;
        assert!(end_entity.verify_for_usage(algorithms, &[anchor], &[], now, usage, None, None).is_ok());
        for name in ["a-ats.iot.eu-north-1.localhost", "lake.s3.localhost", "127.0.0.1"] {
            let name = rustls_pki_types::ServerName::try_from(name).unwrap();
            assert!(end_entity.verify_is_valid_for_subject_name(&name).is_ok(), "{name:?}");
        }
        assert_eq!(verify_chain(&server, &[], &[&ca], NOW), Err(PathError::NotForClients));
        for refused in ["", "*.", "a b", "ポンプ"] {
            let names = [ServerName::Dns(refused.into())];
            let result = issue_server_certificate(&issuer, spki, &names, lifetime, &mut counter);
            assert!(matches!(result, Err(IssueError::ServerName(_))), "`{refused}`");
        }
    }

    #[test]
    fn a_ca_signs_only_with_its_own_key() {
        let ca_key = SigningKey::from_pkcs8(&p256()).unwrap();
        let name = DistinguishedName::common_name("a");
        let ca = issue_ca(&ca_key, &name, Lifetime::of(NOW, Duration::from_secs(60)), &mut counter).unwrap();
        let other = SigningKey::from_pkcs8(&p256()).unwrap();
        assert!(matches!(Issuer::new(&ca, &other), Err(IssueError::KeyMismatch)));
        assert!(matches!(Issuer::new(&[0x30, 0], &other), Err(IssueError::IssuerCertificate(_))));
    }

    #[test]
    fn private_keys_are_handed_out_as_aws_does_and_never_printed() {
        let pkcs8 = rsa();
        let key = SigningKey::from_pkcs8(&pkcs8).unwrap();
        let pem = SigningKey::private_key_pem(&pkcs8).unwrap();
        assert!(pem.expose().starts_with(b"-----BEGIN RSA PRIVATE KEY-----\nMII"));
        assert!(pem.expose().ends_with(b"-----END RSA PRIVATE KEY-----\n"));
        let text = std::str::from_utf8(pem.expose()).unwrap();
        let pkcs1 = crate::decode_pem(&["RSA PRIVATE KEY"], text).unwrap().remove(0);
        let again = RsaKeyPair::from_der(&pkcs1).unwrap();
        assert_eq!(again.public_modulus_len(), 256);
        assert_eq!(format!("{key:?}"), "SigningKey(RSA-2048, [secret])");
        assert_eq!(key.subject_public_key_info().key_type(), KeyType::Rsa { bits: 2048 });
        assert!(
            key.subject_public_key_info()
                .to_pem()
                .starts_with("-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A")
        );
        let ec = SigningKey::private_key_pem(&p256()).unwrap();
        assert!(ec.expose().starts_with(b"-----BEGIN EC PRIVATE KEY-----\n"));
        assert!(SigningKey::from_pkcs8(&Secret::new(vec![0x30, 0])).is_err());
    }
}
