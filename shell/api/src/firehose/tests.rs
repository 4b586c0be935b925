//! Records through the front: what is plainly right and what is not are answered alike.
use expect_test::expect;

use crate::testing::World;

/// An answer with its record ids taken out.
async fn put(world: &World, operation: &str, body: &str) -> String {
    let answer = world.call("firehose", &format!("Firehose_20150804.{operation}"), body).await.line();
    let mut pieces = answer.split(r#""RecordId":""#);
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |text, piece| {
        let (id, rest) = piece.split_once('"').unwrap();
        text + &format!(r#""RecordId":"{}"{rest}"#, id.len())
    })
}

#[tokio::test]
async fn records_are_taken_or_refused_whichever_way_they_are_read() {
    let world = World::new();
    let stream = r#"{"DeliveryStreamName":"s","ExtendedS3DestinationConfiguration":
        {"RoleARN":"arn:aws:iam::000000000000:role/r","BucketARN":"arn:aws:s3:::lake"}}"#;
    assert_eq!(world.call("firehose", "Firehose_20150804.CreateDeliveryStream", stream).await.status, 200);
    let batch = |items: &str| format!(r#"{{"DeliveryStreamName":"s","Records":[{items}]}}"#);
    let many = |count: usize| batch(&vec![r#"{"Data":"YQ=="}"#; count].join(","));
    let large = format!(r#"{{"Data":"{}"}}"#, "YWFh".repeat(1_024_000 / 3));
    let too_large = format!(r#"{{"Data":"{}YWFh"}}"#, "YWFh".repeat(1_024_000 / 3));
    let mut lines = Vec::new();
    for (operation, body) in [
        ("PutRecord", r#"{"DeliveryStreamName":"s","Record":{"Data":"YQ=="}}"#.to_owned()),
        ("PutRecord", r#"{"DeliveryStreamName":"s","Record":{"Data":"YQ=="},"More":null}"#.into()),
        ("PutRecord", r#"["s",{"Data":"YQ=="}]"#.into()),
        ("PutRecord", r#"{"DeliveryStreamName":"s","Record":["YQ=="]}"#.into()),
        ("PutRecord", r#"{"DeliveryStreamName":"nobody","Record":{"Data":"YQ=="}}"#.into()),
        ("PutRecordBatch", batch(r#"{"Data":"YQ=="},{"Data":""}"#)),
        ("PutRecordBatch", format!(" {}", batch(r#"{"Data":"Y\u0051=="}"#))),
        ("PutRecordBatch", batch(r#"{"Data":"YQ==","Data":"YQ=="}"#)),
        ("PutRecordBatch", batch(r#"{"Data":"YQ"}"#)),
        ("PutRecordBatch", batch(r#"{"Data":null}"#)),
        ("PutRecordBatch", batch("")),
        ("PutRecordBatch", r#"{"DeliveryStreamName":"s"}"#.into()),
        ("PutRecordBatch", r#"{"DeliveryStreamName":"","Records":[{"Data":"YQ=="}]}"#.into()),
        ("PutRecordBatch", batch(&large)),
        ("PutRecordBatch", batch(&vec![large; 5].join(","))),
        ("PutRecordBatch", batch(&too_large)),
        ("PutRecordBatch", many(501)),
    ] {
        lines.push(put(&world, operation, &body).await.replace(&vec!["…"; 64].join(", "), "… 64 times"));
    }
    expect![[r#"
        200 {"RecordId":"32","Encrypted":false}
        200 {"RecordId":"32","Encrypted":false}
        400 {"__type":"SerializationException","message":"The request body is not a JSON object"}
        400 {"__type":"SerializationException","message":"Start of list cannot be converted to structure"}
        400 {"__type":"ResourceNotFoundException","message":"Firehose nobody under account 000000000000 not found."}
        200 {"FailedPutCount":0,"Encrypted":false,"RequestResponses":[{"RecordId":"32"},{"RecordId":"32"}]}
        200 {"FailedPutCount":0,"Encrypted":false,"RequestResponses":[{"RecordId":"32"}]}
        200 {"FailedPutCount":0,"Encrypted":false,"RequestResponses":[{"RecordId":"32"}]}
        400 {"__type":"SerializationException","message":"Invalid padding"}
        400 {"__type":"ValidationException","message":"1 validation error detected: Value null at 'records.1.member.data' failed to satisfy constraint: Member must not be null"}
        400 {"__type":"ValidationException","message":"1 validation error detected: Value '[]' at 'records' failed to satisfy constraint: Member must have length greater than or equal to 1"}
        400 {"__type":"ValidationException","message":"1 validation error detected: Value null at 'records' failed to satisfy constraint: Member must not be null"}
        400 {"__type":"ValidationException","message":"2 validation errors detected: Value '' at 'deliveryStreamName' failed to satisfy constraint: Member must have length greater than or equal to 1; Value '' at 'deliveryStreamName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"}
        200 {"FailedPutCount":0,"Encrypted":false,"RequestResponses":[{"RecordId":"32"}]}
        400 {"__type":"InvalidArgumentException","message":"Records size exceeds 4 MB limit"}
        400 {"__type":"ValidationException","message":"1 validation error detected: Value 'java.nio.HeapByteBuffer[pos=0 lim=1024002 cap=1024002]' at 'records.1.member.data' failed to satisfy constraint: Member must have length less than or equal to 1024000"}
        400 {"__type":"ValidationException","message":"1 validation error detected: Value '[… 64 times]' at 'records' failed to satisfy constraint: Member must have length less than or equal to 500"}"#]].assert_eq(&lines.join("\n"));
    let answer = world.call("firehose", "Firehose_20150804.PutRecordBatch", &many(500)).await.json();
    let ids: std::collections::HashSet<&str> =
        answer["RequestResponses"].as_array().unwrap().iter().filter_map(|one| one["RecordId"].as_str()).collect();
    assert_eq!((ids.len(), &answer["FailedPutCount"]), (500, &0.into()));
}
