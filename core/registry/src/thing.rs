//! Things: names with attributes that policies and people refer to.
use std::collections::BTreeMap;

use sekisho_types::{BillingGroupName, Random, ThingName, ThingTypeName};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::error::check_version;
use crate::registry::uuid;
use crate::{Event, Registry, RegistryError, Resource};

/// Attributes of a thing without a thing type (AWS IoT Core quotas, thing resource limits).
pub const THING_ATTRIBUTES_MAX: usize = 3;

/// Attributes of a thing with a thing type (AWS IoT Core quotas, thing resource limits).
pub const THING_ATTRIBUTES_WITH_TYPE_MAX: usize = 50;

/// A thing in the registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thing {
    /// Its name.
    pub thing_name: ThingName,
    /// A UUID that outlives nothing: a thing made again under the same name has another.
    pub thing_id: String,
    /// The type it was given, if any.
    #[serde(default)]
    pub thing_type_name: Option<ThingTypeName>,
    /// Name to value.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// 1 at first, one more with each update.
    pub version: u64,
}

/// What `UpdateThing` asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ThingUpdate {
    /// New values; an empty one removes the attribute. `None` leaves all as they are.
    pub attributes: Option<BTreeMap<String, String>>,
    /// Keep the attributes that are not named.
    pub merge: bool,
    /// Another type.
    pub thing_type_name: Option<ThingTypeName>,
    /// No type any more.
    pub remove_thing_type: bool,
    /// Refuse unless the thing has this version.
    pub expected_version: Option<u64>,
}

/// Which things `ListThings` asks for. The default asks for all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ThingFilter {
    /// Things with this attribute.
    pub attribute_name: Option<String>,
    /// Things whose attribute of that name has this value; without a name, any attribute.
    pub attribute_value: Option<String>,
    /// The value may go on after that.
    pub use_prefix: bool,
    /// Things of this type.
    pub thing_type_name: Option<ThingTypeName>,
}

impl ThingFilter {
    fn selects(&self, thing: &Thing) -> bool {
        let value_fits = |value: &str| match self.attribute_value.as_deref() {
            None => true,
            Some(wanted) if self.use_prefix => value.starts_with(wanted),
            Some(wanted) => value == wanted,
        };
        let attribute_fits = match (&self.attribute_name, &self.attribute_value) {
            (None, None) => true,
            (Some(name), _) => thing.attributes.get(name).is_some_and(|value| value_fits(value)),
            (None, Some(_)) => thing.attributes.values().any(|value| value_fits(value)),
        };
        attribute_fits && (self.thing_type_name.is_none() || self.thing_type_name == thing.thing_type_name)
    }
}

impl Registry {
    /// A thing by its name.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`].
    pub fn thing(&self, thing_name: &ThingName) -> Result<&Thing, RegistryError> {
        self.things.get(thing_name).ok_or_else(|| RegistryError::not_found(Resource::Thing, thing_name))
    }

    /// What `DescribeThing` answers.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`].
    pub fn describe_thing(&self, thing_name: &ThingName) -> Result<Value, RegistryError> {
        let thing = self.thing(thing_name)?;
        let mut described = json!({
            "defaultClientId": thing.thing_name,
            "thingName": thing.thing_name,
            "thingId": thing.thing_id,
            "thingArn": self.thing_arn(&thing.thing_name),
            "attributes": thing.attributes,
            "version": thing.version,
        });
        if let Some(thing_type_name) = &thing.thing_type_name {
            described["thingTypeName"] = json!(thing_type_name);
        }
        if let Some(billing_group_name) = self.billing_group_of_thing(&thing.thing_name) {
            described["billingGroupName"] = json!(billing_group_name);
        }
        Ok(described)
    }

    /// The things a filter selects, by name, ascending.
    pub fn things<'a>(&'a self, filter: &'a ThingFilter) -> impl Iterator<Item = &'a Thing> {
        self.things.values().filter(|thing| filter.selects(thing))
    }

    /// `arn:aws:iot:<region>:<account>:thing/<name>`.
    pub fn thing_arn(&self, thing_name: &ThingName) -> String {
        self.tenant.arn("iot", format_args!("thing/{thing_name}"))
    }

