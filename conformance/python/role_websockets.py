"""A role's session over WebSocket, by awsiotsdk: its token comes after the signature, events call it by its id, and it ends with the
certificate it was given to."""
import json
import os
import queue
import subprocess
import time

import boto3
from awscrt import auth, mqtt
from awscrt.mqtt import SubscribeError
from awsiot import mqtt_connection_builder

iot = boto3.client("iot")
policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iot:AssumeRoleWithCertificate", "Resource": "*"}]}
iot.create_policy(policyName="assume", policyDocument=json.dumps(policy))
certificate = iot.list_certificates()["certificates"][0]
iot.attach_policy(policyName="assume", target=certificate["certificateArn"])
iot.create_role_alias(roleAlias="reader", roleArn="arn:aws:iam::000000000000:role/reader")


def connection(client_id, key, secret, token=None):
    built = mqtt_connection_builder.websockets_with_default_aws_signing(
        region=os.environ["AWS_REGION"], credentials_provider=auth.AwsCredentialsProvider.new_static(key, secret, token),
        endpoint="localhost", port=int(os.environ["API_PORT"]), ca_filepath=os.environ["CA"], client_id=client_id, clean_session=True,
        keep_alive_secs=30, on_connection_interrupted=lambda connection, error, **rest: interrupted.put(time.monotonic()))
    built.connect().result(30)
    return built


interrupted, heard = queue.Queue(), queue.Queue()
console = connection("console", os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
future, _ = console.subscribe("$aws/events/presence/#", mqtt.QoS.AT_LEAST_ONCE, lambda topic, payload, **rest: heard.put(json.loads(payload)))
future.result(30)
answer = subprocess.run(["curl", "-sf", "--cacert", os.environ["CA"], "--cert", "pump-7.pem", "--key", "pump-7.key",
                         f"https://localhost:{os.environ['HTTPS_PORT']}/role-aliases/reader/credentials"], capture_output=True, text=True, check=True)
given = json.loads(answer.stdout)["credentials"]
credentials = given["accessKeyId"], given["secretAccessKey"], given["sessionToken"]
session = connection("pump-7", *credentials)
said = heard.get(timeout=30)
assert said["eventType"] == "connected" and said["clientId"] == "pump-7", said
role_id, name = said["principalIdentifier"].split(":")
assert role_id.startswith("AROA") and name == certificate["certificateId"], said
future, _ = session.publish("factory/pump-7/tool", b"one", mqtt.QoS.AT_LEAST_ONCE)
future.result(30)
future, _ = session.subscribe("#", mqtt.QoS.AT_LEAST_ONCE)
try:  # what the device may not, its session may not
    assert future.result(30)["qos"] is None, "all that anybody says"
except SubscribeError:
    pass

iot.update_certificate(certificateId=certificate["certificateId"], newStatus="REVOKED")
revoked = time.monotonic()
assert interrupted.get(timeout=30) - revoked < 1, "gone within a second"
said = heard.get(timeout=30)
assert (said["eventType"], said["disconnectReason"]) == ("disconnected", "AUTH_ERROR"), said
console.disconnect().result(30)
why = subprocess.run(["sekisho", "why", "pump-7"], capture_output=True, text=True).stdout
assert "its session token is good no more" in why, why
print("ok")
os._exit(0)  # the other connection tries again and again
