//! Messages that rules republish: they are routed like any other, after the one they were made of, and before its publisher is told.
use std::collections::VecDeque;

use bytes::Bytes;
use sekisho_mqtt::{PublishProperties, QoS};
use sekisho_policy::{Permit, Publish};

/// How often what a rule republished may be republished. A longer chain is a circle. And then: the action fails. Ours: AWS
/// documents no bound.
const DEPTH_MAX: u8 = 10;
/// Messages that may come of one, in all: circles branch. And then: the same. As many as there may be rules.
const REPUBLISHED_MAX: usize = 1000;

/// What one message has brought about on its way.
#[derive(Default)]
pub(crate) struct Chain {
    waiting: VecDeque<Republished>,
    count: usize,
    /// How often the message at hand has been republished.
    depth: u8,
    /// Rules have taken work that is done later.
    pub took_work: bool,
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

impl Chain {
    /// One more.
    ///
    /// # Errors
    /// Why there may not be one more.
    pub(crate) fn push(&mut self, republished: Republished) -> Result<(), String> {
        if self.depth >= DEPTH_MAX {
            return Err(format!("the message has been republished {DEPTH_MAX} times already"));
        }
        if self.count >= REPUBLISHED_MAX {
            return Err(format!("{REPUBLISHED_MAX} messages have been republished of one already"));
        }
        self.count += 1;
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

    #[test]
    fn a_circle_ends() {
        let mut chain = Chain::default();
        chain.push(again()).unwrap();
        let mut rounds = 0;
        while chain.next().is_some() {
            rounds += 1;
            let _ = chain.push(again());
        }
        assert_eq!(rounds, u32::from(DEPTH_MAX));
    }

    #[test]
    fn a_circle_that_branches_ends_too() {
        let mut chain = Chain::default();
        chain.push(again()).unwrap();
        let mut rounds = 0;
        while chain.next().is_some() {
            rounds += 1;
            for _ in 0..10 {
                let _ = chain.push(again());
            }
        }
        assert_eq!(rounds, REPUBLISHED_MAX);
    }
}
