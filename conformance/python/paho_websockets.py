"""paho over WebSocket: a presigned URL, signed headers, a client certificate; wills, stored sessions, retained messages and shadows."""
import json
import os
import queue

import paho.mqtt.client as mqtt
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from paho.mqtt.properties import Properties
from paho.mqtt.packettypes import PacketTypes

CREDENTIALS = Credentials(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
API_PORT, HTTPS_PORT = int(os.environ["API_PORT"]), int(os.environ["HTTPS_PORT"])


def client(client_id, port, path="/mqtt", headers=None, certificate=None, clean_start=True, expiry=0, will=None):
    c = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=client_id, protocol=mqtt.MQTTv5, transport="websockets")
    c.tls_set(os.environ["CA"], *([f"{certificate}.pem", f"{certificate}.key"] if certificate else []))
    c.ws_set_options(path=path, headers=headers)
    c.heard, c.subscribed, c.acked, c.gone = queue.Queue(), queue.Queue(), queue.Queue(), queue.Queue()
    c.on_message = lambda c, u, message: c.heard.put(message)
    c.on_subscribe = lambda c, u, mid, codes, properties: c.subscribed.put([code.value for code in codes])
    c.on_publish = lambda c, u, mid, code, properties: c.acked.put(code.value)
    c.on_disconnect = lambda c, u, flags, code, properties: c.gone.put(code)
    connected = queue.Queue()
    c.on_connect = lambda c, u, flags, code, properties: connected.put((flags.session_present, code.value))
    if will:
        c.will_set(*will, qos=1)
    properties = Properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = expiry
    c.connect("localhost", port, clean_start=clean_start, properties=properties)
    c.loop_start()
    c.present, code = connected.get(timeout=30)
    assert code == 0, code
    return c


def end(c):
    c.disconnect()
    c.gone.get(timeout=30)
    c.loop_stop()


def drop(c):
    c.loop_stop()
    c._sock_close()


def presigned(service, expires=300):
    request = AWSRequest("GET", f"https://localhost:{API_PORT}/mqtt", headers={"Host": f"localhost:{API_PORT}"})
    SigV4QueryAuth(CREDENTIALS, service, os.environ["AWS_REGION"], expires=expires).add_auth(request)
    return request.url.removeprefix(f"https://localhost:{API_PORT}")


def signed(service):
    # paho sends a Host of its own, as it was signed.
    request = AWSRequest("GET", f"https://localhost:{API_PORT}/mqtt", headers={"Host": f"localhost:{API_PORT}"})
    SigV4Auth(CREDENTIALS, service, os.environ["AWS_REGION"]).add_auth(request)
    return {name: request.headers[name] for name in ("Authorization", "X-Amz-Date")}


def says(c, topic, payload):
    c.subscribe(topic, qos=1)
    assert c.subscribed.get(timeout=30) == [1]
    c.publish(topic, payload, qos=1)
    message = c.heard.get(timeout=30)
    assert (message.topic, message.payload) == (topic, payload)


for service in "iotdevicegateway", "iotdata":
    for how in dict(path=presigned(service)), dict(headers=signed(service)):
        c = client("console", API_PORT, **how)
        says(c, "any/topic", b"x" * 70_000)  # more than one frame either way
        end(c)

# A certificate, on the HTTPS port: its policy holds.
pump = client("pump-7", HTTPS_PORT, certificate="pump-7", will=("shared/will", b"gone"))
says(pump, "factory/pump-7/a", b"one")
pump.subscribe("elsewhere/#", qos=1)
assert pump.subscribed.get(timeout=30) == [0x87]

# Its will, once its connection is lost; an operator hears it.
console = client("console", API_PORT, path=presigned("iotdevicegateway"))
console.subscribe("shared/#", qos=1)
assert console.subscribed.get(timeout=30) == [1]
drop(pump)
message = console.heard.get(timeout=30)
assert (message.topic, message.payload) == ("shared/will", b"gone")

# A retained message, for whoever comes later.
console.publish("shared/kept", b"kept", qos=1, retain=True)
assert console.acked.get(timeout=30) == 0
assert console.heard.get(timeout=30).payload == b"kept"
pump = client("pump-7", HTTPS_PORT, certificate="pump-7")
pump.subscribe("shared/kept", qos=1)
message = pump.heard.get(timeout=30)
assert (message.payload, message.retain) == (b"kept", True)
end(pump)

# A shadow, by the topics of one thing.
console.subscribe("$aws/things/oven/shadow/update/accepted", qos=1)
assert console.subscribed.get(timeout=30) == [1]
console.publish("$aws/things/oven/shadow/update", json.dumps({"state": {"reported": {"lit": True}}}), qos=1)
message = console.heard.get(timeout=30)
assert json.loads(message.payload)["state"] == {"reported": {"lit": True}}
end(console)

# A stored session outlives its WebSocket: what came meanwhile is there, by MQTT over TLS or WebSocket alike.
console = client("console", API_PORT, path=presigned("iotdevicegateway"), expiry=600)
console.subscribe("shared/later", qos=1)
assert console.subscribed.get(timeout=30) == [1]
drop(console)
pump = client("pump-7", HTTPS_PORT, certificate="pump-7")
pump.publish("shared/later", b"meanwhile", qos=1)
assert pump.acked.get(timeout=30) == 0
end(pump)
console = client("console", API_PORT, path=presigned("iotdevicegateway"), clean_start=False, expiry=0)
assert console.present
assert console.heard.get(timeout=30).payload == b"meanwhile"
end(console)
print("ok")
