//! The topics of shadows: `$aws/things/<thing>/shadow/[name/<shadow>/]…` (iot dev guide: device-shadow-mqtt).
use std::fmt;

use sekisho_types::{ShadowId, ShadowName, ThingName};

/// What a topic asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// All of it.
    Get,
    /// Merge this.
    Update,
    /// Away with it.
    Delete,
}

/// A topic of a thing's shadows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShadowTopic {
    /// A request.
    Call(Method, ShadowId),
    /// Only the server publishes here: answers, and what it has to tell.
    Reply,
    /// Reserved, and of no meaning.
    Unknown,
}

impl Method {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "get" => Self::Get,
            "update" => Self::Update,
            "delete" => Self::Delete,
            _ => return None,
        })
    }

    /// The topic of a request, to which answers append their level.
    pub fn topic(self, shadow: &ShadowId) -> String {
        match &shadow.name {
            None => format!("$aws/things/{}/shadow/{self}", shadow.thing),
            Some(name) => format!("$aws/things/{}/shadow/name/{name}/{self}", shadow.thing),
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Get => "get",
            Self::Update => "update",
            Self::Delete => "delete",
        })
    }
}

impl ShadowTopic {
    /// What a topic means to shadows; `None` if it is none of theirs.
    pub fn parse(topic: &str) -> Option<Self> {
        let (thing, rest) = topic.strip_prefix("$aws/things/")?.split_once('/')?;
        let rest = match rest.strip_prefix("shadow") {
            Some("") => return Some(Self::Unknown),
            Some(rest) => rest.strip_prefix('/')?,
            None => return None,
        };
        let (name, rest) = match rest.strip_prefix("name/").map(|rest| rest.split_once('/')) {
            None => (None, rest),
            Some(Some((name, rest))) => (Some(name), rest),
            Some(None) => return Some(Self::Unknown),
        };
        let (method, reply) = rest.split_once('/').map_or((rest, None), |(method, reply)| (method, Some(reply)));
        let thing = ThingName::parse(thing).ok();
        let name = name.map(ShadowName::parse).transpose().ok();
        let (Some(method), Some(thing), Some(name)) = (Method::parse(method), thing, name) else {
            return Some(Self::Unknown);
        };
        Some(match (method, reply) {
            (_, None) => Self::Call(method, ShadowId { thing, name }),
            (_, Some("accepted" | "rejected")) | (Method::Update, Some("delta" | "documents")) => Self::Reply,
            (_, Some(_)) => Self::Unknown,
        })
    }
}
