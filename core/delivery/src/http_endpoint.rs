//! A destination behind HTTP: `HttpEndpointDestinationConfiguration`, checked once, and AWS's contract with the endpoint.
//!
//! What the endpoint does not take goes to S3, so an HTTP endpoint stands in a [`Destination`] whose other members say where
//! that is.
mod answer; // did the endpoint take the batch?
mod failed; // what is kept of a batch it did not take
mod request; // what is posted

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

pub use self::answer::{ANSWER_BYTES_MAX, ANSWER_MAX, EndpointFailure, judge_answer};
pub use self::failed::{Attempts, failed_record};
pub use self::request::{EndpointRequest, request_id};
use crate::{BufferingHints, DeliveryError, Destination};

/// `error-output-type` of what an endpoint did not take.
pub const HTTP_ENDPOINT_FAILED: &str = "http-endpoint-failed";
/// `CommonAttributes` has at most so many.
const ATTRIBUTES_MAX: usize = 50;
const ACCESS_KEY_BYTES_MAX: usize = 4096;
const URL_BYTES_MAX: usize = 1000;
/// `DurationInSeconds`, most and default.
const RETRY_S_MAX: u64 = 7200;
const RETRY_S_DEFAULT: u32 = 300;

/// Where a stream's records are posted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpEndpoint {
    /// `Url`, as given.
    pub url: String,
    /// `Name`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `AccessKey`; never told again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_key: Option<AccessKey>,
    /// `ContentEncoding` is `GZIP`.
    #[serde(default)]
    pub gzip: bool,
    /// `CommonAttributes`, in the order given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub common_attributes: Vec<(String, String)>,
    /// `RetryOptions.DurationInSeconds`
    pub retry_s: u32,
    /// `RoleARN`. Kept and told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// `CloudWatchLoggingOptions` as given: kept and told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cloud_watch_logging_options: Option<Value>,
    /// `S3BackupMode` is `AllData`.
    #[serde(default)]
    pub backup_all: bool,
    /// `S3Configuration.BufferingHints`: told. The endpoint's own decide when a batch is cut.
    pub s3_buffering_hints: BufferingHints,
}

/// What an endpoint knows us by. Its `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AccessKey(String);

impl AccessKey {
    /// The key itself. Each call is a place to review.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

fn invalid<T>(message: impl Into<String>) -> Result<T, DeliveryError> {
    Err(DeliveryError::InvalidArgument(message.into()))
}

impl Destination {
    /// Reads `HttpEndpointDestinationConfiguration` or, over `present`, `HttpEndpointDestinationUpdate`.
    ///
    /// # Errors
    /// [`DeliveryError::InvalidArgument`], [`DeliveryError::NotOffered`].
    pub(crate) fn parse_http_endpoint(given: &Value, present: Option<&Self>) -> Result<Self, DeliveryError> {
        let Value::Object(given) = given else { return invalid("the destination configuration is not an object") };
        let here = match present {
            None => None,
            Some(Self { http_endpoint: Some(endpoint), .. }) => Some(&**endpoint),
            Some(_) => return invalid("A delivery stream keeps its kind of destination"),
        };
        if given.get("SecretsManagerConfiguration").is_some_and(|secrets| secrets["Enabled"] != false) {
            return Err(DeliveryError::NotOffered("SecretsManagerConfiguration".into()));
        }
        let empty = Value::Object(Map::new());
        let s3 = match (given.get("S3Configuration").or_else(|| given.get("S3Update")), present) {
            (Some(s3), _) => s3,
            (None, Some(_)) => &empty,
            (None, None) => return invalid("S3Configuration is required"),
        };
        let mut s3 = s3.clone();
        if let (Some(processing), Some(s3)) = (given.get("ProcessingConfiguration"), s3.as_object_mut()) {
            s3.insert("ProcessingConfiguration".into(), processing.clone());
        }
        // To read the S3 part as that of an S3 destination, the present one has to look like one.
        let s3_present = present.zip(here).map(|(present, here)| Self {
            http_endpoint: None,
            backup: None,
            buffering_hints: here.s3_buffering_hints,
            ..present.clone()
        });
        let mut destination = Self::parse(&s3, s3_present.as_ref())?;
        let endpoint = HttpEndpoint::parse(given, here, destination.buffering_hints)?;
        // A copy of each record, as it was put, cut as the S3 part says.
        destination.backup = endpoint.backup_all.then(|| Box::new(Self { processing: None, ..destination.clone() }));
        destination.buffering_hints = parse_hints(given.get("BufferingHints"), present)?;
        destination.http_endpoint = Some(Box::new(endpoint));
        Ok(destination)
    }

