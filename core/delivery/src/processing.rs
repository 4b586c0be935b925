//! What becomes of a record before it is buffered: unpacked, taken apart, given the keys of its partition, delimited.
//!
//! Receives one record as it was put; hands on the records that are buffered, each with the partition it belongs to, or the
//! document for the error output that tells why there is none.
mod query; // partition keys by jq

use std::collections::BTreeMap;
use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sekisho_types::Timestamp;
use serde_json::{Value, json};

use self::query::Query;
use crate::config::EVALUATED_PREFIX_BYTES_MAX;
use crate::{DeliveryError, Destination};

/// Sub-records of one record (Firehose developer guide: dynamic partitioning, "at most 500").
const SUB_RECORDS_MAX: usize = 500;
/// Bytes a packed record may unpack to. And then: it goes to the error output.
const UNPACKED_BYTES_MAX: u64 = 10 * 1024 * 1024;

/// The processors of a stream, ready to run. Without any, records pass as they are.
#[derive(Debug, Default)]
pub struct Pipeline {
    decompress: bool,
    log_messages: bool,
    deaggregate: Option<SubRecords>,
    query: Option<Query>,
    /// The keys the stream's prefix names, each as often as it does.
    keys: Vec<String>,
    /// Bytes their values may have together: an object's key is bounded.
    values_max: usize,
    delimiter: Vec<u8>,
}

#[derive(Debug)]
enum SubRecords {
    Json,
    Delimited(Vec<u8>),
}

/// A record to buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Processed {
    /// Which objects it belongs to.
    pub partition: Partition,
    /// What it holds by now.
    pub data: Vec<u8>,
}

/// Which of a stream's buffers a record is in.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Partition {
    /// The one buffer of a stream without partitions.
    #[default]
    Whole,
    /// By its keys.
    Keys(BTreeMap<String, String>),
    /// The error output, by its `error-output-type`.
    Errors(String),
}

/// Partitions of a stream that hold records at one time (Firehose quotas). And then: new ones go to the error output.
pub const PARTITIONS_MAX: usize = 500;
/// `error-output-type` of a record that could not be processed.
const PROCESSING_FAILED: &str = "processing-failed";
/// `error-output-type` of a record whose partition keys could not be had.
const METADATA_EXTRACTION_FAILED: &str = "metadata-extraction-failed";

impl Partition {
    /// As it stands in the journal; `None` for [`Partition::Whole`].
    pub fn to_text(&self) -> Option<String> {
        match self {
            Self::Whole => None,
            Self::Keys(keys) => Some(json!(keys).to_string()),
            Self::Errors(output_type) => Some(format!("!{output_type}")),
        }
    }

    /// Reads what [`Partition::to_text`] wrote.
    pub fn parse(text: Option<&str>) -> Option<Self> {
        match text {
            None => Some(Self::Whole),
            Some(text) => match text.strip_prefix('!') {
                Some(output_type) => Some(Self::Errors(output_type.to_owned())),
                None => serde_json::from_str(text).ok().map(Self::Keys),
            },
        }
    }
}

struct Failure {
    output_type: &'static str,
    code: &'static str,
    message: String,
}

impl Failure {
    fn processing(code: &'static str, message: impl Into<String>) -> Self {
        Self { output_type: PROCESSING_FAILED, code, message: message.into() }
    }

    fn extraction(message: impl Into<String>) -> Self {
        let (output_type, code) = (METADATA_EXTRACTION_FAILED, "DynamicPartitioning.MetadataExtractionFailed");
        Self { output_type, code, message: message.into() }
    }
}

impl Pipeline {
    /// The pipeline of a destination.
    ///
    /// # Errors
    /// [`DeliveryError::InvalidArgument`], [`DeliveryError::NotOffered`].
    pub fn new(destination: &Destination) -> Result<Self, DeliveryError> {
        let mut pipeline = Self::default();
        for processor in destination.processors() {
            pipeline.add(&processor)?;
        }
        let prefix = destination.parse_prefix()?;
        pipeline.keys = prefix.partition_keys().map(str::to_owned).collect();
        pipeline.values_max = EVALUATED_PREFIX_BYTES_MAX.saturating_sub(prefix.longest());
        match (destination.dynamic_partitioning, &pipeline.query) {
            (false, Some(_)) => invalid("MetadataExtraction needs DynamicPartitioningConfiguration enabled"),
            (true, None) => invalid("Dynamic partitioning needs a MetadataExtraction processor"),
            (true, Some(_)) if pipeline.keys.is_empty() => {
                invalid("Dynamic partitioning needs !{partitionKeyFromQuery:…} in the Prefix")
            }
            (false, None) if !pipeline.keys.is_empty() => {
                invalid("!{partitionKeyFromQuery:…} needs DynamicPartitioningConfiguration enabled")
            }
            _ => Ok(pipeline),
        }
    }

