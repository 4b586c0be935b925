//! Things in thing groups: each in a few, and at most once in a hierarchy.
use std::collections::BTreeSet;

use sekisho_types::{CertificateId, ThingGroupName, ThingName};

use crate::{Event, Registry, RegistryError, ThingGroup};

/// Thing groups a thing can be in (AWS IoT Core quotas, thing group limits).
pub const THING_GROUPS_PER_THING_MAX: usize = 10;

impl Registry {
    /// `ListThingGroupsForThing`: names, ascending; without the groups those are in.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the thing.
    pub fn groups_of_thing(&self, thing_name: &ThingName) -> Result<Vec<&ThingGroupName>, RegistryError> {
        self.thing(thing_name)?;
        Ok(self.thing_group_members.of(thing_name).map(|(name, ())| name).collect())
    }

    /// `ListThingsInThingGroup`: names, ascending; with `recursive` those in groups below too.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the group.
    pub fn things_in_group(
        &self,
        thing_group_name: &ThingGroupName,
        recursive: bool,
    ) -> Result<BTreeSet<&ThingName>, RegistryError> {
        let group = &self.thing_group(thing_group_name)?.thing_group_name;
        let groups = if recursive { self.with_descendants(group) } else { vec![group] };
        Ok(groups.into_iter().flat_map(|name| self.thing_group_members.to(name)).collect())
    }

    /// `AddThingToThingGroup`. In it already is no error.
    ///
    /// # Errors
    /// As [`Registry::update_groups_of_thing`].
    pub fn add_thing_to_group(
        &self,
        thing_name: &ThingName,
        thing_group_name: &ThingGroupName,
    ) -> Result<(Vec<Event>, ()), RegistryError> {
        self.update_groups_of_thing(thing_name, std::slice::from_ref(thing_group_name), &[])
    }

    /// `RemoveThingFromThingGroup`. Not in it is no error.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the thing or the group.
    pub fn remove_thing_from_group(
        &self,
        thing_name: &ThingName,
        thing_group_name: &ThingGroupName,
    ) -> Result<(Vec<Event>, ()), RegistryError> {
        self.update_groups_of_thing(thing_name, &[], std::slice::from_ref(thing_group_name))
    }

    /// `UpdateThingGroupsForThing`: out of some groups, then into others, all or nothing, so that a thing can move within a
    /// hierarchy.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] for the thing or a group; [`RegistryError::InvalidRequest`] if the thing would be in more
    /// than [`THING_GROUPS_PER_THING_MAX`] groups, or in two of one hierarchy.
    pub fn update_groups_of_thing(
        &self,
        thing_name: &ThingName,
        to_add: &[ThingGroupName],
        to_remove: &[ThingGroupName],
    ) -> Result<(Vec<Event>, ()), RegistryError> {
        self.thing(thing_name)?;
        Ok((self.change_groups(thing_name, to_add, to_remove)?, ()))
    }

    /// As [`Registry::update_groups_of_thing`], for a thing that is there or is made by an event before these.
    pub(crate) fn change_groups(
        &self,
        thing_name: &ThingName,
        to_add: &[ThingGroupName],
        to_remove: &[ThingGroupName],
    ) -> Result<Vec<Event>, RegistryError> {
        let mut groups: BTreeSet<&ThingGroupName> =
            self.thing_group_members.of(thing_name).map(|(name, ())| name).collect();
        let mut events = Vec::new();
        for name in to_remove {
            self.thing_group(name)?;
            if groups.remove(name) {
                let (thing_name, thing_group_name) = (thing_name.clone(), name.clone());
                events.push(Event::ThingGroupMemberRemoved { thing_name, thing_group_name });
            }
        }
        for name in to_add {
            let root = self.root(self.thing_group(name)?);
            if groups.contains(name) {
                continue;
            }
            let same_root =
                |other: &&&ThingGroupName| self.thing_groups.get(**other).is_some_and(|other| self.root(other) == root);
            if let Some(other) = groups.iter().find(same_root) {
                return Err(RegistryError::InvalidRequest(format!(
                    "Thing {thing_name} cannot be added to thing group {name}: it is in {other}, of the same hierarchy"
                )));
            }
            if groups.len() >= THING_GROUPS_PER_THING_MAX {
                let message = format!("A thing can be in at most {THING_GROUPS_PER_THING_MAX} thing groups");
                return Err(RegistryError::InvalidRequest(message));
            }
            groups.insert(name);
            let (thing_name, thing_group_name) = (thing_name.clone(), name.clone());
            events.push(Event::ThingGroupMemberAdded { thing_name, thing_group_name });
        }
        Ok(events)
    }

