"""Device shadows through paho, MQTT 3.1.1 and 5: requests, answers, what is told to others, and what policy forbids."""
import json
import os
import queue
import sys

import boto3
import paho.mqtt.client as mqtt

data = boto3.client("iot-data", endpoint_url=os.environ["AWS_ENDPOINT_URL"])


class Device:
    def __init__(self, name, version=mqtt.MQTTv5):
        c = self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=name, protocol=version)
        c.tls_set(os.environ["CA"], f"{name}.pem", f"{name}.key")
        self.heard, self.acked, self.subscribed, self.gone = queue.Queue(), queue.Queue(), queue.Queue(), queue.Queue()
        c.on_message = lambda c, u, message: self.heard.put((message.topic, message.payload))
        c.on_publish = lambda c, u, mid, code, properties: self.acked.put(code.value)
        c.on_subscribe = lambda c, u, mid, codes, properties: self.subscribed.put(codes)
        c.on_disconnect = lambda c, u, flags, code, properties: self.gone.put(code)
        connected = queue.Queue()
        c.on_connect = lambda c, u, flags, code, properties: connected.put(code)
        c.connect("localhost", int(os.environ["MQTT_PORT"]))
        c.loop_start()
        assert connected.get(timeout=30).value == 0

    def subscribe(self, topic, expect=1):
        self.client.subscribe(topic, qos=1)
        assert self.subscribed.get(timeout=30)[0].value == expect, topic

    def publish(self, topic, payload, expect=0):
        payload = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self.client.publish(topic, payload, qos=1)
        assert self.acked.get(timeout=30) == expect, topic

    def next(self, topic):
        """What is heard next, which must be on this topic."""
        heard, payload = self.heard.get(timeout=30)
        assert heard == topic, (heard, topic, payload)
        return json.loads(payload)

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


if sys.argv[1:] == ["before-a-kill"]:
    device = Device("pump-7")
    for number in range(200):
        device.publish("$aws/things/pump-7/shadow/name/counted/update", {"state": {"reported": {"n": number}}})
    os._exit(0)  # every one of them acknowledged
if sys.argv[1:] == ["after-a-kill"]:
    document = json.loads(data.get_thing_shadow(thingName="pump-7", shadowName="counted")["payload"].read())
    assert (document["version"], document["state"]["reported"]["n"]) == (200, 199), document
    device = Device("pump-7")
    device.subscribe("$aws/things/pump-7/shadow/name/counted/update/accepted")
    device.publish("$aws/things/pump-7/shadow/name/counted/update", {"state": {"reported": {"n": 200}}, "version": 200})
    assert device.next("$aws/things/pump-7/shadow/name/counted/update/accepted")["version"] == 201
    raise SystemExit

