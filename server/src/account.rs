//! The account a command acts in: that of a running server, or the one the AWS_… variables name. Speaks to AWS as well.
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use sekisho_client::{AwsClient, AwsError, Credentials};
use sekisho_envelope::{KmsContext, KmsDecrypt, Pairs, Sealer};
use sekisho_types::Secret;
use serde_json::{Value, json};

use crate::{credentials, endpoints};

/// An object takes at most this long, either way. And then: the command fails.
const OBJECT_MAX: Duration = Duration::from_secs(15 * 60);

/// Which account.
#[derive(Args)]
pub struct AccountArgs {
    /// The data directory of a running server [default: what AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID and
    /// AWS_SECRET_ACCESS_KEY say]
    #[arg(long, value_name = "DIR", env = "SEKISHO_DATA")]
    data: Option<PathBuf>,
}

/// An account's S3 and KMS.
pub struct Account {
    /// Whether nobody can read along what KMS is told.
    private: bool,
    /// Takes objects of as many bytes as were asked for.
    pub s3: AwsClient,
    kms: AwsClient,
}

impl Account {
    /// Opens it; nothing is sent yet. Answers longer than `object_bytes_max` are not taken.
    pub fn open(args: &AccountArgs, object_bytes_max: usize) -> Result<Self> {
        match &args.data {
            Some(data) => Self::of(Found::of_server(data)?, object_bytes_max),
            None => Self::of_environment(object_bytes_max),
        }
    }

    /// The account that the AWS_… variables name.
    pub fn of_environment(object_bytes_max: usize) -> Result<Self> {
        Self::of(Found::of_environment()?, object_bytes_max)
    }

    fn of(found: Found, object_bytes_max: usize) -> Result<Self> {
        let client = |endpoint: &str| AwsClient::new(endpoint, &found.region, found.credentials.clone());
        let s3 = client(&found.s3)?.with_limits(object_bytes_max, OBJECT_MAX);
        Ok(Self { private: is_private(&found.kms), s3, kms: client(&found.kms)? })
    }

    /// Whether what KMS is told stays between it and this machine.
    pub fn is_private(&self) -> bool {
        self.private
    }

    /// A data key under the KMS key that `key_id` names (id, ARN, alias), for sealing.
    pub async fn generate_data_key(&self, key_id: &str, context: KmsContext) -> Result<Sealer> {
        let body = json!({ "KeyId": key_id, "KeySpec": "AES_256", "EncryptionContext": context.pairs() });
        let answer = self.kms("GenerateDataKey", &body).await.context("kms GenerateDataKey")?;
        let (plaintext, blob) = (bytes(&answer, "Plaintext")?, bytes(&answer, "CiphertextBlob")?);
        Ok(Sealer::from_kms(context, &Secret::new(plaintext), blob)?)
    }

    /// What KMS opens the wrapped data key to; with `key_id`, only if that key wrapped it.
    pub async fn decrypt(&self, asked: &KmsDecrypt<'_>, key_id: Option<&str>) -> Result<Secret> {
        let blob = STANDARD.encode(asked.ciphertext_blob());
        let mut body = json!({ "CiphertextBlob": blob, "EncryptionContext": asked.context() });
        if let Some(key_id) = key_id {
            body["KeyId"] = key_id.into();
        }
        let answer = self.kms("Decrypt", &body).await.context("kms Decrypt")?;
        Ok(Secret::new(bytes(&answer, "Plaintext")?))
    }

    /// Any operation of KMS.
    pub async fn kms(&self, operation: &str, body: &Value) -> Result<Value, AwsError> {
        self.kms.json11("kms", operation, body).await
    }
}

/// Where to ask, and as whom.
struct Found {
    s3: String,
    kms: String,
    region: String,
    credentials: Credentials,
}

impl Found {
    fn of_server(data: &Path) -> Result<Self> {
        let endpoints = endpoints::read(data)?;
        let credentials::Credentials { access_key_id, secret_access_key } =
            credentials::read(&credentials::path(data))?;
        let credentials = Credentials { access_key_id, secret_access_key, session_token: None };
        Ok(Self { s3: endpoints.api.clone(), kms: endpoints.api, region: endpoints.region, credentials })
    }

    fn of_environment() -> Result<Self> {
        let Some(region) = variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION")) else {
            bail!("which account? Give --data DIR, or set AWS_REGION and its like (`sekisho env` prints them)");
        };
        let needed = |name| variable(name).with_context(|| format!("{name} is not set"));
        let secret_access_key = Secret::new(needed("AWS_SECRET_ACCESS_KEY")?.into_bytes());
        let credentials = Credentials {
            access_key_id: needed("AWS_ACCESS_KEY_ID")?,
            secret_access_key,
            session_token: variable("AWS_SESSION_TOKEN"),
        };
        let endpoint = |own: &str, service: &str| {
            let found = variable(own).or_else(|| variable("AWS_ENDPOINT_URL"));
            found.unwrap_or_else(|| format!("https://{service}.{region}.amazonaws.com"))
        };
        let (s3, kms) = (endpoint("AWS_ENDPOINT_URL_S3", "s3"), endpoint("AWS_ENDPOINT_URL_KMS", "kms"));
        Ok(Self { s3, kms, region, credentials })
    }
}

/// Whether an endpoint is spoken to over TLS, or is this machine.
fn is_private(endpoint: &str) -> bool {
    let Some(authority) = endpoint.strip_prefix("http://") else { return true };
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host).trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn bytes(answer: &Value, member: &str) -> Result<Vec<u8>> {
    let decoded = answer[member].as_str().and_then(|text| STANDARD.decode(text).ok());
    decoded.with_context(|| format!("KMS answered without {member}"))
}

/// `NAME=VALUE`, for clap.
pub fn pair(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(name, _)| !name.is_empty());
    pair.map(|(name, value)| (name.to_owned(), value.to_owned())).ok_or_else(|| "expected NAME=VALUE".to_owned())
}

/// The caller's encryption context, each name once.
pub fn context(pairs: &[(String, String)]) -> Result<Pairs> {
    let mut context = Pairs::new();
    for (name, value) in pairs {
        if context.insert(name.clone(), value.clone()).is_some() {
            bail!("the encryption context names `{name}` twice");
        }
    }
    Ok(context)
}

/// Whether the service says that there is no such object.
pub fn is_missing(error: &AwsError) -> bool {
    matches!(error, AwsError::Refused(refused) if refused.code == "NoSuchKey")
}

/// The context KMS is asked with.
pub fn kms_context(pairs: &[(String, String)]) -> Result<KmsContext> {
    Ok(KmsContext::of(&context(pairs)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_is_tls_or_this_machine() {
        for endpoint in [
            "https://kms.eu-north-1.amazonaws.com",
            "http://127.0.0.1:4566",
            "http://localhost:4566",
            "http://[::1]:4566",
        ] {
            assert!(is_private(endpoint), "{endpoint}");
        }
        for endpoint in ["http://10.0.0.7:4566", "http://localhost.example:4566", "http://127.0.0.1.example"] {
            assert!(!is_private(endpoint), "{endpoint}");
        }
    }
}
