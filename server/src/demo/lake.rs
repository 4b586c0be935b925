//! What arrived: exactly what the rule selected, in objects sealed under the operator's key, and nowhere in plain text.
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::Bytes;
use http::Method;
use sekisho_client::{AwsClient, LocalServer};
use serde_json::{Map, Value};
use tokio::time::{Instant, sleep};

use super::account::{Account, BUCKET, STREAM};
use super::stage::Stage;
use super::telemetry::{FRAME, Sent, now_ms};

/// How long the lake may take: some intervals of the delivery stream.
const ARRIVE_MAX: Duration = Duration::from_secs(15);

/// An object as it was fetched.
pub struct Object {
    key: String,
    body: Bytes,
}

/// Waits until as many records arrived as were selected, and holds each against what was sent.
pub async fn arrived(stage: &mut Stage, aws: &AwsClient, sent: &Sent) -> Result<Vec<Object>> {
    let deadline = Instant::now() + ARRIVE_MAX;
    let mut objects: Vec<Object> = Vec::new();
    let count = loop {
        for key in keys(aws).await? {
            if !objects.iter().any(|object| object.key == key) {
                let body = aws
                    .s3(Method::GET, &format!("/{BUCKET}/{key}"), "", &[], Bytes::new())
                    .await
                    .context("GetObject")?
                    .body;
                objects.push(Object { key, body });
            }
        }
        let count = objects.iter().map(|object| object.body.split(|byte| *byte == b'\n').count() - 1).sum::<usize>();
        if count >= sent.selected.len() {
            break count;
        }
        ensure!(
            Instant::now() < deadline,
            "after {} s, {count} of {} records have arrived",
            ARRIVE_MAX.as_secs(),
            sent.selected.len()
        );
        stage.live(&format!(
            "the stream gathers: {count} of {} records, {} objects",
            sent.selected.len(),
            objects.len()
        ))?;
        sleep(FRAME).await;
    };
    for object in &objects {
        named_as_firehose_does(&object.key)?;
        stage.done("an object appears", &object.key)?;
    }
    let example = compare(&objects, sent)?;
    stage.done(
        &format!("{count} records"),
        "each selected reading exactly once, nothing else; `device` and `ts` right",
    )?;
    stage.detail("such as", &example)?;
    Ok(objects)
}

async fn keys(aws: &AwsClient) -> Result<Vec<String>> {
    let list =
        aws.s3(Method::GET, &format!("/{BUCKET}"), "list-type=2", &[], Bytes::new()).await.context("ListObjectsV2")?;
    let list = String::from_utf8(list.body.to_vec()).context("ListObjectsV2")?;
    let keys = list.split("<Key>").skip(1).filter_map(|rest| rest.split_once("</Key>"));
    Ok(keys.map(|(key, _)| key.to_owned()).collect())
}

/// `YYYY/MM/dd/HH/<stream>-1-YYYY-MM-dd-HH-mm-ss-<uuid>`
fn named_as_firehose_does(key: &str) -> Result<()> {
    let parts: Vec<&str> = key.split('/').collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    ensure!(lengths.len() == 5 && lengths[..4] == [4, 2, 2, 2], "`{key}` is not under YYYY/MM/dd/HH/");
    let beginning = format!("{STREAM}-1-{}-", parts[..4].join("-"));
    ensure!(parts[4].starts_with(&beginning), "`{key}` should be named `{beginning}…`");
    Ok(())
}

