//! UpdateDestination
use sekisho_delivery::DeliveryError;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    delivery_stream_name: String,
    current_delivery_stream_version_id: String,
    destination_id: String,
    extended_s3_destination_update: Option<Value>,
    s3_destination_update: Option<Value>,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let name = super::stream_name(&input.delivery_stream_name)?;
    let Some(update) = input.extended_s3_destination_update.or(input.s3_destination_update) else {
        return Err(
            DeliveryError::InvalidArgument("an S3 destination is updated by an S3 destination update".into()).into()
        );
    };
    let now = app.state.now();
    let (version, destination) = (&input.current_delivery_stream_version_id, &input.destination_id);
    app.state
        .commit(|cores| {
            let events = cores.delivery.update_destination(now, &name, version, destination, &update)?;
            Ok::<_, DeliveryError>((events.into_iter().map(Into::into).collect(), ()))
        })
        .await?;
    Ok(json!({}))
}
