"""boto3 firehose: an HTTP endpoint that takes batches, refuses them, and answers in every wrong way."""
import base64
import gzip
import http.server
import json
import threading
import time

import boto3
from peers import refused

firehose = boto3.client("firehose")
s3 = boto3.client("s3")
s3.create_bucket(Bucket="lake")
ROLE = "arn:aws:iam::000000000000:role/d"
ARN = "arn:aws:firehose:us-east-1:000000000000:deliverystream/"
asked = []
answers = []  # what is answered next: a function of the request's id, or nothing for a success
lock = threading.Lock()


class Endpoint(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with lock:
            asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            answer = answers.pop(0) if answers else None
        identity = self.headers["X-Amz-Firehose-Request-Id"]
        status, answered = answer(identity) if answer else (200, {"requestId": identity, "timestamp": int(time.time() * 1000)})
        if status is None:
            self.close_connection = True
            self.connection.close()
            return
        answered = answered if isinstance(answered, bytes) else json.dumps(answered).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answered)))
        self.end_headers()
        self.wfile.write(answered)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
threading.Thread(target=server.serve_forever, daemon=True).start()
URL = f"http://127.0.0.1:{server.server_port}/v1/collect?site=1"


def eventually(ask):
    deadline = time.time() + 60
    while True:
        answer = ask()
        if answer:
            return answer
        assert time.time() < deadline, ("waited in vain", [request[1] for request in asked])
        time.sleep(0.1)


def destination(endpoint=None, **more):
    return dict({
        "EndpointConfiguration": dict({"Url": URL, "Name": "collector", "AccessKey": "open-sesame"}, **(endpoint or {})),
        "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 1},
        "S3Configuration": {"RoleARN": ROLE, "BucketARN": "arn:aws:s3:::lake", "ErrorOutputPrefix": "failed/!{firehose:error-output-type}/", "Prefix": "all/"},
    }, **more)


def objects(prefix):
    return {o["Key"]: s3.get_object(Bucket="lake", Key=o["Key"])["Body"].read()
            for o in s3.list_objects_v2(Bucket="lake", Prefix=prefix).get("Contents", [])}


def records(body):
    return [base64.b64decode(record["data"]) for record in json.loads(body)["records"]]


def create(name, **more):
    firehose.create_delivery_stream(DeliveryStreamName=name, HttpEndpointDestinationConfiguration=destination(**more))


def put(name, *data):
    assert firehose.put_record_batch(DeliveryStreamName=name, Records=[{"Data": d} for d in data])["FailedPutCount"] == 0


# A batch, as the endpoint sees it
create("plain", RequestConfiguration={"ContentEncoding": "NONE", "CommonAttributes": [{"AttributeName": "site", "AttributeValue": "Zürich"}]})
put("plain", b"one", b"", b"\x00\xff")
(path, headers, body), = eventually(lambda: asked)
assert path == "/v1/collect?site=1" and records(body) == [b"one", b"", b"\x00\xff"]
assert headers["x-amz-firehose-protocol-version"] == "1.0" and headers["content-type"] == "application/json"
assert headers["x-amz-firehose-source-arn"] == ARN + "plain" and headers["x-amz-firehose-access-key"] == "open-sesame"
assert json.loads(headers["x-amz-firehose-common-attributes"]) == {"commonAttributes": {"site": "Zürich"}}
sent = json.loads(body)
assert sent["requestId"] == headers["x-amz-firehose-request-id"] and abs(sent["timestamp"] / 1000 - time.time()) < 60
assert "content-encoding" not in headers

# Described without the key
target = firehose.describe_delivery_stream(DeliveryStreamName="plain")["DeliveryStreamDescription"]["Destinations"][0]
described = target["HttpEndpointDestinationDescription"]
assert described["EndpointConfiguration"] == {"Url": URL, "Name": "collector"} and "sesame" not in json.dumps(target)
assert described["RetryOptions"] == {"DurationInSeconds": 300} and described["S3BackupMode"] == "FailedDataOnly"
assert described["S3DestinationDescription"]["BucketARN"] == "arn:aws:s3:::lake" and "ExtendedS3DestinationDescription" not in target

# Whatever is no success is tried again, with the same id; nothing of it comes into the bucket
asked.clear()
answers += [
    lambda identity: (503, {"requestId": identity, "timestamp": 1, "errorMessage": "busy"}),
    lambda identity: (None, b""),
    lambda identity: (200, {"requestId": "another", "timestamp": 1}),
    lambda identity: (200, b""),
    lambda identity: (202, {"requestId": identity, "timestamp": 1}),
    lambda identity: (302, b""),
]
put("plain", b"again")
eventually(lambda: len(asked) >= 7)
time.sleep(2)
assert len(asked) == 7 and all(records(body) == [b"again"] for _, _, body in asked)
assert len({headers["x-amz-firehose-request-id"] for _, headers, _ in asked}) == 1
assert len({body for _, _, body in asked}) == 1, "the same request, to the byte"
assert not objects("failed/")

