"""Changes of policy reach a connection that is up: another default version, a thing group's policies, none at all."""
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
# A thing group's policy, and that of the group it is in
document["Statement"] = [{"Effect": "Allow", "Action": "iot:Publish", "Resource": f"{arn}:topic/group/*"}]
iot.create_policy(policyName="group", policyDocument=json.dumps(document))
iot.create_thing_group(thingGroupName="plant")
iot.create_thing_group(thingGroupName="hall", parentGroupName="plant")
iot.attach_policy(policyName="group", target=f"{arn}:thinggroup/plant")
cert = iot.list_certificates()["certificates"][0]["certificateArn"]
iot.create_thing(thingName="pump-7")
iot.attach_thing_principal(thingName="pump-7", principal=cert)
assert publish("group/x") == 0x87
iot.add_thing_to_thing_group(thingGroupName="hall", thingName="pump-7")
becomes("group/x", 0)
iot.detach_policy(policyName="group", target=f"{arn}:thinggroup/plant")
becomes("group/x", 0x87)
iot.attach_policy(policyName="group", target=f"{arn}:thinggroup/hall")
becomes("group/x", 0)
iot.delete_thing_group(thingGroupName="hall")
becomes("group/x", 0x87)
gone = queue.Queue()
c.on_disconnect = lambda c, u, flags, code, properties: gone.put(code.value)
iot.detach_policy(policyName="devices", target=cert)
assert gone.get(timeout=30) == 0x87
print("ok")
