"""Stored sessions through paho, 3.1.1 and 5, as AWS has them: an hour at most, begun anew by the other version, order, expiry."""
import os
import queue
import time

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties


def connected(name, version, clean, expiry=None):
    options = {"clean_session": clean} if version == mqtt.MQTTv311 else {}
    c = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=name, protocol=version, **options)
    c.tls_set(os.environ["CA"], f"{name}.pem", f"{name}.key")
    c.heard, c.acked, c.answered = queue.Queue(), queue.Queue(), queue.Queue()
    c.on_message = lambda c, u, message: c.heard.put(message)
    c.on_publish = lambda c, u, mid, code, properties: c.acked.put(code.value)
    c.on_subscribe = lambda c, u, mid, codes, properties: c.answered.put(codes)
    c.on_connect = lambda c, u, flags, code, properties: c.answered.put((flags.session_present, code, properties))
    if version == mqtt.MQTTv5:
        properties = Properties(PacketTypes.CONNECT)
        if expiry is not None:
            properties.SessionExpiryInterval = expiry
        c.connect("localhost", int(os.environ["MQTT_PORT"]), clean_start=clean, properties=properties)
    else:
        c.connect("localhost", int(os.environ["MQTT_PORT"]))
    c.loop_start()
    c.present, code, c.said = c.answered.get(timeout=30)
    assert not code.is_failure, code
    return c


def gone(c):
    c.disconnect()
    c.loop_stop()


def publish(payload, expiry=None):
    properties = Properties(PacketTypes.PUBLISH)
    if expiry:
        properties.MessageExpiryInterval = expiry
    says.publish("shared/news", payload, qos=1, properties=properties)
    assert says.acked.get(timeout=30) in (0, 0x10)


says = connected("pump-8", mqtt.MQTTv5, True)
for version, expiry in [(mqtt.MQTTv311, None), (mqtt.MQTTv5, 100_000)]:
    c = connected("pump-7", version, False, expiry)
    assert not c.present, "the other version's session is not resumed"
    if version == mqtt.MQTTv5:
        assert c.said.SessionExpiryInterval == 3600, "lowered to an hour"
    c.subscribe("shared/#", qos=1)
    assert c.answered.get(timeout=30)[0].value == 1
    gone(c)
    for payload in (b"one", b"two", b"three"):
        publish(payload)
    publish(b"expires", expiry=1)
    time.sleep(1.5)
    c = connected("pump-7", version, False, expiry)
    assert c.present
    heard = [c.heard.get(timeout=30) for _ in range(3)]
    assert [message.payload for message in heard] == [b"one", b"two", b"three"]
    assert not any(message.dup for message in heard)
    publish(b"live")
    assert c.heard.get(timeout=30).payload == b"live", "what has expired is not given"
    c.unsubscribe("shared/#")
    gone(c)
# Clean: what was there is no more
c = connected("pump-7", mqtt.MQTTv5, True)
gone(c)
c = connected("pump-7", mqtt.MQTTv5, False, 60)
assert not c.present
c.subscribe("$share/team/shared/#", qos=1)
assert c.answered.get(timeout=30)[0].value == 1
gone(c)
publish(b"for the team")  # nobody is there; it waits for a member that comes back
c = connected("pump-7", mqtt.MQTTv5, False, 60)
assert c.present and c.heard.get(timeout=30).payload == b"for the team"
c.unsubscribe("$share/team/shared/#")
gone(c)
gone(connected("pump-7", mqtt.MQTTv5, True))
gone(says)
print("ok")
