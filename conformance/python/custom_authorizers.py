"""Custom authorizers, as devices meet them: paho, awsiotsdk, mosquitto and requests, by ALPN, WebSocket and HTTPS."""
import base64
import json
import os
import pathlib
import queue
import ssl
import subprocess
import sys
import time
import urllib.parse

import boto3
import paho.mqtt.client as mqtt
import requests
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

HOST, PORT = os.environ["ALPN"].rsplit(":", 1)
CA, API_PORT = os.environ["CA"], int(os.environ["API_PORT"])
FOLDER = pathlib.Path(os.environ["AUTHORIZER"])
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:who"
ARN = "arn:aws:iot:us-east-1:000000000000:"
iot = boto3.client("iot")


def knows(who, principal="pump7", documents=None, disconnect=600, refresh=600, **changed):
    """What the function answers for somebody: may be itself, and use topics below its client id."""
    own = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "iot:Connect", "Resource": ARN + "client/${iot:ClientId}"},
        {"Effect": "Allow", "Action": ["iot:Publish", "iot:Receive"], "Resource": ARN + "topic/own/*"},
        {"Effect": "Allow", "Action": "iot:Subscribe", "Resource": ARN + "topicfilter/own/*"}]}
    answer = dict(isAuthenticated=True, principalId=principal, policyDocuments=[own] if documents is None else documents,
                  disconnectAfterInSeconds=disconnect, refreshAfterInSeconds=refresh)
    fresh = FOLDER / "fresh"
    fresh.write_text(json.dumps({**answer, **changed}))
    fresh.rename(FOLDER / f"{who}.json")


def events():
    asked = FOLDER / "events"
    return [json.loads(line) for line in asked.read_text().splitlines()] if asked.exists() else []


def why(about):
    return subprocess.run(["sekisho", "why", about], capture_output=True, text=True).stdout


def eventually(what, seconds=30):
    until = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < until
        time.sleep(0.05)
    return found


class Client:
    """paho over TLS with ALPN `mqtt`, or over WebSocket."""

    def __init__(self, client_id, user_name, password="open sesame", websocket=None, version=mqtt.MQTTv5, will=None):
        self.c = c = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=client_id, protocol=version, reconnect_on_failure=False,
                                 transport="tcp" if websocket is None else "websockets")
        at = ("localhost", websocket["port"]) if websocket and "port" in websocket else (HOST, int(PORT))
        context = ssl.create_default_context(cafile=CA)
        if websocket is None:
            context.set_alpn_protocols(["mqtt"])
        else:
            c.ws_set_options(path=websocket.get("path", "/mqtt"), headers=websocket.get("headers"))
        c.tls_set_context(context)
        if user_name is not None:
            c.username_pw_set(user_name, password)
        self.codes, self.heard, self.gone, self.acked, self.subscribed = (queue.Queue() for _ in range(5))
        c.on_connect = lambda c, u, flags, code, properties: self.codes.put(code.value)
        c.on_connect_fail = lambda c, u: self.codes.put(None)
        c.on_disconnect = lambda c, u, flags, code, properties: (self.gone.put(code.value), self.codes.put(None))
        c.on_message = lambda c, u, message: self.heard.put((message.topic, message.payload))
        c.on_publish = lambda c, u, mid, code, properties: self.acked.put(code.value)
        c.on_subscribe = lambda c, u, mid, codes, properties: self.subscribed.put([code.value for code in codes])
        if will:
            c.will_set(*will, qos=1)
        try:
            c.connect(*at)
            c.loop_start()
            self.code = self.codes.get(timeout=30)
        except (OSError, ValueError, mqtt.WebsocketConnectionError) as error:
            self.code = error

    def subscribe(self, topic):
        self.c.subscribe(topic, qos=1)
        return self.subscribed.get(timeout=30)[0]

    def publish(self, topic, payload=b"hello"):
        self.c.publish(topic, payload, qos=1)
        return self.acked.get(timeout=30)

    def says(self, topic, payload=b"hello"):
        assert self.subscribe(topic) == 1
        assert self.publish(topic, payload) == 0
        while (heard := self.heard.get(timeout=30))[0] != topic:
            pass
        assert heard == (topic, payload)

    def end(self):
        self.c.disconnect()
        self.c.loop_stop()


