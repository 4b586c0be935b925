"""paho-mqtt, MQTT 3.1.1 and 5: connect, subscribe, publish, receive; a publish outside the policy is refused as AWS does."""
import os
import queue

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

PORT = int(os.environ["MQTT_PORT"])


def client(version):
    heard = queue.Queue()
    gone = queue.Queue()
    acked = queue.Queue()
    c = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="pump-7", protocol=version)
    c.tls_set(os.environ["CA"], "pump-7.pem", "pump-7.key")
    c.on_message = lambda c, u, message: heard.put(message)
    c.on_disconnect = lambda c, u, flags, code, properties: gone.put(code)
    c.on_publish = lambda c, u, mid, code, properties: acked.put(code)
    subscribed = queue.Queue()
    c.on_subscribe = lambda c, u, mid, codes, properties: subscribed.put(codes)
    c.connect("localhost", PORT)
    c.loop_start()
    return c, heard, gone, acked, subscribed


# 3.1.1
c, heard, gone, acked, subscribed = client(mqtt.MQTTv311)
c.subscribe("factory/pump-7/#", qos=1)
assert subscribed.get(timeout=30)[0].value == 1
c.publish("factory/pump-7/a", b"one", qos=1)
message = heard.get(timeout=30)
assert (message.topic, message.payload, message.qos) == ("factory/pump-7/a", b"one", 1)
c.subscribe("elsewhere/#", qos=1)
assert subscribed.get(timeout=30)[0].value == 0x80
c.publish("elsewhere/a", b"no", qos=1)
gone.get(timeout=30)  # AWS closes a 3.1.1 connection that publishes where it may not
c.disconnect()
c.loop_stop()

# 5
c, heard, gone, acked, subscribed = client(mqtt.MQTTv5)
c.subscribe("factory/pump-7/#", qos=1)
assert subscribed.get(timeout=30)[0].value == 1
properties = Properties(PacketTypes.PUBLISH)
properties.ContentType = "text/plain"
properties.UserProperty = ("line", "4")
properties.ResponseTopic = "factory/pump-7/answers"
properties.CorrelationData = b"\x00\x01"
c.publish("factory/pump-7/b", b"two", qos=1, properties=properties)
message = heard.get(timeout=30)
assert message.payload == b"two"
assert message.properties.ContentType == "text/plain"
assert message.properties.UserProperty == [("line", "4")]
assert message.properties.ResponseTopic == "factory/pump-7/answers"
assert message.properties.CorrelationData == b"\x00\x01"
assert acked.get(timeout=30).value == 0
c.publish("elsewhere/b", b"no", qos=1)
assert acked.get(timeout=30).value == 0x87  # Not authorized, and the connection stays
c.subscribe("elsewhere/#", qos=1)
assert subscribed.get(timeout=30)[0].value == 0x87
c.unsubscribe("factory/pump-7/#")
c.disconnect()
c.loop_stop()
print("ok")
