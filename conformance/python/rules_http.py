"""Rules that post to an HTTPS endpoint: its owner is asked first; what arrives, what is tried again, what fails."""
import http.server
import json
import os
import queue
import ssl
import threading
import time
import urllib.request

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from peers import connected, eventually, publish, refused

iot = boto3.client("iot")
ROLE = "arn:aws:iam::000000000000:role/r"
heard, answers = queue.Queue(), {}


class Endpoint(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        heard.put((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
        statuses = [404] if self.path.startswith("/no/") else answers.get(self.path, [])
        self.send_response(statuses.pop(0) if statuses else 200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Endpoint)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(os.environ["CERT"], os.environ["KEY"])
server.socket = context.wrap_socket(server.socket, server_side=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
BASE = f"https://localhost:{server.server_port}"


def rule(name, sql, action):
    iot.create_topic_rule(ruleName=name, topicRulePayload={
        "sql": sql, "awsIotSqlVersion": "2016-03-23", "actions": [{"http": action}], "errorAction": {"republish": {"topic": "shared/errors", "roleArn": ROLE}}})


def error():
    failure, = json.loads(listener.heard.get(timeout=30).payload)["failures"]
    assert failure["failedAction"] == "HttpAction", failure
    return failure["errorMessage"]


def status(arn):
    return iot.get_topic_rule_destination(arn=arn)["topicRuleDestination"]["status"]


device, listener = connected("pump-7"), connected("pump-8")
listener.subscribe("shared/errors", qos=1)
listener.answered.get(timeout=30)

# A rule brings a destination with it, whose owner is asked; nothing is posted before they agree
rule("posts", "SELECT * FROM 'shared/posts'", {"url": BASE + "/in/${topic(2)}?n=${n}", "confirmationUrl": BASE + "/in", "headers": [{"key": "X-Client", "value": "${clientid()}"}]})
path, headers, body = heard.get(timeout=30)
told = json.loads(body)
arn = told["arn"]
assert path == f"/in/?confirmationToken={told['confirmationToken']}" and headers["content-type"] == "application/json", (path, headers)
assert headers["x-amz-rules-engine-message-type"] == told["messageType"] == "DestinationConfirmation"
assert headers["x-amz-rules-engine-destination-arn"] == arn and ":ruledestination/http/" in arn
publish(device, "shared/posts", b'{"n": 1}')
assert "no destination that was confirmed and is enabled covers " + BASE + "/in/posts?n=1" in error()
assert status(arn) == "IN_PROGRESS" and heard.empty()

# They follow the link, unsigned
link = told["enableUrl"]
authority = ssl.create_default_context(cafile=os.environ["CA"])
try:
    urllib.request.urlopen(link + "0", context=authority)
    raise AssertionError("another token")
except urllib.error.HTTPError as refusal:
    assert refusal.code == 400, refusal
assert urllib.request.urlopen(link, context=authority).status == 200
assert status(arn) == "ENABLED"
rule("raw", "SELECT * FROM 'shared/raw'", {"url": BASE + "/in/raw", "confirmationUrl": BASE + "/in"})
publish(device, "shared/posts", b'{"n": 2}')
path, headers, body = heard.get(timeout=30)
assert (path, headers["content-type"], headers["x-client"], json.loads(body)) == ("/in/posts?n=2", "application/json", "pump-7", {"n": 2}), headers
publish(device, "shared/raw", b"\0\xff")
path, headers, body = heard.get(timeout=30)
assert (path, headers["content-type"], body) == ("/in/raw", "application/octet-stream", b"\0\xff"), headers

# 429 and 5xx are tried again, twice; nothing else is
answers["/in/posts?n=3"] = [503, 429]
publish(device, "shared/posts", b'{"n": 3}')
assert [heard.get(timeout=30)[0] for _ in range(3)] == ["/in/posts?n=3"] * 3
answers["/in/posts?n=4"] = [500, 500, 500]
publish(device, "shared/posts", b'{"n": 4}')
assert "answered 500" in error()
answers["/in/posts?n=5"] = [404]
publish(device, "shared/posts", b'{"n": 5}')
assert "answered 404" in error()
time.sleep(1)
assert [heard.get()[0][-1] for _ in range(heard.qsize())] == ["4", "4", "4", "5"]

# Destinations by hand
refused("ResourceAlreadyExistsException", iot.create_topic_rule_destination, destinationConfiguration={"httpUrlConfiguration": {"confirmationUrl": BASE + "/in"}})
iot.update_topic_rule_destination(arn=arn, status="DISABLED")
publish(device, "shared/posts", b'{"n": 6}')
assert "no destination" in error()
made = iot.create_topic_rule_destination(destinationConfiguration={"httpUrlConfiguration": {"confirmationUrl": BASE + "/"}})["topicRuleDestination"]
assert made["status"] == "IN_PROGRESS" and made["httpUrlProperties"] == {"confirmationUrl": BASE + "/"}, made
path, _, body = heard.get(timeout=30)
assert path.startswith("/?confirmationToken=")
for status_of_ours in ["ENABLED", "ERROR", "DELETING"]:
    refused("InvalidRequestException", iot.update_topic_rule_destination, arn=made["arn"], status=status_of_ours)
iot.confirm_topic_rule_destination(confirmationToken=json.loads(body)["confirmationToken"])
publish(device, "shared/posts", b'{"n": 7}')
assert heard.get(timeout=30)[0] == "/in/posts?n=7"
assert {one["arn"]: one["status"] for one in iot.list_topic_rule_destinations()["destinationSummaries"]} == {arn: "DISABLED", made["arn"]: "ENABLED"}

# Several messages in one request: those of one topic, and of several; the last one's headers
for name, more in {"together": {}, "across": {"batchAcrossTopics": True}}.items():
    rule(name, f"SELECT * FROM 'shared/{name}/+'", {"url": BASE + f"/batch/{name}", "confirmationUrl": BASE + "/", "enableBatching": True, "batchConfig": {"maxBatchOpenMs": 200, "maxBatchSize": 10, **more}, "headers": [{"key": "X-N", "value": "${n}"}]})
    for n in range(20):
        device.publish(f"shared/{name}/{n % 2}", json.dumps({"n": n}), qos=1)
    requests = []
    while sum(len(json.loads(body)) for _, _, body in requests) < 20:
        requests.append(heard.get(timeout=30))
    batches = [[one["n"] for one in json.loads(body)] for _, _, body in requests]
    assert sorted(sum(batches, [])) == list(range(20)) and len(batches) < 8 and max(map(len, batches)) <= 10, batches
    assert all(headers["x-n"] == str(batch[-1]) and headers["content-type"] == "application/json" for (_, headers, _), batch in zip(requests, batches)), requests
    assert all(len({n % 2 for n in batch}) == 1 for batch in batches) == (name == "together"), batches
    [device.acked.get(timeout=30) for _ in range(20)]
rule("binary", "SELECT * FROM 'shared/binary'", {"url": BASE + "/batch/binary", "confirmationUrl": BASE + "/", "enableBatching": True})
for payload in [b"\0\xff", b'{"a": "\xff"}', b'{"a": 1} {']:
    publish(device, "shared/binary", payload)
    assert "the result is not JSON, and cannot be in a batch" in error(), payload
answers["/batch/across"] = [404]
for n in range(3):
    device.publish("shared/across/0", json.dumps({"n": n}), qos=1)
assert all("answered 404" in error() for _ in range(3)), "each is told of"
[device.acked.get(timeout=30) for _ in range(3)]
heard.get(timeout=30)

# Signed, as botocore would have signed it
SIGNED = {"auth": {"sigv4": {"signingRegion": "eu-west-1", "serviceName": "execute-api", "roleArn": ROLE}}}
rule("signed", "SELECT * FROM 'shared/signed'", {"url": BASE + "/stage/${topic(2)}?b=2&a=${n}", "confirmationUrl": BASE + "/", "headers": [{"key": "X-Oven", "value": "a  b"}], **SIGNED})
publish(device, "shared/signed", b'{"n": 7}')
path, headers, body = heard.get(timeout=30)
again = AWSRequest("POST", BASE + path, {name: headers[name] for name in ("host", "content-type", "x-oven", "x-amz-date")}, body)
again.context["timestamp"] = headers["x-amz-date"]
auth = SigV4Auth(Credentials("AKID", open(os.environ["CERT"]).read().strip()), "execute-api", "eu-west-1")
signature = auth.signature(auth.string_to_sign(again, auth.canonical_request(again)), again)
assert headers["authorization"].endswith(f"Signature={signature}") and "Credential=AKID/" in headers["authorization"], headers
rule("elsewhere", "SELECT * FROM 'shared/elsewhere'", {"url": BASE.replace("localhost", "127.0.0.1") + "/a", **SIGNED})
publish(device, "shared/elsewhere", b"{}")
assert "no destination" in error()
said = refused("InvalidRequestException", iot.create_topic_rule, ruleName="no", topicRulePayload={"sql": "SELECT * FROM 'a'", "actions": [
    {"http": {"url": BASE + "/a", "auth": {"sigv4": {"signingRegion": "eu-west-1", "serviceName": "lambda", "roleArn": ROLE}}}}]})
assert "[[service]] named `lambda`" in said["Error"]["Message"], said

# One that cannot be asked says why
dead = iot.create_topic_rule_destination(destinationConfiguration={"httpUrlConfiguration": {"confirmationUrl": "https://127.0.0.1:1"}})["topicRuleDestination"]["arn"]
eventually("it says so", lambda: status(dead) == "ERROR")
reason = iot.get_topic_rule_destination(arn=dead)["topicRuleDestination"]["statusReason"]
assert "could not be asked" in reason and "Token" not in reason, reason

# Nor has somebody agreed who answers that they do not, whoever has seen the token
unwilling = iot.create_topic_rule_destination(destinationConfiguration={"httpUrlConfiguration": {"confirmationUrl": BASE + "/no"}})["topicRuleDestination"]["arn"]
token = json.loads(heard.get(timeout=30)[2])["confirmationToken"]
eventually("they refused", lambda: status(unwilling) == "ERROR")
told = json.dumps([iot.get_topic_rule_destination(arn=unwilling), iot.list_topic_rule_destinations()], default=str)
assert "it answered 404" in told and token not in told, told
refused("InvalidRequestException", iot.confirm_topic_rule_destination, confirmationToken=token)
iot.delete_topic_rule_destination(arn=dead)
refused("UnauthorizedException", iot.get_topic_rule_destination, arn=dead)
refused("InvalidRequestException", iot.create_topic_rule_destination, destinationConfiguration={"httpUrlConfiguration": {"confirmationUrl": "ftp://a"}})
print("ok")
