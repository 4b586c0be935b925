//! `DescribeThingType`
use sekisho_types::ThingTypeName;
use serde::Deserialize;
use serde_json::{Value, json};

use super::thing_type::shown;
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    thing_type_name: ThingTypeName,
}

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let cores = app.state.read();
    let thing_type = cores.registry.thing_type(&input.thing_type_name)?;
    let mut output = shown(&cores.registry, thing_type);
    output["thingTypeId"] = json!(thing_type.thing_type_id);
    Ok(output)
}
