//! Shared subscriptions: the members of a group take turns (MQTT5 §4.8.2; iot dev guide: "MQTT shared subscriptions").
use std::collections::HashMap;

use sekisho_types::TopicFilter;

use crate::{ConnectionId, QoS};

/// All who subscribe to the same `$share/<name>/<filter>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct GroupId(u32);

/// The groups that have members.
#[derive(Clone, Debug, Default)]
pub(crate) struct Groups {
    ids: HashMap<TopicFilter, GroupId>,
    groups: HashMap<GroupId, Vec<(ConnectionId, QoS)>>,
    last: u32,
}

impl Groups {
    /// Adds a member, or changes what it was granted; answers the group, if it is new.
    pub fn join(&mut self, filter: &TopicFilter, connection: ConnectionId, qos: QoS) -> Option<GroupId> {
        let known = self.ids.get(filter).copied();
        let group = known.unwrap_or_else(|| {
            self.last = self.last.wrapping_add(1);
            self.ids.insert(filter.clone(), GroupId(self.last));
            GroupId(self.last)
        });
        let members = self.groups.entry(group).or_default();
        match members.iter_mut().find(|(member, _)| *member == connection) {
            Some((_, granted)) => *granted = qos,
            None => members.push((connection, qos)),
        }
        known.is_none().then_some(group)
    }

    /// Removes a member; answers the group, if it was the last.
    pub fn leave(&mut self, filter: &TopicFilter, connection: ConnectionId) -> Option<GroupId> {
        let group = *self.ids.get(filter)?;
        let members = self.groups.get_mut(&group)?;
        members.retain(|(member, _)| *member != connection);
        if !members.is_empty() {
            return None;
        }
        self.groups.remove(&group);
        self.ids.remove(filter)
    }

    /// The member whose turn it is.
    pub fn member(&self, group: GroupId, turn: u32) -> Option<(ConnectionId, QoS)> {
        let members = self.groups.get(&group)?;
        members.get(turn as usize % members.len().max(1)).copied()
    }
}
