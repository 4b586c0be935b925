//! A stream's destination: what `ExtendedS3DestinationConfiguration` says, checked once.
use sekisho_types::{BucketName, Tenant};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::conversion::CONVERTED_SIZE_DEFAULT;
use crate::prefix::{Prefix, Where};
use crate::{Compression, Conversion, DeliveryError, HttpEndpoint, Pipeline};

/// A record before base64 (Firehose quotas: 1,000 KiB).
pub const RECORD_BYTES_MAX: usize = 1_024_000;
/// A prefix once its expressions are evaluated (Firehose developer guide). A longer one could not be delivered, ever.
pub(crate) const EVALUATED_PREFIX_BYTES_MAX: usize = 512;
/// `SizeInMBs` of a stream with dynamic partitioning is at least this.
const PARTITIONED_SIZE_MIN: u32 = 64;
const MIB: u64 = 1024 * 1024;

/// `BufferingHints`: whichever comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BufferingHints {
    /// `SizeInMBs`, 1 to 128. A MB is a MiB here, as in Firehose.
    pub size_in_mbs: u32,
    /// `IntervalInSeconds`, 0 to 900.
    pub interval_in_seconds: u32,
}

impl Default for BufferingHints {
    fn default() -> Self {
        Self { size_in_mbs: 5, interval_in_seconds: 300 }
    }
}

impl BufferingHints {
    /// The size in bytes.
    pub fn size_bytes(&self) -> u64 {
        u64::from(self.size_in_mbs) * MIB
    }
}

/// Where a stream's objects go and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destination {
    /// `RoleARN`. Kept and told; the server delivers in its own name.
    pub role_arn: String,
    /// Of `BucketARN`.
    pub bucket: BucketName,
    /// `Prefix`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// `ErrorOutputPrefix`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_output_prefix: Option<String>,
    /// `BufferingHints`
    pub buffering_hints: BufferingHints,
    /// `CompressionFormat`
    #[serde(default)]
    pub compression: Compression,
    /// `EncryptionConfiguration.KMSEncryptionConfig.AWSKMSKeyARN`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key_arn: Option<String>,
    /// `FileExtension`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_extension: Option<String>,
    /// `CustomTimeZone`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_time_zone: Option<String>,
    /// `ProcessingConfiguration` as given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processing: Option<Value>,
    /// `DynamicPartitioningConfiguration.Enabled`; settled when the stream is made.
    #[serde(default)]
    pub dynamic_partitioning: bool,
    /// `S3BackupConfiguration`, if `S3BackupMode` is `Enabled`: where copies of the records as they were put go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<Box<Destination>>,
    /// `DataFormatConversionConfiguration`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversion: Option<Conversion>,
    /// `CloudWatchLoggingOptions` as given: kept and told, nothing is logged there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cloud_watch_logging_options: Option<Value>,
    /// Records are posted there, and come into the bucket only if they are not taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_endpoint: Option<Box<HttpEndpoint>>,
}

