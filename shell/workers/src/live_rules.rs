//! The enabled rules, compiled, and what their actions owe.
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use sekisho_broker::{Broker, RuleId};
use sekisho_delivery::Origin;
use sekisho_gate::Refusal;
use sekisho_journal::Sequence;
use sekisho_registry::Registry;
use sekisho_rules::{Action, Evaluation, Program};
use sekisho_state::State;
use sekisho_types::{CertificateId, RuleName};

use crate::delivery::{DeliveryStreams, PutError};

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
    rules: RwLock<HashMap<RuleId, Arc<LiveRule>>>,
}

impl LiveRules {
    /// Exchanges them for the registry's.
    pub fn replace(&self, registry: &Registry, broker: &mut Broker) {
        let mut rules = self.rules.write().unwrap_or_else(PoisonError::into_inner);
        for id in rules.keys() {
            broker.remove_rule(*id);
        }
        rules.clear();
        for (number, (rule, program)) in registry.rules().enumerate() {
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
            rules.insert(id, Arc::new(LiveRule { name, version, program: program.clone(), actions }));
        }
    }

    /// Evaluates a rule over a message and starts its actions. What they owe locally is durable once the sequence is.
    ///
    /// # Errors
    /// A refusal if the message cannot be taken now: it is not acknowledged, and its publisher sends it again.
    pub fn run(
        &self,
        id: RuleId,
        state: &State,
        streams: &DeliveryStreams,
        topic: &str,
        payload: &Bytes,
        source: &Source<'_>,
    ) -> Result<Sequence, Refusal> {
        let rule = self.rules.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned();
        let Some(rule) = rule else { return Ok(Sequence(0)) };
        let message = sekisho_rules::Message {
            topic,
            payload,
            client_id: source.client_id,
            principal: source.principal,
            account: state.tenant().account.as_str(),
            received: state.now(),
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
                        Err(PutError::Unavailable) => return Err(Refusal::QuotaExceeded),
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
