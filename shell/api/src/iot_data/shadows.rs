//! `GetThingShadow`, `UpdateThingShadow`, `DeleteThingShadow`, `ListNamedShadowsForThing`.
use sekisho_policy::{DeleteThingShadow, GetThingShadow, ListNamedShadowsForThing, UpdateThingShadow};
use sekisho_types::{ShadowId, ShadowName, ThingName};
use sekisho_workers::{Caller, ShadowFailure};
use serde::Deserialize;
use serde_json::Value;

use super::{bad_token, may};
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

impl One {
    fn shadow(&self) -> ShadowId {
        ShadowId { thing: self.thing_name.clone(), name: self.shadow_name.clone() }
    }
}

pub(crate) fn get(app: &App, caller: Caller<'_>, input: One) -> Result<Value, ApiError> {
    let permit = may(app, caller, GetThingShadow { shadow: input.shadow() })?;
    let shadow = &permit.action().shadow;
    app.state.read().shadows.get(shadow, app.state.now()).map_err(|error| ShadowFailure::from(error).into())
}

pub(crate) fn update(app: &App, caller: Caller<'_>, input: One) -> Result<Value, ApiError> {
    let permit = may(app, caller, UpdateThingShadow { shadow: input.shadow() })?;
    app.ingest.update_shadow(&permit, &input.payload.0)
}

pub(crate) fn delete(app: &App, caller: Caller<'_>, input: One) -> Result<Value, ApiError> {
    app.ingest.delete_shadow(&may(app, caller, DeleteThingShadow { shadow: input.shadow() })?)
}

pub(crate) fn list(app: &App, caller: Caller<'_>, input: Page) -> Result<Value, ApiError> {
    let permit = may(app, caller, ListNamedShadowsForThing { thing: input.thing_name })?;
    let size = input.page_size.unwrap_or(PAGE_SIZE);
    let (cores, token) = (app.state.read(), input.next_token.as_deref());
    sekisho_workers::named_shadows(&cores, &permit.action().thing, token, size, app.state.now()).map_err(bad_token)
}

impl From<ShadowFailure> for ApiError {
    fn from(failure: ShadowFailure) -> Self {
        let (status, code, message) = failure.parts();
        Self::new(status, code, message)
    }
}
