//! Which of a stream's buffers a record is in. Each buffer becomes objects of its own.
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;

/// Partitions of a stream that hold records at one time (Firehose quotas). And then: new ones go to the error output.
pub const PARTITIONS_MAX: usize = 500;
/// `error-output-type` of a record that could not be processed.
pub(crate) const PROCESSING_FAILED: &str = "processing-failed";
/// `error-output-type` of a record whose partition keys could not be had.
pub(crate) const METADATA_EXTRACTION_FAILED: &str = "metadata-extraction-failed";

/// One of a stream's buffers.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Partition {
    /// The one buffer of a stream without partitions.
    #[default]
    Whole,
    /// By the keys that its prefix names, see [`Partition::of_keys`].
    Keys(Arc<str>),
    /// The error output, by its `error-output-type`.
    Errors(Arc<str>),
    /// Records that wait for the transformation.
    Untransformed,
    /// Copies of the records as they were put: `S3BackupMode`.
    Backup,
}

impl Partition {
    /// By keys: as an expression spells them, `partitionKeyFromQuery:year`, and their values.
    pub fn of_keys(keys: &BTreeMap<String, String>) -> Self {
        Self::Keys(json!(keys).to_string().into())
    }

    /// What [`Partition::of_keys`] was given.
    pub fn keys(&self) -> BTreeMap<String, String> {
        match self {
            Self::Keys(text) => serde_json::from_str(text).unwrap_or_default(),
            Self::Whole | Self::Errors(_) | Self::Untransformed | Self::Backup => BTreeMap::new(),
        }
    }

    /// As it stands in the journal; `None` for [`Partition::Whole`].
    pub fn to_text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Whole => None,
            Self::Keys(keys) => Some(Cow::Borrowed(keys)),
            Self::Errors(output_type) => Some(format!("!{output_type}").into()),
            Self::Untransformed => Some("*".into()),
            Self::Backup => Some("+".into()),
        }
    }

    /// Reads what [`Partition::to_text`] wrote.
    pub fn parse(text: Option<&str>) -> Option<Self> {
        let Some(text) = text else { return Some(Self::Whole) };
        match (text, text.strip_prefix('!')) {
            ("*", _) => Some(Self::Untransformed),
            ("+", _) => Some(Self::Backup),
            (_, Some(output_type)) => Some(Self::Errors(output_type.into())),
            (_, None) => serde_json::from_str::<BTreeMap<String, String>>(text).ok().map(|_| Self::Keys(text.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_read_as_it_was_written() {
        let keys = BTreeMap::from([("a".to_owned(), "1/2".to_owned()), ("b".to_owned(), "!\"".to_owned())]);
        let by_keys = Partition::of_keys(&keys);
        assert_eq!(by_keys.keys(), keys);
        let errors = Partition::Errors(PROCESSING_FAILED.into());
        for partition in [Partition::Whole, by_keys, errors, Partition::Untransformed, Partition::Backup] {
            assert_eq!(Partition::parse(partition.to_text().as_deref()), Some(partition));
        }
        assert_eq!(Partition::parse(Some("nonsense")), None);
    }
}
