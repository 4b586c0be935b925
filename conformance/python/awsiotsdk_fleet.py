"""awsiotsdk's iotidentity (both clients) over MQTT 3.1.1 and 5: a claim, a certificate of one's own, a thing by a template."""
import concurrent.futures
import json
import os
import queue
import subprocess

import boto3
from awscrt import mqtt, mqtt5, mqtt_request_response
from awsiot import V2ServiceException, iotidentity, mqtt5_client_builder, mqtt_connection_builder

PORT = int(os.environ["MQTT_PORT"])
CA = open(os.environ["CA"], "rb").read()
ARN = "arn:aws:iot:us-east-1:000000000000"
HOOK = "arn:aws:lambda:us-east-1:000000000000:function:"
ROLE = "arn:aws:iam::000000000000:role/provisioning"
QOS = mqtt.QoS.AT_LEAST_ONCE
iot = boto3.client("iot")


# What the operator sets up.
def allow(action, kind, *names):
    return {"Effect": "Allow", "Action": action, "Resource": [f"{ARN}:{kind}/{name}" for name in names]}


iot.create_policy(policyName="devices", policyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
    allow("iot:Connect", "client", "${iot:Connection.Thing.ThingName}"),
    allow("iot:Publish", "topic", "telemetry/${iot:Connection.Thing.ThingName}")]}))
BODY = json.dumps({
    "Parameters": {"Serial": {"Type": "String"}, "Hall": {"Type": "String", "Default": "none"}, "AWS::IoT::Certificate::Id": {"Type": "String"}},
    "Resources": {
        "thing": {"Type": "AWS::IoT::Thing", "Properties": {
            "ThingName": {"Fn::Join": ["-", ["pump", {"Ref": "Serial"}]]}, "AttributePayload": {"hall": {"Ref": "Hall"}}}},
        "certificate": {"Type": "AWS::IoT::Certificate", "Properties": {"CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}, "Status": "Active"}},
        "policy": {"Type": "AWS::IoT::Policy", "Properties": {"PolicyName": "devices"}}},
    "DeviceConfiguration": {"interval": "60", "serial": {"Ref": "Serial"}}})
for name, more in {"pumps": {}, "closed": {"enabled": False}, **{h: {"preProvisioningHook": {"targetArn": HOOK + h}} for h in ("ask", "slow", "nobody")}}.items():
    iot.create_provisioning_template(**{"templateName": name, "templateBody": BODY, "provisioningRoleArn": ROLE, "enabled": True, **more})
TEMPLATES = ["pumps", "closed", "ask", "slow", "nobody", "absent"]

# The claim policy of the developer guide (provision-wo-cert), and create-from-csr, which its `create/*` does not reach.
TOPICS = ["$aws/certificates/create/*", "$aws/certificates/create-from-csr/*"] + [f"$aws/provisioning-templates/{t}/provision/*" for t in TEMPLATES]
iot.create_policy(policyName="claim", policyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": ["iot:Connect"], "Resource": "*"},
    allow(["iot:Publish", "iot:Receive"], "topic", *TOPICS), allow(["iot:Subscribe"], "topicfilter", *TOPICS)]}))
made = iot.create_keys_and_certificate(setAsActive=True)
iot.attach_policy(policyName="claim", target=made["certificateArn"])
ordinary = (made["certificateId"], made["certificatePem"], made["keyPair"]["PrivateKey"])
made = iot.create_provisioning_claim(templateName="pumps")
assert made["certificateId"] not in [c["certificateId"] for c in iot.list_certificates()["certificates"]]
five_minutes = (made["certificateId"], made["certificatePem"], made["keyPair"]["PrivateKey"])


# Connections
def mqtt3(client_id, certificate, key):
    connection = mqtt_connection_builder.mtls_from_bytes(
        cert_bytes=certificate.encode(), pri_key_bytes=key.encode(), ca_bytes=CA, endpoint="localhost", port=PORT,
        client_id=client_id, clean_session=True, keep_alive_secs=30)
    connection.connect().result(30)
    return connection, lambda: connection.disconnect().result(30)