/// Takes each record off what was selected; nothing may be left, nothing may be missing. Returns a record to show.
fn compare(objects: &[Object], sent: &Sent) -> Result<String> {
    let mut missing = sent.selected.clone();
    let mut example = None;
    for line in objects.iter().flat_map(|object| object.body.split_inclusive(|byte| *byte == b'\n')) {
        let text = str::from_utf8(line).context("a record is not UTF-8")?;
        let record = text.strip_suffix('\n').with_context(|| format!("`{text}` does not end its line"))?;
        let mut fields: Map<String, Value> =
            serde_json::from_str(record).with_context(|| format!("`{record}` is no record"))?;
        let device = fields.remove("device").and_then(|device| device.as_str().map(str::to_owned));
        let device = device.with_context(|| format!("no `device` in {record}"))?;
        let ts = fields
            .remove("ts")
            .as_ref()
            .and_then(Value::as_i64)
            .with_context(|| format!("no integer `ts` in {record}"))?;
        ensure!((sent.began_ms..=now_ms()).contains(&ts), "`ts` in {record} is not a time at which it was sent");
        let number =
            fields.get("number").and_then(Value::as_u64).with_context(|| format!("no `number` in {record}"))?;
        match missing.remove(&(device, number)) {
            Some(Value::Object(reading)) if reading == fields => drop(example.get_or_insert_with(|| record.to_owned())),
            Some(other) => bail!("{record} arrived where {other} was sent"),
            None => bail!("{record} was not selected, or arrived twice"),
        }
    }
    if let Some(((device, number), reading)) = missing.iter().next() {
        bail!("{} records did not arrive, such as {number} of `{device}`: {reading}", missing.len());
    }
    example.context("nothing arrived")
}

/// What S3 says of how the objects are kept.
pub async fn head(stage: &mut Stage, aws: &AwsClient, account: &Account, objects: &[Object]) -> Result<()> {
    for object in objects {
        let answer = aws
            .s3(Method::HEAD, &format!("/{BUCKET}/{}", object.key), "", &[], Bytes::new())
            .await
            .context("HeadObject")?;
        let (algorithm, key) = ("x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id");
        for (name, expected) in [(algorithm, "aws:kms"), (key, account.key_arn.as_str())] {
            let found = answer.header(name).unwrap_or("nothing");
            ensure!(found == expected, "HeadObject says `{name}`: {found}, not {expected}");
        }
    }
    stage.done("s3 HeadObject", &format!("aws:kms under {}", account.key_arn))?;
    Ok(())
}

/// Looks for the marker in every byte the server keeps.
pub fn scan(stage: &mut Stage, server: &LocalServer, objects: &[Object], marker: &str) -> Result<()> {
    let needles = disguises(marker);
    // Whoever finds nothing should show that he could have.
    let fetched = objects.iter().filter(|object| find(&object.body, &needles)).count();
    ensure!(fetched == objects.len(), "the marker is in {fetched} of {} objects as fetched", objects.len());
    let mut seen = Seen::default();
    walk(server.data(), &needles, &mut seen)?;
    ensure!(seen.files > 0 && seen.bytes > 0, "`{}` is empty", server.data().display());
    let found = format!(
        "in all {fetched} objects as fetched, in none of the {} files on the disk ({:.1} MiB)",
        seen.files,
        seen.bytes as f64 / 1_048_576.0
    );
    stage.done("the planted marker", &found)?;
    Ok(())
}

#[derive(Default)]
struct Seen {
    files: usize,
    bytes: usize,
}

fn walk(directory: &Path, needles: &[Vec<u8>], seen: &mut Seen) -> Result<()> {
    let unreadable = || format!("cannot read `{}`", directory.display());
    for entry in fs::read_dir(directory).with_context(unreadable)? {
        let entry = entry.with_context(unreadable)?;
        if entry.file_type().with_context(unreadable)?.is_dir() {
            walk(&entry.path(), needles, seen)?;
            continue;
        }
        match fs::read(entry.path()) {
            Ok(bytes) => {
                ensure!(!find(&bytes, needles), "the marker is in plain text in `{}`", entry.path().display());
                seen.files += 1;
                seen.bytes += bytes.len();
            }
            // Renamed or removed since the directory was read.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| format!("cannot read `{}`", entry.path().display())),
        }
    }
    Ok(())
}

/// The marker itself, and what is the same wherever it stands in something written in base64.
fn disguises(marker: &str) -> Vec<Vec<u8>> {
    let in_base64 = (0..3).map(|before| {
        let text = STANDARD_NO_PAD.encode([&vec![0; before], marker.as_bytes()].concat()).into_bytes();
        // The first characters also depend on what stands before, the last on what follows.
        text[[0, 2, 3][before]..text.len() - 1].to_vec()
    });
    std::iter::once(marker.as_bytes().to_vec()).chain(in_base64).collect()
}

