//! A stream that takes its records from topics: an extension, spelled as AWS spells a Kinesis stream as source.
use sekisho_types::{Tenant, Timestamp, TopicFilter};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{DeliveryError, Event};

/// `KinesisStreamSourceConfiguration`, its `KinesisStreamARN` an ARN `arn:aws:iot:<region>:<account>:topicfilter/<filter>`:
/// what is published to a topic that matches is a record, as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct TopicSource {
    /// Which topics.
    pub topic_filter: TopicFilter,
    /// `RoleARN`. Kept and told.
    pub role_arn: String,
}

/// As it is kept.
#[derive(Serialize, Deserialize)]
struct Stored {
    topic_filter: String,
    role_arn: String,
}

impl From<TopicSource> for Stored {
    fn from(source: TopicSource) -> Self {
        Self { topic_filter: source.topic_filter.as_str().to_owned(), role_arn: source.role_arn }
    }
}

impl TryFrom<Stored> for TopicSource {
    type Error = sekisho_types::TopicError;

    fn try_from(stored: Stored) -> Result<Self, Self::Error> {
        Ok(Self { topic_filter: TopicFilter::parse(&stored.topic_filter)?, role_arn: stored.role_arn })
    }
}

impl TopicSource {
    /// Reads what CreateDeliveryStream is given: the type of the stream, and its source if it has one.
    ///
    /// # Errors
    /// [`DeliveryError::InvalidArgument`], [`DeliveryError::NotOffered`].
    pub fn read(tenant: &Tenant, kind: Option<&str>, source: Option<&Value>) -> Result<Option<Self>, DeliveryError> {
        let invalid = |message: String| Err(DeliveryError::InvalidArgument(message));
        match (kind, source) {
            (None | Some("DirectPut"), None) => Ok(None),
            (None | Some("DirectPut"), Some(_)) => invalid(
                "KinesisStreamSourceConfiguration goes with DeliveryStreamType KinesisStreamAsSource only".into(),
            ),
            (Some("KinesisStreamAsSource"), Some(source)) => Self::parse(tenant, source).map(Some),
            (Some("KinesisStreamAsSource"), None) => {
                invalid("DeliveryStreamType KinesisStreamAsSource needs KinesisStreamSourceConfiguration".into())
            }
            (Some(kind), _) => Err(DeliveryError::NotOffered(format!("DeliveryStreamType {kind}"))),
        }
    }

    fn parse(tenant: &Tenant, given: &Value) -> Result<Self, DeliveryError> {
        let text = |name: &str| given.get(name).and_then(Value::as_str).unwrap_or_default();
        let arn = text("KinesisStreamARN");
        if arn.split(':').nth(2) == Some("kinesis") {
            let instead = "a topic filter of the account is, arn:aws:iot:<region>:<account>:topicfilter/<filter>";
            return Err(DeliveryError::NotOffered(format!("A Kinesis stream as source ({instead})")));
        }
        let filter = tenant.resource_of("iot", arn).and_then(|resource| resource.strip_prefix("topicfilter/"));
        let Some(filter) = filter else {
            return Err(DeliveryError::InvalidArgument(format!(
                "{arn} is not the ARN of a topic filter of this account"
            )));
        };
        if filter.starts_with("$share/") {
            return Err(DeliveryError::InvalidArgument("A stream takes every message: it has no share of them".into()));
        }
        let topic_filter = TopicFilter::parse(filter)
            .map_err(|error| DeliveryError::InvalidArgument(format!("{filter} is not a topic filter: {error}")))?;
        Ok(Self { topic_filter, role_arn: text("RoleARN").to_owned() })
    }

    /// `SourceDescription`, of a stream made at `since`.
    pub(crate) fn describe(&self, tenant: &Tenant, since: Timestamp) -> Value {
        json!({ "KinesisStreamSourceDescription": {
            "KinesisStreamARN": tenant.arn("iot", format_args!("topicfilter/{}", self.topic_filter.as_str())),
            "RoleARN": self.role_arn,
            "DeliveryStartTimestamp": since.epoch_seconds(),
        }})
    }

