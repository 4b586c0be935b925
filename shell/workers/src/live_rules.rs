//! The enabled rules, compiled, with their actions; streams that take their records from topics, which are reached the
//! same way.
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use bytes::Bytes;
use sekisho_broker::{Broker, RuleId, Target};
use sekisho_delivery::Origin;
use sekisho_gate::Refusal;
use sekisho_journal::Sequence;
use sekisho_registry::{TOPIC_RULES_MAX, TopicRule};
use sekisho_rules::{Action, ActionError, Program};
use sekisho_state::{Cores, Event};
use sekisho_types::{CertificateId, DeliveryStreamName, RuleName};

use crate::delivery::{DeliveryStreams, PutError};
use crate::rule_actions::{RuleFigures, is_done_later};

/// Who published.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// A device's certificate.
    pub certificate_id: Option<CertificateId>,
    /// A device's client id; none over HTTP.
    pub client_id: Option<&'a str>,
    /// The thing it is, as policy variables know it: none over HTTP, and none for a client id to whose thing the certificate is
    /// not attached.
    pub thing: Option<&'a str>,
    /// What `principal()` answers.
    pub principal: &'a str,
    /// Where it comes from, if that is known.
    pub address: Option<IpAddr>,
}

/// What the broker calls a rule.
pub(crate) enum Listening {
    Rule(Arc<LiveRule>),
    /// A delivery stream that takes what is published, as it is.
    Stream(DeliveryStreamName),
}

/// An enabled rule.
pub(crate) struct LiveRule {
    pub name: RuleName,
    /// How often it was replaced.
    pub version: u32,
    pub program: Arc<Program>,
    pub actions: Vec<Action>,
    pub error_action: Option<Action>,
    /// Whether its statement, or its actions' templates, ask more than the message.
    pub asks: bool,
    /// Whether the templates do, and others.
    pub actions_ask: bool,
    /// Whether they, or the error action's, name what SET makes.
    pub actions_name_variables: bool,
    pub figures: Arc<RuleFigures>,
}

/// The enabled rules.
#[derive(Default)]
pub struct LiveRules {
    rules: RwLock<HashMap<RuleId, Arc<Listening>>>,
    /// Of every rule there is, enabled or not; another version begins anew.
    figures: Mutex<HashMap<RuleName, (u32, Arc<RuleFigures>)>>,
}

impl LiveRules {
    /// Exchanges them for those there are. What is the same stays.
    pub fn replace(&self, cores: &Cores, broker: &mut Broker) {
        let mut rules = self.rules.write().unwrap_or_else(PoisonError::into_inner);
        for id in rules.keys() {
            broker.remove_rule(*id);
        }
        let before: HashMap<RuleName, Arc<LiveRule>> = rules.drain().filter_map(|(_, rule)| rule.named()).collect();
        self.figures().retain(|name, _| cores.registry.topic_rule(name).is_ok());
        for (number, (rule, program)) in cores.registry.rules().enumerate() {
            let same = before.get(&rule.rule_name).filter(|live| Arc::ptr_eq(&live.program, program));
            let live = match same.map(|live| Ok(live.clone())).unwrap_or_else(|| self.live(rule, program)) {
                Ok(live) => live,
                Err(error) => {
                    tracing::error!(rule = %rule.rule_name, %error, "a stored rule has an action this version does not know");
                    continue;
                }
            };
            let id = RuleId(number as u32);
            broker.add_rule(&rule.rule_name, program.topic_filter(), id);
            rules.insert(id, Arc::new(Listening::Rule(live)));
        }
        let sources = cores.delivery.streams().filter_map(|stream| Some((&stream.name, stream.source.as_ref()?)));
        for (number, (name, source)) in sources.enumerate() {
            let id = RuleId((TOPIC_RULES_MAX + number) as u32);
            broker.add_topic_source(&source.topic_filter, id);
            rules.insert(id, Arc::new(Listening::Stream(name.clone())));
        }
    }

