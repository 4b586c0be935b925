//! Thing types: what things of a kind have in common.
use std::time::Duration;

use sekisho_types::{Random, ThingTypeName, Timestamp};
use serde::{Deserialize, Serialize};

use crate::registry::uuid;
use crate::{Event, Registry, RegistryError, Resource};

/// Searchable attributes of a thing type (AWS IoT Core quotas, thing resource limits).
pub const SEARCHABLE_ATTRIBUTES_MAX: usize = 3;

/// How long a thing type must have been deprecated before it can be deleted (iot dev guide: thing-types).
pub const DELETE_AFTER_DEPRECATION: Duration = Duration::from_secs(5 * 60);

/// A thing type. Its name never changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThingType {
    /// Its name.
    pub thing_type_name: ThingTypeName,
    /// A UUID that outlives nothing: a type made again under the same name has another.
    pub thing_type_id: String,
    /// For people.
    #[serde(default)]
    pub thing_type_description: Option<String>,
    /// Names of attributes that searches go by; kept for the caller, since every attribute is searchable here.
    #[serde(default)]
    pub searchable_attributes: Vec<String>,
    /// When it was made.
    pub creation_date: Timestamp,
    /// Since when no thing can be given this type, if so.
    #[serde(default)]
    pub deprecation_date: Option<Timestamp>,
}

/// What `UpdateThingType` asks for; `None` leaves alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ThingTypeUpdate {
    /// Another description.
    pub thing_type_description: Option<String>,
    /// Other searchable attributes.
    pub searchable_attributes: Option<Vec<String>>,
}

impl Registry {
    /// A thing type by its name.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`].
    pub fn thing_type(&self, thing_type_name: &ThingTypeName) -> Result<&ThingType, RegistryError> {
        let found = self.thing_types.get(thing_type_name);
        found.ok_or_else(|| RegistryError::not_found(Resource::ThingType, thing_type_name))
    }

    /// All thing types, by name, ascending.
    pub fn thing_types(&self) -> impl Iterator<Item = &ThingType> {
        self.thing_types.values()
    }

    /// `arn:aws:iot:<region>:<account>:thingtype/<name>`.
    pub fn thing_type_arn(&self, thing_type_name: &ThingTypeName) -> String {
        self.tenant.arn("iot", format_args!("thingtype/{thing_type_name}"))
    }

    /// `CreateThingType`. The same type again is no error and changes nothing.
    ///
    /// # Errors
    /// [`RegistryError::AlreadyExists`] if it exists with other properties, [`RegistryError::InvalidRequest`] for too many
    /// searchable attributes.
    pub fn create_thing_type(
        &self,
        now: Timestamp,
        thing_type_name: ThingTypeName,
        thing_type_description: Option<String>,
        searchable_attributes: Vec<String>,
        random: &mut dyn Random,
    ) -> Result<(Vec<Event>, ThingType), RegistryError> {
        check_searchable(&searchable_attributes)?;
        if let Some(existing) = self.thing_types.get(&thing_type_name) {
            let same = existing.thing_type_description == thing_type_description
                && existing.searchable_attributes == searchable_attributes;
            if same {
                return Ok((Vec::new(), existing.clone()));
            }
            return Err(RegistryError::AlreadyExists {
                message: format!("Thing type {thing_type_name} already exists in account with different properties"),
                resource_id: existing.thing_type_id.clone(),
                resource_arn: self.thing_type_arn(&thing_type_name),
            });
        }
        let thing_type = ThingType {
            thing_type_name,
            thing_type_id: uuid(random),
            thing_type_description,
            searchable_attributes,
            creation_date: now,
            deprecation_date: None,
        };
        Ok((vec![Event::ThingTypeCreated { thing_type: thing_type.clone() }], thing_type))
    }

