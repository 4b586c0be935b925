//! Processors by table: what a record becomes, and what becomes of one that cannot be processed.
use std::io::Write;

use super::*;

const ARRIVAL: Timestamp = Timestamp::from_millis(1_783_951_445_678);

fn destination(processors: &Value, prefix: &str) -> Result<Destination, DeliveryError> {
    let given = json!({
        "RoleARN": "arn:aws:iam::000000000000:role/r", "BucketARN": "arn:aws:s3:::lake", "Prefix": prefix,
        "ErrorOutputPrefix": "errors/!{firehose:error-output-type}/",
        "DynamicPartitioningConfiguration": { "Enabled": prefix.contains("partitionKey") },
        "BufferingHints": { "SizeInMBs": 64, "IntervalInSeconds": 60 },
        "ProcessingConfiguration": { "Enabled": true, "Processors": processors },
    });
    Destination::parse(&given, None)
}

fn processor(kind: &str, parameters: &[(&str, &str)]) -> Value {
    let parameters: Vec<_> =
        parameters.iter().map(|(name, value)| json!({"ParameterName": name, "ParameterValue": value})).collect();
    json!({ "Type": kind, "Parameters": parameters })
}

fn by(query: &str) -> Value {
    processor("MetadataExtraction", &[("MetadataExtractionQuery", query), ("JsonParsingEngine", "JQ-1.6")])
}

/// Each record as `partition: data`, an error as `error-output-type: errorCode: errorMessage`.
fn run(processors: &Value, prefix: &str, data: &[u8]) -> Vec<String> {
    let pipeline = Pipeline::new(&destination(processors, prefix).unwrap()).unwrap();
    let shown = |processed: Processed| match &processed.partition {
        Partition::Errors(output_type) => {
            let document: Value = serde_json::from_slice(&processed.data).unwrap();
            assert_eq!(document["arrivalTimestamp"], ARRIVAL.millis());
            format!(
                "{output_type}: {}: {}",
                document["errorCode"].as_str().unwrap(),
                document["errorMessage"].as_str().unwrap()
            )
        }
        Partition::Whole => String::from_utf8(processed.data).unwrap(),
        Partition::Untransformed | Partition::Backup => {
            format!("{}{}", processed.partition.to_text().unwrap(), String::from_utf8(processed.data).unwrap())
        }
        partition @ Partition::Keys(_) => {
            let keys = partition.keys();
            let name = |name: &String| name.replace("partitionKeyFromQuery:", "");
            let keys: Vec<_> = keys.iter().map(|(key, value)| format!("{}={value}", name(key))).collect();
            format!("{}: {}", keys.join(","), String::from_utf8(processed.data).unwrap())
        }
    };
    pipeline.run(data, ARRIVAL, &mut RequestBudget::default()).into_iter().map(shown).collect()
}

const YEAR: &str = "y=!{partitionKeyFromQuery:year}/";

