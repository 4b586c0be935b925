//! One rule over one message: its statement, then each of its actions.
use std::cell::OnceCell;

use bytes::Bytes;
use sekisho_actions::{Execution, ExecutionId, Limits, Origin, Task, Unevaluated, Work};
use sekisho_broker::{Broker, RuleId, Target};
use sekisho_gate::Refusal;
use sekisho_journal::Sequence;
use sekisho_rules::{Evaluation, EvaluationError, Variables};
use sekisho_types::Random as _;

use super::Chain;
use super::asked::{Asked, Memo};
use super::draws::Draws;
use super::perform::{Done, NotDone, Subject, task_failure};
use crate::gateway::Gateway;
use crate::live_rules::{Listening, LiveRule, Source, take};
use crate::publish::Message;
use crate::rule_properties::{kept_properties, rule_properties};

impl Gateway {
    /// All rules among those a message is for. What they owe locally, work that is journaled included, is durable once the sequence is.
    ///
    /// # Errors
    /// A refusal if the message cannot be taken now: it is not acknowledged, and waits in its connection or is sent again.
    pub(crate) fn run_rules(
        &self,
        message: &Message<'_>,
        targets: &[Target],
        chain: &mut Chain,
    ) -> Result<Sequence, Refusal> {
        let topic = Broker::rule_topic(message.topic);
        let said = message.properties.map(rule_properties);
        let (payload, source, received) = (message.payload, &message.source, self.state.now());
        let trace_id = OnceCell::new();
        let mqtt = said.as_ref();
        let (trace_id, variables) = (&trace_id, &Variables::default());
        let subject = Subject { topic, payload, source, received, trace_id, mqtt, known: self, variables, again: None };
        let mut owed = Sequence(0);
        for target in targets {
            if let Target::Rule(rule) = target {
                owed = owed.max(self.run_rule(*rule, &subject, targets, chain)?);
            }
        }
        Ok(owed)
    }

    /// Evaluates a rule over a message and starts its actions.
    fn run_rule(
        &self,
        id: RuleId,
        subject: &Subject<'_>,
        targets: &[Target],
        chain: &mut Chain,
    ) -> Result<Sequence, Refusal> {
        let listening = self.rules.get(id);
        let rule = match listening.as_deref() {
            None => return Ok(Sequence(0)),
            Some(Listening::Rule(rule)) => rule,
            Some(Listening::Stream(name)) => {
                self.admit(targets, chain)?;
                return take(name, &self.streams, subject.topic, subject.payload, subject.source);
            }
        };
        rule.figures.matched();
        let memo = rule.asks.then(Memo::default);
        let asked = memo.as_ref().map(|memo| Asked { gateway: self, memo });
        let known = asked.as_ref().map_or(subject.known, |asked| asked);
        let subject = &Subject { known, ..*subject };
        let (evaluation, variables) = self.evaluate(rule, subject);
        match evaluation {
            Evaluation::Selected(selected) => {
                self.admit(targets, chain)?;
                self.act(rule, &Subject { variables: &variables, ..*subject }, selected, chain)
            }
            Evaluation::NotSelected => Ok(Sequence(0)),
            Evaluation::Failed(EvaluationError::Asks(_)) => {
                self.admit(targets, chain)?;
                self.evaluate_later(rule, subject, chain)
            }
            Evaluation::Failed(error) => {
                self.not_evaluated(rule, subject.topic, &error);
                Ok(Sequence(0))
            }
        }
    }

    /// What a rule makes of a message, and its SET where that is asked for. That somebody has to be asked is said before anything is done
    /// with it, where an action asks too.
    pub(crate) fn evaluate(&self, rule: &LiveRule, subject: &Subject<'_>) -> (Evaluation, Variables) {
        let (message, random) = (self.seen_by_rules(subject), &mut Draws::of_statement(subject));
        let (evaluation, variables) = match rule.actions_name_variables {
            true => rule.program.evaluate_keeping(&message, random),
            false => (rule.program.evaluate(&message, random), Variables::default()),
        };
        if rule.actions_ask && matches!(evaluation, Evaluation::Selected(_)) {
            let message = sekisho_rules::Message { variables: Some(&variables), ..message };
            let mut actions = rule.actions.iter().zip(0..);
            let asked =
                actions.find_map(|(action, place)| action.question(&message, &mut Draws::of_action(subject, place)));
            if let Some(question) = asked {
                return (Evaluation::Failed(EvaluationError::Asks(question)), variables);
            }
        }
        (evaluation, variables)
    }

    /// Starts a rule's actions.
    pub(crate) fn act(
        &self,
        rule: &LiveRule,
        subject: &Subject<'_>,
        selected: Bytes,
        chain: &mut Chain,
    ) -> Result<Sequence, Refusal> {
        rule.figures.executed();
        let (mut owed, mut work, mut failures) = (Sequence(0), Vec::new(), Vec::new());
        for (action, place) in rule.actions.iter().zip(0..) {
            match self.perform(rule, action, subject, &selected, chain, &mut Draws::of_action(subject, place)) {
                Ok(Done::AtOnce(sequence)) => {
                    owed = owed.max(sequence);
                    rule.figures.done(Some(place));
                }
                Ok(Done::Later(task)) => {
                    work.push(Work { action: place, lane: self.lane_of(&rule.name, &task), task });
                }
                Err(NotDone::Refused(refusal)) => return Err(refusal),
                Err(NotDone::Failed(failure)) => {
                    self.action_failed(rule, Some(place), &failure);
                    failures.push(failure);
                }
            }
        }
        if !work.is_empty() {
            let origin = subject.outlives(chain, rule.error_action.is_some());
            let since = subject.again.map(|(_, since)| since);
            let execution = Execution { failures, since, ..execution(rule, origin, selected, work) };
            owed = owed.max(self.take_work(execution, None, chain)?);
        } else if !failures.is_empty() {
            owed = owed.max(self.run_error_action(rule, subject, &failures, None, chain)?);
        }
        Ok(owed)
    }

