"""Fleet provisioning in CBOR, by paho in both versions. The bytes are written and read here: RFC 8949, as far as it is needed."""
import json
import os
import queue
import ssl

import boto3
import paho.mqtt.client as mqtt

iot = boto3.client("iot")
ROLE = "arn:aws:iam::000000000000:role/provisioning"
BODY = json.dumps({
    "Parameters": {"Serial": {"Type": "String"}, "AWS::IoT::Certificate::Id": {"Type": "String"}},
    "Resources": {
        "thing": {"Type": "AWS::IoT::Thing", "Properties": {"ThingName": {"Fn::Join": ["-", ["pump", {"Ref": "Serial"}]]}}},
        "certificate": {"Type": "AWS::IoT::Certificate", "Properties": {"CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}}}},
    "DeviceConfiguration": {"interval": "60"}})
iot.create_provisioning_template(templateName="pumps", templateBody=BODY, provisioningRoleArn=ROLE, enabled=True)
claim = iot.create_provisioning_claim(templateName="pumps")
for name, text in (("claim.pem", claim["certificatePem"]), ("claim.key", claim["keyPair"]["PrivateKey"])):
    with open(name, "w") as file:
        file.write(text)


def head(major, length):
    for info, size in ((24, 1), (25, 2), (26, 4)):
        if length < 24:
            return bytes([major << 5 | length])
        if length < 1 << 8 * size:
            return bytes([major << 5 | info]) + length.to_bytes(size, "big")


def write(value, indefinite=False):
    """`indefinite`: maps and texts without a length, as small devices write them (§3.2)."""
    if isinstance(value, str):
        text = value.encode()
        if indefinite:
            half = len(text) // 2
            return b"\x7f" + b"".join(head(3, len(part)) + part for part in (text[:half], text[half:])) + b"\xff"
        return head(3, len(text)) + text
    pairs = b"".join(write(name, indefinite) + write(item, indefinite) for name, item in value.items())
    return b"\xbf" + pairs + b"\xff" if indefinite else head(5, len(value)) + pairs


def read(data):
    major, info, rest = data[0] >> 5, data[0] & 31, data[1:]
    if info >= 24:
        size = {24: 1, 25: 2, 26: 4}[info]
        info, rest = int.from_bytes(rest[:size], "big"), rest[size:]
    if major == 0:
        return info, rest
    if major == 3:
        return rest[:info].decode(), rest[info:]
    assert major == 5, major
    out = {}
    for _ in range(info):
        name, rest = read(rest)
        out[name], rest = read(rest)
    return out, rest


for version in (mqtt.MQTTv311, mqtt.MQTTv5):
    answers, subscribed, connected = queue.Queue(), queue.Queue(), queue.Queue()
    c = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=f"claim-{version}", protocol=version)
    c.tls_set(os.environ["CA"], "claim.pem", "claim.key", tls_version=ssl.PROTOCOL_TLS_CLIENT)
    c.on_message = lambda c, u, message: answers.put(message)
    c.on_subscribe = lambda c, u, mid, codes, properties: subscribed.put(codes)
    c.on_connect = lambda c, u, flags, code, properties: connected.put(code)
    c.connect("localhost", int(os.environ["MQTT_PORT"]))
    c.loop_start()
    assert not connected.get(timeout=30).is_failure
    CREATE, FROM_CSR, PROVISION = "$aws/certificates/create/cbor", "$aws/certificates/create-from-csr/cbor", "$aws/provisioning-templates/pumps/provision/cbor"
    for topic in (CREATE, FROM_CSR, PROVISION):
        c.subscribe([(f"{topic}/accepted", 1), (f"{topic}/rejected", 1)])
        assert [code.value for code in subscribed.get(timeout=30)] == [1, 1]

    def ask(topic, payload):
        c.publish(topic, payload, qos=1)
        answer = answers.get(timeout=30)
        value, rest = read(answer.payload)
        assert not rest and answer.topic.startswith(f"{topic}/"), answer.topic
        return answer.topic.rsplit("/")[-1], value

    for number, payload in enumerate((b"", write({}), write({}, indefinite=True))):
        outcome, created = ask(CREATE, payload)
        assert outcome == "accepted" and set(created) == {"certificateId", "certificatePem", "privateKey", "certificateOwnershipToken"}, created
        request = {"certificateOwnershipToken": created["certificateOwnershipToken"], "parameters": {"Serial": f"{version}{number}"}}
        answer = ask(PROVISION, write(request, indefinite=number == 2))
        assert answer == ("accepted", {"deviceConfiguration": {"interval": "60"}, "thingName": f"pump-{version}{number}"}), answer
        assert iot.describe_certificate(certificateId=created["certificateId"])["certificateDescription"]["status"] == "ACTIVE"
    for topic, payload, code in ((PROVISION, write({"certificateOwnershipToken": ""}), "InvalidCertificateOwnershipToken"),
                                 (PROVISION, write(request), "InvalidCertificateOwnershipToken"),
                                 (PROVISION, b"{}", "InvalidPayload"), (PROVISION, b"\xbf", "InvalidPayload"), (CREATE, b"\xff", "InvalidPayload"),
                                 (FROM_CSR, write({"certificateSigningRequest": "nonsense"}), "InvalidCertificateSigningRequest")):
        outcome, answer = ask(topic, payload)
        assert outcome == "rejected" and answer["statusCode"] == 400 and answer["errorCode"] == code and answer["errorMessage"], (payload, answer)
    c.disconnect()
    c.loop_stop()
print("ok")
