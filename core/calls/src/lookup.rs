//! Calls whose answer a rule's statement waits for: `aws_lambda`, `get_dynamodb`, `get_secret` (developer guide, "Functions").
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::Request;
use crate::dynamodb;
use crate::request::encoded;

/// What is asked, and of whom.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Lookup {
    /// `aws_lambda` (Lambda API reference: `Invoke`, invocation type `RequestResponse`).
    Function {
        /// Which.
        arn: String,
        /// A JSON object.
        input: String,
    },
    /// `get_dynamodb` (DynamoDB API reference: `GetItem`).
    Item {
        /// Where.
        table: String,
        /// The names and values of its key: the partition's, and the sort key's if the table has one.
        key: Vec<(String, KeyValue)>,
    },
    /// `get_secret` (Secrets Manager API reference: `GetSecretValue`).
    Secret {
        /// Its name or ARN.
        id: String,
    },
}

/// Of an item's key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum KeyValue {
    /// `S`
    Text(String),
    /// `N`, as it is written.
    Number(String),
}

/// Functions, and the services they ask.
const ASKED: &[(&str, &str)] =
    &[("aws_lambda", "lambda"), ("get_dynamodb", "dynamodb"), ("get_secret", "secretsmanager")];

/// The service that a function asks; none if it asks none.
pub fn service_asked_by(function: &str) -> Option<&'static str> {
    ASKED.iter().find(|(name, _)| *name == function).map(|(_, service)| *service)
}

impl Lookup {
    /// The function that asks.
    pub const fn asked_by(&self) -> &'static str {
        match self {
            Self::Function { .. } => "aws_lambda",
            Self::Item { .. } => "get_dynamodb",
            Self::Secret { .. } => "get_secret",
        }
    }

    /// One of [`crate::SERVICES`].
    pub fn service(&self) -> &'static str {
        service_asked_by(self.asked_by()).unwrap_or_default()
    }

    /// The request.
    pub fn request(&self) -> Request {
        match self {
            Self::Function { arn, input } => Request {
                method: "POST",
                path: format!("/2015-03-31/functions/{}/invocations", encoded(arn)),
                headers: vec![
                    ("content-type", "application/json".into()),
                    ("x-amz-invocation-type", "RequestResponse".into()),
                ],
                body: input.clone().into_bytes(),
            },
            Self::Item { table, key } => {
                let key = key.iter().map(|(name, value)| (name.clone(), value.attribute()));
                let body = json!({ "TableName": table, "Key": key.collect::<Map<_, _>>() });
                dynamodb::request("GetItem", &body)
            }
            Self::Secret { id } => Request::json("1.1", "secretsmanager.GetSecretValue", &json!({ "SecretId": id })),
        }
    }

    /// What an answer says, as JSON; `None` if there is no such item. Of a secret it is `SecretString` and `SecretBinary`, whichever it has.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(&self, answer: &[u8]) -> Result<Option<String>, String> {
        match self {
            Self::Function { .. } => match serde_json::from_slice::<&RawValue>(answer) {
                Ok(json) => Ok(Some(json.get().to_owned())),
                Err(error) => Err(format!("the function's answer is not JSON: {error}")),
            },
            Self::Item { .. } => {
                #[derive(Deserialize)]
                struct Found {
                    #[serde(rename = "Item")]
                    item: Option<BTreeMap<String, Value>>,
                }
                let found: Found = serde_json::from_slice(answer).map_err(|error| error.to_string())?;
                let Some(item) = found.item else { return Ok(None) };
                let members = item.iter().map(|(name, value)| Ok((name, dynamodb::json_of(value)?)));
                let members = members.collect::<Result<BTreeMap<_, _>, String>>()?;
                serde_json::to_string(&members).map(Some).map_err(|error| error.to_string())
            }
            Self::Secret { .. } => {
                #[derive(Deserialize, serde::Serialize)]
                #[serde(rename_all = "PascalCase")]
                struct Found {
                    #[serde(skip_serializing_if = "Option::is_none")]
                    secret_string: Option<String>,
                    #[serde(skip_serializing_if = "Option::is_none")]
                    secret_binary: Option<String>,
                }
                let found: Found = serde_json::from_slice(answer).map_err(|error| error.to_string())?;
                serde_json::to_string(&found).map(Some).map_err(|error| error.to_string())
            }
        }
    }
}

