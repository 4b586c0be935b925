//! `GetThingShadow`, `UpdateThingShadow`, `DeleteThingShadow`, `ListNamedShadowsForThing`.
use sekisho_sigv4::Operator;
use sekisho_types::{ShadowId, ShadowName, ThingName};
use sekisho_workers::ShadowFailure;
use serde::Deserialize;
use serde_json::Value;

use super::bad_token;
use crate::{ApiError, App, Blob};

/// How many names a page has if nobody says: the most there are.
const PAGE_SIZE: usize = 100;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct One {
    thing_name: ThingName,
    shadow_name: Option<ShadowName>,
    #[serde(default)]
    payload: Blob,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Page {
    thing_name: ThingName,
    next_token: Option<String>,
    page_size: Option<usize>,
}

pub(crate) fn get(app: &App, input: One) -> Result<Value, ApiError> {
    let shadow = ShadowId { thing: input.thing_name, name: input.shadow_name };
    app.state.read().shadows.get(&shadow, app.state.now()).map_err(|error| ShadowFailure::from(error).into())
}

pub(crate) fn update(app: &App, operator: &Operator, input: One) -> Result<Value, ApiError> {
    let shadow = ShadowId { thing: input.thing_name, name: input.shadow_name };
    app.ingest.update_shadow(operator, shadow, &input.payload.0)
}

pub(crate) fn delete(app: &App, operator: &Operator, input: One) -> Result<Value, ApiError> {
    app.ingest.delete_shadow(operator, ShadowId { thing: input.thing_name, name: input.shadow_name })
}

pub(crate) fn list(app: &App, input: &Page) -> Result<Value, ApiError> {
    let size = input.page_size.unwrap_or(PAGE_SIZE);
    let (cores, token) = (app.state.read(), input.next_token.as_deref());
    sekisho_workers::named_shadows(&cores, &input.thing_name, token, size, app.state.now()).map_err(bad_token)
}

impl From<ShadowFailure> for ApiError {
    fn from(failure: ShadowFailure) -> Self {
        let (status, code, message) = failure.parts();
        Self::new(status, code, message)
    }
}
