//! The resources of a template, checked as far as that is possible without a device.
use serde_json::{Map, Value};

use crate::expression::kind;
use crate::{TemplateError, TemplateType};

/// What becomes of a part of a resource that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Override {
    /// It stays as it is.
    DoNothing,
    /// It becomes what the template says.
    Replace,
    /// Provisioning fails.
    Fail,
    /// What the template says is added to it.
    Merge,
}

/// One entry of `Resources`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Resource {
    /// Its name in the template.
    pub(crate) logical_name: String,
    pub(crate) kind: ResourceKind,
    pub(crate) properties: Map<String, Value>,
    pub(crate) overrides: Vec<(String, Override)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResourceKind {
    Thing,
    Certificate,
    Policy,
}

impl ResourceKind {
    const ALL: [Self; 3] = [Self::Thing, Self::Certificate, Self::Policy];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Thing => "AWS::IoT::Thing",
            Self::Certificate => "AWS::IoT::Certificate",
            Self::Policy => "AWS::IoT::Policy",
        }
    }

    const fn properties(self) -> &'static [&'static str] {
        match self {
            Self::Thing => &["ThingName", "AttributePayload", "ThingTypeName", "ThingGroups", "BillingGroup"],
            Self::Certificate => {
                &["CertificateSigningRequest", "CertificateId", "CertificatePem", "CACertificatePem", "Status"]
            }
            Self::Policy => &["PolicyName", "PolicyDocument"],
        }
    }

    /// What can be overridden, and whether its values can be merged.
    const fn overrides(self) -> &'static [(&'static str, bool)] {
        match self {
            Self::Thing => &[("AttributePayload", true), ("ThingTypeName", false), ("ThingGroups", true)],
            Self::Certificate => &[("Status", false)],
            Self::Policy => &[],
        }
    }
}

impl Resource {
    pub(crate) fn parse(logical_name: &str, value: &Value, template_type: TemplateType) -> Result<Self, TemplateError> {
        let wrong = |text: String| TemplateError(format!("Resource {logical_name}: {text}"));
        let Some(object) = value.as_object() else {
            return Err(wrong(format!("an object was expected, {} came", kind(value))));
        };
        if let Some(unknown) = object.keys().find(|k| !matches!(k.as_str(), "Type" | "Properties" | "OverrideSettings"))
        {
            return Err(wrong(format!("{unknown} is not a part of a resource.")));
        }
        let type_name = object.get("Type").and_then(Value::as_str).unwrap_or_default();
        let resource_kind = ResourceKind::ALL.into_iter().find(|kind| kind.name() == type_name);
        let kind = resource_kind.ok_or_else(|| wrong(format!("Type {type_name} is not supported.")))?;
        let properties = match object.get("Properties") {
            Some(Value::Object(properties)) => properties.clone(),
            None => Map::new(),
            Some(_) => return Err(wrong("Properties is not an object.".into())),
        };
        if let Some(unknown) = properties.keys().find(|name| !kind.properties().contains(&name.as_str())) {
            return Err(wrong(format!("{unknown} is not a property of {type_name}.")));
        }
        let resource = Self {
            logical_name: logical_name.to_owned(),
            kind,
            properties,
            overrides: overrides(kind, object.get("OverrideSettings")).map_err(wrong)?,
        };
        resource.check(template_type)?;
        Ok(resource)
    }

    pub(crate) fn has(&self, property: &str) -> bool {
        self.properties.contains_key(property)
    }

    pub(crate) fn override_of(&self, part: &str) -> Option<Override> {
        self.overrides.iter().find(|(name, _)| name == part).map(|(_, found)| *found)
    }

    fn check(&self, template_type: TemplateType) -> Result<(), TemplateError> {
        let wrong = |text: &str| Err(TemplateError(format!("Resource {}: {text}", self.logical_name)));
        match self.kind {
            ResourceKind::Thing if !self.has("ThingName") => wrong("ThingName is missing."),
            ResourceKind::Thing => Ok(()),
            ResourceKind::Certificate => {
                let sources = ["CertificateSigningRequest", "CertificateId", "CertificatePem"];
                let given = sources.iter().filter(|name| self.has(name)).count();
                if given != 1 {
                    return wrong(
                        "exactly one of CertificateId, CertificatePem and CertificateSigningRequest is needed.",
                    );
                }
                if template_type != TemplateType::Registration && !self.has("CertificateId") {
                    return wrong("a template of this type refers to its certificate by CertificateId.");
                }
                if self.has("CACertificatePem") && !self.has("CertificatePem") {
                    return wrong("CACertificatePem goes with CertificatePem.");
                }
                match self.properties.get("Status") {
                    Some(Value::String(status)) if crate::plan::status(status).is_none() => {
                        wrong("Status is neither ACTIVE nor INACTIVE.")
                    }
                    _ => Ok(()),
                }
            }
            ResourceKind::Policy => match (self.has("PolicyName"), self.has("PolicyDocument")) {
                (false, false) => {
                    Err(TemplateError("Neither policyName nor policyDocument is present in the Template.".into()))
                }
                (true, true) => wrong("PolicyName and PolicyDocument exclude each other."),
                (true, false) | (false, true) => Ok(()),
            },
        }
    }
}

fn overrides(kind: ResourceKind, settings: Option<&Value>) -> Result<Vec<(String, Override)>, String> {
    let settings = match settings {
        None => return Ok(Vec::new()),
        Some(Value::Object(settings)) => settings,
        Some(_) => return Err("OverrideSettings is not an object.".into()),
    };
    let parse = |(name, value): (&String, &Value)| {
        let (_, merges) = kind
            .overrides()
            .iter()
            .find(|(known, _)| known == name || screaming(known) == *name)
            .ok_or_else(|| format!("{name} cannot be overridden in {}.", kind.name()))?;
        let chosen = match value.as_str() {
            Some("DO_NOTHING") => Override::DoNothing,
            Some("REPLACE") => Override::Replace,
            Some("FAIL") => Override::Fail,
            Some("MERGE") if *merges => Override::Merge,
            _ => return Err(format!("{value} is not an OverrideSetting of {name}.")),
        };
        let known = kind.overrides().iter().find(|(known, _)| known == name || screaming(known) == *name);
        Ok((known.map_or_else(|| name.clone(), |(known, _)| (*known).to_owned()), chosen))
    };
    settings.iter().map(parse).collect()
}

/// `AttributePayload` → `ATTRIBUTE_PAYLOAD`: the documentation's prose writes these names so, its examples do not.
fn screaming(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(c.to_ascii_uppercase());
    }
    out
}
