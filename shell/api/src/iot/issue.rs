//! Certificates signed by the account's own CA.
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sekisho_identity::{
    DEVICE_CERTIFICATE_SUBJECT, DistinguishedName, Issuer, PEM_CERTIFICATE, SigningKey, SubjectPublicKeyInfo,
    decode_pem, issue_device_certificate,
};
use sekisho_registry::{CaRecord, Certificate};
use sekisho_state::OsRandom;
use sekisho_types::Timestamp;

use super::commit;
use crate::{ApiError, App};

/// Additional data the CA's private key is sealed with, in the account's state.
pub const DEVICE_CA_KEY_AAD: &[u8] = b"sekisho device ca key";

/// How long a new account's CA is waited for: an RSA key takes tenths of a second, on a busy machine a few seconds.
const DEVICE_CA_TRIES: u32 = 500;
const DEVICE_CA_PAUSE: Duration = Duration::from_millis(20);

/// Signs a certificate for `spki` and registers it.
pub(super) async fn issue(app: &App, spki: SubjectPublicKeyInfo, set_as_active: bool) -> Result<Certificate, ApiError> {
    let record = device_ca(app).await?;
    let (state, now) = (app.state.clone(), app.state.now());
    // Opening the key and signing with it takes milliseconds; connections do not wait for that.
    let signing = tokio::task::spawn_blocking(move || {
        let sealed = BASE64_STANDARD.decode(&record.sealed_private_key).map_err(ApiError::internal)?;
        let pkcs8 = state.root_key().open(DEVICE_CA_KEY_AAD, &sealed).map_err(ApiError::internal)?;
        let key = SigningKey::from_pkcs8(&pkcs8).map_err(ApiError::internal)?;
        sign(&record, &key, &spki, now)
    });
    let der = signing.await.map_err(ApiError::internal)??;
    let mut random = app.state.random();
    commit(app, |registry| registry.add_issued_certificate(now, &der, set_as_active, &mut random)).await
}

/// The account's CA. A new account's is made right after the first start; who asks before that waits for it.
async fn device_ca(app: &App) -> Result<CaRecord, ApiError> {
    for _ in 0..DEVICE_CA_TRIES {
        if let Some(record) = app.state.read().registry.issuing_ca() {
            return Ok(record.clone());
        }
        tokio::time::sleep(DEVICE_CA_PAUSE).await;
    }
    Err(ApiError::internal("the account has no CA for device certificates"))
}

fn sign(record: &CaRecord, key: &SigningKey, spki: &SubjectPublicKeyInfo, now: Timestamp) -> Result<Vec<u8>, ApiError> {
    let ca = decode_pem(&[PEM_CERTIFICATE], &record.certificate_pem).and_then(|mut all| all.pop());
    let ca = ca.ok_or_else(|| ApiError::internal("the CA's certificate is not PEM"))?;
    let issuer = Issuer::new(&ca, key).map_err(ApiError::internal)?;
    let subject = DistinguishedName::common_name(DEVICE_CERTIFICATE_SUBJECT);
    issue_device_certificate(&issuer, spki, &subject, now, &mut OsRandom).map_err(ApiError::internal)
}
