//! Certificates signed by the account's own CA.
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sekisho_identity::{
    DEVICE_CERTIFICATE_NOT_AFTER, DEVICE_CERTIFICATE_SUBJECT, DistinguishedName, Issuer, Lifetime, PEM_CERTIFICATE,
    SigningKey, SubjectPublicKeyInfo, decode_pem, issue_device_certificate,
};
use sekisho_registry::{CLAIM_SECONDS, CaRecord, Certificate, RegistryError};
use sekisho_state::{CommitError, State};
use sekisho_types::{Random, Timestamp};

use super::{RsaKey, RsaKeys};

/// Additional data the CA's private key is sealed with, in the account's state.
pub const DEVICE_CA_KEY_AAD: &[u8] = b"sekisho device ca key";

/// How long a new account's CA is waited for: an RSA key takes tenths of a second, on a busy machine a few seconds.
const DEVICE_CA_TRIES: u32 = 500;
const DEVICE_CA_PAUSE: Duration = Duration::from_millis(20);

/// Signs certificates. Its key is opened for each signature and forgotten.
pub struct Issuing {
    state: Arc<State>,
    rsa_keys: RsaKeys,
}

/// Why no certificate was issued: ours to mend, each of them.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct IssuingError(String);

impl IssuingError {
    fn new(error: impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

enum Subject {
    Device,
    /// A claim, by a random name.
    Claim,
}

impl Issuing {
    /// Signs with the account's CA, as soon as there is one.
    pub fn new(state: Arc<State>, rsa_keys: RsaKeys) -> Self {
        Self { state, rsa_keys }
    }

    /// A key nobody else has.
    ///
    /// # Errors
    /// [`IssuingError`].
    pub async fn key_pair(&self) -> Result<RsaKey, IssuingError> {
        self.rsa_keys.take().await.map_err(IssuingError)
    }

    /// Signs a device's certificate and returns its DER. It is not registered.
    ///
    /// # Errors
    /// [`IssuingError`].
    pub async fn sign(&self, spki: SubjectPublicKeyInfo) -> Result<Vec<u8>, IssuingError> {
        self.sign_for(spki, Subject::Device).await
    }

    /// Signs the certificate of a provisioning claim: it ends after five minutes.
    ///
    /// # Errors
    /// [`IssuingError`].
    pub async fn sign_claim(&self, spki: SubjectPublicKeyInfo) -> Result<Vec<u8>, IssuingError> {
        self.sign_for(spki, Subject::Claim).await
    }

    /// Signs a device's certificate and registers it.
    ///
    /// # Errors
    /// [`IssuingError`].
    pub async fn issue(&self, spki: SubjectPublicKeyInfo, set_as_active: bool) -> Result<Certificate, IssuingError> {
        let der = self.sign(spki).await?;
        let (now, mut random) = (self.state.now(), self.state.random());
        let committed = self.state.commit(|cores| {
            let (events, certificate) = cores.registry.add_issued_certificate(now, &der, set_as_active, &mut random)?;
            Ok::<_, RegistryError>((events.into_iter().map(Into::into).collect(), certificate))
        });
        committed.await.map_err(|error: CommitError<RegistryError>| IssuingError::new(error))
    }

    async fn sign_for(&self, spki: SubjectPublicKeyInfo, subject: Subject) -> Result<Vec<u8>, IssuingError> {
        let record = self.device_ca().await?;
        let (state, now) = (self.state.clone(), self.state.now());
        // Opening the key and signing with it takes milliseconds; connections do not wait for that.
        let signing = tokio::task::spawn_blocking(move || {
            let sealed = BASE64_STANDARD.decode(&record.sealed_private_key).map_err(IssuingError::new)?;
            let pkcs8 = state.root_key().open(DEVICE_CA_KEY_AAD, &sealed).map_err(IssuingError::new)?;
            let key = SigningKey::from_pkcs8(&pkcs8).map_err(IssuingError::new)?;
            sign(&record, &key, &spki, &subject, now, &mut state.random())
        });
        signing.await.map_err(IssuingError::new)?
    }

    /// The account's CA. A new account's is made right after the first start; who asks before that waits for it.
    async fn device_ca(&self) -> Result<CaRecord, IssuingError> {
        for _ in 0..DEVICE_CA_TRIES {
            if let Some(record) = self.state.read().registry.issuing_ca() {
                return Ok(record.clone());
            }
            tokio::time::sleep(DEVICE_CA_PAUSE).await;
        }
        Err(IssuingError("the account has no CA for device certificates".into()))
    }
}

fn sign(
    record: &CaRecord,
    key: &SigningKey,
    spki: &SubjectPublicKeyInfo,
    subject: &Subject,
    now: Timestamp,
    random: &mut dyn Random,
) -> Result<Vec<u8>, IssuingError> {
    let ca = decode_pem(&[PEM_CERTIFICATE], &record.certificate_pem).and_then(|all| all.into_iter().next());
    let ca = ca.ok_or_else(|| IssuingError("the CA's certificate is not PEM".into()))?;
    let issuer = Issuer::new(&ca, key).map_err(IssuingError::new)?;
    if now > issuer.not_after() {
        return Err(IssuingError(
            "the CA that signs devices' certificates has expired: `sekisho ca rotate`, or install another".into(),
        ));
    }
    let (subject, lifetime) = match subject {
        Subject::Device => {
            let lifetime = Lifetime::until(now, issuer.not_after().min(DEVICE_CERTIFICATE_NOT_AFTER));
            (DistinguishedName::common_name(DEVICE_CERTIFICATE_SUBJECT), lifetime)
        }
        Subject::Claim => {
            let mut name = [0; 32];
            random.fill(&mut name);
            let name: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
            let lifetime = Lifetime::of(now, Duration::from_secs(CLAIM_SECONDS.unsigned_abs()));
            (DistinguishedName::common_name(&name), lifetime)
        }
    };
    issue_device_certificate(&issuer, spki, &subject, lifetime, random).map_err(IssuingError::new)
}
