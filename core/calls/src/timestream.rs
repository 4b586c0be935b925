//! `timestream` (Timestream API reference: `WriteRecords`).
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::call::{Action, Words};
use crate::{Context, Request};

/// `timestream`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Timestream {
    role_arn: String,
    database_name: String,
    table_name: String,
    dimensions: Vec<Dimension>,
    /// When the message came, without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timestamp: Option<Time>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Dimension {
    name: String,
    value: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Time {
    value: String,
    unit: String,
}

impl Action for Timestream {
    const WORDS: Words = Words {
        action: "TimestreamAction",
        doing: "write the Timestream records",
        kind: "timestream",
        resource_is: "Table",
    };
    const SERVICE: &'static str = "timestream";

    fn resource(&self) -> &str {
        &self.table_name
    }

    fn request(&self, context: &Context<'_>) -> Result<Request, String> {
        let result = context.object()?;
        let records = result.iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| {
            let (kind, text) = measure(value);
            json!({ "MeasureName": name, "MeasureValue": text, "MeasureValueType": kind })
        });
        let dimensions = self.dimensions.iter().map(|one| json!({ "Name": one.name, "Value": one.value }));
        let (time, unit) = match &self.timestamp {
            Some(time) => (time.value.clone(), &*time.unit),
            None => (context.received.millis().to_string(), "MILLISECONDS"),
        };
        let body = json!({
            "DatabaseName": self.database_name, "TableName": self.table_name,
            "CommonAttributes": {"Dimensions": dimensions.collect::<Vec<_>>(), "Time": time, "TimeUnit": unit},
            "Records": records.collect::<Vec<_>>(),
        });
        Ok(Request::json("1.0", "Timestream_20181101.WriteRecords", &body))
    }
}

/// A value's type is what it looks like (developer guide, "Timestream": "The action's data types").
fn measure(value: &Value) -> (&'static str, String) {
    match value {
        Value::Bool(value) => ("BOOLEAN", value.to_string()),
        Value::Number(number) if number.is_i64() => ("BIGINT", number.to_string()),
        Value::Number(number) => ("DOUBLE", number.to_string()),
        Value::String(text) => ("VARCHAR", text.clone()),
        other => ("VARCHAR", other.to_string()),
    }
}