    /// `UpdateThingType`.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], [`RegistryError::InvalidRequest`] for too many searchable attributes.
    pub fn update_thing_type(
        &self,
        thing_type_name: &ThingTypeName,
        update: ThingTypeUpdate,
    ) -> Result<(Vec<Event>, ()), RegistryError> {
        let mut thing_type = self.thing_type(thing_type_name)?.clone();
        if let Some(description) = update.thing_type_description {
            thing_type.thing_type_description = Some(description);
        }
        if let Some(searchable_attributes) = update.searchable_attributes {
            check_searchable(&searchable_attributes)?;
            thing_type.searchable_attributes = searchable_attributes;
        }
        Ok((vec![Event::ThingTypeUpdated { thing_type }], ()))
    }

    /// `DeprecateThingType`, and with `undo` the contrary. What is so already stays so, since the same time.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`].
    pub fn deprecate_thing_type(
        &self,
        now: Timestamp,
        thing_type_name: &ThingTypeName,
        undo: bool,
    ) -> Result<(Vec<Event>, ()), RegistryError> {
        let thing_type = self.thing_type(thing_type_name)?;
        if thing_type.deprecation_date.is_none() == undo {
            return Ok((Vec::new(), ()));
        }
        let thing_type = ThingType { deprecation_date: (!undo).then_some(now), ..thing_type.clone() };
        Ok((vec![Event::ThingTypeUpdated { thing_type }], ()))
    }

    /// `DeleteThingType`.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`]; [`RegistryError::InvalidRequest`] unless it has been deprecated for
    /// [`DELETE_AFTER_DEPRECATION`], and while a thing has it.
    pub fn delete_thing_type(
        &self,
        now: Timestamp,
        thing_type_name: &ThingTypeName,
    ) -> Result<(Vec<Event>, ()), RegistryError> {
        let invalid = |reason: &str| {
            Err(RegistryError::InvalidRequest(format!("Cannot delete thing type {thing_type_name}. {reason}")))
        };
        let Some(deprecated) = self.thing_type(thing_type_name)?.deprecation_date else {
            return invalid("It must be deprecated first");
        };
        if now.since(deprecated) < DELETE_AFTER_DEPRECATION {
            return invalid("Please wait for 5 minutes after deprecation and then retry");
        }
        if self.things.values().any(|thing| thing.thing_type_name.as_ref() == Some(thing_type_name)) {
            return invalid("It is still associated with one or more things");
        }
        Ok((vec![Event::ThingTypeDeleted { thing_type_name: thing_type_name.clone() }], ()))
    }
}

