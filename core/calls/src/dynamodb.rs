//! `dynamoDB` and `dynamoDBv2` (DynamoDB API reference: `PutItem`, `UpdateItem`, `DeleteItem`, `AttributeValue`).
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value, json};

use crate::call::{Action, Words};
use crate::{Context, Request};

/// `dynamoDB`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DynamoDb {
    role_arn: String,
    table_name: String,
    hash_key_field: String,
    hash_key_value: String,
    #[serde(default)]
    hash_key_type: KeyType,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    range_key_field: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    range_key_value: Option<String>,
    #[serde(default)]
    range_key_type: KeyType,
    /// Where the result goes; `payload`, without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    payload_field: Option<String>,
    /// `INSERT`, without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    operation: Option<String>,
}

/// Of a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum KeyType {
    #[default]
    String,
    Number,
}

/// `dynamoDBv2`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DynamoDbV2 {
    role_arn: String,
    put_item: PutItem,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PutItem {
    table_name: String,
}

impl DynamoDb {
    fn key(&self) -> Result<Map<String, Value>, String> {
        let mut key = Map::from_iter([(self.hash_key_field.clone(), self.hash_key_type.of(&self.hash_key_value))]);
        match (&self.range_key_field, &self.range_key_value) {
            (Some(field), Some(value)) => {
                key.insert(field.clone(), self.range_key_type.of(value));
            }
            (None, None) => {}
            _ => return Err("rangeKeyField and rangeKeyValue belong together".into()),
        }
        Ok(key)
    }
}

impl KeyType {
    fn of(self, value: &str) -> Value {
        match self {
            Self::String => json!({ "S": value }),
            Self::Number => json!({ "N": value }),
        }
    }
}

impl Action for DynamoDb {
    const WORDS: Words =
        Words { action: "DynamoAction", doing: "write the item into DynamoDB", kind: "dynamoDB", resource_is: "Table" };
    const SERVICE: &'static str = "dynamodb";

    fn resource(&self) -> &str {
        &self.table_name
    }

    fn request(&self, context: &Context<'_>) -> Result<Request, String> {
        let mut key = self.key()?;
        let field = self.payload_field.as_deref().filter(|field| !field.is_empty()).unwrap_or("payload");
        // What is not JSON is binary (developer guide, "DynamoDB": non-JSON data).
        let payload = || match serde_json::from_slice::<&RawValue>(context.result).and_then(attribute) {
            Ok(value) => value,
            Err(_) => json!({ "B": BASE64_STANDARD.encode(context.result) }),
        };
        let (operation, body) = match self.operation.as_deref() {
            None | Some("" | "INSERT") => {
                key.insert(field.into(), payload());
                ("PutItem", json!({ "TableName": self.table_name, "Item": key }))
            }
            Some("UPDATE") => {
                let body = json!({
                    "TableName": self.table_name, "Key": key, "UpdateExpression": "SET #p = :p",
                    "ExpressionAttributeNames": {"#p": field}, "ExpressionAttributeValues": {":p": payload()},
                });
                ("UpdateItem", body)
            }
            Some("DELETE") => ("DeleteItem", json!({ "TableName": self.table_name, "Key": key })),
            Some(other) => return Err(format!("`{other}` is no operation: INSERT, UPDATE and DELETE are")),
        };
        Ok(request(operation, &body))
    }
}

impl Action for DynamoDbV2 {
    const WORDS: Words = Words {
        action: "DynamoActionV2",
        doing: "write the item into DynamoDB",
        kind: "dynamoDBv2",
        resource_is: "Table",
    };
    const SERVICE: &'static str = "dynamodb";

    fn resource(&self) -> &str {
        &self.put_item.table_name
    }

    fn request(&self, context: &Context<'_>) -> Result<Request, String> {
        let members: BTreeMap<String, &RawValue> = serde_json::from_slice(context.result)
            .map_err(|error| format!("the result is not a JSON object: {error}"))?;
        let item = members.into_iter().map(|(name, value)| Ok((name, attribute(value)?)));
        let item = item.collect::<serde_json::Result<Map<_, _>>>().map_err(|error| error.to_string())?;
        Ok(request("PutItem", &json!({ "TableName": self.put_item.table_name, "Item": item })))
    }
}

pub(crate) fn request(operation: &str, body: &Value) -> Request {
    Request::json("1.0", &format!("DynamoDB_20120810.{operation}"), body)
}

/// JSON as DynamoDB writes it. Numbers keep their digits: it has 38 of them, more than a double.
fn attribute(value: &RawValue) -> serde_json::Result<Value> {
    let text = value.get();
    Ok(match text.as_bytes().first() {
        Some(b'n') => json!({ "NULL": true }),
        Some(b't') => json!({ "BOOL": true }),
        Some(b'f') => json!({ "BOOL": false }),
        Some(b'"') => json!({ "S": serde_json::from_str::<String>(text)? }),
        Some(b'[') => {
            let values: Vec<&RawValue> = serde_json::from_str(text)?;
            json!({ "L": values.into_iter().map(attribute).collect::<serde_json::Result<Vec<_>>>()? })
        }
        Some(b'{') => {
            let members: BTreeMap<String, &RawValue> = serde_json::from_str(text)?;
            let members = members.into_iter().map(|(name, value)| Ok((name, attribute(value)?)));
            json!({ "M": members.collect::<serde_json::Result<Map<_, _>>>()? })
        }
        _ => json!({ "N": text }),
    })
}

/// What DynamoDB writes, as JSON: sets are arrays, binary is base64. The same.
pub(crate) fn json_of(attribute: &Value) -> Result<Box<RawValue>, String> {
    let mut members = attribute.as_object().into_iter().flatten();
    let (Some((kind, value)), None) = (members.next(), members.next()) else {
        return Err("an attribute has one type".into());
    };
    let texts = || value.as_array().into_iter().flatten().filter_map(Value::as_str);
    let written = match (kind.as_str(), value) {
        ("S" | "B", Value::String(_)) | ("BOOL", Value::Bool(_)) | ("SS" | "BS", Value::Array(_)) => {
            to_raw_value(value)
        }
        ("NULL", _) => to_raw_value(&Value::Null),
        ("N", Value::String(digits)) => return number(digits),
        ("NS", Value::Array(_)) => to_raw_value(&texts().map(number).collect::<Result<Vec<_>, _>>()?),
        ("L", Value::Array(values)) => to_raw_value(&values.iter().map(json_of).collect::<Result<Vec<_>, _>>()?),
        ("M", Value::Object(members)) => {
            let members = members.iter().map(|(name, value)| Ok((name, json_of(value)?)));
            to_raw_value(&members.collect::<Result<BTreeMap<_, _>, String>>()?)
        }
        _ => return Err(format!("`{kind}` is no type of DynamoDB's, or its value is of another")),
    };
    written.map_err(|error| error.to_string())
}

/// With all its digits.
fn number(digits: &str) -> Result<Box<RawValue>, String> {
    let is_number = digits.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    let read = RawValue::from_string(digits.to_owned()).ok().filter(|_| is_number);
    read.ok_or_else(|| format!("`{digits}` is no number"))
}
