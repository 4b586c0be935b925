//! A CA of one's own, as a customer has it: for demos, tests and figures.
use std::time::Duration;

use sekisho_identity::{
    DistinguishedName, Issuer, Lifetime, PEM_CERTIFICATE, Signer, issue_ca, issue_device_certificate,
};
use serde_json::{Value, json};

use crate::aws::now;
use crate::{AwsClient, AwsError, DeviceKey, KeyError, KeyKind};

/// How long what it signs is valid.
const VALIDITY: Duration = Duration::from_secs(365 * 24 * 3600);

/// A self-signed CA with its key.
pub struct OwnCa {
    key: DeviceKey,
    der: Vec<u8>,
}

impl OwnCa {
    /// A fresh one.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn new(common_name: &str) -> Result<Self, KeyError> {
        let key = DeviceKey::generate(KeyKind::P256)?;
        let (subject, lifetime) = (DistinguishedName::common_name(common_name), Lifetime::of(now(), VALIDITY));
        let der = issue_ca(key.signer(), &subject, lifetime, &mut random)?;
        Ok(Self { key, der })
    }

    /// Its certificate.
    pub fn to_pem(&self) -> String {
        sekisho_identity::encode_pem(PEM_CERTIFICATE, &self.der)
    }

    /// A device's certificate for `CN=common_name` and the device's own key, in PEM.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn certify(&self, common_name: &str, key: &DeviceKey) -> Result<String, KeyError> {
        let issuer = Issuer::new(&self.der, self.key.signer())?;
        let (subject, lifetime) = (DistinguishedName::common_name(common_name), Lifetime::of(now(), VALIDITY));
        let spki = key.signer().subject_public_key_info();
        let der = issue_device_certificate(&issuer, spki, &subject, lifetime, &mut random)?;
        Ok(sekisho_identity::encode_pem(PEM_CERTIFICATE, &der))
    }

    /// Registers it by proof of possession, active; answers its id. With a template its devices are provisioned by their first
    /// connection, else they are registered by it.
    ///
    /// # Errors
    /// [`AwsError`]; what cannot be signed is one too.
    pub async fn register(&self, client: &AwsClient, template: Option<&Value>) -> Result<String, OwnCaError> {
        let code = client.iot(http::Method::GET, "/registrationcode", &Value::Null).await?;
        let code = code["registrationCode"].as_str().unwrap_or_default().to_owned();
        let mut body = json!({
            "caCertificate": self.to_pem(),
            "verificationCertificate": self.certify(&code, &self.key)?,
        });
        if let Some(template) = template {
            let role = "arn:aws:iam::000000000000:role/provisioning";
            body["registrationConfig"] = json!({ "templateBody": template.to_string(), "roleArn": role });
        }
        let path = "/cacertificate?setAsActive=true&allowAutoRegistration=true";
        let answer = client.iot(http::Method::POST, path, &body).await?;
        Ok(answer["certificateId"].as_str().unwrap_or_default().to_owned())
    }
}

/// Why a CA could not be registered.
#[derive(Debug, thiserror::Error)]
pub enum OwnCaError {
    /// Its key failed.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The service said no, or nothing.
    #[error(transparent)]
    Aws(#[from] AwsError),
}

fn random(out: &mut [u8]) {
    aws_lc_rs::rand::fill(out).expect("the operating system gives random bytes");
}
