"""Retained messages through paho (5) and boto3: properties, retain handling, expiry, the data API, the empty message, policy."""
import json
import os
import queue
import sys
import time

import boto3
import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions
from peers import refused

data = boto3.client("iot-data", endpoint_url=os.environ["AWS_ENDPOINT_URL"])


def connected(name="pump-7", will=None):
    c = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=name, protocol=mqtt.MQTTv5)
    c.tls_set(os.environ["CA"], f"{name}.pem", f"{name}.key")
    c.heard, c.acked, c.subscribed, c.gone = queue.Queue(), queue.Queue(), queue.Queue(), queue.Queue()
    c.on_message = lambda c, u, message: c.heard.put(message)
    c.on_publish = lambda c, u, mid, code, properties: c.acked.put(code.value)
    c.on_subscribe = lambda c, u, mid, codes, properties: c.subscribed.put(codes)
    c.on_disconnect = lambda c, u, flags, code, properties: c.gone.put(code)
    c.on_connect = lambda c, u, flags, code, properties: c.subscribed.put(properties)
    if will:
        c.will_set(will, b"gone", qos=1, retain=True)
    c.connect("localhost", int(os.environ["MQTT_PORT"]))
    c.loop_start()
    assert c.subscribed.get(timeout=30).RetainAvailable == 1
    return c


def subscribe(c, topic, handling=SubscribeOptions.RETAIN_SEND_ON_SUBSCRIBE):
    c.subscribe(topic, options=SubscribeOptions(qos=1, retainHandling=handling))
    assert c.subscribed.get(timeout=30)[0].value == 1


def publish(c, topic, payload, properties=None, retain=True, expect=0):
    c.publish(topic, payload, qos=1, retain=retain, properties=properties)
    assert c.acked.get(timeout=30) == expect


def nothing(c):
    """What comes next is a message that is not kept, and was sent after all before."""
    publish(c, "shared/marker", b"marker", retain=False)
    message = c.heard.get(timeout=30)
    assert (message.topic, message.retain) == ("shared/marker", False), (message.topic, message.payload)


if sys.argv[1:] == ["after-a-restart"]:
    c = connected()
    subscribe(c, "shared/kept")
    assert c.heard.get(timeout=30).payload == b"second"
    assert data.get_retained_message(topic="shared/by-http")["payload"] == b"spoken"
    c.disconnect()
    raise SystemExit

c = connected()
subscribe(c, "shared/marker")
properties = Properties(PacketTypes.PUBLISH)
properties.ContentType, properties.UserProperty, properties.CorrelationData = "text/plain", [("b", "1"), ("a", "2")], b"\x00\x01"
properties.MessageExpiryInterval, properties.ResponseTopic, properties.PayloadFormatIndicator = 600, "shared/answers", 1
publish(c, "shared/kept", b"first")
publish(c, "shared/kept", b"second", properties)
subscribe(c, "shared/kept")
message = c.heard.get(timeout=30)
assert (message.payload, message.retain, message.qos) == (b"second", True, 1)
said = message.properties
assert (said.ContentType, said.UserProperty, said.CorrelationData) == ("text/plain", [("b", "1"), ("a", "2")], b"\x00\x01")
assert (said.ResponseTopic, said.PayloadFormatIndicator) == ("shared/answers", 1) and 590 <= said.MessageExpiryInterval <= 600
# Live, RETAIN is 0; again, it comes again; if it is not new, or never, it does not come
subscribe(c, "shared/kept")
assert c.heard.get(timeout=30).retain
subscribe(c, "shared/kept", SubscribeOptions.RETAIN_SEND_IF_NEW_SUB)
subscribe(c, "shared/kept", SubscribeOptions.RETAIN_DO_NOT_SEND)
nothing(c)
# A wildcard shows nothing that was kept (developer guide)
subscribe(c, "shared/+")
nothing(c)
c.unsubscribe("shared/+")
nothing(c)  # which the server has looked at behind the UNSUBSCRIBE
# The data API
found = data.get_retained_message(topic="shared/kept")
assert (found["payload"], found["qos"], found["topic"]) == (b"second", 1, "shared/kept")
assert json.loads(found["userProperties"]) == [{"b": "1"}, {"a": "2"}]
assert abs(found["lastModifiedTime"] / 1000 - time.time()) < 300
data.publish(topic="shared/by-http", qos=1, retain=True, payload=b"spoken", contentType="text/html",
             userProperties='[{"x":"y"}]')
subscribe(c, "shared/by-http")
message = c.heard.get(timeout=30)
assert (message.payload, message.retain, message.properties.ContentType, message.properties.UserProperty) == (b"spoken", True, "text/html", [("x", "y")])
for number in range(5):
    data.publish(topic=f"many/{number}", qos=0, retain=True, payload=b"x" * number + b"x")
first = data.list_retained_messages(maxResults=4)
rest = data.list_retained_messages(maxResults=200, nextToken=first["nextToken"])
topics = [t["topic"] for t in first["retainedTopics"] + rest["retainedTopics"]]
assert topics == [f"many/{n}" for n in range(5)] + ["shared/by-http", "shared/kept"] and "nextToken" not in rest
assert first["retainedTopics"][3]["payloadSize"] == 4 and first["retainedTopics"][3]["qos"] == 0
refused("ResourceNotFoundException", data.get_retained_message, topic="many/6")
# The empty message goes to those who listen, and takes the kept one away
publish(c, "shared/by-http", b"")
assert c.heard.get(timeout=30).payload == b""
refused("ResourceNotFoundException", data.get_retained_message, topic="shared/by-http")
data.publish(topic="shared/by-http", qos=1, retain=True, payload=b"spoken")
assert not c.heard.get(timeout=30).retain
# A reserved topic keeps nothing
data.publish(topic="$aws/rules/none/a", qos=1, retain=True, payload=b"x")
assert all(not t["topic"].startswith("$") for t in data.list_retained_messages()["retainedTopics"])
# It expires
properties = Properties(PacketTypes.PUBLISH)
properties.MessageExpiryInterval = 1
publish(c, "shared/short", b"soon gone", properties)
while True:
    try:
        data.get_retained_message(topic="shared/short")
        time.sleep(0.1)
    except data.exceptions.ResourceNotFoundException:
        break
subscribe(c, "shared/short")
nothing(c)
# iot:RetainPublish is asked in addition: MQTT 5 says 0x87
other = connected("reader")
publish(other, "shared/theirs", b"live", retain=False, expect=0)
publish(other, "shared/theirs", b"kept", retain=True, expect=0x87)
refused("ResourceNotFoundException", data.get_retained_message, topic="shared/theirs")
other.disconnect()
# A will may be kept
lost = connected("pump-8", will="shared/will")
subscribe(c, "shared/will")
lost._sock_close()
assert c.heard.get(timeout=30).payload == b"gone"
assert data.get_retained_message(topic="shared/will")["payload"] == b"gone"
c.disconnect()