    fn live(&self, rule: &TopicRule, program: &Arc<Program>) -> Result<Arc<LiveRule>, ActionError> {
        let actions = Action::parse_all(rule.actions(), &**program)?;
        let error_action = rule.error_action().map(|action| Action::parse(action, &**program)).transpose()?;
        let (name, version) = (rule.rule_name.clone(), rule.replacements);
        let figures = match self.figures().entry(name.clone()) {
            Entry::Occupied(known) if known.get().0 == version => known.get().1.clone(),
            entry => {
                let figures = Arc::new(RuleFigures::new(&name, &actions, error_action.as_ref()));
                entry.insert_entry((version, figures.clone()));
                figures
            }
        };
        let of_actions: Vec<_> = rule.actions().iter().flat_map(|action| Action::asks(action, &**program)).collect();
        let actions_ask = of_actions.iter().any(|asks| asks.waits);
        let asks = !of_actions.is_empty() || !program.asks().is_empty();
        let actions_name_variables = rule.actions().iter().chain(rule.error_action()).any(Action::names_variables);
        let program = program.clone();
        Ok(Arc::new(LiveRule {
            name,
            version,
            program,
            actions,
            error_action,
            asks,
            actions_ask,
            actions_name_variables,
            figures,
        }))
    }

    fn figures(&self) -> MutexGuard<'_, HashMap<RuleName, (u32, Arc<RuleFigures>)>> {
        self.figures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What became of the messages of a version of a rule, if it has been enabled since the start.
    pub(crate) fn figures_of(&self, name: &RuleName, version: u32) -> Option<Arc<RuleFigures>> {
        self.figures().get(name).filter(|(known, _)| *known == version).map(|(_, figures)| figures.clone())
    }

    /// Whether any of those a message is for may bring work.
    pub(crate) fn bring_work(&self, targets: &[Target]) -> bool {
        let rules = self.rules.read().unwrap_or_else(PoisonError::into_inner);
        let brings_work = |target: &Target| match target {
            Target::Rule(id) => rules.get(id).is_some_and(|listening| listening.brings_work()),
            Target::Subscriber { .. } => false,
        };
        targets.iter().any(brings_work)
    }

    /// What listens under a number.
    pub(crate) fn get(&self, id: RuleId) -> Option<Arc<Listening>> {
        self.rules.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// An enabled rule by its name: for who comes back to it later.
    pub(crate) fn by_name(&self, name: &RuleName) -> Option<Arc<LiveRule>> {
        let rules = self.rules.read().unwrap_or_else(PoisonError::into_inner);
        rules.values().find_map(|listening| match &**listening {
            Listening::Rule(rule) if rule.name == *name => Some(rule.clone()),
            Listening::Rule(_) | Listening::Stream(_) => None,
        })
    }

    /// Whether an event made or took away a stream that listens. What a stream listens to never changes.
    pub fn concerns(&self, event: &Event) -> bool {
        let Event::Delivery(event) = event else { return false };
        let listens = |name: &DeliveryStreamName| {
            let rules = self.rules.read().unwrap_or_else(PoisonError::into_inner);
            rules.values().any(|listening| matches!(&**listening, Listening::Stream(known) if known == name))
        };
        match event {
            sekisho_delivery::Event::StreamPut { stream } => stream.source.is_some() && !listens(&stream.name),
            sekisho_delivery::Event::StreamDeleted { name } => listens(name),
            _ => false,
        }
    }
}

impl Listening {
    fn brings_work(&self) -> bool {
        match self {
            Self::Rule(rule) => {
                let asks = rule.actions_ask || rule.program.asks().iter().any(|asks| asks.waits);
                asks || rule.actions.iter().chain(&rule.error_action).any(is_done_later)
            }
            Self::Stream(_) => false,
        }
    }

    fn named(&self) -> Option<(RuleName, Arc<LiveRule>)> {
        match self {
            Self::Rule(rule) => Some((rule.name.clone(), rule.clone())),
            Self::Stream(_) => None,
        }
    }
}

/// A stream takes a message as it is. It is the stream's once the sequence is durable.
pub(crate) fn take(
    name: &DeliveryStreamName,
    streams: &DeliveryStreams,
    topic: &str,
    payload: &Bytes,
    source: &Source<'_>,
) -> Result<Sequence, Refusal> {
    let Source { certificate_id, client_id, thing, .. } = *source;
    let origin = Origin { certificate_id, client_id, thing, topic, rule: "", rule_version: 0 };
    match streams.put(name, &[payload], Some(&origin)) {
        Ok(sequence) => Ok(sequence),
        Err(PutError::Unavailable) => Err(Refusal::NoRoom),
        // It was deleted a moment ago, perhaps made anew without a source.
        Err(PutError::NotFound(_) | PutError::Source) => Ok(Sequence(0)),
        Err(error @ (PutError::TooLarge | PutError::Kms(_) | PutError::Journal(_))) => {
            tracing::warn!(stream = %name, topic, %error, "a stream did not take a message from its topic");
            Ok(Sequence(0))
        }
    }
}
