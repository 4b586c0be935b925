"""Statements that ask others: functions, DynamoDB, Secrets Manager, descriptions of Protocol Buffers; and who is not answered."""
import base64
import http.server
import json
import os
import subprocess
import threading

import boto3
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from peers import connected, eventually, publish, refused

iot, s3 = boto3.client("iot"), boto3.client("s3")
ROLE = "arn:aws:iam::123456789012:role/r"
FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:"


def there(service):
    return boto3.client(service, endpoint_url=os.environ["MOTO"], region_name="eu-west-1", aws_access_key_id="AKID", aws_secret_access_key="any")


def payload(sql, *actions, **more):
    return {"sql": sql, "awsIotSqlVersion": "2016-03-23", "actions": list(actions), **more}


def rule(name, sql, *actions, **more):
    actions = actions or [{"republish": {"topic": f"shared/out/{name}", "qos": 1, "roleArn": ROLE}}]
    iot.create_topic_rule(ruleName=name, topicRulePayload=payload(sql, *actions, **more))


def heard(topic):
    message = listener.heard.get(timeout=60)
    assert message.topic == topic, (message.topic, message.payload)
    return message


def told(name):
    return json.loads(subprocess.check_output(["sekisho", "rule", "show", name, "--json"]))


device, listener = connected("pump-7"), connected("pump-8")
listener.subscribe("shared/out/#", qos=1)
listener.answered.get(timeout=30)

# get_dynamodb
dynamodb = there("dynamodb")
dynamodb.create_table(
    TableName="ovens", BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}],
    AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}, {"AttributeName": "at", "AttributeType": "N"}])
dynamodb.put_item(TableName="ovens", Item={"id": {"S": "7"}, "at": {"N": "1"}, "site": {"S": "north"}, "doors": {"L": [{"N": "1.50"}, {"BOOL": True}]}})
dynamodb.put_item(TableName="ovens", Item={"id": {"S": "8"}, "at": {"N": "1"}, "much": {"S": "x" * 9000}})
rule("item", f"SELECT *, get_dynamodb('ovens', 'id', oven, 'at', at, '{ROLE}') AS item FROM 'shared/item' WHERE t > 50")
for message in [{"oven": "7", "at": 1, "t": 71.5}, {"oven": "7", "at": 1, "t": 7}, {"oven": "8", "at": 1, "t": 80}, {"oven": "9", "at": 1, "t": 90}]:
    publish(device, "shared/item", json.dumps(message))
results = [json.loads(heard("shared/out/item").payload) for _ in range(2)]
assert sorted(results, key=lambda result: result["t"]) == [
    {"oven": "7", "at": 1, "t": 71.5, "item": {"id": "7", "at": 1, "site": "north", "doors": [1.5, True]}},
    {"oven": "9", "at": 1, "t": 90},
], results
figures = eventually("the large item", lambda: (rule := told("item"))["not_evaluated"] and rule)
assert (figures["matched"], figures["executed"], figures["not_evaluated"]) == (4, 2, 1), figures
assert figures["last_error"]["error"] == "`get_dynamodb` got more than 8 KB", figures

# aws_lambda: in WHERE, broken, slow
rule("kept", f"SELECT aws_lambda('{FUNCTION}echo', *).oven AS oven, traceid() AS trace, timestamp() AS at FROM 'shared/kept' WHERE aws_lambda('{FUNCTION}echo', *).keep")
publish(device, "shared/kept", '{"oven": 1, "keep": false}')
publish(device, "shared/kept", '{"oven": 2, "keep": true}')
result = json.loads(heard("shared/out/kept").payload)
assert result["oven"] == 2 and result["at"] and len(result["trace"]) == 36, result
for name, why in {"broken": "it ended with exit status: 1", "slow": "took longer than 2 s"}.items():
    rule(name, f"SELECT *, aws_lambda('{FUNCTION}{name}', {{'oven': oven}}) AS answer FROM 'shared/{name}'")
    publish(device, f"shared/{name}", '{"oven": 3}')
    assert json.loads(heard(f"shared/out/{name}").payload) == {"oven": 3}
    assert why in told(name)["last_error"]["error"], told(name)