def accepted(client):
    assert client.code == 0, (client.code, why(client.c._client_id.decode()))


def refused(client, reason, code=0x87):
    assert client.code == code, client.code
    told = why(client.c._client_id.decode())
    assert reason in told, told
    client.c.loop_stop()


def create(name, **settings):
    return iot.create_authorizer(authorizerName=name, authorizerFunctionArn=FUNCTION, **settings)


if sys.argv[1:] == ["again"]:
    KEY = serialization.load_pem_private_key(pathlib.Path("key.pem").read_bytes(), None)
else:
    KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(key):
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


def signature(token, key=KEY):
    return base64.b64encode(key.sign(token.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()


def signed(token, key=KEY, user="", name="signed", of=None):
    """A user name that carries a token and its signature."""
    return f"{user}?x-amz-customauthorizer-name={name}&token={urllib.parse.quote(of or token)}&x-amz-customauthorizer-signature={urllib.parse.quote(signature(token, key), safe='')}"


OPEN = "?x-amz-customauthorizer-name=open"


def control_plane():
    for settings in dict(), dict(tokenKeyName="token"), dict(tokenKeyName="token", tokenSigningPublicKeys={"k": "no key"}):
        try:
            create("bad", **settings)
            raise AssertionError(settings)
        except iot.exceptions.InvalidRequestException as error:
            assert "oken" in str(error), error
    made = create("open", signingDisabled=True, tags=[{"Key": "team", "Value": "pumps"}])
    assert made["authorizerArn"] == ARN + "authorizer/open"
    assert iot.list_tags_for_resource(resourceArn=made["authorizerArn"])["tags"] == [{"Key": "team", "Value": "pumps"}]
    create("signed", status="ACTIVE", tokenKeyName="token", tokenSigningPublicKeys={"first": pem(KEY)})
    try:
        create("open", signingDisabled=True)
        raise AssertionError
    except iot.exceptions.ResourceAlreadyExistsException:
        pass
    found = iot.describe_authorizer(authorizerName="signed")["authorizerDescription"]
    assert (found["status"], found["signingDisabled"], found["enableCachingForHttp"], found["tokenKeyName"]) == ("ACTIVE", False, False, "token")
    assert found["tokenSigningPublicKeys"] == {"first": pem(KEY)} and found["authorizerFunctionArn"] == FUNCTION
    assert iot.describe_authorizer(authorizerName="open")["authorizerDescription"]["status"] == "INACTIVE"
    names = lambda **of: [a["authorizerName"] for a in iot.list_authorizers(ascendingOrder=True, **of)["authorizers"]]
    assert names() == ["open", "signed"] and names(status="ACTIVE") == ["signed"]
    first = iot.list_authorizers(ascendingOrder=True, pageSize=1)
    assert iot.list_authorizers(ascendingOrder=True, pageSize=1, marker=first["nextMarker"])["authorizers"][0]["authorizerName"] == "signed"

    # Tried before anybody connects, though it is not active yet.
    knows("pump-7")
    tried = iot.test_invoke_authorizer(authorizerName="open", mqttContext=dict(username="pump-7", password=b"open sesame", clientId="pump-7"))
    assert (tried["isAuthenticated"], tried["principalId"], tried["refreshAfterInSeconds"]) == (True, "pump7", 600)
    assert json.loads(tried["policyDocuments"][0])["Version"] == "2012-10-17"
    tried = iot.test_invoke_authorizer(authorizerName="open", mqttContext=dict(username="pump-7", password=b"wrong"))
    assert tried["isAuthenticated"] is False
    knows("good-token")
    tried = dict(authorizerName="signed", token="good-token", httpContext=dict(headers={"a": "b"}, queryString="?c=d"), tlsContext=dict(serverName="x"))
    assert iot.test_invoke_authorizer(tokenSignature=signature("good-token"), **tried)["isAuthenticated"]
    assert events()[-1]["protocolData"] == {"tls": {"serverName": "x"}, "http": {"headers": {"a": "b"}, "queryString": "?c=d"}}
    asked = len(events())
    try:
        iot.test_invoke_authorizer(tokenSignature=signature("good-token", OTHER), **tried)
        raise AssertionError
    except iot.exceptions.InvalidRequestException as error:
        assert "not made by a key of the authorizer" in str(error), error
    assert len(events()) == asked, "the function was not asked"
    knows("bad-token", principal="pump-7")
    try:
        iot.test_invoke_authorizer(authorizerName="signed", token="bad-token", tokenSignature=signature("bad-token"))
        raise AssertionError
    except iot.exceptions.InvalidResponseException as error:
        assert "principalId" in str(error), error


def let_in():
    # Not active.
    refused(Client("pump-7", "pump-7" + OPEN), "custom authorizer `open` is INACTIVE")
    iot.update_authorizer(authorizerName="open", status="ACTIVE")
    for version in mqtt.MQTTv311, mqtt.MQTTv5:
        c = Client("pump-7", "pump-7" + OPEN, version=version)
        accepted(c)
        c.says("own/a")
        shown = json.loads(subprocess.run(["sekisho", "client", "show", "pump-7", "--json"], capture_output=True, text=True).stdout)
        assert (shown["connection"]["principal_id"], shown["connection"]["authorizer"]) == ("pump7", "open"), shown
        c.end()
    event = events()[-1]
    assert event["protocols"] == ["tls", "mqtt"] and event["signatureVerified"] is False and "token" not in event, event
    assert event["protocolData"]["tls"] == {}, event  # an address is no server name
    assert event["protocolData"]["mqtt"] == {"username": "pump-7" + OPEN, "password": base64.b64encode(b"open sesame").decode(), "clientId": "pump-7"}
    assert len(event["connectionMetadata"]["id"]) == 36

    # Who is not known, names nobody, or nobody who is there.
    refused(Client("pump-8", "pump-8" + OPEN), "said no: isAuthenticated is false")
    refused(Client("pump-7", "pump-7" + OPEN, password="wrong"), "said no: isAuthenticated is false")
    refused(Client("pump-9", "pump-7"), "no authorizer is named, and there is no default one")
    refused(Client("pump-10", "pump-7?x-amz-customauthorizer-name=none"), "there is no custom authorizer `none`")
    refused(Client("pump-11", "pump-7?x-amz-customauthorizer-name=a&x-amz-customauthorizer-name=b"), "is there twice")
    refused(Client("pump-12", "pump-8" + OPEN, version=mqtt.MQTTv311), "said no", code=None)  # closed without CONNACK
    # Answers that are none.
    for who, spoilt, reason in [
        ("odd", dict(principalId="pump-7"), "principalId"),
        ("short", dict(refreshAfterInSeconds=0), "refreshAfterInSeconds is 0, not a number from 1 to 86400"),
        ("many", dict(policyDocuments=["{}"] * 11), "policyDocuments has more than 10"),
        ("malformed", dict(policyDocuments=[{"Statement": []}]), "policyDocuments-1: Statement: empty"),
    ]:
        knows(who, **spoilt)
        refused(Client(who, who + OPEN), reason)

    # The default needs no name.
    iot.set_default_authorizer(authorizerName="open")
    assert iot.describe_default_authorizer()["authorizerDescription"]["authorizerName"] == "open"
    try:
        iot.set_default_authorizer(authorizerName="signed")
        raise AssertionError
    except iot.exceptions.ResourceAlreadyExistsException:
        pass
    c = Client("pump-7", "pump-7")
    accepted(c)
    c.end()
    said = subprocess.run(["mosquitto_pub", "-h", HOST, "-p", PORT, "--cafile", CA, "--tls-alpn", "mqtt", "-i", "pump-7", "-q", "1", "-u", "pump-7",
                           "-P", "open sesame", "-t", "own/mosquitto", "-m", "x"], capture_output=True, text=True, timeout=60)
    assert said.returncode == 0, said.stderr
    iot.clear_default_authorizer()
    try:
        iot.describe_default_authorizer()
        raise AssertionError
    except iot.exceptions.ResourceNotFoundException:
        pass


def tokens():
    c = Client("pump-7", signed("good-token"), password=None)
    accepted(c)
    c.says("own/a")
    c.end()
    event = events()[-1]
    assert (event["token"], event["signatureVerified"]) == ("good-token", True), event
    asked = len(events())
    refused(Client("forger", signed("good-token", OTHER)), "the token's signature was not made by a key of the authorizer")
    refused(Client("liar", signed("good-token", of="other-token")), "the token's signature was not made by a key of the authorizer")
    refused(Client("lazy", "?x-amz-customauthorizer-name=signed&token=good-token"), "the token is not signed")
    refused(Client("empty", "?x-amz-customauthorizer-name=signed"), "`token` is missing")
    assert len(events()) == asked, "the function was not asked"
    refused(Client("stranger", signed("unknown-token")), "said no")
    # A second key: both are good, and then one alone.
    iot.update_authorizer(authorizerName="signed", tokenSigningPublicKeys={"first": pem(KEY), "second": pem(OTHER)})
    for key in KEY, OTHER:
        c = Client("pump-7", signed("good-token", key))
        accepted(c)
        c.end()
    iot.update_authorizer(authorizerName="signed", tokenSigningPublicKeys={"second": pem(OTHER)})
    refused(Client("old", signed("good-token")), "not made by a key")
    iot.update_authorizer(authorizerName="signed", tokenSigningPublicKeys={"first": pem(KEY)})


def websockets():
    named = {"x-amz-customauthorizer-name": "signed", "token": "good-token", "x-amz-customauthorizer-signature": signature("good-token")}
    for where in dict(), dict(port=API_PORT):
        for how in dict(headers=named), dict(path="/mqtt?" + urllib.parse.urlencode(named)):
            c = Client("pump-7", None, websocket={**how, **where})
            accepted(c)
            c.says("own/a", b"x" * 70_000)
            c.end()
            event = events()[-1]
            assert event["protocols"] == ["tls", "http", "mqtt"] and event["token"] == "good-token", event
            assert event["protocolData"]["tls"] == ({"serverName": "localhost"} if where else {}), event
        assert event["protocolData"]["http"]["queryString"].startswith("?x-amz-customauthorizer-name=signed&token=good-token"), event
        # In CONNECT as well, as the SDKs do it.
        c = Client("pump-7", signed("good-token"), websocket=dict(where))
        accepted(c)
        c.end()
    refused(Client("forger", None, websocket=dict(headers={**named, "token": "other-token"})), "not made by a key")


def https():
    session = requests.Session()
    session.verify, session.trust_env = CA, False
    base = f"https://{HOST}:{PORT}/topics/"
    named = {"x-amz-customauthorizer-name": "signed", "token": "good-token", "x-amz-customauthorizer-signature": signature("good-token")}
    listener = Client("pump-7", "pump-7" + OPEN)
    assert listener.subscribe("own/#") == 1
    def publish(topic, headers=None, query="", **more):
        return session.post(f"{base}{topic}?qos=1{query}", data=b"by https", headers=headers, **more)
    answer = publish("own/headers", named)
    assert (answer.status_code, answer.json()["message"]) == (200, "OK"), answer.text
    assert listener.heard.get(timeout=30) == ("own/headers", b"by https")
    assert publish("own/query", query="&" + urllib.parse.urlencode(named)).status_code == 200
    assert listener.heard.get(timeout=30) == ("own/query", b"by https")
    event = events()[-1]
    assert event["protocols"] == ["tls", "http"] and event["signatureVerified"] is True and "mqtt" not in event["protocolData"], event
    answer = publish("elsewhere", named)
    assert (answer.status_code, answer.headers["x-amzn-errortype"]) == (403, "ForbiddenException:"), answer.text
    assert "no statement allows it in `policyDocuments-1`" in why("pump7"), why("pump7")
    asked = len(events())
    assert publish("own/a", {**named, "token": "other-token"}).status_code == 403
    assert len(events()) == asked, "the function was not asked"
    assert publish("own/a").status_code == 403, "nobody is named"
    assert session.get(f"https://{HOST}:{PORT}/things/t/shadow", headers=named).status_code == 403, "publish alone"

    # What may be remembered is, while the connection is the same.
    iot.update_authorizer(authorizerName="signed", enableCachingForHttp=True)
    asked = len(events())
    for number in range(3):
        assert publish(f"own/{number}", named).status_code == 200
    assert len(events()) == asked + 1
    assert requests.post(base + "own/a?qos=1", data=b"x", headers=named, verify=CA).status_code == 200
    assert len(events()) == asked + 2
    iot.update_authorizer(authorizerName="signed", enableCachingForHttp=False)
    assert publish("own/3", named).status_code == 200
    assert len(events()) == asked + 3
    listener.end()


def policies():
    c = Client("pump-7", "pump-7" + OPEN, will=("own/will", b"gone"))
    c.says("own/a")
    assert c.subscribe("elsewhere/#") == 0x87
    assert c.publish("elsewhere") == 0x87
    assert "no statement allows it in `policyDocuments-1`" in why("pump-7")
    c.end()
    refused(Client("pump-7", "pump-7" + OPEN, will=("elsewhere", b"gone")), "iot:Publish on")
    # Every document counts, and one that denies counts most; as text, too.
    allow, deny = ({"Statement": {"Effect": effect, "Action": "iot:*", "Resource": resource}} for effect, resource in [
        ("Allow", "*"), ("Deny", [ARN + "client/other", ARN + "topic/secret"])])
    knows("two", documents=[json.dumps(allow), deny])
    refused(Client("other", "two" + OPEN), "statement 1 of policy `policyDocuments-2` denies it")
    c = Client("two", "two" + OPEN)
    accepted(c)
    assert c.publish("anything") == 0 and c.publish("secret") == 0x87
    c.end()
    knows("none", documents=[])
    refused(Client("none", "none" + OPEN), "nor in a custom authorizer's answer")


def presence():
    """Lifecycle events carry the principal; rules see it too. Told to one that may hear everything."""
    all_of_it = [{"Statement": {"Effect": "Allow", "Action": "iot:*", "Resource": "*"}}]
    knows("watcher", principal="Watcher1", documents=all_of_it)
    watcher = Client("watcher", "watcher" + OPEN)
    for kind in "connected", "disconnected", "connect_failed":
        assert watcher.subscribe(f"$aws/events/presence/{kind}/+") == 1
    def told(kind, client_id):
        while True:
            topic, payload = watcher.heard.get(timeout=30)
            if topic == f"$aws/events/presence/{kind}/{client_id}":
                return json.loads(payload)
    return watcher, told


def while_it_lasts():
    watcher, told = presence()
    # The end of its time.
    knows("brief", principal="Brief", disconnect=2)
    c = Client("brief", "brief" + OPEN)
    began = time.monotonic()
    accepted(c)
    assert told("connected", "brief")["principalIdentifier"] == "Brief"
    assert c.gone.get(timeout=30) == 0xA0
    assert 1.5 < time.monotonic() - began < 10
    gone = told("disconnected", "brief")
    assert (gone["disconnectReason"], gone["principalIdentifier"]) == ("CUSTOMAUTH_TTL_EXPIRATION", "Brief"), gone
    c.c.loop_stop()

    # Its policies are others once it is asked again.
    everything = [{"Statement": {"Effect": "Allow", "Action": "iot:*", "Resource": "*"}}]
    knows("changing", documents=everything, refresh=2)
    c = Client("changing", "changing" + OPEN)
    c.says("any/topic")
    knows("changing", refresh=2)
    eventually(lambda: c.publish("any/topic") == 0x87)
    c.says("own/a")
    asked = [e for e in events() if e["protocolData"].get("mqtt", {}).get("clientId") == "changing"]
    assert len(asked) > 1 and len({e["connectionMetadata"]["id"] for e in asked}) == 1 and asked[0] == asked[-1]
    # A no ends it.
    (FOLDER / "changing.json").unlink()
    assert c.gone.get(timeout=30) == 0x87
    assert told("disconnected", "changing")["disconnectReason"] == "AUTH_ERROR"
    assert "said no: isAuthenticated is false" in why("changing")
    c.c.loop_stop()

    # And so does the authorizer's end.
    c = Client("pump-7", "pump-7" + OPEN)
    accepted(c)
    iot.update_authorizer(authorizerName="open", status="INACTIVE")
    assert c.gone.get(timeout=30) == 0x87
    assert "custom authorizer `open` is INACTIVE" in why("pump-7")
    c.c.loop_stop()
    watcher.c.loop_stop()
    refused(Client("pump-7", "pump-7" + OPEN), "custom authorizer `open` is INACTIVE")
    iot.update_authorizer(authorizerName="open", status="ACTIVE")


def sdk():
    from awscrt import mqtt as crt
    from awscrt import mqtt5
    from awsiot import mqtt5_client_builder, mqtt_connection_builder
    token = dict(auth_authorizer_name="signed", auth_authorizer_signature=signature("good-token"), auth_token_key_name="token", auth_token_value="good-token")
    password = dict(auth_username="pump-7", auth_authorizer_name="open", auth_password="open sesame")
    ways = [mqtt_connection_builder.websockets_with_custom_authorizer] + [mqtt_connection_builder.direct_with_custom_authorizer] * (PORT == "443")
    for way in ways:
        for how in token, password:
            heard = queue.Queue()
            connection = way(endpoint=HOST, port=int(PORT), client_id="pump-7", ca_filepath=CA, clean_session=True, keep_alive_secs=30, **how)
            connection.connect().result(30)
            future, _ = connection.subscribe("own/sdk", crt.QoS.AT_LEAST_ONCE, lambda topic, payload, **rest: heard.put((topic, payload)))
            assert future.result(30)["qos"] == crt.QoS.AT_LEAST_ONCE
            connection.publish("own/sdk", b"hello", crt.QoS.AT_LEAST_ONCE)[0].result(30)
            assert heard.get(timeout=30) == ("own/sdk", b"hello")
            connection.disconnect().result(30)
    ways = [mqtt5_client_builder.websockets_with_custom_authorizer] + [mqtt5_client_builder.direct_with_custom_authorizer] * (PORT == "443")
    for way in ways:
        for how in token, {**password, "auth_password": b"open sesame"}:
            told = queue.Queue()
            client = way(endpoint=HOST, port=int(PORT), client_id="pump-7", ca_filepath=CA, **how,
                         on_lifecycle_connection_success=lambda data: told.put("connected"),
                         on_lifecycle_connection_failure=lambda data: told.put(data.exception),
                         on_lifecycle_stopped=lambda data: told.put("stopped"))
            client.start()
            assert (first := told.get(timeout=30)) == "connected", first
            client.publish(mqtt5.PublishPacket(topic="own/sdk", payload=b"hello", qos=mqtt5.QoS.AT_LEAST_ONCE)).result(30)
            client.stop()
            assert told.get(timeout=30) == "stopped"


def after_a_restart():
    c = Client("pump-7", signed("good-token"))
    accepted(c)
    c.says("own/a")
    c.end()
    c = Client("pump-7", "pump-7" + OPEN)
    accepted(c)
    c.end()
    for name in "open", "signed":
        try:
            iot.delete_authorizer(authorizerName=name)
            raise AssertionError
        except iot.exceptions.DeleteConflictException:
            pass
        iot.update_authorizer(authorizerName=name, status="INACTIVE")
        iot.delete_authorizer(authorizerName=name)
    assert iot.list_authorizers()["authorizers"] == []


if sys.argv[1:] == ["again"]:
    after_a_restart()
else:
    pathlib.Path("key.pem").write_bytes(KEY.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    for step in control_plane, let_in, tokens, websockets, https, policies, while_it_lasts, sdk:
        step()
        print(step.__name__, flush=True)
print("ok")
