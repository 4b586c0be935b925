//! What is told of a change of the registry, on `$aws/events/…` (iot dev guide: registry-events).
//!
//! Asked just before a change takes effect: what is about to go still has its id, and what is about to come is in the event.
use aws_lc_rs::digest;
use sekisho_types::{Random, ThingGroupName, ThingName, ThingTypeName, Timestamp};
use serde_json::{Map, Value, json};

use crate::registry::{uuid, uuid_of};
use crate::{Event, EventType, Registry, Thing, ThingGroup, ThingType};

/// A message about a change.
#[derive(Clone, Debug, PartialEq)]
pub struct RegistryEvent {
    /// Where it is published.
    pub topic: String,
    /// What it says.
    pub payload: Value,
}

/// What happened, as a topic's last level and as `operation` say it.
#[derive(Clone, Copy)]
enum Operation {
    Created,
    Updated,
    Deleted,
    Added,
    Removed,
}

impl Operation {
    const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Created => ("created", "CREATED"),
            Self::Updated => ("updated", "UPDATED"),
            Self::Deleted => ("deleted", "DELETED"),
            Self::Added => ("added", "ADDED"),
            Self::Removed => ("removed", "REMOVED"),
        }
    }
}

/// Collects messages of the kinds that are told.
struct Telling<'a> {
    registry: &'a Registry,
    now: Timestamp,
    random: &'a mut dyn Random,
    told: Vec<RegistryEvent>,
}

impl Registry {
    /// What is told of a change that is about to be applied: nothing of the kinds that nobody enabled.
    pub fn told_of(&self, event: &Event, now: Timestamp, random: &mut dyn Random) -> Vec<RegistryEvent> {
        if self.event_configurations.enabled.is_empty() {
            return Vec::new();
        }
        let mut telling = Telling { registry: self, now, random, told: Vec::new() };
        telling.of(event);
        telling.told
    }
}

