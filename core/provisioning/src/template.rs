//! A template's text, refused at once where it could not work for any device.
use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::TemplateError;
use crate::expression::{Mappings, function, kind};
use crate::parameters::is_of_certificate;
use crate::resource::{Resource, ResourceKind};

/// Characters of a template (iot model: templateBody).
pub const TEMPLATE_CHARS_MAX: usize = 10_240;

/// What a template is for; that decides what it may say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum TemplateType {
    /// Runs when a device connects for the first time with a certificate of a registered CA.
    Jitp,
    /// Runs when a device asks over MQTT.
    FleetProvisioning,
    /// Comes along with `RegisterThing` or a bulk registration task.
    Registration,
}

impl TemplateType {
    /// The API's spelling; the last one has none there.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Jitp => "JITP",
            Self::FleetProvisioning => "FLEET_PROVISIONING",
            Self::Registration => "REGISTRATION",
        }
    }

    /// The type the API spells so.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Jitp, Self::FleetProvisioning].into_iter().find(|found| found.as_str() == text)
    }
}

/// A template that can be worked out.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    /// Name to default.
    pub(crate) parameters: BTreeMap<String, Option<String>>,
    pub(crate) resources: Vec<Resource>,
    pub(crate) mappings: Mappings,
    pub(crate) device_configuration: Map<String, Value>,
}

impl Template {
    /// Parses and checks a template.
    ///
    /// # Errors
    /// [`TemplateError`] with the first thing that could not work for any device.
    pub fn parse(text: &str, template_type: TemplateType) -> Result<Self, TemplateError> {
        if text.chars().count() > TEMPLATE_CHARS_MAX {
            return Err(TemplateError(format!("It has more than {TEMPLATE_CHARS_MAX} characters.")));
        }
        let value: Value =
            serde_json::from_str(text).map_err(|error| TemplateError(format!("It is not JSON: {error}.")))?;
        let top = value.as_object().ok_or_else(|| TemplateError("It is not a JSON object.".into()))?;
        for name in top.keys() {
            let fits = match name.as_str() {
                "Parameters" | "Resources" => true,
                "Mappings" | "DeviceConfiguration" => template_type == TemplateType::FleetProvisioning,
                _ => false,
            };
            if !fits {
                return Err(TemplateError(format!("{name} is not a part of a template of this type.")));
            }
        }
        let template = Self {
            parameters: parameters(part(top, "Parameters")?, template_type)?,
            resources: resources(part(top, "Resources")?, template_type)?,
            mappings: mappings(part(top, "Mappings")?)?,
            device_configuration: device_configuration(part(top, "DeviceConfiguration")?)?,
        };
        template.check_references()?;
        Ok(template)
    }

    /// The parameters it declares, and their defaults.
    pub fn parameters(&self) -> &BTreeMap<String, Option<String>> {
        &self.parameters
    }

    pub(crate) fn of_kind(&self, kind: ResourceKind) -> impl Iterator<Item = &Resource> {
        self.resources.iter().filter(move |resource| resource.kind == kind)
    }

    /// A `Ref` to what nobody declared can never be worked out.
    fn check_references(&self) -> Result<(), TemplateError> {
        let properties = self.resources.iter().flat_map(|resource| resource.properties.values());
        for value in properties.chain(self.device_configuration.values()) {
            self.check_references_in(value)?;
        }
        Ok(())
    }

    fn check_references_in(&self, value: &Value) -> Result<(), TemplateError> {
        match value {
            Value::Object(object) => match function(object) {
                Some(("Ref", Value::String(name))) => {
                    let known = matches!(name.as_str(), "AWS::Region" | "AWS::AccountId");
                    if known || self.parameters.contains_key(name) {
                        return Ok(());
                    }
                    Err(TemplateError(format!("Ref to {name}, which is not a declared parameter.")))
                }
                Some((name, argument)) => {
                    const FUNCTIONS: [&str; 6] =
                        ["Ref", "Fn::Join", "Fn::Select", "Fn::Split", "Fn::FindInMap", "Fn::Sub"];
                    if !FUNCTIONS.contains(&name) {
                        return Err(TemplateError(format!("{name} is not a function of the template language.")));
                    }
                    self.check_references_in(argument)
                }
                None => object.values().try_for_each(|value| self.check_references_in(value)),
            },
            Value::Array(items) => items.iter().try_for_each(|value| self.check_references_in(value)),
            Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => Ok(()),
        }
    }
}

fn part<'a>(top: &'a Map<String, Value>, name: &str) -> Result<Option<&'a Map<String, Value>>, TemplateError> {
    match top.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(object)) => Ok(Some(object)),
        Some(other) => Err(TemplateError(format!("{name} is {}, not an object.", kind(other)))),
    }
}

fn parameters(
    part: Option<&Map<String, Value>>,
    template_type: TemplateType,
) -> Result<BTreeMap<String, Option<String>>, TemplateError> {
    let parse = |(name, value): (&String, &Value)| {
        if template_type == TemplateType::Jitp && !is_of_certificate(name) {
            return Err(TemplateError(format!("Parameter {name} is not one a certificate gives.")));
        }
        if value.get("Type").and_then(Value::as_str) != Some("String") {
            return Err(TemplateError(format!("Parameter {name} is not of Type String.")));
        }
        let default = match value.get("Default") {
            None => None,
            Some(Value::String(text)) => Some(text.clone()),
            Some(_) => return Err(TemplateError(format!("The Default of parameter {name} is not text."))),
        };
        Ok((name.clone(), default))
    };
    part.into_iter().flatten().map(parse).collect()
}

fn resources(part: Option<&Map<String, Value>>, template_type: TemplateType) -> Result<Vec<Resource>, TemplateError> {
    let Some(part) = part.filter(|part| !part.is_empty()) else {
        return Err(TemplateError("Resources is missing or empty.".into()));
    };
    let parse = |(name, value): (&String, &Value)| Resource::parse(name, value, template_type);
    let resources = part.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    let count = |kind| resources.iter().filter(|resource| resource.kind == kind).count();
    for kind in [ResourceKind::Thing, ResourceKind::Certificate] {
        if count(kind) > 1 {
            return Err(TemplateError(format!("There is more than one {}.", kind.name())));
        }
    }
    if count(ResourceKind::Certificate) == 0 {
        return Err(TemplateError(format!("There is no {}.", ResourceKind::Certificate.name())));
    }
    Ok(resources)
}

/// Two levels of objects over text, without functions or parameters.
fn mappings(part: Option<&Map<String, Value>>) -> Result<Mappings, TemplateError> {
    part.map_or(Ok(Mappings::new()), |part| {
        serde_json::from_value(Value::Object(part.clone()))
            .map_err(|_| TemplateError("Mappings holds something else than two levels of objects over text.".into()))
    })
}

/// Text by name; the text may be an expression, but nothing is nested.
fn device_configuration(part: Option<&Map<String, Value>>) -> Result<Map<String, Value>, TemplateError> {
    let Some(part) = part else { return Ok(Map::new()) };
    let flat = |value: &Value| match value {
        Value::Object(object) => function(object).is_some(),
        Value::Array(_) | Value::Null => false,
        Value::String(_) | Value::Number(_) | Value::Bool(_) => true,
    };
    match part.iter().find(|(_, value)| !flat(value)) {
        Some((name, _)) => Err(TemplateError(format!("DeviceConfiguration {name} is nested."))),
        None => Ok(part.clone()),
    }
}
