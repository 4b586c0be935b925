//! StartDeliveryStreamEncryption, StopDeliveryStreamEncryption. The buffer is sealed in every case, under the server's own
//! key; this is what the API tells of it.
use sekisho_delivery::{DeliveryError, StreamEncryption};
use sekisho_types::DeliveryStreamName;
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
    pub(super) fn check(self) -> Result<StreamEncryption, ApiError> {
        match (self.key_type.as_str(), &self.key_arn) {
            ("AWS_OWNED_CMK", None) => Ok(StreamEncryption::Enabled { key_type: self.key_type, key_arn: None }),
            ("CUSTOMER_MANAGED_CMK", _) => {
                Err(DeliveryError::NotOffered("KeyType CUSTOMER_MANAGED_CMK of a delivery stream's buffer".into())
                    .into())
            }
            _ => {
                let message = "KeyARN goes with KeyType CUSTOMER_MANAGED_CMK only";
                Err(DeliveryError::InvalidArgument(message.into()).into())
            }
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
    let owned = Configuration { key_type: "AWS_OWNED_CMK".into(), key_arn: None };
    let encryption = input.delivery_stream_encryption_configuration_input.unwrap_or(owned).check()?;
    set(app, &input.delivery_stream_name, encryption).await
}

pub(super) async fn stop(app: &App, input: Stop) -> Result<Value, ApiError> {
    set(app, &input.delivery_stream_name, StreamEncryption::Disabled).await
}

async fn set(app: &App, name: &str, encryption: StreamEncryption) -> Result<Value, ApiError> {
    let name = super::stream_name(name)?;
    app.state
        .commit(|cores| {
            let events = cores.delivery.set_encryption(&name, encryption)?;
            Ok::<_, DeliveryError>((events.into_iter().map(Into::into).collect(), ()))
        })
        .await?;
    Ok(json!({}))
}

/// What `Encrypted` answers.
pub(super) fn enabled(app: &App, name: &DeliveryStreamName) -> bool {
    let cores = app.state.read();
    cores.delivery.stream(name).is_ok_and(|stream| stream.encryption != StreamEncryption::Disabled)
}
