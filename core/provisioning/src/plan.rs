//! A template worked out for one device.
use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use sekisho_types::Tenant;
use serde_json::Value;

use crate::expression::{Scope, function, list, text, worked_out};
use crate::resource::{Override, Resource, ResourceKind};
use crate::{ProvisionError, Template};

/// What a device is to have. Names are text: whether they are well-formed is said by whoever makes the resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The thing, if the template has one.
    pub thing: Option<ThingPlan>,
    /// The certificate.
    pub certificate: CertificatePlan,
    /// The policies that are to be attached to it.
    pub policies: Vec<PolicyPlan>,
    /// What the device is told.
    pub device_configuration: BTreeMap<String, String>,
}

/// A thing to be made, or changed as far as the overrides say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThingPlan {
    /// Its name in the template.
    pub logical_name: String,
    /// `ThingName`
    pub thing_name: String,
    /// `AttributePayload`; `None` if the template says nothing.
    pub attributes: Option<BTreeMap<String, String>>,
    /// `ThingTypeName`
    pub thing_type_name: Option<String>,
    /// `ThingGroups`
    pub thing_groups: Option<Vec<String>>,
    /// `BillingGroup`
    pub billing_group: Option<String>,
    /// What becomes of attributes that are there; `None` if the template does not say.
    pub override_attributes: Option<Override>,
    /// What becomes of a type that is there.
    pub override_thing_type: Option<Override>,
    /// What becomes of groups it is in.
    pub override_thing_groups: Option<Override>,
}

/// The certificate and the status it ends with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificatePlan {
    /// Its name in the template.
    pub logical_name: String,
    /// Where it comes from.
    pub source: CertificateSource,
    /// Whether it may connect afterwards.
    pub active: bool,
    /// What becomes of the status of a certificate that is registered already.
    pub override_status: Option<Override>,
}

/// Where a certificate comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateSource {
    /// It is registered.
    Id(String),
    /// It is to be registered.
    Pem {
        /// The certificate.
        certificate: String,
        /// Its CA, where several have the same name.
        ca: Option<String>,
    },
    /// It is to be signed.
    SigningRequest(String),
}

/// A policy to attach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyPlan {
    /// One that exists.
    Existing {
        /// Its name in the template.
        logical_name: String,
        /// `PolicyName`
        policy_name: String,
    },
    /// One to be made unless it exists under the name its text gives it.
    Document {
        /// Its name in the template.
        logical_name: String,
        /// SHA-1 of the document in upper-case hexadecimal digits: the same text is the same policy for all devices.
        policy_name: String,
        /// `PolicyDocument`
        document: String,
    },
}

impl Template {
    /// Works the template out for a device with these parameters. Parameters nobody declared are left alone.
    ///
    /// # Errors
    /// The first [`ProvisionError`].
    pub fn plan(&self, given: &BTreeMap<String, String>, tenant: &Tenant) -> Result<Plan, ProvisionError> {
        let (mut values, mut missing) = (BTreeMap::new(), Vec::new());
        for (name, default) in &self.parameters {
            match given.get(name).or(default.as_ref()) {
                Some(value) => drop(values.insert(name.clone(), value.clone())),
                None => missing.push(name.clone()),
            }
        }
        if !missing.is_empty() {
            return Err(ProvisionError::MissingParameters(missing));
        }
        let is_declared = |name: &str| self.parameters.contains_key(name);
        let scope =
            Scope { values: &values, is_declared: &is_declared, mappings: &self.mappings, tenant, in_json: false };
        let thing = self.of_kind(ResourceKind::Thing).next().map(|resource| thing(resource, &scope)).transpose()?;
        let certificate = self.of_kind(ResourceKind::Certificate).next().expect("a template has one certificate");
        let certificate = certificate_plan(certificate, &scope)?;
        let policies =
            self.of_kind(ResourceKind::Policy).map(|resource| policy(resource, &scope)).collect::<Result<_, _>>()?;
        let device_configuration = self
            .device_configuration
            .iter()
            .map(|(name, value)| Ok((name.clone(), text(value, &format!("DeviceConfiguration.{name}"), &scope)?)));
        Ok(Plan { thing, certificate, policies, device_configuration: device_configuration.collect::<Result<_, _>>()? })
    }
}