# What is asked is the same each time, whatever it is made of; a template draws its own
rule("drawn", f"SET @id = newuuid() SELECT aws_lambda('{FUNCTION}echo', {{'id': @id, 'n': rand()}}) AS asked, @id AS id FROM 'shared/drawn'",
     {"republish": {"topic": "shared/out/drawn", "qos": 1, "roleArn": ROLE, "headers": {"userProperties": [
         {"key": "id", "value": "${@id}"}, {"key": "own", "value": f"${{aws_lambda('{FUNCTION}echo', {{'id': newuuid()}}).id}}"}]}}})
publish(device, "shared/drawn", "{}")
message = heard("shared/out/drawn")
result, properties = json.loads(message.payload), dict(message.properties.UserProperty)
assert result["asked"]["id"] == result["id"] == properties["id"] != properties["own"] and len(properties["own"]) == 36, (result, properties)

# Ten rules of a kind that bring each other again and again: all of it ends
for n in range(10):
    rule(f"circle{n}", f"SELECT aws_lambda('{FUNCTION}echo', *).n AS n FROM 'shared/circle'", {"republish": {"topic": "shared/circle", "roleArn": ROLE}})
publish(device, "shared/circle", '{"n": 1}')
eventually("it ends", lambda: told("circle0")["matched"] > 5 and json.loads(subprocess.check_output(["sekisho", "rule", "ls", "--json"]))["waiting"]["executions"] == 0)
matched = told("circle0")["matched"]
assert matched <= 1001 and told("circle9")["matched"] == matched, matched
for n in range(10):
    iot.delete_topic_rule(ruleName=f"circle{n}")

# A secret that is not what belongs there is not told to anybody
rule("told", f"SELECT 1 AS one FROM 'shared/told'", {"republish": {"topic": f"shared/${{get_secret('spoiled', 'SecretString', '{ROLE}')}}", "roleArn": ROLE}},
     errorAction={"republish": {"topic": "shared/out/told", "qos": 1, "roleArn": ROLE}})
there("secretsmanager").create_secret(Name="spoiled", SecretString="hunter2/#")
publish(device, "shared/told", "{}")
assert "is no topic" in heard("shared/out/told").payload.decode() and "hunter2" not in json.dumps(told("told"))

# Who is busy is asked again, and the answer is as good as the first would have been
class Flaky(http.server.BaseHTTPRequestHandler):
    left = 2

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        Flaky.left -= 1
        self.send_response(503 if Flaky.left >= 0 else 200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


threading.Thread(target=http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Flaky).serve_forever, daemon=True).start()
rule("flaky", f"SELECT aws_lambda('{FUNCTION}flaky', *).n AS n FROM 'shared/flaky'")
publish(device, "shared/flaky", '{"n": 5}')
assert json.loads(heard("shared/out/flaky").payload) == {"n": 5} and Flaky.left == -1
assert "503" in told("flaky")["last_error"]["error"], told("flaky")

# get_secret, in a template too; what is republished says so in MQTT 5's words
secrets = there("secretsmanager")
secrets.create_secret(Name="ovens", SecretString=json.dumps({"key": "k-17", "user": "ovens"}))
secrets.create_secret(Name="raw", SecretBinary=b"\0\xff")
rule("secret", f"SELECT get_secret('ovens', 'SecretString', 'user', '{ROLE}') AS user, get_secret('raw', 'SecretBinary', '{ROLE}') AS raw FROM 'shared/secret'",
     {"republish": {"topic": "shared/out/secret", "roleArn": ROLE, "qos": 1, "headers": {"userProperties": [{"key": "api-key", "value": f"${{get_secret('ovens', 'SecretString', 'key', '{ROLE}')}}"}]}}})
publish(device, "shared/secret", "{}")
message = heard("shared/out/secret")
assert json.loads(message.payload) == {"user": "ovens", "raw": "AP8="}, message.payload
assert message.properties.UserProperty == [("api-key", "k-17")], message.properties
secrets.update_secret(SecretId="ovens", SecretString=json.dumps({"key": "k-18", "user": "others"}))
publish(device, "shared/secret", "{}")
assert json.loads(heard("shared/out/secret").payload)["user"] == "ovens", "it is kept for a quarter of an hour"

