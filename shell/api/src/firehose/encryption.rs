//! StartDeliveryStreamEncryption, StopDeliveryStreamEncryption: answered when they are begun. The buffer is sealed in every
//! case, under the server's own keys; a customer's key is asked for beside them.
use sekisho_delivery::{BufferKey, DeliveryError};
use sekisho_kms::KmsError;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{ApiError, App};

/// `DeliveryStreamEncryptionConfigurationInput`
#[derive(Deserialize)]
pub(super) struct Configuration {
    #[serde(rename = "KeyType")]
    key_type: String,
    #[serde(rename = "KeyARN")]
    key_arn: Option<String>,
}

impl Configuration {
    pub(super) fn check(self) -> Result<BufferKey, DeliveryError> {
        match (self.key_type.as_str(), self.key_arn) {
            ("AWS_OWNED_CMK", None) => Ok(BufferKey::AwsOwned),
            ("CUSTOMER_MANAGED_CMK", Some(key_arn)) => Ok(BufferKey::Customer { key_arn }),
            ("CUSTOMER_MANAGED_CMK", None) => {
                Err(DeliveryError::InvalidArgument("KeyARN is required with KeyType CUSTOMER_MANAGED_CMK".into()))
            }
            _ => Err(DeliveryError::InvalidArgument("KeyARN goes with KeyType CUSTOMER_MANAGED_CMK only".into())),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Start {
    delivery_stream_name: String,
    delivery_stream_encryption_configuration_input: Option<Configuration>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Stop {
    delivery_stream_name: String,
}

pub(super) async fn start(app: &App, input: Start) -> Result<Value, ApiError> {
    let configuration = input.delivery_stream_encryption_configuration_input;
    let asked = configuration.map_or(Ok(BufferKey::AwsOwned), Configuration::check)?;
    let (name, now) = (super::stream_name(&input.delivery_stream_name)?, app.state.now());
    app.state
        .commit(|cores| {
            let events = cores.delivery.start_encryption(now, &name, asked)?;
            Ok::<_, DeliveryError>((events.into_iter().map(Into::into).collect(), ()))
        })
        .await?;
    Ok(json!({}))
}

pub(super) async fn stop(app: &App, input: Stop) -> Result<Value, ApiError> {
    let (name, now) = (super::stream_name(&input.delivery_stream_name)?, app.state.now());
    app.state
        .commit(|cores| {
            let events = cores.delivery.stop_encryption(now, &name)?;
            Ok::<_, DeliveryError>((events.into_iter().map(Into::into).collect(), ()))
        })
        .await?;
    Ok(json!({}))
}

/// `InvalidKMSResourceException`. Its `code` is what KMS calls it, of the four that the API reference names.
pub(super) fn kms_refusal(error: &KmsError) -> ApiError {
    let code = match error {
        KmsError::Disabled(_) => "DisabledException",
        KmsError::PendingDeletion(_) => "InvalidStateException",
        KmsError::Managed(_) => "AccessDeniedException",
        KmsError::KeyNotFound(_) | KmsError::AliasNotFound(_) | KmsError::InvalidKeyId(_) | KmsError::InvalidArn(_) => {
            "NotFoundException"
        }
        KmsError::Material(_) => return ApiError::internal(error),
        other => &format!("{}Exception", other.code()),
    };
    ApiError::new(400, "InvalidKMSResourceException", error.to_string()).with("code", code)
}
