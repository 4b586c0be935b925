//! Retained messages: the last one of each topic that asked to be kept (MQTT5 §3.3.1.3; iot dev guide: "MQTT retained messages").
//!
//! Receives messages that policy has let through; hands on events, and to a new subscriber what its topic holds.
mod described; // what the data API says of a message

use std::collections::BTreeMap;
use std::ops::Bound;

use bytes::Bytes;
use sekisho_types::memory::{allocated, entries};
use sekisho_types::{MessageProperties, QoS, Timestamp, TopicName, base64_bytes};
use serde::{Deserialize, Serialize};

/// Messages an account keeps (IoT Core quotas: retained messages). And then: the next topic's is refused.
pub const MESSAGES_MAX: usize = 5_000;
/// Bytes an account keeps: topics, payloads and properties, as memory has them. Ours: all of them are in memory and in each snapshot. And then: as above.
pub const BYTES_MAX: usize = 256 * 1024 * 1024;

/// A message that is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RetainedMessage {
    /// Never empty: an empty payload takes the kept message away.
    #[serde(with = "base64_bytes")]
    pub payload: Bytes,
    /// As it was published.
    pub qos: QoS,
    /// When it came.
    pub kept_at: Timestamp,
    /// What MQTT5 says of it.
    pub properties: MessageProperties,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// A message is kept, in the place of the one before.
    Kept {
        /// Its topic.
        topic: String,
        /// It.
        message: RetainedMessage,
    },
    /// The message of a topic is kept no more.
    Cleared {
        /// The topic.
        topic: String,
    },
}

/// As many as there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{messages} retained messages of {bytes} bytes are kept already; {MESSAGES_MAX} and {BYTES_MAX} may be")]
pub struct Full {
    messages: usize,
    bytes: usize,
}

/// All messages that are kept.
#[derive(Clone, Debug, Default)]
pub struct Retained {
    messages: BTreeMap<Box<str>, RetainedMessage>,
    bytes: usize,
}

/// Whether messages on a topic can be kept; on a reserved one they cannot (iot dev guide: "MQTT retained messages"). RETAIN says nothing
/// there, and needs no permission.
pub fn keeps(topic: &str) -> bool {
    !topic.starts_with('$')
}

impl RetainedMessage {
    /// What it takes in memory, with its topic.
    fn bytes(&self, topic: &str) -> usize {
        let Self { payload, properties, .. } = self;
        let place = entries(1, size_of::<(Box<str>, Self)>());
        place + allocated(topic.len()) + allocated(payload.len()) + properties.heap_bytes()
    }

    /// Whether it is still for anybody ([MQTT-3.3.2-5]).
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.properties.is_live(now)
    }
}

impl Retained {
    /// Keeps a message, or, if its payload is empty, keeps none ([MQTT-3.3.1-6]). Those that have expired make room for it.
    ///
    /// # Errors
    /// [`Full`] for a topic without one where there are as many as there may be.
    pub fn keep(&self, topic: &TopicName, message: RetainedMessage, now: Timestamp) -> Result<Vec<Event>, Full> {
        let (topic, before) = (topic.as_str(), self.messages.get(topic.as_str()));
        if message.payload.is_empty() {
            return Ok(before.map(|_| Event::Cleared { topic: topic.to_owned() }).into_iter().collect());
        }
        let mut bytes = self.bytes - before.map_or(0, |before| before.bytes(topic)) + message.bytes(topic);
        let mut messages = self.messages.len() + usize::from(before.is_none());
        let mut events = Vec::new();
        if messages > MESSAGES_MAX || bytes > BYTES_MAX {
            for (expired, gone) in self.messages.iter().filter(|(name, kept)| !kept.is_live(now) && &***name != topic) {
                (messages, bytes) = (messages - 1, bytes - gone.bytes(expired));
                events.push(Event::Cleared { topic: expired.to_string() });
            }
        }
        if messages > MESSAGES_MAX || bytes > BYTES_MAX {
            return Err(Full { messages: self.messages.len(), bytes: self.bytes });
        }
        events.push(Event::Kept { topic: topic.to_owned(), message });
        Ok(events)
    }

    /// What a topic holds for somebody who subscribes to it by its name.
    pub fn get(&self, topic: &str, now: Timestamp) -> Option<&RetainedMessage> {
        self.messages.get(topic).filter(|message| message.is_live(now))
    }

    /// The same with the topic as it is kept.
    pub fn get_key_value(&self, topic: &str, now: Timestamp) -> Option<(&str, &RetainedMessage)> {
        let (topic, message) = self.messages.get_key_value(topic)?;
        message.is_live(now).then_some((&**topic, message))
    }

