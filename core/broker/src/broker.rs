//! Clients, their subscriptions, and rules.
use std::collections::HashMap;

use sekisho_policy::{Connect, Permit, Publish, Subscribe};
use sekisho_types::{ClientId, RuleName, TopicFilter};

use crate::groups::{GroupId, Groups};
use crate::trie::overlap;
use crate::{ConnectionId, HashMatch, QoS, Route, RuleId, Target, TopicTrie};

/// Filters of one connection with what each was granted. Few: the gate bounds them (iot quotas: "Subscriptions per
/// connection").
pub type Subscriptions = HashMap<TopicFilter, QoS>;

/// Who is connected, and who listens to what.
#[derive(Clone, Debug)]
pub struct Broker {
    trie: TopicTrie<Listener, Grant>,
    clients: HashMap<ClientId, ConnectionId>,
    connections: HashMap<ConnectionId, Connection>,
    groups: Groups,
    rules: HashMap<RuleId, Rule>,
    rule_names: HashMap<RuleName, RuleId>,
}

#[derive(Clone, Debug)]
struct Connection {
    client_id: ClientId,
    subscriptions: Subscriptions,
}

#[derive(Clone, Debug)]
struct Rule {
    /// None for what no basic ingest topic can name.
    name: Option<RuleName>,
    filter: Option<TopicFilter>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Listener {
    Connection(ConnectionId),
    Group(GroupId),
    Rule(RuleId),
}

#[derive(Clone, Copy, Debug)]
struct Grant {
    qos: QoS,
    /// Another filter of the same connection may match the same topic. Found out when subscribing, so that a publish
    /// looks for duplicates only where there can be some.
    overlaps: bool,
}

/// With AWS IoT Core's reading of `#`.
impl Default for Broker {
    fn default() -> Self {
        Self::new(HashMatch::default())
    }
}

impl Broker {
    /// Nobody there.
    pub fn new(hash_match: HashMatch) -> Self {
        Self {
            trie: TopicTrie::new(hash_match),
            clients: HashMap::new(),
            connections: HashMap::new(),
            groups: Groups::default(),
            rules: HashMap::new(),
            rule_names: HashMap::new(),
        }
    }

    /// The client id is this connection's from now on; answers whose it was. That one is to be told and closed
    /// ([MQTT-3.1.4-3] MQTT5); what it had subscribed to is gone.
    pub fn connect(&mut self, permit: &Permit<Connect>, connection: ConnectionId) -> Option<ConnectionId> {
        self.disconnect(connection); // the gate refuses a second CONNECT; if one came, it would begin anew
        let client_id = permit.action().client_id.clone();
        let older = self.clients.insert(client_id.clone(), connection);
        if let Some(older) = older {
            self.forget(older);
        }
        self.connections.insert(connection, Connection { client_id, subscriptions: HashMap::new() });
        older
    }

    /// The connection has ended. Its client id stays another's if it is another's already.
    pub fn disconnect(&mut self, connection: ConnectionId) {
        if let Some(Connection { client_id, .. }) = self.forget(connection)
            && self.clients.get(&client_id) == Some(&connection)
        {
            self.clients.remove(&client_id);
        }
    }

    fn forget(&mut self, connection: ConnectionId) -> Option<Connection> {
        let forgotten = self.connections.remove(&connection)?;
        for filter in forgotten.subscriptions.keys() {
            self.remove(connection, filter);
        }
        Some(forgotten)
    }

    fn remove(&mut self, connection: ConnectionId, filter: &TopicFilter) {
        match filter.in_share() {
            None => drop(self.trie.remove(filter, &Listener::Connection(connection))),
            Some(inner) => {
                if let Some(group) = self.groups.leave(filter, connection) {
                    self.trie.remove(&inner, &Listener::Group(group));
                }
            }
        }
    }

    /// The connection that has a client id.
    pub fn connection_of(&self, client_id: &ClientId) -> Option<ConnectionId> {
        self.clients.get(client_id).copied()
    }

    /// Subscribes; the same filter again replaces what was granted ([MQTT-3.8.4-3] MQTT5). Answers whether the filter is new to the
    /// connection. One that has ended subscribes to nothing.
    pub fn subscribe(&mut self, connection: ConnectionId, permit: &Permit<Subscribe>, qos: QoS) -> bool {
        let filter = &permit.action().filter;
        let listener = Listener::Connection(connection);
        let Some(known) = self.connections.get_mut(&connection) else { return false };
        if let Some(inner) = filter.in_share() {
            if let Some(group) = self.groups.join(filter, connection, qos) {
                self.trie.insert(&inner, Listener::Group(group), Grant { qos, overlaps: false });
            }
            return known.subscriptions.insert(filter.clone(), qos).is_none();
        }
        let mut overlaps = false;
        for other in known.subscriptions.keys().filter(|other| *other != filter && overlap(other, filter)) {
            overlaps = true;
            if let Some(grant) = self.trie.get_mut(other, &listener) {
                grant.overlaps = true;
            }
        }
        self.trie.insert(filter, listener, Grant { qos, overlaps });
        known.subscriptions.insert(filter.clone(), qos).is_none()
    }

