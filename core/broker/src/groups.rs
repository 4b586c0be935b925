//! Shared subscriptions: the members of a group take turns (MQTT5 §4.8.2; iot dev guide: "MQTT shared subscriptions").
use std::collections::HashMap;

use sekisho_types::{Grant, TopicFilter};

use crate::Subscriber;

/// All who subscribe to the same `$share/<name>/<filter>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct GroupId(u32);

/// The groups that have members.
#[derive(Clone, Debug, Default)]
pub(crate) struct Groups {
    ids: HashMap<TopicFilter, GroupId>,
    groups: HashMap<GroupId, Vec<(Subscriber, Grant)>>,
    last: u32,
}

impl Groups {
    /// Adds a member, or changes what it was granted; answers the group, if it is new.
    pub fn join(&mut self, filter: &TopicFilter, subscriber: Subscriber, grant: Grant) -> Option<GroupId> {
        let known = self.ids.get(filter).copied();
        let group = known.unwrap_or_else(|| {
            self.last = self.last.wrapping_add(1);
            self.ids.insert(filter.clone(), GroupId(self.last));
            GroupId(self.last)
        });
        let members = self.groups.entry(group).or_default();
        match members.iter_mut().find(|(member, _)| *member == subscriber) {
            Some((_, granted)) => *granted = grant,
            None => members.push((subscriber, grant)),
        }
        known.is_none().then_some(group)
    }

    /// Removes a member; answers the group, if it was the last.
    pub fn leave(&mut self, filter: &TopicFilter, subscriber: Subscriber) -> Option<GroupId> {
        let group = *self.ids.get(filter)?;
        let members = self.groups.get_mut(&group)?;
        members.retain(|(member, _)| *member != subscriber);
        if !members.is_empty() {
            return None;
        }
        self.groups.remove(&group);
        self.ids.remove(filter)
    }

    /// The member whose turn it is: the next of those who are online; where nobody is, one a message can wait for.
    pub fn member(
        &self,
        group: GroupId,
        turn: u32,
        is_online: impl Fn(&Subscriber) -> bool,
    ) -> Option<(Subscriber, Grant)> {
        let members = self.groups.get(&group)?;
        let first = turn as usize % members.len().max(1);
        let mut in_turn = members[first..].iter().chain(&members[..first]);
        in_turn.find(|(member, _)| is_online(member)).or_else(|| members.get(first)).copied()
    }
}
