//! ListKeys
use serde::Deserialize;
use serde_json::{Value, json};

use super::page::page;
use crate::{ApiError, App};

const LIMIT_DEFAULT: usize = 100;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Input {
    limit: Option<usize>,
    marker: Option<String>,
}

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let (cores, tenant) = (app.state.read(), app.state.tenant());
    let items =
        cores.kms.keys().map(|key| (key.key_id.to_string(), json!({ "KeyId": key.key_id, "KeyArn": key.arn(tenant) })));
    page("Keys", items, input.marker.as_deref(), input.limit.unwrap_or(LIMIT_DEFAULT))
}