/// A destination as a request gives it, by its kind.
#[derive(Clone, Copy, Debug)]
pub enum Given<'a> {
    /// `ExtendedS3Destination…` and the older `S3Destination…`.
    S3(&'a Value),
    /// `HttpEndpointDestination…`
    HttpEndpoint(&'a Value),
}

fn invalid<T>(message: impl Into<String>) -> Result<T, DeliveryError> {
    Err(DeliveryError::InvalidArgument(message.into()))
}

impl Destination {
    /// Reads a configuration or, over `present`, an update, of either kind.
    ///
    /// # Errors
    /// [`DeliveryError::InvalidArgument`], [`DeliveryError::NotOffered`].
    pub fn read(given: Given<'_>, present: Option<&Self>) -> Result<Self, DeliveryError> {
        match given {
            Given::S3(_) if present.is_some_and(|present| present.http_endpoint.is_some()) => {
                invalid("A delivery stream keeps its kind of destination")
            }
            Given::S3(given) => Self::parse(given, present),
            Given::HttpEndpoint(given) => Self::parse_http_endpoint(given, present),
        }
    }

    /// Reads a configuration or, over `present`, an update: what an update leaves out stays.
    ///
    /// # Errors
    /// [`DeliveryError::InvalidArgument`], [`DeliveryError::NotOffered`].
    pub fn parse(given: &Value, present: Option<&Self>) -> Result<Self, DeliveryError> {
        let Value::Object(given) = given else { return invalid("the destination configuration is not an object") };
        let text = |name: &str| given.get(name).and_then(Value::as_str).map(str::to_owned);
        let kept = |name: &str, kept: Option<&String>| text(name).or_else(|| kept.cloned());
        let Some(role_arn) = kept("RoleARN", present.map(|p| &p.role_arn)) else {
            return invalid("RoleARN is required");
        };
        let bucket = match (text("BucketARN"), present) {
            (Some(arn), _) => parse_bucket_arn(&arn)?,
            (None, Some(present)) => present.bucket.clone(),
            (None, None) => return invalid("BucketARN is required"),
        };
        let conversion = Conversion::parse(
            given.get("DataFormatConversionConfiguration"),
            present.and_then(|present| present.conversion.as_ref()),
        )?;
        let size_default = match &conversion {
            Some(conversion) if conversion.enabled => CONVERTED_SIZE_DEFAULT,
            _ if is_partitioned(given) => PARTITIONED_SIZE_MIN,
            _ => BufferingHints::default().size_in_mbs,
        };
        let destination = Self {
            role_arn,
            bucket,
            prefix: kept("Prefix", present.and_then(|p| p.prefix.as_ref())),
            error_output_prefix: kept("ErrorOutputPrefix", present.and_then(|p| p.error_output_prefix.as_ref())),
            buffering_hints: parse_hints(given.get("BufferingHints"), present, size_default)?,
            compression: match text("CompressionFormat") {
                Some(format) => Compression::parse(&format)?,
                None => present.map_or(Compression::default(), |p| p.compression),
            },
            kms_key_arn: match given.get("EncryptionConfiguration") {
                Some(encryption) => parse_encryption(encryption)?,
                None => present.and_then(|p| p.kms_key_arn.clone()),
            },
            file_extension: kept("FileExtension", present.and_then(|p| p.file_extension.as_ref()))
                .filter(|e| !e.is_empty()),
            custom_time_zone: kept("CustomTimeZone", present.and_then(|p| p.custom_time_zone.as_ref()))
                .filter(|z| !z.is_empty()),
            processing: given
                .get("ProcessingConfiguration")
                .cloned()
                .or_else(|| present.and_then(|p| p.processing.clone())),
            dynamic_partitioning: match (given.get("DynamicPartitioningConfiguration"), present) {
                (None, present) => present.is_some_and(|p| p.dynamic_partitioning),
                (Some(asked), present) => {
                    let asked = asked.get("Enabled").and_then(Value::as_bool).unwrap_or(false);
                    if present.is_some_and(|p| p.dynamic_partitioning != asked) {
                        return invalid("Dynamic partitioning is enabled when a stream is made, and stays as it is");
                    }
                    asked
                }
            },
            backup: parse_backup(given, present)?,
            conversion,
            cloud_watch_logging_options: given
                .get("CloudWatchLoggingOptions")
                .cloned()
                .or_else(|| present.and_then(|p| p.cloud_watch_logging_options.clone())),
            http_endpoint: None,
        };
        destination.check()?;
        Ok(destination)
    }

    fn check(&self) -> Result<(), DeliveryError> {
        let prefix = Prefix::parse(self.prefix.as_deref().unwrap_or_default(), Where::Prefix);
        let prefix = prefix.map_err(|error| DeliveryError::InvalidArgument(format!("Prefix: {error}")))?;
        let longest = prefix.longest();
        if longest > EVALUATED_PREFIX_BYTES_MAX {
            return invalid(format!(
                "Prefix: evaluated it may have {longest} characters, more than {EVALUATED_PREFIX_BYTES_MAX}"
            ));
        }
        match &self.error_output_prefix {
            None if prefix.has_expressions() => {
                return invalid("ErrorOutputPrefix is required when Prefix has expressions");
            }
            None => {}
            Some(text) => {
                let parsed = Prefix::parse(text, Where::ErrorOutputPrefix);
                let parsed =
                    parsed.map_err(|error| DeliveryError::InvalidArgument(format!("ErrorOutputPrefix: {error}")))?;
                if parsed.has_expressions() && !parsed.has_error_output_type() {
                    return invalid("ErrorOutputPrefix with expressions must contain !{firehose:error-output-type}");
                }
            }
        }
        if self.dynamic_partitioning && self.buffering_hints.size_in_mbs < PARTITIONED_SIZE_MIN {
            return invalid(format!(
                "BufferingHints: SizeInMBs is at least {PARTITIONED_SIZE_MIN} with dynamic partitioning"
            ));
        }
        if let Some(conversion) = &self.conversion {
            conversion.check(self.compression, self.buffering_hints)?;
        }
        Pipeline::new(self)?;
        let extension_fits = |e: &str| {
            e.len() <= 128
                && e.starts_with('.')
                && e.len() > 1
                && e[1..].bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"!-_.*'()".contains(&b))
        };
        if let Some(extension) = self.file_extension.as_deref().filter(|extension| !extension_fits(extension)) {
            return invalid(format!("FileExtension `{extension}` does not match \\.[0-9a-z!\\-_.*'()]+"));
        }
        if let Some(zone) = self.custom_time_zone.as_deref().filter(|zone| jiff::tz::TimeZone::get(zone).is_err()) {
            return invalid(format!("CustomTimeZone `{zone}` is not a time zone"));
        }
        Ok(())
    }

    /// The processors that are to run, in the order AWS runs them.
    pub(crate) fn processors(&self) -> Vec<Value> {
        const ORDER: [&str; 6] = [
            "Decompression",
            "CloudWatchLogProcessing",
            "RecordDeAggregation",
            "Lambda",
            "MetadataExtraction",
            "AppendDelimiterToRecord",
        ];
        let Some(processing) = &self.processing else { return Vec::new() };
        if processing.get("Enabled").and_then(Value::as_bool) != Some(true) {
            return Vec::new();
        }
        let mut all = processing["Processors"].as_array().cloned().unwrap_or_default();
        all.sort_by_key(|processor| ORDER.iter().position(|kind| processor["Type"] == *kind));
        all
    }

    /// The prefix, parsed.
    pub(crate) fn parse_prefix(&self) -> Result<Prefix, DeliveryError> {
        let prefix = Prefix::parse(self.prefix.as_deref().unwrap_or_default(), Where::Prefix);
        prefix.map_err(|error| DeliveryError::InvalidArgument(format!("Prefix: {error}")))
    }

    /// `ExtendedS3DestinationDescription`, defaults filled in as AWS does.
    pub fn describe(&self, tenant: &Tenant) -> Value {
        let mut description = self.describe_common();
        let mode = if self.backup.is_some() { "Enabled" } else { "Disabled" };
        description.insert("S3BackupMode".into(), json!(mode));
        if let Some(backup) = &self.backup {
            description.insert("S3BackupDescription".into(), backup.describe_legacy());
        }
        let conversion = self.conversion.as_ref().map(|conversion| conversion.describe(tenant));
        let conversion = conversion.unwrap_or_else(|| json!({"Enabled": false}));
        description.insert("DataFormatConversionConfiguration".into(), conversion);
        if let Some(processing) = &self.processing {
            description.insert("ProcessingConfiguration".into(), processing.clone());
        }
        if self.dynamic_partitioning {
            let partitioning = json!({"Enabled": true, "RetryOptions": {"DurationInSeconds": 300}});
            description.insert("DynamicPartitioningConfiguration".into(), partitioning);
        }
        if let Some(extension) = &self.file_extension {
            description.insert("FileExtension".into(), json!(extension));
        }
        if let Some(zone) = &self.custom_time_zone {
            description.insert("CustomTimeZone".into(), json!(zone));
        }
        Value::Object(description)
    }

    /// The older `S3DestinationDescription`, told beside the other.
    pub fn describe_legacy(&self) -> Value {
        Value::Object(self.describe_common())
    }

    fn describe_common(&self) -> Map<String, Value> {
        let mut description = Map::new();
        let mut put = |name: &str, value: Value| description.insert(name.to_owned(), value);
        put("RoleARN", json!(self.role_arn));
        put("BucketARN", json!(format!("arn:aws:s3:::{}", self.bucket)));
        if let Some(prefix) = &self.prefix {
            put("Prefix", json!(prefix));
        }
        if let Some(prefix) = &self.error_output_prefix {
            put("ErrorOutputPrefix", json!(prefix));
        }
        let BufferingHints { size_in_mbs, interval_in_seconds } = self.buffering_hints;
        put("BufferingHints", json!({"SizeInMBs": size_in_mbs, "IntervalInSeconds": interval_in_seconds}));
        put("CompressionFormat", json!(self.compression.as_str()));
        put(
            "EncryptionConfiguration",
            match &self.kms_key_arn {
                Some(arn) => json!({"KMSEncryptionConfig": {"AWSKMSKeyARN": arn}}),
                None => json!({"NoEncryptionConfig": "NoEncryption"}),
            },
        );
        let logging = self.cloud_watch_logging_options.clone();
        put("CloudWatchLoggingOptions", logging.unwrap_or_else(|| json!({"Enabled": false})));
        description
    }
}

