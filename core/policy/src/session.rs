//! The same decisions, remembered for one connection: a device publishes to few topics, many times.
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use foldhash::fast::RandomState;
use sekisho_types::{ThingName, Timestamp, TopicFilter, TopicName};

use crate::{
    Action, Context, Denied, Permit, PolicySet, Principal, Publish, Reason, Receive, RetainPublish, Subscribe,
};

/// Topics remembered of each kind. And then: all are forgotten, and asked anew.
pub const MEMO_ENTRIES_MAX: usize = 256;

/// Bytes of a topic that is remembered; a longer one is decided anew each time. Twice what AWS IoT Core takes, so that
/// [`MEMO_ENTRIES_MAX`] bounds a connection's memory whatever the server's settings allow.
pub const MEMO_TOPIC_BYTES_MAX: usize = 512;

/// Topics of undelivered messages that the operator is told of. And then: the others are counted only.
pub const UNDELIVERED_TOLD_MAX: usize = 16;

/// Shared with the memory that keeps it.
type Decision<A> = Result<Arc<Permit<A>>, Denied>;

/// What one connection may do, with a memory.
#[derive(Debug)]
pub struct SessionPolicy {
    who: Principal,
    policies: PolicySet,
    context: Context,
    /// Whether what is decided now holds until policies or context are others. It does not where a policy asks for the time:
    /// then each message is decided by itself.
    remembers: bool,
    publish: Memo<Publish>,
    retain_publish: Memo<RetainPublish>,
    receive: Memo<Receive>,
    /// Their hashes: a topic may be long.
    undelivered: Vec<u64>,
}

impl SessionPolicy {
    /// Nothing remembered yet.
    pub fn new(who: impl Into<Principal>, policies: PolicySet, context: Context) -> Self {
        let (publish, retain_publish, receive) = (Memo::default(), Memo::default(), Memo::default());
        let remembers = !policies.asks_for_time();
        Self {
            who: who.into(),
            policies,
            context,
            remembers,
            publish,
            retain_publish,
            receive,
            undelivered: Vec::new(),
        }
    }

    /// Other policies, or another context: everything is asked anew.
    pub fn replace(&mut self, policies: PolicySet, context: Context) {
        *self = Self::new(self.who.clone(), policies, context);
    }

    /// Everything is asked anew, and nothing takes memory until it is.
    pub fn forget(&mut self) {
        self.replace(self.policies.clone(), self.context.clone());
    }

    /// Whose it is.
    pub const fn who(&self) -> &Principal {
        &self.who
    }

    /// The thing that policy variables name: what `iot:Connection.Thing.ThingName` says.
    pub fn thing(&self) -> Option<&ThingName> {
        self.context.thing.as_ref().filter(|thing| thing.is_attached).map(|thing| &thing.thing_name)
    }

    /// May it publish to `topic`?
    ///
    /// # Errors
    /// [`Denied`].
    pub fn publish(&mut self, now: Timestamp, topic: &str) -> Decision<Publish> {
        self.context.now = Some(now);
        let decide = |topic| self.who.authorize(Publish { topic }, &self.policies, &self.context);
        self.publish.decision(topic, self.remembers, decide)
    }

    /// May it publish to `topic` with RETAIN? Asked in addition to [`SessionPolicy::publish`].
    ///
    /// # Errors
    /// [`Denied`].
    pub fn retain_publish(&mut self, now: Timestamp, topic: &str) -> Decision<RetainPublish> {
        self.context.now = Some(now);
        let decide = |topic| self.who.authorize(RetainPublish { topic }, &self.policies, &self.context);
        self.retain_publish.decision(topic, self.remembers, decide)
    }

    /// May it be given what was published to `topic`?
    ///
    /// # Errors
    /// [`Denied`].
    pub fn receive(&mut self, now: Timestamp, topic: &str) -> Decision<Receive> {
        self.context.now = Some(now);
        let decide = |topic| self.who.authorize(Receive { topic }, &self.policies, &self.context);
        self.receive.decision(topic, self.remembers, decide)
    }

    /// May it subscribe to `filter`? Not remembered: filters are few.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn subscribe(&mut self, now: Timestamp, filter: &TopicFilter) -> Result<Permit<Subscribe>, Denied> {
        self.context.now = Some(now);
        self.who.authorize(Subscribe { filter: filter.clone() }, &self.policies, &self.context)
    }

    /// Whether a message that was not delivered is one the operator is told of: the first of each of the first
    /// [`UNDELIVERED_TOLD_MAX`] topics, until policies or context are others.
    pub fn is_news(&mut self, denied: &Denied) -> bool {
        let mut hasher = DefaultHasher::new();
        denied.hash(&mut hasher);
        let hash = hasher.finish();
        let told = self.undelivered.len() < UNDELIVERED_TOLD_MAX && !self.undelivered.contains(&hash);
        if told {
            self.undelivered.push(hash);
        }
        told
    }
}

