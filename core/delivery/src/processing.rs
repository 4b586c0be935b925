//! What becomes of a record before it is buffered: unpacked, taken apart, transformed, given the keys of its partition, delimited.
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
use crate::partition::{METADATA_EXTRACTION_FAILED, PARTITIONS_MAX, PROCESSING_FAILED};
use crate::prefix::PartitionKey;
use crate::{DeliveryError, Destination, Lambda, Partition, Transformed};

/// Sub-records of one record (Firehose developer guide: dynamic partitioning, "at most 500").
const SUB_RECORDS_MAX: usize = 500;
/// Bytes a packed record may unpack to. And then: it goes to the error output.
const UNPACKED_BYTES_MAX: u64 = 10 * 1024 * 1024;
/// Bytes that the records of one request may become: sixteen times the largest PutRecordBatch. And then: the others go to the
/// error output as they were put.
const REQUEST_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// What stands around a record in memory and in the journal, about.
const RECORD_OVERHEAD_BYTES: u64 = 128;

/// The processors of a stream, ready to run. Without any, records pass as they are.
#[derive(Debug, Default)]
pub struct Pipeline {
    decompress: bool,
    log_messages: bool,
    deaggregate: Option<SubRecords>,
    lambda: Option<Lambda>,
    query: Option<Query>,
    /// The keys the stream's prefix names, each as often as it does.
    keys: Vec<PartitionKey>,
    /// Bytes their values may have together: an object's key is bounded.
    values_max: usize,
    delimiter: Vec<u8>,
    /// A copy of every record, as it was put, goes to the backup.
    backup: bool,
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

/// What the records of one request may still become.
#[derive(Debug)]
pub struct RequestBudget {
    left: u64,
}

impl Default for RequestBudget {
    fn default() -> Self {
        Self { left: REQUEST_BYTES_MAX }
    }
}

impl RequestBudget {
    fn spend(&mut self, processed: &[Processed]) {
        let bytes = processed.iter().map(|processed| processed.data.len() as u64 + RECORD_OVERHEAD_BYTES).sum();
        self.left = self.left.saturating_sub(bytes);
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

    fn request_too_large() -> Self {
        let message = format!("the records of one request become more than {REQUEST_BYTES_MAX} bytes");
        Self::processing("Processing.RequestTooLarge", message)
    }

    fn processed(&self, raw: &[u8], arrival: Timestamp) -> Processed {
        let attempt = Attempt { arrival, made: 1, ended: arrival, lambda_arn: None };
        Processed {
            partition: Partition::Errors(self.output_type.into()),
            data: error_document(self.code, &self.message, raw, &attempt),
        }
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
        pipeline.keys = prefix.partition_keys().cloned().collect();
        pipeline.backup = destination.backup.is_some();
        pipeline.values_max = EVALUATED_PREFIX_BYTES_MAX.saturating_sub(prefix.longest());
        let lacks = pipeline.keys.iter().find_map(|key| match key {
            PartitionKey::FromQuery(_) if pipeline.query.is_none() => Some((key, "a MetadataExtraction processor")),
            PartitionKey::FromLambda(_) if pipeline.lambda.is_none() => Some((key, "a Lambda processor")),
            PartitionKey::FromQuery(_) | PartitionKey::FromLambda(_) => None,
        });
        match (destination.dynamic_partitioning, &pipeline.query, &pipeline.lambda) {
            (false, Some(_), _) => invalid("MetadataExtraction needs DynamicPartitioningConfiguration enabled"),
            (true, None, None) => invalid("Dynamic partitioning needs a MetadataExtraction or a Lambda processor"),
            (true, ..) if pipeline.keys.is_empty() => invalid(
                "Dynamic partitioning needs !{partitionKeyFromQuery:…} or !{partitionKeyFromLambda:…} in the Prefix",
            ),
            (false, ..) if !pipeline.keys.is_empty() => invalid(
                "!{partitionKeyFromQuery:…} and !{partitionKeyFromLambda:…} need DynamicPartitioningConfiguration enabled",
            ),
            _ => match lacks {
                Some((key, processor)) => invalid(format!("!{{{key}}} needs {processor}")),
                None => Ok(pipeline),
            },
        }
    }

    /// Whether records pass as they are.
    pub fn is_empty(&self) -> bool {
        !self.decompress
            && !self.log_messages
            && self.deaggregate.is_none()
            && self.query.is_none()
            && self.lambda.is_none()
            && self.delimiter.is_empty()
            && !self.backup
    }

    fn add(&mut self, processor: &Value) -> Result<(), DeliveryError> {
        let parameter = |name: &str| -> Option<&str> {
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
            "Lambda" => self.lambda = Some(Lambda::parse(&parameter)?),
            other => return invalid(format!("`{other}` is not a processor")),
        }
        Ok(())
    }

    /// The function that records go through, if there is one.
    pub fn lambda(&self) -> Option<&Lambda> {
        self.lambda.as_ref()
    }

    /// Runs the processors over one record as it was put, up to the transformation if there is one. The budget is its
    /// request's.
    pub fn run(&self, data: &[u8], arrival: Timestamp, budget: &mut RequestBudget) -> Vec<Processed> {
        let mut out = self.process(data, arrival, budget.left);
        budget.spend(&out);
        if self.backup {
            out.push(Processed { partition: Partition::Backup, data: data.to_vec() });
        }
        out
    }

    fn process(&self, data: &[u8], arrival: Timestamp, left: u64) -> Vec<Processed> {
        if left == 0 {
            return vec![Failure::request_too_large().processed(data, arrival)];
        }
        let unpacked = match self.unpack(data, left) {
            Ok(unpacked) => unpacked,
            Err(failure) => return vec![failure.processed(data, arrival)],
        };
        if self.log_messages && unpacked.is_empty() {
            return Vec::new();
        }
        let records = match self.take_apart(&unpacked) {
            Ok(records) => records,
            Err(failure) => return vec![failure.processed(data, arrival)],
        };
        let none = BTreeMap::new();
        let next = |record: &[u8]| match self.lambda {
            Some(_) => Processed { partition: Partition::Untransformed, data: record.to_vec() },
            None => self.place(record, &none, arrival),
        };
        records.into_iter().map(next).collect()
    }

    /// Runs the processors that follow the transformation over what it made of a record.
    pub fn run_transformed(&self, transformed: &Transformed, raw: &[u8], attempt: &Attempt<'_>) -> Option<Processed> {
        match transformed {
            Transformed::Record { data, partition_keys } => Some(self.place(data, partition_keys, attempt.arrival)),
            Transformed::Dropped => None,
            Transformed::Failed { code, message } => Some(Processed {
                partition: Partition::Errors(PROCESSING_FAILED.into()),
                data: error_document(code, message, raw, attempt),
            }),
        }
    }

    /// Finds the partition of a record that is ready, and ends it.
    fn place(&self, record: &[u8], from_lambda: &BTreeMap<String, String>, arrival: Timestamp) -> Processed {
        match self.partition(record, from_lambda) {
            Ok(partition) => Processed { partition, data: [record, &self.delimiter].concat() },
            Err(failure) => failure.processed(record, arrival),
        }
    }

    fn unpack(&self, data: &[u8], left: u64) -> Result<Vec<u8>, Failure> {
        let mut out = data.to_vec();
        if self.decompress {
            let mut unpacked = Vec::new();
            let most = UNPACKED_BYTES_MAX.min(left);
            let mut reader = flate2::read::MultiGzDecoder::new(data).take(most + 1);
            reader
                .read_to_end(&mut unpacked)
                .map_err(|error| Failure::processing("Decompression.GzipFailed", error.to_string()))?;
            if unpacked.len() as u64 > most && most < UNPACKED_BYTES_MAX {
                return Err(Failure::request_too_large());
            }
            if unpacked.len() as u64 > most {
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

    fn partition(&self, record: &[u8], from_lambda: &BTreeMap<String, String>) -> Result<Partition, Failure> {
        if self.keys.is_empty() {
            return Ok(Partition::Whole);
        }
        let queried = match &self.query {
            Some(query) => query.keys_of(record).map_err(Failure::extraction)?,
            None => BTreeMap::new(),
        };
        let mut found = BTreeMap::new();
        let mut length = 0;
        // Keys the prefix does not name make no difference to where a record goes.
        for key in &self.keys {
            let value = match key {
                PartitionKey::FromQuery(name) => queried.get(name),
                PartitionKey::FromLambda(name) => from_lambda.get(name),
            };
            let value = value.filter(|value| !value.is_empty());
            let value =
                value.ok_or_else(|| Failure::extraction(format!("partition key `{}` has no value", key.name())))?;
            length += value.len();
            found.insert(key.to_string(), value.clone());
        }
        if length > self.values_max {
            let message = format!("the evaluated prefix has more than {EVALUATED_PREFIX_BYTES_MAX} bytes");
            return Err(Failure::extraction(message));
        }
        Ok(Partition::of_keys(&found))
    }
}

/// What an error document tells of the attempts to process a record.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// When the record came.
    pub arrival: Timestamp,
    /// How many attempts there were.
    pub made: u32,
    /// When the last ended.
    pub ended: Timestamp,
    /// The function that was called.
    pub lambda_arn: Option<&'a str>,
}

/// A line of the error output, its members in AWS's order. It holds the record as it was put.
fn error_document(code: &str, message: &str, raw: &[u8], attempt: &Attempt<'_>) -> Vec<u8> {
    let mut document = json!({
        "rawData": STANDARD.encode(raw),
        "errorCode": code,
        "errorMessage": message,
        "attemptsMade": attempt.made,
        "arrivalTimestamp": attempt.arrival.millis(),
        "attemptEndingTimestamp": attempt.ended.millis(),
    });
    if let Some(arn) = attempt.lambda_arn {
        document["lambdaARN"] = json!(arn);
    }
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
        failure.processed(raw, arrival)
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
