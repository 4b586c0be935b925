//! What each action sends, and what it does not.
use sekisho_types::Timestamp;
use serde_json::json;

use super::*;

const ROLE: &str = "arn:aws:iam::123456789012:role/r";

/// The request of an action as a rule writes it: headers but for the content type, a line each, and the body.
fn said(action: &Value, result: &[u8]) -> Result<String, String> {
    let (name, members) = action.as_object().unwrap().iter().next().unwrap();
    let mut members = members.clone();
    if name != "lambda" {
        members["roleArn"] = json!(ROLE);
    }
    let call = Call::read(name, Call::with_given(name, members))?;
    let received = Timestamp::from_millis(1_700_000_000_123);
    let request = call.request(&Context { result, received, rule: "hot", region: "eu-north-1" })?;
    let (_, kind) = request.headers[0].clone();
    let mut lines = vec![format!("{} {}", request.path, kind)];
    lines.extend(request.headers[1..].iter().map(|(name, value)| format!("{name}: {value}")));
    lines.push(String::from_utf8(request.body).unwrap());
    Ok(lines.join("\n"))
}

#[test]
fn what_is_sent() {
    const JSON: &[u8] = br#"{"id":7,"deep":{"on":true,"l":["a",null,1.5]}}"#;
    let dynamo = |more: Value| {
        let mut members = json!({ "tableName": "t", "hashKeyField": "k", "hashKeyValue": "v" });
        members.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "dynamoDB": members })
    };
    let metric = |at: &str| json!({"cloudwatchMetric": {"metricNamespace": "N", "metricName": "m", "metricValue": "7.5", "metricUnit": "None", "metricTimestamp": at}});
    #[rustfmt::skip] // action, without its role; result; request
    let table: Vec<(Value, &[u8], &str)> = vec![
        (json!({"sqs": {"queueUrl": "https://q/1/q"}}), JSON,
            "/ application/x-amz-json-1.0\nx-amz-target: AmazonSQS.SendMessage\n{\"QueueUrl\":\"https://q/1/q\",\"MessageBody\":\"{\\\"id\\\":7,\\\"deep\\\":{\\\"on\\\":true,\\\"l\\\":[\\\"a\\\",null,1.5]}}\"}"),
        (json!({"sqs": {"queueUrl": "q", "useBase64": true}}), b"\0\xff",
            "/ application/x-amz-json-1.0\nx-amz-target: AmazonSQS.SendMessage\n{\"QueueUrl\":\"q\",\"MessageBody\":\"AP8=\"}"),
        (json!({"sns": {"targetArn": "arn:aws:sns:x:1:t"}}), b"a & b",
            "/ application/x-www-form-urlencoded; charset=utf-8\nAction=Publish&Version=2010-03-31&TargetArn=arn%3Aaws%3Asns%3Ax%3A1%3At&Message=a%20%26%20b"),
        (json!({"sns": {"targetArn": "t", "messageFormat": "JSON"}}), b"{}",
            "/ application/x-www-form-urlencoded; charset=utf-8\nAction=Publish&Version=2010-03-31&TargetArn=t&Message=%7B%7D&MessageStructure=json"),
        (json!({"kinesis": {"streamName": "s", "partitionKey": "p"}}), b"\0\xff",
            "/ application/x-amz-json-1.1\nx-amz-target: Kinesis_20131202.PutRecord\n{\"StreamName\":\"s\",\"PartitionKey\":\"p\",\"Data\":\"AP8=\"}"),
        (json!({"lambda": {"functionArn": "arn:aws:lambda:x:1:function:f"}}), b"{}",
            "/2015-03-31/functions/arn%3Aaws%3Alambda%3Ax%3A1%3Afunction%3Af/invocations application/json\nx-amz-invocation-type: Event\n{}"),
        (dynamo(json!({})), JSON,
            "/ application/x-amz-json-1.0\nx-amz-target: DynamoDB_20120810.PutItem\n{\"TableName\":\"t\",\"Item\":{\"k\":{\"S\":\"v\"},\"payload\":{\"M\":{\"deep\":{\"M\":{\"l\":{\"L\":[{\"S\":\"a\"},{\"NULL\":true},{\"N\":\"1.5\"}]},\"on\":{\"BOOL\":true}}},\"id\":{\"N\":\"7\"}}}}}"),
        (dynamo(json!({"rangeKeyField": "r", "rangeKeyValue": "7", "rangeKeyType": "NUMBER", "payloadField": "p"})), b"\0\xff",
            "/ application/x-amz-json-1.0\nx-amz-target: DynamoDB_20120810.PutItem\n{\"TableName\":\"t\",\"Item\":{\"k\":{\"S\":\"v\"},\"r\":{\"N\":\"7\"},\"p\":{\"B\":\"AP8=\"}}}"),
        (dynamo(json!({"operation": "UPDATE"})), b"1",
            "/ application/x-amz-json-1.0\nx-amz-target: DynamoDB_20120810.UpdateItem\n{\"TableName\":\"t\",\"Key\":{\"k\":{\"S\":\"v\"}},\"UpdateExpression\":\"SET #p = :p\",\"ExpressionAttributeNames\":{\"#p\":\"payload\"},\"ExpressionAttributeValues\":{\":p\":{\"N\":\"1\"}}}"),
        (dynamo(json!({"operation": "DELETE"})), JSON,
            "/ application/x-amz-json-1.0\nx-amz-target: DynamoDB_20120810.DeleteItem\n{\"TableName\":\"t\",\"Key\":{\"k\":{\"S\":\"v\"}}}"),
        (json!({"dynamoDBv2": {"putItem": {"tableName": "t"}}}), br#"{"k":"v","n":12345678901234567890123.5}"#,
            "/ application/x-amz-json-1.0\nx-amz-target: DynamoDB_20120810.PutItem\n{\"TableName\":\"t\",\"Item\":{\"k\":{\"S\":\"v\"},\"n\":{\"N\":\"12345678901234567890123.5\"}}}"),
        (json!({"cloudwatchLogs": {"logGroupName": "g"}}), b"text",
            "/ application/x-amz-json-1.1\nx-amz-target: Logs_20140328.PutLogEvents\n{\"logGroupName\":\"g\",\"logStreamName\":\"hot\",\"logEvents\":[{\"timestamp\":1700000000123,\"message\":\"text\"}]}"),
        (json!({"cloudwatchLogs": {"logGroupName": "g", "batchMode": true}}), br#"[{"timestamp":2,"message":"b"},{"timestamp":1,"message":"a"}]"#,
            "/ application/x-amz-json-1.1\nx-amz-target: Logs_20140328.PutLogEvents\n{\"logGroupName\":\"g\",\"logStreamName\":\"hot\",\"logEvents\":[{\"timestamp\":1,\"message\":\"a\"},{\"timestamp\":2,\"message\":\"b\"}]}"),
        (metric("1481825251"), b"",
            "/ application/x-www-form-urlencoded; charset=utf-8\nAction=PutMetricData&Version=2010-08-01&Namespace=N&MetricData.member.1.MetricName=m&MetricData.member.1.Value=7.5&MetricData.member.1.Unit=None&MetricData.member.1.Timestamp=2016-12-15T18%3A07%3A31Z"),
        (json!({"cloudwatchAlarm": {"alarmName": "a", "stateReason": "too hot", "stateValue": "ALARM"}}), b"",
            "/ application/x-www-form-urlencoded; charset=utf-8\nAction=SetAlarmState&Version=2010-08-01&AlarmName=a&StateReason=too%20hot&StateValue=ALARM"),
        (json!({"openSearch": {"endpoint": "https://o", "index": "ovens", "type": "_doc", "id": "oven 7/1"}}), b"{}",
            "/ovens/_doc/oven%207%2F1 application/json\n{}"),
        (json!({"elasticsearch": {"endpoint": "https://o", "index": "i", "type": "t", "id": "1"}}), b"{}",
            "/i/t/1 application/json\n{}"),
        (json!({"stepFunctions": {"stateMachineName": "m", "executionNamePrefix": "p-"}}), b"{}",
            "/ application/x-amz-json-1.0\nx-amz-target: AWSStepFunctions.StartExecution\n{\"stateMachineArn\":\"arn:aws:states:eu-north-1:123456789012:stateMachine:m\",\"name\":\"p-${newuuid()}\",\"input\":\"{}\"}"),
        (json!({"timestream": {"databaseName": "d", "tableName": "t", "dimensions": [{"name": "oven", "value": "7"}]}}), br#"{"a":1,"b":1.0,"c":true,"d":"x","e":{"f":1},"g":null}"#,
            "/ application/x-amz-json-1.0\nx-amz-target: Timestream_20181101.WriteRecords\n{\"DatabaseName\":\"d\",\"TableName\":\"t\",\"CommonAttributes\":{\"Dimensions\":[{\"Name\":\"oven\",\"Value\":\"7\"}],\"Time\":\"1700000000123\",\"TimeUnit\":\"MILLISECONDS\"},\"Records\":[{\"MeasureName\":\"a\",\"MeasureValue\":\"1\",\"MeasureValueType\":\"BIGINT\"},{\"MeasureName\":\"b\",\"MeasureValue\":\"1.0\",\"MeasureValueType\":\"DOUBLE\"},{\"MeasureName\":\"c\",\"MeasureValue\":\"true\",\"MeasureValueType\":\"BOOLEAN\"},{\"MeasureName\":\"d\",\"MeasureValue\":\"x\",\"MeasureValueType\":\"VARCHAR\"},{\"MeasureName\":\"e\",\"MeasureValue\":\"{\\\"f\\\":1}\",\"MeasureValueType\":\"VARCHAR\"}]}"),
    ];
    for (action, result, expected) in table {
        assert_eq!(said(&action, result).as_deref(), Ok(expected), "{action}");
    }
    assert!(said(&metric("1481825251.5"), b"").unwrap().ends_with("2016-12-15T18%3A07%3A31.5Z"));
    for (far, is_sent) in [("1e11", true), ("9223372036854775807", false), ("-1e300", false), ("NaN", false)] {
        assert_eq!(said(&metric(far), b"").is_ok(), is_sent, "{far}");
    }
    assert!(said(&metric(""), b"").unwrap().ends_with("2023-11-14T22%3A13%3A20.123Z"), "when the message came");
}

