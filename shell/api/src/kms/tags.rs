//! TagResource, UntagResource, ListResourceTags
use std::collections::BTreeMap;

use sekisho_kms::KmsError;
use serde::Deserialize;
use serde_json::{Value, json};

use super::commit;
use super::page::page;
use crate::{ApiError, App};

const LIMIT_DEFAULT: usize = 50;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Tag {
    tag_key: String,
    tag_value: String,
}

/// Tags as they came, each name once.
pub(super) fn pairs(tags: Vec<Tag>) -> Result<BTreeMap<String, String>, KmsError> {
    let given = tags.len();
    let pairs: BTreeMap<_, _> = tags.into_iter().map(|tag| (tag.tag_key, tag.tag_value)).collect();
    if pairs.len() == given { Ok(pairs) } else { Err(KmsError::Tag("Duplicate tag keys")) }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TagInput {
    key_id: String,
    tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Untag {
    key_id: String,
    tag_keys: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct List {
    key_id: String,
    limit: Option<usize>,
    marker: Option<String>,
}

pub(super) async fn tag(app: &App, input: TagInput) -> Result<Value, ApiError> {
    let tags = pairs(input.tags)?;
    commit(app, |cores| cores.kms.tag(&input.key_id, tags)).await?;
    Ok(Value::Null)
}

pub(super) async fn untag(app: &App, input: Untag) -> Result<Value, ApiError> {
    commit(app, |cores| cores.kms.untag(&input.key_id, &input.tag_keys)).await?;
    Ok(Value::Null)
}

pub(super) fn list(app: &App, input: List) -> Result<Value, ApiError> {
    let cores = app.state.read();
    let key = cores.kms.resolve_key(&input.key_id)?;
    let items = key.tags.iter().map(|(name, value)| (name.clone(), json!({ "TagKey": name, "TagValue": value })));
    page("Tags", items, input.marker.as_deref(), input.limit.unwrap_or(LIMIT_DEFAULT))
}
