//! SerDe options: how JSON is read (`OpenXJsonSerDe`, `HiveJsonSerDe`), how Parquet is written (`ParquetSerDe`).
use std::collections::BTreeMap;

use parquet::basic::{Compression, GzipLevel};
use parquet::file::properties::{WriterProperties, WriterVersion};
use serde::{Deserialize, Serialize};

use crate::SchemaError;
use crate::timestamp::Format;

/// Who wrote a file: "<application> version <v> (build <hash>)", as readers parse it. Says nothing of a release, so that a
/// batch that is written again after an upgrade does not differ by it.
const CREATED_BY: &str = "sekisho version 1 (build 0)";

/// `Deserializer`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum JsonOptions {
    /// `OpenXJsonSerDe`
    OpenX {
        /// `CaseInsensitive`: keys are lower-cased before they are looked up.
        case_insensitive: bool,
        /// `ConvertDotsInJsonKeysToUnderscores`
        convert_dots: bool,
        /// `ColumnToJsonKeyMappings`
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        column_to_json_key: BTreeMap<String, String>,
    },
    /// `HiveJsonSerDe`
    Hive {
        /// `TimestampFormats`: Joda patterns, or `millis`. Without any it is `java.sql.Timestamp.valueOf`.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        timestamp_formats: Vec<String>,
    },
}

impl Default for JsonOptions {
    fn default() -> Self {
        Self::OpenX { case_insensitive: true, convert_dots: false, column_to_json_key: BTreeMap::new() }
    }
}

impl JsonOptions {
    /// Whether records can be read by these.
    ///
    /// # Errors
    /// [`SchemaError::TimestampFormat`].
    pub fn check(&self) -> Result<(), SchemaError> {
        self.formats().map(drop)
    }

    pub(crate) fn formats(&self) -> Result<Vec<Format>, SchemaError> {
        let Self::Hive { timestamp_formats } = self else { return Ok(Vec::new()) };
        let format = |text: &String| Format::parse(text).ok_or_else(|| SchemaError::TimestampFormat(text.clone()));
        timestamp_formats.iter().map(format).collect()
    }
}

/// `ParquetSerDe.Compression`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ParquetCompression {
    /// As it is.
    Uncompressed,
    /// Smaller.
    Gzip,
    /// Faster.
    #[default]
    Snappy,
}

/// `ParquetSerDe.WriterVersion`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ParquetVersion {
    /// Data pages of version 1.
    #[default]
    V1,
    /// Data pages of version 2, and its encodings.
    V2,
}

/// `ParquetSerDe`. `MaxPaddingBytes` is not here: padding aligns row groups with the blocks of HDFS, and there are none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParquetOptions {
    /// `BlockSizeBytes`: a row group's size, in memory.
    pub block_size_bytes: u64,
    /// `PageSizeBytes`
    pub page_size_bytes: u64,
    /// `Compression`
    pub compression: ParquetCompression,
    /// `EnableDictionaryCompression`
    pub dictionary: bool,
    /// `WriterVersion`
    pub version: ParquetVersion,
}

impl Default for ParquetOptions {
    fn default() -> Self {
        Self {
            block_size_bytes: 256 * 1024 * 1024,
            page_size_bytes: 1024 * 1024,
            compression: ParquetCompression::Snappy,
            dictionary: false,
            version: ParquetVersion::V1,
        }
    }
}

impl ParquetOptions {
    pub(crate) fn properties(&self) -> WriterProperties {
        let compression = match self.compression {
            ParquetCompression::Uncompressed => Compression::UNCOMPRESSED,
            ParquetCompression::Gzip => Compression::GZIP(GzipLevel::default()),
            ParquetCompression::Snappy => Compression::SNAPPY,
        };
        let version = match self.version {
            ParquetVersion::V1 => WriterVersion::PARQUET_1_0,
            ParquetVersion::V2 => WriterVersion::PARQUET_2_0,
        };
        WriterProperties::builder()
            .set_created_by(CREATED_BY.to_owned())
            .set_writer_version(version)
            .set_compression(compression)
            .set_dictionary_enabled(self.dictionary)
            .set_data_page_size_limit(usize::try_from(self.page_size_bytes).unwrap_or(usize::MAX))
            .build()
    }
}
