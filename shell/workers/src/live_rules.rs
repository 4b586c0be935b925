//! The enabled rules, compiled, and what their actions owe; streams that take their records from topics, which are reached the
//! same way.
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use sekisho_broker::{Broker, RuleId};
use sekisho_delivery::Origin;
use sekisho_gate::Refusal;
use sekisho_journal::Sequence;
use sekisho_registry::TOPIC_RULES_MAX;
use sekisho_rules::{Action, Evaluation, Program};
use sekisho_state::{Cores, Event, State};
use sekisho_types::{CertificateId, DeliveryStreamName, RuleName};

use crate::delivery::{DeliveryStreams, PutError};
use crate::publish::Message;
use crate::rule_properties::rule_properties;

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
}

/// What the broker calls a rule.
enum Listening {
    Rule(LiveRule),
    /// A delivery stream that takes what is published, as it is.
    Stream(DeliveryStreamName),
}

struct LiveRule {
    name: RuleName,
    /// How often it was replaced.
    version: u32,
    program: Arc<Program>,
    actions: Vec<Action>,
}

/// The enabled rules.
#[derive(Default)]
pub struct LiveRules {
    rules: RwLock<HashMap<RuleId, Arc<Listening>>>,
}

impl LiveRules {
    /// Exchanges them for those there are.
    pub fn replace(&self, cores: &Cores, broker: &mut Broker) {
        let mut rules = self.rules.write().unwrap_or_else(PoisonError::into_inner);
        for id in rules.keys() {
            broker.remove_rule(*id);
        }
        rules.clear();
        for (number, (rule, program)) in cores.registry.rules().enumerate() {
            let actions = match Action::parse_all(rule.actions()) {
                Ok(actions) => actions,
                Err(error) => {
                    tracing::error!(rule = %rule.rule_name, %error, "a stored rule has an action this version does not know");
                    continue;
                }
            };
            let id = RuleId(number as u32);
            broker.add_rule(&rule.rule_name, program.topic_filter(), id);
            let (name, version) = (rule.rule_name.clone(), rule.replacements);
            let rule = LiveRule { name, version, program: program.clone(), actions };
            rules.insert(id, Arc::new(Listening::Rule(rule)));
        }
        let sources = cores.delivery.streams().filter_map(|stream| Some((&stream.name, stream.source.as_ref()?)));
        for (number, (name, source)) in sources.enumerate() {
            let id = RuleId((TOPIC_RULES_MAX + number) as u32);
            broker.add_topic_source(&source.topic_filter, id);
            rules.insert(id, Arc::new(Listening::Stream(name.clone())));
        }
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

    /// Evaluates a rule over a message and starts its actions. What they owe locally is durable once the sequence is.
    ///
    /// # Errors
    /// A refusal if the message cannot be taken now: it is not acknowledged, and its publisher sends it again.
    pub(crate) fn run(
        &self,
        id: RuleId,
        state: &State,
        streams: &DeliveryStreams,
        topic: &str,
        message: &Message<'_>,
    ) -> Result<Sequence, Refusal> {
        let (payload, source) = (message.payload, &message.source);
        let rule = self.rules.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned();
        let rule = match rule.as_deref() {
            None => return Ok(Sequence(0)),
            Some(Listening::Rule(rule)) => rule,
            Some(Listening::Stream(name)) => return take(name, streams, topic, payload, source),
        };
        let said = message.properties.map(rule_properties);
        let message = sekisho_rules::Message {
            topic,
            payload,
            client_id: source.client_id,
            principal: source.principal,
            account: state.tenant().account.as_str(),
            received: state.now(),
            mqtt: said.as_ref(),
            ..Default::default()
        };
        let selected = match rule.program.evaluate(&message, &mut state.random()) {
            Evaluation::Selected(selected) => selected,
            Evaluation::NotSelected => return Ok(Sequence(0)),
            Evaluation::Failed(error) => {
                tracing::warn!(rule = %rule.name, topic, %error, "rule failed");
                metrics::counter!("sekisho_rule_failures_total", "rule" => rule.name.to_string()).increment(1);
                return Ok(Sequence(0));
            }
        };
        let mut owed = Sequence(0);
        for action in &rule.actions {
            match action {
                Action::Firehose(firehose) => {
                    let origin = Origin {
                        certificate_id: source.certificate_id,
                        client_id: source.client_id,
                        thing: source.thing,
                        topic,
                        rule: rule.name.as_str(),
                        rule_version: rule.version,
                    };
                    match streams.put(
                        &firehose.delivery_stream_name,
                        &[&selected, firehose.separator.as_bytes()],
                        Some(&origin),
                    ) {
                        Ok(sequence) => owed = owed.max(sequence),
                        Err(PutError::Unavailable) => return Err(Refusal::NoRoom),
                        Err(error) => {
                            tracing::warn!(rule = %rule.name, topic, %error, "action failed");
                            metrics::counter!("sekisho_action_failures_total", "rule" => rule.name.to_string())
                                .increment(1);
                        }
                    }
                }
            }
        }
        Ok(owed)
    }
}

/// A stream takes a message as it is. It is the stream's once the sequence is durable.
fn take(
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
