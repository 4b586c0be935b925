"""DeleteConnection by boto3, over HTTPS with a certificate by curl, and `sekisho client`."""
import json
import os
import subprocess

import boto3
import paho.mqtt.client as mqtt
from listening import Watcher, client, subscribe
from peers import refused

data = boto3.client("iot-data", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
GONE = "$aws/events/presence/disconnected"


def sekisho(*words, fails=False):
    done = subprocess.run(["sekisho", "client", *words], capture_output=True, text=True)
    assert (done.returncode != 0) == fails, done
    return done.stderr if fails else done.stdout


def curl(method, path, name="watcher"):
    done = subprocess.run(["curl", "-s", "--cacert", os.environ["CA"], "--cert", f"{name}.pem", "--key", f"{name}.key", "-X", method,
                           "-w", " %{http_code}", f"https://localhost:{os.environ['HTTPS_PORT']}{path}"], capture_output=True, text=True, check=True)
    body, status = done.stdout.rsplit(" ", 1)
    return int(status), json.loads(body)


watcher = Watcher("$aws/events/presence/#", "shared/#")
will = ("shared/will-of-pump-7", json.dumps({"clientId": "gone"}), 1)

# Nobody
refused("ResourceNotFoundException", data.delete_connection, clientId="nobody")
refused("InvalidRequestException", data.delete_connection, clientId="$nobody")
assert curl("DELETE", "/connections/nobody")[0] == 404
assert "is not connected and has no session" in sekisho("show", "nobody", fails=True)

# v5 is told why (0x98), and its will is published
c = client("pump-7", version=mqtt.MQTTv5, will=will)
subscribe(c, "shared/a", "factory/pump-7/b")
shown = json.loads(sekisho("show", "pump-7", "--json"))
assert shown["connection"]["protocol_version"] == "5" and shown["connection"]["keep_alive_s"] == 60 and shown["session"] is None
assert shown["connection"]["address"].startswith("127.0.0.1:") and len(shown["connection"]["certificate_id"]) == 64
assert [(s["topic_filter"], s["qos"]) for s in shown["subscriptions"]] == [("factory/pump-7/b", 1), ("shared/a", 1)]
page = sekisho("show", "pump-7")
assert "MQTT 5, keep alive 60s" in page and "shared/a (QoS 1)" in page, page
data.delete_connection(clientId="pump-7")
assert c.gone.get(timeout=30).value == 0x98
assert watcher.told(f"{GONE}/pump-7")["disconnectReason"] == "API_INITIATED_DISCONNECT"
watcher.told("shared/will-of-pump-7")

# Without its will
c = client("pump-7", will=will)
data.delete_connection(clientId="pump-7", preventWillMessage=True)
assert watcher.told(f"{GONE}/pump-7")["disconnectReason"] == "API_INITIATED_DISCONNECT"
assert not [topic for topic, _ in watcher.rest() if topic == "shared/will-of-pump-7"]

# A session outlives it, unless it is to begin anew
c = client("pump-7", clean_session=False)
subscribe(c, "shared/a")
data.delete_connection(clientId="pump-7", cleanSession=False)
watcher.told(f"{GONE}/pump-7")
data.publish(topic="shared/a", qos=1, payload=b'{"clientId": "a"}')
shown = json.loads(sekisho("show", "pump-7", "--json"))
assert shown["connection"] is None and (shown["session"]["waiting"], shown["session"]["waiting_bytes"] > 0) == (1, True), shown
assert [s["topic_filter"] for s in shown["subscriptions"]] == ["shared/a"]
line = next(line for line in sekisho("ls").splitlines() if line.startswith("pump-7 "))
assert "offline" in line, line
data.delete_connection(clientId="pump-7", cleanSession=False)  # there is a session: no error, and it stays
data.delete_connection(clientId="pump-7", cleanSession=True)
refused("ResourceNotFoundException", data.delete_connection, clientId="pump-7")
c = client("pump-7", clean_session=False)
assert json.loads(sekisho("show", "pump-7", "--json"))["session"]["waiting"] == 0
data.delete_connection(clientId="pump-7", cleanSession=True)
assert watcher.told(f"{GONE}/pump-7")["disconnectReason"] == "API_INITIATED_DISCONNECT"
refused("ResourceNotFoundException", data.delete_connection, clientId="pump-7")

# With a certificate: who may, and who may not
c = client("pump-7")
assert curl("DELETE", "/connections/pump-7", "pump-8")[0] == 403
assert curl("DELETE", "/connections/pump-7?cleanSession=maybe")[0] == 400
assert curl("POST", "/connections/pump-7")[0] == 405
assert curl("DELETE", "/connections/pump-7?cleanSession=true&preventWillMessage=true")[0] == 200
assert watcher.told(f"{GONE}/pump-7")["disconnectReason"] == "API_INITIATED_DISCONNECT"

# The operator's view
iot = boto3.client("iot")
c, other = client("pump-7"), client("pump-8")
pump7 = json.loads(sekisho("show", "pump-7", "--json"))["connection"]["certificate_id"]
names = lambda *words: [c["client_id"] for c in json.loads(sekisho("ls", "--json", *words))["clients"]]
assert names() == ["pump-7", "pump-8", "watcher"]
assert names("--certificate", pump7) == ["pump-7"]
assert names("--thing", "pump-7") == []
iot.create_thing(thingName="pump-7")
iot.attach_thing_principal(thingName="pump-7", principal=f"arn:aws:iot:us-east-1:000000000000:cert/{pump7}")
assert names("--thing", "pump-7") == ["pump-7"]
assert json.loads(sekisho("ls", "--json", "--most", "1"))["more"] == 2
sekisho("end", "pump-7", "--prevent-will")
assert watcher.told(f"{GONE}/pump-7")["disconnectReason"] == "API_INITIATED_DISCONNECT"
assert names() == ["pump-8", "watcher"]
assert "is not connected" in sekisho("end", "pump-7", fails=True)
