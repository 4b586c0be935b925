//! `firehose`: the result is a record (developer guide, "Firehose": batchMode, deliveryStreamName, separator).
use sekisho_types::{DeliveryStreamName, Random};
use serde_json::Value;
use serde_json::value::RawValue;

use super::members::{Field, Members};
use super::{ActionError, RenderError};
use crate::Message;

/// `firehose`
#[derive(Debug)]
pub struct FirehoseAction {
    pub(super) delivery_stream_name: Field<DeliveryStreamName>,
    separator: &'static str,
    batch_mode: bool,
}

/// A record to be put, beside its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Put {
    /// Into which stream.
    pub delivery_stream_name: DeliveryStreamName,
    /// Stands behind the record; may be empty.
    pub separator: &'static str,
    /// The result is a record for each of its elements, if it is an array.
    pub batch_mode: bool,
}

/// Records of a batch (Firehose API reference: `PutRecordBatch`).
const BATCH_RECORDS_MAX: usize = 500;

impl Put {
    /// The records of a batch, each with the separator behind it; `None` if the result is one record.
    ///
    /// # Errors
    /// For more than go into a batch, in words for the operator.
    pub fn batch(&self, result: &[u8]) -> Result<Option<Vec<Vec<u8>>>, String> {
        let elements = || serde_json::from_slice::<Vec<&RawValue>>(result).ok();
        let Some(elements) = self.batch_mode.then(elements).flatten() else { return Ok(None) };
        if elements.len() > BATCH_RECORDS_MAX {
            let count = elements.len();
            return Err(format!("the result has {count} elements, and a batch at most {BATCH_RECORDS_MAX}"));
        }
        let record = |element: &RawValue| [element.get().as_bytes(), self.separator.as_bytes()].concat();
        Ok(Some(elements.into_iter().map(record).collect()))
    }
}

impl FirehoseAction {
    pub(super) fn parse(members: &Members<'_>) -> Result<Self, ActionError> {
        let delivery_stream_name = members.required_field("deliveryStreamName", |text| {
            DeliveryStreamName::parse(text).map_err(|error| error.rule.to_string())
        })?;
        members.required("roleArn")?;
        let batch_mode = members.get("batchMode").and_then(Value::as_bool).unwrap_or(false);
        let separator = match members.text("separator") {
            None => "",
            Some("\n") => "\n",
            Some("\t") => "\t",
            Some("\r\n") => "\r\n",
            Some(",") => ",",
            Some(_) => return Err(members.invalid("separator is one of \\n, \\t, \\r\\n and a comma")),
        };
        Ok(Self { delivery_stream_name, separator, batch_mode })
    }

    /// What to put for a message.
    ///
    /// # Errors
    /// [`RenderError`].
    pub fn render(&self, message: &Message<'_>, random: &mut dyn Random) -> Result<Put, RenderError> {
        let delivery_stream_name = self.delivery_stream_name.render(message, random)?;
        Ok(Put { delivery_stream_name, separator: self.separator, batch_mode: self.batch_mode })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_records_of_a_batch() {
        let many = format!("[{}]", vec!["1"; BATCH_RECORDS_MAX + 1].join(","));
        #[rustfmt::skip] // batch mode  result                      records
        let table = [
            (false,                     "[1, 2]",                   Ok(None)),
            (false,                     &many,                      Ok(None)),
            (true,                      "[1, \"a;b\", {\"c\": [2]}]", Ok(Some("1;\"a;b\";{\"c\": [2]};"))),
            (true,                      "[]",                       Ok(Some(""))),
            (true,                      "{\"a\": 1}",               Ok(None)),
            (true,                      "no JSON",                  Ok(None)),
            (true,                      &many,                      Err("the result has 501 elements, and a batch at most 500")),
        ];
        for (batch_mode, result, expected) in table {
            let name = DeliveryStreamName::parse("s").unwrap();
            let put = Put { delivery_stream_name: name, separator: ";", batch_mode };
            let records = put.batch(result.as_bytes());
            let records = records.map(|records| records.map(|records| String::from_utf8(records.concat()).unwrap()));
            assert_eq!(records, expected.map(|text| text.map(str::to_owned)).map_err(str::to_owned), "{result:.40}");
        }
    }
}
