"""boto3 iot: topic rules, their bounds, their pages and tags, and what is refused by name."""
import boto3
from botocore.exceptions import ClientError
from peers import refused

iot = boto3.client("iot", region_name="us-east-1")
loose = boto3.client("iot", config=boto3.session.Config(parameter_validation=False))
ROLE = "arn:aws:iam::000000000000:role/r"
ARN = "arn:aws:iot:us-east-1:000000000000:rule"


def payload(sql="SELECT * FROM 'a/+'", actions=None, **more):
    actions = [{"republish": {"topic": "b", "roleArn": ROLE}}] if actions is None else actions
    return {"sql": sql, "actions": actions, **more}


def message(code, call, **arguments):
    return refused(code, call, **arguments)["Error"]["Message"]


# A rule and what is told of it
whole = payload(
    description="hot ones", ruleDisabled=True, awsIotSqlVersion="2016-03-23",
    actions=[{"republish": {"topic": "b/${topic(2)}", "qos": 1, "roleArn": ROLE, "headers": {
        "payloadFormatIndicator": "UTF8_DATA", "contentType": "application/json", "responseTopic": "c", "correlationData": "eA==",
        "messageExpiry": "60", "userProperties": [{"key": "k", "value": "${topic()}"}]}}},
        {"s3": {"bucketName": "lake", "key": "${topic()}/${timestamp()}", "cannedAcl": "private", "roleArn": ROLE}}],
    errorAction={"s3": {"bucketName": "errors", "key": "${newuuid()}", "roleArn": ROLE}})
iot.create_topic_rule(ruleName="whole", topicRulePayload=whole, tags="team=a%20b&cost=1")
told = iot.get_topic_rule(ruleName="whole")
assert told["ruleArn"] == f"{ARN}/whole"
rule = told["rule"]
created = rule.pop("createdAt")
assert created.microsecond == 0 and rule.pop("ruleName") == "whole"
assert rule == whole, rule
iot.create_topic_rule(ruleName="plain", topicRulePayload=payload())
rule = iot.get_topic_rule(ruleName="plain")["rule"]
assert (rule["ruleDisabled"], rule["awsIotSqlVersion"]) == (False, "2015-10-08"), rule

# Disabled and enabled; replaced, which keeps when it was made
iot.enable_topic_rule(ruleName="whole")
assert iot.get_topic_rule(ruleName="whole")["rule"]["ruleDisabled"] is False
iot.enable_topic_rule(ruleName="whole")
iot.disable_topic_rule(ruleName="whole")
assert iot.get_topic_rule(ruleName="whole")["rule"]["ruleDisabled"] is True
iot.replace_topic_rule(ruleName="whole", topicRulePayload=payload("SELECT a FROM 'c/#'"))
rule = iot.get_topic_rule(ruleName="whole")["rule"]
assert (rule["createdAt"], rule["ruleDisabled"], rule["sql"]) == (created, False, "SELECT a FROM 'c/#'") and "errorAction" not in rule

# Lists
names = lambda **wanted: [rule["ruleName"] for rule in iot.list_topic_rules(**wanted)["rules"]]
for number in range(8):
    iot.create_topic_rule(ruleName=f"n{number}", topicRulePayload=payload(f"SELECT * FROM 'n/{number}'", ruleDisabled=number % 2 == 1))
iot.create_topic_rule(ruleName="ingest", topicRulePayload=payload("SELECT *"))
assert names(topic="n/3") == ["n3"] and names(topic="c/x/y") == ["whole"] and names(topic="a/1") == ["plain"]
assert names(ruleDisabled=True) == ["n1", "n3", "n5", "n7"] and "n1" not in names(ruleDisabled=False)
pages = [[rule["ruleName"] for rule in page["rules"]] for page in iot.get_paginator("list_topic_rules").paginate(PaginationConfig={"PageSize": 4})]
assert [len(page) for page in pages] == [4, 4, 3] and sum(pages, []) == names(), pages
listed = {rule["ruleName"]: rule for rule in iot.list_topic_rules()["rules"]}
assert listed["n3"]["topicPattern"] == "n/3" and listed["n3"]["ruleArn"] == f"{ARN}/n3" and listed["n3"]["createdAt"].microsecond == 0
assert "topicPattern" not in listed["ingest"], "it has no FROM"
refused("InvalidRequestException", iot.list_topic_rules, maxResults=10001)
refused("InvalidRequestException", iot.list_topic_rules, nextToken="%%%")

# Tags
tags = lambda: {tag["Key"]: tag["Value"] for tag in iot.list_tags_for_resource(resourceArn=f"{ARN}/whole")["tags"]}
assert tags() == {"team": "a b", "cost": "1"}, tags()
iot.tag_resource(resourceArn=f"{ARN}/whole", tags=[{"Key": "cost", "Value": "2"}])
iot.untag_resource(resourceArn=f"{ARN}/whole", tagKeys=["team"])
assert tags() == {"cost": "2"}, tags()
try:
    iot.tag_resource(resourceArn=f"{ARN}/nobody", tags=[{"Key": "k", "Value": "v"}])
    raise AssertionError("there is no such rule")
