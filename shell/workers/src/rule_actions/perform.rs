//! One action for one message: done at once where that is a matter of the journal, else made into work.
use std::cell::OnceCell;

use bytes::Bytes;
use sekisho_actions::{Failure, Task};
use sekisho_calls::Words;
use sekisho_gate::Refusal;
use sekisho_journal::Sequence;
use sekisho_mqtt::{BinaryData, PublishProperties, QoS, TextError, UserProperty, Utf8String};
use sekisho_policy::authorize_rule;
use sekisho_rules::{
    Action, FirehoseAction, Headers, Known, MqttProperties, NewObject, RenderError, Republication, RepublishAction,
    Variables,
};
use sekisho_types::Timestamp;

use super::draws::Draws;
use super::{Chain, Republished};
use crate::delivery::PutError;
use crate::gateway::Gateway;
use crate::live_rules::{LiveRule, Source};
use crate::provisioning::FleetTopic;
use crate::shadow::is_shadows_own;

/// The message a rule works on.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'a> {
    /// As rules see it.
    pub topic: &'a str,
    pub payload: &'a Bytes,
    pub source: &'a Source<'a>,
    pub received: Timestamp,
    /// Made when it is first asked for.
    pub trace_id: &'a OnceCell<String>,
    /// What MQTT5 says of it.
    pub mqtt: Option<&'a MqttProperties<'a>>,
    /// Who answers what is asked beside.
    pub known: &'a dyn Known,
    /// What the rule's SET made of it.
    pub variables: &'a Variables,
    /// Of who comes back to it: what random numbers come of, and since when it is tried.
    pub again: Option<(&'a [u8; 32], Timestamp)>,
}

/// What became of an action.
pub(crate) enum Done {
    /// It is done once the journal is durable up to here.
    AtOnce(Sequence),
    /// It is to be done.
    Later(Task),
}

/// Why nothing did.
pub(crate) enum NotDone {
    /// The message cannot be taken now.
    Refused(Refusal),
    /// It will not be done for this message.
    Failed(Failure),
}

/// An action that is not done.
fn failed(action: &Action, resource: &str, topic: &str, why: &dyn std::fmt::Display) -> NotDone {
    let words = match action {
        Action::Call(call) => call.as_written().words(),
        Action::Firehose(_) => PUT_RECORD,
        Action::Http(_) => POST,
        Action::Kafka(_) => PRODUCE,
        Action::Republish(_) => REPUBLISH,
        Action::S3(_) => PUT_OBJECT,
    };
    NotDone::Failed(failure(words, resource, topic, why))
}

/// Work that is not done.
pub(crate) fn task_failure(task: &Task, topic: &str, why: &str) -> Failure {
    match task {
        Task::Post(post) => failure(POST, post.shown(), topic, &why),
        Task::Call(call) => failure(call.words(), call.resource(), topic, &why),
        Task::Produce(produce) => failure(PRODUCE, &produce.topic, topic, &why),
        Task::Evaluate(_) => failure(EVALUATE, "", topic, &why),
        Task::PutObject { bucket, key } => {
            let mut failure = failure(PUT_OBJECT, bucket.as_str(), topic, &why);
            failure.error_message.push_str(&format!(", Key: \"{key}\""));
            failure
        }
    }
}

const PUT_RECORD: Words = Words {
    action: "FirehoseAction",
    doing: "put a record into the delivery stream",
    kind: "firehose",
    resource_is: "Stream",
};
const POST: Words = Words { action: "HttpAction", doing: "post the message", kind: "http", resource_is: "URL" };
const REPUBLISH: Words =
    Words { action: "RepublishAction", doing: "republish", kind: "republish", resource_is: "Topic" };
const PRODUCE: Words = Words { action: "KafkaAction", doing: "send the record", kind: "kafka", resource_is: "Topic" };
const EVALUATE: Words =
    Words { action: "Evaluation", doing: "evaluate the rule", kind: "none", resource_is: "Resource" };
const PUT_OBJECT: Words = Words { action: "S3Action", doing: "put S3 object", kind: "s3", resource_is: "Bucket" };

/// In AWS's words (developer guide, "Error action message format").
fn failure(words: Words, resource: &str, topic: &str, why: &dyn std::fmt::Display) -> Failure {
    let Words { action, doing, kind, resource_is } = words;
    Failure {
        failed_action: action.to_owned(),
        failed_resource: resource.to_owned(),
        error_message: format!(
            "Failed to {doing}. The error received was {why}. Message arrived on: {topic}, Action: {kind}, {resource_is}: {resource}"
        ),
    }
}

/// Whether an action is work: done behind the message's acknowledgement.
pub(crate) const fn is_done_later(action: &Action) -> bool {
    match action {
        Action::Firehose(_) | Action::Republish(_) => false,
        Action::Call(_) | Action::Http(_) | Action::Kafka(_) | Action::S3(_) => true,
    }
}

