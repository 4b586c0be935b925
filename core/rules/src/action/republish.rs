//! `republish`: the result is a message on another topic (developer guide, "Republish").
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sekisho_types::{Random, TOPIC_BYTES_MAX, TopicName, basic_ingest};
use serde_json::Value;

use super::members::{Field, Members, as_it_is};
use super::{ActionError, RenderError};
use crate::Message;

/// `republish`
#[derive(Debug)]
pub struct RepublishAction {
    pub(super) topic: Field<TopicName>,
    qos: u8,
    payload_format_indicator: Option<Field<bool>>,
    content_type: Option<Field<String>>,
    response_topic: Option<Field<TopicName>>,
    correlation_data: Option<Field<Vec<u8>>>,
    message_expiry: Option<Field<u32>>,
    user_properties: Vec<(Field<String>, Field<String>)>,
}

/// A message to be published, beside its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Republication {
    /// Where to.
    pub topic: TopicName,
    /// 0 or 1.
    pub qos: u8,
    /// What MQTT5 says of it.
    pub headers: Headers,
}

/// `headers`, as they are for one message (MQTT5 §3.3.2.3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers {
    /// `payloadFormatIndicator`
    pub payload_is_utf8: bool,
    /// `contentType`
    pub content_type: Option<String>,
    /// `responseTopic`
    pub response_topic: Option<TopicName>,
    /// `correlationData`, decoded.
    pub correlation_data: Option<Vec<u8>>,
    /// `messageExpiry`
    pub message_expiry_s: Option<u32>,
    /// `userProperties`, in their order.
    pub user_properties: Vec<(String, String)>,
}

impl RepublishAction {
    pub(super) fn parse(members: &Members<'_>) -> Result<Self, ActionError> {
        let text = members.required("topic")?;
        members.required("roleArn")?;
        // In a template `$` begins something: a reserved topic's is written twice (developer guide, "Republish").
        let topic = match text.strip_prefix("$$") {
            Some(rest) => members.compile("topic", &format!("${rest}"), topic)?,
            None if text.starts_with('$') && !text.starts_with("${") => {
                return Err(members.invalid("a reserved topic begins with `$$`, such as `$$aws/things/…`"));
            }
            None => members.compile("topic", text, topic)?,
        };
        let qos = match members.get("qos") {
            None => 0,
            Some(qos) => match qos.as_u64() {
                Some(0) => 0,
                Some(1) => 1,
                _ => return Err(members.invalid("qos is 0 or 1")),
            },
        };
        let none = Value::Null;
        let headers = Members { of: "republish.headers", members: members.get("headers").unwrap_or(&none), ..*members };
        let pairs = headers.get("userProperties").and_then(Value::as_array);
        let user_property = |pair: &Value| {
            let pair = Members { of: "republish.headers.userProperties", members: pair, ..*members };
            Ok((pair.required_field("key", as_it_is)?, pair.required_field("value", as_it_is)?))
        };
        Ok(Self {
            topic,
            qos,
            payload_format_indicator: headers.field("payloadFormatIndicator", payload_is_utf8)?,
            content_type: headers.field("contentType", as_it_is)?,
            response_topic: headers.field("responseTopic", self::topic)?,
            correlation_data: headers.field("correlationData", correlation_data)?,
            message_expiry: headers.field("messageExpiry", message_expiry)?,
            user_properties: pairs.into_iter().flatten().map(user_property).collect::<Result<_, ActionError>>()?,
        })
    }

    /// What to publish for a message.
    ///
    /// # Errors
    /// [`RenderError`].
    pub fn render(&self, message: &Message<'_>, random: &mut dyn Random) -> Result<Republication, RenderError> {
        let mut user_properties = Vec::with_capacity(self.user_properties.len());
        for (key, value) in &self.user_properties {
            user_properties.push((key.render(message, random)?, value.render(message, random)?));
        }
        let headers = Headers {
            payload_is_utf8: header(self.payload_format_indicator.as_ref(), message, random)?.unwrap_or(false),
            content_type: header(self.content_type.as_ref(), message, random)?,
            response_topic: header(self.response_topic.as_ref(), message, random)?,
            correlation_data: header(self.correlation_data.as_ref(), message, random)?,
            message_expiry_s: header(self.message_expiry.as_ref(), message, random)?,
            user_properties,
        };
        Ok(Republication { topic: self.topic.render(message, random)?, qos: self.qos, headers })
    }
}

/// One whose template has no value is not sent.
fn header<T>(
    field: Option<&Field<T>>,
    message: &Message<'_>,
    random: &mut dyn Random,
) -> Result<Option<T>, RenderError> {
    Ok(field.map(|field| field.render_any(message, random)).transpose()?.flatten())
}

fn topic(text: &str) -> Result<TopicName, String> {
    if basic_ingest(text).map_or(text, |(_rule, topic)| topic).len() > TOPIC_BYTES_MAX {
        return Err(format!("it is longer than {TOPIC_BYTES_MAX} bytes"));
    }
    if text.starts_with("$aws/things/") && text.split('/').nth(3) == Some("jobs") {
        return Err("rules do not republish to topics of jobs".into());
    }
    TopicName::parse(text).map_err(|error| error.to_string())
}

fn payload_is_utf8(text: &str) -> Result<bool, String> {
    match text {
        "UNSPECIFIED_BYTES" => Ok(false),
        "UTF8_DATA" => Ok(true),
        _ => Err("it is UNSPECIFIED_BYTES or UTF8_DATA".into()),
    }
}

