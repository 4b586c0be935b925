//! MQTT topic names and topic filters (MQTT5 §4.7).
use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

/// Levels of a topic name or topic filter. AWS IoT Core stops at 8, and basic ingest and shared subscriptions bring 3 more;
/// MQTT has no limit. And then: it does not parse, so that whoever walks a topic level by level may recurse.
pub const TOPIC_LEVELS_MAX: usize = 128;

/// AWS IoT Core's limit on a topic's UTF-8 length (quotas: "Topic size"); basic ingest's prefix is not counted.
pub const TOPIC_BYTES_MAX: usize = 256;

/// Why a topic name or topic filter is malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// [MQTT-4.7.3-1]
    #[error("a topic has at least one character")]
    Empty,
    /// [MQTT-4.7.3-3]
    #[error("a topic has at most 65535 bytes")]
    TooLong,
    /// Ours: a bound for whoever walks a topic level by level.
    #[error("a topic has at most {TOPIC_LEVELS_MAX} levels")]
    TooManyLevels,
    /// [MQTT-4.7.3-2]
    #[error("a topic holds no NUL character")]
    Nul,
    /// [MQTT-3.3.2-2]
    #[error("a topic name holds no wildcard")]
    Wildcard,
    /// [MQTT-4.7.1-1], [MQTT-4.7.1-2] (MQTT5)
    #[error("a wildcard occupies a whole level, and `#` only the last")]
    MisplacedWildcard,
    /// [MQTT-4.8.2-1], [MQTT-4.8.2-2] (MQTT5)
    #[error("a shared subscription is `$share/<name>/<filter>`, its name without wildcards")]
    Share,
}

/// A well-formed topic name, such as `plant/7/oven`. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicName(Arc<str>);

