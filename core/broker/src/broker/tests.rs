//! Who gets a message, in stories and against a model that keeps a plain list.
use std::collections::BTreeMap;
use std::sync::Arc;

use sekisho_identity::{CertificateRecord, CertificateStatus, DeviceIdentity};
use sekisho_policy::{Action, Context, PolicyDocument, PolicySet, authorize};
use sekisho_types::{AccountId, CertificateId, PolicyName, Region, Tenant, Timestamp, TopicName};

use super::*;
use crate::ConnectionId;
use QoS::{AtLeastOnce, AtMostOnce};

/// Hands out permits from a policy that allows everything: there is no other way to one.
struct Gatekeeper {
    who: DeviceIdentity,
    policies: PolicySet,
    context: Context,
}

impl Gatekeeper {
    fn new() -> Self {
        let (now, not_after) = (Timestamp::from_seconds(0), Timestamp::from_seconds(20));
        let record = CertificateRecord { status: CertificateStatus::Active, not_before: now, not_after };
        let document = r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#;
        let document = Arc::new(PolicyDocument::parse(document).unwrap());
        let (account, region) = (AccountId::parse("000000000000").unwrap(), Region::parse("us-east-1").unwrap());
        Self {
            who: DeviceIdentity::establish(CertificateId::new([1; 32]), &record, now).unwrap(),
            policies: PolicySet::new(vec![(PolicyName::parse("all").unwrap(), document)]),
            context: Context::new(Tenant { account, region }),
        }
    }

    fn permit<A: Action>(&self, action: A) -> Permit<A> {
        authorize(&self.who, action, &self.policies, &self.context).unwrap()
    }
}

struct World {
    broker: Broker,
    gatekeeper: Gatekeeper,
}

impl World {
    fn new() -> Self {
        Self { broker: Broker::default(), gatekeeper: Gatekeeper::new() }
    }

    fn connect(&mut self, client_id: &str, connection: u64) -> Option<Subscriber> {
        self.connect_as(client_id, connected(connection))
    }

    fn connect_as(&mut self, client_id: &str, subscriber: Subscriber) -> Option<Subscriber> {
        let permit = self.gatekeeper.permit(Connect { client_id: ClientId::parse(client_id).unwrap() });
        self.broker.connect(&permit, subscriber)
    }

    fn subscribe(&mut self, connection: u64, filter: &str, qos: QoS) {
        self.subscribe_as(connected(connection), filter, Grant::at(qos));
    }

    fn subscribe_as(&mut self, subscriber: Subscriber, filter: &str, grant: Grant) {
        let permit = self.gatekeeper.permit(Subscribe { filter: TopicFilter::parse(filter).unwrap() });
        self.broker.subscribe(subscriber, &permit, grant);
    }

    fn unsubscribe(&mut self, connection: u64, filter: &str) -> bool {
        self.broker.unsubscribe(connected(connection), &TopicFilter::parse(filter).unwrap())
    }

    fn publish(&self, topic: &str) -> Vec<Target> {
        self.publish_at(0, topic)
    }

    fn publish_at(&self, turn: u32, topic: &str) -> Vec<Target> {
        self.publish_from(None, turn, topic)
    }

    fn publish_from(&self, from: Option<Subscriber>, turn: u32, topic: &str) -> Vec<Target> {
        let mut found = Vec::new();
        let permit = self.gatekeeper.permit(Publish { topic: TopicName::parse(topic).unwrap() });
        self.broker.publish(&permit, from, turn, &mut found);
        found.sort_unstable();
        found
    }
}

fn connected(connection: u64) -> Subscriber {
    Subscriber::Connection(ConnectionId(connection))
}

fn stored(session: u64) -> Subscriber {
    Subscriber::Session(SessionId(session))
}

fn subscriber(connection: u64, qos: QoS) -> Target {
    Target::of_one(connected(connection), Grant::at(qos))
}

#[test]
fn overlapping_filters_of_a_connection_are_one_delivery_at_the_highest_qos() {
    let mut world = World::new();
    world.connect("a", 1);
    world.connect("b", 2);
    world.subscribe(1, "x/+", AtMostOnce);
    world.subscribe(1, "x/#", AtLeastOnce);
    world.subscribe(1, "y", AtMostOnce);
    world.subscribe(2, "x/y", AtMostOnce);
    assert_eq!(world.publish("x/y"), [subscriber(1, AtLeastOnce), subscriber(2, AtMostOnce)]);
    world.subscribe(1, "x/#", AtMostOnce);
    assert_eq!(world.publish("x/y"), [subscriber(1, AtMostOnce), subscriber(2, AtMostOnce)]);
    assert!(world.unsubscribe(1, "x/+"));
    assert_eq!(world.publish("x/y"), [subscriber(1, AtMostOnce), subscriber(2, AtMostOnce)]);
    assert_eq!(world.publish("y"), [subscriber(1, AtMostOnce)]);
}

