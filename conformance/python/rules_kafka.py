"""Rules that produce for Kafka: over TLS, with SASL and secrets, read back with kafka-python; and what is refused."""
import json
import os
import subprocess

import boto3
from kafka import KafkaConsumer, KafkaProducer
from kafka_cluster import Cluster
from peers import connected, eventually, publish, refused

iot = boto3.client("iot")
ROLE = "arn:aws:iam::123456789012:role/r"
subprocess.run("openssl req -x509 -newkey rsa:2048 -nodes -keyout broker.key -out broker.pem -days 30 -subj /CN=localhost -addext subjectAltName=DNS:localhost -addext basicConstraints=CA:FALSE".split(),
               check=True, stderr=subprocess.DEVNULL)
cluster = Cluster("broker.pem", "broker.key")
there = {"bootstrap_servers": f"localhost:{cluster.port}", "security_protocol": "SSL", "ssl_cafile": "broker.pem"}
secrets = boto3.client("secretsmanager", endpoint_url=os.environ["MOTO"], region_name="eu-west-1", aws_access_key_id="AKID", aws_secret_access_key="any")
secrets.create_secret(Name="kafka", SecretString=json.dumps({"user": "ovens", "password": "secret"}))
secrets.create_secret(Name="broker-ca", SecretBinary=open("broker.pem", "rb").read())

made = iot.create_topic_rule_destination(destinationConfiguration={"vpcConfiguration": {"vpcId": "vpc-1", "subnetIds": ["subnet-1", "subnet-2"], "securityGroups": ["sg-1"], "roleArn": ROLE}})["topicRuleDestination"]
assert made["status"] == "ENABLED" and ":ruledestination/vpc/" in made["arn"], made
vpc = {"vpcId": "vpc-1", "subnetIds": ["subnet-1", "subnet-2"], "securityGroups": ["sg-1"], "roleArn": ROLE}
assert iot.get_topic_rule_destination(arn=made["arn"])["topicRuleDestination"]["vpcProperties"] == vpc == made["vpcProperties"]
assert [one["vpcDestinationSummary"] for one in iot.list_topic_rule_destinations()["destinationSummaries"]] == [vpc]

SECRET = "${get_secret('kafka', 'SecretString', '%s', '" + ROLE + "')}"
CA = {"bootstrap.servers": f"localhost:{cluster.port}", "security.protocol": "SSL", "ssl.truststore": open("broker.pem").read()}
SASL = {
    **CA, "security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-512", "ssl.truststore": f"${{get_secret('broker-ca', 'SecretBinary', '{ROLE}')}}",
    "sasl.scram.username": SECRET % "user", "sasl.scram.password": SECRET % "password",
    "key.serializer": "org.apache.kafka.common.serialization.StringSerializer", "value.serializer": "org.apache.kafka.common.serialization.ByteBufferSerializer",
}


def kafka(topic, properties, **more):
    return {"kafka": {"destinationArn": made["arn"], "topic": topic, "clientProperties": properties, **more}}


def payload(action, **more):
    return {"sql": "SELECT * FROM 'shared/+'", "awsIotSqlVersion": "2016-03-23", "actions": [action], **more}


def rule(name, action, **more):
    iot.create_topic_rule(ruleName=name, topicRulePayload={**payload(action, **more), "sql": f"SELECT *, topic(2) AS rule FROM 'shared/{name}'"})


def told(name):
    return json.loads(subprocess.check_output(["sekisho", "rule", "show", name, "--json"]))


def records(topic, count):
    consumer = KafkaConsumer(topic, **there, auto_offset_reset="earliest", consumer_timeout_ms=60_000)
    found = [record for _, record in zip(range(count), consumer)]
    consumer.close()
    assert len(found) == count, found
    return found


device, listener = connected("pump-7"), connected("pump-8")
listener.subscribe("shared/errors", qos=1)
listener.answered.get(timeout=30)

# Keys, headers, secrets; where others would have put the same keys
rule("keyed", kafka("ovens", {**SASL, "acks": "all", "compression.type": "lz4"}, key="oven-${oven}",
                    headers=[{"key": "site", "value": "${site}"}, {"key": "from", "value": "${clientid()}"}]))
for n in range(20):
    publish(device, "shared/keyed", json.dumps({"n": n, "oven": n % 7, "site": "north"}))
