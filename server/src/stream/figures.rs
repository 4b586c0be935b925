//! `sekisho stream ls`, `sekisho stream show`: figures as people read them.
use std::time::Duration;

use sekisho_types::Timestamp;
use sekisho_workers::{StreamInsight, Trouble};
use serde_json::Value;

use crate::text::{bytes, printable, span, table as columns};

/// A line a stream.
pub fn table(streams: Vec<StreamInsight>) -> String {
    if streams.is_empty() {
        return "there is no delivery stream\n".to_owned();
    }
    let head = ["NAME", "VERSION", "BUFFERED", "AGE", "NEXT FLUSH", "DELIVERED", "FAILED", "DESTINATION"];
    let row = |stream: &StreamInsight| {
        vec![
            stream.name.to_string(),
            text(&stream.description["VersionId"]),
            count_and_bytes(stream.buffered_records, stream.buffered_bytes),
            stream.oldest.map_or("-".into(), |oldest| span(stream.now.since(oldest))),
            stream.next_flush.map_or("-".into(), |next| until(stream.now, next)),
            count_and_bytes(stream.counts.delivered_records, stream.counts.delivered_bytes),
            stream.counts.failures.to_string(),
            destination(stream),
        ]
    };
    let rows: Vec<Vec<String>> =
        std::iter::once(head.map(str::to_owned).to_vec()).chain(streams.iter().map(row)).collect();
    columns(&rows, &[1, 2, 3, 4, 5, 6])
}

/// Everything of one stream.
pub fn page(stream: StreamInsight) -> String {
    let described = &stream.description;
    let extended = extended(&stream);
    let counts = &stream.counts;
    let mut lines = vec![
        pair("stream", format!("{}, version {}", stream.name, text(&described["VersionId"]))),
        pair("source", source(described)),
        pair("destination", format!("{}, {}", destination(&stream), text(&extended["CompressionFormat"]))),
        pair("limits", limits(&extended["BufferingHints"])),
        pair("buffer", buffer(described)),
        pair("objects", objects(extended)),
        pair("transformation", transformation(extended)),
    ];
    if let Some(backup) = extended["S3BackupDescription"]["BucketARN"].as_str() {
        lines.push(pair("backup", printable(backup)));
    }
    let oldest = stream.oldest.map_or(String::new(), |oldest| {
        let next = stream.next_flush.map_or(String::new(), |next| format!(", next flush {}", until(stream.now, next)));
        format!(", the oldest came {} ago{next}", span(stream.now.since(oldest)))
    });
    let records = |count: u64, size: u64| format!("{}, {}", counted(count, "record", "records"), bytes(size));
    lines.push(pair("buffered", records(stream.buffered_records, stream.buffered_bytes) + &oldest));
    lines.push(pair(
        "undelivered",
        format!(
            "{} with {}; {} at their transformation",
            counted(stream.undelivered_batches as u64, "batch", "batches"),
            counted(stream.undelivered_records, "record", "records"),
            stream.transforming
        ),
    ));
    lines.push(pair(
        "since the start",
        format!(
            "{} delivered with {}; {} failed, {} were made again",
            counted(counts.delivered_objects, "object", "objects"),
            records(counts.delivered_records, counts.delivered_bytes),
            counted(counts.failures, "attempt", "attempts"),
            counts.retries
        ),
    ));
    lines.extend(stream.held.iter().map(|held| {
        let again = until(stream.now, held.retry_at);
        let batches = counted(held.batches as u64, "batch", "batches");
        pair("held back", format!("{batches} for {}, tried again {again}", printable(&held.destination)))
    }));
    lines.extend(stream.troubles.iter().map(|trouble| {
        let Trouble { at, destination, error } = trouble;
        pair("error", format!("{at} {}: {}", printable(destination), printable(error)))
    }));
    let mut page = lines.concat();
    if stream.partitions > 1 || stream.largest.iter().any(|partition| partition.partition.is_some()) {
        page.push_str(&partitions(&stream));
    }
    page
}

