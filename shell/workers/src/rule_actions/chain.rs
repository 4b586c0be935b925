//! Messages that rules republish: they are routed like any other, after the one they were made of, and before its publisher is told.
use std::collections::VecDeque;

use bytes::Bytes;
use sekisho_actions::{Lane, Origin};
use sekisho_mqtt::{PublishProperties, QoS};
use sekisho_policy::{Permit, Publish};

/// How often what a rule republished may be republished. A longer chain is a circle. And then: the action fails. Ours: AWS
/// documents no bound.
const DEPTH_MAX: u8 = 10;
/// Messages that may come of one, in all: circles branch. And then: the same. As many as there may be rules.
const REPUBLISHED_MAX: u16 = 1000;

/// What the work may weigh that comes of one message, in bytes. And then: the action fails. All of it is taken or none.
const WORK_BYTES_MAX: usize = 64 * 1024 * 1024;
/// What a rule's part of that may weigh: one entry of the journal holds it, payloads as base64. And then: the same.
const EXECUTION_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What one message has brought about on its way.
pub(crate) struct Chain {
    waiting: VecDeque<Republished>,
    /// How many more may be republished.
    left: u16,
    work_bytes: usize,
    /// How often the message at hand has been republished.
    depth: u8,
    /// There was room for what the message brings about: it is not asked for again once something was done.
    pub is_admitted: bool,
    /// Where rules have work to do that they took for it; each once.
    pub brought: Vec<Lane>,
}

/// A message that a rule republishes.
pub(crate) struct Republished {
    pub permit: Permit<Publish>,
    pub payload: Bytes,
    pub qos: QoS,
    pub properties: PublishProperties,
    depth: u8,
}

impl Republished {
    pub(crate) fn new(permit: Permit<Publish>, payload: Bytes, qos: QoS, properties: PublishProperties) -> Self {
        Self { permit, payload, qos, properties, depth: 0 }
    }
}

impl Default for Chain {
    fn default() -> Self {
        Self {
            waiting: VecDeque::new(),
            left: REPUBLISHED_MAX,
            work_bytes: 0,
            depth: 0,
            is_admitted: false,
            brought: Vec::new(),
        }
    }
}

impl Chain {
    /// For what comes of a message that somebody works on again.
    pub(crate) fn again(origin: &Origin) -> Self {
        let left = origin.may_republish.unwrap_or(REPUBLISHED_MAX);
        Self { depth: origin.republished, left, ..Self::default() }
    }

    /// What those who work on the message again may republish: some of what is left, so that all who do have as much together as one
    /// would.
    pub(crate) const fn share(&mut self) -> u16 {
        let share = self.left.div_ceil(4);
        self.left -= share;
        share
    }

    /// How often the message at hand has been republished.
    pub(crate) const fn depth(&self) -> u8 {
        self.depth
    }

    /// Work of so many bytes comes of it, in these lanes.
    ///
    /// # Errors
    /// Why it may not.
    pub(crate) fn bring(&mut self, bytes: usize, lanes: impl Iterator<Item = Lane>) -> Result<(), String> {
        if bytes > EXECUTION_BYTES_MAX {
            return Err(format!("a rule's work on one message may have {EXECUTION_BYTES_MAX} bytes"));
        }
        if self.work_bytes + bytes > WORK_BYTES_MAX {
            return Err(format!("the work that comes of one message may have {WORK_BYTES_MAX} bytes"));
        }
        self.work_bytes += bytes;
        for lane in lanes {
            if !self.brought.contains(&lane) {
                self.brought.push(lane);
            }
        }
        Ok(())
    }

    /// One more.
    ///
    /// # Errors
    /// Why there may not be one more.
    pub(crate) fn push(&mut self, republished: Republished) -> Result<(), String> {
        if self.depth >= DEPTH_MAX {
            return Err(format!("the message has been republished {DEPTH_MAX} times already"));
        }
        let Some(left) = self.left.checked_sub(1) else {
            return Err(format!("{REPUBLISHED_MAX} messages may be republished of one, and these were"));
        };
        self.left = left;
        self.waiting.push_back(Republished { depth: self.depth + 1, ..republished });
        Ok(())
    }

    /// The next to be routed.
    pub(crate) fn next(&mut self) -> Option<Republished> {
        let next = self.waiting.pop_front()?;
        self.depth = next.depth;
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use sekisho_policy::authorize_rule;
    use sekisho_types::TopicName;

    use super::*;

    fn again() -> Republished {
        let permit = authorize_rule(TopicName::parse("a").unwrap()).unwrap();
        Republished::new(permit, Bytes::new(), QoS::AtMostOnce, PublishProperties::default())
    }

    /// How many messages come of one that is republished so often each time, and had been so often before.
    fn rounds(branches: usize, depth: u8) -> usize {
        let mut chain = Chain { depth, ..Chain::default() };
        chain.push(again()).unwrap();
        let mut rounds = 0;
        while chain.next().is_some() {
            rounds += 1;
            for _ in 0..branches {
                let _ = chain.push(again());
            }
        }
        rounds
    }

    #[test]
    fn circles_end() {
        assert_eq!(rounds(1, 0), usize::from(DEPTH_MAX));
        assert_eq!(rounds(1, 7), usize::from(DEPTH_MAX) - 7, "through an error action too");
        assert_eq!(rounds(10, 0), usize::from(REPUBLISHED_MAX), "and those that branch");
    }

    /// Ten rules that ask others, each of which brings all ten again: each is worked on by itself, later.
    #[test]
    fn circles_end_whoever_comes_back_to_them() {
        let (mut shares, mut republished) = (vec![(REPUBLISHED_MAX, 0)], 0);
        while let Some((left, depth)) = shares.pop() {
            let mut chain = Chain { left, depth, ..Chain::default() };
            for _ in 0..10 {
                republished += usize::from(chain.push(again()).is_ok());
            }
            while chain.next().is_some() {
                shares.extend((0..10).map(|_| (chain.share(), chain.depth())).filter(|(share, _)| *share > 0));
            }
        }
        assert!((100..=usize::from(REPUBLISHED_MAX)).contains(&republished), "{republished}");
    }

    #[test]
    fn the_work_of_one_message_is_bounded() {
        let (lake, queue) = (Lane::to("bucket", "lake"), Lane::to("service", "sqs"));
        let mut chain = Chain::default();
        assert!(
            chain.bring(EXECUTION_BYTES_MAX + 1, [lake].into_iter()).is_err(),
            "an entry of the journal does not hold it"
        );
        assert!(chain.brought.is_empty());
        for _ in 0..WORK_BYTES_MAX / EXECUTION_BYTES_MAX {
            chain.bring(EXECUTION_BYTES_MAX, [lake, queue].into_iter()).unwrap();
        }
        assert!(chain.bring(1, [lake].into_iter()).is_err());
        assert_eq!(chain.brought, [lake, queue], "each once");
    }
}
