//! Clients, their subscriptions, and rules.
use std::collections::HashMap;

use sekisho_policy::{Connect, Permit, Publish, Subscribe};
use sekisho_types::{ClientId, RuleName, TopicFilter};

use crate::{ConnectionId, HashMatch, QoS, RuleId, Target, TopicTrie};

/// Prefix of a topic that goes to one rule by name and to nobody else (developer guide, "Basic Ingest").
const BASIC_INGEST: &str = "$aws/rules/";

/// Filters of one connection with what each was granted.
pub type Subscriptions = HashMap<TopicFilter, QoS>;

/// Who is connected, and who listens to what.
#[derive(Clone, Debug)]
pub struct Broker {
    trie: TopicTrie<Target>,
    clients: HashMap<ClientId, ConnectionId>,
    connections: HashMap<ConnectionId, Connection>,
    rules: HashMap<RuleId, (RuleName, Option<TopicFilter>)>,
    rule_names: HashMap<RuleName, RuleId>,
}

#[derive(Clone, Debug)]
struct Connection {
    client_id: ClientId,
    subscriptions: Subscriptions,
}

impl Broker {
    /// Nobody there.
    pub fn new(hash_match: HashMatch) -> Self {
        Self {
            trie: TopicTrie::new(hash_match),
            clients: HashMap::new(),
            connections: HashMap::new(),
            rules: HashMap::new(),
            rule_names: HashMap::new(),
        }
    }

    /// The client id is this connection's from now on; answers whose it was ([MQTT-3.1.4-3] MQTT5: that one is to be told
    /// and closed). What that one had subscribed to is gone.
    pub fn connect(&mut self, permit: &Permit<Connect>, connection: ConnectionId) -> Option<ConnectionId> {
        let client_id = permit.action().client_id.clone();
        let older = self.clients.insert(client_id.clone(), connection).filter(|older| *older != connection);
        if let Some(older) = older {
            self.forget(older);
        }
        self.connections.insert(connection, Connection { client_id, subscriptions: HashMap::new() });
        older
    }

    /// The connection has ended. Nothing happens if its client id is another's already.
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
            self.trie.remove(filter.as_str(), |target| is_of(target, connection));
        }
        Some(forgotten)
    }

    /// The connection that has a client id.
    pub fn connection_of(&self, client_id: &ClientId) -> Option<ConnectionId> {
        self.clients.get(client_id).copied()
    }

    /// Subscribes; the same filter again replaces what was granted ([MQTT-3.8.4-3] MQTT5).
    pub fn subscribe(&mut self, connection: ConnectionId, permit: &Permit<Subscribe>, qos: QoS) {
        let filter = &permit.action().filter;
        let Some(known) = self.connections.get_mut(&connection) else { return };
        if known.subscriptions.insert(filter.clone(), qos).is_some() {
            self.trie.remove(filter.as_str(), |target| is_of(target, connection));
        }
        self.trie.insert(filter.as_str(), Target::Subscriber { connection, qos });
    }

    /// Unsubscribes; answers whether there was such a subscription.
    pub fn unsubscribe(&mut self, connection: ConnectionId, filter: &TopicFilter) -> bool {
        let known = self.connections.get_mut(&connection);
        let existed = known.is_some_and(|known| known.subscriptions.remove(filter).is_some());
        if existed {
            self.trie.remove(filter.as_str(), |target| is_of(target, connection));
        }
        existed
    }

    /// What a connection is subscribed to.
    pub fn subscriptions(&self, connection: ConnectionId) -> Option<&Subscriptions> {
        self.connections.get(&connection).map(|known| &known.subscriptions)
    }

    /// A rule takes part; without a filter it is reached by basic ingest alone.
    pub fn add_rule(&mut self, name: &RuleName, filter: Option<&TopicFilter>, rule: RuleId) {
        if let Some(filter) = filter {
            self.trie.insert(filter.as_str(), Target::Rule(rule));
        }
        self.rule_names.insert(name.clone(), rule);
        self.rules.insert(rule, (name.clone(), filter.cloned()));
    }

    /// A rule takes part no more.
    pub fn remove_rule(&mut self, rule: RuleId) {
        let Some((name, filter)) = self.rules.remove(&rule) else { return };
        if let Some(filter) = filter {
            self.trie.remove(filter.as_str(), |target| *target == Target::Rule(rule));
        }
        self.rule_names.remove(&name);
    }

    /// Those a message is for, each once. `found` is cleared first; passing the same one again saves its allocation.
    ///
    /// A basic ingest topic goes to the rule it names, and to nobody else; the topic left for it is
    /// [`Broker::rule_topic`].
    pub fn publish(&self, permit: &Permit<Publish>, found: &mut Vec<Target>) {
        found.clear();
        let topic = permit.action().topic.as_str();
        if let Some(rest) = topic.strip_prefix(BASIC_INGEST) {
            let name = rest.split('/').next().unwrap_or_default();
            found.extend(self.rule_names.get(name).map(|rule| Target::Rule(*rule)));
            return;
        }
        self.trie.for_each_match(topic, &mut |target| found.push(*target));
        if found.len() > 1 {
            // A connection's grants stand together after sorting, the highest last; reversed, the first one stays.
            found.sort_unstable();
            found.reverse();
            found.dedup_by_key(|target| match target {
                Target::Subscriber { connection, .. } => (Some(*connection), None),
                Target::Rule(rule) => (None, Some(*rule)),
            });
        }
    }

    /// What a rule sees as the topic: basic ingest's prefix is not part of it.
    pub fn rule_topic(topic: &str) -> &str {
        match topic.strip_prefix(BASIC_INGEST) {
            Some(rest) => rest.split_once('/').map_or("", |(_, rest)| rest),
            None => topic,
        }
    }
}

