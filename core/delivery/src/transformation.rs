//! The contract with a transforming Lambda function (Firehose developer guide, "Data transformation").
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sekisho_types::Timestamp;
use serde::Deserialize;
use serde_json::json;

use crate::{BatchId, DeliveryError, Limit};

/// A request or an answer (Lambda quotas: synchronous invocations, 6 MB).
pub const INVOCATION_BYTES_MAX: usize = 6 * 1024 * 1024;
/// Records of one call. So many, with the largest BufferSizeInMBs of data, are an event of less than [`INVOCATION_BYTES_MAX`].
/// And then: the batch is cut.
const INVOCATION_RECORDS_MAX: u64 = 10_000;
/// A function that takes longer has failed.
pub const INVOCATION_MAX: Duration = Duration::from_secs(300);
/// Of what a function says of a failure this much is kept with each record it concerns.
const MESSAGE_CHARS_MAX: usize = 1024;
/// Between attempts.
pub const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A Lambda processor.
#[derive(Clone, Debug, PartialEq)]
pub struct Lambda {
    /// `LambdaArn`
    pub arn: String,
    /// `NumberOfRetries`
    pub retries: u32,
    /// `BufferSizeInMBs`, `BufferIntervalInSeconds`
    pub limit: Limit,
}

impl Lambda {
    /// Reads its parameters.
    ///
    /// # Errors
    /// [`DeliveryError::InvalidArgument`].
    pub(crate) fn parse<'a>(parameter: &dyn Fn(&str) -> Option<&'a str>) -> Result<Self, DeliveryError> {
        let invalid = |message: String| DeliveryError::InvalidArgument(message);
        let Some(arn) = parameter("LambdaArn") else { return Err(invalid("Lambda: LambdaArn is required".into())) };
        let number = |name: &str, default: f64, least: f64, most: f64| match parameter(name).map(str::parse::<f64>) {
            None => Ok(default),
            Some(Ok(value)) if (least..=most).contains(&value) => Ok(value),
            Some(_) => Err(invalid(format!("Lambda: {name} is {least} to {most}"))),
        };
        let megabytes = number("BufferSizeInMBs", 1.0, 0.2, 3.0)?;
        Ok(Self {
            arn: arn.to_owned(),
            retries: number("NumberOfRetries", 3.0, 0.0, 300.0)? as u32,
            limit: Limit {
                size_bytes: (megabytes * 1024.0 * 1024.0) as u64,
                records: INVOCATION_RECORDS_MAX,
                interval: Duration::from_secs(number("BufferIntervalInSeconds", 60.0, 0.0, 900.0)? as u64),
            },
        })
    }
}

/// What a function made of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transformed {
    /// `Ok`
    Record {
        /// Its new data.
        data: Vec<u8>,
        /// `metadata.partitionKeys`
        partition_keys: BTreeMap<String, String>,
    },
    /// `Dropped`: nothing is left of it.
    Dropped,
    /// It goes to the error output.
    Failed {
        /// `errorCode`
        code: &'static str,
        /// `errorMessage`, which a batch's records share.
        message: Arc<str>,
    },
}

/// Why no record of a batch was transformed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvocationFailure {
    /// `errorCode`
    pub code: &'static str,
    /// `errorMessage`, its first 1,024 characters.
    pub message: Arc<str>,
    /// Whether to call again.
    pub retry: bool,
}

impl InvocationFailure {
    /// The function failed, in these words.
    pub fn function_error(message: &str) -> Self {
        Self::new("Lambda.FunctionError", message, true)
    }

    fn new(code: &'static str, message: &str, retry: bool) -> Self {
        Self { code, message: bounded(message), retry }
    }

    /// What becomes of each record.
    pub fn of_record(&self) -> Transformed {
        Transformed::Failed { code: self.code, message: self.message.clone() }
    }
}

fn bounded(message: &str) -> Arc<str> {
    let end = message.char_indices().nth(MESSAGE_CHARS_MAX).map_or(message.len(), |(end, _)| end);
    message[..end].into()
}

fn record_id(batch: BatchId, index: usize) -> String {
    format!("{:020}{index:010}", batch.0)
}