/// A backup can be asked for at any time, and never be given up again.
fn parse_backup(
    given: &Map<String, Value>,
    present: Option<&Destination>,
) -> Result<Option<Box<Destination>>, DeliveryError> {
    let present = present.and_then(|p| p.backup.as_deref());
    let asked = given.get("S3BackupMode").and_then(Value::as_str);
    let configuration = given.get("S3BackupConfiguration").or_else(|| given.get("S3BackupUpdate"));
    match (asked, configuration, present) {
        (Some("Disabled"), _, Some(_)) => invalid("S3BackupMode cannot be disabled once it is enabled"),
        (Some("Disabled") | None, _, None) => Ok(None),
        (_, None, None) => invalid("S3BackupMode Enabled needs S3BackupConfiguration"),
        (_, None, Some(present)) => Ok(Some(Box::new(present.clone()))),
        (_, Some(configuration), present) => Ok(Some(Box::new(Destination::parse(configuration, present)?))),
    }
}

fn is_partitioned(given: &Map<String, Value>) -> bool {
    given.get("DynamicPartitioningConfiguration").and_then(|found| found.get("Enabled")) == Some(&Value::Bool(true))
}

fn parse_bucket_arn(arn: &str) -> Result<BucketName, DeliveryError> {
    let name = arn.strip_prefix("arn:aws:s3:::");
    let bucket = name.and_then(|name| BucketName::parse(name).ok());
    bucket.ok_or_else(|| DeliveryError::InvalidArgument(format!("BucketARN `{arn}` is not arn:aws:s3:::<bucket>")))
}