#[test]
fn members_of_a_group_take_turns() {
    let mut world = World::new();
    for (client_id, connection) in [("a", 1), ("b", 2), ("c", 3)] {
        world.connect(client_id, connection);
    }
    world.subscribe(1, "$share/workers/jobs/#", AtLeastOnce);
    world.subscribe(2, "$share/workers/jobs/#", AtMostOnce);
    world.subscribe(3, "$share/others/jobs/#", AtMostOnce);
    let taken: Vec<_> = (0..4).map(|turn| world.publish_at(turn, "jobs/7")).collect();
    let others = || subscriber(3, AtMostOnce);
    assert_eq!(taken[0], [subscriber(1, AtLeastOnce), others()]);
    assert_eq!(taken[1], [subscriber(2, AtMostOnce), others()]);
    assert_eq!(taken[..2], taken[2..], "each is asked as often as another");
    // By itself, a member is told as well; overlapping filters of its own are still one delivery.
    world.subscribe(1, "jobs/+", AtMostOnce);
    world.subscribe(1, "jobs/#", AtMostOnce);
    assert_eq!(world.publish_at(0, "jobs/7"), [subscriber(1, AtMostOnce), subscriber(1, AtLeastOnce), others()]);
    assert!(world.unsubscribe(1, "jobs/+") && world.unsubscribe(1, "jobs/#"));
    // Who leaves, or whose connection ends, is not asked any more; the last takes the group along.
    assert!(world.unsubscribe(1, "$share/workers/jobs/#") && !world.unsubscribe(1, "$share/workers/jobs/#"));
    assert_eq!(world.publish_at(0, "jobs/7"), [subscriber(2, AtMostOnce), others()]);
    world.broker.end(connected(2));
    assert_eq!(world.publish_at(0, "jobs/7"), [others()]);
    world.broker.end(connected(3));
    assert_eq!(world.publish_at(0, "jobs/7"), []);
}

#[test]
fn a_session_keeps_what_it_is_subscribed_to() {
    let mut world = World::new();
    let told = |session| Target::of_one(stored(session), Grant::at(AtLeastOnce));
    let filter = TopicFilter::parse("x/#").unwrap();
    let a = ClientId::parse("a").unwrap();
    world.broker.restore(&a, SessionId(7), [(&filter, &Grant::at(AtLeastOnce))].into_iter());
    assert_eq!(world.publish("x/y"), [told(7)], "while nobody is there");
    assert_eq!(world.connect_as("a", stored(7)), Some(stored(7)));
    assert_eq!(world.publish("x/y"), [told(7)]);
    world.broker.leave(SessionId(7));
    assert_eq!(world.publish("x/y"), [told(7)]);
    assert_eq!(world.connect("a", 1), Some(stored(7)), "begun anew");
    assert_eq!(world.publish("x/y"), []);
    world.broker.leave(SessionId(7));
    world.broker.end(stored(7));
    assert_eq!(world.broker.subscriber_of(&a), Some(connected(1)));
}

#[test]
fn a_group_asks_who_is_there_and_lets_a_message_wait_where_nobody_is() {
    let mut world = World::new();
    world.connect_as("a", stored(1));
    world.connect_as("b", stored(2));
    for session in [1, 2] {
        world.subscribe_as(stored(session), "$share/workers/jobs", Grant::at(AtLeastOnce));
    }
    let asked = |world: &World| -> Vec<_> { (0..4).map(|turn| world.publish_at(turn, "jobs").remove(0)).collect() };
    let member = |session| Target::of_one(stored(session), Grant::at(AtLeastOnce));
    assert_eq!(asked(&world), [member(1), member(2), member(1), member(2)]);
    world.broker.leave(SessionId(1));
    assert_eq!(asked(&world), vec![member(2); 4]);
    world.broker.leave(SessionId(2));
    assert_eq!(asked(&world), [member(1), member(2), member(1), member(2)]);
}

#[test]
fn a_subscription_says_what_it_is_not_told_and_what_it_is_called() {
    let mut world = World::new();
    world.connect("a", 1);
    let at_most_once = Grant::at(AtMostOnce);
    let quiet = Grant { no_local: true, ..at_most_once };
    world.subscribe_as(connected(1), "x", quiet);
    assert_eq!(world.publish_from(Some(connected(1)), 0, "x"), []);
    assert_eq!(world.publish_from(Some(connected(2)), 0, "x").len(), 1);
    let called = |identifier, qos| Grant { identifier: Some(identifier), ..Grant::at(qos) };
    for (filter, grant) in
        [("y/#", called(1, AtLeastOnce)), ("y/+", called(2, AtMostOnce)), ("+/z", called(2, AtLeastOnce))]
    {
        world.subscribe_as(connected(1), filter, grant);
    }
    let told = Target::Subscriber {
        subscriber: connected(1),
        grant: called(2, AtLeastOnce),
        identifiers: vec![1, 2], // once for all names, each of them once [MQTT-3.3.4-4]
    };
    assert_eq!(world.publish("y/z"), [told]);
}

