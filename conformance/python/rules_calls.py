"""Rules that call AWS services: what a message brings there, read back; and what the services refuse, told by the error action."""
import base64
import http.server
import json
import os
import queue
import threading

import boto3
from peers import connected, eventually, publish

iot = boto3.client("iot")
ROLE = "arn:aws:iam::123456789012:role/r"
SQL = "SELECT *, topic(2) AS oven FROM 'shared/oven-7'"


def there(service):
    return boto3.client(service, endpoint_url=os.environ["MOTO"], region_name="eu-west-1", aws_access_key_id="AKID", aws_secret_access_key="any")


def rule(name, sql, *actions, **more):
    for action in [*actions, *([more["errorAction"]] if "errorAction" in more else [])]:
        (kind, members), = action.items()
        if kind != "lambda":
            members["roleArn"] = ROLE
    iot.create_topic_rule(ruleName=name, topicRulePayload={"sql": sql, "awsIotSqlVersion": "2016-03-23", "actions": list(actions), **more})


sqs, sns, kinesis, dynamodb, logs = there("sqs"), there("sns"), there("kinesis"), there("dynamodb"), there("logs")
cloudwatch, states, timestream = there("cloudwatch"), there("stepfunctions"), there("timestream-write")

device, listener = connected("pump-7"), connected("pump-8")
listener.subscribe("shared/errors", qos=1)
listener.answered.get(timeout=30)

