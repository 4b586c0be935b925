//! ENABLING and DISABLING, finished: KMS is asked whether the key may be used, and the stream told what became of it.
use std::convert::Infallible;
use std::sync::Arc;

use sekisho_delivery::{BufferKey, FailureDescription, FailureType, StreamEncryption};
use sekisho_kms::{Kms, KmsError};
use sekisho_state::State;
use sekisho_types::DeliveryStreamName;
use tokio::sync::mpsc;

/// Finishes what is begun until the sender is gone.
pub(super) async fn run(state: Arc<State>, mut begun: mpsc::UnboundedReceiver<DeliveryStreamName>) {
    while let Some(name) = begun.recv().await {
        let settled = state.commit(|cores| {
            let outcome = match cores.delivery.stream(&name).map(|stream| &stream.encryption) {
                Ok(StreamEncryption::Enabling { asked, .. }) => vouch(&cores.kms, asked),
                Ok(StreamEncryption::Disabling { present }) => Ok(present.clone()),
                Ok(_) | Err(_) => return Ok::<_, Infallible>((Vec::new(), ())),
            };
            if let Err(failure) = &outcome {
                tracing::warn!(stream = %name, kind = ?failure.kind, failure.details, "encryption was not enabled");
            }
            let events = cores.delivery.settle_encryption(&name, outcome);
            Ok((events.into_iter().map(Into::into).collect(), ()))
        });
        if settled.await.is_err() {
            // The journal has stopped; the next start finishes it.
            return;
        }
    }
}

/// The key, by its own ARN, if KMS lets it be used.
fn vouch(kms: &Kms, asked: &BufferKey) -> Result<BufferKey, FailureDescription> {
    let BufferKey::Customer { key_arn } = asked else { return Ok(BufferKey::AwsOwned) };
    match kms.customer_key(key_arn) {
        Ok(key) => Ok(BufferKey::Customer { key_arn: key.arn(kms.tenant()) }),
        Err(error) => Err(FailureDescription { kind: kind(&error), details: error.to_string() }),
    }
}

fn kind(error: &KmsError) -> FailureType {
    match error {
        KmsError::KeyNotFound(_) | KmsError::AliasNotFound(_) => FailureType::KmsKeyNotFound,
        KmsError::Disabled(_) => FailureType::DisabledKmsKey,
        KmsError::PendingDeletion(_)
        | KmsError::Managed(_)
        | KmsError::InvalidKeyId(_)
        | KmsError::InvalidArn(_)
        | KmsError::KeyUsage(_)
        | KmsError::Validation(_) => FailureType::InvalidKmsKey,
        _ => FailureType::UnknownError,
    }
}
