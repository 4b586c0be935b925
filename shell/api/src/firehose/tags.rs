//! TagDeliveryStream, UntagDeliveryStream
use sekisho_delivery::DeliveryError;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Tag {
    key: String,
    value: Option<String>,
}

impl Tag {
    pub(super) fn into_pair(self) -> (String, String) {
        (self.key, self.value.unwrap_or_default())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TagInput {
    delivery_stream_name: String,
    tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct UntagInput {
    delivery_stream_name: String,
    tag_keys: Vec<String>,
}

pub(super) async fn tag(app: &App, input: TagInput) -> Result<Value, ApiError> {
    let name = super::stream_name(&input.delivery_stream_name)?;
    let tags = input.tags.into_iter().map(Tag::into_pair).collect();
    app.state
        .commit(|cores| {
            let events = cores.delivery.tag(&name, tags)?;
            Ok::<_, DeliveryError>((events.into_iter().map(Into::into).collect(), ()))
        })
        .await?;
    Ok(json!({}))
}

pub(super) async fn untag(app: &App, input: UntagInput) -> Result<Value, ApiError> {
    let name = super::stream_name(&input.delivery_stream_name)?;
    app.state
        .commit(|cores| {
            let events = cores.delivery.untag(&name, &input.tag_keys)?;
            Ok::<_, DeliveryError>((events.into_iter().map(Into::into).collect(), ()))
        })
        .await?;
    Ok(json!({}))
}