#[test]
fn what_is_not_sent() {
    #[rustfmt::skip] // action, without its role; result; why
    let table: Vec<(Value, &[u8], &str)> = vec![
        (json!({"sqs": {}}),                                              b"",        "missing field `queueUrl`"),
        (json!({"sqs": {"queueUrl": 7}}),                                 b"",        "invalid type: integer `7`, expected a string"),
        (json!({"sqs": {"queueUrl": "q"}}),                               b"\xff",    "the result is not UTF-8, and useBase64 is not true"),
        (json!({"sns": {"targetArn": "t", "messageFormat": "XML"}}),      b"",        "unknown variant `XML`, expected `RAW` or `JSON`"),
        (json!({"dynamoDBv2": {"putItem": {"tableName": "t"}}}),          b"[]",      "the result is not a JSON object: invalid type: sequence, expected a map at line 1 column 0"),
        (json!({"dynamoDB": {"tableName": "t", "hashKeyField": "k", "hashKeyValue": "v", "rangeKeyField": "r"}}), b"", "rangeKeyField and rangeKeyValue belong together"),
        (json!({"dynamoDB": {"tableName": "t", "hashKeyField": "k", "hashKeyValue": "v", "operation": "UPSERT"}}), b"", "`UPSERT` is no operation: INSERT, UPDATE and DELETE are"),
        (json!({"openSearch": {"endpoint": "https://o", "index": "i", "type": "t", "id": ""}}), b"{}", "`/i/t/` names no document: index, type and id may not be empty"),
        (json!({"openSearch": {"endpoint": "https://o", "index": "i", "type": "t", "id": "1"}}), b"7", "the result is not a JSON object"),
        (json!({"lambda": {"functionArn": "f"}}),                         b"plain",   "the result is not JSON: expected value at line 1 column 1"),
        (json!({"cloudwatchMetric": {"metricNamespace": "N", "metricName": "m", "metricValue": "hot", "metricUnit": "None"}}), b"", "`hot` is no metricValue: it is a number"),
        (json!({"cloudwatchMetric": {"metricNamespace": "N", "metricName": "m", "metricValue": "1", "metricUnit": "None", "metricTimestamp": "soon"}}), b"", "metricTimestamp is a number of seconds since 1970"),
        (json!({"cloudwatchLogs": {"logGroupName": "g", "batchMode": true}}), b"{}",  "the result is not an array of objects with `timestamp` and `message`, as batchMode wants it: invalid type: map, expected a sequence at line 1 column 0"),
    ];
    for (action, result, expected) in table {
        assert_eq!(said(&action, result), Err(expected.to_owned()), "{action}");
    }
}

