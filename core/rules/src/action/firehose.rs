//! `firehose`: the result is a record (developer guide, "Firehose": batchMode, deliveryStreamName, separator).
use sekisho_types::{DeliveryStreamName, Random};
use serde_json::Value;

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