fn is_of(target: &Target, of: ConnectionId) -> bool {
    matches!(target, Target::Subscriber { connection, .. } if *connection == of)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sekisho_identity::{CertificateRecord, CertificateStatus, DeviceIdentity};
    use sekisho_policy::{Action, Context, PolicyDocument, PolicySet, authorize};
    use sekisho_types::{AccountId, CertificateId, PolicyName, Region, Tenant, Timestamp, TopicName};

    use super::*;

    /// A permit from a policy that allows everything: there is no other way to one.
    fn permit<A: Action>(action: A) -> Permit<A> {
        let now = Timestamp::from_seconds(10);
        let (not_before, not_after) = (Timestamp::from_seconds(0), Timestamp::from_seconds(20));
        let record = CertificateRecord { status: CertificateStatus::Active, not_before, not_after };
        let who = DeviceIdentity::establish(CertificateId::new([1; 32]), &record, now).unwrap();
        let document = r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#;
        let document = Arc::new(PolicyDocument::parse(document).unwrap());
        let policies = PolicySet::new(vec![(PolicyName::parse("all").unwrap(), document)]);
        let (account, region) = (AccountId::parse("000000000000").unwrap(), Region::parse("us-east-1").unwrap());
        authorize(&who, action, &policies, &Context::new(Tenant { account, region }, now)).unwrap()
    }

    fn connect(broker: &mut Broker, client_id: &str, connection: u64) -> Option<ConnectionId> {
        broker.connect(&permit(Connect { client_id: ClientId::parse(client_id).unwrap() }), ConnectionId(connection))
    }

    fn subscribe(broker: &mut Broker, connection: u64, filter: &str, qos: QoS) {
        let filter = TopicFilter::parse(filter).unwrap();
        broker.subscribe(ConnectionId(connection), &permit(Subscribe { filter }), qos);
    }

    fn publish(broker: &Broker, topic: &str) -> Vec<Target> {
        let mut found = Vec::new();
        broker.publish(&permit(Publish { topic: TopicName::parse(topic).unwrap() }), &mut found);
        found.sort_unstable();
        found
    }

    fn subscriber(connection: u64, qos: QoS) -> Target {
        Target::Subscriber { connection: ConnectionId(connection), qos }
    }

    #[test]
    fn overlapping_filters_of_a_connection_are_one_delivery_at_the_highest_qos() {
        let mut broker = Broker::new(HashMatch::default());
        connect(&mut broker, "a", 1);
        connect(&mut broker, "b", 2);
        subscribe(&mut broker, 1, "x/+", QoS::AtMostOnce);
        subscribe(&mut broker, 1, "x/#", QoS::AtLeastOnce);
        subscribe(&mut broker, 2, "x/y", QoS::AtMostOnce);
        assert_eq!(publish(&broker, "x/y"), [subscriber(1, QoS::AtLeastOnce), subscriber(2, QoS::AtMostOnce)]);
        subscribe(&mut broker, 1, "x/#", QoS::AtMostOnce);
        assert_eq!(publish(&broker, "x/y"), [subscriber(1, QoS::AtMostOnce), subscriber(2, QoS::AtMostOnce)]);
    }

    #[test]
    fn a_client_id_belongs_to_who_connected_last() {
        let mut broker = Broker::new(HashMatch::default());
        assert_eq!(connect(&mut broker, "a", 1), None);
        subscribe(&mut broker, 1, "x", QoS::AtMostOnce);
        assert_eq!(connect(&mut broker, "a", 2), Some(ConnectionId(1)));
        assert_eq!(publish(&broker, "x"), []);
        broker.disconnect(ConnectionId(1)); // late news of the older one
        assert_eq!(broker.connection_of(&ClientId::parse("a").unwrap()), Some(ConnectionId(2)));
        broker.disconnect(ConnectionId(2));
        assert_eq!(broker.connection_of(&ClientId::parse("a").unwrap()), None);
    }

    #[test]
    fn rules_are_reached_by_filter_and_by_name() {
        let mut broker = Broker::new(HashMatch::default());
        let name = RuleName::parse("hot").unwrap();
        broker.add_rule(&name, Some(&TopicFilter::parse("factory/+/t").unwrap()), RuleId(7));
        connect(&mut broker, "a", 1);
        subscribe(&mut broker, 1, "factory/#", QoS::AtMostOnce);
        let both = [subscriber(1, QoS::AtMostOnce), Target::Rule(RuleId(7))];
        assert_eq!(publish(&broker, "factory/1/t"), both);
        assert_eq!(publish(&broker, "$aws/rules/hot/anything"), [Target::Rule(RuleId(7))]);
        assert_eq!(publish(&broker, "$aws/rules/cold"), []);
        assert_eq!(Broker::rule_topic("$aws/rules/hot/a/b"), "a/b");
        assert_eq!(Broker::rule_topic("a/b"), "a/b");
        broker.remove_rule(RuleId(7));
        assert_eq!(publish(&broker, "factory/1/t"), both[..1]);
        assert_eq!(publish(&broker, "$aws/rules/hot/anything"), []);
    }

    #[test]
    fn unsubscribing_says_whether_there_was_something() {
        let mut broker = Broker::new(HashMatch::default());
        connect(&mut broker, "a", 1);
        subscribe(&mut broker, 1, "x/#", QoS::AtMostOnce);
        let filter = TopicFilter::parse("x/#").unwrap();
        assert!(broker.unsubscribe(ConnectionId(1), &filter));
        assert!(!broker.unsubscribe(ConnectionId(1), &filter));
        assert_eq!(publish(&broker, "x/y"), []);
    }
}