# Compressed; and what is not taken goes to the error output, a document a record
asked.clear()
create("gz", RequestConfiguration={"ContentEncoding": "GZIP"}, RetryOptions={"DurationInSeconds": 0})
put("gz", b"packed")
(_, headers, body), = eventually(lambda: asked)
assert headers["content-encoding"] == "gzip" and records(gzip.decompress(body)) == [b"packed"]
answers.append(lambda identity: (500, b'{"errorMessage": "no room"}'))
put("gz", b"first", b"second")
(key, lines), = eventually(lambda: list(objects("failed/").items()))
assert key.startswith("failed/http-endpoint-failed/") and "gz-1-" in key, key
documents = [json.loads(line) for line in lines.decode().splitlines()]
assert [base64.b64decode(document["rawData"]) for document in documents] == [b"first", b"second"]
for document in documents:
    assert document["errorCode"] == "HttpEndpoint.DestinationException" and "500: " in document["errorMessage"], document
    assert "no room" in document["errorMessage"] and document["attemptsMade"] == 1
    assert document["arrivalTimestamp"] <= document["attemptEndingTimestamp"]
assert len({document["dataId"] for document in documents}) == 2
put("gz", b"third")
eventually(lambda: any(records(gzip.decompress(body)) == [b"third"] for _, _, body in asked))

# Retries take as long as they may, then it is given up; nobody listens there
create("nobody", endpoint={"Url": "http://127.0.0.1:1/"}, RetryOptions={"DurationInSeconds": 2}, S3Configuration={
    "RoleARN": ROLE, "BucketARN": "arn:aws:s3:::lake", "ErrorOutputPrefix": "nobody/", "CompressionFormat": "GZIP"})
put("nobody", b"lonely")
(key, packed), = eventually(lambda: list(objects("nobody/").items()))
document, = map(json.loads, gzip.decompress(packed).splitlines())
assert key.endswith(".gz") and document["errorCode"] == "HttpEndpoint.ConnectionFailed" and document["attemptsMade"] >= 3, document

# AllData: a copy of each record as it was put, whatever the endpoint says
asked.clear()
create("both", S3BackupMode="AllData", S3Configuration={
    "RoleARN": ROLE, "BucketARN": "arn:aws:s3:::lake", "Prefix": "all/", "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 1}})
put("both", b"x\n", b"y\n")
eventually(lambda: asked)
(key, copied), = eventually(lambda: list(objects("all/").items()))
assert copied == b"x\ny\n" and records(asked[0][2]) == [b"x\n", b"y\n"] and "/both-1-" in key

# Updates: another endpoint, and what is left out stays, but the key stays with its endpoint
update = dict(DeliveryStreamName="plain", DestinationId=target["DestinationId"])
firehose.update_destination(CurrentDeliveryStreamVersionId="1", HttpEndpointDestinationUpdate={"EndpointConfiguration": {"Url": URL + "2"}}, **update)
asked.clear()
put("plain", b"moved")
(path, headers, _), = eventually(lambda: asked)
assert path == "/v1/collect?site=12" and "x-amz-firehose-access-key" not in headers and "x-amz-firehose-common-attributes" in headers
refused("InvalidArgumentException", firehose.update_destination, CurrentDeliveryStreamVersionId="2", ExtendedS3DestinationUpdate={"Prefix": "p/"}, **update)

# What is refused
for change in (
    {"endpoint": {"Url": "http://collector.example/"}},
    {"BufferingHints": {"SizeInMBs": 65, "IntervalInSeconds": 1}},
    {"RetryOptions": {"DurationInSeconds": 7201}},
):
    refused("InvalidArgumentException" if "endpoint" in change else "ValidationException",
            firehose.create_delivery_stream, DeliveryStreamName="no", HttpEndpointDestinationConfiguration=destination(**change))
both = dict(HttpEndpointDestinationConfiguration=destination(), ExtendedS3DestinationConfiguration={"RoleARN": ROLE, "BucketARN": "arn:aws:s3:::lake"})
refused("InvalidArgumentException", firehose.create_delivery_stream, DeliveryStreamName="no", **both)
for kind, configuration in {
    "SplunkDestinationConfiguration": {"HECEndpoint": "https://s", "HECEndpointType": "Raw", "HECToken": "t", "S3Configuration": {"RoleARN": ROLE, "BucketARN": "arn:aws:s3:::lake"}},
    "RedshiftDestinationConfiguration": {"RoleARN": ROLE, "ClusterJDBCURL": "jdbc:redshift://c:5439/d", "CopyCommand": {"DataTableName": "t"}, "S3Configuration": {"RoleARN": ROLE, "BucketARN": "arn:aws:s3:::lake"}},
}.items():
    answer = refused("InvalidArgumentException", firehose.create_delivery_stream, DeliveryStreamName="no", **{kind: configuration})
    assert kind in answer["Error"]["Message"], answer
print("ok")
