//! A thing type as requests bring it and answers show it.
use sekisho_registry::{Registry, ThingType};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::ApiError;

/// `thingTypeProperties`.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub(super) struct ThingTypeProperties {
    pub(super) thing_type_description: Option<String>,
    pub(super) searchable_attributes: Option<Vec<String>>,
    mqtt5_configuration: Option<Value>,
}

impl ThingTypeProperties {
    /// The properties, unless they ask for what the broker does not do: attributes that travel with every message.
    pub(super) fn offered(self) -> Result<Self, ApiError> {
        let propagating = self.mqtt5_configuration.as_ref().and_then(|of| of["propagatingAttributes"].as_array());
        if propagating.is_some_and(|attributes| !attributes.is_empty()) {
            let message = "mqtt5Configuration: propagating attributes are not supported";
            return Err(ApiError::new(400, "InvalidRequestException", message));
        }
        Ok(self)
    }
}

/// What `DescribeThingType` and `ListThingTypes` both tell.
pub(super) fn shown(registry: &Registry, thing_type: &ThingType) -> Value {
    let mut properties = json!({});
    if let Some(description) = &thing_type.thing_type_description {
        properties["thingTypeDescription"] = json!(description);
    }
    if !thing_type.searchable_attributes.is_empty() {
        properties["searchableAttributes"] = json!(thing_type.searchable_attributes);
    }
    let mut metadata = json!({
        "deprecated": thing_type.deprecation_date.is_some(),
        "creationDate": thing_type.creation_date.epoch_seconds(),
    });
    if let Some(deprecation_date) = thing_type.deprecation_date {
        metadata["deprecationDate"] = json!(deprecation_date.epoch_seconds());
    }
    json!({
        "thingTypeName": thing_type.thing_type_name,
        "thingTypeArn": registry.thing_type_arn(&thing_type.thing_type_name),
        "thingTypeProperties": properties,
        "thingTypeMetadata": metadata,
    })
}
