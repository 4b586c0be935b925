//! `GetTopicRuleDestination`
use serde::Deserialize;
use serde_json::{Value, json};

use super::destination;
use crate::{ApiError, App};

#[derive(Deserialize)]
pub(super) struct Input {
    arn: String,
}

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let cores = app.state.read();
    let found = cores.registry.destination_of_arn(&input.arn)?;
    Ok(json!({ "topicRuleDestination": destination::shown(&cores.registry, found) }))
}
