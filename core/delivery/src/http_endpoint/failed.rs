//! What is kept of a batch that the endpoint did not take: a document a record, one a line (Firehose developer guide:
//! basic-deliver, "HTTP endpoint").
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sekisho_types::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::EndpointFailure;

/// How it was tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempts {
    /// How often.
    pub made: u32,
    /// The end of the last one.
    pub ended: Timestamp,
    /// Why the last one failed.
    pub failure: EndpointFailure,
}

/// The document of one record, with its line's end. `sequence` and `subsequence` tell records of a stream apart.
pub fn failed_record(attempts: &Attempts, arrival: Timestamp, sequence: u64, subsequence: u64, data: &[u8]) -> Vec<u8> {
    let document = json!({
        "attemptsMade": attempts.made,
        "arrivalTimestamp": arrival.millis(),
        "errorCode": attempts.failure.code,
        "errorMessage": attempts.failure.message,
        "attemptEndingTimestamp": attempts.ended.millis(),
        "rawData": STANDARD.encode(data),
        "subsequenceNumber": subsequence,
        "dataId": format!("{sequence}.{subsequence}"),
    });
    format!("{document}\n").into_bytes()
}
