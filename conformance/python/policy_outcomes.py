"""What a client sees where a policy says no, MQTT 3.1.1 and 5: CONNECT, its will, PUBLISH, SUBSCRIBE, and what is not delivered."""
import json
import os
import queue

import boto3
import paho.mqtt.client as mqtt

V3, V5 = mqtt.MQTTv311, mqtt.MQTTv5
iot = boto3.client("iot")
arn = "arn:aws:iot:us-east-1:000000000000"


class Client:
    """A client, and what it is told, in the order it comes."""

    def __init__(self, version, client_id, device="pump-7", will=None):
        self.told = queue.Queue()
        self.c = c = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id=client_id, protocol=version, reconnect_on_failure=False)
        c.tls_set(os.environ["CA"], f"{device}.pem", f"{device}.key")
        if will:
            c.will_set(will, b"gone", qos=1)
        c.on_connect = lambda c, u, flags, code, properties: self.told.put(("connack", code.value))
        c.on_disconnect = lambda c, u, flags, code, properties: self.told.put(
            ("gone", code.value if flags.is_disconnect_packet_from_server else None))
        c.on_publish = lambda c, u, mid, code, properties: self.told.put(("puback", code.value))
        c.on_subscribe = lambda c, u, mid, codes, properties: self.told.put(("suback", *[code.value for code in codes]))
        c.on_message = lambda c, u, message: self.told.put(("message", message.topic, message.payload))
        c.connect("localhost", int(os.environ["MQTT_PORT"]))
        c.loop_start()

    def hears(self, *expected):
        for one in expected:
            told = self.told.get(timeout=30)
            assert told == one, (told, one)
        return self

    def end(self):
        self.c.disconnect()
        self.c.loop_stop()


def device(name, *statements):
    iot.create_policy(policyName=name, policyDocument=json.dumps({"Version": "2012-10-17", "Statement": list(statements)}))
    made = iot.create_keys_and_certificate(setAsActive=True)
    open(f"{name}.pem", "w").write(made["certificatePem"])
    open(f"{name}.key", "w").write(made["keyPair"]["PrivateKey"])
    iot.attach_policy(policyName=name, target=made["certificateArn"])


device("pump-7",
       {"Effect": "Allow", "Action": "iot:Connect", "Resource": f"{arn}:client/pump-7"},
       {"Effect": "Allow", "Action": ["iot:Publish", "iot:Receive"], "Resource": f"{arn}:topic/shared/*"},
       {"Effect": "Allow", "Action": "iot:Subscribe", "Resource": f"{arn}:topicfilter/shared/*"})
device("listener",
       {"Effect": "Allow", "Action": "iot:*", "Resource": "*"},
       {"Sid": "NotThis", "Effect": "Deny", "Action": "iot:Receive", "Resource": f"{arn}:topic/shared/secret"})
connected = ("connack", 0)

# CONNECT
Client(V3, "other").hears(("gone", None)).end()  # closed without CONNACK
Client(V5, "other").hears(("connack", 0x87)).end()
# The will
Client(V3, "pump-7", will="elsewhere/x").hears(("gone", None)).end()
Client(V5, "pump-7", will="elsewhere/x").hears(("connack", 0x87)).end()
Client(V3, "pump-7", will="shared/x").hears(connected).end()

# PUBLISH, and nobody is given the message
listeners = [Client(version, f"listener-{version}", "listener").hears(connected) for version in (V3, V5)]
for listener in listeners:
    listener.c.subscribe("#", qos=1)
    listener.hears(("suback", 1))
for qos in (0, 1):
    c = Client(V3, "pump-7").hears(connected)
    c.c.publish("elsewhere/v3", b"no", qos=qos)
    if qos == 0:
        c.hears(("puback", 0))  # paho's word for "written"
    c.hears(("gone", None)).end()
c = Client(V5, "pump-7").hears(connected)
c.c.publish("elsewhere/v5", b"no", qos=1)
c.hears(("puback", 0x87))
c.c.publish("shared/v5", b"yes", qos=1)  # the session stays
c.hears(("puback", 0))
c.c.publish("elsewhere/v5", b"no", qos=0)
c.hears(("puback", 0), ("gone", 0x87)).end()

# SUBSCRIBE: each filter has its answer, and the session stays
for version, refused in ((V3, 0x80), (V5, 0x87)):
    c = Client(version, "pump-7").hears(connected)
    filters = ["elsewhere/#", "shared/#"]
    c.c.subscribe([(filter, 1 if version == V3 else mqtt.SubscribeOptions(1)) for filter in filters])
    c.hears(("suback", refused, 1))
    c.c.publish("shared/secret", b"s", qos=1)
    told = {c.told.get(timeout=30), c.told.get(timeout=30)}
    assert told == {("message", "shared/secret", b"s"), ("puback", 0)}, told
    c.end()

# Receive: the listeners were told of everything but what they may not be told, and they are still there
for listener in listeners:
    listener.c.publish("shared/last", b"end", qos=0)
for listener in listeners:
    told = []
    while told.count(("message", "shared/last", b"end")) < 2:
        told.append(listener.told.get(timeout=30))
    topics = [one[1] for one in told if one[0] == "message"]
    assert topics == ["shared/v5", "shared/last", "shared/last"], topics
    listener.end()
print("ok")