    /// Unsubscribes; answers whether there was such a subscription.
    pub fn unsubscribe(&mut self, connection: ConnectionId, filter: &TopicFilter) -> bool {
        let Some(known) = self.connections.get_mut(&connection) else { return false };
        let was_there = known.subscriptions.remove(filter).is_some();
        self.remove(connection, filter);
        was_there
    }

    /// What a connection is subscribed to; `None` if it has ended.
    pub fn subscriptions(&self, connection: ConnectionId) -> Option<&Subscriptions> {
        self.connections.get(&connection).map(|known| &known.subscriptions)
    }

    /// The highest QoS at which a connection is subscribed to a topic: for what is said to it alone.
    pub fn granted(&self, connection: ConnectionId, topic: &str) -> Option<QoS> {
        let mut granted = None;
        self.trie.for_each_match(topic, &mut |listener, &Grant { qos, .. }| {
            if *listener == Listener::Connection(connection) {
                granted = granted.max(Some(qos));
            }
        });
        granted
    }

    /// A rule takes part; without a filter it is reached by basic ingest alone.
    pub fn add_rule(&mut self, name: &RuleName, filter: Option<&TopicFilter>, rule: RuleId) {
        self.insert_rule(Some(name), filter, rule);
    }

    /// The same for a rule without a name: it is reached by its filter alone.
    pub fn add_topic_source(&mut self, filter: &TopicFilter, rule: RuleId) {
        self.insert_rule(None, Some(filter), rule);
    }

    fn insert_rule(&mut self, name: Option<&RuleName>, filter: Option<&TopicFilter>, rule: RuleId) {
        self.remove_rule(rule);
        if let Some(filter) = filter {
            // Rules take a message once: a rule has one filter.
            self.trie.insert(filter, Listener::Rule(rule), Grant { qos: QoS::AtLeastOnce, overlaps: false });
        }
        self.rule_names.extend(name.map(|name| (name.clone(), rule)));
        self.rules.insert(rule, Rule { name: name.cloned(), filter: filter.cloned() });
    }

    /// A rule takes part no more.
    pub fn remove_rule(&mut self, rule: RuleId) {
        let Some(Rule { name, filter }) = self.rules.remove(&rule) else { return };
        if let Some(filter) = filter {
            self.trie.remove(&filter, &Listener::Rule(rule));
        }
        if let Some(name) = name.filter(|name| self.rule_names.get(name) == Some(&rule)) {
            self.rule_names.remove(&name);
        }
    }

    /// Those a message is for, in no particular order: each once, and of each group the member whose `turn` it is, once more if it
    /// subscribes by itself too. `found` is cleared first; passing the same one again saves its allocation. A basic ingest topic
    /// goes to the rule it names, and to nobody else.
    pub fn publish(&self, permit: &Permit<Publish>, turn: u32, found: &mut Vec<Target>) {
        found.clear();
        let topic = permit.action().topic.as_str();
        if let Route::Rule { name, .. } = Route::of(topic) {
            found.extend(self.rule_names.get(name).map(|rule| Target::Rule(*rule)));
            return;
        }
        let (mut any_overlaps, mut of_groups) = (false, Vec::new());
        self.trie.for_each_match(topic, &mut |listener, &Grant { qos, overlaps }| {
            any_overlaps |= overlaps;
            match *listener {
                Listener::Connection(connection) => found.push(Target::Subscriber { connection, qos }),
                Listener::Rule(rule) => found.push(Target::Rule(rule)),
                Listener::Group(group) => of_groups.extend(self.groups.member(group, turn)),
            }
        });
        if any_overlaps {
            // Sorted downwards, the grants of one connection stand together, the highest first.
            found.sort_unstable_by(|a, b| b.cmp(a));
            found.dedup_by_key(|target| match *target {
                Target::Subscriber { connection, .. } => Listener::Connection(connection),
                Target::Rule(rule) => Listener::Rule(rule),
            });
        }
        found.extend(of_groups.into_iter().map(|(connection, qos)| Target::Subscriber { connection, qos }));
    }

    /// What a rule sees as the topic: basic ingest's prefix is not part of it.
    pub fn rule_topic(topic: &str) -> &str {
        match Route::of(topic) {
            Route::Rule { topic, .. } => topic,
            Route::Listeners => topic,
        }
    }
}

#[cfg(test)]
mod tests;