impl Telling<'_> {
    fn of(&mut self, event: &Event) {
        let registry = self.registry;
        match event {
            Event::ThingCreated { thing } => {
                self.thing(Operation::Created, thing);
                self.association(Operation::Added, thing, thing.thing_type_name.as_ref());
            }
            Event::ThingUpdated { thing } => {
                let before = registry.things.get(&thing.thing_name).and_then(|thing| thing.thing_type_name.as_ref());
                self.thing(Operation::Updated, thing);
                if before != thing.thing_type_name.as_ref() {
                    self.association(Operation::Removed, thing, before);
                    self.association(Operation::Added, thing, thing.thing_type_name.as_ref());
                }
            }
            Event::ThingDeleted { thing_name } => {
                let Some(thing) = registry.things.get(thing_name) else { return };
                for (group, ()) in registry.thing_group_members.of(thing_name) {
                    self.membership(Operation::Removed, group, thing_name);
                }
                self.association(Operation::Removed, thing, thing.thing_type_name.as_ref());
                self.thing(Operation::Deleted, thing);
            }
            Event::ThingTypeCreated { thing_type } => self.thing_type(Operation::Created, thing_type),
            Event::ThingTypeUpdated { thing_type } => self.thing_type(Operation::Updated, thing_type),
            Event::ThingTypeDeleted { thing_type_name } => {
                let Some(thing_type) = registry.thing_types.get(thing_type_name) else { return };
                self.thing_type(Operation::Deleted, thing_type);
            }
            Event::ThingGroupCreated { thing_group } => {
                self.thing_group(Operation::Created, thing_group);
                self.hierarchy(Operation::Added, thing_group);
            }
            Event::ThingGroupUpdated { thing_group } => self.thing_group(Operation::Updated, thing_group),
            Event::ThingGroupDeleted { thing_group_name } => {
                let Some(thing_group) = registry.thing_groups.get(thing_group_name) else { return };
                self.hierarchy(Operation::Removed, thing_group);
                self.thing_group(Operation::Deleted, thing_group);
            }
            Event::ThingGroupMemberAdded { thing_name, thing_group_name } => {
                self.membership(Operation::Added, thing_group_name, thing_name);
            }
            Event::ThingGroupMemberRemoved { thing_name, thing_group_name } => {
                self.membership(Operation::Removed, thing_group_name, thing_name);
            }
            // Nothing is told of the rest: of certificates there are topics of their own, of policies none.
            _ => {}
        }
    }

    fn thing(&mut self, operation: Operation, thing: &Thing) {
        self.tell(
            EventType::Thing,
            "THING_EVENT",
            operation,
            format_args!("thing/{}", thing.thing_name),
            json!({
                "thingId": thing.thing_id,
                "thingName": thing.thing_name,
                "versionNumber": thing.version,
                "thingTypeName": thing.thing_type_name,
                "attributes": thing.attributes,
            }),
        );
    }

    fn association(&mut self, operation: Operation, thing: &Thing, thing_type_name: Option<&ThingTypeName>) {
        let Some(thing_type_name) = thing_type_name else { return };
        self.tell(
            EventType::ThingTypeAssociation,
            "THING_TYPE_ASSOCIATION_EVENT",
            operation,
            format_args!("thingTypeAssociation/thing/{}/thingType/{thing_type_name}", thing.thing_name),
            json!({ "thingId": thing.thing_id, "thingName": thing.thing_name, "thingTypeName": thing_type_name }),
        );
    }

    fn thing_type(&mut self, operation: Operation, thing_type: &ThingType) {
        self.tell(
            EventType::ThingType,
            "THING_TYPE_EVENT",
            operation,
            format_args!("thingType/{}", thing_type.thing_type_name),
            json!({
                "thingTypeId": thing_type.thing_type_id,
                "thingTypeName": thing_type.thing_type_name,
                "isDeprecated": thing_type.deprecation_date.is_some(),
                "deprecationDate": thing_type.deprecation_date.map(Timestamp::millis),
                "searchableAttributes": thing_type.searchable_attributes,
                "description": thing_type.thing_type_description,
            }),
        );
    }

    fn thing_group(&mut self, operation: Operation, group: &ThingGroup) {
        let above: Vec<&ThingGroup> = self.registry.ancestors(group).collect();
        let from_root: Vec<Value> = above.iter().rev().map(|group| self.arn_and_id(group)).collect();
        self.tell(
            EventType::ThingGroup,
            "THING_GROUP_EVENT",
            operation,
            format_args!("thingGroup/{}", group.thing_group_name),
            json!({
                "thingGroupId": group.thing_group_id,
                "thingGroupName": group.thing_group_name,
                "versionNumber": group.version,
                "parentGroupName": group.parent_group_name,
                "parentGroupId": above.first().map(|parent| &parent.thing_group_id),
                "description": group.thing_group_description,
                "rootToParentThingGroups": from_root,
                "attributes": group.attributes,
                "dynamicGroupMappingId": null,
            }),
        );
    }

    fn arn_and_id(&self, group: &ThingGroup) -> Value {
        let arn = self.registry.thing_group_arn(&group.thing_group_name);
        json!({ "groupArn": arn, "groupId": group.thing_group_id })
    }

    fn hierarchy(&mut self, operation: Operation, child: &ThingGroup) {
        let parent = child.parent_group_name.as_ref().and_then(|name| self.registry.thing_groups.get(name));
        let Some(parent) = parent else { return };
        self.tell(
            EventType::ThingGroupHierarchy,
            "THING_GROUP_HIERARCHY_EVENT",
            operation,
            format_args!(
                "thingGroupHierarchy/thingGroup/{}/childThingGroup/{}",
                parent.thing_group_name, child.thing_group_name
            ),
            json!({
                "thingGroupId": parent.thing_group_id,
                "thingGroupName": parent.thing_group_name,
                "childGroupId": child.thing_group_id,
                "childGroupName": child.thing_group_name,
            }),
        );
    }

    fn membership(&mut self, operation: Operation, group: &ThingGroupName, thing: &ThingName) {
        let registry = self.registry;
        let (Some(group), Some(thing)) = (registry.thing_groups.get(group), registry.things.get(thing)) else { return };
        self.tell(
            EventType::ThingGroupMembership,
            "THING_GROUP_MEMBERSHIP_EVENT",
            operation,
            format_args!("thingGroupMembership/thingGroup/{}/thing/{}", group.thing_group_name, thing.thing_name),
            json!({
                "groupArn": registry.thing_group_arn(&group.thing_group_name),
                "groupId": group.thing_group_id,
                "thingArn": registry.thing_arn(&thing.thing_name),
                "thingId": thing.thing_id,
                "membershipId": membership_id(group, thing),
            }),
        );
    }

    fn tell(
        &mut self,
        kind: EventType,
        event_type: &str,
        operation: Operation,
        about: std::fmt::Arguments<'_>,
        more: Value,
    ) {
        if !self.registry.event_configurations.enabled.contains(&kind) {
            return;
        }
        let (level, operation) = operation.names();
        let mut payload = Map::new();
        payload.insert("eventType".into(), event_type.into());
        payload.insert("eventId".into(), uuid(self.random).into());
        payload.insert("timestamp".into(), self.now.millis().into());
        payload.insert("operation".into(), operation.into());
        payload.insert("accountId".into(), self.registry.tenant.account.as_str().into());
        if let Value::Object(more) = more {
            payload.extend(more);
        }
        let topic = format!("$aws/events/{about}/{level}");
        self.told.push(RegistryEvent { topic, payload: payload.into() });
    }
}

