"""Three rules on each message: a record, an object, a message for a stored session. What was acknowledged is in all three."""
import collections
import itertools
import json
import os
import queue
import sys
import time

import boto3
import paho.mqtt.client as mqtt

iot, s3 = boto3.client("iot"), boto3.client("s3")
ROLE = "arn:aws:iam::000000000000:role/r"


def client(name, clean):
    c = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=name, clean_session=clean)
    c.tls_set(os.environ["CA"], f"{name}.pem", f"{name}.key")
    c.heard, c.subscribed = queue.Queue(), queue.Queue()
    c.on_message = lambda c, u, message: c.heard.put(message)
    c.on_subscribe = lambda c, u, mid, codes, properties: c.subscribed.put(codes)
    c.connect("localhost", int(os.environ["MQTT_PORT"]))
    c.loop_start()
    return c


def prepare():
    s3.create_bucket(Bucket="each")
    for name, action in [
        ("object", {"s3": {"bucketName": "each", "key": "o/${id}", "roleArn": ROLE}}),
        ("again", {"republish": {"topic": "shared/kept", "qos": 1, "roleArn": ROLE}}),
    ]:
        payload = {"sql": "SELECT id FROM 'factory/+/telemetry'", "awsIotSqlVersion": "2016-03-23", "actions": [action]}
        iot.create_topic_rule(ruleName=name, topicRulePayload=payload)
    keeper = client("pump-8", False)
    keeper.subscribe("shared/kept", qos=1)
    assert keeper.subscribed.get(timeout=30)[0].value == 1
    keeper.disconnect()
    keeper.loop_stop()


def load(round):
    device = client("pump-7", True)
    log, waiting = open("acknowledged", "a", buffering=1), collections.deque()
    for number in itertools.count():
        identity = f"{round}-{number}"
        waiting.append((device.publish("factory/pump-7/telemetry", json.dumps({"temperature": 30, "id": identity}), qos=1), identity))
        while len(waiting) >= 20 or (waiting and waiting[0][0].is_published()):
            info, oldest = waiting.popleft()
            info.wait_for_publish()
            log.write(oldest + "\n")
        time.sleep(0.002)


def check():
    promised = set(open("acknowledged").read().split())
    assert len(promised) > 150, len(promised)
    keeper = client("pump-8", False)
    until, kept, objects, records = time.time() + 60, set(), set(), set()
    while time.time() < until and not promised <= kept & objects & records:
        while not keeper.heard.empty():
            kept.add(json.loads(keeper.heard.get().payload)["id"])
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket="each")
        objects = {found["Key"][2:] for page in pages for found in page.get("Contents", [])}
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket="lake"):
            for found in page.get("Contents", []):
                lines = s3.get_object(Bucket="lake", Key=found["Key"])["Body"].read().splitlines()
                records |= {json.loads(line)["id"] for line in lines}
        time.sleep(0.2)
    missing = {name: sorted(promised - found)[:5] for name, found in [("session", kept), ("objects", objects), ("stream", records)]}
    assert promised <= kept & objects & records, missing
    some = sorted(promised)[0]
    assert json.loads(s3.get_object(Bucket="each", Key=f"o/{some}")["Body"].read()) == {"id": some}
    print(len(promised), "acknowledged, each an object, a record and a message for a stored session")


{"prepare": prepare, "check": check}.get(sys.argv[1], lambda: load(sys.argv[2]))()
