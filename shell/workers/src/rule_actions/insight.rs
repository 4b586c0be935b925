//! Rules for who looks after them: what they select, what became of it, what is still to be done.
use std::collections::BTreeMap;

use sekisho_types::{RuleName, Timestamp};
use serde::{Deserialize, Serialize};

use super::figures::{ActionInsight, Trouble};
use crate::gateway::Gateway;

/// All rules, and what waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rules {
    /// By name.
    pub rules: Vec<RuleInsight>,
    /// Of all of them.
    pub waiting: WaitingInsight,
}

/// Work that is to be done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingInsight {
    /// Messages with work.
    pub executions: u64,
    /// What they weigh.
    pub bytes: u64,
    /// Since when the oldest waits.
    pub since: Option<Timestamp>,
}

/// One rule. Its figures are since the start, or since it was replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleInsight {
    /// Its name.
    pub rule_name: RuleName,
    /// Whether messages pass it by.
    pub is_disabled: bool,
    /// Its FROM.
    pub topic_filter: Option<String>,
    /// Its statement.
    pub sql: String,
    /// Messages on its topics.
    pub matched: u64,
    /// Those it selected.
    pub executed: u64,
    /// Those it could not be evaluated over.
    pub not_evaluated: u64,
    /// Why, the last time.
    pub last_error: Option<Trouble>,
    /// What it does, in its order.
    pub actions: Vec<ActionInsight>,
    /// What it does where that failed.
    pub error_action: Option<ActionInsight>,
    /// What it has still to do.
    pub waiting: WaitingInsight,
}

impl WaitingInsight {
    fn add(&mut self, execution: &sekisho_actions::Execution) {
        self.executions += 1;
        self.bytes += execution.bytes() as u64;
        let received = execution.origin.received;
        self.since = Some(self.since.map_or(received, |since| since.min(received)));
    }
}

impl Gateway {
    /// All rules, or the one of this name.
    pub fn rules(&self, only: Option<&RuleName>) -> Rules {
        let cores = self.state.read();
        let mut waiting: BTreeMap<&RuleName, WaitingInsight> = BTreeMap::new();
        let mut in_all = WaitingInsight::default();
        for (_, execution) in cores.actions.waiting() {
            waiting.entry(&execution.rule).or_default().add(execution);
            in_all.add(execution);
        }
        let asked = cores.registry.topic_rules().filter(|(rule, _)| only.is_none_or(|name| *name == rule.rule_name));
        let rules = asked.map(|(rule, program)| {
            let figures = self.rules.figures_of(&rule.rule_name, rule.replacements);
            let (matched, executed, not_evaluated) = figures.as_ref().map_or((0, 0, 0), |figures| figures.messages());
            let filter = program.and_then(|program| program.topic_filter());
            RuleInsight {
                rule_name: rule.rule_name.clone(),
                is_disabled: rule.rule_disabled(),
                topic_filter: filter.map(|filter| filter.as_str().to_owned()),
                sql: rule.sql().to_owned(),
                matched,
                executed,
                not_evaluated,
                last_error: figures.as_ref().and_then(|figures| figures.last_error()),
                actions: figures.as_ref().map_or_else(Vec::new, |figures| figures.actions()),
                error_action: figures.as_ref().and_then(|figures| figures.error_action()),
                waiting: waiting.get(&rule.rule_name).copied().unwrap_or_default(),
            }
        });
        Rules { rules: rules.collect(), waiting: in_all }
    }

    /// Tells the exporter what waits.
    pub fn measure_rules(&self) {
        let (executions, bytes) = self.state.read().actions.waits();
        metrics::gauge!("sekisho_rule_work_waiting").set(executions as f64);
        metrics::gauge!("sekisho_rule_work_waiting_bytes").set(bytes as f64);
    }
}
