//! All work that is to be done, and how far it is.
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Event, Execution, ExecutionId, Failure, Lane};

/// How much may wait, and what happens beyond it. All of it is in memory, and in each snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Executions that wait. And then: a message that may bring more waits in its connection, which is not read from. What one message
    /// brings is taken whole.
    pub executions: usize,
    /// What they weigh. And then: the same.
    pub bytes: usize,
    /// Of those, pieces of work in one lane. From here on those who are known to bring more for it wait before anything is done with
    /// their next message: this much is done in some seconds. The rest of the way to the limit is for those who are not known to, and for
    /// other lanes.
    pub comfortable_executions: usize,
    /// The same in bytes.
    pub comfortable_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            executions: 50_000,
            bytes: 128 * 1024 * 1024,
            comfortable_executions: 5_000,
            comfortable_bytes: 32 * 1024 * 1024,
        }
    }
}

/// All work that is to be done.
#[derive(Clone, Debug, Default)]
pub struct Actions {
    executions: BTreeMap<ExecutionId, Held>,
    last: u64,
    bytes: usize,
    /// Pieces that are open in each, and what their executions weigh.
    lanes: HashMap<Lane, (usize, usize)>,
}

#[derive(Clone, Debug)]
struct Held {
    execution: Arc<Execution>,
    /// What that weighs: asked for with each piece.
    bytes: usize,
    /// What is done or given up, by its place.
    settled: BTreeMap<u8, Option<Failure>>,
}

/// How far an execution is.
#[derive(Clone, Debug)]
pub struct Progress {
    /// It.
    pub execution: Arc<Execution>,
    /// The places of the work that is still to be done; none if only the error action is left.
    pub open: Vec<u8>,
    /// What has failed so far.
    pub failures: Vec<Failure>,
}

impl Actions {
    /// A rule has work to do. Whether there is room for it was asked before the rule did anything: see [`Actions::has_room`].
    pub fn take(&self, execution: Execution) -> (Event, ExecutionId) {
        let id = ExecutionId(self.last + 1);
        (Event::Taken { id, execution: Box::new(execution) }, id)
    }

    /// Work of an execution is done, or given up. If it was the last and nothing has failed, the execution has ended.
    pub fn settle(&self, id: ExecutionId, work: u8, failure: Option<Failure>) -> Option<Event> {
        let held = self.executions.get(&id)?;
        if usize::from(work) >= held.execution.work.len() || held.settled.contains_key(&work) {
            return None;
        }
        let is_last = held.settled.len() + 1 == held.execution.work.len();
        let all_is_well = failure.is_none() && held.failures().next().is_none();
        Some(if is_last && all_is_well { Event::Ended { id } } else { Event::Settled { id, work, failure } })
    }

    /// Nothing is left to do for an execution.
    pub fn end(&self, id: ExecutionId) -> Option<Event> {
        self.executions.contains_key(&id).then_some(Event::Ended { id })
    }

    /// How far an execution is; `None` once it has ended.
    pub fn progress(&self, id: ExecutionId) -> Option<Progress> {
        let held = self.executions.get(&id)?;
        let failures = held.failures().cloned().collect();
        Some(Progress { execution: held.execution.clone(), open: held.open().collect(), failures })
    }

    /// All that have not ended, the oldest first.
    pub fn waiting(&self) -> impl Iterator<Item = (ExecutionId, &Execution)> {
        self.executions.iter().map(|(id, held)| (*id, &*held.execution))
    }

    /// Executions that wait, and what they weigh.
    pub fn waits(&self) -> (usize, usize) {
        (self.executions.len(), self.bytes)
    }

    /// Whether a message that brings more is taken.
    pub fn has_room(&self, limits: &Limits) -> bool {
        self.executions.len() < limits.executions && self.bytes < limits.bytes
    }

    /// Whether more is welcome in a lane; or, without one, from those who found no room: not for each place that gets free.
    pub fn is_comfortable(&self, lane: Option<Lane>, limits: &Limits) -> bool {
        let Some(lane) = lane else {
            return self.executions.len() <= limits.executions / 2 && self.bytes <= limits.bytes / 2;
        };
        let (pieces, bytes) = self.lanes.get(&lane).copied().unwrap_or_default();
        pieces < limits.comfortable_executions && bytes < limits.comfortable_bytes
    }