def mqtt_5(client_id, certificate, key):
    connected, stopped = concurrent.futures.Future(), concurrent.futures.Future()
    client = mqtt5_client_builder.mtls_from_bytes(
        cert_bytes=certificate.encode(), pri_key_bytes=key.encode(), ca_bytes=CA, endpoint="localhost", port=PORT, client_id=client_id,
        on_lifecycle_connection_success=lambda data: connected.done() or connected.set_result(data),
        on_lifecycle_connection_failure=lambda data: connected.done() or connected.set_exception(data.exception),
        on_lifecycle_stopped=stopped.set_result)
    client.start()
    connected.result(30)
    return client, lambda: (client.stop(), stopped.result(30))


# The two clients of the SDK behind one face: an answer, or a Rejected.
class Rejected(Exception):
    pass


class One:
    """IotIdentityClient: subscribes and publishes by itself."""

    def __init__(self, connection):
        self.client = iotidentity.IotIdentityClient(connection)
        self.queues = {}

    def call(self, operation, request, **subject):
        answers = self.queues.get((operation, *subject.values()))
        if answers is None:
            answers = self.queues[(operation, *subject.values())] = queue.Queue()
            words = "".join(word.capitalize() for word in operation.split("_"))
            subscription = getattr(iotidentity, f"{words}SubscriptionRequest")(**subject)
            for outcome in ("accepted", "rejected"):
                subscribe = getattr(self.client, f"subscribe_to_{operation}_{outcome}")
                subscribe(subscription, QOS, lambda answer, outcome=outcome: answers.put((outcome, answer)))[0].result(30)
        getattr(self.client, f"publish_{operation}")(request, QOS).result(30)
        outcome, answer = answers.get(timeout=30)
        if outcome == "rejected":
            raise Rejected(answer.status_code, answer.error_code, answer.error_message)
        return answer

    def keys(self):
        return self.call("create_keys_and_certificate", iotidentity.CreateKeysAndCertificateRequest())

    def csr(self, text):
        return self.call("create_certificate_from_csr", iotidentity.CreateCertificateFromCsrRequest(certificate_signing_request=text))

    def register(self, template, token, parameters):
        request = iotidentity.RegisterThingRequest(template_name=template, certificate_ownership_token=token, parameters=parameters)
        return self.call("register_thing", request, template_name=template)


class Two:
    """IotIdentityClientV2: a future for each request."""

    def __init__(self, connection):
        options = mqtt_request_response.ClientOptions(max_request_response_subscriptions=4, max_streaming_subscriptions=2, operation_timeout_in_seconds=30)
        self.client = iotidentity.IotIdentityClientV2(connection, options)

    def call(self, future):
        try:
            return future.result(60)
        except V2ServiceException as error:
            answer = error.modeled_error
            assert answer, error
            raise Rejected(answer.status_code, answer.error_code, answer.error_message) from error

    def keys(self):
        return self.call(self.client.create_keys_and_certificate(iotidentity.CreateKeysAndCertificateRequest()))

    def csr(self, text):
        return self.call(self.client.create_certificate_from_csr(iotidentity.CreateCertificateFromCsrRequest(certificate_signing_request=text)))

    def register(self, template, token, parameters):
        request = iotidentity.RegisterThingRequest(template_name=template, certificate_ownership_token=token, parameters=parameters)
        return self.call(self.client.register_thing(request))


def rejected(status_code, error_code, call, *arguments):
    try:
        call(*arguments)
    except Rejected as rejection:
        assert rejection.args[:2] == (status_code, error_code), rejection
        return rejection.args[2]
    raise AssertionError(f"{error_code} expected")


def status(certificate_id):
    return iot.describe_certificate(certificateId=certificate_id)["certificateDescription"]["status"]


def publish(connect, thing_name, certificate, key):
    """The device comes back with what it was given, and may do what its policy says of its thing."""
    connection, close = connect(thing_name, certificate, key)
    if isinstance(connection, mqtt.Connection):
        connection.publish(f"telemetry/{thing_name}", b"21", QOS)[0].result(30)
    else:
        packet = mqtt5.PublishPacket(topic=f"telemetry/{thing_name}", payload=b"21", qos=QOS)
        assert connection.publish(packet).result(30).puback.reason_code == mqtt5.PubackReasonCode.SUCCESS
    close()


def provisioned(connect, answer, serial, created, key):
    assert answer.thing_name == f"pump-{serial}", answer.thing_name
    assert answer.device_configuration == {"interval": "60", "serial": serial}, answer.device_configuration
    assert status(created.certificate_id) == "ACTIVE"
    principal = f"{ARN}:cert/{created.certificate_id}"
    assert iot.list_thing_principals(thingName=answer.thing_name)["principals"] == [principal]
    assert [p["policyName"] for p in iot.list_attached_policies(target=principal)["policies"]] == ["devices"]
    publish(connect, answer.thing_name, created.certificate_pem, key)


