//! Thing groups: static groups in a hierarchy. What a policy allows a group it allows everything below.
use std::collections::BTreeMap;

use sekisho_types::{Random, ThingGroupName, Timestamp};
use serde::{Deserialize, Serialize};

use crate::error::check_version;
use crate::registry::uuid;
use crate::{Event, PolicyTarget, Registry, RegistryError, Resource};

/// Levels of a hierarchy, its root included (AWS IoT Core quotas, thing group limits).
pub const THING_GROUP_DEPTH_MAX: usize = 7;

/// Direct children of a thing group (AWS IoT Core quotas, thing group limits).
pub const THING_GROUP_CHILDREN_MAX: usize = 100;

/// Attributes of a thing group (AWS IoT Core quotas, thing group limits).
pub const THING_GROUP_ATTRIBUTES_MAX: usize = 50;

/// A static thing group. Its parent never changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThingGroup {
    /// Its name.
    pub thing_group_name: ThingGroupName,
    /// A UUID that outlives nothing: a group made again under the same name has another.
    pub thing_group_id: String,
    /// The group it is in, if it is no root.
    #[serde(default)]
    pub parent_group_name: Option<ThingGroupName>,
    /// For people.
    #[serde(default)]
    pub thing_group_description: Option<String>,
    /// Name to value.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// 1 at first, one more with each update.
    pub version: u64,
    /// When it was made.
    pub creation_date: Timestamp,
}

/// What `UpdateThingGroup` asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ThingGroupUpdate {
    /// Another description. `None` leaves it as it is.
    pub thing_group_description: Option<String>,
    /// New values; an empty one removes the attribute. `None` leaves all as they are.
    pub attributes: Option<BTreeMap<String, String>>,
    /// Keep the attributes that are not named.
    pub merge: bool,
    /// Refuse unless the group has this version.
    pub expected_version: Option<u64>,
}

/// Which groups `ListThingGroups` asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ThingGroupFilter {
    /// Groups in this one; without it, roots.
    pub parent_group_name: Option<ThingGroupName>,
    /// And the groups in those, and so on.
    pub recursive: bool,
    /// Only those whose names begin so.
    pub name_prefix: String,
}

impl Registry {
    /// A thing group by its name.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`].
    pub fn thing_group(&self, thing_group_name: &ThingGroupName) -> Result<&ThingGroup, RegistryError> {
        let found = self.thing_groups.get(thing_group_name);
        found.ok_or_else(|| RegistryError::not_found(Resource::ThingGroup, thing_group_name))
    }

