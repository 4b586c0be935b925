"""A subscriber that stays connected loses what it may receive and is given it back: a thing's attribute, a thing group, a policy's
default version. Its subscription rests meanwhile: it does not subscribe again."""
import json
import os
import queue
import time

import boto3
import paho.mqtt.client as mqtt

iot = boto3.client("iot")
data = boto3.client("iot-data")
arn = "arn:aws:iot:us-east-1:000000000000"


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(actions, *resources):
    return {"Effect": "Allow", "Action": actions, "Resource": [f"{arn}:{resource}" for resource in resources]}


connect = allow("iot:Connect", "client/${iot:Connection.Thing.ThingName}")
by_attribute = allow("iot:Receive", "topic/hall/${iot:Connection.Thing.Attributes[hall]}/*")
by_type = allow("iot:Receive", "topic/type/${iot:Connection.Thing.ThingTypeName}/*")
versioned = [allow("iot:Subscribe", "topicfilter/version/*"), allow("iot:Receive", "topic/version/*")]
base = [connect, allow("iot:Subscribe", "topicfilter/hall/*", "topicfilter/type/*"), by_attribute, by_type]

made = iot.create_keys_and_certificate(setAsActive=True)
open("live.pem", "w").write(made["certificatePem"])
open("live.key", "w").write(made["keyPair"]["PrivateKey"])
cert = made["certificateArn"]
iot.create_policy(policyName="live", policyDocument=document(*base, *versioned))
iot.attach_policy(policyName="live", target=cert)
iot.create_thing_type(thingTypeName="pump")
iot.create_thing(thingName="live", thingTypeName="pump", attributePayload={"attributes": {"hall": "3"}})
iot.attach_thing_principal(thingName="live", principal=cert)
iot.create_thing_group(thingGroupName="readers")
iot.create_policy(policyName="readers", policyDocument=document(
    allow("iot:Subscribe", "topicfilter/group/*"), allow("iot:Receive", "topic/group/*")))
iot.attach_policy(policyName="readers", target=f"{arn}:thinggroup/readers")
iot.add_thing_to_thing_group(thingGroupName="readers", thingName="live")

heard, gone, granted = queue.Queue(), queue.Queue(), queue.Queue()
c = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="live", protocol=mqtt.MQTTv311)
c.tls_set(os.environ["CA"], "live.pem", "live.key")
c.on_message = lambda c, u, message: heard.put(message.topic)
c.on_disconnect = lambda c, u, flags, code, properties: gone.put(code)
c.on_subscribe = lambda c, u, mid, codes, properties: granted.put([code.value for code in codes])
c.connect("localhost", int(os.environ["MQTT_PORT"]))
c.loop_start()
c.subscribe([("hall/+/x", 1), ("type/+/x", 1), ("group/#", 1), ("version/#", 1)])
assert granted.get(timeout=30) == [1, 1, 1, 1]


def delivered(topic):
    """Whether the topic's message comes before one that always does: type/pump/x, or hall/3/x for that."""
    last = "hall/3/x" if topic.startswith("type/") else "type/pump/x"
    data.publish(topic=topic, qos=1, payload=b"x")
    data.publish(topic=last, qos=1, payload=b"x")
    topics = []
    while last not in topics:
        topics.append(heard.get(timeout=30))
    return topic in topics


def loses_and_regains(topic, take, give):
    for change, expected in ((None, True), (take, False), (give, True)):
        if change:
            change()
        deadline = time.time() + 30
        while delivered(topic) != expected:
            assert time.time() < deadline, (topic, expected)


def hall(value):
    return lambda: iot.update_thing(thingName="live", attributePayload={"attributes": {"hall": value}, "merge": True})


loses_and_regains("hall/3/x", hall("4"), hall("3"))
assert not delivered("hall/4/x")
loses_and_regains("type/pump/x", lambda: iot.update_thing(thingName="live", removeThingType=True),
                  lambda: iot.update_thing(thingName="live", thingTypeName="pump"))
loses_and_regains("group/x", lambda: iot.remove_thing_from_thing_group(thingGroupName="readers", thingName="live"),
                  lambda: iot.add_thing_to_thing_group(thingGroupName="readers", thingName="live"))
iot.create_policy_version(policyName="live", policyDocument=document(*base))
loses_and_regains("version/x", lambda: iot.set_default_policy_version(policyName="live", policyVersionId="2"),
                  lambda: iot.set_default_policy_version(policyName="live", policyVersionId="1"))
# What it has unsubscribed from does not come back.
iot.set_default_policy_version(policyName="live", policyVersionId="2")
c.on_unsubscribe = lambda c, u, mid, codes, properties: granted.put("unsubscribed")
c.unsubscribe("version/#")
assert granted.get(timeout=30) == "unsubscribed"
iot.set_default_policy_version(policyName="live", policyVersionId="1")
assert not delivered("version/x")
assert gone.empty()
# A thing of its client id's name, which the certificate is not attached to: there or not
iot.create_policy(policyName="ghost", policyDocument=document(
    allow("iot:Connect", "client/ghost"), allow("iot:Subscribe", "topicfilter/*"), allow("iot:Receive", "topic/always"),
    {**allow("iot:Receive", "topic/known"), "Condition": {"Bool": {"iot:Connection.Thing.IsAttached": "false"}}}))
iot.attach_policy(policyName="ghost", target=cert)
ghost, ready = queue.Queue(), queue.Queue()
haunted = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="ghost", protocol=mqtt.MQTTv5)
haunted.tls_set(os.environ["CA"], "live.pem", "live.key")
haunted.on_message = lambda c, u, message: ghost.put(message.topic)
haunted.on_subscribe = lambda c, u, mid, codes, properties: ready.put(codes)
haunted.connect("localhost", int(os.environ["MQTT_PORT"]))
haunted.loop_start()
haunted.subscribe("#", qos=1)
ready.get(timeout=30)


def is_known():
    for topic in ("known", "always"):
        data.publish(topic=topic, qos=1, payload=b"x")
    first = ghost.get(timeout=30)
    return first == "known" and ghost.get(timeout=30) == "always"


for change, expected in (
    (None, False),
    (lambda: iot.create_thing(thingName="ghost"), True),
    (lambda: iot.delete_thing(thingName="ghost"), False),
):
    if change:
        change()
    deadline = time.time() + 30
    while is_known() != expected:
        assert time.time() < deadline, expected
haunted.disconnect()
# Without its thing it may not even stay.
iot.detach_policy(policyName="ghost", target=cert)
iot.detach_thing_principal(thingName="live", principal=cert)
gone.get(timeout=30)
print("ok")
