//! One rule's work on one message.
use std::net::IpAddr;

use bytes::Bytes;
use sekisho_calls::{Call, Post};
use sekisho_kafka::Produce;
use sekisho_types::memory::allocated;
use sekisho_types::{BucketName, CertificateId, ObjectKey, RuleName, Timestamp, base64_bytes};
use serde::{Deserialize, Serialize};

use crate::Lane;

/// Which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ExecutionId(pub u64);

/// What a rule has to do with a message, beside what was done at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Execution {
    /// Whose work it is.
    pub rule: RuleName,
    /// How often that had been replaced.
    pub rule_version: u32,
    /// The message.
    pub origin: Origin,
    /// What the rule made of it.
    #[serde(with = "base64_bytes")]
    pub result: Bytes,
    /// What is to be done with that; one entry an action.
    pub work: Vec<Work>,
    /// What failed of the rule's other actions, for its error action.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<Failure>,
    /// This is the rule's error action: if it fails there is no other.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_error_action: bool,
    /// When it was taken, if that was not when the message came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}

/// The message a rule works on, as far as an error action asks for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// Its topic, as rules see it.
    pub topic: String,
    /// Whose it is, if it came by MQTT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Whose it is, if a device's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_id: Option<CertificateId>,
    /// The thing that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thing: Option<String>,
    /// What `principal()` answers.
    pub principal: String,
    /// What `sourceip()` answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// What `traceid()` answered, if it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// When it came.
    pub received: Timestamp,
    /// How often rules had republished it by then.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub republished: u8,
    /// What the rule's SET made of it, as JSON, if somebody would ask for that.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variables: Vec<Option<String>>,
    /// How many more messages may be republished of it and what comes of it; as many as of any, if that is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub may_republish: Option<u16>,
    /// Its payload; `None` if nobody would ask for it.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "base64_bytes::option")]
    pub payload: Option<Bytes>,
}

/// An action that is to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    /// Its place in the rule's list.
    pub action: u8,
    /// What it comes to.
    pub task: Task,
    /// Where it is done.
    #[serde(default)]
    pub lane: Lane,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Task {
    /// An object of the result. Done again, it is the same object.
    PutObject {
        /// Where.
        bucket: BucketName,
        /// Under which key.
        key: ObjectKey,
    },
    /// The result, posted to somebody's endpoint. Done again, it is another request.
    Post(Box<Post>),
    /// A call of an AWS API with the result. Done again, it is another one.
    Call(Box<Call>),
    /// The result as a record of Kafka's. Done again, it is another one.
    Produce(Box<Produce>),
    /// The rule's statement and templates, evaluated once others have answered what they ask, and then its actions. There is no result
    /// yet, and no other work.
    Evaluate(Box<Unevaluated>),
}

/// What evaluating a rule later takes, beside the message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unevaluated {
    /// What random numbers come of: a statement makes the same of its message each time, and asks the same.
    pub seed: [u8; 32],
    /// What MQTT 5 said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said: Option<Said>,
}

/// What MQTT 5 said of a message whose rule is evaluated later.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// Its content type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Its payload format indicator.
    pub payload_is_utf8: bool,
    /// Its response topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_topic: Option<String>,
    /// Its correlation data.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "base64_bytes::option")]
    pub correlation_data: Option<Bytes>,
    /// Its user properties, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub user_properties: Vec<(String, String)>,
}

/// An action that failed (developer guide, "Error handling (error action)": `failures`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// Such as `S3Action`.
    pub failed_action: String,
    /// Its bucket, stream or topic.
    pub failed_resource: String,
    /// Why.
    pub error_message: String,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(count: &u8) -> bool {
    *count == 0
}

impl Execution {
    /// What it weighs in memory, about.
    pub fn bytes(&self) -> usize {
        let Self { rule, origin, result, work, failures, .. } = self;
        let Origin { topic, client_id, thing, principal, trace_id, payload, variables, .. } = origin;
        let texts = [rule.as_str(), topic, principal].into_iter();
        let texts = texts.chain(client_id.as_deref()).chain(thing.as_deref()).chain(trace_id.as_deref());
        let texts = texts.chain(variables.iter().flatten().map(String::as_str));
        size_of::<Self>()
            + texts.map(|text| allocated(text.len())).sum::<usize>()
            + allocated(result.len())
            + payload.as_ref().map_or(0, |payload| allocated(payload.len()))
            + work.iter().map(Work::bytes).sum::<usize>()
            + failures.iter().map(Failure::bytes).sum::<usize>()
    }
}

impl Work {
    fn bytes(&self) -> usize {
        let task = match &self.task {
            Task::PutObject { bucket, key } => allocated(bucket.as_str().len()) + allocated(key.as_str().len()),
            Task::Post(post) => {
                let Post { url, headers, .. } = &**post;
                let texts = headers.iter().flat_map(|(name, value)| [name.len(), value.len()]);
                let headers = texts.map(|bytes| size_of::<String>() + allocated(bytes)).sum::<usize>();
                size_of::<Post>() + allocated(url.as_str().len()) + headers
            }
            Task::Call(call) => size_of::<Call>() + allocated(call.bytes()),
            Task::Produce(produce) => allocated(produce.bytes()),
            Task::Evaluate(later) => size_of::<Unevaluated>() + later.said.as_ref().map_or(0, Said::bytes),
        };
        size_of::<Self>() + task
    }
}

impl Said {
    fn bytes(&self) -> usize {
        let Self { content_type, response_topic, correlation_data, user_properties, .. } = self;
        let pairs = user_properties.iter().flat_map(|(name, value)| [name, value]);
        let texts = content_type.iter().chain(response_topic).chain(pairs).map(|text| allocated(text.len()));
        let data = correlation_data.as_ref().map_or(0, |data| allocated(data.len()));
        size_of::<Self>() + texts.sum::<usize>() + data + user_properties.len() * size_of::<(String, String)>()
    }
}

impl Failure {
    pub(crate) fn bytes(&self) -> usize {
        let Self { failed_action, failed_resource, error_message } = self;
        let texts = [failed_action, failed_resource, error_message];
        size_of::<Self>() + texts.map(|text| allocated(text.len())).iter().sum::<usize>()
    }
}