/// Decisions by topic: one look-up and no allocation for a topic that was asked about before. The hash is a fast one: topics that
/// collide would be a client's own, and few.
#[derive(Debug)]
struct Memo<A>(HashMap<TopicName, Decision<A>, RandomState>);

impl<A> Default for Memo<A> {
    fn default() -> Self {
        Self(HashMap::default())
    }
}

impl<A: Action> Memo<A> {
    fn decision(
        &mut self,
        text: &str,
        remembers: bool,
        decide: impl FnOnce(TopicName) -> Result<Permit<A>, Denied>,
    ) -> Decision<A> {
        if let Some(known) = self.0.get(text) {
            return known.clone();
        }
        let topic = TopicName::parse(text).map_err(|_| Denied::new(A::NAME, text, Reason::NotATopicName))?;
        let decision = decide(topic.clone()).map(Arc::new);
        if remembers && text.len() <= MEMO_TOPIC_BYTES_MAX {
            if self.0.len() >= MEMO_ENTRIES_MAX {
                self.0.clear();
            }
            self.0.insert(topic, decision.clone());
        }
        decision
    }
}

#[cfg(test)]
mod tests {
    use sekisho_authorizer::{Answer, SECONDS_MIN};
    use sekisho_identity::{CertificateRecord, CertificateStatus, DeviceIdentity};
    use sekisho_types::{CertificateId, PolicyName};

    use super::*;
    use crate::PolicyDocument;
    use crate::context::tests::{context, thing};

    const NOW: Timestamp = Timestamp::from_seconds(5);

