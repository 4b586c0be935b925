//! Did the endpoint take the batch?
use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// "HTTP endpoints have 3 minutes to respond to a request" (Firehose developer guide).
pub const ANSWER_MAX: Duration = Duration::from_secs(180);
/// An answer is at most 1 MiB. And then: [`EndpointFailure::too_large`].
pub const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// Of an answer that is no success this much is kept with each record.
const QUOTED_CHARS_MAX: usize = 1024;

/// Why an attempt failed, as the error output tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{code}: {message}")]
pub struct EndpointFailure {
    /// `errorCode`
    pub code: Cow<'static, str>,
    /// `errorMessage`
    pub message: String,
}

impl EndpointFailure {
    /// Nothing complete came back within [`ANSWER_MAX`]; whether the batch was taken is not known.
    pub fn timed_out() -> Self {
        let message = "The request timed out before a response was received.".into();
        Self { code: "HttpEndpoint.RequestTimeout".into(), message }
    }

    /// Nobody there, or not until the end of the answer.
    pub fn connection(cause: &str) -> Self {
        Self {
            code: "HttpEndpoint.ConnectionFailed".into(),
            message: format!("Unable to connect to the endpoint: {cause}"),
        }
    }

    /// Over [`ANSWER_BYTES_MAX`].
    pub fn too_large() -> Self {
        let message = "The response received from the endpoint is too large.".into();
        Self { code: "HttpEndpoint.ResponseTooLarge".into(), message }
    }
}

/// An answer in full: the batch is taken if it is 200 and repeats the request's id with a timestamp.
///
/// # Errors
/// [`EndpointFailure`]; every one is worth another attempt.
pub fn judge_answer(request_id: &str, status: u16, body: &[u8]) -> Result<(), EndpointFailure> {
    let text = String::from_utf8_lossy(body);
    let quoted: String = text.chars().take(QUOTED_CHARS_MAX).collect();
    if status != 200 {
        let message = format!("The following response was received from the endpoint destination. {status}: {quoted}");
        return Err(EndpointFailure { code: "HttpEndpoint.DestinationException".into(), message });
    }
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    // A 200 that names another request, or tells of an error, vouches for nothing.
    let names_it = answer["requestId"].as_str() == Some(request_id) && answer["timestamp"].is_number();
    match names_it {
        true => Ok(()),
        false => {
            let message = format!(
                "The response received from the specified endpoint is invalid. Response for request {request_id} is not \
                 recognized as valid JSON or has unexpected fields. Raw response received: 200 {quoted}"
            );
            Err(EndpointFailure { code: "HttpEndpoint.InvalidResponseFromDestination".into(), message })
        }
    }
}