impl Gateway {
    /// Does an action, as far as it can be done without waiting.
    pub(crate) fn perform(
        &self,
        rule: &LiveRule,
        action: &Action,
        subject: &Subject<'_>,
        result: &Bytes,
        chain: &mut Chain,
        random: &mut Draws,
    ) -> Result<Done, NotDone> {
        let message = self.seen_by_rules(subject);
        let later = |rendered: Result<Task, RenderError>| match rendered {
            Ok(task) => Ok(Done::Later(task)),
            Err(error) => Err(failed(action, action.resource(), subject.topic, &error)),
        };
        match action {
            Action::Call(call) => later(call.render(&message, random).map(|call| Task::Call(call.into()))),
            Action::Http(http) => later(http.render(&message, random).map(|post| Task::Post(post.into()))),
            Action::Kafka(kafka) => later(kafka.render(&message, random).map(|produce| Task::Produce(produce.into()))),
            Action::S3(s3) => {
                later(s3.render(&message, random).map(|NewObject { bucket, key }| Task::PutObject { bucket, key }))
            }
            Action::Firehose(firehose) => self.put_record(rule, firehose, action, subject, result, random),
            Action::Republish(republish) => self.republish(republish, action, subject, result, chain, random),
        }
    }

    fn put_record(
        &self,
        rule: &LiveRule,
        firehose: &FirehoseAction,
        action: &Action,
        subject: &Subject<'_>,
        result: &Bytes,
        random: &mut Draws,
    ) -> Result<Done, NotDone> {
        let about = |resource, why: &dyn std::fmt::Display| failed(action, resource, subject.topic, why);
        let rendered = firehose.render(&self.seen_by_rules(subject), random);
        let put = rendered.map_err(|error| about(action.resource(), &error))?;
        let Source { certificate_id, client_id, thing, .. } = *subject.source;
        let origin = sekisho_delivery::Origin {
            certificate_id,
            client_id,
            thing,
            topic: subject.topic,
            rule: rule.name.as_str(),
            rule_version: rule.version,
        };
        let name = &put.delivery_stream_name;
        let taken = match put.batch(result).map_err(|why| about(name.as_str(), &why))? {
            None => self.streams.put(name, &[result, put.separator.as_bytes()], Some(&origin)),
            Some(records) if records.is_empty() => Ok(Sequence(0)),
            Some(records) => {
                let records: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
                self.streams.put_batch(name, &records, Some(&origin)).map(|taken| taken.sequence)
            }
        };
        match taken {
            Ok(sequence) => Ok(Done::AtOnce(sequence)),
            Err(PutError::Unavailable) => Err(NotDone::Refused(Refusal::NoRoom)),
            Err(error) => Err(about(name.as_str(), &error)),
        }
    }

    fn republish(
        &self,
        republish: &RepublishAction,
        action: &Action,
        subject: &Subject<'_>,
        result: &Bytes,
        chain: &mut Chain,
        random: &mut Draws,
    ) -> Result<Done, NotDone> {
        let about = |resource, why: &dyn std::fmt::Display| failed(action, resource, subject.topic, why);
        let rendered = republish.render(&self.seen_by_rules(subject), random);
        let Republication { topic, qos, headers } = rendered.map_err(|error| about(action.resource(), &error))?;
        let most = self.settings().payload_bytes_max;
        if result.len() > most {
            let why = format!("the result has {} bytes, and a message has at most {most}", result.len());
            return Err(about(topic.as_str(), &why));
        }
        let is_the_servers = is_shadows_own(topic.as_str()) || FleetTopic::parse(topic.as_str()).is_some();
        let Some(permit) = authorize_rule(topic.clone()).filter(|_| !is_the_servers) else {
            return Err(about(topic.as_str(), &"rules do not publish there"));
        };
        let properties = properties(headers).map_err(|error| about(topic.as_str(), &error))?;
        let qos = if qos == 0 { QoS::AtMostOnce } else { QoS::AtLeastOnce };
        let republished = Republished::new(permit, result.clone(), qos, properties);
        chain.push(republished).map_err(|why| about(topic.as_str(), &why))?;
        Ok(Done::AtOnce(sekisho_journal::Sequence(0)))
    }
}

/// What a subscriber is told of a message.
fn properties(headers: Headers) -> Result<PublishProperties, TextError> {
    let Headers { payload_is_utf8, content_type, response_topic, correlation_data, message_expiry_s, user_properties } =
        headers;
    let text = |text: &str| Utf8String::copied(text);
    let pair =
        |(name, value): &(String, String)| Ok::<_, TextError>(UserProperty { name: text(name)?, value: text(value)? });
    Ok(PublishProperties {
        payload_format_indicator: payload_is_utf8.then_some(true),
        message_expiry_interval_s: message_expiry_s,
        response_topic: response_topic.map(|topic| text(topic.as_str())).transpose()?,
        correlation_data: correlation_data.map(|data| BinaryData::new(data.into())).transpose()?,
        user_properties: user_properties.iter().map(pair).collect::<Result<_, _>>()?,
        content_type: content_type.as_deref().map(text).transpose()?,
        ..PublishProperties::default()
    })
}
