//! UpdateDestination
use sekisho_delivery::{DeliveryError, Given};
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
    http_endpoint_destination_update: Option<Value>,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let name = super::stream_name(&input.delivery_stream_name)?;
    let given = [
        input.extended_s3_destination_update.as_ref().map(Given::S3),
        input.s3_destination_update.as_ref().map(Given::S3),
        input.http_endpoint_destination_update.as_ref().map(Given::HttpEndpoint),
    ];
    let mut given = given.into_iter().flatten();
    let (Some(update), None) = (given.next(), given.next()) else {
        let message = "a destination is updated by one update of its own kind: S3 or HTTP endpoint";
        return Err(DeliveryError::InvalidArgument(message.into()).into());
    };
    let now = app.state.now();
    let (version, destination) = (&input.current_delivery_stream_version_id, &input.destination_id);
    app.state
        .commit(|cores| {
            let events = cores.delivery.update_destination(now, &name, version, destination, update)?;
            Ok::<_, DeliveryError>((events.into_iter().map(Into::into).collect(), ()))
        })
        .await?;
    Ok(json!({}))
}