# decode of 'proto': what Google's own library writes
file = descriptor_pb2.FileDescriptorProto(name="oven.proto", package="factory", syntax="proto3")
oven = file.message_type.add(name="Oven")
for number, (name, kind) in enumerate({"name": "STRING", "temperature": "DOUBLE", "count": "INT64", "ready": "BOOL"}.items(), 1):
    oven.field.add(name=name, number=number, type=f"TYPE_{kind}", label="LABEL_OPTIONAL")
pool = descriptor_pool.DescriptorPool()
pool.Add(file)
Oven = message_factory.GetMessageClass(pool.FindMessageTypeByName("factory.Oven"))
s3.create_bucket(Bucket="schemas")
s3.put_object(Bucket="schemas", Key="oven.desc", Body=descriptor_pb2.FileDescriptorSet(file=[file]).SerializeToString())
rule("decoded", "SELECT VALUE decode(*, 'proto', 'schemas', 'oven.desc', 'oven', 'Oven') FROM 'shared/decoded'")
rule("hot", "SELECT decode(raw, 'proto', 'schemas', 'oven.desc', 'oven', 'factory.Oven').name AS name FROM 'shared/hot' WHERE decode(raw, 'proto', 'schemas', 'oven.desc', 'oven', 'factory.Oven').temperature > 50")
for temperature in [71.5, 21.5]:
    message = Oven(name="oven-7", temperature=temperature, count=1 << 40, ready=True).SerializeToString()
    publish(device, "shared/decoded", message)
    decoded = json.loads(heard("shared/out/decoded").payload)
    assert decoded == {"name": "oven-7", "temperature": temperature, "count": str(1 << 40), "ready": True}, decoded
for temperature in [21.5, 71.5]:
    publish(device, "shared/hot", json.dumps({"raw": base64.b64encode(Oven(name=f"oven-{temperature}", temperature=temperature).SerializeToString()).decode()}))
assert json.loads(heard("shared/out/hot").payload) == {"name": "oven-71.5"}
publish(device, "shared/decoded", b"\xff\xff")
assert heard("shared/out/decoded").payload == b"", "what is no such message is Undefined"
rule("nowhere", "SELECT decode(*, 'proto', 'schemas', 'gone.desc', 'oven', 'Oven') AS oven, 1 AS one FROM 'shared/nowhere'")
publish(device, "shared/nowhere", message)
assert json.loads(heard("shared/out/nowhere").payload) == {"one": 1}
assert "s3://schemas/gone.desc cannot be read" in told("nowhere")["last_error"]["error"], told("nowhere")
assert listener.heard.empty()

# What is refused when it is made, by name
said = refused("InvalidRequestException", iot.create_topic_rule, ruleName="no", topicRulePayload=payload(f"SELECT aws_lambda('{FUNCTION}nobody', *) AS x FROM 'a'"))
assert said["Error"]["Message"] == "the function `aws_lambda` needs a [[service]] named `lambda` in sekisho.toml", said
said = refused("SqlParseException", iot.create_topic_rule, ruleName="no", topicRulePayload=payload("SELECT get_dynamodb('t', 'k', 1, 'r').a + get_dynamodb('t', 'k', 1, 'r').b AS x FROM 'a'"))
assert "`get_dynamodb` stands in a statement once" in said["Error"]["Message"], said
said = refused("InvalidRequestException", iot.create_topic_rule, ruleName="no", topicRulePayload=payload(
    "SELECT * FROM 'a'", errorAction={"republish": {"topic": f"b/${{aws_lambda('{FUNCTION}echo', *)}}", "roleArn": ROLE}}))
assert said["Error"]["Message"] == "`aws_lambda` is not supported in an error action", said
said = refused("SqlParseException", iot.create_topic_rule, ruleName="no", topicRulePayload=payload("SELECT machinelearning_predict('m', 'r', *) AS x FROM 'a'"))
assert "AWS has retired" in said["Error"]["Message"], said
