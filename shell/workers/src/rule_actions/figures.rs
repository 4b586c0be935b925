//! What became of a rule's messages and of each of its actions since the start, or since the rule was replaced: told by `/metrics`
//! and `sekisho rule`.
use std::sync::{Mutex, PoisonError};

use sekisho_rules::Action;
use sekisho_types::{RuleName, Timestamp};
use serde::{Deserialize, Serialize};

use crate::delivery::Count;

/// What went wrong last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// When.
    pub at: Timestamp,
    /// In words.
    pub error: String,
}

/// One action of a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionInsight {
    /// Such as `S3Action`.
    pub name: String,
    /// Its bucket, stream or topic, as the rule has it.
    pub resource: String,
    /// How often it was done.
    pub done: u64,
    /// How often it failed for good.
    pub failed: u64,
    /// How often it could not be done at once, and was or will be tried again.
    pub late: u64,
    /// What went wrong last.
    pub last_error: Option<Trouble>,
}

/// A rule's figures.
pub(crate) struct RuleFigures {
    matched: Count,
    executed: Count,
    not_evaluated: Count,
    last_error: Mutex<Option<Trouble>>,
    actions: Vec<ActionFigures>,
    error_action: Option<ActionFigures>,
}

struct ActionFigures {
    name: &'static str,
    resource: String,
    done: Count,
    failed: Count,
    late: Count,
    last_error: Mutex<Option<Trouble>>,
}

impl RuleFigures {
    /// All zero.
    pub(crate) fn new(rule: &RuleName, actions: &[Action], error_action: Option<&Action>) -> Self {
        let label = || rule.to_string();
        Self {
            matched: Count::new(metrics::counter!("sekisho_rule_matches_total", "rule" => label())),
            executed: Count::new(metrics::counter!("sekisho_rule_executions_total", "rule" => label())),
            not_evaluated: Count::new(metrics::counter!("sekisho_rule_failures_total", "rule" => label())),
            last_error: Mutex::default(),
            actions: actions.iter().map(|action| ActionFigures::new(rule, action, false)).collect(),
            error_action: error_action.map(|action| ActionFigures::new(rule, action, true)),
        }
    }

    /// A message on the rule's topics.
    pub(crate) fn matched(&self) {
        self.matched.add(1);
    }

    /// Selected, too.
    pub(crate) fn executed(&self) {
        self.executed.add(1);
    }

    pub(crate) fn not_evaluated(&self, at: Timestamp, error: &str) {
        self.not_evaluated.add(1);
        note(&self.last_error, at, error.to_owned());
    }

    /// Somebody the statement asks did not answer.
    pub(crate) fn not_answered(&self, at: Timestamp, error: &str) {
        note(&self.last_error, at, error.to_owned());
    }

    /// `None` is the error action, here and below.
    fn of(&self, action: Option<u8>) -> Option<&ActionFigures> {
        match action {
            Some(place) => self.actions.get(usize::from(place)),
            None => self.error_action.as_ref(),
        }
    }

    pub(crate) fn done(&self, action: Option<u8>) {
        self.of(action).into_iter().for_each(|figures| figures.done.add(1));
    }

    pub(crate) fn failed(&self, action: Option<u8>, at: Timestamp, error: &str) {
        let Some(figures) = self.of(action) else { return };
        figures.failed.add(1);
        note(&figures.last_error, at, error.to_owned());
    }

    pub(crate) fn is_late(&self, action: Option<u8>, at: Timestamp, error: &str) {
        let Some(figures) = self.of(action) else { return };
        figures.late.add(1);
        note(&figures.last_error, at, error.to_owned());
    }

    /// Messages on its topics, those it selected, those it could not be evaluated over.
    pub(crate) fn messages(&self) -> (u64, u64, u64) {
        (self.matched.get(), self.executed.get(), self.not_evaluated.get())
    }

    pub(crate) fn last_error(&self) -> Option<Trouble> {
        noted(&self.last_error)
    }

    pub(crate) fn actions(&self) -> Vec<ActionInsight> {
        self.actions.iter().map(ActionFigures::insight).collect()
    }

    pub(crate) fn error_action(&self) -> Option<ActionInsight> {
        self.error_action.as_ref().map(ActionFigures::insight)
    }
}

impl ActionFigures {
    fn new(rule: &RuleName, action: &Action, is_error_action: bool) -> Self {
        let name = action.name();
        macro_rules! count {
            ($name:literal) => {
                Count::new(metrics::counter!($name, "rule" => rule.to_string(), "action" => name))
            };
        }
        // The names of AWS's metrics, in the exporter's style: Success, Failure, ErrorActionSuccess, ErrorActionFailure.
        let (done, failed, late) = match is_error_action {
            false => (
                count!("sekisho_action_successes_total"),
                count!("sekisho_action_failures_total"),
                count!("sekisho_action_retries_total"),
            ),
            true => (
                count!("sekisho_error_action_successes_total"),
                count!("sekisho_error_action_failures_total"),
                count!("sekisho_error_action_retries_total"),
            ),
        };
        Self { name, resource: action.resource().to_owned(), done, failed, late, last_error: Mutex::default() }
    }

    fn insight(&self) -> ActionInsight {
        ActionInsight {
            name: self.name.to_owned(),
            resource: self.resource.clone(),
            done: self.done.get(),
            failed: self.failed.get(),
            late: self.late.get(),
            last_error: noted(&self.last_error),
        }
    }
}

/// Counts a failure of work whose rule has another version by now, is disabled, or is gone.
pub(crate) fn count_of_no_rule(rule: &RuleName, action: &str, is_error_action: bool) {
    let labels = [("rule", rule.to_string()), ("action", action.to_owned())];
    match is_error_action {
        false => metrics::counter!("sekisho_action_failures_total", &labels).increment(1),
        true => metrics::counter!("sekisho_error_action_failures_total", &labels).increment(1),
    }
}

fn note(last: &Mutex<Option<Trouble>>, at: Timestamp, error: String) {
    *last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Trouble { at, error });
}

fn noted(last: &Mutex<Option<Trouble>>) -> Option<Trouble> {
    last.lock().unwrap_or_else(PoisonError::into_inner).clone()
}