/// The event a function is called with.
///
/// # Errors
/// [`InvocationFailure`] if it is too large to be sent.
pub fn invocation<'a>(
    batch: BatchId,
    delivery_stream_arn: &str,
    region: &str,
    records: impl Iterator<Item = (Timestamp, &'a [u8])>,
) -> Result<Vec<u8>, InvocationFailure> {
    let head = json!({
        "invocationId": uuid::Uuid::from_u64_pair(0x7365_6b69_7368_4f00 | 0x8000, batch.0 | 1 << 63).to_string(),
        "deliveryStreamArn": delivery_stream_arn,
        "region": region,
    });
    let mut event = head.to_string().into_bytes();
    event.pop();
    event.extend_from_slice(br#","records":["#);
    for (index, (arrival, data)) in records.enumerate() {
        let record = json!({
            "recordId": record_id(batch, index),
            "approximateArrivalTimestamp": arrival.millis(),
            "data": STANDARD.encode(data),
        });
        let comma = if index == 0 { "" } else { "," };
        event.extend_from_slice(format!("{comma}{record}").as_bytes());
        if event.len() + 2 > INVOCATION_BYTES_MAX {
            let message = format!("the event has more than {INVOCATION_BYTES_MAX} bytes");
            return Err(InvocationFailure::new("Lambda.RequestTooLarge", &message, false));
        }
    }
    event.extend_from_slice(b"]}");
    Ok(event)
}

#[derive(Deserialize)]
struct Answer {
    records: Vec<AnsweredRecord>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AnsweredRecord {
    record_id: String,
    result: String,
    #[serde(default)]
    data: Option<String>,
    #[serde(default)]
    metadata: Option<Metadata>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    #[serde(default)]
    partition_keys: BTreeMap<String, String>,
}

/// What a function that failed answers in place of its result, with status 200.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FunctionError {
    error_message: String,
    error_type: Option<String>,
}

/// Reads what a function answered for `count` records: what became of each.
///
/// # Errors
/// [`InvocationFailure`] if it says nothing of any.
pub fn judge(batch: BatchId, count: usize, answer: &[u8]) -> Result<Vec<Transformed>, InvocationFailure> {
    let answer: Answer =
        serde_json::from_slice(answer).map_err(|error| match serde_json::from_slice::<FunctionError>(answer) {
            Ok(FunctionError { error_message, error_type }) => {
                let error_type = error_type.as_deref().unwrap_or("error");
                InvocationFailure::function_error(&format!("{error_type}: {error_message}"))
            }
            Err(_) => {
                let message = format!("the function's answer could not be read: {error}");
                InvocationFailure::new("Lambda.JsonProcessingException", &message, false)
            }
        })?;
    let mut by_id: HashMap<String, Vec<AnsweredRecord>> = HashMap::new();
    for record in answer.records {
        by_id.entry(record.record_id.clone()).or_default().push(record);
    }
    Ok((0..count).map(|index| of_record(by_id.remove(&record_id(batch, index)).unwrap_or_default())).collect())
}

fn of_record(mut answered: Vec<AnsweredRecord>) -> Transformed {
    let failed = |code, message: &str| Transformed::Failed { code, message: bounded(message) };
    let record = match (answered.pop(), answered.is_empty()) {
        (None, _) => {
            let message = "One or more record Ids were not returned. Ensure that the Lambda function returns all received record Ids.";
            return failed("Lambda.MissingRecordId", message);
        }
        (Some(_), false) => {
            return failed("Lambda.DuplicatedRecordId", "Multiple records were returned with the same record Id.");
        }
        (Some(record), true) => record,
    };
    match (record.result.as_str(), record.data.map(|data| STANDARD.decode(data))) {
        ("Ok", Some(Ok(data))) => {
            Transformed::Record { data, partition_keys: record.metadata.unwrap_or_default().partition_keys }
        }
        ("Ok", _) => failed("Lambda.JsonProcessingException", "The record has no base64 encoded data."),
        ("Dropped", _) => Transformed::Dropped,
        ("ProcessingFailed", _) => failed("Lambda.ProcessingFailedStatus", "ProcessingFailed status set for record"),
        (other, _) => failed("Lambda.JsonProcessingException", &format!("`{other}` is not a result")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const BATCH: BatchId = BatchId(7);

    #[test]
    fn an_event_has_the_members_that_functions_read() {
        let records = [(Timestamp::from_millis(5), &b"a"[..]), (Timestamp::from_millis(6), b"")];
        let event = invocation(BATCH, "arn", "us-east-1", records.into_iter()).unwrap();
        let event: Value = serde_json::from_slice(&event).unwrap();
        assert_eq!((&event["deliveryStreamArn"], &event["region"]), (&json!("arn"), &json!("us-east-1")));
        assert_eq!(event["invocationId"].as_str().unwrap().len(), 36);
        assert_eq!(event["records"][0]["data"], "YQ==");
        assert_eq!(event["records"][1]["approximateArrivalTimestamp"], 6);
        assert_ne!(event["records"][0]["recordId"], event["records"][1]["recordId"]);
        let large = vec![0; INVOCATION_BYTES_MAX];
        let refused = invocation(BATCH, "arn", "r", std::iter::once((Timestamp::from_millis(0), &large[..])));
        assert!(!refused.unwrap_err().retry);
    }

    #[test]
    fn the_largest_batch_is_an_event_that_can_be_sent() {
        let (size, parameters) = (3 * 1024 * 1024 / INVOCATION_RECORDS_MAX as usize, [("LambdaArn", "arn")]);
        let lambda =
            Lambda::parse(&|name| parameters.iter().find(|(known, _)| *known == name).map(|(_, value)| *value));
        assert_eq!(lambda.unwrap().limit.records, INVOCATION_RECORDS_MAX);
        // A length that base64 pads.
        let data = vec![b'x'; size / 3 * 3 + 1];
        let records = (0..INVOCATION_RECORDS_MAX).map(|_| (Timestamp::from_millis(i64::MAX), &data[..]));
        let event = invocation(BATCH, &"a".repeat(200), "ap-northeast-1", records).unwrap();
        assert!(serde_json::from_slice::<Value>(&event).is_ok());
        let endless = std::iter::repeat((Timestamp::from_millis(0), &b""[..]));
        assert!(invocation(BATCH, "arn", "r", endless).is_err(), "what is too large is not made first");
    }

    #[test]
    #[rustfmt::skip]
    fn answers() {
        let id = |index: usize| record_id(BATCH, index);
        type Expected = Result<Transformed, &'static str>;
        let ok = |data: &[u8]| Transformed::Record { data: data.to_vec(), partition_keys: BTreeMap::new() };
        let failed = |code: &'static str| code;
        let code = |transformed: &Transformed| match transformed { Transformed::Failed { code, .. } => *code, _ => "" };
        // citation                                    records of the answer                                                                what became of record 0 and record 1
        let table: &[(&str, Value, [Expected; 2])] = &[
            ("data-transformation: Ok, Dropped",        json!([{"recordId": id(1), "result": "Dropped"}, {"recordId": id(0), "result": "Ok", "data": "YQ=="}]), [Ok(ok(b"a")), Ok(Transformed::Dropped)]),
            ("data-transformation: Dropped keeps data", json!([{"recordId": id(0), "result": "Dropped", "data": "YQ=="}, {"recordId": id(1), "result": "Ok", "data": ""}]), [Ok(Transformed::Dropped), Ok(ok(b""))]),
            ("seen on AWS: ProcessingFailed",           json!([{"recordId": id(0), "result": "ProcessingFailed", "data": "YQ=="}]),               [Err(failed("Lambda.ProcessingFailedStatus")), Err(failed("Lambda.MissingRecordId"))]),
            ("seen on AWS: an id twice",                json!([{"recordId": id(0), "result": "Ok", "data": ""}, {"recordId": id(0), "result": "Ok", "data": ""}]), [Err(failed("Lambda.DuplicatedRecordId")), Err(failed("Lambda.MissingRecordId"))]),
            ("seen on AWS: Ok without data",            json!([{"recordId": id(0), "result": "Ok"}, {"recordId": id(1), "result": "ok", "data": ""}]), [Err(failed("Lambda.JsonProcessingException")), Err(failed("Lambda.JsonProcessingException"))]),
            ("dynamic-partitioning: keys",              json!([{"recordId": id(0), "result": "Ok", "data": "", "metadata": {"partitionKeys": {"y": "1"}}}]), [Ok(Transformed::Record { data: vec![], partition_keys: BTreeMap::from([("y".into(), "1".into())]) }), Err("Lambda.MissingRecordId")]),
        ];
        for (citation, records, expected) in table {
            let out = judge(BATCH, 2, json!({"records": records}).to_string().as_bytes()).unwrap();
            for (transformed, expected) in out.iter().zip(expected) {
                match expected {
                    Ok(expected) => assert_eq!(transformed, expected, "{citation}"),
                    Err(expected) => assert_eq!(code(transformed), *expected, "{citation}"),
                }
            }
        }
        let error = judge(BATCH, 2, br#"{"errorMessage":"no","errorType":"Exception"}"#).unwrap_err();
        assert_eq!((error.code, error.retry), ("Lambda.FunctionError", true));
        assert!(!judge(BATCH, 2, b"null").unwrap_err().retry, "malformed is final");
    }

    #[test]
    fn what_a_function_says_is_kept_in_part_and_once_for_all_records() {
        let long = "é".repeat(5_000);
        let error = judge(BATCH, 2, json!({"errorMessage": long}).to_string().as_bytes()).unwrap_err();
        assert_eq!(error.message.chars().count(), MESSAGE_CHARS_MAX);
        let (Transformed::Failed { message: one, .. }, Transformed::Failed { message: other, .. }) =
            (error.of_record(), error.of_record())
        else {
            panic!("no record is transformed");
        };
        assert!(Arc::ptr_eq(&one, &other));
        let answer = json!({"records": [{"recordId": record_id(BATCH, 0), "result": long}]}).to_string();
        let of_record = judge(BATCH, 1, answer.as_bytes()).unwrap();
        assert!(matches!(&of_record[..], [Transformed::Failed { message, .. }] if message.len() < 2_100));
    }

    #[test]
    fn any_answer_is_judged() {
        bolero::check!(name = "lambda_answer").for_each(|bytes: &[u8]| {
            if let Ok(judged) = judge(BATCH, 2, bytes) {
                assert_eq!(judged.len(), 2);
            }
        });
    }
}