    /// By topic, those behind `after`.
    pub fn after<'a>(
        &'a self,
        after: Option<&str>,
        now: Timestamp,
    ) -> impl Iterator<Item = (&'a str, &'a RetainedMessage)> {
        let begin = after.map_or(Bound::Unbounded, Bound::Excluded);
        let found = self.messages.range::<str, _>((begin, Bound::Unbounded));
        found.map(|(topic, message)| (&**topic, message)).filter(move |(_, message)| message.is_live(now))
    }

    /// Takes in what happened.
    pub fn apply(&mut self, event: &Event) {
        let (topic, kept) = match event {
            Event::Kept { topic, message } => (topic, Some(message)),
            Event::Cleared { topic } => (topic, None),
        };
        if let Some(before) = self.messages.remove(topic.as_str()) {
            self.bytes -= before.bytes(topic);
        }
        if let Some(message) = kept {
            self.bytes += message.bytes(topic);
            self.messages.insert(topic.as_str().into(), message.clone());
        }
    }

    /// The events that fold to this.
    pub fn snapshot(&self) -> Vec<Event> {
        let kept = self.messages.iter().map(|(topic, message)| (topic.to_string(), message.clone()));
        kept.map(|(topic, message)| Event::Kept { topic, message }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(text: &str) -> TopicName {
        TopicName::parse(text).unwrap()
    }

    fn message(payload: &'static str) -> RetainedMessage {
        let properties = MessageProperties {
            payload_is_utf8: Some(true),
            correlation_data: Some(Bytes::from_static(b"\x00\xFF")),
            user_properties: vec![("b".into(), "1".into()), ("a".into(), "2".into()), ("b".into(), "3".into())],
            ..MessageProperties::default()
        };
        RetainedMessage {
            payload: payload.into(),
            qos: QoS::AtLeastOnce,
            kept_at: Timestamp::from_seconds(7),
            properties,
        }
    }

    fn keep(retained: &mut Retained, name: &str, message: RetainedMessage) -> usize {
        let events = retained.keep(&topic(name), message, Timestamp::from_seconds(10)).unwrap();
        events.iter().for_each(|event| retained.apply(event));
        events.len()
    }

    #[test]
    fn the_last_of_each_topic_is_kept_until_an_empty_one_takes_it_away() {
        let (mut retained, now) = (Retained::default(), Timestamp::from_seconds(10));
        assert_eq!(keep(&mut retained, "a", message("")), 0, "nothing there to take away");
        keep(&mut retained, "a/b", message("one"));
        keep(&mut retained, "a/b", message("two"));
        keep(&mut retained, "c", message("three"));
        assert_eq!(retained.get("a/b", now), Some(&message("two")));
        assert_eq!(retained.get("a", now), None);
        let names = |after| retained.after(after, now).map(|(topic, _)| topic.to_owned()).collect::<Vec<_>>();
        assert_eq!(names(None), ["a/b", "c"]);
        assert_eq!(names(Some("a/b")), ["c"]);
        keep(&mut retained, "a/b", message(""));
        keep(&mut retained, "c", message(""));
        assert!(retained.messages.is_empty() && retained.bytes == 0);
    }

    #[test]
    fn what_is_journaled_folds_to_the_same() {
        let mut retained = Retained::default();
        keep(&mut retained, "a/b", message("one"));
        keep(&mut retained, "c", message("\u{0}two"));
        let json = serde_json::to_string(&retained.snapshot()).unwrap();
        let events: Vec<Event> = serde_json::from_str(&json).unwrap();
        let mut again = Retained::default();
        events.iter().for_each(|event| again.apply(event));
        assert_eq!((again.messages, again.bytes), (retained.messages, retained.bytes));
    }

    #[test]
    fn an_expired_message_is_nobodys() {
        let mut retained = Retained::default();
        let mut expiring = message("soon gone");
        expiring.properties.expires_at = Some(Timestamp::from_seconds(20));
        keep(&mut retained, "a", expiring);
        let there = |seconds| retained.get("a", Timestamp::from_seconds(seconds)).is_some();
        assert!(there(19) && !there(20));
        assert_eq!(retained.after(None, Timestamp::from_seconds(20)).count(), 0);
    }

    #[test]
    fn there_are_so_many_and_no_more() {
        let mut retained = Retained::default();
        for number in 0..MESSAGES_MAX {
            keep(&mut retained, &number.to_string(), message("x"));
        }
        let now = Timestamp::from_seconds(10);
        assert!(retained.keep(&topic("one more"), message("x"), now).is_err());
        assert_eq!(keep(&mut retained, "7", message("another")), 1, "one that is there may change");
        assert_eq!(keep(&mut retained, "7", message("")), 1);
        assert_eq!(keep(&mut retained, "one more", message("x")), 1);
        let large = RetainedMessage { payload: vec![0; BYTES_MAX].into(), ..RetainedMessage::default() };
        assert!(retained.keep(&topic("8"), large, now).is_err());
        // User properties without a letter weigh what they take.
        let user_properties = vec![(String::new(), String::new()); BYTES_MAX / 48];
        let wordy = MessageProperties { user_properties, ..MessageProperties::default() };
        let wordy = RetainedMessage { properties: wordy, ..message("x") };
        assert!(retained.keep(&topic("8"), wordy, now).is_err());
        // What has expired makes room, all of it.
        for name in ["8", "9"] {
            let mut expired = message("x");
            expired.properties.expires_at = Some(Timestamp::from_seconds(9));
            keep(&mut retained, name, expired);
        }
        assert_eq!(keep(&mut retained, "one too many", message("x")), 3);
        assert_eq!(retained.messages.len(), MESSAGES_MAX - 1);
    }
}