found = records("ovens", 20)
assert sorted(json.loads(record.value)["n"] for record in found) == list(range(20))
for record in found:
    value = json.loads(record.value)
    assert record.key == f"oven-{value['oven']}".encode() and value["rule"] == "keyed", record
    assert dict(record.headers) == {"site": b"north", "from": b"pump-7"} and record.timestamp > 1_700_000_000_000, record
assert set(cluster.logins) == {"SCRAM-SHA-512"}, cluster.logins
others = KafkaProducer(**there)
for oven in range(7):
    place = others.send("ovens", key=f"oven-{oven}".encode(), value=b"{}").get(timeout=30).partition
    assert {record.partition for record in found if record.key == f"oven-{oven}".encode()} == {place}, oven
assert len({record.partition for record in found}) > 1

# The other ways to ask; without a key records go round
rule("plain", kafka("plain-${rule}", {**SASL, "sasl.mechanism": "PLAIN", "sasl.plain.username": "ovens", "sasl.plain.password": "secret",
                                      "sasl.scram.username": "others", "sasl.scram.password": "never sent", "compression.type": "gzip"}, partition="1"))
publish(device, "shared/plain", '{"rule": "p"}')
assert [(record.partition, json.loads(record.value)) for record in records("plain-p", 1)] == [(1, {"rule": "plain"})]
assert "PLAIN" in cluster.logins
rule("round", kafka("round", {**CA, "acks": "0"}))
for n in range(8):
    publish(device, "shared/round", "{}")
assert len({record.partition for record in records("round", 8)}) > 1

# A broker that is away: what was acknowledged comes when it is back
cluster.stop()
for n in range(10):
    publish(device, "shared/keyed", json.dumps({"n": 100 + n, "oven": 1, "site": "south"}))
eventually("it is tried again", lambda: told("keyed")["actions"][0]["late"] > 0)
cluster.start()
assert {json.loads(record.value)["n"] for record in records("ovens", 10)} == set(range(100, 110))
assert told("keyed")["actions"][0]["done"] >= 30

# Who is not let in, by either side; what is not to be reached
rule("stranger", kafka("ovens", {**SASL, "sasl.scram.password": "a wrong word"}))
rule("mistrust", kafka("ovens", {**CA, "ssl.truststore": open(os.environ["CA"]).read()}))
for name, why in {"stranger": "SASL failed: Authentication failed", "mistrust": "invalid peer certificate"}.items():
    publish(device, f"shared/{name}", "{}")
    eventually(name, lambda: why in told(name)["actions"][0]["last_error"]["error"])
    assert "word" not in json.dumps(told(name)["actions"])
iot.update_topic_rule_destination(arn=made["arn"], status="DISABLED")
rule("cut", kafka("ovens", CA), errorAction={"republish": {"topic": "shared/errors", "qos": 1, "roleArn": ROLE}})
publish(device, "shared/cut", "{}")
failure = json.loads(listener.heard.get(timeout=60).payload)["failures"][0]
assert failure["failedAction"] == "KafkaAction" and failure["failedResource"] == "ovens" and "no VPC destination" in failure["errorMessage"], failure

# What is refused when it is made
for action, why in [
    (kafka("ovens", {**CA, "linger.ms": "5"}), "linger.ms: it is not known"),
    (kafka("ovens", {**CA, "ssl.truststore": "/u3+7Q=="}), "ssl.truststore: it is no PEM"),
    (kafka("ovens", {**CA, "sasl.mechanism": "AWS_MSK_IAM"}), "`AWS_MSK_IAM` is not offered"),
    (kafka("ovens", {"bootstrap.servers": "far.example:9092", "security.protocol": "PLAINTEXT"}), "without TLS"),
    (kafka("ovens", {**CA, "ssl.keystore": "${topic()}"}), "its templates are `get_secret` alone"),
    ({"kafka": {"destinationArn": made["arn"] + "0", "topic": "t", "clientProperties": CA}}, "there is no VPC destination"),
]:
    said = refused("InvalidRequestException", iot.create_topic_rule, ruleName="no", topicRulePayload=payload(action))
    assert why in said["Error"]["Message"], said
iot.delete_topic_rule_destination(arn=made["arn"])
refused("UnauthorizedException", iot.get_topic_rule_destination, arn=made["arn"])
cluster.stop()