/// The same when a thing leaves as when it came, without a place to keep it.
fn membership_id(group: &ThingGroup, thing: &Thing) -> String {
    let of = digest::digest(&digest::SHA256, format!("{}/{}", group.thing_group_id, thing.thing_id).as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&of.as_ref()[..16]);
    uuid_of(bytes)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::testing::{NOW, World};

    /// What is told when `commands` run one after the other, as `topic {payload}`.
    fn told(world: &mut World, commands: &[&str]) -> Vec<(String, Value)> {
        let mut all = Vec::new();
        for command in commands {
            let before = world.registry.clone();
            let from = world.history.len();
            let answer = world.run(command);
            assert!(!answer.contains(": "), "{command}: {answer}");
            let mut registry = before;
            for event in &world.history[from..] {
                let mut random = |out: &mut [u8]| out.fill(0xee);
                all.extend(registry.told_of(event, NOW, &mut random));
                registry.apply(event);
            }
        }
        all.into_iter().map(|RegistryEvent { topic, payload }| (topic, payload)).collect()
    }

    fn enable(world: &mut World, kinds: &[EventType]) {
        let changes: BTreeMap<_, _> = EventType::ALL.iter().map(|kind| (*kind, kinds.contains(kind))).collect();
        let (events, ()) = world.registry.update_event_configurations(NOW, &changes).unwrap();
        events.iter().for_each(|event| world.registry.apply(event));
    }

    #[test]
    fn nothing_is_told_before_somebody_asks() {
        assert_eq!(told(&mut World::new(), &["create-thing a site=x", "delete-thing a"]), []);
    }

    #[test]
    #[rustfmt::skip]
    fn each_change_has_its_topics() {
        // iot dev guide: registry-events                  kind                             command                     topics, below $aws/events/
        type Row = (&'static str, EventType, &'static str, &'static [&'static str]);
        const TABLE: &[Row] = &[
            ("thing",               EventType::Thing,                "create-thing c",           &["thing/c/created"]),
            ("thing",               EventType::Thing,                "update-thing a site=y",    &["thing/a/updated"]),
            ("thing",               EventType::Thing,                "delete-thing a",           &["thing/a/deleted"]),
            ("thing, no change",    EventType::Thing,                "create-thing b",           &[]),
            ("other kinds",         EventType::ThingType,            "create-thing c",           &[]),
            ("thing type",          EventType::ThingType,            "create-type u",            &["thingType/u/created"]),
            ("thing type",          EventType::ThingType,            "deprecate-type t",         &["thingType/t/updated"]),
            ("thing type",          EventType::ThingType,            "delete-type late late",    &["thingType/late/deleted"]),
            ("association",         EventType::ThingTypeAssociation, "create-thing c type:t",    &["thingTypeAssociation/thing/c/thingType/t/added"]),
            ("association",         EventType::ThingTypeAssociation, "update-thing a type:s",    &["thingTypeAssociation/thing/a/thingType/t/removed", "thingTypeAssociation/thing/a/thingType/s/added"]),
            ("association",         EventType::ThingTypeAssociation, "update-thing a untype",    &["thingTypeAssociation/thing/a/thingType/t/removed"]),
            ("association",         EventType::ThingTypeAssociation, "update-thing a site=y",    &[]),
            ("ours: with the thing",EventType::ThingTypeAssociation, "delete-thing a",           &["thingTypeAssociation/thing/a/thingType/t/removed"]),
            ("group",               EventType::ThingGroup,           "create-group yard",        &["thingGroup/yard/created"]),
            ("group",               EventType::ThingGroup,           "update-group hall x=y",    &["thingGroup/hall/updated"]),
            ("group",               EventType::ThingGroup,           "delete-group hall",        &["thingGroup/hall/deleted"]),
            ("hierarchy",           EventType::ThingGroupHierarchy,  "create-group yard",        &[]),
            ("hierarchy",           EventType::ThingGroupHierarchy,  "create-group shed in:hall",&["thingGroupHierarchy/thingGroup/hall/childThingGroup/shed/added"]),
            ("hierarchy",           EventType::ThingGroupHierarchy,  "delete-group hall",        &["thingGroupHierarchy/thingGroup/plant/childThingGroup/hall/removed"]),
            ("membership",          EventType::ThingGroupMembership, "add-to-group b plant",     &["thingGroupMembership/thingGroup/plant/thing/b/added"]),
            ("membership",          EventType::ThingGroupMembership, "remove-from-group a hall", &["thingGroupMembership/thingGroup/hall/thing/a/removed"]),
            ("membership",          EventType::ThingGroupMembership, "add-to-group a hall",      &[]),
            ("ours: with the thing",EventType::ThingGroupMembership, "delete-thing a",           &["thingGroupMembership/thingGroup/hall/thing/a/removed"]),
            ("never told",          EventType::Policy,               "create-policy p x",        &[]),
        ];
        for (statement, kind, command, topics) in TABLE {
            let mut world = World::new();
            for command in [
                "create-type t", "create-type s", "create-type late", "create-thing a site=x type:t", "create-thing b",
                "create-group plant", "create-group hall in:plant", "add-to-group a hall", "deprecate-type late",
            ] {
                assert_eq!(world.run(command), "ok", "{command}");
            }
            enable(&mut world, &[*kind]);
            let found = told(&mut world, &[command]);
            let found: Vec<_> = found.iter().map(|(topic, _)| topic.trim_start_matches("$aws/events/")).collect();
            assert_eq!(found, *topics, "{statement}: {command}");
        }
    }

    #[test]
    fn payloads_have_the_documented_keys() {
        let mut world = World::new();
        world.run("create-type t site");
        enable(&mut world, &EventType::ALL);
        let all = told(
            &mut world,
            &[
                "create-thing a site=x type:t",
                "update-thing a site=y",
                "create-group plant",
                "create-group hall in:plant x=y",
                "add-to-group a hall",
                "remove-from-group a hall",
                "deprecate-type t",
            ],
        );
        let id = "eeeeeeee-eeee-4eee-aeee-eeeeeeeeeeee";
        let thing_id = &world.registry.things.values().next().unwrap().thing_id;
        let group = |name: &str| world.registry.thing_groups.get(name).unwrap().thing_group_id.clone();
        let (plant, hall) = (group("plant"), group("hall"));
        let said = |event_type: &str, operation: &str, more: Value| {
            let mut whole = json!({
                "eventType": event_type, "eventId": id, "timestamp": 1_541_022_751_983_i64, "operation": operation,
                "accountId": "000000000000",
            });
            whole.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            whole
        };
        let arn = |rest: &str| format!("arn:aws:iot:eu-north-1:000000000000:{rest}");
        let membership_id = all[6].1["membershipId"].clone();
        let expected = [
            said(
                "THING_EVENT",
                "CREATED",
                json!({ "thingId": thing_id, "thingName": "a", "versionNumber": 1, "thingTypeName": "t", "attributes": { "site": "x" } }),
            ),
            said(
                "THING_TYPE_ASSOCIATION_EVENT",
                "ADDED",
                json!({ "thingId": thing_id, "thingName": "a", "thingTypeName": "t" }),
            ),
            said(
                "THING_EVENT",
                "UPDATED",
                json!({ "thingId": thing_id, "thingName": "a", "versionNumber": 2, "thingTypeName": "t", "attributes": { "site": "y" } }),
            ),
            said(
                "THING_GROUP_EVENT",
                "CREATED",
                json!({
                    "thingGroupId": plant, "thingGroupName": "plant", "versionNumber": 1, "parentGroupName": null, "parentGroupId": null,
                    "description": null, "rootToParentThingGroups": [], "attributes": {}, "dynamicGroupMappingId": null,
                }),
            ),
            said(
                "THING_GROUP_EVENT",
                "CREATED",
                json!({
                    "thingGroupId": hall, "thingGroupName": "hall", "versionNumber": 1, "parentGroupName": "plant",
                    "parentGroupId": plant, "description": null,
                    "rootToParentThingGroups": [{ "groupArn": arn("thinggroup/plant"), "groupId": plant }],
                    "attributes": { "x": "y" }, "dynamicGroupMappingId": null,
                }),
            ),
            said(
                "THING_GROUP_HIERARCHY_EVENT",
                "ADDED",
                json!({ "thingGroupId": plant, "thingGroupName": "plant", "childGroupId": hall, "childGroupName": "hall" }),
            ),
            said(
                "THING_GROUP_MEMBERSHIP_EVENT",
                "ADDED",
                json!({ "groupArn": arn("thinggroup/hall"), "groupId": hall, "thingArn": arn("thing/a"), "thingId": thing_id, "membershipId": membership_id }),
            ),
            said(
                "THING_GROUP_MEMBERSHIP_EVENT",
                "REMOVED",
                json!({ "groupArn": arn("thinggroup/hall"), "groupId": hall, "thingArn": arn("thing/a"), "thingId": thing_id, "membershipId": membership_id }),
            ),
            said(
                "THING_TYPE_EVENT",
                "UPDATED",
                json!({
                    "thingTypeId": world.registry.thing_types.values().next().unwrap().thing_type_id, "thingTypeName": "t",
                    "isDeprecated": true, "deprecationDate": all[8].1["deprecationDate"], "searchableAttributes": ["site"],
                    "description": null,
                }),
            ),
        ];
        assert_eq!(all.len(), expected.len());
        all.iter().zip(&expected).for_each(|((topic, found), expected)| assert_eq!(found, expected, "{topic}"));
        assert!(all[8].1["deprecationDate"].is_i64() && membership_id.as_str().unwrap().len() == 36);
    }
}
