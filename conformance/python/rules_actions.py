"""Rules at work: republished with what MQTT5 says, to shadows and to other rules; objects of a message each; failures told once."""
import base64
import json
import os
import queue

import boto3
from peers import connected, eventually, publish

iot, s3, kms = boto3.client("iot"), boto3.client("s3"), boto3.client("kms")
data = boto3.client("iot-data", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
ROLE = "arn:aws:iam::000000000000:role/r"


def rule(name, sql, *actions, **more):
    actions = [dict(action) for action in actions]
    for action in actions + ([more["errorAction"]] if "errorAction" in more else []):
        next(iter(action.values()))["roleArn"] = ROLE
    iot.create_topic_rule(ruleName=name, topicRulePayload={"sql": sql, "awsIotSqlVersion": "2016-03-23", "actions": actions, **more})


def nothing_more():
    try:
        raise AssertionError(listener.heard.get(timeout=0.5).payload)
    except queue.Empty:
        pass


device, listener = connected("pump-7"), connected("pump-8")
listener.subscribe("shared/#", qos=1)
assert listener.answered.get(timeout=30)[0].value == 1

# To subscribers, with what MQTT5 says of it
rule("again", "SELECT t, clientid() AS c FROM 'factory/+/in'", {"republish": {"topic": "shared/${topic(2)}/out", "qos": 1, "headers": {
    "payloadFormatIndicator": "UTF8_DATA", "contentType": "application/json", "responseTopic": "factory/${topic(2)}/answers",
    "correlationData": "${encode(topic(3), 'base64')}", "messageExpiry": "60",
    "userProperties": [{"key": "a", "value": "${t}"}, {"key": "a", "value": "two"}]}}})
publish(device, "factory/pump-7/in", b'{"t": 7, "rest": 1}')
heard = listener.heard.get(timeout=30)
assert (heard.topic, heard.payload, heard.qos, heard.retain) == ("shared/pump-7/out", b'{"t":7,"c":"pump-7"}', 1, False)
said = heard.properties
assert (said.PayloadFormatIndicator, said.ContentType, said.ResponseTopic) == (1, "application/json", "factory/pump-7/answers")
assert said.CorrelationData == b"in" and 30 < said.MessageExpiryInterval <= 60 and said.UserProperty == [("a", "7"), ("a", "two")]

# At QoS 0 if nothing else is said; published without a payload that is JSON it is what it was
rule("raw", "SELECT * FROM 'factory/+/raw'", {"republish": {"topic": "shared/raw"}})
publish(device, "factory/pump-7/raw", b"\x00\xff")
heard = listener.heard.get(timeout=30)
assert (heard.topic, heard.payload, heard.qos) == ("shared/raw", b"\x00\xff", 0)

# To a shadow, which takes it as from a device
iot.create_thing(thingName="pump-7")
rule("to_shadow", "SELECT state FROM 'factory/+/state'", {"republish": {"topic": "$$aws/things/${topic(2)}/shadow/update", "qos": 1}})
publish(device, "factory/pump-7/state", b'{"state": {"reported": {"on": true}}}')
shadow = lambda: json.loads(data.get_thing_shadow(thingName="pump-7")["payload"].read())["state"]
assert eventually("the shadow is there", shadow) == {"reported": {"on": True}}

# To another rule, by its topic and by basic ingest; there the message is nobody's in particular
rule("second", "SELECT *, topic() AS from_topic, clientid() AS c FROM 'factory/second'", {"republish": {"topic": "shared/second"}})
rule("ingest", "SELECT *, topic() AS from_topic", {"republish": {"topic": "shared/ingest"}})
rule("first", "SELECT n FROM 'factory/+/chain'", {"republish": {"topic": "factory/second"}}, {"republish": {"topic": "$$aws/rules/ingest/a/b"}})
publish(device, "factory/pump-7/chain", b'{"n": 1}')
got = {m.topic: json.loads(m.payload) for m in (listener.heard.get(timeout=30), listener.heard.get(timeout=30))}
assert got == {"shared/second": {"n": 1, "from_topic": "factory/second", "c": "n/a"}, "shared/ingest": {"n": 1, "from_topic": "a/b"}}, got

# In a circle it ends
rule("circle", "SELECT * FROM 'shared/circle'", {"republish": {"topic": "shared/circle"}})
publish(device, "shared/circle", b"{}")
for _ in range(11):
    assert listener.heard.get(timeout=30).topic == "shared/circle"
nothing_more()
iot.disable_topic_rule(ruleName="circle")
publish(device, "shared/circle", b"{}")
assert listener.heard.get(timeout=30).topic == "shared/circle"
nothing_more()

# What reserved topics do not take fails, and is told
rule("forbidden", "SELECT * FROM 'factory/+/forbidden'", {"republish": {"topic": "${to}"}}, errorAction={"republish": {"topic": "shared/errors"}})
for to in ("$aws/events/presence/connected/x", "$aws/things/x/shadow/update/accepted", "$aws/certificates/create/json", "a/#", ""):
    publish(device, "factory/pump-7/forbidden", json.dumps({"to": to}).encode())
    told = json.loads(listener.heard.get(timeout=30).payload)
    assert told["failures"][0]["failedAction"] == "RepublishAction", told

# Objects, one a message, under the bucket's key
key = kms.create_key()["KeyMetadata"]["Arn"]
s3.create_bucket(Bucket="things")
s3.put_bucket_encryption(Bucket="things", ServerSideEncryptionConfiguration={"Rules": [
    {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}]})
rule("objects", "SELECT v, topic(2) AS who FROM 'factory/+/object'", {"s3": {"bucketName": "things", "key": "${topic(2)}/${v}.json", "cannedAcl": "private"}})
for v in range(50):
    publish(device, "factory/pump-7/object", json.dumps({"v": v, "more": "x"}).encode())
keys = lambda: sorted(found["Key"] for found in s3.list_objects_v2(Bucket="things").get("Contents", []))
eventually("the objects are there", lambda: keys() == sorted(f"pump-7/{v}.json" for v in range(50)))
got = s3.get_object(Bucket="things", Key="pump-7/7.json")
assert got["Body"].read() == b'{"v":7,"who":"pump-7"}' and (got["ServerSideEncryption"], got["SSEKMSKeyId"]) == ("aws:kms", key)

# Two actions fail, at once and later: one message tells of both, and the third is done
rule("broken", "SELECT * FROM 'factory/+/broken'",
     {"s3": {"bucketName": "nowhere", "key": "${topic()}"}},
     {"republish": {"topic": "${nothing}"}},
     {"republish": {"topic": "shared/done"}},
     errorAction={"republish": {"topic": "shared/errors", "qos": 1}})
publish(device, "factory/pump-7/broken", b"original \xff")
got = {m.topic: m for m in (listener.heard.get(timeout=30), listener.heard.get(timeout=30))}
assert got["shared/done"].payload == b"original \xff"
told = json.loads(got["shared/errors"].payload)
assert list(told) == ["ruleName", "topic", "cloudwatchTraceId", "clientId", "base64OriginalPayload", "failures"]
assert (told["ruleName"], told["topic"], told["clientId"]) == ("broken", "factory/pump-7/broken", "pump-7")
assert base64.b64decode(told["base64OriginalPayload"]) == b"original \xff" and len(told["cloudwatchTraceId"]) == 36
failures = {failure["failedAction"]: failure for failure in told["failures"]}
assert len(told["failures"]) == 2 and set(failures["S3Action"]) == {"failedAction", "failedResource", "errorMessage"}, told
assert failures["S3Action"]["failedResource"] == "nowhere"
assert failures["S3Action"]["errorMessage"] == (
    "Failed to put S3 object. The error received was The specified bucket does not exist. "
    'Message arrived on: factory/pump-7/broken, Action: s3, Bucket: nowhere, Key: "factory/pump-7/broken"'), failures["S3Action"]
assert failures["RepublishAction"] == {"failedAction": "RepublishAction", "failedResource": "${nothing}", "errorMessage":
    "Failed to republish. The error received was topic cannot be made of this message: the payload is not JSON. "
    "Message arrived on: factory/pump-7/broken, Action: republish, Topic: ${nothing}"}, failures
nothing_more()

# An error action of the kind that is done later; its template sees the message, and not what failed
rule("lost", "SELECT * FROM 'factory/+/lost'", {"firehose": {"deliveryStreamName": "nowhere"}},
     errorAction={"s3": {"bucketName": "things", "key": "errors/${topic(2)}-${n}"}})
publish(device, "factory/pump-7/lost", b'{"n": 3}')
told = eventually("the error is there", lambda: json.loads(s3.get_object(Bucket="things", Key="errors/pump-7-3")["Body"].read()))
assert told["failures"][0]["failedAction"] == "FirehoseAction" and told["failures"][0]["failedResource"] == "nowhere", told

# What SET made is one value, in the statement and in every template; of the error action too, whenever it is done
rule("named", "SET @id = newuuid(), @n = n + 1 SELECT @id AS id FROM 'factory/+/named'",
     {"republish": {"topic": "shared/named/${@id}"}}, {"s3": {"bucketName": "nowhere", "key": "${@id}"}},
     errorAction={"republish": {"topic": "shared/errors", "qos": 1, "headers": {"userProperties": [{"key": "id", "value": "${@id}"}, {"key": "n", "value": "${@n}"}]}}})
publish(device, "factory/pump-7/named", b'{"n": 3}')
got = {m.topic.split("/")[1]: m for m in (listener.heard.get(timeout=30), listener.heard.get(timeout=30))}
id = json.loads(got["named"].payload)["id"]
assert len(id) == 36 and got["named"].topic == f"shared/named/{id}", got["named"].topic
assert got["errors"].properties.UserProperty == [("id", id), ("n", "4")], got["errors"].properties

# Without one, and where that fails too, nothing is held up
rule("silent", "SELECT * FROM 'factory/+/silent'", {"s3": {"bucketName": "nowhere", "key": "k"}}, errorAction={"s3": {"bucketName": "nowhere", "key": "k"}})
publish(device, "factory/pump-7/silent", b"{}")
publish(device, "factory/pump-7/in", b'{"t": 8}')
assert json.loads(listener.heard.get(timeout=30).payload)["t"] == 8

# A message over HTTP, and one of QoS 0, do the same
data.publish(topic="factory/pump-9/object", qos=1, payload=b'{"v": 1}')
publish(device, "factory/pump-7/object", b'{"v": 99}', qos=0)
eventually("these too", lambda: {"pump-9/1.json", "pump-7/99.json"} <= set(keys()))

# What the server knows of the thing: its shadows, and the registry; and of the message: whence it came
data.update_thing_shadow(thingName="pump-7", payload=json.dumps({"state": {"reported": {"alarm": "ON"}}}))
data.update_thing_shadow(thingName="pump-7", shadowName="door", payload=json.dumps({"state": {"desired": {"open": False}}}))
rule("knows", f"""SELECT get_thing_shadow('pump-7', 'door', '{ROLE}').state.desired AS door, get_thing_shadow('none', '{ROLE}') AS none,
     get_registry_data('DescribeThing', clientid(), '{ROLE}').thingName AS thing, sourceip() AS ip, traceid() AS one, traceid() AS same
     FROM 'factory/+/asks' WHERE get_thing_shadow(topic(2), '{ROLE}').state.reported.alarm = 'ON'""", {"republish": {"topic": "shared/knows"}})
publish(device, "factory/pump-7/asks", b"{}")
told = json.loads(listener.heard.get(timeout=30).payload)
one = told.pop("one")
assert len(one) == 36 and told.pop("same") == one, told
assert told == {"door": {"open": False}, "thing": "pump-7", "ip": "127.0.0.1"}, told
data.update_thing_shadow(thingName="pump-7", payload=json.dumps({"state": {"reported": {"alarm": "OFF"}}}))
publish(device, "factory/pump-7/asks", b"{}")
nothing_more()

# A batch: each element of a result that is an array is a record; what is no array is one; more than 500 are none
firehose = boto3.client("firehose")
firehose.create_delivery_stream(DeliveryStreamName="batches", ExtendedS3DestinationConfiguration={
    "RoleARN": ROLE, "BucketARN": "arn:aws:s3:::things", "Prefix": "batches/", "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 1}})
rule("batch", "SELECT VALUE readings FROM 'factory/+/batch'", {"firehose": {"deliveryStreamName": "batches", "batchMode": True, "separator": "\n"}},
     errorAction={"republish": {"topic": "shared/errors"}})
publish(device, "factory/pump-7/batch", b'{"readings": [{"v": 1}, 2, "three", [4]]}')
publish(device, "factory/pump-7/batch", b'{"readings": []}')
publish(device, "factory/pump-7/batch", json.dumps({"readings": list(range(501))}))
assert "501 elements" in json.loads(listener.heard.get(timeout=30).payload)["failures"][0]["errorMessage"]
publish(device, "factory/pump-7/batch", b'{"readings": {"v": 5}}')


def batches():
    found = s3.list_objects_v2(Bucket="things", Prefix="batches/").get("Contents", [])
    return b"".join(s3.get_object(Bucket="things", Key=one["Key"])["Body"].read() for one in found)


eventually("the batch", lambda: batches() == b'{"v":1}\n2\n"three"\n[4]\n{"v":5}\n')
device.disconnect()
listener.disconnect()
print("ok")
