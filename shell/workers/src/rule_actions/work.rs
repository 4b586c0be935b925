//! The work of rules is done here, behind the acknowledgement of the message it is for.
//!
//! What has to be done is in the state, so that a crash loses none of it; a start does what was not ended. Several are done at once,
//! in no order (developer guide, "Rules for AWS IoT": actions are independent).
use std::cell::OnceCell;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sekisho_actions::{Execution, ExecutionId, Failure, Lane, Origin, Progress, Task, Work};
use sekisho_blobs::{NewObject, ObjectStore, StoreError};
use sekisho_delivery::Backoff;
use sekisho_gate::Refusal;
use sekisho_remote::RemoteBuckets;
use sekisho_rules::{Known, MqttProperties, Variables};
use sekisho_types::with_causes;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use super::failures::action_of;
use super::perform::{Subject, task_failure};
use super::{Chain, later};
use crate::clusters::{Clusters, NotProduced};
use crate::delivery::{FlushError, Places};
use crate::destinations::{Destinations, PostError};
use crate::gateway::Gateway;
use crate::live_rules::Source;
use crate::services::{CallError, Services};

/// Pieces under way at once in one lane: each holds a body and waits, for the disk or for somebody's answer. Who answers slowly holds
/// up nobody else.
const UNDER_WAY_MAX: usize = 32;
/// What cannot be done now is tried for so long (developer guide, "AWS IoT rules": throttled actions are tried for up to two days).
/// And then: it has failed.
const TRY_FOR: Duration = Duration::from_secs(48 * 3600);

/// Executions nobody has looked at yet. As many as the state holds, at most.
#[derive(Default)]
pub(crate) struct Due {
    queue: Mutex<VecDeque<ExecutionId>>,
    arrived: Notify,
}

impl Due {
    pub(crate) fn push(&self, id: ExecutionId) {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).push_back(id);
        self.arrived.notify_one();
    }

    fn take(&self) -> Option<ExecutionId> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

/// Nothing can be promised any more: the journal has failed.
struct Stopped;

/// Where work is done.
pub(super) struct Workplace {
    pub places: Places,
    pub services: Arc<Services>,
    destinations: Arc<Destinations>,
    pub clusters: Clusters,
    /// Each is made when it is first needed. As many as there are buckets elsewhere, services, functions and hosts that agreed to be called,
    /// and one.
    slots: Mutex<HashMap<Lane, Arc<Semaphore>>>,
}

