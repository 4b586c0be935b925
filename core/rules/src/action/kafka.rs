//! `kafka`: a record for a topic of Apache Kafka's (developer guide, "Apache Kafka").
use std::collections::BTreeMap;

use sekisho_kafka::{ClientProperties, Produce};
use sekisho_types::Random;
use serde_json::Value;

use super::members::{Field, Members, as_it_is};
use super::{ActionError, RenderError};
use crate::{Message, Template};

/// Headers of one action (iot model: `KafkaHeaders`).
const HEADERS_MAX: usize = 100;
/// Of a header's key and of its value (iot model: `KafkaHeaderKey`, `KafkaHeaderValue`).
const HEADER_BYTES_MAX: usize = 16384;
/// Of a topic's name, as Kafka has it.
const TOPIC_BYTES_MAX: usize = 249;

/// `kafka`
#[derive(Debug)]
pub struct KafkaAction {
    destination_arn: String,
    pub(super) topic: Field<String>,
    key: Option<Field<String>>,
    partition: Option<Field<i32>>,
    headers: Vec<(Field<String>, Field<String>)>,
    client_properties: BTreeMap<String, String>,
}

impl KafkaAction {
    pub(super) fn parse(members: &Members<'_>) -> Result<Self, ActionError> {
        let pairs = members.get("headers").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        if pairs.len() > HEADERS_MAX {
            return Err(members.invalid(format_args!("an action has at most {HEADERS_MAX} headers")));
        }
        let header = |pair: &Value| {
            let pair = Members { of: "kafka.headers", members: pair, ..*members };
            Ok((pair.required_field("key", header_text)?, pair.required_field("value", header_text)?))
        };
        let client_properties = match members.get("clientProperties") {
            Some(Value::Object(properties)) => {
                let properties = properties.iter().map(|(name, value)| match value {
                    Value::String(value) => Ok((name.clone(), value.clone())),
                    _ => Err(members.invalid(format_args!("clientProperties: {name}: a text"))),
                });
                properties.collect::<Result<BTreeMap<_, _>, _>>()?
            }
            _ => return Err(members.invalid("clientProperties is required")),
        };
        ClientProperties::check(&client_properties).map_err(|problem| members.invalid(problem))?;
        for (name, value) in client_properties.iter().filter(|(_, value)| value.contains("${")) {
            let refused = |error| ActionError::Template { place: format!("kafka.clientProperties.{name}"), error };
            let template = Template::compile(value, members.language).map_err(refused)?;
            let is_secret =
                !template.asks().is_empty() && template.asks().iter().all(|asks| asks.function == "get_secret");
            if !is_secret {
                let problem = format_args!("clientProperties: {name}: its templates are `get_secret` alone");
                return Err(members.invalid(problem));
            }
        }
        Ok(Self {
            destination_arn: members.required("destinationArn")?.to_owned(),
            topic: members.required_field("topic", topic)?,
            key: members.field("key", as_it_is)?,
            partition: members.field("partition", partition)?,
            headers: pairs.iter().map(header).collect::<Result<_, ActionError>>()?,
            client_properties,
        })
    }

    /// The VPC's topic rule destination.
    pub fn destination_arn(&self) -> &str {
        &self.destination_arn
    }

    /// What to produce for a message.
    ///
    /// # Errors
    /// [`RenderError`].
    pub fn render(&self, message: &Message<'_>, random: &mut dyn Random) -> Result<Produce, RenderError> {
        let mut headers = Vec::with_capacity(self.headers.len());
        for (key, value) in &self.headers {
            headers.push((key.render(message, random)?, value.render(message, random)?));
        }
        let key = self.key.as_ref().map(|key| key.render(message, random)).transpose()?;
        let partition = self.partition.as_ref().map(|partition| partition.render(message, random)).transpose()?;
        Ok(Produce {
            destination_arn: self.destination_arn.clone(),
            topic: self.topic.render(message, random)?,
            partition,
            key,
            headers,
            client_properties: self.client_properties.clone(),
        })
    }
}

