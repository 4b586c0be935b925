//! `HttpEndpointDestinationConfiguration` and the contract with the endpoint, as tables.
use std::io::Read;

use sekisho_types::Timestamp;

use super::*;
use crate::Given;

fn configuration(change: Value) -> Value {
    let mut given = json!({
        "EndpointConfiguration": {"Url": "https://collector.example/v1?site=1", "Name": "collector", "AccessKey": "open-sesame"},
        "S3Configuration": {"RoleARN": "arn:aws:iam::000000000000:role/r", "BucketARN": "arn:aws:s3:::lake"},
    });
    for (name, value) in change.as_object().unwrap() {
        given[name] = value.clone();
    }
    given
}

fn parse(change: Value) -> Result<Destination, DeliveryError> {
    Destination::read(Given::HttpEndpoint(&configuration(change)), None)
}

fn endpoint(change: Value) -> HttpEndpoint {
    *parse(change).unwrap().http_endpoint.unwrap()
}

#[test]
fn described_with_aws_defaults_and_without_the_key() {
    let destination = parse(json!({})).unwrap();
    let description = destination.describe_http_endpoint(destination.http_endpoint.as_deref().unwrap());
    assert_eq!(
        description["EndpointConfiguration"],
        json!({"Url": "https://collector.example/v1?site=1", "Name": "collector"})
    );
    assert_eq!(description["BufferingHints"], json!({"SizeInMBs": 5, "IntervalInSeconds": 300}));
    assert_eq!(description["RequestConfiguration"], json!({"ContentEncoding": "NONE", "CommonAttributes": []}));
    assert_eq!(description["RetryOptions"], json!({"DurationInSeconds": 300}));
    assert_eq!(description["S3BackupMode"], "FailedDataOnly");
    assert_eq!(description["S3DestinationDescription"]["BucketARN"], "arn:aws:s3:::lake");
    assert!(!description.to_string().contains("sesame") && !format!("{destination:?}").contains("sesame"));
    // What the journal keeps must come back whole.
    let kept: Destination = serde_json::from_str(&serde_json::to_string(&destination).unwrap()).unwrap();
    assert_eq!(kept, destination);
}

#[test]
fn what_is_wrong_is_refused_by_name() {
    #[rustfmt::skip] // change                                                                          in the message
    let table = [
        (json!({"EndpointConfiguration": {"Url": "http://collector.example/"}}),                        "Url does not match https://.*"),
        (json!({"EndpointConfiguration": {"Url": "http://127.0.0.1.example/"}}),                        "Url does not match https://.*"),
        (json!({"EndpointConfiguration": {"Url": "https://user:word@collector.example/"}}),             "Url does not match https://.*"),
        (json!({"EndpointConfiguration": {"Url": "https://collector.example/a b"}}),                    "Url does not match https://.*"),
        (json!({"EndpointConfiguration": {"Url": "https:///path"}}),                                    "Url does not match https://.*"),
        (json!({"EndpointConfiguration": {}}),                                                          "Url is required"),
        (json!({"EndpointConfiguration": {"Url": "https://e/", "AccessKey": "two\nlines"}}),            "AccessKey: at most 4096"),
        (json!({"BufferingHints": {"SizeInMBs": 65, "IntervalInSeconds": 60}}),                         "SizeInMBs is 1 to 64"),
        (json!({"BufferingHints": {"SizeInMBs": 1}}),                                                   "set both"),
        (json!({"RetryOptions": {"DurationInSeconds": 7201}}),                                          "DurationInSeconds is 0 to 7200"),
        (json!({"S3BackupMode": "Enabled"}),                                                            "FailedDataOnly or AllData"),
        (json!({"RequestConfiguration": {"ContentEncoding": "ZSTD"}}),                                  "NONE or GZIP"),
        (json!({"RequestConfiguration": {"CommonAttributes": [{"AttributeName": " ", "AttributeValue": ""}]}}), "CommonAttributes"),
        (json!({"SecretsManagerConfiguration": {"Enabled": true}}),                                     "SecretsManagerConfiguration is not offered"),
        (json!({"S3Configuration": {"RoleARN": "r"}}),                                                  "BucketARN is required"),
    ];
    for (change, problem) in table {
        let message = parse(change.clone()).unwrap_err().to_string();
        assert!(message.contains(problem), "{change}: {message}");
        assert!(!message.contains("sesame"));
    }
    for url in ["http://127.0.0.1:9/x", "http://localhost/", "http://[::1]:80", "https://collector.example:8443/a?b=c"]
    {
        parse(json!({"EndpointConfiguration": {"Url": url}})).unwrap();
    }
}

#[test]
fn an_update_merges_and_never_sends_a_key_elsewhere() {
    let present = parse(json!({"RetryOptions": {"DurationInSeconds": 0}, "S3BackupMode": "AllData"})).unwrap();
    let update = |given: Value| Destination::read(Given::HttpEndpoint(&given), Some(&present));
    let changed = update(json!({
        "RequestConfiguration": {"ContentEncoding": "GZIP"},
        "S3Update": {"ErrorOutputPrefix": "failed/", "BufferingHints": {"SizeInMBs": 7, "IntervalInSeconds": 70}},
    }));
    let changed = changed.unwrap();
    let endpoint = changed.http_endpoint.clone().unwrap();
    assert_eq!((endpoint.gzip, endpoint.retry_s, endpoint.backup_all), (true, 0, true));
    assert_eq!(endpoint.access_key.as_ref().map(AccessKey::expose), Some("open-sesame"));
    assert_eq!((changed.error_output_prefix.as_deref(), changed.bucket.as_str()), (Some("failed/"), "lake"));
    assert_eq!((changed.buffering_hints, endpoint.s3_buffering_hints.size_in_mbs), (BufferingHints::default(), 7));
    let moved = update(json!({"EndpointConfiguration": {"Url": "https://elsewhere.example/"}})).unwrap();
    assert_eq!(moved.http_endpoint.unwrap().access_key, None);
    let other_kind = Destination::read(Given::S3(&json!({"Prefix": "p/"})), Some(&present)).unwrap_err();
    assert!(other_kind.to_string().contains("keeps its kind"));
}

