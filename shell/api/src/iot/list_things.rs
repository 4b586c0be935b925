//! `ListThings`
use sekisho_registry::{Thing, ThingFilter};
use sekisho_types::ThingTypeName;
use serde::Deserialize;
use serde_json::{Value, json};

use super::page::{TOKEN_PAGE, page};
use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    next_token: Option<String>,
    max_results: Option<usize>,
    attribute_name: Option<String>,
    attribute_value: Option<String>,
    thing_type_name: Option<ThingTypeName>,
    #[serde(default)]
    use_prefix_attribute_value: bool,
}

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    let filter = ThingFilter {
        attribute_name: input.attribute_name,
        attribute_value: input.attribute_value,
        use_prefix: input.use_prefix_attribute_value,
        thing_type_name: input.thing_type_name,
    };
    let cores = app.state.read();
    let key = |thing: &&Thing| thing.thing_name.to_string();
    let size = input.max_results.unwrap_or(TOKEN_PAGE);
    let (things, next) = page(cores.registry.things(&filter), key, false, input.next_token.as_deref(), size)?;
    let things = things.into_iter().map(|thing| {
        let mut shown = json!({
            "thingName": thing.thing_name,
            "thingArn": cores.registry.thing_arn(&thing.thing_name),
            "attributes": thing.attributes,
            "version": thing.version,
        });
        if let Some(thing_type_name) = &thing.thing_type_name {
            shown["thingTypeName"] = json!(thing_type_name);
        }
        shown
    });
    let mut output = json!({ "things": things.collect::<Vec<_>>() });
    if let Some(next) = next {
        output["nextToken"] = json!(next);
    }
    Ok(output)
}
