//! Rules that ask others: their messages were acknowledged and are kept, and the rule is evaluated again with each answer until it
//! says what it makes of one (developer guide, "Functions": `aws_lambda`, `get_dynamodb`, `get_secret`, `decode`).
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::time::Instant;

use sekisho_actions::{Execution, ExecutionId, Lane, Said};
use sekisho_delivery::Backoff;
use sekisho_rules::{Answer, Evaluation, EvaluationError, Known, Question, SqlVersion, Template, Variables};
use sekisho_types::with_causes;

use super::Chain;
use super::perform::Subject;
use super::work::{Workplace, with_subject};
use crate::clusters::NotProduced;
use crate::gateway::Gateway;
use crate::rule_properties::said_properties;
use crate::schemas::SchemaError;
use crate::services::CallError;

/// What one evaluation may ask. And then: the rule has failed for the message. Ours: a nested SELECT may ask for each element of an array.
const QUESTIONS_MAX: usize = 16;

/// What was answered so far.
type Answers = HashMap<Question, Answer>;

/// Who answers the second time.
struct Asked<'a> {
    gateway: &'a Gateway,
    answers: &'a Answers,
}

/// How far an evaluation came.
enum Step {
    /// This is to be asked.
    Asks(Box<Question>),
    /// There is no room for what it brings.
    NoRoom,
    /// It is over.
    Ended,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Schema(#[from] SchemaError),
}

/// Evaluates a rule over the message it has to ask others for, however long that takes.
pub(super) async fn evaluate(
    gateway: &Gateway,
    workplace: &Workplace,
    id: ExecutionId,
    execution: &Execution,
    said: Option<&Said>,
    lane: Lane,
) {
    let (mut answers, mut backoff) = (Answers::new(), Backoff::default());
    loop {
        match gateway.evaluate_again(id, execution, said, &answers) {
            Step::Ended => return,
            Step::Asks(question) => {
                let asked = {
                    let _place = workplace.place(lane).await;
                    workplace.ask(gateway, &question).await
                };
                match asked {
                    Ok(answer) => {
                        answers.insert(*question, answer);
                        continue;
                    }
                    Err(error) => {
                        gateway.not_answered(execution, &question, &error);
                        if error.is_lasting() || !gateway.is_young(execution) {
                            answers.insert(*question, Answer::Nothing);
                            continue;
                        }
                    }
                }
            }
            Step::NoRoom => {}
        }
        tokio::time::sleep(backoff.handle_failure(&mut gateway.state.random())).await;
    }
}

/// Properties with their secrets in place.
pub(super) async fn filled(
    gateway: &Gateway,
    workplace: &Workplace,
    properties: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, NotProduced> {
    let (mut filled, mut answers) = (properties.clone(), Answers::new());
    for (name, value) in filled.iter_mut().filter(|(_, value)| value.contains("${")) {
        let failed = |problem: String| NotProduced::Properties(format!("clientProperties: {name}: {problem}"));
        let template = Template::compile(value, SqlVersion::V2016_03_23).map_err(|error| failed(error.to_string()))?;
        *value = loop {
            let evaluated = {
                let known = Asked { gateway, answers: &answers };
                let message = sekisho_rules::Message { known: Some(&known), ..sekisho_rules::Message::default() };
                template.evaluate(&message, &mut gateway.state.random())
            };
            match evaluated {
                Ok(text) if text.is_empty() => return Err(NotProduced::NoSecret(name.clone())),
                Ok(text) => break text,
                Err(EvaluationError::Asks(question)) if answers.len() < QUESTIONS_MAX => {
                    let asked = workplace.ask(gateway, &question).await;
                    let answer = asked.map_err(|error| NotProduced::Secret(error.into()))?;
                    answers.insert(*question, answer);
                }
                Err(error) => return Err(failed(error.to_string())),
            }
        };
    }
    Ok(filled)
}

impl Workplace {
    async fn ask(&self, gateway: &Gateway, question: &Question) -> Result<Answer, AskError> {
        Ok(match question {
            Question::Call(lookup) => self.services.look_up(lookup).await?.into(),
            Question::Protobuf(message) => Answer::Json(gateway.schemas.ask(&self.places, message).await?),
        })
    }
}

impl AskError {
    /// Who asks again is told the same.
    pub(crate) fn is_lasting(&self) -> bool {
        match self {
            Self::Call(error) => error.is_lasting(),
            Self::Schema(error) => error.is_lasting(),
        }
    }
}

impl Gateway {
    /// The rule as it is now.
    fn evaluate_again(&self, id: ExecutionId, execution: &Execution, said: Option<&Said>, answers: &Answers) -> Step {
        let origin = &execution.origin;
        let Some(rule) = self.rules.by_name(&execution.rule) else {
            tracing::warn!(rule = %execution.rule, topic = origin.topic, "a message waited for a rule that is gone or disabled");
            self.change_work(|actions| actions.end(id));
            return Step::Ended;
        };
        let mqtt = said.map(said_properties);
        let (known, none) = (Asked { gateway: self, answers }, Variables::default());
        let step = with_subject(origin, mqtt.as_ref(), &known, &none, |subject| {
            let (evaluation, variables) = self.evaluate(&rule, subject);
            let subject = &Subject { variables: &variables, ..*subject };
            let selected = match evaluation {
                Evaluation::Selected(selected) => selected,
                Evaluation::NotSelected => return Step::Ended,
                Evaluation::Failed(EvaluationError::Asks(question)) if answers.len() < QUESTIONS_MAX => {
                    return Step::Asks(question);
                }
                Evaluation::Failed(error) => {
                    let error = if let EvaluationError::Asks(_) = error { EvaluationError::AsksTooMuch } else { error };
                    self.not_evaluated(&rule, subject.topic, &error);
                    return Step::Ended;
                }
            };
            let mut chain = Chain::at(origin.republished);
            let done = self.admit(&[], &mut chain).and_then(|()| {
                self.act(&rule, subject, selected, &mut chain)?;
                self.route_chain(Instant::now(), &mut chain)
            });
            if done.is_ok() { Step::Ended } else { Step::NoRoom }
        });
        // What it brought is journaled before.
        if let Step::Ended = step {
            self.change_work(|actions| actions.end(id));
        }
        step
    }

    fn not_answered(&self, execution: &Execution, question: &Question, error: &AskError) {
        let error = format!("`{}` was not answered: {}", question.asked_by(), with_causes(error));
        tracing::warn!(rule = %execution.rule, topic = execution.origin.topic, "{error}");
        if let Some(figures) = self.rules.figures_of(&execution.rule, execution.rule_version) {
            figures.not_answered(self.state.now(), &error);
        }
    }
}

impl Known for Asked<'_> {
    fn thing_shadow(&self, thing: &str, shadow: Option<&str>) -> Option<String> {
        self.gateway.thing_shadow(thing, shadow)
    }

    fn registry_data(&self, api: &str, thing: &str) -> Option<String> {
        self.gateway.registry_data(api, thing)
    }

    fn answer(&self, question: &Question) -> Answer {
        self.answers.get(question).cloned().unwrap_or_else(|| self.gateway.answer(question))
    }
}

impl fmt::Debug for Asked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Asked")
    }
}