fn find(bytes: &[u8], needles: &[Vec<u8>]) -> bool {
    needles.iter().any(|needle| bytes.windows(needle.len()).any(|window| window[0] == needle[0] && window == needle))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_is_found_in_plain_text_and_in_base64_wherever_it_stands() {
        let needles = disguises("planted-42");
        for before in 0..6 {
            let text = format!("{}planted-42 and more", "x".repeat(before));
            assert!(find(text.as_bytes(), &needles), "{text}");
            assert!(find(STANDARD_NO_PAD.encode(&text).as_bytes(), &needles), "{text}");
        }
        assert!(!find(b"planted-43", &needles));
    }

    #[rustfmt::skip] // what arrived                                                                          what is said of it
    const ARRIVALS: &[(&str, &str)] = &[
        ("{\"number\":1,\"temperature\":21,\"device\":\"d\",\"ts\":9}\n",                                   "{\"number\":1,\"temperature\":21,\"device\":\"d\",\"ts\":9}"),
        ("",                                                                                      "1 records did not arrive"),
        ("{\"number\":1,\"temperature\":21,\"device\":\"d\",\"ts\":9}",                                      "does not end its line"),
        ("{\"number\":1,\"temperature\":22,\"device\":\"d\",\"ts\":9}\n",                                   "arrived where"),
        ("{\"number\":1,\"temperature\":21,\"device\":\"e\",\"ts\":9}\n",                                   "was not selected"),
        ("{\"number\":2,\"temperature\":21,\"device\":\"d\",\"ts\":9}\n",                                   "was not selected"),
        ("{\"number\":1,\"temperature\":21,\"device\":\"d\",\"ts\":\"9\"}\n",                               "no integer `ts`"),
        ("{\"number\":1,\"temperature\":21,\"device\":\"d\",\"ts\":4}\n",                                   "is not a time at which it was sent"),
        ("{\"number\":1,\"temperature\":21,\"ts\":9}\n",                                                    "no `device`"),
    ];

    #[test]
    fn whatever_is_not_exactly_what_was_selected_is_named() {
        let reading = serde_json::json!({"number": 1, "temperature": 21});
        let sent = Sent { selected: [(("d".to_owned(), 1), reading)].into(), began_ms: 5 };
        let said = |body: &str| {
            let object = Object { key: String::new(), body: Bytes::copy_from_slice(body.as_bytes()) };
            compare(&[object], &sent).unwrap_or_else(|error| error.to_string())
        };
        for (body, expected) in ARRIVALS {
            assert!(said(body).contains(expected), "{body}: {}", said(body));
        }
        assert!(said(&ARRIVALS[0].0.repeat(2)).contains("arrived twice"));
    }

    #[rustfmt::skip] // key                                                                              as Firehose names it?
    const KEYS: &[(&str, bool)] = &[
        ("2026/07/13/14/telemetry-1-2026-07-13-14-04-05-6cd5a1a7-6a1a-4dd5-a0f4-5e1d1b0b1a2c",           true),
        ("2026/07/13/14/telemetry-1-2026-07-13-15-04-05-6cd5a1a7-6a1a-4dd5-a0f4-5e1d1b0b1a2c",           false), // another hour
        ("telemetry-1-2026-07-13-14-04-05-6cd5a1a7-6a1a-4dd5-a0f4-5e1d1b0b1a2c",                         false),
        ("2026/7/13/14/telemetry-1-2026-7-13-14-04-05-6cd5a1a7-6a1a-4dd5-a0f4-5e1d1b0b1a2c",             false),
    ];

    #[test]
    fn keys_are_held_against_firehose() {
        for (key, expected) in KEYS {
            assert_eq!(named_as_firehose_does(key).is_ok(), *expected, "{key}");
        }
    }
}
