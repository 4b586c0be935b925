//! `DeleteConnection`: a client is disconnected, and its session ended if that is wanted.
use sekisho_sigv4::Operator;
use sekisho_types::ClientId;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Input {
    client_id: ClientId,
    #[serde(default)]
    clean_session: bool,
    #[serde(default)]
    prevent_will_message: bool,
}

pub(crate) fn run(app: &App, operator: &Operator, input: Input) -> Result<Value, ApiError> {
    let Input { client_id, clean_session, prevent_will_message } = input;
    app.ingest.delete_connection(operator, client_id, clean_session, prevent_will_message)?;
    Ok(json!({}))
}