fn at(resource: &Resource, property: &str) -> String {
    format!("Resources.{}.Properties.{property}", resource.logical_name)
}

fn text_of(resource: &Resource, property: &str, scope: &Scope<'_>) -> Result<Option<String>, ProvisionError> {
    resource.properties.get(property).map(|value| text(value, &at(resource, property), scope)).transpose()
}

fn needed(resource: &Resource, property: &str, scope: &Scope<'_>) -> Result<String, ProvisionError> {
    Ok(text_of(resource, property, scope)?.expect("presence was checked when the template was parsed"))
}

fn thing(resource: &Resource, scope: &Scope<'_>) -> Result<ThingPlan, ProvisionError> {
    let attributes = resource.properties.get("AttributePayload").map(|value| {
        let place = at(resource, "AttributePayload");
        match worked_out(value, &place, scope)? {
            Value::Object(members) => members
                .iter()
                .map(|(name, value)| Ok((name.clone(), text(value, &format!("{place}.{name}"), scope)?)))
                .collect::<Result<BTreeMap<_, _>, ProvisionError>>(),
            _ => Err(ProvisionError::Expression { at: place, problem: "an object was expected".into() }),
        }
    });
    let groups = resource.properties.get("ThingGroups").map(|value| list(value, &at(resource, "ThingGroups"), scope));
    Ok(ThingPlan {
        logical_name: resource.logical_name.clone(),
        thing_name: needed(resource, "ThingName", scope)?,
        attributes: attributes.transpose()?,
        thing_type_name: text_of(resource, "ThingTypeName", scope)?,
        thing_groups: groups.transpose()?,
        billing_group: text_of(resource, "BillingGroup", scope)?,
        override_attributes: resource.override_of("AttributePayload"),
        override_thing_type: resource.override_of("ThingTypeName"),
        override_thing_groups: resource.override_of("ThingGroups"),
    })
}

fn certificate_plan(resource: &Resource, scope: &Scope<'_>) -> Result<CertificatePlan, ProvisionError> {
    let source = if resource.has("CertificateId") {
        CertificateSource::Id(needed(resource, "CertificateId", scope)?)
    } else if resource.has("CertificatePem") {
        CertificateSource::Pem {
            certificate: needed(resource, "CertificatePem", scope)?,
            ca: text_of(resource, "CACertificatePem", scope)?,
        }
    } else {
        CertificateSource::SigningRequest(needed(resource, "CertificateSigningRequest", scope)?)
    };
    let active = match text_of(resource, "Status", scope)? {
        None => true,
        Some(word) => status(&word).ok_or_else(|| ProvisionError::Expression {
            at: at(resource, "Status"),
            problem: format!("`{word}` is neither ACTIVE nor INACTIVE"),
        })?,
    };
    Ok(CertificatePlan {
        logical_name: resource.logical_name.clone(),
        source,
        active,
        override_status: resource.override_of("Status"),
    })
}

fn policy(resource: &Resource, scope: &Scope<'_>) -> Result<PolicyPlan, ProvisionError> {
    let logical_name = resource.logical_name.clone();
    if let Some(policy_name) = text_of(resource, "PolicyName", scope)? {
        return Ok(PolicyPlan::Existing { logical_name, policy_name });
    }
    let value = resource.properties.get("PolicyDocument").expect("presence was checked when the template was parsed");
    // A document given as an object is written as JSON afterwards; one that is text is JSON already.
    let in_json = value.as_object().is_none_or(|object| function(object).is_some());
    let scope = &Scope { in_json, ..*scope };
    let document = match worked_out(value, &at(resource, "PolicyDocument"), scope)? {
        Value::String(text) => text,
        other => other.to_string(),
    };
    let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, document.as_bytes());
    let policy_name = hash.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
    Ok(PolicyPlan::Document { logical_name, policy_name, document })
}

/// Whether a status word means ACTIVE. The documentation's examples write it in several ways.
pub(crate) fn status(word: &str) -> Option<bool> {
    match word {
        _ if word.eq_ignore_ascii_case("active") => Some(true),
        _ if word.eq_ignore_ascii_case("inactive") => Some(false),
        _ => None,
    }
}