fn check_searchable(attributes: &[String]) -> Result<(), RegistryError> {
    if attributes.len() > SEARCHABLE_ATTRIBUTES_MAX {
        let message = format!("A thing type can have at most {SEARCHABLE_ATTRIBUTES_MAX} searchable attributes");
        return Err(RegistryError::InvalidRequest(message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::{World, check};

    #[test]
    #[rustfmt::skip] // citation                                          command                                  answer
    fn thing_types() { check(&[
        ("iot CreateThingType",                                           "create-type pump site line",            "ok"),
        ("iot CreateThingType: same configuration succeeds",              "create-type pump site line",            "ok, nothing happened"),
        ("iot CreateThingType: different configuration",                  "create-type pump site",                 "AlreadyExists: Thing type pump already exists in account with different properties"),
        ("iot quotas: searchable attributes per thing type",              "create-type valve a b c d",             "InvalidRequest: A thing type can have at most 3 searchable attributes"),
        ("iot ThingTypeName: pattern",                                    "create-type a/b",                       "InvalidRequest: `a/b` is not a valid thing type name: 1 to 128 of a-z A-Z 0-9 : _ -"),
        ("iot CreateThingType",                                           "create-type oven",                      "ok"),
        ("iot ListThingTypes",                                            "list-types",                            "oven pump"),
        ("iot UpdateThingType",                                           "update-type pump site",                 "ok"),
        ("iot UpdateThingType: searchableAttributes",                     "update-type pump a b c d",              "InvalidRequest: A thing type can have at most 3 searchable attributes"),
        ("iot UpdateThingType: ResourceNotFoundException",                "update-type valve site",                "NotFound: Thing type valve not found"),
        ("iot DescribeThingType",                                         "describe-type pump",                    "in use [\"site\"]"),
        ("iot CreateThing: thingTypeName",                                "create-thing a type:valve",             "NotFound: Thing type valve not found"),
        ("iot CreateThing: thingTypeName",                                "create-thing a type:pump w=1 x=2 y=3 z=4",  "ok"),
        ("iot CreateThing: the same thing, another type",                 "create-thing a type:oven w=1 x=2 y=3 z=4",  "AlreadyExists: Thing a already exists in account with different attributes"),
        ("iot ListThings: thingTypeName",                                 "create-thing b",                        "ok"),
        ("iot ListThings: thingTypeName",                                 "list-things - - type:pump",             "a"),
        ("iot quotas: attributes without a thing type",                   "update-thing a untype",                 "InvalidRequest: A thing without a thing type can have at most 3 attributes"),
        ("iot UpdateThing: removeThingType",                              "update-thing a untype x=2",             "ok"),
        ("iot UpdateThing: removeThingType",                              "list-things - - type:pump",             ""),
        ("iot UpdateThing: thingTypeName",                                "update-thing b type:pump",              "ok"),
        ("iot UpdateThing: thingTypeName and removeThingType",            "update-thing b type:pump untype",       "InvalidRequest: A thing type cannot be set and removed in one request"),
        ("iot DescribeThing: thingTypeName",                              "list-things - - type:pump",             "b"),
        ("iot DeprecateThingType",                                        "deprecate-type pump",                   "ok"),
        ("iot DeprecateThingType: again",                                 "deprecate-type pump",                   "ok, nothing happened"),
        ("iot DescribeThingType: thingTypeMetadata",                      "describe-type pump",                    "deprecated [\"site\"]"),
        ("iot DeprecateThingType: no new things",                         "create-thing c type:pump",              "InvalidRequest: Thing type pump is deprecated and cannot be given to a thing"),
        ("iot DeprecateThingType: no new things",                         "update-thing a type:pump",              "InvalidRequest: Thing type pump is deprecated and cannot be given to a thing"),
        ("iot DeprecateThingType: things that have it keep it",           "update-thing b type:pump x=1",          "ok"),
        ("iot DeprecateThingType: undoDeprecate",                         "deprecate-type pump undo",              "ok"),
        ("iot DeprecateThingType: undoDeprecate again",                   "deprecate-type pump undo",              "ok, nothing happened"),
        ("iot DeprecateThingType: undoDeprecate",                         "create-thing c type:pump",              "ok"),
        ("iot DeprecateThingType: ResourceNotFoundException",             "deprecate-type valve",                  "NotFound: Thing type valve not found"),
        ("iot DeleteThingType: not deprecated",                           "delete-type pump late",                 "InvalidRequest: Cannot delete thing type pump. It must be deprecated first"),
        ("iot DeleteThingType",                                           "deprecate-type pump",                   "ok"),
        ("iot dev guide: thing-types, five minutes",                      "delete-type pump",                      "InvalidRequest: Cannot delete thing type pump. Please wait for 5 minutes after deprecation and then retry"),
        ("iot DeleteThingType: things have it",                           "delete-type pump late",                 "InvalidRequest: Cannot delete thing type pump. It is still associated with one or more things"),
        ("iot DeleteThingType",                                           "update-thing b untype",                 "ok"),
        ("iot DeleteThingType",                                           "delete-thing c",                        "ok"),
        ("iot DeleteThingType",                                           "delete-type pump late",                 "ok"),
        ("iot DeleteThingType: ResourceNotFoundException",                "delete-type pump late",                 "NotFound: Thing type pump not found"),
    ]) }

    #[test]
    fn fifty_attributes_with_a_type() {
        let mut world = World::new();
        world.run("create-type pump");
        let attributes = |n: usize| (0..n).map(|n| format!(" k{n}=v")).collect::<String>();
        assert_eq!(world.run(&format!("create-thing a type:pump{}", attributes(50))), "ok", "iot quotas: attributes");
        assert_eq!(
            world.run(&format!("create-thing b type:pump{}", attributes(51))),
            "InvalidRequest: A thing with a thing type can have at most 50 attributes",
            "iot quotas: attributes with a thing type"
        );
    }
}