impl KeyValue {
    fn attribute(&self) -> Value {
        match self {
            Self::Text(text) => json!({ "S": text }),
            Self::Number(number) => json!({ "N": number }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item() -> Lookup {
        let key = vec![("k".into(), KeyValue::Text("v".into())), ("n".into(), KeyValue::Number("7".into()))];
        Lookup::Item { table: "t".into(), key }
    }

    #[test]
    fn what_is_asked() {
        let function = Lookup::Function { arn: "arn:aws:lambda:x:1:function:f".into(), input: "{}".into() };
        #[rustfmt::skip]
        let table = [
            (function,                              "/2015-03-31/functions/arn%3Aaws%3Alambda%3Ax%3A1%3Afunction%3Af/invocations RequestResponse {}"),
            (item(),                                r#"/ DynamoDB_20120810.GetItem {"TableName":"t","Key":{"k":{"S":"v"},"n":{"N":"7"}}}"#),
            (Lookup::Secret { id: "s".into() },     r#"/ secretsmanager.GetSecretValue {"SecretId":"s"}"#),
        ];
        for (lookup, expected) in table {
            let Request { path, headers, body, .. } = lookup.request();
            assert_eq!(format!("{path} {} {}", headers[1].1, String::from_utf8(body).unwrap()), expected);
            assert!(crate::SERVICES.contains(&lookup.service()));
        }
    }

    #[test]
    fn what_is_answered() {
        let function = Lookup::Function { arn: "f".into(), input: "{}".into() };
        let secret = Lookup::Secret { id: "s".into() };
        let every_type = r#"{"Item":{"s":{"S":"a\"b"},"n":{"N":"12345678901234567890123.5"},"b":{"BOOL":true},"z":{"NULL":true},"y":{"B":"AP8="},
            "l":{"L":[{"N":"1"},{"L":[]}]},"m":{"M":{"in":{"S":""}}},"ss":{"SS":["x","y"]},"ns":{"NS":["1","2.5"]},"bs":{"BS":["AA=="]}}}"#;
        #[rustfmt::skip] // asked, answered                                                    told
        let table = [
            (&function, r#" {"a": 1}"#,                                                        Ok(Some(r#"{"a": 1}"#))),
            (&function, "null",                                                                Ok(Some("null"))),
            (&function, "no",                                                                  Err("the function's answer is not JSON")),
            (&item(),   "{}",                                                                  Ok(None)),
            (&item(),   every_type,                                                            Ok(Some(r#"{"b":true,"bs":["AA=="],"l":[1,[]],"m":{"in":""},"n":12345678901234567890123.5,"ns":[1,2.5],"s":"a\"b","ss":["x","y"],"y":"AP8=","z":null}"#))),
            (&item(),   r#"{"Item":{"a":{"X":1}}}"#,                                           Err("`X` is no type of DynamoDB's")),
            (&item(),   r#"{"Item":{"a":{"N":"a"}}}"#,                                         Err("`a` is no number")),
            (&secret,   r#"{"ARN":"x","SecretString":"{\"u\":1}"}"#,                           Ok(Some(r#"{"SecretString":"{\"u\":1}"}"#))),
            (&secret,   r#"{"SecretBinary":"AP8="}"#,                                          Ok(Some(r#"{"SecretBinary":"AP8="}"#))),
            (&secret,   "[",                                                                   Err("EOF")),
        ];
        for (lookup, answer, expected) in table {
            match (lookup.read(answer.as_bytes()), expected) {
                (Ok(told), Ok(expected)) => assert_eq!(told.as_deref(), expected, "{answer}"),
                (Err(problem), Err(begins)) => assert!(problem.starts_with(begins), "{answer}: {problem}"),
                (told, _) => panic!("{answer}: {told:?}"),
            }
        }
    }

    /// Whatever a service answers: it is read, or it is not.
    #[test]
    fn no_answer_panics() {
        bolero::check!().for_each(|answer: &[u8]| {
            for lookup in [
                item(),
                Lookup::Function { arn: String::new(), input: String::new() },
                Lookup::Secret { id: String::new() },
            ] {
                if let Ok(Some(told)) = lookup.read(answer) {
                    serde_json::from_str::<Value>(&told).unwrap();
                }
            }
        });
    }
}