impl TopicName {
    /// Parses what a PUBLISH names.
    pub fn parse(text: &str) -> Result<Self, TopicError> {
        well_formed(text)?;
        if text.bytes().any(|b| b == b'+' || b == b'#') {
            return Err(TopicError::Wildcard);
        }
        Ok(Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The rule that a topic of Basic Ingest names, and the topic as the rule sees it: `$aws/rules/<rule>/<topic>` (iot dev guide:
/// "Reducing messaging costs with Basic Ingest"). `None` for any other topic.
pub fn basic_ingest(topic: &str) -> Option<(&str, &str)> {
    let rest = topic.strip_prefix("$aws/rules/")?;
    Some(rest.split_once('/').unwrap_or((rest, "")))
}

/// A well-formed topic filter, such as `plant/+/oven/#`. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicFilter(Arc<str>);

impl TopicFilter {
    /// Parses what a SUBSCRIBE or a rule's FROM names.
    pub fn parse(text: &str) -> Result<Self, TopicError> {
        well_formed(text)?;
        let mut levels = text.split('/');
        if text == "$share" || text.starts_with("$share/") {
            levels.next();
            let name = levels.next().ok_or(TopicError::Share)?;
            let rest = text.get("$share/".len() + name.len() + 1..).ok_or(TopicError::Share)?;
            if name.is_empty() || rest.is_empty() || name.contains(['+', '#']) {
                return Err(TopicError::Share);
            }
        }
        let mut levels = levels.peekable();
        while let Some(level) = levels.next() {
            let alone = match level {
                "+" => true,
                "#" => levels.peek().is_none(),
                other => !other.contains(['+', '#']),
            };
            if !alone {
                return Err(TopicError::MisplacedWildcard);
            }
        }
        Ok(Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The share's name and the filter in it, if this is `$share/<name>/<filter>`.
    pub fn shared(&self) -> Option<(&str, &str)> {
        self.0.strip_prefix("$share/")?.split_once('/')
    }

    /// The filter in it, if this is a shared subscription.
    pub fn in_share(&self) -> Option<Self> {
        self.shared().map(|(_, filter)| Self(filter.into()))
    }

    /// Whether it holds a wildcard.
    pub fn has_wildcard(&self) -> bool {
        self.0.contains(['+', '#'])
    }

    /// What a subscription to it takes in memory, if nobody else subscribes to anything like it.
    pub fn subscription_bytes(&self) -> usize {
        let levels = 1 + self.0.bytes().filter(|byte| *byte == b'/').count();
        SUBSCRIPTION_BYTES + 2 * self.0.len() + levels * LEVEL_BYTES // the text is there whole, and level by level
    }
}

/// What a subscription takes in memory beside its filter: its places with its subscriber, with the broker, in the stored session and where
/// the filter ends.
const SUBSCRIPTION_BYTES: usize = 512;
/// What a level takes that nobody shares: a node, the table it is in, its name's allocation.
const LEVEL_BYTES: usize = 320;

fn well_formed(text: &str) -> Result<(), TopicError> {
    match text {
        "" => Err(TopicError::Empty),
        _ if text.len() > 65_535 => Err(TopicError::TooLong),
        _ if text.contains('\0') => Err(TopicError::Nul),
        _ if text.bytes().filter(|b| *b == b'/').count() >= TOPIC_LEVELS_MAX => Err(TopicError::TooManyLevels),
        _ => Ok(()),
    }
}

impl serde::Serialize for TopicFilter {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for TopicFilter {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// A map of topic names can be asked with a text.
impl Borrow<str> for TopicName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for TopicFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rustfmt::skip] // statement                  filter              outcome
    const FILTERS: &[(&str, &str, Result<(), TopicError>)] = &[
        ("MQTT5 [MQTT-4.7.1-1]", "#",                 Ok(())),
        ("MQTT5 [MQTT-4.7.1-1]", "a/#/b",             Err(TopicError::MisplacedWildcard)),
        ("MQTT5 [MQTT-4.7.1-1]", "a#",                Err(TopicError::MisplacedWildcard)),
        ("MQTT5 [MQTT-4.7.1-2]", "+/a/+",             Ok(())),
        ("MQTT5 [MQTT-4.7.1-2]", "a+",                Err(TopicError::MisplacedWildcard)),
        ("MQTT5 [MQTT-4.7.3-1]", "",                  Err(TopicError::Empty)),
        ("MQTT5 [MQTT-4.7.3-2]", "a\0",               Err(TopicError::Nul)),
        ("MQTT5 [MQTT-4.8.2-1]", "$share/g/a/#",      Ok(())),
        ("MQTT5 [MQTT-4.8.2-1]", "$share//a",         Err(TopicError::Share)),
        ("MQTT5 [MQTT-4.8.2-2]", "$share/g+/a",       Err(TopicError::Share)),
        ("MQTT5 [MQTT-4.8.2-2]", "$share/g",          Err(TopicError::Share)),
        ("MQTT5 [MQTT-4.8.2-2]", "$share/g/",         Err(TopicError::Share)),
        ("MQTT5 §4.7.1.1",       "/",                 Ok(())),
    ];

    #[test]
    fn filters() {
        for (statement, text, outcome) in FILTERS {
            assert_eq!(TopicFilter::parse(text).map(drop), *outcome, "{statement}: `{text}`");
        }
        assert_eq!(TopicFilter::parse("$share/g/a/#").unwrap().shared(), Some(("g", "a/#")));
    }

    #[test]
    fn levels_are_limited() {
        assert!(TopicName::parse(&"/".repeat(TOPIC_LEVELS_MAX - 1)).is_ok());
        assert_eq!(TopicName::parse(&"/".repeat(TOPIC_LEVELS_MAX)), Err(TopicError::TooManyLevels));
        assert_eq!(TopicFilter::parse(&"+/".repeat(TOPIC_LEVELS_MAX)), Err(TopicError::TooManyLevels));
    }

    #[test]
    fn names_hold_no_wildcard() {
        assert_eq!(TopicName::parse("a/+"), Err(TopicError::Wildcard));
        assert_eq!(TopicName::parse("a/b").unwrap().as_str(), "a/b");
    }
}