    /// Whether records pass as they are.
    pub fn is_empty(&self) -> bool {
        !self.decompress
            && !self.log_messages
            && self.deaggregate.is_none()
            && self.query.is_none()
            && self.delimiter.is_empty()
    }

    fn add(&mut self, processor: &Value) -> Result<(), DeliveryError> {
        let parameter = |name: &str| {
            let parameters = processor["Parameters"].as_array().into_iter().flatten();
            let mut named = parameters.filter(|parameter| parameter["ParameterName"] == name);
            named.next().and_then(|parameter| parameter["ParameterValue"].as_str())
        };
        match processor["Type"].as_str().unwrap_or_default() {
            "Decompression" => match parameter("CompressionFormat") {
                Some("GZIP") | None => self.decompress = true,
                Some(other) => return invalid(format!("Decompression: CompressionFormat `{other}` is not GZIP")),
            },
            "CloudWatchLogProcessing" => match parameter("DataMessageExtraction") {
                Some("true") => self.log_messages = true,
                Some("false") | None => {}
                Some(other) => return invalid(format!("DataMessageExtraction `{other}` is not true or false")),
            },
            "RecordDeAggregation" => {
                self.deaggregate = Some(match parameter("SubRecordType") {
                    Some("JSON") => SubRecords::Json,
                    Some("DELIMITED") => {
                        let delimiter = parameter("Delimiter").and_then(|text| STANDARD.decode(text).ok());
                        match delimiter.filter(|delimiter| !delimiter.is_empty()) {
                            Some(delimiter) => SubRecords::Delimited(delimiter),
                            None => return invalid("RecordDeAggregation: Delimiter is not base64 of at least a byte"),
                        }
                    }
                    _ => return invalid("RecordDeAggregation: SubRecordType is JSON or DELIMITED"),
                });
            }
            "MetadataExtraction" => {
                match parameter("JsonParsingEngine") {
                    Some("JQ-1.6") | None => {}
                    Some(other) => return invalid(format!("JsonParsingEngine `{other}` is not JQ-1.6")),
                }
                let Some(text) = parameter("MetadataExtractionQuery") else {
                    return invalid("MetadataExtraction: MetadataExtractionQuery is required");
                };
                let query = Query::compile(text);
                self.query = Some(query.map_err(|problem| {
                    DeliveryError::InvalidArgument(format!("MetadataExtractionQuery: {problem}"))
                })?);
            }
            "AppendDelimiterToRecord" => {
                // The API takes the two characters `\n`; without a parameter it is a line feed.
                let text = parameter("Delimiter").unwrap_or("\\n");
                self.delimiter = text.replace("\\n", "\n").replace("\\t", "\t").into_bytes();
            }
            "Lambda" => return Err(DeliveryError::NotOffered("Processor Lambda".into())),
            other => return invalid(format!("`{other}` is not a processor")),
        }
        Ok(())
    }

    /// Runs the processors over one record.
    pub fn run(&self, data: &[u8], arrival: Timestamp) -> Vec<Processed> {
        let failed = |failure: Failure, raw: &[u8]| Processed {
            partition: Partition::Errors(failure.output_type.to_owned()),
            data: error_document(&failure, raw, arrival),
        };
        let unpacked = match self.unpack(data) {
            Ok(unpacked) => unpacked,
            Err(failure) => return vec![failed(failure, data)],
        };
        if self.log_messages && unpacked.is_empty() {
            return Vec::new();
        }
        let records = match self.take_apart(&unpacked) {
            Ok(records) => records,
            Err(failure) => return vec![failed(failure, data)],
        };
        let finish = |record: &[u8]| match self.partition(record) {
            Ok(partition) => Processed { partition, data: [record, &self.delimiter].concat() },
            Err(failure) => failed(failure, record),
        };
        records.into_iter().map(finish).collect()
    }

    fn unpack(&self, data: &[u8]) -> Result<Vec<u8>, Failure> {
        let mut out = data.to_vec();
        if self.decompress {
            let mut unpacked = Vec::new();
            let mut reader = flate2::read::MultiGzDecoder::new(data).take(UNPACKED_BYTES_MAX + 1);
            reader
                .read_to_end(&mut unpacked)
                .map_err(|error| Failure::processing("Decompression.GzipFailed", error.to_string()))?;
            if unpacked.len() as u64 > UNPACKED_BYTES_MAX {
                let message = format!("it unpacks to more than {UNPACKED_BYTES_MAX} bytes");
                return Err(Failure::processing("Decompression.TooLarge", message));
            }
            out = unpacked;
        }
        if self.log_messages {
            out = log_messages(&out)?;
        }
        Ok(out)
    }