    /// `ListThingGroups`: by name, ascending.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the parent.
    pub fn thing_groups<'a>(
        &'a self,
        filter: &'a ThingGroupFilter,
    ) -> Result<impl Iterator<Item = &'a ThingGroup>, RegistryError> {
        let wanted = filter.parent_group_name.as_ref();
        wanted.map(|parent| self.thing_group(parent)).transpose()?;
        let selects = move |group: &ThingGroup| match (wanted, filter.recursive) {
            (None, true) => true,
            (Some(wanted), true) => self.ancestors(group).any(|ancestor| ancestor.thing_group_name == *wanted),
            (wanted, false) => group.parent_group_name.as_ref() == wanted,
        };
        let named_so = |group: &ThingGroup| group.thing_group_name.as_str().starts_with(&filter.name_prefix);
        Ok(self.thing_groups.values().filter(move |group| named_so(group) && selects(group)))
    }

    /// The groups a group is in: its parent first, the root last.
    pub fn ancestors<'a>(&'a self, group: &'a ThingGroup) -> impl Iterator<Item = &'a ThingGroup> {
        let above = |group: &&'a ThingGroup| self.thing_groups.get(group.parent_group_name.as_ref()?);
        std::iter::successors(above(&group), above)
    }

    /// A group and every group below it, from the top.
    pub(crate) fn with_descendants<'a>(&'a self, top: &'a ThingGroupName) -> Vec<&'a ThingGroupName> {
        let mut found = vec![top];
        let mut next = 0;
        while let Some(name) = found.get(next).copied() {
            found.extend(self.thing_group_parents.to(name));
            next += 1;
        }
        found
    }

    /// `arn:aws:iot:<region>:<account>:thinggroup/<name>`.
    pub fn thing_group_arn(&self, thing_group_name: &ThingGroupName) -> String {
        self.tenant.arn("iot", format_args!("thinggroup/{thing_group_name}"))
    }

    /// `CreateThingGroup`. The same group again is no error and changes nothing.
    ///
    /// # Errors
    /// [`RegistryError::AlreadyExists`] if it exists with other properties, [`RegistryError::NotFound`] for its parent,
    /// [`RegistryError::InvalidRequest`] for too many attributes, siblings or levels.
    pub fn create_thing_group(
        &self,
        now: Timestamp,
        thing_group_name: ThingGroupName,
        parent_group_name: Option<ThingGroupName>,
        thing_group_description: Option<String>,
        mut attributes: BTreeMap<String, String>,
        random: &mut dyn Random,
    ) -> Result<(Vec<Event>, ThingGroup), RegistryError> {
        attributes.retain(|_, value| !value.is_empty());
        if let Some(existing) = self.thing_groups.get(&thing_group_name) {
            let same = existing.parent_group_name == parent_group_name
                && existing.thing_group_description == thing_group_description
                && existing.attributes == attributes;
            if same {
                return Ok((Vec::new(), existing.clone()));
            }
            return Err(RegistryError::AlreadyExists {
                message: format!("Thing group {thing_group_name} already exists in account with different properties"),
                resource_id: existing.thing_group_id.clone(),
                resource_arn: self.thing_group_arn(&thing_group_name),
            });
        }
        if let Some(parent) = &parent_group_name {
            self.check_room_below(parent)?;
        }
        check_attributes(&attributes)?;
        let thing_group = ThingGroup {
            thing_group_name,
            thing_group_id: uuid(random),
            parent_group_name,
            thing_group_description,
            attributes,
            version: 1,
            creation_date: now,
        };
        Ok((vec![Event::ThingGroupCreated { thing_group: thing_group.clone() }], thing_group))
    }

    /// `UpdateThingGroup`: the new version.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], [`RegistryError::VersionConflict`], [`RegistryError::InvalidRequest`].
    pub fn update_thing_group(
        &self,
        thing_group_name: &ThingGroupName,
        update: ThingGroupUpdate,
    ) -> Result<(Vec<Event>, u64), RegistryError> {
        let mut thing_group = self.thing_group(thing_group_name)?.clone();
        check_version("thing group", &thing_group.thing_group_name, thing_group.version, update.expected_version)?;
        if update.thing_group_description.is_some() {
            thing_group.thing_group_description = update.thing_group_description;
        }
        if let Some(attributes) = update.attributes {
            if !update.merge {
                thing_group.attributes.clear();
            }
            thing_group.attributes.extend(attributes);
            thing_group.attributes.retain(|_, value| !value.is_empty());
            check_attributes(&thing_group.attributes)?;
        }
        thing_group.version += 1;
        let version = thing_group.version;
        Ok((vec![Event::ThingGroupUpdated { thing_group }], version))
    }

    /// `DeleteThingGroup`. A group that does not exist is no error; its things leave it and its policies are detached.
    ///
    /// # Errors
    /// [`RegistryError::VersionConflict`]; [`RegistryError::InvalidRequest`] while there are groups in it.
    pub fn delete_thing_group(
        &self,
        thing_group_name: &ThingGroupName,
        expected_version: Option<u64>,
    ) -> Result<(Vec<Event>, ()), RegistryError> {
        let Some(group) = self.thing_groups.get(thing_group_name) else { return Ok((Vec::new(), ())) };
        check_version("thing group", &group.thing_group_name, group.version, expected_version)?;
        if self.thing_group_parents.is_linked_to(thing_group_name) {
            return Err(RegistryError::InvalidRequest(format!(
                "Cannot delete thing group : {thing_group_name} when there are still child groups attached to it"
            )));
        }
        Ok((vec![Event::ThingGroupDeleted { thing_group_name: thing_group_name.clone() }], ()))
    }

    fn check_room_below(&self, parent: &ThingGroupName) -> Result<(), RegistryError> {
        let above_child = 1 + self.ancestors(self.thing_group(parent)?).count();
        if above_child >= THING_GROUP_DEPTH_MAX {
            let message = format!("A hierarchy of thing groups can have at most {THING_GROUP_DEPTH_MAX} levels");
            return Err(RegistryError::InvalidRequest(message));
        }
        if self.thing_group_parents.to(parent).count() >= THING_GROUP_CHILDREN_MAX {
            let message =
                format!("Thing group {parent} can have at most {THING_GROUP_CHILDREN_MAX} direct child groups");
            return Err(RegistryError::InvalidRequest(message));
        }
        Ok(())
    }

    pub(crate) fn put_thing_group(&mut self, group: &ThingGroup) {
        if let Some(parent) = &group.parent_group_name {
            self.thing_group_parents.attach(&group.thing_group_name, parent, ());
        }
        self.thing_groups.insert(group.thing_group_name.clone(), group.clone());
    }

    pub(crate) fn drop_thing_group(&mut self, name: &ThingGroupName) {
        let certificates = self.certificates_below(name);
        self.thing_group_left = Some((name.clone(), certificates));
        self.thing_groups.remove(name);
        self.thing_group_parents.remove(name);
        self.thing_group_members.remove_to(name);
        self.policy_targets.remove(&PolicyTarget::ThingGroup(name.clone()));
        self.tags.remove(&self.thing_group_arn(name));
    }
}