    /// `CreateThing`. The same thing again is no error and changes nothing.
    ///
    /// # Errors
    /// [`RegistryError::AlreadyExists`] if it exists with other attributes, [`RegistryError::NotFound`] for its type or its
    /// billing group, [`RegistryError::InvalidRequest`] for a deprecated type and for too many attributes.
    pub fn create_thing(
        &self,
        thing_name: ThingName,
        thing_type_name: Option<ThingTypeName>,
        mut attributes: BTreeMap<String, String>,
        billing_group_name: Option<BillingGroupName>,
        random: &mut dyn Random,
    ) -> Result<(Vec<Event>, Thing), RegistryError> {
        attributes.retain(|_, value| !value.is_empty());
        if let Some(existing) = self.things.get(&thing_name) {
            let same = existing.attributes == attributes
                && existing.thing_type_name == thing_type_name
                && self.billing_group_of_thing(&thing_name) == billing_group_name.as_ref();
            if same {
                return Ok((Vec::new(), existing.clone()));
            }
            return Err(RegistryError::AlreadyExists {
                message: format!("Thing {thing_name} already exists in account with different attributes"),
                resource_id: existing.thing_id.clone(),
                resource_arn: self.thing_arn(&thing_name),
            });
        }
        self.check_type(thing_type_name.as_ref())?;
        billing_group_name.as_ref().map(|name| self.billing_group(name)).transpose()?;
        let thing = Thing { thing_name, thing_id: uuid(random), thing_type_name, attributes, version: 1 };
        check_attributes(&thing)?;
        let mut events = vec![Event::ThingCreated { thing: thing.clone() }];
        if billing_group_name.is_some() {
            events.push(Event::BillingGroupMemberSet { thing_name: thing.thing_name.clone(), billing_group_name });
        }
        Ok((events, thing))
    }

    /// `UpdateThing`.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], [`RegistryError::VersionConflict`], [`RegistryError::InvalidRequest`].
    pub fn update_thing(&self, thing_name: &ThingName, update: ThingUpdate) -> Result<(Vec<Event>, ()), RegistryError> {
        let mut thing = self.thing(thing_name)?.clone();
        check_version("thing", &thing.thing_name, thing.version, update.expected_version)?;
        if update.remove_thing_type && update.thing_type_name.is_some() {
            let message = "A thing type cannot be set and removed in one request".to_owned();
            return Err(RegistryError::InvalidRequest(message));
        }
        if let Some(attributes) = update.attributes {
            if !update.merge {
                thing.attributes.clear();
            }
            thing.attributes.extend(attributes);
            thing.attributes.retain(|_, value| !value.is_empty());
        }
        if update.remove_thing_type {
            thing.thing_type_name = None;
        } else if update.thing_type_name.is_some() && update.thing_type_name != thing.thing_type_name {
            self.check_type(update.thing_type_name.as_ref())?;
            thing.thing_type_name = update.thing_type_name;
        }
        check_attributes(&thing)?;
        thing.version += 1;
        Ok((vec![Event::ThingUpdated { thing }], ()))
    }

    /// `DeleteThing`. A thing that does not exist is no error.
    ///
    /// # Errors
    /// [`RegistryError::VersionConflict`]; [`RegistryError::InvalidRequest`] while a principal is attached.
    pub fn delete_thing(
        &self,
        thing_name: &ThingName,
        expected_version: Option<u64>,
    ) -> Result<(Vec<Event>, ()), RegistryError> {
        let Some(thing) = self.things.get(thing_name) else { return Ok((Vec::new(), ())) };
        check_version("thing", &thing.thing_name, thing.version, expected_version)?;
        if self.thing_principals.is_linked_to(thing_name) {
            return Err(RegistryError::InvalidRequest(format!(
                "Cannot delete. Thing {thing_name} is still attached to one or more principals"
            )));
        }
        Ok((vec![Event::ThingDeleted { thing_name: thing_name.clone() }], ()))
    }

    /// Whether things can be given this type.
    pub(crate) fn check_type(&self, thing_type_name: Option<&ThingTypeName>) -> Result<(), RegistryError> {
        let Some(name) = thing_type_name else { return Ok(()) };
        if self.thing_type(name)?.deprecation_date.is_some() {
            let message = format!("Thing type {name} is deprecated and cannot be given to a thing");
            return Err(RegistryError::InvalidRequest(message));
        }
        Ok(())
    }
}