#[test]
#[rustfmt::skip]
fn processors() {
    let gzip = |data: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    };
    let logs = br#"{"messageType":"DATA_MESSAGE","logEvents":[{"message":"a"},{"message":"b"}]}"#;
    let failed = "processing-failed";
    // citation                                             processors                                                                                record                      what comes out
    let table: &[(&str, Value, &[u8], Vec<String>)] = &[
        ("dynamic-partitioning: AppendDelimiterToRecord",   json!([processor("AppendDelimiterToRecord", &[("Delimiter", "\\n")])]),                      b"{}",                      vec!["{}\n".into()]),
        ("dynamic-partitioning: no parameter",              json!([processor("AppendDelimiterToRecord", &[])]),                                          b"a",                       vec!["a\n".into()]),
        ("dynamic-partitioning: de-aggregation, JSON",      json!([processor("RecordDeAggregation", &[("SubRecordType", "JSON")])]),                     b"{\"a\":1}{\"b\":2}\n[3]", vec!["{\"a\":1}".into(), "{\"b\":2}".into(), "[3]".into()]),
        ("dynamic-partitioning: not JSON",                  json!([processor("RecordDeAggregation", &[("SubRecordType", "JSON")])]),                     b"{\"a\":1}x",              vec![format!("{failed}: RecordDeAggregation.JsonFailed: expected value at line 1 column 8")]),
        ("dynamic-partitioning: de-aggregation, DELIMITED", json!([processor("RecordDeAggregation", &[("SubRecordType", "DELIMITED"), ("Delimiter", "IyMjIw==")])]), b"a####b####",    vec!["a".into(), "b".into()]),
        ("writing-with-cloudwatch-logs: Decompression",     json!([processor("Decompression", &[("CompressionFormat", "GZIP")])]),                        &gzip(b"abc"),              vec!["abc".into()]),
        ("writing-with-cloudwatch-logs: not gzip",          json!([processor("Decompression", &[])]),                                                    b"abc",                     vec![format!("{failed}: Decompression.GzipFailed: unexpected end of file")]),
        ("writing-with-cloudwatch-logs: messages",          json!([processor("CloudWatchLogProcessing", &[("DataMessageExtraction", "true")])]),          logs,                       vec!["a\nb\n".into()]),
        ("writing-with-cloudwatch-logs: an envelope",       json!([processor("Decompression", &[]), processor("CloudWatchLogProcessing", &[("DataMessageExtraction", "true")])]), &gzip(logs), vec!["a\nb\n".into()]),
        ("writing-with-cloudwatch-logs: control messages",  json!([processor("CloudWatchLogProcessing", &[("DataMessageExtraction", "true")])]),          br#"{"messageType":"CONTROL_MESSAGE"}"#, vec![]),
        ("writing-with-cloudwatch-logs: something else",    json!([processor("CloudWatchLogProcessing", &[("DataMessageExtraction", "true")])]),          b"{}",                      vec![format!("{failed}: CloudWatchLogProcessing.Failed: not a message of CloudWatch Logs")]),
    ];
    for (citation, processors, record, expected) in table {
        assert_eq!(run(processors, "p/", record), *expected, "{citation}");
    }
}

