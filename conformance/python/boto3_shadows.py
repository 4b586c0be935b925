"""boto3's iot-data: device shadows, classic and named, and every refusal by its name."""
import json
import os
import sys
import time

import boto3
from botocore.exceptions import ClientError
from peers import refused

data = boto3.client("iot-data", endpoint_url=os.environ["AWS_ENDPOINT_URL"])


def read(answer):
    return json.loads(answer["payload"].read())


def get(thing, **name):
    return read(data.get_thing_shadow(thingName=thing, **name))


def update(thing, document, **name):
    return read(data.update_thing_shadow(thingName=thing, payload=json.dumps(document), **name))


def says(name, status, message, call, **arguments):
    answer = refused(name, call, **arguments)
    assert (answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Message"]) == (status, message), answer


if sys.argv[1:] == ["after-a-restart"]:
    assert get("lamp")["version"] == 6 and get("lamp")["state"]["desired"] == {"on": True}
    assert get("lamp", shadowName="many-3")["state"] == {"reported": {"n": 3}}
    # What was deleted before goes on where it was.
    says("ConflictException", 409, "Version conflict", data.update_thing_shadow, thingName="lamp", shadowName="gone", payload='{"state":{},"version":0}')
    assert update("lamp", {"state": {}, "version": 4}, shadowName="gone")["version"] == 5
    raise SystemExit

says("ResourceNotFoundException", 404, "No shadow exists with name: 'lamp'", data.get_thing_shadow, thingName="lamp")
says("ResourceNotFoundException", 404, "No shadow exists with name: 'night'", data.get_thing_shadow, thingName="lamp", shadowName="night")
says("ResourceNotFoundException", 404, "No shadow exists with name: 'lamp'", data.delete_thing_shadow, thingName="lamp")

# An update answers with what it said, and when.
said = update("lamp", {"state": {"reported": {"color": {"r": 255, "g": 255}, "modes": [1, 2, 3]}}, "clientToken": "mine"})
now = said["timestamp"]
assert abs(now - time.time()) < 60
assert said == {
    "state": {"reported": {"color": {"r": 255, "g": 255}, "modes": [1, 2, 3]}},
    "metadata": {"reported": {"color": {"r": {"timestamp": now}, "g": {"timestamp": now}}, "modes": [{"timestamp": now}] * 3}},
    "version": 1, "timestamp": now, "clientToken": "mine"}, said
# A get answers with all of it, and what is desired and not reported.
said = update("lamp", {"state": {"desired": {"color": {"r": 10, "g": 255}, "engine": "ON", "modes": [3]}}, "version": 1})
assert said["version"] == 2 and "clientToken" not in said
whole = get("lamp")
assert whole["state"] == {
    "reported": {"color": {"r": 255, "g": 255}, "modes": [1, 2, 3]},
    "desired": {"color": {"r": 10, "g": 255}, "engine": "ON", "modes": [3]},
    "delta": {"color": {"r": 10}, "engine": "ON", "modes": [3]}}, whole
assert whole["metadata"]["desired"]["engine"]["timestamp"] >= now and set(whole["metadata"]) == {"desired", "reported"}
assert whole["version"] == 2 and set(whole) == {"state", "metadata", "version", "timestamp"}
# Null removes a member, or a section.
update("lamp", {"state": {"desired": {"color": {"r": None}, "engine": None}, "reported": {"modes": [3]}}})
assert get("lamp")["state"] == {"reported": {"color": {"r": 255, "g": 255}, "modes": [3]}, "desired": {"color": {"g": 255}, "modes": [3]}}
update("lamp", {"state": {"desired": None}})
assert get("lamp")["state"] == {"reported": {"color": {"r": 255, "g": 255}, "modes": [3]}}
# Numbers and letters come back as they went.
update("lamp", {"state": {"reported": None, "desired": {"f": 0.1, "g": 1e-7, "h": 123456789.12345679, "i": 2**63, "j": -5, "t": "é\u0000\"😀"}}})
assert get("lamp")["state"]["desired"] == {"f": 0.1, "g": 1e-7, "h": 123456789.12345679, "i": 2**63, "j": -5, "t": "é\u0000\"😀"}
assert update("lamp", {"state": {"desired": {"f": None, "g": None, "h": None, "i": None, "j": None, "t": None, "on": True}}})["version"] == 6

# Refusals, none of which changes anything.
for payload, name, status, message in (
    (b"{", "InvalidRequestException", 400, "Invalid JSON"),
    (b"", "InvalidRequestException", 400, "Invalid JSON"),
    (b'{"state":{"desired":{"a":"\xff"}}}', "UnsupportedDocumentEncodingException", 415, "Unsupported documented encoding; supported encoding is UTF-8"),
    (b"{}", "InvalidRequestException", 400, "Missing required node: state"),
    (b'{"state":1}', "InvalidRequestException", 400, "State node must be an object"),
    (b'{"state":{"desired":1}}', "InvalidRequestException", 400, "Desired node must be an object"),
    (b'{"state":{"reported":1}}', "InvalidRequestException", 400, "Reported node must be an object"),
    (b'{"state":{"wanted":{}}}', "InvalidRequestException", 400, "State contains an invalid node"),
    (b'{"state":{"desired":{"a":[null]}}}', "InvalidRequestException", 400, "State contains an invalid node"),
    (b'{"state":{},"version":"6"}', "InvalidRequestException", 400, "Invalid version"),
    (b'{"state":{},"clientToken":"%s"}' % (b"x" * 65), "InvalidRequestException", 400, "Invalid clientToken"),
    (b'{"state":{"desired":{"a":{"b":{"c":{"d":{"e":{"f":{}}}}}}}}}', "InvalidRequestException", 400, "JSON contains too many levels of nesting; maximum is 6"),
    (b'{"state":{"desired":{"a":"%s"}}}' % (b"x" * 8192), "RequestEntityTooLargeException", 413, "The payload exceeds the maximum size allowed"),
    (b'{"state":{"desired":{"a":"%s"}}}' % (b"x" * 8180), "RequestEntityTooLargeException", 413, "The payload exceeds the maximum size allowed"),
    (b'{"state":{},"version":5}', "ConflictException", 409, "Version conflict"),
    (b'{"state":{},"version":7}', "ConflictException", 409, "Version conflict"),
):
    says(name, status, message, data.update_thing_shadow, thingName="lamp", payload=payload)
assert (get("lamp")["version"], get("lamp")["state"]) == (6, {"desired": {"on": True}, "delta": {"on": True}})
for bad in ({"thingName": "a b"}, {"thingName": "x" * 129}, {"thingName": "lamp", "shadowName": "a/b"}, {"thingName": "lamp", "shadowName": "x" * 65}):
    refused("InvalidRequestException", data.get_thing_shadow, **bad)
    refused("InvalidRequestException", data.update_thing_shadow, payload='{"state":{}}', **bad)
    refused("InvalidRequestException", data.delete_thing_shadow, **bad)
# Over HTTP a request is an operation, not a message; and nobody speaks in the server's place.
for topic in ("$aws/things/lamp/shadow/update", "$aws/things/lamp/shadow/update/accepted", "$aws/events/x"):
    refused("InvalidRequestException", data.publish, topic=topic, payload=b'{"state":{}}')

# Named shadows
for number in range(5):
    update("lamp", {"state": {"reported": {"n": number}}}, shadowName=f"many-{number}")
update("lamp-2", {"state": {}}, shadowName="elsewhere")
assert data.list_named_shadows_for_thing(thingName="lamp")["results"] == [f"many-{number}" for number in range(5)]
first = data.list_named_shadows_for_thing(thingName="lamp", pageSize=3)
rest = data.list_named_shadows_for_thing(thingName="lamp", pageSize=3, nextToken=first["nextToken"])
assert (first["results"] + rest["results"], "nextToken" in rest) == ([f"many-{number}" for number in range(5)], False)
assert abs(first["timestamp"] - time.time()) < 60
assert data.list_named_shadows_for_thing(thingName="nobody")["results"] == []
refused("InvalidRequestException", data.list_named_shadows_for_thing, thingName="lamp", nextToken="%")
try:
    data.list_named_shadows_for_thing(thingName="lamp", pageSize=101)
    raise AssertionError("a page of 101")
except ClientError as error:
    assert error.response["Error"]["Code"] == "InvalidRequestException"

# A deletion says the last version; a new shadow of that name goes on from there.
update("lamp", {"state": {"desired": {"a": 1}}}, shadowName="gone")
assert update("lamp", {"state": {"desired": {"a": 2}}}, shadowName="gone")["version"] == 2
obituary = read(data.delete_thing_shadow(thingName="lamp", shadowName="gone"))
assert (obituary["version"], set(obituary)) == (2, {"version", "timestamp"})
refused("ResourceNotFoundException", data.get_thing_shadow, thingName="lamp", shadowName="gone")
assert "gone" not in data.list_named_shadows_for_thing(thingName="lamp")["results"]
assert update("lamp", {"state": {"desired": {"b": 1}}}, shadowName="gone")["version"] == 3
assert get("lamp", shadowName="gone")["state"] == {"desired": {"b": 1}, "delta": {"b": 1}}
data.delete_thing_shadow(thingName="lamp", shadowName="gone")
update("lamp", {"state": {}}, shadowName="gone")
# For after the restart: 4 is the last version of one that is gone.
data.delete_thing_shadow(thingName="lamp", shadowName="gone")
says("ResourceNotFoundException", 404, "No shadow exists with name: 'gone'", data.delete_thing_shadow, thingName="lamp", shadowName="gone")
print("ok")