fn check_attributes(attributes: &BTreeMap<String, String>) -> Result<(), RegistryError> {
    if attributes.len() > THING_GROUP_ATTRIBUTES_MAX {
        let message = format!("A thing group can have at most {THING_GROUP_ATTRIBUTES_MAX} attributes");
        return Err(RegistryError::InvalidRequest(message));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::{World, check};

    #[test]
    #[rustfmt::skip] // citation                                          command                                  answer
    fn groups() { check(&[
        ("iot CreateThingGroup",                                          "create-group plant site=a",             "ok"),
        ("iot CreateThingGroup: same attributes succeed",                 "create-group plant site=a",             "ok, nothing happened"),
        ("iot CreateThingGroup: different attributes",                    "create-group plant site=b",             "AlreadyExists: Thing group plant already exists in account with different properties"),
        ("iot CreateThingGroup: parentGroupName",                         "create-group hall in:absent",           "NotFound: Thing group absent not found"),
        ("iot CreateThingGroup: parentGroupName",                         "create-group hall in:plant",            "ok"),
        ("iot CreateThingGroup: another parent",                          "create-group hall",                     "AlreadyExists: Thing group hall already exists in account with different properties"),
        ("iot CreateThingGroup: parentGroupName",                         "create-group line in:hall",             "ok"),
        ("iot CreateThingGroup",                                          "create-group planes",                   "ok"),
        ("iot ThingGroupName: pattern",                                   "create-group a/b",                      "InvalidRequest: `a/b` is not a valid thing group name: 1 to 128 of a-z A-Z 0-9 : _ -"),
        ("iot DescribeThingGroup: rootToParentThingGroups",               "describe-group line",                   "version 1 {} in plant hall"),
        ("iot DescribeThingGroup: a root",                                "describe-group plant",                  "version 1 {\"site\": \"a\"} in "),
        ("iot DescribeThingGroup: ResourceNotFoundException",             "describe-group absent",                 "NotFound: Thing group absent not found"),
        ("iot ListThingGroups",                                           "list-groups recursive",                 "hall line planes plant"),
        ("iot ListThingGroups: recursive is false",                       "list-groups",                           "planes plant"),
        ("iot ListThingGroups: parentGroup",                              "list-groups in:plant",                  "hall"),
        ("iot ListThingGroups: parentGroup, recursive",                   "list-groups in:plant recursive",        "hall line"),
        ("iot ListThingGroups: parentGroup",                              "list-groups in:absent",                 "NotFound: Thing group absent not found"),
        ("iot ListThingGroups: namePrefixFilter",                         "list-groups recursive prefix:pla",      "planes plant"),
        ("iot ListThingGroups: namePrefixFilter and parentGroup",         "list-groups recursive in:plant prefix:li", "line"),
        ("iot UpdateThingGroup: expectedVersion",                         "update-group plant v2 x=y",             "VersionConflict: The version for thing group plant does not match the expected version."),
        ("iot UpdateThingGroup: version",                                 "update-group plant v1 merge x=y",       "2"),
        ("iot AttributePayload: merge",                                   "describe-group plant",                  "version 2 {\"site\": \"a\", \"x\": \"y\"} in "),
        ("iot UpdateThingGroup",                                          "update-group plant x=z",                "3"),
        ("iot AttributePayload: without merge all are replaced",          "describe-group plant",                  "version 3 {\"x\": \"z\"} in "),
        ("iot UpdateThingGroup: the parent stays",                        "update-group hall",                     "2"),
        ("iot UpdateThingGroup: the parent stays",                        "describe-group line",                   "version 1 {} in plant hall"),
        ("iot UpdateThingGroup: ResourceNotFoundException",               "update-group absent",                   "NotFound: Thing group absent not found"),
        ("iot DeleteThingGroup: child groups",                            "delete-group hall",                     "InvalidRequest: Cannot delete thing group : hall when there are still child groups attached to it"),
        ("iot DeleteThingGroup: expectedVersion",                         "delete-group line v2",                  "VersionConflict: The version for thing group line does not match the expected version."),
        ("iot DeleteThingGroup",                                          "delete-group line v1",                  "ok"),
        ("iot DeleteThingGroup: child groups",                            "delete-group hall",                     "ok"),
        ("iot DeleteThingGroup: one that does not exist",                 "delete-group hall",                     "ok, nothing happened"),
        ("iot ListThingGroups",                                           "list-groups recursive",                 "planes plant"),
    ]) }

    #[test]
    fn a_hierarchy_has_seven_levels_and_a_group_a_hundred_children() {
        let mut world = World::new();
        world.run("create-group g1");
        for level in 2..=8 {
            let answer =
                if level <= 7 { "ok" } else { "InvalidRequest: A hierarchy of thing groups can have at most 7 levels" };
            let command = format!("create-group g{level} in:g{}", level - 1);
            assert_eq!(world.run(&command), answer, "iot quotas: depth of a thing group hierarchy");
        }
        for child in 1..=100 {
            let answer = if child < 100 {
                "ok"
            } else {
                "InvalidRequest: Thing group g1 can have at most 100 direct child groups"
            };
            assert_eq!(world.run(&format!("create-group c{child} in:g1")), answer, "iot quotas: direct child groups");
        }
    }
}
