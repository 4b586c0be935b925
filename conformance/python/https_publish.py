"""What a device says of a message over HTTPS reaches subscribers of MQTT 5; by boto3 the same."""
import base64
import http.client
import json
import os
import queue
import ssl
from urllib.parse import quote

import boto3
import paho.mqtt.client as mqtt

PROPERTIES = base64.b64encode(json.dumps([{"unit": "°C"}, {"unit": "K"}, {"a": "1"}]).encode()).decode()
HEADERS = {"x-amz-mqtt5-user-properties": PROPERTIES, "x-amz-mqtt5-payload-format-indicator": "UTF8_DATA",
           "x-amz-mqtt5-correlation-data": base64.b64encode(b"c-1").decode()}
QUERY = f"qos=1&contentType={quote('text/plain; charset=utf-8')}&responseTopic={quote('shared/answers', safe='')}&messageExpiry=600"

heard, subscribed = queue.Queue(), queue.Queue()
c = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="pump-7", protocol=mqtt.MQTTv5)
c.tls_set(os.environ["CA"], "pump-7.pem", "pump-7.key")
c.on_message = lambda c, u, message: heard.put(message)
c.on_subscribe = lambda c, u, mid, codes, properties: subscribed.put(codes)
c.connect("localhost", int(os.environ["MQTT_PORT"]))
c.loop_start()
c.subscribe("shared/#", qos=1)
subscribed.get(timeout=30)

context = ssl.create_default_context(cafile=os.environ["CA"])
context.load_cert_chain("pump-7.pem", "pump-7.key")


def publish(query, topic="shared/a", **headers):
    connection = http.client.HTTPSConnection("localhost", int(os.environ["HTTPS_PORT"]), context=context)
    connection.request("POST", f"/topics/{quote(topic, safe='')}?{query}", b"21", {name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())["message"]


assert publish(QUERY, **HEADERS) == (200, "OK")
boto3.client("iot-data", endpoint_url=os.environ["AWS_ENDPOINT_URL"]).publish(
    topic="shared/a", qos=1, payload=b"21", contentType="text/plain; charset=utf-8", responseTopic="shared/answers", messageExpiry=600,
    userProperties=base64.b64decode(PROPERTIES).decode(), payloadFormatIndicator="UTF8_DATA", correlationData=HEADERS["x-amz-mqtt5-correlation-data"])
for _ in range(2):
    message = heard.get(timeout=30)
    said = message.properties
    assert (message.topic, message.payload, message.qos) == ("shared/a", b"21", 1)
    assert said.UserProperty == [("unit", "°C"), ("unit", "K"), ("a", "1")]
    assert (said.ContentType, said.ResponseTopic, said.CorrelationData) == ("text/plain; charset=utf-8", "shared/answers", b"c-1")
    assert said.PayloadFormatIndicator == 1 and 590 < said.MessageExpiryInterval <= 600

for query, headers, refused in [
    ("qos=2", {}, "qos is 0 or 1"),
    ("qos=x", {}, "qos is no number"),
    ("retain=perhaps", {}, "retain is true or false"),
    ("messageExpiry=soon", {}, "messageExpiry is no number"),
    ("responseTopic=a%2F%23", {}, "Invalid topic"),
    ("qos=1", {"x-amz-mqtt5-user-properties": "%"}, "A header is not base64"),
    ("qos=1", {"x-amz-mqtt5-correlation-data": "%"}, "A header is not base64"),
    ("qos=1", {"x-amz-mqtt5-payload-format-indicator": "TEXT"}, "payloadFormatIndicator is"),
]:
    status, message = publish(query, **headers)
    assert status == 400 and message.startswith(refused), (query, status, message)

# Topics are as deep and as long as over MQTT.
api = boto3.client("iot-data", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
for topic in ["shared" + "/a" * 7, "shared/" + "a" * 249]:
    assert publish("qos=1", topic=topic) == (200, "OK"), topic
    api.publish(topic=topic, qos=1, payload=b"21")
for topic in ["shared" + "/a" * 8, "shared/" + "a" * 250]:
    status, message = publish("qos=1", topic=topic)
    assert status == 400 and message.startswith("Invalid topic"), (topic, status, message)
    try:
        api.publish(topic=topic, qos=1, payload=b"21")
        raise AssertionError(topic)
    except api.exceptions.InvalidRequestException as refused:
        assert "Invalid topic" in str(refused), refused
c.disconnect()
print("ok")