    /// `HttpEndpointDestinationDescription`, without the access key.
    pub(crate) fn describe_http_endpoint(&self, endpoint: &HttpEndpoint) -> Value {
        let mut configuration = json!({"Url": endpoint.url});
        if let Some(name) = &endpoint.name {
            configuration["Name"] = json!(name);
        }
        let attribute = |(name, value): &(String, String)| json!({"AttributeName": name, "AttributeValue": value});
        let s3 = Self { buffering_hints: endpoint.s3_buffering_hints, ..self.clone() };
        let BufferingHints { size_in_mbs, interval_in_seconds } = self.buffering_hints;
        let mut description = json!({
            "EndpointConfiguration": configuration,
            "BufferingHints": {"SizeInMBs": size_in_mbs, "IntervalInSeconds": interval_in_seconds},
            "CloudWatchLoggingOptions":
                endpoint.cloud_watch_logging_options.clone().unwrap_or_else(|| json!({"Enabled": false})),
            "RequestConfiguration": {
                "ContentEncoding": if endpoint.gzip { "GZIP" } else { "NONE" },
                "CommonAttributes": endpoint.common_attributes.iter().map(attribute).collect::<Vec<_>>(),
            },
            "RetryOptions": {"DurationInSeconds": endpoint.retry_s},
            "S3BackupMode": if endpoint.backup_all { "AllData" } else { "FailedDataOnly" },
            "S3DestinationDescription": s3.describe_legacy(),
        });
        if let Some(processing) = &self.processing {
            description["ProcessingConfiguration"] = processing.clone();
        }
        if let Some(role) = &endpoint.role_arn {
            description["RoleARN"] = json!(role);
        }
        description
    }
}

impl HttpEndpoint {
    fn parse(
        given: &Map<String, Value>,
        present: Option<&Self>,
        s3_buffering_hints: BufferingHints,
    ) -> Result<Self, DeliveryError> {
        let configuration = given.get("EndpointConfiguration");
        let text = |value: &Value| value.as_str().map(str::to_owned);
        // An update that names the endpoint names all of it: another URL with the former key would send the key there.
        let (url, name, access_key) = match (configuration, present) {
            (Some(endpoint), _) => {
                let Some(url) = text(&endpoint["Url"]) else {
                    return invalid("EndpointConfiguration: Url is required");
                };
                (
                    url,
                    text(&endpoint["Name"]),
                    text(&endpoint["AccessKey"]).filter(|key| !key.is_empty()).map(AccessKey),
                )
            }
            (None, Some(present)) => (present.url.clone(), present.name.clone(), present.access_key.clone()),
            (None, None) => return invalid("EndpointConfiguration is required"),
        };
        check_url(&url)?;
        if let Some(key) = &access_key {
            let fits = key.0.len() <= ACCESS_KEY_BYTES_MAX && key.0.bytes().all(|byte| (b' '..=b'~').contains(&byte));
            if !fits || key.0.trim() != key.0 {
                return invalid("AccessKey: at most 4096 printable ASCII characters, as an HTTP header carries them");
            }
        }
        let (gzip, common_attributes) = match (given.get("RequestConfiguration"), present) {
            (Some(request), _) => parse_request(request)?,
            (None, Some(present)) => (present.gzip, present.common_attributes.clone()),
            (None, None) => (false, Vec::new()),
        };
        let retry_s = match given.get("RetryOptions").map(|options| &options["DurationInSeconds"]) {
            Some(duration) if !duration.is_null() => match duration.as_u64() {
                Some(seconds @ 0..=RETRY_S_MAX) => seconds as u32,
                _ => return invalid("RetryOptions: DurationInSeconds is 0 to 7200"),
            },
            _ => present.map_or(RETRY_S_DEFAULT, |present| present.retry_s),
        };
        let kept = |name: &str, kept: Option<&String>| given.get(name).and_then(text).or_else(|| kept.cloned());
        Ok(Self {
            url,
            name,
            access_key,
            gzip,
            common_attributes,
            retry_s,
            role_arn: kept("RoleARN", present.and_then(|present| present.role_arn.as_ref())),
            cloud_watch_logging_options: given
                .get("CloudWatchLoggingOptions")
                .cloned()
                .or_else(|| present.and_then(|present| present.cloud_watch_logging_options.clone())),
            backup_all: match given.get("S3BackupMode").and_then(Value::as_str) {
                Some("FailedDataOnly") => false,
                Some("AllData") => true,
                Some(other) => return invalid(format!("S3BackupMode `{other}` is not FailedDataOnly or AllData")),
                None => present.is_some_and(|present| present.backup_all),
            },
            s3_buffering_hints,
        })
    }
}

/// HTTPS, and plain HTTP where the records do not leave the machine.
fn check_url(url: &str) -> Result<(), DeliveryError> {
    let is_written = url.len() <= URL_BYTES_MAX && url.bytes().all(|byte| byte.is_ascii_graphic());
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.strip_prefix('[') {
        Some(literal) => literal.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    };
    let is_loopback =
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    match scheme {
        _ if !is_written || host.is_empty() || authority.contains('@') || url.contains('#') => {
            invalid("EndpointConfiguration: Url does not match https://.*")
        }
        "https" => Ok(()),
        "http" if is_loopback => Ok(()),
        _ => invalid("EndpointConfiguration: Url does not match https://.*"),
    }
}

fn parse_request(request: &Value) -> Result<(bool, Vec<(String, String)>), DeliveryError> {
    let gzip = match request["ContentEncoding"].as_str() {
        None | Some("NONE") => false,
        Some("GZIP") => true,
        Some(other) => return invalid(format!("ContentEncoding `{other}` is not NONE or GZIP")),
    };
    let mut attributes: Vec<(String, String)> = Vec::new();
    for attribute in request["CommonAttributes"].as_array().into_iter().flatten() {
        let (Some(name), Some(value)) = (attribute["AttributeName"].as_str(), attribute["AttributeValue"].as_str())
        else {
            return invalid("CommonAttributes: AttributeName and AttributeValue are required");
        };
        let is_known = attributes.iter().any(|(known, _)| known == name);
        if name.trim().is_empty() || name.chars().count() > 256 || value.chars().count() > 1024 || is_known {
            return invalid("CommonAttributes: a name of 1 to 256 characters, once, and a value of at most 1024");
        }
        attributes.push((name.to_owned(), value.to_owned()));
    }
    if attributes.len() > ATTRIBUTES_MAX {
        return invalid(format!("CommonAttributes: at most {ATTRIBUTES_MAX}"));
    }
    Ok((gzip, attributes))
}

fn parse_hints(given: Option<&Value>, present: Option<&Destination>) -> Result<BufferingHints, DeliveryError> {
    let Some(given) = given else { return Ok(present.map_or_else(BufferingHints::default, |p| p.buffering_hints)) };
    let number = |name: &str| given.get(name).and_then(Value::as_u64);
    match (number("SizeInMBs"), number("IntervalInSeconds")) {
        (Some(size @ 1..=64), Some(interval @ 0..=900)) => {
            Ok(BufferingHints { size_in_mbs: size as u32, interval_in_seconds: interval as u32 })
        }
        (Some(_), Some(_)) => invalid("BufferingHints: SizeInMBs is 1 to 64 and IntervalInSeconds 0 to 900"),
        _ => invalid("BufferingHints: set both SizeInMBs and IntervalInSeconds, or neither"),
    }
}

#[cfg(test)]
mod tests;
