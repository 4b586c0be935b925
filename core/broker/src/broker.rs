//! Clients, their subscriptions, and rules.
use std::collections::{HashMap, HashSet};

use sekisho_policy::{Connect, Permit, Publish, Subscribe};
use sekisho_types::{ClientId, Grant, QoS, RuleName, SessionId, TopicFilter};

use crate::groups::{GroupId, Groups};
use crate::trie::overlap;
use crate::{HashMatch, Route, RuleId, Subscriber, Target, TopicTrie};

/// Filters of one subscriber with what each was granted. Few: the gate bounds them (iot quotas: "Subscriptions per
/// connection").
pub type Subscriptions = HashMap<TopicFilter, Grant>;

/// Who is connected, and who listens to what.
#[derive(Clone, Debug)]
pub struct Broker {
    trie: TopicTrie<Listener, Heard>,
    clients: HashMap<ClientId, Subscriber>,
    subscribers: HashMap<Subscriber, Known>,
    /// Sessions without a connection.
    offline: HashSet<SessionId>,
    groups: Groups,
    rules: HashMap<RuleId, Rule>,
    rule_names: HashMap<RuleName, RuleId>,
    load: Load,
}

/// What all subscriptions amount to: those of connections, and of sessions that have none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// How many there are.
    pub subscriptions: usize,
    /// What they take in memory, if no two are alike.
    pub bytes: usize,
}

impl Load {
    fn add(&mut self, filter: &TopicFilter) {
        self.subscriptions += 1;
        self.bytes += filter.subscription_bytes();
    }

    fn remove(&mut self, filter: &TopicFilter) {
        self.subscriptions -= 1;
        self.bytes -= filter.subscription_bytes();
    }
}

#[derive(Clone, Debug)]
struct Known {
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
    Subscriber(Subscriber),
    Group(GroupId),
    Rule(RuleId),
}

