//! What failed of a rule's actions, and the error action for it (developer guide, "Error handling (error action)").
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use sekisho_actions::{Execution, ExecutionId, Failure, Task, Work};
use sekisho_gate::Refusal;
use sekisho_journal::Sequence;
use sekisho_types::RuleName;
use serde::Serialize;

use super::draws::Draws;
use super::figures::count_of_no_rule;
use super::perform::{Done, NotDone, Subject};
use super::{Chain, RuleFigures};
use crate::gateway::Gateway;
use crate::live_rules::LiveRule;

/// The message an error action is given.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    rule_name: &'a str,
    topic: &'a str,
    cloudwatch_trace_id: &'a str,
    client_id: &'a str,
    base64_original_payload: String,
    failures: &'a [Failure],
}

impl Gateway {
    /// Counts and logs an action that failed; `place` is `None` for the error action.
    pub(crate) fn action_failed(&self, rule: &LiveRule, place: Option<u8>, failure: &Failure) {
        self.count_failure(&rule.name, Some(&rule.figures), place, failure);
    }

    /// The same of work that was taken, by the rule as it was then.
    pub(crate) fn work_failed(&self, execution: &Execution, work: &Work, failure: &Failure) {
        let figures = self.rules.figures_of(&execution.rule, execution.rule_version);
        if matches!(work.task, Task::Evaluate(_)) {
            tracing::warn!(rule = %execution.rule, "{}", failure.error_message);
            return figures.iter().for_each(|figures| figures.not_evaluated(self.state.now(), &failure.error_message));
        }
        self.count_failure(&execution.rule, figures.as_deref(), action_of(execution, work), failure);
    }

    fn count_failure(&self, rule: &RuleName, figures: Option<&RuleFigures>, place: Option<u8>, failure: &Failure) {
        let Failure { failed_action, error_message, .. } = failure;
        tracing::warn!(%rule, action = failed_action, is_error_action = place.is_none(), "{error_message}");
        match figures {
            Some(figures) => figures.failed(place, self.state.now(), error_message),
            None => count_of_no_rule(rule, failed_action, place.is_none()),
        }
    }

    /// One message for all that failed of a rule's actions on one message. If this fails too, there is no other.
    pub(crate) fn run_error_action(
        &self,
        rule: &LiveRule,
        subject: &Subject<'_>,
        failures: &[Failure],
        in_place_of: Option<ExecutionId>,
        chain: &mut Chain,
    ) -> Result<Sequence, Refusal> {
        let Some(action) = &rule.error_action else { return Ok(Sequence(0)) };
        let document = document(rule, subject, failures);
        let random = &mut Draws::of_error_action(subject);
        match self.perform(rule, action, subject, &document, chain, random) {
            Ok(Done::AtOnce(sequence)) => {
                rule.figures.done(None);
                Ok(sequence)
            }
            Ok(Done::Later(task)) => {
                let execution = Execution {
                    rule: rule.name.clone(),
                    rule_version: rule.version,
                    origin: subject.outlives(chain, false),
                    result: document,
                    work: vec![Work { action: 0, lane: self.lane_of(&rule.name, &task), task }],
                    failures: Vec::new(),
                    is_error_action: true,
                    since: Some(self.state.now()),
                };
                self.take_work(execution, in_place_of, chain)
            }
            Err(NotDone::Refused(refusal)) => Err(refusal),
            Err(NotDone::Failed(failure)) => {
                self.action_failed(rule, None, &failure);
                Ok(Sequence(0))
            }
        }
    }
}

/// Where a rule has an action that work is of; `None` for the error action.
pub(crate) fn action_of(execution: &Execution, work: &Work) -> Option<u8> {
    (!execution.is_error_action).then_some(work.action)
}

fn document(rule: &LiveRule, subject: &Subject<'_>, failures: &[Failure]) -> Bytes {
    let document = Document {
        rule_name: rule.name.as_str(),
        topic: subject.topic,
        cloudwatch_trace_id: subject.trace_id.get_or_init(|| uuid::Uuid::new_v4().to_string()),
        client_id: subject.source.client_id.unwrap_or("N/A"),
        base64_original_payload: BASE64_STANDARD.encode(subject.payload),
        failures,
    };
    serde_json::to_vec(&document).expect("text serializes into memory").into()
}
