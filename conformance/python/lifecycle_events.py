"""Lifecycle events as paho hears them (iot dev guide: life-cycle-events)."""
import json
import re
import socket
import time

import boto3
import paho.mqtt.client as mqtt
from listening import Watcher, client, subscribe

iot = boto3.client("iot")
P, S = "$aws/events/presence", "$aws/events/subscriptions"
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"


def principal(name):
    pem = open(f"{name}.pem").read()
    for c in iot.list_certificates(pageSize=250)["certificates"]:
        if iot.describe_certificate(certificateId=c["certificateId"])["certificateDescription"]["certificatePem"].strip() == pem.strip():
            return c["certificateId"]


watcher = Watcher(f"{P}/#", f"{S}/#")
pump7 = principal("pump-7")
own = watcher.told(f"{S}/subscribed/watcher")  # it has subscribed before it was told
assert own["topics"] == [f"{P}/#", f"{S}/#"], own

# Connected, subscribed, unsubscribed, disconnected: one connection, one session identifier
c = client("pump-7")
connected = watcher.told(f"{P}/connected/pump-7")
assert set(connected) == {"clientId", "timestamp", "eventType", "sessionIdentifier", "principalIdentifier", "ipAddress", "versionNumber"}, connected
assert (connected["clientId"], connected["eventType"], connected["ipAddress"], connected["versionNumber"]) == ("pump-7", "connected", "127.0.0.1", 0)
assert connected["principalIdentifier"] == pump7 and re.fullmatch(UUID, connected["sessionIdentifier"])
assert abs(connected["timestamp"] / 1000 - time.time()) < 300
c.subscribe([("shared/a", 1), ("forbidden/b", 1), ("factory/pump-7/c", 0)])
assert [code.is_failure for code in c.answers.get(timeout=30)] == [False, True, False]
told = watcher.told(f"{S}/subscribed/pump-7")
assert set(told) == {"clientId", "timestamp", "eventType", "sessionIdentifier", "principalIdentifier", "topics"}, told
assert told["topics"] == ["shared/a", "factory/pump-7/c"] and told["eventType"] == "subscribed"
assert told["sessionIdentifier"] == connected["sessionIdentifier"]
c.unsubscribe(["shared/a", "shared/never"])
c.answers.get(timeout=30)
told = watcher.told(f"{S}/unsubscribed/pump-7")
assert (told["topics"], told["eventType"]) == (["shared/a"], "unsubscribed")
c.disconnect()
gone = watcher.told(f"{P}/disconnected/pump-7")
assert set(gone) == {"clientId", "timestamp", "eventType", "sessionIdentifier", "principalIdentifier", "clientInitiatedDisconnect", "disconnectReason", "versionNumber"}, gone
assert (gone["clientInitiatedDisconnect"], gone["disconnectReason"], gone["versionNumber"]) == (True, "CLIENT_INITIATED_DISCONNECT", 0)
assert gone["sessionIdentifier"] == connected["sessionIdentifier"]

# The version grows: after a disconnect, and when another takes over; so with a stored session
for clean in (True, False):
    first = client("pump-8", clean_session=clean)
    version = watcher.told(f"{P}/connected/pump-8")["versionNumber"]
    second = client("pump-8", clean_session=clean)
    assert watcher.told(f"{P}/connected/pump-8")["versionNumber"] == version + 1
    gone = watcher.told(f"{P}/disconnected/pump-8")
    assert (gone["versionNumber"], gone["disconnectReason"], gone["clientInitiatedDisconnect"]) == (version, "DUPLICATE_CLIENTID", False)
    second.disconnect()
    assert watcher.told(f"{P}/disconnected/pump-8")["versionNumber"] == version + 1
    third = client("pump-8", clean_session=clean)
    assert watcher.told(f"{P}/connected/pump-8")["versionNumber"] == version + 2
    third.socket().shutdown(socket.SHUT_RDWR)
    assert watcher.told(f"{P}/disconnected/pump-8")["disconnectReason"] == "CONNECTION_LOST"

# Whom no policy lets in under that name
pump8 = principal("pump-8")
iot.create_policy(policyName="not-9", policyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Deny", "Action": "iot:Connect", "Resource": "arn:aws:iot:us-east-1:000000000000:client/pump-9"}]}))
iot.attach_policy(policyName="not-9", target=f"arn:aws:iot:us-east-1:000000000000:cert/{pump8}")
c = client("pump-9", name="pump-8", connect=False)
failed = watcher.told(f"{P}/connect_failed/pump-9")
assert set(failed) == {"clientId", "timestamp", "eventType", "connectFailureReason", "principalIdentifier", "sessionIdentifier", "ipAddress"}, failed
assert (failed["eventType"], failed["connectFailureReason"], failed["principalIdentifier"]) == ("connect_failed", "AUTHORIZATION_FAILED", pump8)

# A thing is named where the certificate is its alone
iot.create_thing(thingName="engine")
iot.attach_thing_principal(thingName="engine", principal=next(
    c["certificateArn"] for c in iot.list_certificates(pageSize=250)["certificates"] if c["certificateId"] == pump7), thingPrincipalType="EXCLUSIVE_THING")
c = client("pump-7")
assert watcher.told(f"{P}/connected/pump-7")["thingName"] == "engine"
# A revoked one is told of; what happens to it next is that it is not let in
iot.update_certificate(certificateId=pump7, newStatus="INACTIVE")
gone = watcher.told(f"{P}/disconnected/pump-7")
assert (gone["disconnectReason"], gone["thingName"]) == ("AUTH_ERROR", "engine")

# What the client got wrong
c = client("watched", name="watcher")
watcher.told(f"{P}/connected/watched")
c.subscribe([(f"shared/{n}", 0) for n in range(9)])
assert watcher.told(f"{P}/disconnected/watched")["disconnectReason"] == "CLIENT_ERROR"
assert not [topic for topic, _ in watcher.rest() if topic.endswith("/watched")], "nothing was subscribed to"

# Client ids that would be wildcards: nothing
for odd in ("a+b", "a#b"):
    c = client(odd, name="watcher")
    subscribe(c, "shared/a")
    c.disconnect()
c = client("even", name="watcher")
watcher.told(f"{P}/connected/even")
assert not [topic for topic, said in watcher.rest() if said["clientId"] in ("a+b", "a#b")]

# A device may listen, but not speak there
c.publish(f"{P}/connected/forged", b"{}", qos=1)
assert watcher.told(f"{P}/disconnected/even")["disconnectReason"] in ("AUTH_ERROR", "FORBIDDEN_ACCESS")

# v5 is told the same
c = client("five", name="watcher", version=mqtt.MQTTv5)
assert watcher.told(f"{P}/connected/five")["versionNumber"] == 0
c.disconnect()
assert watcher.told(f"{P}/disconnected/five")["disconnectReason"] == "CLIENT_INITIATED_DISCONNECT"
