//! For tests: a server that knows of one oven.
use sekisho_calls::{KeyValue, Lookup};

use crate::{Answer, Known, ProtobufMessage, Question};

/// It, `oven-7`. Who asks for an answer with `later` in it is not answered yet.
#[derive(Debug)]
pub(crate) struct OneOven;

impl Known for OneOven {
    fn thing_shadow(&self, thing: &str, shadow: Option<&str>) -> Option<String> {
        let reported = if shadow.is_none() { r#"{"on": true}"# } else { r#"{"open": false}"# };
        (thing == "oven-7").then(|| format!(r#"{{"state": {{"reported": {reported}}}}}"#))
    }

    fn registry_data(&self, api: &str, thing: &str) -> Option<String> {
        let is_known = api == "DescribeThing" && thing == "oven-7";
        is_known.then(|| r#"{"thingName": "oven-7", "attributes": {"site": "north"}}"#.to_owned())
    }

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
            Question::Call(_) | Question::Protobuf(_) => return Answer::Nothing,
        };
        Answer::Json(json.to_owned())
    }
}