#[test]
fn a_client_id_belongs_to_who_connected_last() {
    let mut world = World::new();
    let a = ClientId::parse("a").unwrap();
    assert_eq!(world.connect("a", 1), None);
    world.subscribe(1, "x", AtMostOnce);
    assert_eq!(world.connect("a", 2), Some(connected(1)));
    assert_eq!(world.publish("x"), []);
    world.subscribe(1, "x", AtMostOnce); // the older one has not heard yet
    assert_eq!(world.publish("x"), []);
    world.broker.end(connected(1)); // late news of the older one
    assert_eq!(world.broker.subscriber_of(&a), Some(connected(2)));
    world.broker.end(connected(2));
    assert_eq!(world.broker.subscriber_of(&a), None);
}

#[test]
fn rules_are_reached_by_filter_and_by_name() {
    let mut world = World::new();
    let name = RuleName::parse("hot").unwrap();
    world.broker.add_rule(&name, Some(&TopicFilter::parse("factory/+/t").unwrap()), RuleId(7));
    world.broker.add_rule(&RuleName::parse("ingest").unwrap(), None, RuleId(8));
    world.connect("a", 1);
    world.subscribe(1, "factory/#", AtMostOnce);
    world.subscribe(1, "$aws/rules/#", AtMostOnce);
    let both = [subscriber(1, AtMostOnce), Target::Rule(RuleId(7))];
    assert_eq!(world.publish("factory/1/t"), both);
    assert_eq!(world.publish("$aws/rules/hot/anything"), [Target::Rule(RuleId(7))]);
    assert_eq!(world.publish("$aws/rules/ingest"), [Target::Rule(RuleId(8))]);
    assert_eq!(world.publish("$aws/rules/cold"), []);
    assert_eq!(Broker::rule_topic("$aws/rules/hot/a/b"), "a/b");
    assert_eq!(Broker::rule_topic("a/b"), "a/b");
    world.broker.add_rule(&name, Some(&TopicFilter::parse("other").unwrap()), RuleId(9)); // replaced before it is removed
    world.broker.remove_rule(RuleId(7));
    assert_eq!(world.publish("factory/1/t"), both[..1]);
    assert_eq!(world.publish("$aws/rules/hot/anything"), [Target::Rule(RuleId(9))]);
    world.broker.remove_rule(RuleId(9));
    assert_eq!(world.publish("$aws/rules/hot/anything"), []);
}

#[test]
fn a_topic_source_is_reached_by_its_filter_alone() {
    let mut world = World::new();
    world.broker.add_topic_source(&TopicFilter::parse("factory/#").unwrap(), RuleId(7));
    world.broker.add_rule(&RuleName::parse("hot").unwrap(), Some(&TopicFilter::parse("factory/1").unwrap()), RuleId(8));
    let mut both = world.publish("factory/1");
    both.sort_unstable();
    assert_eq!(both, [Target::Rule(RuleId(7)), Target::Rule(RuleId(8))], "beside whoever else listens");
    assert_eq!(
        world.publish("$aws/rules/hot/factory/1"),
        [Target::Rule(RuleId(8))],
        "basic ingest goes to the rule alone"
    );
    world.broker.remove_rule(RuleId(7));
    assert_eq!(world.publish("factory/2"), []);
}

#[test]
fn unsubscribing_says_whether_there_was_something() {
    let mut world = World::new();
    world.connect("a", 1);
    world.subscribe(1, "x/#", AtMostOnce);
    let known = world.broker.subscriptions(connected(1)).unwrap();
    assert_eq!(*known, [(TopicFilter::parse("x/#").unwrap(), Grant::at(AtMostOnce))].into());
    assert!(world.unsubscribe(1, "x/#"));
    assert!(!world.unsubscribe(1, "x/#"));
    assert!(!world.unsubscribe(2, "x/#"));
    assert!(world.broker.subscriptions(connected(1)).unwrap().is_empty());
    assert_eq!(world.broker.subscriptions(connected(2)), None);
    assert_eq!(world.publish("x/y"), []);
}

/// Client id and subscriptions of each connection: what the broker must agree with.
type Model = BTreeMap<u64, (&'static str, BTreeMap<&'static str, QoS>)>;

