"""Publishes QoS 1 messages from four devices until killed; appends the id of each acknowledged one to `acknowledged`."""
import collections
import itertools
import json
import os
import sys
import threading

import paho.mqtt.client as mqtt

ROUND = sys.argv[1]
LOG = open("acknowledged", "a", buffering=1)
WINDOW = 20


def device(name):
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=name)
    client.tls_set(os.environ["CA"], f"{name}.pem", f"{name}.key")
    client.max_inflight_messages_set(WINDOW)
    client.connect("localhost", int(os.environ["MQTT_PORT"]))
    client.loop_start()
    waiting = collections.deque()
    for number in itertools.count():
        identity = f"{ROUND}-{name}-{number}"
        payload = json.dumps({"temperature": 30, "id": identity, "pad": "x" * 200})
        waiting.append((client.publish(f"factory/{name}/telemetry", payload, qos=1), identity))
        while len(waiting) >= WINDOW or (waiting and waiting[0][0].is_published()):
            info, oldest = waiting.popleft()
            info.wait_for_publish()
            LOG.write(oldest + "\n")


for n in range(4):
    threading.Thread(target=device, args=(f"pump-{n}",), daemon=True).start()
threading.Event().wait(60)