fn partitions(stream: &StreamInsight) -> String {
    let head = ["PARTITION", "BUFFERED", "AGE", "NEXT FLUSH"].map(str::to_owned).to_vec();
    let rows = stream.largest.iter().map(|partition| {
        vec![
            partition_name(partition.partition.as_deref()),
            count_and_bytes(partition.records, partition.bytes),
            span(stream.now.since(partition.oldest)),
            until(stream.now, partition.due),
        ]
    });
    let shown = columns(&std::iter::once(head).chain(rows).collect::<Vec<_>>(), &[1, 2, 3]);
    match stream.partitions.saturating_sub(stream.largest.len()) {
        0 => shown,
        more => format!("{shown}{more} smaller partitions are not shown\n"),
    }
}

/// As `docs/format/record.md` spells them, for people.
pub fn partition_name(partition: Option<&str>) -> String {
    match partition {
        None => "-".into(),
        Some("*") => "(to be transformed)".into(),
        Some("+") => "(backup)".into(),
        Some(text) => match text.strip_prefix('!') {
            Some(kind) => format!("(error output: {})", printable(kind)),
            None => printable(text),
        },
    }
}

fn pair(name: &str, value: String) -> String {
    format!("{name:<17}{value}\n")
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| "-".into(), printable)
}

fn count_and_bytes(records: u64, size: u64) -> String {
    if records == 0 { "0".into() } else { format!("{records} / {}", bytes(size)) }
}

/// `1 batch`, `2 batches`
pub fn counted(count: u64, one: &str, more: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { more })
}

fn until(now: Timestamp, then: Timestamp) -> String {
    match then.since(now) {
        Duration::ZERO => "now".into(),
        left => format!("in {}", span(left)),
    }
}

fn extended(stream: &StreamInsight) -> &Value {
    &stream.description["Destinations"][0]["ExtendedS3DestinationDescription"]
}

fn destination(stream: &StreamInsight) -> String {
    let described = &stream.description["Destinations"][0];
    if let Some(url) = described["HttpEndpointDestinationDescription"]["EndpointConfiguration"]["Url"].as_str() {
        return printable(url);
    }
    let extended = extended(stream);
    let bucket = text(&extended["BucketARN"]);
    let bucket = bucket.strip_prefix("arn:aws:s3:::").unwrap_or(&bucket);
    format!("s3://{bucket}/{}", extended["Prefix"].as_str().map_or(String::new(), printable))
}

fn source(described: &Value) -> String {
    let kinesis = &described["Source"]["KinesisStreamSourceDescription"];
    match kinesis["KinesisStreamARN"].as_str() {
        Some(arn) => format!("every message on {}", printable(arn.split_once("topicfilter/").map_or(arn, |(_, f)| f))),
        None => "PutRecord, PutRecordBatch and rules".into(),
    }
}

fn limits(hints: &Value) -> String {
    match (hints["SizeInMBs"].as_u64(), hints["IntervalInSeconds"].as_u64()) {
        (Some(size), Some(interval)) => format!("{size} MiB or {interval} s, whichever comes first"),
        _ => "-".into(),
    }
}

fn buffer(described: &Value) -> String {
    let encryption = &described["DeliveryStreamEncryptionConfiguration"];
    match encryption["KeyARN"].as_str() {
        Some(key) => format!("sealed under {}", printable(key)),
        None => "sealed under the server's own key".into(),
    }
}

fn objects(extended: &Value) -> String {
    match extended["EncryptionConfiguration"]["KMSEncryptionConfig"]["AWSKMSKeyARN"].as_str() {
        Some(key) => format!("encrypted under {}", printable(key)),
        None => "encrypted as the bucket says".into(),
    }
}

fn transformation(extended: &Value) -> String {
    let processors = extended["ProcessingConfiguration"]["Processors"].as_array().into_iter().flatten();
    let one = |processor: &Value| {
        let lambda = processor["Parameters"].as_array().into_iter().flatten();
        let lambda = lambda.filter(|parameter| parameter["ParameterName"] == "LambdaArn");
        let arn = lambda.filter_map(|parameter| parameter["ParameterValue"].as_str()).next();
        let arn = arn.map_or(String::new(), |arn| format!(" {}", printable(arn)));
        format!("{}{arn}", text(&processor["Type"]))
    };
    let all: Vec<String> = processors.map(one).collect();
    if all.is_empty() { "none".into() } else { all.join(", ") }
}