    /// The message is kept, and the rule evaluated again once those were asked whom it asks.
    fn evaluate_later(&self, rule: &LiveRule, subject: &Subject<'_>, chain: &mut Chain) -> Result<Sequence, Refusal> {
        let later = Unevaluated { seed: self.state.random().array(), said: subject.mqtt.map(kept_properties) };
        let task = Task::Evaluate(later.into());
        let work = vec![Work { action: 0, lane: self.lane_of(&rule.name, &task), task }];
        subject.trace_id.get_or_init(|| uuid::Uuid::new_v4().to_string()); // the same each time it is asked for
        let origin = subject.outlives(chain, true);
        self.take_work(execution(rule, origin, Bytes::new(), work), None, chain)
    }

    pub(crate) fn not_evaluated(&self, rule: &LiveRule, topic: &str, error: &EvaluationError) {
        tracing::warn!(rule = %rule.name, topic, %error, "rule failed");
        rule.figures.not_evaluated(self.state.now(), &error.to_string());
    }

    /// Whether there is room for what a message brings about: asked once, before anything is done with it. The rest of it is taken whole, so
    /// that a message which comes again does nothing twice.
    pub(crate) fn admit(&self, targets: &[Target], chain: &mut Chain) -> Result<(), Refusal> {
        if chain.is_admitted {
            return Ok(());
        }
        if !self.state.journal().has_room() {
            return Err(Refusal::NoRoom);
        }
        if self.rules.bring_work(targets) && !self.state.read().actions.has_room(&self.rule_work_limits) {
            metrics::counter!("sekisho_rule_work_refused_total").increment(1);
            return Err(Refusal::NoRoom);
        }
        chain.is_admitted = true;
        Ok(())
    }

    /// The same for who comes back to a message, whose own work is part of what there is: a little more is let in then.
    pub(crate) fn admit_again(&self, chain: &mut Chain) -> Result<(), Refusal> {
        let Limits { executions, bytes, .. } = self.rule_work_limits;
        let more =
            Limits { executions: executions + executions / 8, bytes: bytes + bytes / 8, ..self.rule_work_limits };
        if !self.state.journal().has_room() || !self.state.read().actions.has_room(&more) {
            return Err(Refusal::NoRoom);
        }
        chain.is_admitted = true;
        Ok(())
    }

    /// Work is journaled, and done by [`super::run_rule_actions`].
    pub(crate) fn take_work(
        &self,
        execution: Execution,
        in_place_of: Option<ExecutionId>,
        chain: &mut Chain,
    ) -> Result<Sequence, Refusal> {
        if let Err(why) = chain.bring(execution.bytes(), execution.work.iter().map(|work| work.lane)) {
            for work in &execution.work {
                self.work_failed(&execution, work, &task_failure(&work.task, &execution.origin.topic, &why));
            }
            return Ok(Sequence(0));
        }
        let taken = self.state.enqueue(|cores| {
            let (event, id) = cores.actions.take(execution);
            let ended = in_place_of.and_then(|before| cores.actions.end(before));
            Ok::<_, std::convert::Infallible>((ended.into_iter().chain([event]).map(Into::into).collect(), id))
        });
        let Ok(id) = taken else { return Err(Refusal::ServerUnavailable) };
        self.due.push(id);
        Ok(self.state.applied())
    }

    /// A message as a statement or a template sees it.
    pub(crate) fn seen_by_rules<'a>(&'a self, subject: &Subject<'a>) -> sekisho_rules::Message<'a> {
        sekisho_rules::Message {
            topic: subject.topic,
            payload: subject.payload,
            client_id: subject.source.client_id,
            principal: subject.source.principal,
            account: self.state.tenant().account.as_str(),
            received: subject.received,
            trace_id: subject.source.client_id.map(|_| subject.trace_id),
            source_ip: subject.source.address,
            mqtt: subject.mqtt,
            known: Some(subject.known),
            variables: Some(subject.variables),
        }
    }
}

/// What a rule has to do with a message.
fn execution(rule: &LiveRule, origin: Origin, result: Bytes, work: Vec<Work>) -> Execution {
    Execution {
        rule: rule.name.clone(),
        rule_version: rule.version,
        origin,
        result,
        work,
        failures: Vec::new(),
        is_error_action: false,
        since: None,
    }
}

impl Subject<'_> {
    /// As it waits for its error action: it outlives the buffer it came in.
    pub(crate) fn outlives(&self, chain: &mut Chain, with_payload: bool) -> Origin {
        let Source { certificate_id, client_id, thing, principal, address } = *self.source;
        Origin {
            topic: self.topic.to_owned(),
            client_id: client_id.map(str::to_owned),
            certificate_id,
            thing: thing.map(str::to_owned),
            principal: principal.to_owned(),
            address,
            trace_id: self.trace_id.get().cloned(),
            received: self.received,
            republished: chain.depth(),
            may_republish: with_payload.then(|| chain.share()),
            variables: if with_payload { self.variables.to_texts() } else { Vec::new() },
            payload: with_payload.then(|| Bytes::copy_from_slice(self.payload)),
        }
    }
}