    /// What happened has happened: the same live and in recovery.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Taken { id, execution } => {
                let execution = Arc::new(Execution::clone(execution));
                self.last = self.last.max(id.0);
                let bytes = execution.bytes();
                self.bytes += bytes;
                for work in &execution.work {
                    let (pieces, weight) = self.lanes.entry(work.lane).or_default();
                    (*pieces, *weight) = (*pieces + 1, *weight + bytes);
                }
                self.executions.insert(*id, Held { execution, bytes, settled: BTreeMap::new() });
            }
            Event::Settled { id, work, failure } => {
                let Some(held) = self.executions.get_mut(id) else { return };
                self.bytes += failure.as_ref().map_or(0, Failure::bytes);
                let is_first = held.settled.insert(*work, failure.clone()).is_none();
                let settled = held.execution.work.get(usize::from(*work)).filter(|_| is_first);
                let (lane, bytes) = (settled.map(|work| work.lane), held.bytes);
                lane.into_iter().for_each(|lane| self.leave(lane, bytes));
            }
            Event::Ended { id } => {
                if let Some(held) = self.executions.remove(id) {
                    self.bytes -= held.bytes + held.settled.values().flatten().map(Failure::bytes).sum::<usize>();
                    held.open().for_each(|place| self.leave(held.execution.work[usize::from(place)].lane, held.bytes));
                }
            }
        }
    }

    /// A piece is open no more.
    fn leave(&mut self, lane: Lane, bytes: usize) {
        let Some((pieces, weight)) = self.lanes.get_mut(&lane) else { return };
        (*pieces, *weight) = (*pieces - 1, *weight - bytes);
        if *pieces == 0 {
            self.lanes.remove(&lane);
        }
    }

    /// The shortest list of events that folds to this state.
    pub fn snapshot(&self) -> Vec<Event> {
        let mut events = Vec::with_capacity(self.executions.len());
        for (&id, held) in &self.executions {
            events.push(Event::Taken { id, execution: Box::new(Execution::clone(&held.execution)) });
            let settled = held.settled.iter();
            events.extend(settled.map(|(&work, failure)| Event::Settled { id, work, failure: failure.clone() }));
        }
        events
    }
}

impl Held {
    fn failures(&self) -> impl Iterator<Item = &Failure> {
        self.execution.failures.iter().chain(self.settled.values().flatten())
    }

