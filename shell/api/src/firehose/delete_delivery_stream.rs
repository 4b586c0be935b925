//! DeleteDeliveryStream
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    delivery_stream_name: String,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let name = super::stream_name(&input.delivery_stream_name)?;
    app.state
        .commit(|cores| {
            let events = cores.delivery.delete_delivery_stream(&name)?;
            Ok::<_, sekisho_delivery::DeliveryError>((events.into_iter().map(Into::into).collect(), ()))
        })
        .await?;
    Ok(json!({}))
}