/// Why a piece is not done.
#[derive(Debug, thiserror::Error)]
enum TaskError {
    #[error(transparent)]
    Object(#[from] FlushError),
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Post(#[from] PostError),
    #[error(transparent)]
    Produce(#[from] NotProduced),
}

/// Does what rules have to do, until dropped.
pub async fn run_rule_actions(
    gateway: Arc<Gateway>,
    objects: Arc<ObjectStore>,
    remote: Arc<RemoteBuckets>,
    services: Arc<Services>,
    destinations: Arc<Destinations>,
) {
    let places = Places { objects, remote };
    let workplace =
        Arc::new(Workplace { places, services, destinations, clusters: Clusters::default(), slots: Mutex::default() });
    loop {
        let Some(id) = gateway.due.take() else {
            gateway.due.arrived.notified().await;
            continue;
        };
        tokio::spawn(carry_out(gateway.clone(), workplace.clone(), id));
    }
}

/// Does all of an execution, however long that takes.
async fn carry_out(gateway: Arc<Gateway>, workplace: Arc<Workplace>, id: ExecutionId) {
    let progress = gateway.state.read().actions.progress(id);
    let Some(Progress { execution, open, .. }) = progress else { return };
    // What a crash would undo is not done.
    if gateway.state.settle().await.is_err() {
        return;
    }
    if let [Work { task: Task::Evaluate(later), lane, .. }] = &execution.work[..] {
        later::evaluate(&gateway, &workplace, id, &execution, later, *lane).await;
        gateway.room.freed(&gateway.state, &gateway.rule_work_limits, Some(*lane));
        return gateway.room.freed(&gateway.state, &gateway.rule_work_limits, None);
    }
    let pieces = open.into_iter().filter_map(|place| Some((place, execution.work.get(usize::from(place))?)));
    let pieces = pieces.map(|(place, work)| do_piece(&gateway, &workplace, &execution, id, place, work));
    if futures_util::future::join_all(pieces).await.into_iter().any(|outcome| outcome.is_err()) {
        return;
    }
    let mut backoff = Backoff::default();
    loop {
        let left = gateway.state.read().actions.progress(id);
        let Some(Progress { failures, .. }) = left else { break };
        if gateway.give_up(id, &execution, &failures).is_ok() {
            break;
        }
        // Others may make room for its error action meanwhile.
        tokio::time::sleep(backoff.handle_failure(&mut gateway.state.random())).await;
    }
    gateway.room.freed(&gateway.state, &gateway.rule_work_limits, None);
}

/// Does a piece, however often it has to be tried; what waits for its next attempt holds nobody up.
async fn do_piece(
    gateway: &Gateway,
    workplace: &Workplace,
    execution: &Execution,
    id: ExecutionId,
    place: u8,
    work: &Work,
) -> Result<(), Stopped> {
    let mut backoff = Backoff::default();
    let outcome = loop {
        match workplace.do_task(gateway, work, execution).await {
            Ok(()) => break None,
            Err(error) if error.is_end() => return Err(Stopped),
            Err(error) if !error.is_lasting() && gateway.is_young(execution) => {
                gateway.is_late(execution, work, &error);
                tokio::time::sleep(backoff.handle_failure(&mut gateway.state.random())).await;
            }
            Err(error) => break Some(task_failure(&work.task, &execution.origin.topic, &error.said())),
        }
    };
    gateway.settle_work(execution, id, place, work, outcome);
    gateway.room.freed(&gateway.state, &gateway.rule_work_limits, Some(work.lane));
    Ok(())
}

impl Workplace {
    async fn do_task(&self, gateway: &Gateway, work: &Work, execution: &Execution) -> Result<(), TaskError> {
        // Not awaited by who has nobody to call, or waits for others of a batch.
        let place = self.place(work.lane);
        match &work.task {
            Task::Post(post) => Ok(self.destinations.post(post, execution, place).await?),
            Task::Call(call) => {
                let _place = place.await;
                Ok(self.services.call(call, execution).await?)
            }
            Task::Produce(produce) => {
                let _place = place.await;
                Ok(self.produce(gateway, produce, execution).await?)
            }
            Task::PutObject { bucket, key } => {
                let _place = place.await;
                let object = NewObject::new(bucket.clone(), key.clone());
                Ok(self.places.put(object, execution.result.clone()).await?)
            }
            Task::Evaluate(_) => Ok(()), // alone in its execution, which is not done in pieces
        }
    }

    /// One of a lane's places, once it is free.
    pub(super) async fn place(&self, lane: Lane) -> OwnedSemaphorePermit {
        let slot = {
            let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            slots.entry(lane).or_insert_with(|| Arc::new(Semaphore::new(UNDER_WAY_MAX))).clone()
        };
        slot.acquire_owned().await.expect("nobody closes it")
    }
}

impl TaskError {
    fn is_end(&self) -> bool {
        matches!(self, Self::Object(error) if error.is_end())
    }

    fn is_lasting(&self) -> bool {
        match self {
            Self::Object(error) => error.is_lasting(),
            Self::Call(error) => error.is_lasting(),
            Self::Produce(error) => error.is_lasting(),
            Self::Post(_) => true, // it was tried as often as AWS does
        }
    }

    fn said(&self) -> String {
        shortened(match self {
            Self::Object(FlushError::Store(StoreError::Objects(refused))) => refused.to_string(), // S3's own words
            error => with_causes(error),
        })
    }
}

/// For people; not all of what somebody else answered.
pub(super) fn shortened(said: String) -> String {
    const SAID_CHARS_MAX: usize = 1024;
    match said.char_indices().nth(SAID_CHARS_MAX) {
        Some((at, _)) => format!("{}…", &said[..at]),
        None => said,
    }
}

impl Gateway {
    /// What was to be done when the server stopped.
    pub(crate) fn restore_work(&self) {
        self.state.read().actions.waiting().for_each(|(id, _)| self.due.push(id));
    }

    pub(super) fn is_young(&self, execution: &Execution) -> bool {
        self.state.now().since(execution.since.unwrap_or(execution.origin.received)) < TRY_FOR
    }

    /// It is tried again.
    fn is_late(&self, execution: &Execution, work: &Work, error: &TaskError) {
        let error = error.said();
        tracing::debug!(rule = %execution.rule, %error, "an action is tried again later");
        if let Some(figures) = self.rules.figures_of(&execution.rule, execution.rule_version) {
            figures.is_late(action_of(execution, work), self.state.now(), &error);
        }
    }

    fn settle_work(&self, execution: &Execution, id: ExecutionId, place: u8, work: &Work, failure: Option<Failure>) {
        match &failure {
            Some(failure) => self.work_failed(execution, work, failure),
            None => {
                let figures = self.rules.figures_of(&execution.rule, execution.rule_version);
                figures.iter().for_each(|figures| figures.done(action_of(execution, work)));
            }
        }
        self.change_work(|actions| actions.settle(id, place, failure));
    }

    /// Nobody waits for it: if a crash takes the entry, the same is done again.
    pub(super) fn change_work(&self, change: impl FnOnce(&sekisho_actions::Actions) -> Option<sekisho_actions::Event>) {
        let change = |cores: &sekisho_state::Cores| {
            let events = change(&cores.actions).into_iter().map(Into::into).collect();
            Ok::<_, std::convert::Infallible>((events, ()))
        };
        let _ = self.state.enqueue(change); // without a journal there is no next either
    }

    /// What has failed is told by the error action of the rule as it is now, if it had one when the message came: else nothing was kept to
    /// tell of. The execution has ended.
    fn give_up(&self, id: ExecutionId, execution: &Execution, failures: &[Failure]) -> Result<(), Refusal> {
        let may_tell = !execution.is_error_action && execution.origin.payload.is_some();
        let rule = self.rules.by_name(&execution.rule).filter(|_| may_tell);
        if let Some(rule) = rule {
            self.try_error_action(&rule, id, execution, failures)?;
        }
        self.change_work(|actions| actions.end(id));
        Ok(())
    }

    fn try_error_action(
        &self,
        rule: &crate::live_rules::LiveRule,
        id: ExecutionId,
        execution: &Execution,
        failures: &[Failure],
    ) -> Result<(), Refusal> {
        let origin = &execution.origin;
        let mut chain = Chain::again(origin);
        self.admit_again(&mut chain)?;
        let variables = Variables::from_texts(&origin.variables, rule.program.version());
        with_subject(origin, None, self, |subject| {
            let subject = &Subject { variables: &variables, ..*subject };
            self.run_error_action(rule, subject, failures, Some(id), &mut chain)
        })?;
        self.route_chain(Instant::now(), &mut chain).map(drop)
    }
}

/// The message that an execution is of, for who works on it again.
pub(super) fn with_subject<T>(
    origin: &Origin,
    mqtt: Option<&MqttProperties<'_>>,
    known: &dyn Known,
    work: impl FnOnce(&Subject<'_>) -> T,
) -> T {
    let source = Source {
        certificate_id: origin.certificate_id,
        client_id: origin.client_id.as_deref(),
        thing: origin.thing.as_deref(),
        principal: &origin.principal,
        address: origin.address,
    };
    let payload = origin.payload.clone().unwrap_or_default();
    let trace_id = origin.trace_id.clone().map_or_else(OnceCell::new, OnceCell::from);
    work(&Subject {
        topic: &origin.topic,
        payload: &payload,
        source: &source,
        received: origin.received,
        trace_id: &trace_id,
        mqtt,
        known,
        variables: &Variables::default(),
        again: None,
    })
}
