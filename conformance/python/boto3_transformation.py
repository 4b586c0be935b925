"""boto3 firehose: records through a Lambda function (an HTTP endpoint stands in its place), and a backup of what was put."""
import base64
import http.server
import json
import os
import threading
import time

import boto3
from peers import refused

firehose = boto3.client("firehose")
s3 = boto3.client("s3")
ARN = os.environ["FUNCTION_ARN"]
calls = []


class Function(http.server.BaseHTTPRequestHandler):
    """Each record says what is to become of it."""

    def do_POST(self):
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        calls.append(event)
        asked = [(record, json.loads(base64.b64decode(record["data"]))) for record in event["records"]]
        if any(data.get("fail", 0) >= sum(call["invocationId"] == event["invocationId"] for call in calls) for _, data in asked):
            return self.answer({"errorMessage": "not now", "errorType": "RuntimeError"})
        answers = []
        for record, data in asked:
            data["seen"] = True
            one = {"recordId": record["recordId"], "result": data.get("result", "Ok"),
                   "data": base64.b64encode(json.dumps(data).encode()).decode()}
            if "kind" in data:
                one["metadata"] = {"partitionKeys": {"kind": data["kind"]}}
            answers += [] if data.get("missing") else [one, one] if data.get("twice") else [one]
        self.answer({"records": answers})

    def answer(self, body):
        body = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["FUNCTION_PORT"])), Function)
threading.Thread(target=server.serve_forever, daemon=True).start()


def processor(kind, **parameters):
    return {"Type": kind, "Parameters": [{"ParameterName": name, "ParameterValue": value} for name, value in parameters.items()]}


def configuration(*processors, **more):
    return dict({
        "RoleARN": "arn:aws:iam::000000000000:role/d", "BucketARN": "arn:aws:s3:::lake",
        "BufferingHints": {"SizeInMBs": 64, "IntervalInSeconds": 1},
        "ErrorOutputPrefix": "not/!{firehose:error-output-type}/",
        "ProcessingConfiguration": {"Enabled": True, "Processors": list(processors)},
    }, **more)


def lines(prefix):
    found = s3.list_objects_v2(Bucket="lake", Prefix=prefix).get("Contents", [])
    return [json.loads(line) for o in found for line in s3.get_object(Bucket="lake", Key=o["Key"])["Body"].read().splitlines()]


def eventually(ask):
    deadline = time.time() + 60
    while not ask():
        assert time.time() < deadline, "waited in vain"
        time.sleep(0.1)


def put(stream, *records):
    firehose.put_record_batch(DeliveryStreamName=stream, Records=[{"Data": json.dumps(record).encode()} for record in records])


s3.create_bucket(Bucket="lake")
function = processor("Lambda", LambdaArn=ARN, NumberOfRetries="1", BufferIntervalInSeconds="1", BufferSizeInMBs="0.2")
refusal = refused("InvalidArgumentException", firehose.create_delivery_stream, DeliveryStreamName="t",
                  ExtendedS3DestinationConfiguration=configuration(processor("Lambda", LambdaArn=ARN, BufferSizeInMBs="4")))
assert "BufferSizeInMBs" in str(refusal)
firehose.create_delivery_stream(DeliveryStreamName="t", ExtendedS3DestinationConfiguration=configuration(
    function, processor("AppendDelimiterToRecord"), Prefix="t/", S3BackupMode="Enabled", S3BackupConfiguration={
        "RoleARN": "arn:aws:iam::000000000000:role/d", "BucketARN": "arn:aws:s3:::lake", "Prefix": "source/",
        "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 1}}))
described = firehose.describe_delivery_stream(DeliveryStreamName="t")["DeliveryStreamDescription"]["Destinations"][0]["ExtendedS3DestinationDescription"]
assert described["S3BackupMode"] == "Enabled" and described["S3BackupDescription"]["Prefix"] == "source/", described
assert described["ProcessingConfiguration"]["Processors"][0]["Type"] == "Lambda"

# Each record for itself: kept, dropped, failed, forgotten, returned twice
put("t", {"n": 0}, {"n": 1, "result": "Dropped"}, {"n": 2, "result": "ProcessingFailed"}, {"n": 3, "missing": True}, {"n": 4, "twice": True}, {"n": 5})
eventually(lambda: len(lines("t/")) == 2 and len(lines("not/processing-failed/")) == 3)
assert lines("t/") == [{"n": 0, "seen": True}, {"n": 5, "seen": True}]
codes = {json.loads(base64.b64decode(one["rawData"]))["n"]: (one["errorCode"], one["attemptsMade"], one["lambdaARN"]) for one in lines("not/processing-failed/")}
assert codes == {2: ("Lambda.ProcessingFailedStatus", 1, ARN), 3: ("Lambda.MissingRecordId", 1, ARN), 4: ("Lambda.DuplicatedRecordId", 1, ARN)}, codes
eventually(lambda: s3.list_objects_v2(Bucket="lake", Prefix="source/").get("Contents"))
source = b"".join(s3.get_object(Bucket="lake", Key=o["Key"])["Body"].read() for o in s3.list_objects_v2(Bucket="lake", Prefix="source/")["Contents"])
assert source.count(b'"n"') == 6 and b"seen" not in source, source
assert set(calls[0]) == {"invocationId", "deliveryStreamArn", "region", "records"} and calls[0]["region"] == "us-east-1", calls[0]
assert set(calls[0]["records"][0]) == {"recordId", "approximateArrivalTimestamp", "data"}

# A function that fails is called again; one that fails too often sends its batch to the error output
put("t", {"n": 6, "fail": 1})
eventually(lambda: len(lines("t/")) == 3)
put("t", {"n": 7, "fail": 2})
eventually(lambda: len(lines("not/processing-failed/")) == 4)
[failed] = [one for one in lines("not/processing-failed/") if one["errorCode"] == "Lambda.FunctionError"]
assert failed["attemptsMade"] == 2 and "not now" in failed["errorMessage"], failed

# Partition keys of the function's
firehose.create_delivery_stream(DeliveryStreamName="p", ExtendedS3DestinationConfiguration=configuration(
    function, Prefix="p/!{partitionKeyFromLambda:kind}/", DynamicPartitioningConfiguration={"Enabled": True}))
put("p", {"n": 1, "kind": "a"}, {"n": 2, "kind": "b"}, {"n": 3})
eventually(lambda: lines("p/a/") and lines("p/b/") and lines("not/metadata-extraction-failed/"))
assert [one["n"] for one in lines("p/b/")] == [2]

print("ok")
