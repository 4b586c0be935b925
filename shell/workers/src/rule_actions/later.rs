//! Rules that ask others: their messages were acknowledged and are kept, and the rule is evaluated again with each answer until it
//! says what it makes of one (developer guide, "Functions": `aws_lambda`, `get_dynamodb`, `get_secret`, `decode`).
use std::time::Instant;

use sekisho_actions::{Execution, ExecutionId, Lane, Unevaluated};
use sekisho_delivery::Backoff;
use sekisho_rules::{Answer, Evaluation, EvaluationError, Question};
use sekisho_types::with_causes;

use super::Chain;
use super::ask::{AskError, QUESTIONS_MAX};
use super::asked::{Asked, Memo};
use super::perform::Subject;
use super::work::{Workplace, shortened, with_subject};
use crate::gateway::Gateway;
use crate::rule_properties::said_properties;

/// How far an evaluation came.
enum Step {
    /// This is to be asked.
    Asks(Box<Question>),
    /// It cannot go on now.
    Waits,
    /// It is over.
    Ended,
}

/// Evaluates a rule over the message it has to ask others for, however long that takes.
pub(super) async fn evaluate(
    gateway: &Gateway,
    workplace: &Workplace,
    id: ExecutionId,
    execution: &Execution,
    later: &Unevaluated,
    lane: Lane,
) {
    let mut backoff = Backoff::default();
    loop {
        // From the first question to the last: what was answered is held by those who have a place, and by nobody else.
        let place = workplace.place(lane).await;
        if attempt(gateway, workplace, id, execution, later).await {
            return;
        }
        drop(place);
        tokio::time::sleep(backoff.handle_failure(&mut gateway.state.random())).await;
    }
}

/// Once; whether it is over.
async fn attempt(
    gateway: &Gateway,
    workplace: &Workplace,
    id: ExecutionId,
    execution: &Execution,
    later: &Unevaluated,
) -> bool {
    let memo = Memo::default();
    loop {
        let question = match gateway.evaluate_again(id, execution, later, &memo) {
            Step::Ended => return true,
            Step::Waits => return false,
            Step::Asks(question) => question,
        };
        match workplace.ask(gateway, &question).await {
            Ok(answer) => memo.answered(*question, answer),
            Err(error) => {
                gateway.not_answered(execution, &question, &error);
                if !error.is_lasting() && gateway.is_young(execution) {
                    return false;
                }
                memo.answered(*question, Answer::Nothing);
            }
        }
    }
}

impl Gateway {
    /// The rule as it is now, over a message that waited for it. A rule that is disabled goes on where it was once it is not.
    fn evaluate_again(&self, id: ExecutionId, execution: &Execution, later: &Unevaluated, memo: &Memo) -> Step {
        let origin = &execution.origin;
        let Some(rule) = self.rules.by_name(&execution.rule) else {
            if self.state.read().registry.topic_rule(&execution.rule).is_ok() {
                return Step::Waits;
            }
            tracing::warn!(rule = %execution.rule, topic = origin.topic, "a message waited for a rule that is gone");
            metrics::counter!("sekisho_rule_failures_total", "rule" => execution.rule.to_string()).increment(1);
            self.change_work(|actions| actions.end(id));
            return Step::Ended;
        };
        let (mqtt, known) = (later.said.as_ref().map(said_properties), Asked { gateway: self, memo });
        let step = with_subject(origin, mqtt.as_ref(), &known, |subject| {
            let subject = &Subject { again: Some((&later.seed, self.state.now())), ..*subject };
            let (evaluation, variables) = self.evaluate(&rule, subject);
            let subject = &Subject { variables: &variables, ..*subject };
            let selected = match evaluation {
                Evaluation::Selected(selected) => selected,
                Evaluation::NotSelected => return Step::Ended,
                Evaluation::Failed(EvaluationError::Asks(question)) if memo.asked() < QUESTIONS_MAX => {
                    return Step::Asks(question);
                }
                Evaluation::Failed(error) => {
                    let error = if let EvaluationError::Asks(_) = error { EvaluationError::AsksTooMuch } else { error };
                    self.not_evaluated(&rule, subject.topic, &error);
                    return Step::Ended;
                }
            };
            let mut chain = Chain::again(origin);
            let done = self.admit_again(&mut chain).and_then(|()| {
                self.act(&rule, subject, selected, &mut chain)?;
                self.route_chain(Instant::now(), &mut chain)
            });
            if done.is_ok() { Step::Ended } else { Step::Waits }
        });
        // What it brought is journaled before.
        if let Step::Ended = step {
            self.change_work(|actions| actions.end(id));
        }
        step
    }

    fn not_answered(&self, execution: &Execution, question: &Question, error: &AskError) {
        let error = shortened(format!("`{}` was not answered: {}", question.asked_by(), with_causes(error)));
        tracing::warn!(rule = %execution.rule, topic = execution.origin.topic, "{error}");
        if let Some(figures) = self.rules.figures_of(&execution.rule, execution.rule_version) {
            figures.not_answered(self.state.now(), &error);
        }
    }
}