    fn root<'a>(&'a self, group: &'a ThingGroup) -> &'a ThingGroupName {
        &self.ancestors(group).last().unwrap_or(group).thing_group_name
    }

    /// The certificates of the things in a group and in the groups below it, ascending.
    pub(crate) fn certificates_below(&self, top: &ThingGroupName) -> Vec<CertificateId> {
        let groups = self.with_descendants(top);
        let things = groups.into_iter().flat_map(|name| self.thing_group_members.to(name));
        let certificates: BTreeSet<_> = things.flat_map(|thing| self.thing_principals.to(thing)).collect();
        certificates.into_iter().copied().collect()
    }

    /// The groups the things are in, and those these are in, each once, by name.
    pub(crate) fn groups_of_things<'a>(
        &'a self,
        things: impl Iterator<Item = &'a ThingName>,
    ) -> BTreeSet<&'a ThingGroupName> {
        let groups = things.flat_map(|thing| self.thing_group_members.of(thing));
        let groups = groups.filter_map(|(name, ())| self.thing_groups.get(name));
        let chains = groups.flat_map(|group| std::iter::once(group).chain(self.ancestors(group)));
        chains.map(|group| &group.thing_group_name).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{World, check};

    #[test]
    #[rustfmt::skip] // citation                                          command                                  answer
    fn members() { check(&[
        ("iot AddThingToThingGroup: ResourceNotFoundException",           "add-to-group a plant",                  "NotFound: Thing a not found"),
        ("iot AddThingToThingGroup",                                      "create-thing a",                        "ok"),
        ("iot AddThingToThingGroup: ResourceNotFoundException",           "add-to-group a plant",                  "NotFound: Thing group plant not found"),
        ("iot AddThingToThingGroup",                                      "create-group plant",                    "ok"),
        ("iot AddThingToThingGroup",                                      "create-group hall in:plant",            "ok"),
        ("iot AddThingToThingGroup",                                      "create-group yard in:plant",            "ok"),
        ("iot AddThingToThingGroup",                                      "create-group owner",                    "ok"),
        ("iot AddThingToThingGroup",                                      "add-to-group a hall",                   "ok"),
        ("iot AddThingToThingGroup: again",                               "add-to-group a hall",                   "ok, nothing happened"),
        ("iot dev guide: thing-groups, same hierarchy",                   "add-to-group a yard",                   "InvalidRequest: Thing a cannot be added to thing group yard: it is in hall, of the same hierarchy"),
        ("iot dev guide: thing-groups, same hierarchy",                   "add-to-group a plant",                  "InvalidRequest: Thing a cannot be added to thing group plant: it is in hall, of the same hierarchy"),
        ("iot AddThingToThingGroup: another hierarchy",                   "add-to-group a owner",                  "ok"),
        ("iot ListThingGroupsForThing",                                   "list-groups-of a",                      "hall owner"),
        ("iot ListThingGroupsForThing: ResourceNotFoundException",        "list-groups-of b",                      "NotFound: Thing b not found"),
        ("iot ListThingsInThingGroup",                                    "create-thing b",                        "ok"),
        ("iot ListThingsInThingGroup",                                    "add-to-group b plant",                  "ok"),
        ("iot ListThingsInThingGroup",                                    "list-things-in-group plant",            "b"),
        ("iot ListThingsInThingGroup: recursive",                         "list-things-in-group plant recursive",  "a b"),
        ("iot ListThingsInThingGroup: ResourceNotFoundException",         "list-things-in-group absent",           "NotFound: Thing group absent not found"),
        ("iot UpdateThingGroupsForThing: within a hierarchy",             "regroup a +yard -hall",                 "ok"),
        ("iot UpdateThingGroupsForThing",                                 "list-groups-of a",                      "owner yard"),
        ("iot UpdateThingGroupsForThing: all or nothing",                 "regroup a -owner +absent",              "NotFound: Thing group absent not found"),
        ("iot UpdateThingGroupsForThing: all or nothing",                 "list-groups-of a",                      "owner yard"),
        ("iot UpdateThingGroupsForThing: two of one hierarchy",           "regroup a -yard +plant +hall",          "InvalidRequest: Thing a cannot be added to thing group hall: it is in plant, of the same hierarchy"),
        ("iot RemoveThingFromThingGroup",                                 "remove-from-group a owner",             "ok"),
        ("iot RemoveThingFromThingGroup: not in it",                      "remove-from-group a owner",             "ok, nothing happened"),
        ("iot RemoveThingFromThingGroup: ResourceNotFoundException",      "remove-from-group a absent",            "NotFound: Thing group absent not found"),
        ("iot DeleteThingGroup: things leave it",                         "delete-group yard",                     "ok"),
        ("iot DeleteThingGroup: things leave it",                         "list-groups-of a",                      ""),
        ("iot DeleteThing: leaves its groups",                            "delete-thing b",                        "ok"),
        ("iot DeleteThing: leaves its groups",                            "list-things-in-group plant",            ""),
        ("iot DeleteThing: a thing made again is in no group",            "create-thing b",                        "ok"),
        ("iot DeleteThing: a thing made again is in no group",            "list-groups-of b",                      ""),
    ]) }

    #[test]
    fn a_thing_is_in_ten_groups_and_the_eleventh_is_refused() {
        let mut world = World::new();
        world.run("create-thing a");
        for n in 1..=11 {
            world.run(&format!("create-group g{n}"));
            let answer = if n <= 10 { "ok" } else { "InvalidRequest: A thing can be in at most 10 thing groups" };
            assert_eq!(world.run(&format!("add-to-group a g{n}")), answer, "iot quotas: thing groups of a thing");
        }
        assert_eq!(world.run("regroup a +g11 -g1"), "ok", "iot UpdateThingGroupsForThing: out first");
    }

    #[test]
    #[rustfmt::skip] // citation                                          command                                  answer
    fn policies_on_groups() { check(&[
        ("iot AttachPolicy",                                              "create-policy p a",                     "ok"),
        ("iot AttachPolicy",                                              "create-policy q a",                     "ok"),
        ("iot AttachPolicy",                                              "create-policy r a",                     "ok"),
        ("iot AttachPolicy: ResourceNotFoundException",                   "attach-policy p @plant",                "NotFound: Thing group plant not found"),
        ("iot AttachPolicy: thinggroup",                                  "create-group plant",                    "ok"),
        ("iot AttachPolicy: thinggroup",                                  "create-group hall in:plant",            "ok"),
        ("iot AttachPolicy: thinggroup",                                  "attach-policy p @plant",                "ok"),
        ("iot AttachPolicy: idempotent",                                  "attach-policy p @plant",                "ok, nothing happened"),
        ("iot AttachPolicy: thinggroup",                                  "attach-policy q @plant",                "ok"),
        ("iot quotas: policies per thing group",                          "attach-policy r @plant",                "LimitExceeded: The maximum number of policies attached to arn:aws:iot:eu-north-1:000000000000:thinggroup/plant is 2"),
        ("iot AttachPolicy: thinggroup",                                  "attach-policy r @hall",                 "ok"),
        ("iot ListAttachedPolicies: thinggroup",                          "list-attached-policies @hall",          "r"),
        ("iot ListAttachedPolicies: recursive",                           "list-attached-policies @hall recursive","p q r"),
        ("iot ListAttachedPolicies: recursive, no children's",            "list-attached-policies @plant recursive","p q"),
        ("iot ListTargetsForPolicy",                                      "issue #0",                              "ok"),
        ("iot ListTargetsForPolicy",                                      "attach-policy p #0",                    "ok"),
        ("iot ListTargetsForPolicy",                                      "list-targets p",                        "arn:aws:iot:eu-north-1:000000000000:cert/#0 arn:aws:iot:eu-north-1:000000000000:thinggroup/plant"),
        ("iot DeletePolicy: attached",                                    "list-targets r",                        "arn:aws:iot:eu-north-1:000000000000:thinggroup/hall"),
        ("iot DetachPolicy: thinggroup",                                  "detach-policy q @plant",                "ok"),
        ("iot DetachPolicy: idempotent",                                  "detach-policy q @plant",                "ok, nothing happened"),
        ("iot dev guide: thing-groups, deleting a group with a policy",   "delete-group hall",                     "ok"),
        ("iot ListTargetsForPolicy: the group is gone",                   "list-targets r",                        ""),
        ("iot: a group made again has no policies",                       "create-group hall in:plant",            "ok"),
        ("iot: a group made again has no policies",                       "list-attached-policies @hall",          ""),
    ]) }
}