#[test]
#[rustfmt::skip]
fn partitions() {
    let failed = "metadata-extraction-failed: DynamicPartitioning.MetadataExtractionFailed";
    // citation                                 query                                              record                                what comes out
    let table: &[(&str, &str, &str, String)] = &[
        ("dynamic-partitioning: a field",       "{year: .y}",                                      r#"{"y":"2026","z":1}"#,              r#"year=2026: {"y":"2026","z":1}"#.into()),
        ("dynamic-partitioning: a number",      "{year:.y}",                                       r#"{"y":2026}"#,                      r#"year=2026: {"y":2026}"#.into()),
        ("dynamic-partitioning: strftime",      r#"{year:.t|strftime("%Y")}"#,                     r#"{"t":1783951445}"#,                r#"year=2026: {"t":1783951445}"#.into()),
        ("dynamic-partitioning: more keys",     r#"{year:.y, unused:.z}"#,                         r#"{"y":"1","z":"2"}"#,               r#"year=1: {"y":"1","z":"2"}"#.into()),
        ("jq: conditions",                      r#"{year:(if .hot then "hot" else "cold" end)}"#,  r#"{"hot":true}"#,                    r#"year=hot: {"hot":true}"#.into()),
        ("jq: interpolation",                   r#"{year:"\(.a)-\(.b)"}"#,                         r#"{"a":1,"b":2}"#,                   r#"year=1-2: {"a":1,"b":2}"#.into()),
        ("dynamic-partitioning: missing key",   "{year: .y}",                                      "{}",                                 format!("{failed}: partition key `year` has no value")),
        ("dynamic-partitioning: empty key",     "{year: .y}",                                      r#"{"y":""}"#,                        format!("{failed}: partition key `year` has no value")),
        ("dynamic-partitioning: bad JSON",      "{year: .y}",                                      "nonsense",                           format!("{failed}: the record is not JSON: ")),
        ("dynamic-partitioning: no object",     ".y",                                              r#"{"y":"1"}"#,                       format!("{failed}: the query did not give an object")),
        ("dynamic-partitioning: an object",     "{year: .y}",                                      r#"{"y":{}}"#,                        format!("{failed}: key `year` is neither text nor a number")),
        ("jq: an error",                        r#"{year: (.y | error)}"#,                         r#"{"y":"no"}"#,                      format!("{failed}: the query failed: \"no\"")),
    ];
    for (citation, query, record, expected) in table {
        let out = run(&json!([by(query)]), YEAR, record.as_bytes());
        assert!(out.len() == 1 && out[0].starts_with(expected), "{citation}: {out:?}");
    }
    let long = format!(r#"{{"y":"{}"}}"#, "y".repeat(512));
    assert!(run(&json!([by("{year: .y}")]), YEAR, long.as_bytes())[0].contains("the evaluated prefix has more than 512 bytes"));
    let both = json!([processor("RecordDeAggregation", &[("SubRecordType", "JSON")]), by("{year:.y}"), processor("AppendDelimiterToRecord", &[])]);
    let out = run(&both, YEAR, br#"{"y":"1"}{"x":2}{"y":"3"}"#);
    assert_eq!((out[0].as_str(), out[2].as_str()), ("year=1: {\"y\":\"1\"}\n", "year=3: {\"y\":\"3\"}\n"), "each sub-record for itself");
    assert!(out[1].starts_with(failed));
}

#[test]
#[rustfmt::skip]
fn what_could_never_work_is_refused_when_the_stream_is_made() {
    // citation                                       processors                                          prefix    refused with
    let table: &[(&str, Value, &str, &str)] = &[
        ("a query that is none",                      json!([by("{year: ")]),                             YEAR,     "MetadataExtractionQuery: it is not a jq program"),
        ("it may never end",                          json!([by("{year: last(repeat(1))}")]),             YEAR,     "MetadataExtractionQuery: `repeat` is not offered here"),
        ("it may never end",                          json!([by("def f: f; f")]),                         YEAR,     "MetadataExtractionQuery: `def` is not offered here"),
        ("it may never end",                          json!([by("{year: [range(1e12)] | length}")]),      YEAR,     "MetadataExtractionQuery: `range` is not offered here"),
        ("it repeats text",                           json!([by("{year: (.y * 1e9)}")]),                  YEAR,     "MetadataExtractionQuery: `*` is not offered here"),
        ("an array of 8 GB",                          json!([by("{year: (.[1e9] = 1)}")]),                YEAR,     "MetadataExtractionQuery: an assignment is not offered here"),
        ("it reads text as JSON, however nested",     json!([by("{year: (.y | fromjson)}")]),             YEAR,     "MetadataExtractionQuery: `fromjson` is not offered here"),
        ("it reads the server's environment",         json!([by("{year: env.HOME}")]),                    YEAR,     "MetadataExtractionQuery: `env` is not offered here"),
        ("it reads the server's environment",         json!([by("{year: $ENV.HOME}")]),                   YEAR,     "MetadataExtractionQuery: `$ENV` is not offered here"),
        ("nothing of it is known",                    json!([by("{year: .y | frobnicate}")]),             YEAR,     "MetadataExtractionQuery: `frobnicate` is not offered here"),
        ("dynamic-partitioning: needs extraction",    json!([]),                                          YEAR,     "Dynamic partitioning needs a MetadataExtraction or a Lambda processor"),
        ("dynamic-partitioning: needs to be enabled", json!([by("{year: .y}")]),                          "p/",     "MetadataExtraction needs DynamicPartitioningConfiguration enabled"),
        ("data-transformation: which function",       json!([processor("Lambda", &[])]),                  "p/",     "Lambda: LambdaArn is required"),
        ("data-transformation: 0.2 to 3 MB",          json!([processor("Lambda", &[("LambdaArn", "arn"), ("BufferSizeInMBs", "4")])]), "p/", "Lambda: BufferSizeInMBs is 0.2 to 3"),
        ("dynamic-partitioning: a key of a function", json!([by("{year: .y}")]), "!{partitionKeyFromLambda:a}/", "!{partitionKeyFromLambda:a} needs a Lambda processor"),
        ("dynamic-partitioning: a key of a query",    json!([processor("Lambda", &[("LambdaArn", "arn")])]), YEAR, "!{partitionKeyFromQuery:year} needs a MetadataExtraction processor"),
        ("no such processor",                         json!([processor("Frobnicate", &[])]),              "p/",     "`Frobnicate` is not a processor"),
        ("base64",                                    json!([processor("RecordDeAggregation", &[("SubRecordType", "DELIMITED")])]), "p/", "RecordDeAggregation: Delimiter is not base64 of at least a byte"),
    ];
    for (citation, processors, prefix, refusal) in table {
        assert_eq!(destination(processors, prefix).unwrap_err().to_string(), *refusal, "{citation}");
    }
}

#[test]
fn a_record_waits_for_its_transformation_taken_apart_and_is_placed_behind_it() {
    let processors = json!([
        processor("AppendDelimiterToRecord", &[]),
        processor("Lambda", &[("LambdaArn", "arn")]),
        processor("RecordDeAggregation", &[("SubRecordType", "JSON")]),
    ]);
    let prefix = "!{partitionKeyFromLambda:kind}/";
    assert_eq!(run(&processors, prefix, b"{}{}"), ["*{}", "*{}"]);
    let pipeline = Pipeline::new(&destination(&processors, prefix).unwrap()).unwrap();
    let attempt = Attempt { arrival: ARRIVAL, made: 4, ended: ARRIVAL, lambda_arn: Some("arn") };
    let record = |keys: &[(&str, &str)]| Transformed::Record {
        data: b"{}".to_vec(),
        partition_keys: keys.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
    };
    let placed = pipeline.run_transformed(&record(&[("kind", "a"), ("more", "b")]), b"raw", &attempt).unwrap();
    assert_eq!(placed.partition.keys(), BTreeMap::from([("partitionKeyFromLambda:kind".into(), "a".into())]));
    assert_eq!(placed.data, b"{}\n");
    let lost = pipeline.run_transformed(&record(&[]), b"raw", &attempt).unwrap();
    assert_eq!(lost.partition, Partition::Errors(METADATA_EXTRACTION_FAILED.into()));
    assert_eq!(pipeline.run_transformed(&Transformed::Dropped, b"raw", &attempt), None);
    let failed = Transformed::Failed { code: "Lambda.FunctionError", message: "no".into() };
    let failed = pipeline.run_transformed(&failed, b"raw", &attempt).unwrap();
    let document: Value = serde_json::from_slice(&failed.data).unwrap();
    let members: Vec<_> = document.as_object().unwrap().keys().map(String::as_str).collect();
    let observed = [
        "rawData",
        "errorCode",
        "errorMessage",
        "attemptsMade",
        "arrivalTimestamp",
        "attemptEndingTimestamp",
        "lambdaARN",
    ];
    assert_eq!(members, observed, "seen on AWS in September 2026");
    assert_eq!((&document["attemptsMade"], &document["rawData"]), (&json!(4), &json!("cmF3")));
}

#[test]
fn nesting_without_end_is_no_way_to_the_end_of_the_stack() {
    for record in ["[".repeat(500_000), format!("{}1{}", "[".repeat(400_000), "]".repeat(400_000))] {
        for processors in [
            json!([by("{year: .y}")]),
            json!([processor("RecordDeAggregation", &[("SubRecordType", "JSON")]), by("{year: .y}")]),
        ] {
            assert!(run(&processors, YEAR, record.as_bytes())[0].contains("failed"));
        }
    }
}

/// Nothing a record holds may panic or take long, and nothing of it is lost: it is in what comes out, or in the error document.
#[test]
fn any_record_is_processed_or_told_of() {
    let processors = json!([
        processor("RecordDeAggregation", &[("SubRecordType", "JSON")]),
        by("{year: .y | tostring}"),
        processor("AppendDelimiterToRecord", &[]),
    ]);
    let pipeline = Pipeline::new(&destination(&processors, YEAR).unwrap()).unwrap();
    bolero::check!().with_type::<Vec<u8>>().for_each(|data| {
        for processed in pipeline.run(data, ARRIVAL, &mut RequestBudget::default()) {
            if let Partition::Errors(_) = processed.partition {
                let document: Value = serde_json::from_slice(&processed.data).unwrap();
                assert!(document["rawData"].is_string());
            }
        }
    });
}

#[test]
fn what_the_records_of_one_request_become_is_bounded() {
    let processors = json!([processor("Decompression", &[("CompressionFormat", "GZIP")])]);
    let pipeline = Pipeline::new(&destination(&processors, "").unwrap()).unwrap();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(&vec![0; 9 * 1024 * 1024]).unwrap();
    let packed = packed.finish().unwrap();
    let mut budget = RequestBudget::default();
    let all: Vec<Processed> = (0..20).flat_map(|_| pipeline.run(&packed, ARRIVAL, &mut budget)).collect();
    let (taken, failed): (Vec<_>, Vec<_>) = all.iter().partition(|processed| processed.partition == Partition::Whole);
    assert_eq!((taken.len(), failed.len()), (7, 13));
    let document = String::from_utf8_lossy(&failed[0].data);
    assert!(document.contains("Processing.RequestTooLarge") && document.contains(&STANDARD.encode(&packed)));
    budget.left = 0;
    let [last] = &pipeline.run(b"not even gzip", ARRIVAL, &mut budget)[..] else { panic!("one document") };
    assert!(String::from_utf8_lossy(&last.data).contains("Processing.RequestTooLarge"));
}