pub(crate) fn check_attributes(thing: &Thing) -> Result<(), RegistryError> {
    let (with, max) = match thing.thing_type_name {
        Some(_) => ("with", THING_ATTRIBUTES_WITH_TYPE_MAX),
        None => ("without", THING_ATTRIBUTES_MAX),
    };
    if thing.attributes.len() > max {
        let message = format!("A thing {with} a thing type can have at most {max} attributes");
        return Err(RegistryError::InvalidRequest(message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    #[rustfmt::skip] // citation                                          command                                  answer
    fn things() { check(&[
        ("iot CreateThing",                                               "create-thing pump-7 site=a",            "ok"),
        ("iot CreateThing: same configuration succeeds",                  "create-thing pump-7 site=a",            "ok, nothing happened"),
        ("iot CreateThing: different configuration",                      "create-thing pump-7 site=b",            "AlreadyExists: Thing pump-7 already exists in account with different attributes"),
        ("iot ThingName: pattern",                                        "create-thing pump/7",                   "InvalidRequest: `pump/7` is not a valid thing name: 1 to 128 of a-z A-Z 0-9 : _ -"),
        ("iot quotas: attributes without a thing type",                   "create-thing b a=1 b=2 c=3 d=4",        "InvalidRequest: A thing without a thing type can have at most 3 attributes"),
        ("iot quotas: attributes without a thing type",                   "create-thing pump-8 a=1 b=2 c=3",       "ok"),
        ("iot DescribeThing: version",                                    "describe-thing pump-7",                 "version 1 {\"site\": \"a\"}"),
        ("iot DescribeThing: ResourceNotFoundException",                  "describe-thing pump-9",                 "NotFound: Thing pump-9 not found"),
        ("iot UpdateThing: expectedVersion",                              "update-thing pump-7 v2 site=b",         "VersionConflict: The version for thing pump-7 does not match the expected version."),
        ("iot UpdateThing: expectedVersion",                              "update-thing pump-7 v1 site=b",         "ok"),
        ("iot AttributePayload: merge",                                   "update-thing pump-7 merge line=4",      "ok"),
        ("iot AttributePayload: merge",                                   "describe-thing pump-7",                 "version 3 {\"line\": \"4\", \"site\": \"b\"}"),
        ("iot AttributePayload: an empty value removes",                  "update-thing pump-7 merge line=",       "ok"),
        ("iot AttributePayload: an empty value removes",                  "describe-thing pump-7",                 "version 4 {\"site\": \"b\"}"),
        ("iot AttributePayload: without merge all are replaced",          "update-thing pump-7 line=5",            "ok"),
        ("iot AttributePayload: without merge all are replaced",          "describe-thing pump-7",                 "version 5 {\"line\": \"5\"}"),
        ("iot UpdateThing: attributes are left alone",                    "update-thing pump-7",                   "ok"),
        ("iot UpdateThing: attributes are left alone",                    "describe-thing pump-7",                 "version 6 {\"line\": \"5\"}"),
        ("iot UpdateThing: quotas hold after merging",                    "update-thing pump-8 merge d=4",         "InvalidRequest: A thing without a thing type can have at most 3 attributes"),
        ("iot UpdateThing: ResourceNotFoundException",                    "update-thing pump-9 a=1",               "NotFound: Thing pump-9 not found"),
        ("iot ListThings",                                                "list-things",                           "pump-7 pump-8"),
        ("iot ListThings: attributeName",                                 "list-things line",                      "pump-7"),
        ("iot ListThings: attributeName and attributeValue",              "list-things a 1",                       "pump-8"),
        ("iot ListThings: attributeName and attributeValue",              "list-things a 2",                       ""),
        ("iot ListThings: attributeValue alone",                          "list-things - 5",                       "pump-7"),
        ("iot ListThings: usePrefixAttributeValue",                       "update-thing pump-8 line=55",           "ok"),
        ("iot ListThings: usePrefixAttributeValue",                       "list-things line 5",                    "pump-7"),
        ("iot ListThings: usePrefixAttributeValue",                       "list-things line 5 prefix",             "pump-7 pump-8"),
        ("iot DeleteThing: expectedVersion",                              "delete-thing pump-7 v1",                "VersionConflict: The version for thing pump-7 does not match the expected version."),
        ("iot DeleteThing: attached",                                     "issue #0",                              "ok"),
        ("iot DeleteThing: attached",                                     "attach-principal pump-7 #0",            "ok"),
        ("aws-nuke 374",                                                  "delete-thing pump-7",                   "InvalidRequest: Cannot delete. Thing pump-7 is still attached to one or more principals"),
        ("iot DeleteThing: attached",                                     "detach-principal pump-7 #0",            "ok"),
        ("iot DeleteThing",                                               "delete-thing pump-7 v6",                "ok"),
        ("iot DeleteThing: a thing that does not exist is no error",      "delete-thing pump-7",                   "ok, nothing happened"),
    ]) }
}