#[test]
fn requests() {
    let plain = endpoint(json!({"RequestConfiguration": {"CommonAttributes": [
        {"AttributeName": "site", "AttributeValue": "Zürich \u{1f3ed}"}, {"AttributeName": "a", "AttributeValue": "\"b\""}]}}));
    let id = request_id("lake/telemetry-1-x");
    assert_eq!(id, request_id("lake/telemetry-1-x"));
    assert_ne!(id, request_id("lake/telemetry-1-y"));
    assert_eq!(id.len(), 36);
    let body = |endpoint: &HttpEndpoint, records: &[&[u8]]| {
        let mut request = EndpointRequest::new(endpoint, "id-1", Timestamp::from_millis(1_578_090_901_599));
        records.iter().for_each(|record| request.push(record));
        request.finish()
    };
    // The developer guide's example, with its records.
    let expected =
        r#"{"requestId":"id-1","timestamp":1578090901599,"records":[{"data":"aGVsbG8="},{"data":"aGVsbG8gd29ybGQ="}]}"#;
    assert_eq!(body(&plain, &[b"hello", b"hello world"]), expected.as_bytes());
    assert!(body(&plain, &[]).ends_with(br#""records":[]}"#));
    let gzip = endpoint(json!({"RequestConfiguration": {"ContentEncoding": "GZIP"}}));
    let mut unpacked = String::new();
    flate2::read::GzDecoder::new(&body(&gzip, &[b"hello", b"hello world"])[..]).read_to_string(&mut unpacked).unwrap();
    assert_eq!(unpacked, expected);

    let headers = plain.headers("id-1", "arn:aws:firehose:us-east-1:000000000000:deliverystream/s");
    #[rustfmt::skip]
    let expected = [
        ("content-type", "application/json"),
        ("x-amz-firehose-protocol-version", "1.0"),
        ("x-amz-firehose-request-id", "id-1"),
        ("x-amz-firehose-source-arn", "arn:aws:firehose:us-east-1:000000000000:deliverystream/s"),
        ("x-amz-firehose-access-key", "open-sesame"),
        ("x-amz-firehose-common-attributes", r#"{"commonAttributes":{"site":"Z\u00fcrich \ud83c\udfed","a":"\"b\""}}"#),
    ];
    assert_eq!(headers.iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>(), expected);
    assert!(gzip.headers("id-1", "arn").contains(&("content-encoding", "gzip".to_owned())));
}

#[test]
fn answers() {
    #[rustfmt::skip] // what                                status  body                                                      error code
    let table = [
        ("the guide's success",                             200,    r#"{"requestId": "id-1", "timestamp": 1578090903599}"#,   None),
        ("another request's",                               200,    r#"{"requestId": "id-2", "timestamp": 1578090903599}"#,   Some("HttpEndpoint.InvalidResponseFromDestination")),
        ("without a timestamp",                             200,    r#"{"requestId": "id-1"}"#,                               Some("HttpEndpoint.InvalidResponseFromDestination")),
        ("nothing",                                         200,    "",                                                       Some("HttpEndpoint.InvalidResponseFromDestination")),
        ("not JSON",                                        200,    "<html>ok</html>",                                        Some("HttpEndpoint.InvalidResponseFromDestination")),
        ("only 200 is a success",                           202,    r#"{"requestId": "id-1", "timestamp": 1578090903599}"#,   Some("HttpEndpoint.DestinationException")),
        ("redirections are not followed",                   301,    "",                                                       Some("HttpEndpoint.DestinationException")),
        ("the guide's failure",                             503,    r#"{"requestId": "id-1", "timestamp": 1, "errorMessage": "Unable to deliver records due to unknown error."}"#, Some("HttpEndpoint.DestinationException")),
    ];
    for (what, status, body, code) in table {
        let judged = judge_answer("id-1", status, body.as_bytes());
        assert_eq!(judged.as_ref().err().map(|failure| &*failure.code), code, "{what}");
        if let Err(failure) = judged {
            assert!(failure.message.contains(body), "{what}: {failure}");
        }
    }
    let long = judge_answer("id-1", 500, "é".repeat(5000).as_bytes()).unwrap_err();
    assert!(long.message.chars().count() < 1200);
}

#[test]
fn a_failed_record_is_a_document_a_line() {
    let failure = judge_answer("id-1", 503, b"busy").unwrap_err();
    let attempts = Attempts { made: 5, ended: Timestamp::from_millis(2), failure };
    let line =
        String::from_utf8(failed_record(&attempts, Timestamp::from_millis(1), 42, 0, b"sample raw data")).unwrap();
    let expected = concat!(
        r#"{"attemptsMade":5,"arrivalTimestamp":1,"errorCode":"HttpEndpoint.DestinationException","#,
        r#""errorMessage":"The following response was received from the endpoint destination. 503: busy","#,
        r#""attemptEndingTimestamp":2,"rawData":"c2FtcGxlIHJhdyBkYXRh","subsequenceNumber":0,"dataId":"42.0"}"#,
        "\n"
    );
    assert_eq!(line, expected);
}