for version, shadow, name in ((mqtt.MQTTv311, "", {}), (mqtt.MQTTv5, "/name/settings", {"shadowName": "settings"})):
    P = f"$aws/things/pump-7/shadow{shadow}"
    called = name.get("shadowName", "pump-7")
    device = Device("pump-7", version)
    for topic in ("get/+", "update/+", "delete/+"):
        device.subscribe(f"{P}/{topic}")
    # Nothing there: as recorded on AWS, without and with a token
    device.publish(f"{P}/get", b"")
    assert device.next(f"{P}/get/rejected") == {"code": 404, "message": f"No shadow exists with name: '{called}'"}
    device.publish(f"{P}/delete", {"clientToken": "t-1"})
    assert device.next(f"{P}/delete/rejected") == {"code": 404, "message": f"No shadow exists with name: '{called}'", "clientToken": "t-1"}
    # A first report: nothing is desired, so there is no delta; and nothing was before
    device.publish(f"{P}/update", {"state": {"reported": {"speed": 1, "list": [1]}}, "clientToken": "t-2"})
    accepted = device.next(f"{P}/update/accepted")
    at = accepted["timestamp"]
    assert accepted == {
        "state": {"reported": {"speed": 1, "list": [1]}}, "version": 1, "timestamp": at, "clientToken": "t-2",
        "metadata": {"reported": {"speed": {"timestamp": at}, "list": [{"timestamp": at}]}}}
    documents = device.next(f"{P}/update/documents")
    assert documents == {"current": {k: accepted[k] for k in ("state", "metadata", "version")}, "timestamp": at, "clientToken": "t-2"}
    # Something is desired, by HTTP: the device hears of it as of any update
    data.update_thing_shadow(thingName="pump-7", payload='{"state":{"desired":{"speed":5,"list":[1]}},"clientToken":"http"}', **name)
    assert device.next(f"{P}/update/accepted")["state"] == {"desired": {"speed": 5, "list": [1]}}
    delta = device.next(f"{P}/update/delta")
    assert (delta["state"], delta["version"], delta["clientToken"]) == ({"speed": 5}, 2, "http")
    assert delta["metadata"] == {"speed": {"timestamp": delta["timestamp"]}}
    documents = device.next(f"{P}/update/documents")
    assert (documents["previous"]["version"], documents["current"]["version"]) == (1, 2)
    assert documents["previous"]["state"] == {"reported": {"speed": 1, "list": [1]}}
    assert documents["current"]["state"] == {"reported": {"speed": 1, "list": [1]}, "desired": {"speed": 5, "list": [1]}}
    # All of it
    device.publish(f"{P}/get", {"clientToken": "t-3"})
    whole = device.next(f"{P}/get/accepted")
    assert whole["state"] == {"reported": {"speed": 1, "list": [1]}, "desired": {"speed": 5, "list": [1]}, "delta": {"speed": 5}}
    assert (whole["version"], whole["clientToken"]) == (2, "t-3")
    # The device follows: no delta any more
    device.publish(f"{P}/update", {"state": {"reported": {"speed": 5.0}}, "version": 2})
    assert device.next(f"{P}/update/accepted")["version"] == 3
    device.next(f"{P}/update/documents")
    # Rejected, and nothing changes; a refusal over HTTP is told to nobody (here: comes before no answer of MQTT's)
    try:
        data.update_thing_shadow(thingName="pump-7", payload='{"state":{},"version":1}', **name)
        raise AssertionError("a conflict")
    except data.exceptions.ConflictException:
        pass
    for payload, code, message in (
        ({"state": {"reported": {"speed": 6}}, "version": 2, "clientToken": "c"}, 409, "Version conflict"),
        (b"{", 400, "Invalid JSON"),
        ({"state": {"reported": {"a": "x" * 8192}}, "clientToken": "c"}, 413, "The payload exceeds the maximum size allowed"),
        (b"\xff", 415, "Unsupported documented encoding; supported encoding is UTF-8"),
        ({"state": {"reported": {"a": [None]}}, "clientToken": "c"}, 400, "State contains an invalid node"),
        ({"state": {}, "clientToken": "x" * 65}, 400, "Invalid clientToken"),
    ):
        device.publish(f"{P}/update", payload)
        rejected = device.next(f"{P}/update/rejected")
        assert (rejected["code"], rejected["message"]) == (code, message), rejected
        assert rejected.get("clientToken") == (payload.get("clientToken") if code != 400 or message != "Invalid clientToken" else None) if isinstance(payload, dict) else True
    # Away with it, and again: the version goes on
    device.publish(f"{P}/delete", b"")
    obituary = device.next(f"{P}/delete/accepted")
    assert (obituary["version"], set(obituary)) == (3, {"version", "timestamp"})
    device.publish(f"{P}/update", {"state": {"desired": {"speed": None}}})
    again = device.next(f"{P}/update/accepted")
    assert (again["version"], again["state"], again["metadata"]) == (4, {"desired": {"speed": None}}, {})
    assert "previous" not in device.next(f"{P}/update/documents")
    data.delete_thing_shadow(thingName="pump-7", **name)
    assert device.next(f"{P}/delete/accepted")["version"] == 4
    device.close()

# The request itself is a message like any other to those who listen there.
device = Device("pump-7")
device.subscribe("$aws/things/pump-7/shadow/update")
device.publish("$aws/things/pump-7/shadow/update", {"state": {}})
assert device.next("$aws/things/pump-7/shadow/update") == {"state": {}}
# Another thing's shadow is another resource. Where the server answers, nobody else speaks; where nobody listens, nobody speaks.
device.publish("$aws/things/pump-8/shadow/update", {"state": {}}, expect=0x87)
device.publish("$aws/things/pump-7/shadow/update/accepted", {"state": {}}, expect=0x87)
device.publish("$aws/things/pump-7/shadow/name/settings/update/delta", {"state": {}}, expect=0x87)
device.publish("$aws/things/pump-7/shadow/put", {"state": {}}, expect=0x90)
device.publish("$aws/things/pump-7/shadow/name/a.b/get", b"", expect=0x90)
device.subscribe("$aws/things/pump-8/shadow/#", expect=0x87)
try:
    data.get_thing_shadow(thingName="pump-8")
    raise AssertionError("nothing was to be made of it")
except data.exceptions.ResourceNotFoundException:
    pass
device.close()
# Whoever may subscribe and not receive hears nothing; who may publish and not subscribe changes a shadow all the same.
deaf = Device("deaf")
deaf.subscribe("$aws/things/deaf/shadow/update/accepted")
deaf.publish("$aws/things/deaf/shadow/update", {"state": {"reported": {"a": 1}}})
deaf.publish("$aws/things/deaf/shadow/update", {"state": {"reported": {"a": 2}}})
assert json.loads(data.get_thing_shadow(thingName="deaf")["payload"].read())["version"] == 2
assert deaf.heard.empty()
deaf.close()
# MQTT 3.1.1 closes a connection that speaks where it may not.
device = Device("pump-7", mqtt.MQTTv311)
device.client.publish("$aws/things/pump-7/shadow/update/documents", b"{}", qos=1)
device.gone.get(timeout=30)
device.client.loop_stop()
print("ok")