    fn policies(effect: &str, topic: &str) -> PolicySet {
        let resource = format!("arn:aws:iot:us-east-1:000000000000:topic/{topic}");
        let text = format!(r#"{{"Statement": {{"Effect": "{effect}", "Action": "iot:*", "Resource": "{resource}"}}}}"#);
        PolicySet::new(vec![(PolicyName::parse("p").unwrap(), Arc::new(PolicyDocument::parse(&text).unwrap()))])
    }

    fn session(policies: PolicySet) -> SessionPolicy {
        let (not_before, not_after) = (Timestamp::from_seconds(0), Timestamp::from_seconds(9));
        let record = CertificateRecord { status: CertificateStatus::Active, not_before, not_after };
        let who = DeviceIdentity::establish(CertificateId::new([1; 32]), &record, not_before).unwrap();
        SessionPolicy::new(who, policies, context("pump-7"))
    }

    #[test]
    fn the_thing_is_the_one_that_variables_name() {
        let mut session = session(policies("Allow", "*"));
        for (is_attached, name) in [(None, None), (Some(false), None), (Some(true), Some("pump-7"))] {
            let context = Context { thing: is_attached.and_then(thing), ..context("pump-7") };
            session.replace(policies("Allow", "*"), context.clone());
            assert_eq!(session.thing().map(ThingName::as_str), name);
            assert_eq!(context.variable("iot:Connection.Thing.ThingName").as_deref(), name);
        }
    }

    #[test]
    fn what_is_remembered_is_what_was_decided() {
        let mut session = session(policies("Allow", "a/*"));
        for _ in 0..2 {
            assert_eq!(session.publish(NOW, "a/b").unwrap().action().topic.as_str(), "a/b");
            assert_eq!(session.publish(NOW, "a/b").unwrap().principal(), Some(CertificateId::new([1; 32])));
            assert!(session.publish(NOW, "b").is_err());
            assert!(session.receive(NOW, "a/b").is_ok());
            assert!(session.retain_publish(NOW, "a/b").is_ok());
        }
        assert_eq!(*session.publish(NOW, "a/+").unwrap_err().reason(), Reason::NotATopicName);
    }

    #[test]
    fn whom_a_custom_authorizer_knows_is_held_to_the_documents_of_its_answer() {
        let allow = r#"{"Statement": {"Effect": "Allow", "Action": "iot:*", "Resource": "arn:aws:iot:us-east-1:000000000000:topic/${iot:ClientId}/*"}}"#;
        let deny = r#"{"Statement": {"Effect": "Deny", "Action": "iot:Publish", "Resource": "arn:aws:iot:us-east-1:000000000000:topic/*/secret"}}"#;
        let answer = format!(
            r#"{{"isAuthenticated": true, "principalId": "p", "policyDocuments": [{allow}, {deny}],
                "disconnectAfterInSeconds": 300, "refreshAfterInSeconds": 300}}"#
        );
        let answer = Answer::parse(answer.as_bytes(), SECONDS_MIN).unwrap();
        let policies = PolicySet::of_answer(&answer.policy_documents).unwrap();
        let mut session = SessionPolicy::new(answer.who.clone(), policies, context("pump-7"));
        assert_eq!(session.publish(NOW, "pump-7/a").unwrap().principal(), None);
        assert!(session.receive(NOW, "pump-7/secret").is_ok());
        let denied = session.publish(NOW, "pump-7/secret").unwrap_err().to_string();
        assert!(denied.contains("statement 1 of policy `policyDocuments-2` denies it"), "{denied}");
        let denied = session.publish(NOW, "pump-8/a").unwrap_err().to_string();
        assert!(denied.contains("no statement allows it in `policyDocuments-1`, `policyDocuments-2`"), "{denied}");
        session.replace(PolicySet::of_answer(&[]).unwrap(), context("pump-7"));
        let denied = session.publish(NOW, "pump-7/a").unwrap_err().to_string();
        assert!(denied.contains("nor in a custom authorizer's answer"), "{denied}");
        let malformed = PolicySet::of_answer(&[allow.to_owned(), "{}".to_owned()]).unwrap_err().to_string();
        assert_eq!(malformed, "policyDocuments-2: Statement: missing");
    }

    #[test]
    fn other_policies_are_other_decisions() {
        let mut session = session(policies("Allow", "*"));
        assert!(session.publish(NOW, "a").is_ok());
        session.replace(policies("Deny", "a"), context("pump-7"));
        assert!(session.publish(NOW, "a").unwrap_err().is_explicit());
        assert!(!session.publish(NOW, "b").unwrap_err().is_explicit());
    }

    #[test]
    fn memory_is_bounded() {
        let mut session = session(policies("Allow", "*"));
        for number in 0..=MEMO_ENTRIES_MAX {
            session.publish(NOW, &format!("t/{number}")).unwrap();
            assert!(session.publish.0.len() <= MEMO_ENTRIES_MAX);
        }
        assert_eq!(session.publish.0.len(), 1);
        session.publish(NOW, &"t".repeat(MEMO_TOPIC_BYTES_MAX + 1)).unwrap();
        assert_eq!(session.publish.0.len(), 1);
    }

    /// A condition on the time is as true as the time it was asked at.
    #[test]
    fn what_depends_on_the_time_is_not_remembered() {
        let text = r#"{"Statement": {"Effect": "Allow", "Action": "iot:*", "Resource": "*", "Condition": {
            "DateGreaterThanEquals": {"aws:CurrentTime": "1970-01-01T00:00:10Z"}, "NumericLessThan": {"aws:EpochTime": 20}}}}"#;
        let timed = (PolicyName::parse("t").unwrap(), Arc::new(PolicyDocument::parse(text).unwrap()));
        let mut session = session(PolicySet::new(vec![timed.clone()]));
        let filter = TopicFilter::parse("a").unwrap();
        for (second, allowed) in [(9, false), (10, true), (19, true), (20, false), (15, true)] {
            let now = Timestamp::from_seconds(second);
            let seen = [
                session.publish(now, "a").is_ok(),
                session.retain_publish(now, "a").is_ok(),
                session.receive(now, "a").is_ok(),
                session.subscribe(now, &filter).is_ok(),
            ];
            assert_eq!(seen, [allowed; 4], "{second} s");
        }
        assert_eq!(session.publish.0.len() + session.receive.0.len() + session.retain_publish.0.len(), 0);
        // One such policy among others is enough; a variable in a resource is asked for the time too.
        let named = r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "arn:aws:iot:*:*:topic/${aws:EpochTime}"}}"#;
        let named = (PolicyName::parse("n").unwrap(), Arc::new(PolicyDocument::parse(named).unwrap()));
        let others: Vec<_> = policies("Allow", "x").iter().cloned().chain([named]).collect();
        session.replace(PolicySet::new(others), context("pump-7"));
        assert!(session.publish(Timestamp::from_seconds(7), "7").is_ok());
        assert!(session.publish(Timestamp::from_seconds(8), "7").is_err());
    }

    #[test]
    fn undelivered_messages_are_told_of_once_and_not_for_ever() {
        let mut session = session(policies("Deny", "*"));
        let told = |session: &mut SessionPolicy, topic: &str| {
            let denied = session.receive(NOW, topic).unwrap_err();
            session.is_news(&denied)
        };
        assert!(told(&mut session, "a"));
        assert!(!told(&mut session, "a"));
        let others = (0..UNDELIVERED_TOLD_MAX).filter(|number| told(&mut session, &format!("t/{number}"))).count();
        assert_eq!(others, UNDELIVERED_TOLD_MAX - 1);
        session.replace(policies("Deny", "*"), context("pump-7"));
        assert!(told(&mut session, "a"));
    }
}