    /// The places of the work that is neither done nor given up.
    fn open(&self) -> impl Iterator<Item = u8> {
        let places = (0..self.execution.work.len()).filter_map(|place| u8::try_from(place).ok());
        places.filter(|place| !self.settled.contains_key(place))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use sekisho_types::{BucketName, ObjectKey, RuleName, Timestamp};

    use super::*;
    use crate::{Origin, Task, Work};

    fn execution(work: usize) -> Execution {
        let put = |number: usize| Work {
            action: u8::try_from(number).unwrap(),
            task: Task::PutObject {
                bucket: BucketName::parse("lake").unwrap(),
                key: ObjectKey::parse(&format!("k{number}")).unwrap(),
            },
            lane: Lane::to("bucket", "lake"),
        };
        Execution {
            rule: RuleName::parse("hot").unwrap(),
            rule_version: 0,
            origin: Origin {
                topic: "a".into(),
                client_id: None,
                certificate_id: None,
                thing: None,
                principal: "p".into(),
                address: None,
                trace_id: None,
                received: Timestamp::from_seconds(1),
                republished: 2,
                may_republish: None,
                variables: vec![Some("1".into()), None],
                payload: Some(Bytes::from_static(b"\0\xff")),
            },
            result: Bytes::from_static(b"{}"),
            work: (0..work).map(put).collect(),
            failures: Vec::new(),
            is_error_action: false,
            since: None,
        }
    }

    fn failure(text: &str) -> Failure {
        Failure { failed_action: "S3Action".into(), failed_resource: "lake".into(), error_message: text.into() }
    }

    fn take(actions: &mut Actions, execution: Execution) -> ExecutionId {
        let (event, id) = actions.take(execution);
        actions.apply(&event);
        id
    }

    fn settle(actions: &mut Actions, id: ExecutionId, work: u8, failure: Option<Failure>) -> bool {
        let event = actions.settle(id, work, failure);
        event.iter().for_each(|event| actions.apply(event));
        event.is_some()
    }

    #[test]
    fn what_is_done_has_ended_and_weighs_nothing() {
        let mut actions = Actions::default();
        let id = take(&mut actions, execution(2));
        assert_eq!(actions.progress(id).unwrap().open, [0, 1]);
        assert!(settle(&mut actions, id, 1, None));
        assert!(!settle(&mut actions, id, 1, None), "once");
        assert!(!settle(&mut actions, id, 2, None), "there is no such work");
        assert_eq!(actions.progress(id).unwrap().open, [0]);
        assert!(settle(&mut actions, id, 0, None));
        assert!(actions.progress(id).is_none());
        assert_eq!((actions.waits(), actions.lanes.len()), ((0, 0), 0));
        assert!(!settle(&mut actions, id, 0, None) && actions.end(id).is_none());
        assert_ne!(take(&mut actions, execution(1)), id, "numbers are not given twice");
    }

    #[test]
    fn what_has_failed_waits_for_its_error_action() {
        let mut actions = Actions::default();
        let id = take(&mut actions, Execution { failures: vec![failure("at once")], ..execution(2) });
        assert!(settle(&mut actions, id, 0, Some(failure("later"))));
        assert!(settle(&mut actions, id, 1, None));
        let progress = actions.progress(id).unwrap();
        assert!(progress.open.is_empty());
        assert_eq!(progress.failures, [failure("at once"), failure("later")]);
        actions.apply(&actions.end(id).unwrap());
        assert_eq!(actions.waits(), (0, 0));
    }

    #[test]
    fn there_is_room_until_there_is_too_much() {
        let mut actions = Actions::default();
        let limits = Limits { executions: 2, comfortable_executions: 1, ..Limits::default() };
        let lake = Some(execution(1).work[0].lane);
        assert!(actions.is_comfortable(lake, &limits));
        let mut last = ExecutionId(0);
        for room in [true, false] {
            last = take(&mut actions, execution(1));
            assert_eq!((actions.has_room(&limits), actions.is_comfortable(lake, &limits)), (room, false));
        }
        assert!(actions.is_comfortable(Some(Lane::to("service", "sqs")), &limits), "others are");
        assert!(!actions.is_comfortable(None, &limits));
        let mut freed = actions.clone();
        freed.apply(&freed.end(last).unwrap());
        assert!(freed.is_comfortable(None, &limits));
        let (_, bytes) = actions.waits();
        assert!(actions.has_room(&Limits { bytes: bytes + 1, ..Limits::default() }));
        assert!(!actions.has_room(&Limits { bytes, ..Limits::default() }));
        assert!(
            Actions::default().has_room(&Limits { bytes: 1, ..Limits::default() }),
            "one is done, however large it is"
        );
    }

    #[test]
    fn a_piece_that_is_done_makes_room_where_it_was_done() {
        let mut actions = Actions::default();
        let limits = Limits { comfortable_executions: 1, ..Limits::default() };
        let (lake, queue) = (Some(Lane::to("bucket", "lake")), Lane::to("service", "sqs"));
        let mut both = execution(2);
        both.work[1].lane = queue;
        let id = take(&mut actions, both);
        assert!(!actions.is_comfortable(lake, &limits) && !actions.is_comfortable(Some(queue), &limits));
        settle(&mut actions, id, 0, None);
        assert!(actions.is_comfortable(lake, &limits) && !actions.is_comfortable(Some(queue), &limits));
        settle(&mut actions, id, 1, None);
        assert!(actions.is_comfortable(Some(queue), &limits) && actions.lanes.is_empty());
    }

    #[test]
    fn a_snapshot_and_the_journal_s_text_fold_to_the_same() {
        let mut actions = Actions::default();
        let id = take(&mut actions, execution(3));
        settle(&mut actions, id, 2, Some(failure("gone")));
        settle(&mut actions, id, 0, None);
        take(&mut actions, Execution { is_error_action: true, ..execution(1) });
        let text = serde_json::to_string(&actions.snapshot()).unwrap();
        let mut again = Actions::default();
        let events: Vec<Event> = serde_json::from_str(&text).unwrap();
        events.iter().for_each(|event| again.apply(event));
        assert_eq!(again.snapshot(), actions.snapshot());
        assert_eq!((again.waits(), again.last, &again.lanes), (actions.waits(), actions.last, &actions.lanes));
        assert_eq!(again.progress(id).unwrap().open, [1]);
    }
}