except ClientError as error:
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] in (401, 404)

# Who is not there, who is there twice
for call in (iot.get_topic_rule, iot.enable_topic_rule, iot.disable_topic_rule):
    error = refused("UnauthorizedException", call, ruleName="nobody")
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 401 and error["Error"]["Message"] == "Access to TopicRule 'nobody' was denied"
refused("UnauthorizedException", iot.replace_topic_rule, ruleName="nobody", topicRulePayload=payload())
error = refused("ResourceAlreadyExistsException", iot.create_topic_rule, ruleName="plain", topicRulePayload=payload())
assert error["ResponseMetadata"]["HTTPStatusCode"] == 409 and error["resourceArn"] == f"{ARN}/plain", error
iot.delete_topic_rule(ruleName="plain")
assert "plain" not in names()

# What is no statement is refused with its place, wherever it stands
create = lambda **p: dict(ruleName="new", topicRulePayload=payload(**p))
for sql, says in [
    ("SELECT FROM 'a'", "line 1, column 8: expected an expression, found `FROM`"),
    ("SELECT a\nFROM 'a'\nWHERE", "line 3, column 6: expected an expression, found the end"),
    ("SELECT nofunction(a) FROM 'a'", "nofunction"),
    ("SELECT * FROM 'a/#/b'", "is not a topic filter"),
    ("", "line 1, column 1: expected SELECT"),
]:
    text = message("SqlParseException", iot.create_topic_rule, **create(sql=sql))
    assert says in text, (sql, text)
text = message("SqlParseException", iot.create_topic_rule, **create(actions=[{"s3": {"bucketName": "bbb", "key": "${topic(}", "roleArn": ROLE}}]))
assert text == "s3.key: line 1, column 9: expected an expression, found `}`", text
text = message("SqlParseException", iot.create_topic_rule, **create(awsIotSqlVersion="2017-01-01"))
assert "2017-01-01" in text

# What the model bounds, and what is not offered
republish = lambda **more: [{"republish": {"topic": "b", "roleArn": ROLE, **more}}]
for actions, says in [
    ([republish()[0]] * 11, "Member must have length less than or equal to 10"),
    (republish(qos=2), "Member must have value less than or equal to 1"),
    (republish(headers={"userProperties": [{"key": "k", "value": "v"}] * 101}), "Member must have length less than or equal to 100"),
    (republish(headers={"contentType": "x" * 1025}), "Member must have length less than or equal to 1024"),
    (republish(headers={"payloadFormatIndicator": "TEXT"}), "is no payloadFormatIndicator"),
    (republish(topic="$aws/things/t/shadow/update"), "a reserved topic begins with `$$`"),
    (republish(topic="a/+"), "is no topic"),
    ([{"s3": {"bucketName": "bbb", "roleArn": ROLE}}], "Member must not be null"),
    ([{"s3": {"bucketName": "bbb", "key": "k", "roleArn": ROLE, "cannedAcl": "anything"}}], "Member must satisfy enum value set"),
    ([{"s3": {"bucketName": "bbb", "key": "k", "roleArn": ROLE, "cannedAcl": "public-read"}}], "the rule action `s3 with cannedAcl public-read` is not offered by this server yet"),
    ([{"lambda": {"functionArn": "arn:aws:lambda:us-east-1:000000000000:function:f"}}], "the rule action `lambda` needs a [[service]] named `lambda` in sekisho.toml"),
    ([{"sqs": {"queueUrl": "https://q", "roleArn": ROLE}}], "the rule action `sqs` needs a [[service]] named `sqs` in sekisho.toml"),
    ([{"salesforce": {"token": "t" * 40, "url": "https://ingestion-a.b.sfdcnow.com/streams/a/b/event"}}], "the rule action `salesforce` is not offered by this server yet"),
    ([{}], "an action is an object with one member"),
]:
    text = message("InvalidRequestException", loose.create_topic_rule, **create(actions=actions))
    assert says in text, (actions, text)
text = message("InvalidRequestException", iot.create_topic_rule, **create(errorAction={"lambda": {"functionArn": "f"}}))
assert "the rule action `lambda` needs a [[service]]" in text
text = message("InvalidRequestException", iot.create_topic_rule, **create(description="x" * 300_000))
assert "A rule can have at most 262144 bytes" in text, text
for name in ("a-b", "x" * 129):
    refused("InvalidRequestException", iot.create_topic_rule, ruleName=name, topicRulePayload=payload())
assert "new" not in names()
print("ok")