    /// Gives the stream that is being made its source.
    pub fn of(self, mut made: Vec<Event>) -> Vec<Event> {
        for event in &mut made {
            if let Event::StreamPut { stream } = event {
                stream.source = Some(self.clone());
            }
        }
        made
    }
}

#[cfg(test)]
mod tests {
    use sekisho_types::{AccountId, Region};

    use super::*;

    type Row = (&'static str, Option<&'static str>, Option<&'static str>, Result<Option<&'static str>, &'static str>);

    #[rustfmt::skip] // source                                          type                           ARN                                                       what is read, or the refusal
    const SOURCES: &[Row] = &[
        ("firehose CreateDeliveryStream: default type",                 None,                          None,                                                      Ok(None)),
        ("firehose DeliveryStreamType",                                 Some("DirectPut"),             None,                                                      Ok(None)),
        ("ours: a topic filter is the source",                          Some("KinesisStreamAsSource"), Some("arn:aws:iot:us-east-1:000000000000:topicfilter/a/+/#"), Ok(Some("a/+/#"))),
        ("firehose: the type says whether there is a source",           None,                          Some("arn:aws:iot:us-east-1:000000000000:topicfilter/a"),  Err("goes with DeliveryStreamType")),
        ("firehose: the type says whether there is a source",           Some("KinesisStreamAsSource"), None,                                                      Err("needs KinesisStreamSourceConfiguration")),
        ("not offered: Kinesis",                                        Some("KinesisStreamAsSource"), Some("arn:aws:kinesis:us-east-1:000000000000:stream/s"),   Err("is not offered")),
        ("not offered: Kafka",                                          Some("MSKAsSource"),           None,                                                      Err("MSKAsSource is not offered")),
        ("ours: another account's topics",                              Some("KinesisStreamAsSource"), Some("arn:aws:iot:us-east-1:111111111111:topicfilter/a"),  Err("not the ARN of a topic filter of this account")),
        ("ours: a topic is not a filter's ARN",                         Some("KinesisStreamAsSource"), Some("arn:aws:iot:us-east-1:000000000000:topic/a"),        Err("not the ARN of a topic filter of this account")),
        ("MQTT5 [MQTT-4.7.1-1]",                                        Some("KinesisStreamAsSource"), Some("arn:aws:iot:us-east-1:000000000000:topicfilter/a/#/b"), Err("is not a topic filter")),
        ("MQTT5 §4.8.2: a share is not every message",                  Some("KinesisStreamAsSource"), Some("arn:aws:iot:us-east-1:000000000000:topicfilter/$share/g/a"), Err("no share")),
    ];

    #[test]
    fn sources() {
        let tenant =
            Tenant { account: AccountId::parse("000000000000").unwrap(), region: Region::parse("us-east-1").unwrap() };
        for (citation, kind, arn, expected) in SOURCES {
            let given = arn.map(|arn| json!({"KinesisStreamARN": arn, "RoleARN": "r"}));
            match (TopicSource::read(&tenant, *kind, given.as_ref()), expected) {
                (Ok(found), Ok(filter)) => {
                    assert_eq!(found.as_ref().map(|source| source.topic_filter.as_str()), *filter, "{citation}");
                    let Some(source) = found else { continue };
                    let kept = serde_json::to_string(&source).unwrap();
                    assert_eq!(serde_json::from_str::<TopicSource>(&kept).unwrap(), source);
                    let described = source.describe(&tenant, Timestamp::from_seconds(5));
                    let described = &described["KinesisStreamSourceDescription"];
                    assert_eq!(described["KinesisStreamARN"].as_str(), *arn, "{citation}");
                }
                (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{citation}: {error}"),
                (found, _) => panic!("{citation}: {found:?}"),
            }
        }
    }
}
