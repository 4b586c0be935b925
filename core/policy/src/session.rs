//! The same decisions, remembered for one connection: a device publishes to few topics, many times.
use std::collections::HashMap;
use std::sync::Arc;

use sekisho_identity::DeviceIdentity;
use sekisho_types::{TopicFilter, TopicName};

use crate::{Context, Denied, Permit, PolicySet, Publish, Receive, RetainPublish, Subscribe, authorize};

/// Topics remembered of each kind. And then: all are forgotten, and asked anew.
pub const MEMO_ENTRIES_MAX: usize = 256;

/// What one connection may do, with a memory.
#[derive(Debug)]
pub struct SessionPolicy {
    who: DeviceIdentity,
    policies: PolicySet,
    context: Context,
    publish: Memo<Publish>,
    retain: Memo<RetainPublish>,
    receive: Memo<Receive>,
}

type Decision<A> = Result<Arc<Permit<A>>, Denied>;

#[derive(Debug)]
struct Memo<A> {
    last: Option<(Box<str>, Decision<A>)>,
    known: HashMap<Box<str>, Decision<A>>,
}

impl<A> Default for Memo<A> {
    fn default() -> Self {
        Self { last: None, known: HashMap::new() }
    }
}

impl<A> Memo<A> {
    /// The decision on `topic`: the last one asked about, one of the others known, or a new one.
    fn get(&mut self, topic: &str, decide: impl FnOnce() -> Decision<A>) -> Decision<A> {
        if let Some((last, decision)) = &self.last
            && **last == *topic
        {
            return decision.clone();
        }
        let decision = match self.known.get(topic) {
            Some(decision) => decision.clone(),
            None => {
                if self.known.len() >= MEMO_ENTRIES_MAX {
                    self.known.clear();
                }
                let decision = decide();
                self.known.insert(topic.into(), decision.clone());
                decision
            }
        };
        self.last = Some((topic.into(), decision.clone()));
        decision
    }
}

impl SessionPolicy {
    /// Nothing remembered yet.
    pub fn new(who: DeviceIdentity, policies: PolicySet, context: Context) -> Self {
        Self { who, policies, context, publish: Memo::default(), retain: Memo::default(), receive: Memo::default() }
    }

    /// Other policies, or another context: everything is asked anew.
    pub fn replace(&mut self, policies: PolicySet, context: Context) {
        *self = Self::new(self.who.clone(), policies, context);
    }

    /// May it publish to `topic`?
    ///
    /// # Errors
    /// [`Denied`].
    pub fn publish(&mut self, topic: &str) -> Decision<Publish> {
        let (who, policies, context) = (&self.who, &self.policies, &self.context);
        self.publish.get(topic, || authorize(who, Publish { topic: named(topic)? }, policies, context).map(Arc::new))
    }

    /// May it publish to `topic` with RETAIN? Asked in addition to [`SessionPolicy::publish`].
    ///
    /// # Errors
    /// [`Denied`].
    pub fn retain_publish(&mut self, topic: &str) -> Decision<RetainPublish> {
        let (who, policies, context) = (&self.who, &self.policies, &self.context);
        self.retain
            .get(topic, || authorize(who, RetainPublish { topic: named(topic)? }, policies, context).map(Arc::new))
    }

    /// May it be given what was published to `topic`?
    ///
    /// # Errors
    /// [`Denied`].
    pub fn receive(&mut self, topic: &str) -> Decision<Receive> {
        let (who, policies, context) = (&self.who, &self.policies, &self.context);
        self.receive.get(topic, || authorize(who, Receive { topic: named(topic)? }, policies, context).map(Arc::new))
    }

    /// May it subscribe to `filter`? Not remembered: filters are few.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn subscribe(&self, filter: &TopicFilter) -> Result<Permit<Subscribe>, Denied> {
        authorize(&self.who, Subscribe { filter: filter.clone() }, &self.policies, &self.context)
    }
}

fn named(topic: &str) -> Result<TopicName, Denied> {
    TopicName::parse(topic).map_err(|_| Denied::not_a_topic(topic))
}