#[derive(Clone, Copy, Debug)]
struct Heard {
    grant: Grant,
    /// Another filter of the same subscriber may match the same topic. Found out when subscribing, so that a publish
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
            subscribers: HashMap::new(),
            offline: HashSet::new(),
            groups: Groups::default(),
            rules: HashMap::new(),
            rule_names: HashMap::new(),
            load: Load::default(),
        }
    }

    /// The client id is this subscriber's from now on; answers whose it was, this session itself included. That one's connection is to
    /// be told and closed ([MQTT-3.1.4-3] MQTT5); what it had subscribed to is gone, unless it is the same session.
    pub fn connect(&mut self, permit: &Permit<Connect>, subscriber: Subscriber) -> Option<Subscriber> {
        if let Subscriber::Connection(_) = subscriber {
            self.end(subscriber); // the gate refuses a second CONNECT; if one came, it would begin anew
        }
        let client_id = permit.action().client_id.clone();
        let older = self.clients.insert(client_id.clone(), subscriber);
        if let Some(older) = older.filter(|older| *older != subscriber) {
            self.forget(older);
        }
        if let Subscriber::Session(session) = subscriber {
            self.offline.remove(&session);
        }
        self.subscribers.entry(subscriber).or_insert_with(|| Known { client_id, subscriptions: HashMap::new() });
        older
    }

    /// A session as it was stored, without a connection: what it is subscribed to was permitted then, and is asked about when its
    /// client comes back.
    pub fn restore<'a>(
        &mut self,
        client_id: &ClientId,
        session: SessionId,
        subscriptions: impl Iterator<Item = (&'a TopicFilter, &'a Grant)>,
    ) {
        let subscriber = Subscriber::Session(session);
        self.clients.insert(client_id.clone(), subscriber);
        self.subscribers.insert(subscriber, Known { client_id: client_id.clone(), subscriptions: HashMap::new() });
        self.offline.insert(session);
        for (filter, grant) in subscriptions {
            self.insert(subscriber, filter, *grant);
        }
    }

    /// A session has no connection any more.
    pub fn leave(&mut self, session: SessionId) {
        if self.subscribers.contains_key(&Subscriber::Session(session)) {
            self.offline.insert(session);
        }
    }

    /// A connection, or a session, has ended. Its client id stays another's if it is another's already.
    pub fn end(&mut self, subscriber: Subscriber) {
        if let Some(Known { client_id, .. }) = self.forget(subscriber)
            && self.clients.get(&client_id) == Some(&subscriber)
        {
            self.clients.remove(&client_id);
        }
    }

    fn forget(&mut self, subscriber: Subscriber) -> Option<Known> {
        if let Subscriber::Session(session) = subscriber {
            self.offline.remove(&session);
        }
        let forgotten = self.subscribers.remove(&subscriber)?;
        for filter in forgotten.subscriptions.keys() {
            self.load.remove(filter);
            self.remove(subscriber, filter);
        }
        Some(forgotten)
    }

    fn remove(&mut self, subscriber: Subscriber, filter: &TopicFilter) {
        match filter.in_share() {
            None => drop(self.trie.remove(filter, &Listener::Subscriber(subscriber))),
            Some(inner) => {
                if let Some(group) = self.groups.leave(filter, subscriber) {
                    self.trie.remove(&inner, &Listener::Group(group));
                }
            }
        }
    }

    /// Whose a client id is.
    pub fn subscriber_of(&self, client_id: &ClientId) -> Option<Subscriber> {
        self.clients.get(client_id).copied()
    }

    /// Subscribes; the same filter again replaces what was granted ([MQTT-3.8.4-3] MQTT5). Answers whether the filter is new to the
    /// subscriber. One that has ended subscribes to nothing.
    pub fn subscribe(&mut self, subscriber: Subscriber, permit: &Permit<Subscribe>, grant: Grant) -> bool {
        self.insert(subscriber, &permit.action().filter, grant)
    }

    fn insert(&mut self, subscriber: Subscriber, filter: &TopicFilter, grant: Grant) -> bool {
        let is_new = self.listen(subscriber, filter, grant);
        if is_new {
            self.load.add(filter);
        }
        is_new
    }

    fn listen(&mut self, subscriber: Subscriber, filter: &TopicFilter, grant: Grant) -> bool {
        let listener = Listener::Subscriber(subscriber);
        let Some(known) = self.subscribers.get_mut(&subscriber) else { return false };
        if let Some(inner) = filter.in_share() {
            if let Some(group) = self.groups.join(filter, subscriber, grant) {
                self.trie.insert(&inner, Listener::Group(group), Heard { grant, overlaps: false });
            }
            return known.subscriptions.insert(filter.clone(), grant).is_none();
        }
        let mut overlaps = false;
        for other in known.subscriptions.keys().filter(|other| *other != filter && overlap(other, filter)) {
            overlaps = true;
            if let Some(heard) = self.trie.get_mut(other, &listener) {
                heard.overlaps = true;
            }
        }
        self.trie.insert(filter, listener, Heard { grant, overlaps });
        known.subscriptions.insert(filter.clone(), grant).is_none()
    }

    /// Unsubscribes; answers whether there was such a subscription.
    pub fn unsubscribe(&mut self, subscriber: Subscriber, filter: &TopicFilter) -> bool {
        let Some(known) = self.subscribers.get_mut(&subscriber) else { return false };
        let was_there = known.subscriptions.remove(filter).is_some();
        if was_there {
            self.load.remove(filter);
        }
        self.remove(subscriber, filter);
        was_there
    }

    /// What all are subscribed to, together: for who bounds it.
    pub fn load(&self) -> Load {
        self.load
    }

    /// What somebody is subscribed to; `None` if he has ended.
    pub fn subscriptions(&self, subscriber: Subscriber) -> Option<&Subscriptions> {
        self.subscribers.get(&subscriber).map(|known| &known.subscriptions)
    }

    /// The highest QoS at which somebody is subscribed to a topic: for what is said to him alone.
    pub fn granted(&self, subscriber: Subscriber, topic: &str) -> Option<QoS> {
        let mut granted = None;
        self.trie.for_each_match(topic, &mut |listener, Heard { grant, .. }| {
            if *listener == Listener::Subscriber(subscriber) {
                granted = granted.max(Some(grant.qos));
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
            self.trie.insert(
                filter,
                Listener::Rule(rule),
                Heard { grant: Grant::at(QoS::ExactlyOnce), overlaps: false },
            );
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

    /// Those a message of `from` is for, in no particular order: each once, and of each group the member whose `turn` it is, once more
    /// if it subscribes by itself too. `found` is cleared first; passing the same one again saves its allocation. A basic ingest topic
    /// goes to the rule it names, and to nobody else.
    pub fn publish(&self, permit: &Permit<Publish>, from: Option<Subscriber>, turn: u32, found: &mut Vec<Target>) {
        found.clear();
        let topic = permit.action().topic.as_str();
        if let Route::Rule { name, .. } = Route::of(topic) {
            found.extend(self.rule_names.get(name).map(|rule| Target::Rule(*rule)));
            return;
        }
        let (mut any_overlaps, mut of_groups) = (false, Vec::new());
        self.trie.for_each_match(topic, &mut |listener, &Heard { grant, overlaps }| match *listener {
            Listener::Subscriber(subscriber) if grant.no_local && from == Some(subscriber) => {} // [MQTT-3.8.3-3]
            Listener::Subscriber(subscriber) => {
                any_overlaps |= overlaps;
                found.push(Target::of_one(subscriber, grant));
            }
            Listener::Rule(rule) => found.push(Target::Rule(rule)),
            Listener::Group(group) => {
                of_groups.extend(self.groups.member(group, turn, |member| self.is_online(member)));
            }
        });
        if any_overlaps {
            // Sorted downwards, the grants of one subscriber stand together, the greatest first.
            found.sort_unstable_by(|a, b| b.cmp(a));
            found.dedup_by(|other, greatest| greatest.takes_in(other));
        }
        found.extend(of_groups.into_iter().map(|(subscriber, grant)| Target::of_one(subscriber, grant)));
    }

    /// Whether a message on a topic would reach anybody: for who would have to make it first.
    pub fn is_heard(&self, topic: &str) -> bool {
        let mut is_heard = false;
        self.trie.for_each_match(topic, &mut |_, _| is_heard = true);
        is_heard
    }

    fn is_online(&self, subscriber: &Subscriber) -> bool {
        match subscriber {
            Subscriber::Connection(_) => true,
            Subscriber::Session(session) => !self.offline.contains(session),
        }
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