    fn take_apart<'a>(&self, data: &'a [u8]) -> Result<Vec<&'a [u8]>, Failure> {
        let records: Vec<&[u8]> = match &self.deaggregate {
            None => return Ok(vec![data]),
            Some(SubRecords::Json) => json_records(data)?,
            Some(SubRecords::Delimited(delimiter)) => {
                split(data, delimiter).into_iter().filter(|record| !record.is_empty()).collect()
            }
        };
        if records.len() > SUB_RECORDS_MAX {
            let message = format!("a record holds at most {SUB_RECORDS_MAX} sub-records");
            return Err(Failure::processing("RecordDeAggregation.TooMany", message));
        }
        Ok(records)
    }

    fn partition(&self, record: &[u8]) -> Result<Partition, Failure> {
        let Some(query) = &self.query else { return Ok(Partition::Whole) };
        let mut found = query.keys_of(record).map_err(Failure::extraction)?;
        // Keys the prefix does not name make no difference to where a record goes.
        found.retain(|name, _| self.keys.contains(name));
        if let Some(missing) = self.keys.iter().find(|name| found.get(*name).is_none_or(String::is_empty)) {
            return Err(Failure::extraction(format!("partition key `{missing}` has no value")));
        }
        let length: usize = self.keys.iter().filter_map(|name| found.get(name)).map(String::len).sum();
        if length > self.values_max {
            let message = format!("the evaluated prefix has more than {EVALUATED_PREFIX_BYTES_MAX} bytes");
            return Err(Failure::extraction(message));
        }
        Ok(Partition::Keys(found))
    }
}

/// A line of the error output. It holds the record as it was put.
fn error_document(failure: &Failure, raw: &[u8], arrival: Timestamp) -> Vec<u8> {
    let document = json!({
        "attemptsMade": 1,
        "arrivalTimestamp": arrival.millis(),
        "errorCode": failure.code,
        "errorMessage": failure.message,
        "attemptEndingTimestamp": arrival.millis(),
        "rawData": STANDARD.encode(raw),
    });
    format!("{document}\n").into_bytes()
}

impl Processed {
    /// What becomes of a record that would have needed one partition more than [`PARTITIONS_MAX`].
    pub fn without_partition(raw: &[u8], arrival: Timestamp) -> Self {
        let failure = Failure {
            output_type: PROCESSING_FAILED,
            code: "DynamicPartitioning.ActivePartitionsLimitExceeded",
            message: format!("more than {PARTITIONS_MAX} active partitions"),
        };
        Self {
            partition: Partition::Errors(failure.output_type.to_owned()),
            data: error_document(&failure, raw, arrival),
        }
    }
}

/// Objects, one after the other, with or without white space between.
fn json_records(data: &[u8]) -> Result<Vec<&[u8]>, Failure> {
    let values = serde_json::Deserializer::from_slice(data).into_iter::<&serde_json::value::RawValue>();
    let mut records = Vec::new();
    for value in values {
        let value = value.map_err(|error| Failure::processing("RecordDeAggregation.JsonFailed", error.to_string()))?;
        records.push(value.get().as_bytes());
        if records.len() > SUB_RECORDS_MAX {
            break;
        }
    }
    Ok(records)
}

fn split<'a>(data: &'a [u8], delimiter: &[u8]) -> Vec<&'a [u8]> {
    let (mut records, mut rest) = (Vec::new(), data);
    while let Some(at) = rest.windows(delimiter.len()).position(|window| window == delimiter) {
        records.push(&rest[..at]);
        rest = &rest[at + delimiter.len()..];
    }
    records.push(rest);
    records
}

/// The messages of a CloudWatch Logs envelope, one a line; nothing of a control message.
fn log_messages(data: &[u8]) -> Result<Vec<u8>, Failure> {
    let failed = |message: &str| Failure::processing("CloudWatchLogProcessing.Failed", message);
    let envelope: Value = serde_json::from_slice(data).map_err(|error| failed(&error.to_string()))?;
    match envelope["messageType"].as_str() {
        Some("CONTROL_MESSAGE") => Ok(Vec::new()),
        Some("DATA_MESSAGE") => {
            let events = envelope["logEvents"].as_array().ok_or_else(|| failed("logEvents is not a list"))?;
            let mut out = Vec::new();
            for event in events {
                let message = event["message"].as_str().ok_or_else(|| failed("a log event has no message"))?;
                out.extend_from_slice(message.as_bytes());
                out.push(b'\n');
            }
            Ok(out)
        }
        _ => Err(failed("not a message of CloudWatch Logs")),
    }
}

fn invalid<T>(message: impl Into<String>) -> Result<T, DeliveryError> {
    Err(DeliveryError::InvalidArgument(message.into()))
}

#[cfg(test)]
mod tests;
