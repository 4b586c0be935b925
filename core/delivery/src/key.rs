//! What an object is called: `<prefix><stream>-<version>-<yyyy-MM-dd-HH-mm-ss>-<uuid><extension>` (Firehose developer
//! guide, "Amazon S3 object name format"). Times are the oldest record's arrival.
use jiff::Timestamp as Instant;
use jiff::tz::TimeZone;
use sekisho_types::{DeliveryStreamName, Random, Timestamp};

use crate::prefix::{Prefix, Where};
use crate::{Destination, Partition};

/// What a converted object's name ends with, unless the stream says otherwise.
const PARQUET_EXTENSION: &str = ".parquet";

/// What names an object beside its destination.
#[derive(Clone, Copy, Debug)]
pub struct Naming<'a> {
    /// The stream's name.
    pub stream: &'a DeliveryStreamName,
    /// The stream's version when the batch was cut.
    pub version: u64,
    /// Arrival of the oldest record.
    pub oldest: Timestamp,
    /// Which of the stream's buffers it was in.
    pub partition: &'a Partition,
}

/// The key of a batch's object. Random once: whoever repeats the write repeats the key it was given.
pub fn object_key(destination: &Destination, naming: Naming<'_>, random: &mut dyn Random) -> String {
    let zone =
        destination.custom_time_zone.as_deref().and_then(|name| TimeZone::get(name).ok()).unwrap_or(TimeZone::UTC);
    let oldest = Instant::from_millisecond(naming.oldest.millis()).unwrap_or(Instant::UNIX_EPOCH).to_zoned(zone);
    // It parsed when the destination was checked; a later release that refuses it falls back to none.
    let place = match naming.partition {
        Partition::Errors(_) => Where::ErrorOutputPrefix,
        Partition::Whole | Partition::Keys(_) | Partition::Untransformed | Partition::Backup => Where::Prefix,
    };
    let text = match (naming.partition, &destination.error_output_prefix) {
        (Partition::Errors(_), Some(text)) => text.clone(),
        // Without one of its own, the error output lies below the stream's prefix.
        (Partition::Errors(output_type), None) => {
            format!("{}{output_type}/", destination.prefix.as_deref().unwrap_or_default())
        }
        (_, _) => destination.prefix.clone().unwrap_or_default(),
    };
    let prefix = Prefix::parse(&text, place);
    let prefix = prefix.unwrap_or_else(|_| Prefix::parse("", place).expect("an empty prefix parses"));
    let mut bytes = [0; 16];
    random.fill(&mut bytes);
    let uuid = uuid::Builder::from_random_bytes(bytes).into_uuid();
    let is_converted = !matches!(naming.partition, Partition::Errors(_))
        && destination.conversion.as_ref().is_some_and(|conversion| conversion.enabled);
    let extension = if is_converted { PARQUET_EXTENSION } else { destination.compression.extension() };
    let extension = destination.file_extension.as_deref().unwrap_or(extension);
    format!(
        "{}{}-{}-{}-{uuid}{extension}",
        prefix.evaluate(&oldest, naming.partition, random),
        naming.stream,
        naming.version,
        oldest.strftime("%Y-%m-%d-%H-%M-%S"),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn key(prefix: Option<&str>, extra: serde_json::Value) -> String {
        let mut given = json!({"RoleARN": "arn:aws:iam::000000000000:role/r", "BucketARN": "arn:aws:s3:::lake"});
        if let Some(prefix) = prefix {
            given["Prefix"] = json!(prefix);
            given["ErrorOutputPrefix"] = json!("errors/!{firehose:error-output-type}/");
        }
        for (name, value) in extra.as_object().unwrap() {
            given[name] = value.clone();
        }
        let destination = Destination::parse(&given, None).unwrap();
        let stream = DeliveryStreamName::parse("telemetry").unwrap();
        let oldest = Timestamp::from_millis(1_783_951_445_678); // 2026-07-13T14:04:05.678Z
        let naming = Naming { stream: &stream, version: 3, oldest, partition: &Partition::Whole };
        object_key(&destination, naming, &mut |out: &mut [u8]| out.fill(0))
    }

    const REST: &str = "telemetry-3-2026-07-13-14-04-05-00000000-0000-4000-8000-000000000000";

    #[test]
    fn keys() {
        #[rustfmt::skip] // source                                       prefix                                        extra                       key
        let table: &[(&str, Option<&str>, serde_json::Value, String)] = &[
            ("observed on AWS, July 2026: no prefix",                    None,                                         json!({}),                  format!("2026/07/13/14/{REST}")),
            ("observed on AWS, July 2026: no slash is put in",           Some("legacy"),                               json!({}),                  format!("legacy2026/07/13/14/{REST}")),
            ("observed on AWS, July 2026: plain braces are text",        Some("{year}/"),                              json!({}),                  format!("{{year}}/2026/07/13/14/{REST}")),
            ("s3-prefixes: a timestamp expression replaces the date",    Some("y=!{timestamp:yyyy}/m=!{timestamp:MM}/"), json!({}),                format!("y=2026/m=07/{REST}")),
            ("s3-prefixes: quoted text in a pattern",                    Some("!{timestamp:'year='yyyy'/month='MM}/"), json!({}),                  format!("year=2026/month=07/{REST}")),
            ("s3-prefixes: Java letters",                                Some("!{timestamp:EEE-d-MMM-DDD-hh-a-SSS}/"), json!({}),                  format!("Mon-13-Jul-194-02-PM-678/{REST}")),
            ("s3-prefixes: random-string has 11 characters",             Some("!{firehose:random-string}/!{timestamp:yyyy}/"), json!({}),          format!("AAAAAAAAAAA/2026/{REST}")),
            ("s3-object-name: gzip",                                     None,                                         json!({"CompressionFormat": "GZIP"}), format!("2026/07/13/14/{REST}.gz")),
            ("s3-object-name: FileExtension replaces",                   None,                                         json!({"CompressionFormat": "GZIP", "FileExtension": ".json.gz"}), format!("2026/07/13/14/{REST}.json.gz")),
            ("CustomTimeZone: prefix and name",                          None,                                         json!({"CustomTimeZone": "Asia/Tokyo"}), format!("2026/07/13/23/{}", REST.replace("-14-04-05-", "-23-04-05-"))),
        ];
        for (source, prefix, extra, expected) in table {
            assert_eq!(key(*prefix, extra.clone()), *expected, "{source}");
        }
    }

    #[test]
    fn prefixes_are_refused_as_aws_does() {
        #[rustfmt::skip] // prefix, error prefix                                        problem
        let table = [
            (Some("!{timestamp:yyyy}/"), None,                                          "ErrorOutputPrefix is required when Prefix has expressions"),
            (Some("a"), Some("e/!{timestamp:yyyy}/"),                                   "ErrorOutputPrefix with expressions must contain !{firehose:error-output-type}"),
            (Some("!{firehose:error-output-type}/"), Some("e/"),                        "Prefix: `!{firehose:error-output-type}` is not known here"),
            (Some("!{timestamp:yyyy"), Some("e/"),                                      "Prefix: `!{timestamp:yyyy` is not an expression of the form !{namespace:value}"),
            (Some("!{partitionKeyFromQuery:id}/"), Some("e/"),                          "!{partitionKeyFromQuery:…} and !{partitionKeyFromLambda:…} need DynamicPartitioningConfiguration enabled"),
            (Some("!{timestamp:QQ}/"), Some("e/"),                                      "Prefix: `QQ` is not a date pattern this server knows"),
        ];
        for (prefix, error_output_prefix, problem) in table {
            let given = json!({"RoleARN": "r", "BucketARN": "arn:aws:s3:::lake", "Prefix": prefix, "ErrorOutputPrefix": error_output_prefix});
            assert_eq!(Destination::parse(&given, None).unwrap_err().to_string(), problem);
        }
    }

    #[test]
    fn a_prefix_that_could_not_be_delivered_is_refused() {
        let prefix = |length: usize| {
            let given = json!({"RoleARN": "r", "BucketARN": "arn:aws:s3:::lake", "Prefix": "p".repeat(length)});
            Destination::parse(&given, None).map(drop)
        };
        assert_eq!(prefix(512 - "yyyy/MM/dd/HH/".len()), Ok(()));
        assert!(prefix(513 - "yyyy/MM/dd/HH/".len()).unwrap_err().to_string().contains("more than 512"));
    }
}