fn topic(text: &str) -> Result<String, String> {
    let is_one = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    match (1..=TOPIC_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_one) && !matches!(text, "." | "..") {
        true => as_it_is(text),
        false => Err(format!("1 to {TOPIC_BYTES_MAX} of a-z A-Z 0-9 . _ -")),
    }
}

fn partition(text: &str) -> Result<i32, String> {
    text.parse().ok().filter(|number| *number >= 0).ok_or_else(|| "a number from 0 on".into())
}

fn header_text(text: &str) -> Result<String, String> {
    match text.len() <= HEADER_BYTES_MAX {
        true => as_it_is(text),
        false => Err(format!("it is longer than {HEADER_BYTES_MAX} bytes")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::{Action, Message, SqlVersion};

    fn render(more: serde_json::Value) -> Result<String, String> {
        let mut action = json!({
            "destinationArn": "arn:aws:iot:x:1:ruledestination/vpc/v", "topic": "ovens", "clientProperties": {"bootstrap.servers": "b:9094"},
        });
        action.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let action = Action::parse(&json!({ "kafka": action }), SqlVersion::V2016_03_23).map_err(|e| e.to_string())?;
        let Action::Kafka(kafka) = &action else { panic!("kafka") };
        let message = Message { topic: "factory/oven-7", payload: br#"{"n":7,"to":"a b"}"#, ..Message::default() };
        let produce = kafka.render(&message, &mut |_: &mut [u8]| {}).map_err(|error| error.to_string())?;
        Ok(format!("{} {:?} {:?} {:?}", produce.topic, produce.partition, produce.key, produce.headers))
    }

    #[test]
    fn what_is_produced() {
        let properties =
            |name: &str, value: &str| json!({"clientProperties": {"bootstrap.servers": "b:9094", name: value}});
        #[rustfmt::skip] // members beside those that are required                                          record, or what it begins with that is wrong
        let table = [
            (json!({}),                                                                                     Ok("ovens None None []")),
            (json!({"topic": "${topic(2)}", "key": "${n}", "partition": "${n}"}),                           Ok("oven-7 Some(7) Some(\"7\") []")),
            (json!({"headers": [{"key": "n", "value": "${n}"}, {"key": "n", "value": "x"}]}),               Ok("ovens None None [(\"n\", \"7\"), (\"n\", \"x\")]")),
            (properties("ssl.truststore", "${get_secret('t', 'SecretBinary', 'r')}"),                       Ok("ovens None None []")),
            (json!({"topic": "${to}"}),                                                                     Err("`a b` is no topic: 1 to 249 of")),
            (json!({"topic": "a/b"}),                                                                       Err("kafka: `a/b` is no topic: 1 to 249 of")),
            (json!({"partition": "${to}"}),                                                                 Err("`a b` is no partition: a number from 0 on")),
            (json!({"partition": "-1"}),                                                                    Err("kafka: `-1` is no partition")),
            (json!({"clientProperties": null}),                                                             Err("kafka: clientProperties is required")),
            (json!({"clientProperties": {}}),                                                               Err("kafka: clientProperties: bootstrap.servers is required")),
            (json!({"destinationArn": null}),                                                               Err("kafka: destinationArn is required")),
            (json!({"headers": vec![json!({"key": "a", "value": "b"}); 101]}),                              Err("kafka: an action has at most 100 headers")),
            (properties("ssl.truststore", "${topic()}"),                                                    Err("kafka: clientProperties: ssl.truststore: its templates are `get_secret` alone")),
            (properties("ssl.truststore", "${get_secret(}"),                                                Err("kafka.clientProperties.ssl.truststore: line 1, column 14: expected an expression")),
        ];
        for (more, expected) in table {
            let found = render(more.clone());
            match expected {
                Ok(record) => assert_eq!(found.as_deref(), Ok(record), "{more}"),
                Err(begins) => assert!(found.as_ref().is_err_and(|said| said.starts_with(begins)), "{more}: {found:?}"),
            }
        }
    }
}
