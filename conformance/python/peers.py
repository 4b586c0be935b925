"""What the scripts share: a call that must be refused, devices over MQTT 5, and patience."""
import os
import queue
import time

import paho.mqtt.client as mqtt
from botocore.exceptions import ClientError


def refused(name, call, **arguments):
    """Makes a call that must fail with AWS's name `name`; answers what came back."""
    try:
        call(**arguments)
    except ClientError as error:
        assert error.response["Error"]["Code"] == name, error.response
        return error.response
    raise AssertionError(f"{name} expected")


def connected(name):
    """A device with its certificate: what it hears, the codes of its PUBACKs and SUBACKs are queues."""
    c = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=name, protocol=mqtt.MQTTv5)
    c.tls_set(os.environ["CA"], f"{name}.pem", f"{name}.key")
    c.heard, c.acked, c.answered = queue.Queue(), queue.Queue(), queue.Queue()
    c.on_message = lambda c, u, message: c.heard.put(message)
    c.on_publish = lambda c, u, mid, code, properties: c.acked.put(code.value)
    c.on_subscribe = lambda c, u, mid, codes, properties: c.answered.put(codes)
    c.connect("localhost", int(os.environ["MQTT_PORT"]))
    c.loop_start()
    return c


def publish(device, topic, payload, qos=1):
    """Publishes; with QoS 1 it must be acknowledged."""
    device.publish(topic, payload, qos=qos)
    if qos:
        code = device.acked.get(timeout=30)
        assert code in (0, 0x10), code


def eventually(what, look):
    """Asks again until there is an answer."""
    until, last = time.time() + 60, None
    while time.time() < until:
        try:
            if found := look():
                return found
        except Exception as error:  # not yet
            last = error
        time.sleep(0.1)
    raise AssertionError(what, last)
