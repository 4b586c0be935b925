//! For tests: a server that knows of one oven.
use sekisho_calls::{KeyValue, Lookup};

use crate::{Answer, Known, ProtobufMessage, Question};

/// It, `oven-7`. Who asks for an answer with `later` in it is not answered yet.
#[derive(Debug)]
pub(crate) struct OneOven;

impl Known for OneOven {
    fn answer(&self, question: &Question) -> Answer {
        let json = match question {
            Question::Call(Lookup::Item { key, .. }) if key[0].1 == KeyValue::Text("later".into()) => {
                return Answer::NotYet;
            }
            Question::Call(Lookup::Item { key, .. }) if key[0].1 == KeyValue::Text("large".into()) => {
                return Answer::Json(format!("[{}1]", " ".repeat(8 * 1024)));
            }
            Question::Call(Lookup::Function { input, .. }) if input == r#"{"oven":7}"# => r#"{"site":"north"}"#,
            Question::Call(Lookup::Item { key, .. }) if key[0].1 == KeyValue::Number("7".into()) => {
                r#"{"site": "north", "on": true}"#
            }
            Question::Call(Lookup::Secret { .. }) => r#"{"SecretString": "{\"user\":\"ovens\"}"}"#,
            Question::Protobuf(ProtobufMessage { data, .. }) if data == b"\x08\x07" || data == br"\u0008\u0007" => {
                r#"{"n": 7}"#
            }
            Question::Shadow { thing, shadow: None } if thing == "oven-7" => r#"{"state": {"reported": {"on": true}}}"#,
            Question::Shadow { thing, .. } if thing == "oven-7" => r#"{"state": {"reported": {"open": false}}}"#,
            Question::Registry { api, thing } if api == "DescribeThing" && thing == "oven-7" => {
                r#"{"thingName": "oven-7", "attributes": {"site": "north"}}"#
            }
            _ => return Answer::Nothing,
        };
        Answer::Json(json.to_owned())
    }
}