fn correlation_data(text: &str) -> Result<Vec<u8>, String> {
    BASE64_STANDARD.decode(text).map_err(|_| "it is not base64".into())
}

fn message_expiry(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| "it is a number of seconds".into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Action, SqlVersion};

    fn render(mut action: Value) -> Result<Republication, String> {
        action["roleArn"] = json!("r");
        let action =
            Action::parse(&json!({ "republish": action }), SqlVersion::V2016_03_23).map_err(|e| e.to_string())?;
        let Action::Republish(republish) = &action else { panic!("republish") };
        let message = Message {
            topic: "factory/oven-7",
            payload: br#"{"n":7,"to":"a/#","text":"eA==","none":null}"#,
            client_id: Some("oven-7"),
            ..Message::default()
        };
        republish.render(&message, &mut |_: &mut [u8]| {}).map_err(|error| error.to_string())
    }

    #[test]
    fn where_the_message_goes() {
        #[rustfmt::skip] // topic                                          where
        let table = [
            ("a/b",                                                        Ok("a/b")),
            ("${topic()}/again",                                           Ok("factory/oven-7/again")),
            ("$$aws/things/${clientid()}/shadow/update",                   Ok("$aws/things/oven-7/shadow/update")),
            ("$$aws/rules/next/a",                                         Ok("$aws/rules/next/a")),
            ("$aws/things/x/shadow/update",                                Err("republish: a reserved topic begins with `$$`")),
            ("$$aws/things/x/jobs/start-next",                             Err("republish: `$aws/things/x/jobs/start-next` is no topic")),
            ("$$aws/things/${clientid()}/jobs/get",                        Err("`$aws/things/oven-7/jobs/get` is no topic")),
            ("a/#",                                                        Err("republish: `a/#` is no topic")),
            ("${to}",                                                      Err("`a/#` is no topic")),
            ("${nothing}",                                                 Err("`` is no topic")),
            ("",                                                           Err("republish: `` is no topic")),
        ];
        for (topic, expected) in table {
            let found = render(json!({ "topic": topic })).map(|found| found.topic.as_str().to_owned());
            match expected {
                Ok(place) => assert_eq!(found.as_deref(), Ok(place), "{topic}"),
                Err(begins) => {
                    assert!(found.as_ref().is_err_and(|said| said.starts_with(begins)), "{topic}: {found:?}")
                }
            }
        }
        let long = format!("${{topic()}}{}", "a".repeat(TOPIC_BYTES_MAX));
        assert!(render(json!({ "topic": long })).unwrap_err().ends_with("it is longer than 256 bytes"));
    }

    #[test]
    fn what_mqtt5_says_of_it() {
        let headers = json!({
            "payloadFormatIndicator": "UTF8_DATA", "contentType": "application/${n}", "responseTopic": "${topic()}/answers",
            "correlationData": "${text}", "messageExpiry": "${n}0",
            "userProperties": [{"key": "b", "value": "${n}"}, {"key": "a", "value": "x"}, {"key": "b", "value": ""}],
        });
        let found = render(json!({ "topic": "a", "qos": 1, "headers": headers })).unwrap();
        assert_eq!(found.qos, 1);
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(
            found.headers,
            Headers {
                payload_is_utf8: true,
                content_type: Some("application/7".into()),
                response_topic: TopicName::parse("factory/oven-7/answers").ok(),
                correlation_data: Some(b"x".to_vec()),
                message_expiry_s: Some(70),
                user_properties: vec![pair("b", "7"), pair("a", "x"), pair("b", "")],
            }
        );
        let nothing =
            json!({ "contentType": "${nothing}", "correlationData": "${none}", "messageExpiry": "${nothing}" });
        assert_eq!(render(json!({ "topic": "a", "headers": nothing })).unwrap().headers, Headers::default());
    }

    #[test]
    fn a_header_that_is_none_is_refused_when_the_rule_is_made_or_fails() {
        #[rustfmt::skip] // header                                         refused
        let table = [
            (json!({"payloadFormatIndicator": "TEXT"}),                    "republish.headers: `TEXT` is no payloadFormatIndicator"),
            (json!({"payloadFormatIndicator": "${topic(1)}"}),             "`factory` is no payloadFormatIndicator"),
            (json!({"responseTopic": "a/+"}),                              "republish.headers: `a/+` is no responseTopic"),
            (json!({"responseTopic": "${to}"}),                            "`a/#` is no responseTopic"),
            (json!({"correlationData": "?"}),                              "republish.headers: `?` is no correlationData"),
            (json!({"correlationData": "${to}"}),                          "`a/#` is no correlationData"),
            (json!({"messageExpiry": "soon"}),                             "republish.headers: `soon` is no messageExpiry"),
            (json!({"messageExpiry": "-${n}"}),                            "`-7` is no messageExpiry"),
            (json!({"userProperties": [{"key": "a"}]}),                    "republish.headers.userProperties: value is required"),
            (json!({"contentType": "${"}),                                 "republish.headers.contentType: line 1"),
        ];
        for (headers, begins) in table {
            let said = render(json!({ "topic": "a", "headers": headers })).unwrap_err();
            assert!(said.starts_with(begins), "{headers}: {said}");
        }
        assert_eq!(render(json!({ "topic": "a", "qos": 2 })).unwrap_err(), "republish: qos is 0 or 1");
    }
}