subprocess.run("openssl ecparam -name prime256v1 -genkey -noout -out fleet.key && openssl req -new -key fleet.key -subj /CN=x -out fleet.csr", shell=True, check=True)
CSR, CSR_KEY = open("fleet.csr").read(), open("fleet.key").read()


def walk(connect, client, claim, run):
    claim_id, certificate, key = claim
    connection, close = connect(f"claim-{run}", certificate, key)
    device = client(connection)

    # A key of the server's making, and one of the device's.
    created = device.keys()
    assert created.private_key.startswith("-----BEGIN RSA PRIVATE KEY-----") and created.certificate_pem.endswith("-----END CERTIFICATE-----\n")
    assert status(created.certificate_id) == "PENDING_ACTIVATION" and created.certificate_id != claim_id
    answer = device.register("pumps", created.certificate_ownership_token, {"Serial": f"{run}k", "Hall": "3"})
    provisioned(connect, answer, f"{run}k", created, created.private_key)
    assert iot.describe_thing(thingName=answer.thing_name)["attributes"] == {"hall": "3"}
    used = created.certificate_ownership_token
    created = device.csr(CSR)
    answer = device.register("pumps", created.certificate_ownership_token, {"Serial": f"{run}c"})
    provisioned(connect, answer, f"{run}c", created, CSR_KEY)

    # Refusals; the connection stays, and so does a token that was not used.
    assert rejected(400, "InvalidCertificateOwnershipToken", device.register, "pumps", "", {}) == "Certificate ownership token cannot be empty."
    rejected(400, "InvalidCertificateOwnershipToken", device.register, "pumps", "wrong", {"Serial": "x"})
    rejected(400, "InvalidCertificateOwnershipToken", device.register, "pumps", used, {"Serial": "x"})
    rejected(400, "InvalidCertificateSigningRequest", device.csr, "nonsense")
    created = device.keys()
    token = created.certificate_ownership_token
    assert "Serial" in rejected(400, "InvalidParameters", device.register, "pumps", token, {"Hall": "3"})
    if claim is ordinary:
        rejected(404, "ResourceNotFound", device.register, "absent", token, {"Serial": "x"})
        rejected(400, "TemplateDisabled", device.register, "closed", token, {"Serial": "x"})
        rejected(403, "AccessDenied", device.register, "ask", token, {"Serial": "bad"})
        rejected(403, "AccessDenied", device.register, "nobody", token, {"Serial": "x"})
        if run == 1:
            rejected(403, "AccessDenied", device.register, "slow", token, {"Serial": "x"})
        assert status(created.certificate_id) == "PENDING_ACTIVATION"
        event = json.load(open(os.environ["HOOK_EVENT"]))
        assert event == {
            "claimCertificateId": claim_id, "certificateId": created.certificate_id, "certificatePem": created.certificate_pem,
            "templateArn": f"{ARN}:provisioningtemplate/ask", "clientId": f"claim-{run}", "parameters": {"Serial": "bad"}}, event
        # The hook may have a parameter its own way.
        answer = device.register("ask", token, {"Serial": f"{run}h", "Hall": "3"})
        provisioned(connect, answer, f"{run}h", created, created.private_key)
        assert iot.describe_thing(thingName=answer.thing_name)["attributes"] == {"hall": "of-the-hook"}
    else:
        answer = device.register("pumps", token, {"Serial": f"{run}h"})
        provisioned(connect, answer, f"{run}h", created, created.private_key)
    close()


run = 0
for connect in (mqtt3, mqtt_5):
    for client in (One, Two):
        for claim in (ordinary, five_minutes):
            run += 1
            walk(connect, client, claim, run)

# A claim is good for its own template and nothing else.
connection, close = mqtt_5("claim", *five_minutes[1:])
for topic, expected in (("telemetry/x", "NOT_AUTHORIZED"), ("$aws/provisioning-templates/ask/provision/json", "NOT_AUTHORIZED")):
    ack = connection.publish(mqtt5.PublishPacket(topic=topic, payload=b"{}", qos=QOS)).result(30)
    assert ack.puback.reason_code == getattr(mqtt5.PubackReasonCode, expected), (topic, ack.puback.reason_code)
close()
print("ok")
