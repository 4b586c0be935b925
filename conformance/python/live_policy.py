"""A policy's new default version reaches a connection that is up: what was allowed is refused, and the other way round."""
import json
import os
import queue
import time

import boto3
import paho.mqtt.client as mqtt

iot = boto3.client("iot")
acked = queue.Queue()
c = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="pump-7", protocol=mqtt.MQTTv5)
c.tls_set(os.environ["CA"], "pump-7.pem", "pump-7.key")
c.on_publish = lambda c, u, mid, code, properties: acked.put(code.value)
c.connect("localhost", int(os.environ["MQTT_PORT"]))
c.loop_start()


def publish(topic):
    c.publish(topic, b"x", qos=1)
    return acked.get(timeout=30)


def becomes(topic, code):
    deadline = time.time() + 30
    while publish(topic) != code:
        assert time.time() < deadline, (topic, code)


assert publish("factory/pump-7/x") == 0
assert publish("new/x") == 0x87
arn = "arn:aws:iot:us-east-1:000000000000"
document = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "iot:Connect", "Resource": "*"},
    {"Effect": "Allow", "Action": "iot:Publish", "Resource": f"{arn}:topic/new/*"}]}
iot.create_policy_version(policyName="devices", policyDocument=json.dumps(document), setAsDefault=True)
becomes("new/x", 0)
assert publish("factory/pump-7/x") == 0x87
iot.set_default_policy_version(policyName="devices", policyVersionId="1")
becomes("factory/pump-7/x", 0)
gone = queue.Queue()
c.on_disconnect = lambda c, u, flags, code, properties: gone.put(code.value)
cert = iot.list_certificates()["certificates"][0]["certificateArn"]
iot.detach_policy(policyName="devices", target=cert)
assert gone.get(timeout=30) == 0x87
print("ok")