queue_url = sqs.create_queue(QueueName="q")["QueueUrl"]
noted = sqs.create_queue(QueueName="noted")["QueueUrl"]
topic = sns.create_topic(Name="t")["TopicArn"]
sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=sqs.get_queue_attributes(QueueUrl=noted, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"])
kinesis.create_stream(StreamName="s", ShardCount=1)
for table, attributes in {"split": ["oven"], "whole": ["oven", "at"]}.items():
    dynamodb.create_table(
        TableName=table, BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in zip(attributes, ["HASH", "RANGE"])],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": kind} for name, kind in zip(attributes, ["S", "N"])])
logs.create_log_group(logGroupName="g")
cloudwatch.put_metric_alarm(AlarmName="hot", MetricName="t", Namespace="N", Statistic="Average", Period=60, EvaluationPeriods=1, Threshold=1, ComparisonOperator="GreaterThanThreshold")
states.create_state_machine(name="m", roleArn=ROLE, definition=json.dumps({"StartAt": "a", "States": {"a": {"Type": "Pass", "End": True}}}))
timestream.create_database(DatabaseName="d")
timestream.create_table(DatabaseName="d", TableName="t")

rule("first", SQL,
     {"sqs": {"queueUrl": queue_url}},
     {"sns": {"targetArn": topic}},
     {"kinesis": {"streamName": "s", "partitionKey": "${topic(2)}"}},
     {"dynamoDBv2": {"putItem": {"tableName": "split"}}},
     {"dynamoDB": {"tableName": "whole", "hashKeyField": "oven", "hashKeyValue": "${topic(2)}", "rangeKeyField": "at", "rangeKeyValue": "${at}", "rangeKeyType": "NUMBER", "payloadField": "said"}},
     {"cloudwatchLogs": {"logGroupName": "g"}},
     {"lambda": {"functionArn": "arn:aws:lambda:eu-west-1:123456789012:function:local"}})
rule("second", SQL,
     {"cloudwatchMetric": {"metricNamespace": "Ovens", "metricName": "heat", "metricValue": "${t}", "metricUnit": "None"}},
     {"cloudwatchAlarm": {"alarmName": "hot", "stateReason": "oven ${topic(2)}", "stateValue": "ALARM"}},
     {"stepFunctions": {"stateMachineName": "m", "executionNamePrefix": "oven-${topic(2)}-"}},
     {"timestream": {"databaseName": "d", "tableName": "t", "dimensions": [{"name": "oven", "value": "${topic(2)}"}]}})
rule("broken", "SELECT * FROM 'shared/broken'",
     {"sqs": {"queueUrl": queue_url + "-gone"}}, {"dynamoDBv2": {"putItem": {"tableName": "gone"}}}, {"cloudwatchLogs": {"logGroupName": "gone"}},
     {"lambda": {"functionArn": "arn:aws:lambda:eu-west-1:123456789012:function:broken"}},
     errorAction={"republish": {"topic": "shared/errors"}})

# An OpenSearch domain, as far as it is asked
documents = queue.Queue()


class Domain(http.server.BaseHTTPRequestHandler):
    def do_PUT(self):
        documents.put((self.path, self.headers, self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(201)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


threading.Thread(target=http.server.HTTPServer(("127.0.0.1", int(os.environ["DOMAIN_PORT"])), Domain).serve_forever, daemon=True).start()
rule("third", SQL, {"openSearch": {"endpoint": "https://domain", "index": "ovens", "type": "_doc", "id": "${topic(2)}-${at}"}})

MESSAGE = {"t": 71.5, "at": 1700000000, "on": True, "list": [1, None, "x"]}
RESULT = {**MESSAGE, "oven": "oven-7"}
publish(device, "shared/oven-7", json.dumps(MESSAGE))

message = eventually("the queue", lambda: sqs.receive_message(QueueUrl=queue_url).get("Messages"))
assert json.loads(message[0]["Body"]) == RESULT, message
message = eventually("the topic", lambda: sqs.receive_message(QueueUrl=noted).get("Messages"))
assert json.loads(json.loads(message[0]["Body"])["Message"]) == RESULT, message
shard = kinesis.get_shard_iterator(StreamName="s", ShardId=kinesis.list_shards(StreamName="s")["Shards"][0]["ShardId"], ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
record, = eventually("the stream", lambda: kinesis.get_records(ShardIterator=shard)["Records"])
assert json.loads(record["Data"]) == RESULT and record["PartitionKey"] == "oven-7", record
item = eventually("the table", lambda: dynamodb.get_item(TableName="split", Key={"oven": {"S": "oven-7"}}).get("Item"))
assert item == {"t": {"N": "71.5"}, "at": {"N": "1700000000"}, "on": {"BOOL": True}, "list": {"L": [{"N": "1"}, {"NULL": True}, {"S": "x"}]}, "oven": {"S": "oven-7"}}, item
whole = eventually("the other", lambda: dynamodb.get_item(TableName="whole", Key={"oven": {"S": "oven-7"}, "at": {"N": "1700000000"}}).get("Item"))
assert whole["said"]["M"] == item, whole
lines = eventually("the log", lambda: logs.get_log_events(logGroupName="g", logStreamName="first")["events"])
assert [json.loads(line["message"]) for line in lines] == [RESULT], lines
assert json.loads(eventually("the function", lambda: open(os.environ["CALLED"]).read())) == RESULT

from datetime import datetime, timedelta, timezone
now = datetime.now(timezone.utc)
statistics = eventually("the metric", lambda: cloudwatch.get_metric_statistics(Namespace="Ovens", MetricName="heat", StartTime=now - timedelta(hours=1), EndTime=now + timedelta(hours=1), Period=60, Statistics=["Sum"])["Datapoints"])
assert [point["Sum"] for point in statistics] == [71.5], statistics
alarm, = eventually("the alarm", lambda: [one for one in cloudwatch.describe_alarms()["MetricAlarms"] if one["StateValue"] == "ALARM"])
assert alarm["StateReason"] == "oven oven-7", alarm
machine, = states.list_state_machines()["stateMachines"]
execution, = eventually("the machine", lambda: states.list_executions(stateMachineArn=machine["stateMachineArn"])["executions"])
assert execution["name"].startswith("oven-oven-7-") and len(execution["name"]) == 48, execution
assert json.loads(states.describe_execution(executionArn=execution["executionArn"])["input"]) == RESULT
assert eventually("what was called", lambda: sum(action["done"] for rule in json.loads(os.popen("sekisho rule ls --json").read())["rules"] for action in rule["actions"]) == 12)

path, headers, body = documents.get(timeout=60)
assert (path, json.loads(body)) == ("/ovens/_doc/oven-7-1700000000", RESULT), (path, body)
assert "/eu-west-1/es/aws4_request" in headers["authorization"], headers

# What a service refuses for good is told once, for all that failed of the rule's actions.
publish(device, "shared/broken", b'{"n": 1}')
told = json.loads(listener.heard.get(timeout=60).payload)
said = {(one["failedAction"], one["failedResource"]): one["errorMessage"] for one in told["failures"]}
assert told["ruleName"] == "broken" and base64.b64decode(told["base64OriginalPayload"]) == b'{"n": 1}', told
assert set(said) == {("SqsAction", queue_url + "-gone"), ("DynamoActionV2", "gone"), ("CloudwatchLogsAction", "gone"), ("LambdaAction", "arn:aws:lambda:eu-west-1:123456789012:function:broken")}, said
assert "NonExistentQueue" in said["SqsAction", queue_url + "-gone"] or "QueueDoesNotExist" in said["SqsAction", queue_url + "-gone"], said
assert "ResourceNotFoundException" in said["DynamoActionV2", "gone"], said