#[test]
fn members_that_are_left_to_the_server_are_new_for_each_message() {
    #[rustfmt::skip] // action          members                     with those
    let table = [
        ("kinesis",                     json!({}),                  json!({"partitionKey": "${newuuid()}"})),
        ("kinesis",                     json!({"partitionKey": 1}), json!({"partitionKey": 1})),
        ("stepFunctions",               json!({"x": null}),         json!({"executionId": "${newuuid()}"})),
        ("sqs",                         json!({}),                  json!({})),
    ];
    for (name, members, expected) in table {
        assert_eq!(Call::with_given(name, members), expected, "{name}");
    }
}

#[test]
fn which_actions_are_calls() {
    for (name, expected) in
        [("sqs", true), ("dynamoDB", true), ("dynamoDBv2", true), ("dynamoDb", false), ("s3", false), ("http", false)]
    {
        assert_eq!(Call::is_known(name), expected, "{name}");
    }
}

#[test]
fn a_kind_is_the_name_it_is_read_by() {
    for kind in KINDS {
        let refusal = Call::read(kind, json!({})).unwrap_err();
        assert!(refusal.starts_with("missing field"), "{kind}: {refusal}");
    }
}

#[test]
fn a_log_stream_is_made_when_it_is_needed() {
    let call = Call::read("cloudwatchLogs", json!({ "logGroupName": "g", "roleArn": ROLE })).unwrap();
    let context = Context { result: b"", received: Timestamp::from_seconds(0), rule: "hot", region: "x" };
    let remedy = call.remedy("ResourceNotFoundException", &context).unwrap();
    assert_eq!(remedy.body, br#"{"logGroupName":"g","logStreamName":"hot"}"#);
    assert!(call.remedy("AccessDeniedException", &context).is_none());
    assert!(call.check_answer(b"{}").is_ok());
    assert!(call.check_answer(br#"{"rejectedLogEventsInfo":{"tooOldLogEventEndIndex":1}}"#).is_err());
}

/// What is journaled is read again, and whatever the journal holds makes a request or none.
#[test]
fn any_result_makes_a_request_or_none() {
    let actions = [
        json!({"sqs": {"queueUrl": "q"}}),
        json!({"dynamoDBv2": {"putItem": {"tableName": "t"}}}),
        json!({"dynamoDB": {"tableName": "t", "hashKeyField": "k", "hashKeyValue": "v"}}),
        json!({"timestream": {"databaseName": "d", "tableName": "t", "dimensions": []}}),
        json!({"cloudwatchLogs": {"logGroupName": "g", "batchMode": true}}),
    ];
    bolero::check!().with_type::<(Vec<u8>, String)>().for_each(|(result, text)| {
        for action in &actions {
            let _ = said(action, result);
        }
        let _ = said(&json!({"cloudwatchMetric": {"metricNamespace": text, "metricName": text, "metricValue": "1", "metricUnit": "None", "metricTimestamp": text}}), b"");
        let _ = said(&json!({"stepFunctions": {"stateMachineName": text, "executionNamePrefix": text}}), b"{}");
    });
}
