//! `republish`: the result is a message on another topic (developer guide, "Republish").
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sekisho_types::{Random, TOPIC_BYTES_MAX, TopicName, basic_ingest};
use serde_json::Value;

use super::{ActionError, Field, MembersOf, RenderError, no};
use crate::Message;

/// `republish`
#[derive(Debug)]
pub struct RepublishAction {
    pub(super) topic: Field,
    qos: u8,
    payload_format_indicator: Option<Field>,
    content_type: Option<Field>,
    response_topic: Option<Field>,
    correlation_data: Option<Field>,
    message_expiry: Option<Field>,
    user_properties: Vec<(Field, Field)>,
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
    pub(super) fn parse(members: &MembersOf<'_>) -> Result<Self, ActionError> {
        let text = members.required("topic")?;
        members.required("roleArn")?;
        // In a template `$` begins something: a reserved topic's is written twice (developer guide, "Republish").
        let topic = match text.strip_prefix("$$") {
            Some(rest) => members.compile("topic", &format!("${rest}"))?,
            None if text.starts_with('$') && !text.starts_with("${") => {
                return Err(members.invalid("a reserved topic begins with `$$`, such as `$$aws/things/…`"));
            }
            None => members.compile("topic", text)?,
        };
        let qos = match members.members.get("qos").filter(|qos| !qos.is_null()) {
            None => 0,
            Some(qos) => match qos.as_u64() {
                Some(0) => 0,
                Some(1) => 1,
                _ => return Err(members.invalid("qos is 0 or 1")),
            },
        };
        let none = Value::Null;
        let headers = members.members.get("headers").unwrap_or(&none);
        let headers = MembersOf { members: headers, version: members.version, of: "republish.headers" };
        let pairs = headers.members.get("userProperties").and_then(Value::as_array);
        let user_property = |pair: &Value| {
            let pair = MembersOf { members: pair, version: members.version, of: "republish.headers.userProperties" };
            Ok((pair.required_field("key")?, pair.required_field("value")?))
        };
        let action = Self {
            topic,
            qos,
            payload_format_indicator: headers.field("payloadFormatIndicator")?,
            content_type: headers.field("contentType")?,
            response_topic: headers.field("responseTopic")?,
            correlation_data: headers.field("correlationData")?,
            message_expiry: headers.field("messageExpiry")?,
            user_properties: pairs.into_iter().flatten().map(user_property).collect::<Result<_, ActionError>>()?,
        };
        action.check_fixed().map_err(|error| members.invalid(error))?;
        Ok(action)
    }

    /// What is the same for every message is checked when the rule is made.
    fn check_fixed(&self) -> Result<(), RenderError> {
        let fixed = |field: &Option<Field>| field.as_ref().and_then(Field::fixed).map(str::to_owned);
        self.topic.fixed().map(|text| topic("topic", text)).transpose()?;
        fixed(&self.payload_format_indicator).map(|text| payload_is_utf8(&text)).transpose()?;
        fixed(&self.response_topic).map(|text| topic("responseTopic", &text)).transpose()?;
        fixed(&self.correlation_data).map(|text| correlation_data(&text)).transpose()?;
        fixed(&self.message_expiry).map(|text| message_expiry(&text)).transpose()?;
        Ok(())
    }

    /// What to publish for a message.
    ///
    /// # Errors
    /// [`RenderError`].
    pub fn render(&self, message: &Message<'_>, random: &mut dyn Random) -> Result<Republication, RenderError> {
        let mut render =
            |place, field: &Option<Field>| field.as_ref().map(|field| field.render(place, message, random)).transpose();
        // A header whose template has no value is not sent.
        let mut header = |place, field| Ok(render(place, field)?.filter(|text| !text.is_empty()));
        let format = header("payloadFormatIndicator", &self.payload_format_indicator)?;
        let content_type = header("contentType", &self.content_type)?;
        let response = header("responseTopic", &self.response_topic)?;
        let correlation = header("correlationData", &self.correlation_data)?;
        let expiry = header("messageExpiry", &self.message_expiry)?;
        let mut user_properties = Vec::with_capacity(self.user_properties.len());
        for (key, value) in &self.user_properties {
            let key = key.render("userProperties", message, random)?;
            user_properties.push((key, value.render("userProperties", message, random)?));
        }
        let headers = Headers {
            payload_is_utf8: format.as_deref().map(payload_is_utf8).transpose()?.unwrap_or(false),
            content_type,
            response_topic: response.as_deref().map(|text| topic("responseTopic", text)).transpose()?,
            correlation_data: correlation.as_deref().map(correlation_data).transpose()?,
            message_expiry_s: expiry.as_deref().map(message_expiry).transpose()?,
            user_properties,
        };
        let to = self.topic.render("topic", message, random)?;
        Ok(Republication { topic: topic("topic", &to)?, qos: self.qos, headers })
    }
}

fn topic(place: &'static str, text: &str) -> Result<TopicName, RenderError> {
    let counted = basic_ingest(text).map_or(text, |(_rule, topic)| topic);
    if counted.len() > TOPIC_BYTES_MAX {
        return Err(no(place, text, format_args!("it is longer than {TOPIC_BYTES_MAX} bytes")));
    }
    if text.starts_with("$aws/things/") && text.split('/').nth(3) == Some("jobs") {
        return Err(no(place, text, "rules do not republish to topics of jobs"));
    }
    TopicName::parse(text).map_err(|error| no(place, text, error))
}

fn payload_is_utf8(text: &str) -> Result<bool, RenderError> {
    match text {
        "UNSPECIFIED_BYTES" => Ok(false),
        "UTF8_DATA" => Ok(true),
        _ => Err(no("payloadFormatIndicator", text, "it is UNSPECIFIED_BYTES or UTF8_DATA")),
    }
}

fn correlation_data(text: &str) -> Result<Vec<u8>, RenderError> {
    BASE64_STANDARD.decode(text).map_err(|_| no("correlationData", text, "it is not base64"))
}

fn message_expiry(text: &str) -> Result<u32, RenderError> {
    text.parse().map_err(|_| no("messageExpiry", text, "it is a number of seconds"))
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
            (json!({"payloadFormatIndicator": "TEXT"}),                    "republish: `TEXT` is no payloadFormatIndicator"),
            (json!({"payloadFormatIndicator": "${topic(1)}"}),             "`factory` is no payloadFormatIndicator"),
            (json!({"responseTopic": "a/+"}),                              "republish: `a/+` is no responseTopic"),
            (json!({"responseTopic": "${to}"}),                            "`a/#` is no responseTopic"),
            (json!({"correlationData": "?"}),                              "republish: `?` is no correlationData"),
            (json!({"correlationData": "${to}"}),                          "`a/#` is no correlationData"),
            (json!({"messageExpiry": "soon"}),                             "republish: `soon` is no messageExpiry"),
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
