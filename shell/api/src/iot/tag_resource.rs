//! `TagResource`
use serde::Deserialize;
use serde_json::Value;

use super::{Tag, commit_empty, tag_map};
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    resource_arn: String,
    tags: Vec<Tag>,
}

pub(super) async fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    commit_empty(app, |registry| registry.tag_resource(&input.resource_arn, tag_map(input.tags))).await
}