fn parse_hints(
    given: Option<&Value>,
    present: Option<&Destination>,
    size_default: u32,
) -> Result<BufferingHints, DeliveryError> {
    let Some(given) = given else {
        let new = BufferingHints { size_in_mbs: size_default, ..BufferingHints::default() };
        return Ok(present.map_or(new, |p| p.buffering_hints));
    };
    let number = |name: &str| given.get(name).and_then(Value::as_u64);
    let (Some(size), Some(interval)) = (number("SizeInMBs"), number("IntervalInSeconds")) else {
        return invalid("BufferingHints: set both SizeInMBs and IntervalInSeconds, or neither");
    };
    if !(1..=128).contains(&size) || interval > 900 {
        return invalid("BufferingHints: SizeInMBs is 1 to 128 and IntervalInSeconds 0 to 900");
    }
    Ok(BufferingHints { size_in_mbs: size as u32, interval_in_seconds: interval as u32 })
}

fn parse_encryption(given: &Value) -> Result<Option<String>, DeliveryError> {
    if let Some(arn) = given.pointer("/KMSEncryptionConfig/AWSKMSKeyARN").and_then(Value::as_str) {
        return Ok(Some(arn.to_owned()));
    }
    match given.get("NoEncryptionConfig").and_then(Value::as_str) {
        Some("NoEncryption") => Ok(None),
        _ => invalid("EncryptionConfiguration: either KMSEncryptionConfig or NoEncryptionConfig"),
    }
}
