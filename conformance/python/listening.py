"""A paho client that may do everything and hears what the server tells."""
import json
import os
import queue

import paho.mqtt.client as mqtt


def client(client_id, name=None, version=mqtt.MQTTv311, connect=True, will=None, **options):
    """Connected; `gone` tells how it ended. `name` is the certificate's file."""
    c = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=client_id, protocol=version, reconnect_on_failure=False, **options)
    c.tls_set(os.environ["CA"], f"{name or client_id}.pem", f"{name or client_id}.key")
    c.heard, c.answers, c.gone = queue.Queue(), queue.Queue(), queue.Queue()
    c.on_message = lambda c, u, message: c.heard.put((message.topic, json.loads(message.payload)))
    c.on_subscribe = lambda c, u, mid, codes, properties: c.answers.put(codes)
    c.on_unsubscribe = lambda c, u, mid, codes, properties: c.answers.put(codes)
    c.on_connect = lambda c, u, flags, code, properties: c.answers.put(code)
    c.on_disconnect = lambda c, u, flags, code, properties: c.gone.put(code)
    if will:
        c.will_set(*will)
    c.connect("localhost", int(os.environ["MQTT_PORT"]))
    c.loop_start()
    if connect:
        assert not c.answers.get(timeout=30).is_failure
    return c


def subscribe(c, *filters):
    c.subscribe([(f, 1) for f in filters])
    codes = c.answers.get(timeout=30)
    assert all(not code.is_failure for code in codes), codes


class Watcher:
    """What is published on some topics, in order for each topic."""

    def __init__(self, *filters):
        self.client = client("watcher")
        self.kept = []
        subscribe(self.client, *filters)

    def told(self, topic):
        """The next message on that topic."""
        for i, (t, said) in enumerate(self.kept):
            if t == topic:
                del self.kept[i]
                return said
        while True:
            t, said = self.client.heard.get(timeout=30)
            if t == topic:
                return said
            self.kept.append((t, said))

    def rest(self):
        """What came besides, once everything before has: a marker goes the same way."""
        self.client.publish("$aws/rules/none", b"{}", qos=1).wait_for_publish(30)
        return self.kept