fn matches(filter: &str, topic: &str) -> bool {
    let mut trie = TopicTrie::new(HashMatch::default());
    trie.insert(&TopicFilter::parse(filter).unwrap(), (), ());
    let mut found = false;
    trie.for_each_match(topic, &mut |(), ()| found = true);
    found
}

#[test]
fn agrees_with_a_model() {
    const CLIENTS: &[&str] = &["a", "b", "c"];
    const FILTERS: &[&str] = &["#", "+", "x", "x/#", "x/+", "+/y", "x/y", "+/+/z", "$aws/#"];
    const TOPICS: &[&str] = &["x", "x/y", "w/y", "x/y/z", "$aws/y"];
    let gatekeeper = Gatekeeper::new();
    let connects: Vec<_> =
        CLIENTS.iter().map(|text| gatekeeper.permit(Connect { client_id: ClientId::parse(text).unwrap() })).collect();
    let subscribes: Vec<_> =
        FILTERS.iter().map(|text| gatekeeper.permit(Subscribe { filter: TopicFilter::parse(text).unwrap() })).collect();
    let publishes: Vec<_> =
        TOPICS.iter().map(|text| gatekeeper.permit(Publish { topic: TopicName::parse(text).unwrap() })).collect();
    let selects: Vec<Vec<bool>> =
        FILTERS.iter().map(|filter| TOPICS.iter().map(|topic| matches(filter, topic)).collect()).collect();
    bolero::check!().with_type::<Vec<(u8, u8, u8)>>().for_each(|steps| {
        let mut broker = Broker::default();
        let mut model = Model::new();
        for (step, connection, choice) in steps {
            let connection = u64::from(connection % 6);
            let (client, filter) = (usize::from(*choice) % CLIENTS.len(), usize::from(*choice) % FILTERS.len());
            match step % 8 {
                0 => {
                    let older = broker.connect(&connects[client], connected(connection));
                    model.remove(&connection);
                    let had = model.iter().find(|(_, (known, _))| *known == CLIENTS[client]).map(|(id, _)| *id);
                    assert_eq!(older, had.map(connected));
                    had.map(|id| model.remove(&id));
                    model.insert(connection, (CLIENTS[client], BTreeMap::new()));
                }
                1 => {
                    broker.end(connected(connection));
                    model.remove(&connection);
                }
                2 => {
                    let existed = broker.unsubscribe(connected(connection), &subscribes[filter].action().filter);
                    let known = model.get_mut(&connection).and_then(|(_, known)| known.remove(FILTERS[filter]));
                    assert_eq!(existed, known.is_some());
                }
                _ => {
                    let qos = if choice % 2 == 0 { AtMostOnce } else { AtLeastOnce };
                    broker.subscribe(connected(connection), &subscribes[filter], Grant::at(qos));
                    model.get_mut(&connection).map(|(_, known)| known.insert(FILTERS[filter], qos));
                }
            }
        }
        for (topic, permit) in publishes.iter().enumerate() {
            let mut found = vec![Target::Rule(RuleId(1))]; // left over from another message
            broker.publish(permit, None, 0, &mut found);
            found.sort_unstable();
            let selected = |filter: &&str| selects[FILTERS.iter().position(|known| known == filter).unwrap()][topic];
            let expected = model.iter().filter_map(|(connection, (_, known))| {
                let qos = known.iter().filter(|(filter, _)| selected(filter)).map(|(_, qos)| *qos).max()?;
                Some(subscriber(*connection, qos))
            });
            assert_eq!(found, expected.collect::<Vec<_>>(), "{}", TOPICS[topic]);
        }
    });
}

#[test]
fn the_load_is_that_of_all_who_subscribe_connected_or_not() {
    let (mut world, a) = (World::new(), ClientId::parse("a").unwrap());
    let session = stored(7);
    let filters = ["a/b", "a/+/#", "$share/g/a/b"].map(|text| TopicFilter::parse(text).unwrap());
    let grant = Grant::at(AtLeastOnce);
    world.broker.restore(&a, SessionId(7), filters.iter().map(|filter| (filter, &grant)));
    let bytes: usize = filters.iter().map(TopicFilter::subscription_bytes).sum();
    assert_eq!(world.broker.load(), Load { subscriptions: 3, bytes });
    assert!(filters[0].subscription_bytes() > 1_000, "what little text takes in a tree of tables");
    world.broker.leave(SessionId(7));
    assert!(world.broker.unsubscribe(session, &filters[0]) && !world.broker.unsubscribe(session, &filters[0]));
    assert_eq!(world.broker.load().subscriptions, 2, "once, and without a connection too");
    world.broker.end(session);
    world.broker.end(session);
    assert_eq!(world.broker.load(), Load::default());
}
