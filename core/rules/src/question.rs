//! What a statement asks for beside the message: evaluation stops where an answer is not there yet and begins again when it is.
use sekisho_calls::Lookup;

/// One question. Asked twice it is the same.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Question {
    /// The answer of a service.
    Call(Lookup),
    /// What a message of Protocol Buffers says, as JSON.
    Protobuf(ProtobufMessage),
    /// `get_thing_shadow`: the document of a shadow, the classic one without a name.
    Shadow {
        /// Whose.
        thing: String,
        /// Which.
        shadow: Option<String>,
    },
    /// `get_registry_data`: what `DescribeThing` or `ListThingGroupsForThing` answers.
    Registry {
        /// One of the two.
        api: String,
        /// Of which thing.
        thing: String,
    },
}

/// A message of Protocol Buffers, and where its type is described.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ProtobufMessage {
    /// Where its `FileDescriptorSet` is.
    pub bucket: String,
    /// The object's key.
    pub key: String,
    /// The file that declares the type, without `.proto`.
    pub file: String,
    /// The type's name, with its package or without.
    pub message_type: String,
    /// The message.
    pub data: Vec<u8>,
}

/// What is known of it.
#[derive(Clone, PartialEq, Eq)]
pub enum Answer {
    /// This.
    Json(String),
    /// That there is none: Undefined.
    Nothing,
    /// Nothing yet: somebody has to be asked, and the evaluation to begin again.
    NotYet,
}

/// A function of a statement or template that asks more than the message, in the order of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asks {
    /// Its name.
    pub function: &'static str,
    /// Whether the answer may take long.
    pub waits: bool,
    /// Its first argument, where that is the same for every message.
    pub first: Option<Box<str>>,
}

impl Question {
    /// The function that asks.
    pub const fn asked_by(&self) -> &'static str {
        match self {
            Self::Call(lookup) => lookup.asked_by(),
            Self::Protobuf(_) => "decode",
            Self::Shadow { .. } => "get_thing_shadow",
            Self::Registry { .. } => "get_registry_data",
        }
    }
}

impl std::fmt::Debug for Question {
    /// Not what is in it: inputs and keys are a device's.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Question({})", self.asked_by())
    }
}

impl From<Option<String>> for Answer {
    fn from(answer: Option<String>) -> Self {
        answer.map_or(Self::Nothing, Self::Json)
    }
}
