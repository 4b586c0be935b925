"""Shared subscriptions through paho, 3.1.1 and 5: each message to one member, the group outlived by nobody, and policy."""
import collections
import os
import queue
import time
import urllib.request

import paho.mqtt.client as mqtt

heard = queue.Queue()


def connected(name, version):
    c = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=name, protocol=version)
    c.tls_set(os.environ["CA"], f"{name}.pem", f"{name}.key")
    c.on_message = lambda c, u, message: heard.put((name, message.topic, message.payload, message.retain))
    c.codes, c.acked = queue.Queue(), queue.Queue()
    c.on_subscribe = lambda c, u, mid, codes, properties: c.codes.put(codes[0].value)
    c.on_unsubscribe = lambda c, u, mid, codes, properties: c.codes.put("gone")
    c.on_publish = lambda c, u, mid, code, properties: c.acked.put(code)
    c.connect("localhost", int(os.environ["MQTT_PORT"]))
    c.loop_start()
    return c


def subscribe(c, topic, expect=1):
    c.subscribe(topic, qos=1)
    assert c.codes.get(timeout=30) == expect


def publish(c, topic, payload, retain=False):
    c.publish(topic, payload, qos=1, retain=retain)
    c.acked.get(timeout=30)


def hear(count):
    return [heard.get(timeout=30) for _ in range(count)]


speaker = connected("speaker", mqtt.MQTTv5)
publish(speaker, "shared/jobs/kept", b"retained", retain=True)
one, two, three = connected("pump-7", mqtt.MQTTv311), connected("pump-8", mqtt.MQTTv5), connected("pump-9", mqtt.MQTTv5)
subscribe(one, "$share/workers/shared/jobs/+")
subscribe(two, "$share/workers/shared/jobs/+")
subscribe(three, "$share/others/shared/jobs/#")
for number in range(100):
    publish(speaker, f"shared/jobs/{number}", b"x")
told = hear(200)
by = collections.Counter(name for name, *_ in told)
assert by["pump-9"] == 100 and by["pump-7"] + by["pump-8"] == 100 and min(by.values()) >= 20, by
workers = [topic for name, topic, *_ in told if name != "pump-9"]
assert len(set(workers)) == 100, "each message to one of them"
assert not any(retain for *_, retain in told), "nobody is given what was kept"
# Who leaves, or is gone, is not asked any more
one.unsubscribe("$share/workers/shared/jobs/+")
assert one.codes.get(timeout=30) == "gone"
for number in range(10):
    publish(speaker, f"shared/jobs/{number}", b"x")
assert collections.Counter(name for name, *_ in hear(20)) == {"pump-8": 10, "pump-9": 10}
two.disconnect()
while b"\nsekisho_connections 3\n" not in urllib.request.urlopen(os.environ["ADMIN"] + "/metrics").read():
    time.sleep(0.1)  # its last message would be lost with it
subscribe(one, "$share/workers/shared/jobs/+")
for number in range(10):
    publish(speaker, f"shared/jobs/{number}", b"x")
    hear(2)
# Policy names the whole filter
subscribe(three, "$share/others/elsewhere/#", expect=0x87)
