//! `DescribeEndpoint`: the host devices and tools reach this server by; the port is the caller's to know, as on AWS.
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{ApiError, App};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    endpoint_type: Option<String>,
}

/// The types there are (IoT developer guide: device communication protocols, endpoints). Here all of them are one host.
const ENDPOINT_TYPES: [&str; 6] =
    ["iot:Data", "iot:Data-ATS", "iot:Data-Beta", "iot:Jobs", "iot:CredentialProvider", "iot:DeviceAdvisor"];

pub(super) fn run(app: &App, input: Input) -> Result<Value, ApiError> {
    match input.endpoint_type {
        Some(other) if !ENDPOINT_TYPES.contains(&other.as_str()) => {
            Err(ApiError::new(400, "InvalidRequestException", format!("Endpoint type {other} is not supported")))
        }
        Some(_) | None => Ok(json!({ "endpointAddress": app.settings.hostname() })),
    }
}
