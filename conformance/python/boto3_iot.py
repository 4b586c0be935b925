"""boto3 iot: things, certificates, policies, rules, and the refusals AWS makes."""
import json
import subprocess

import boto3
from peers import refused

iot = boto3.client("iot")
ARN = "arn:aws:iot:us-east-1:000000000000"

# Things
thing = iot.create_thing(thingName="pump-7", attributePayload={"attributes": {"hall": "3"}})
assert thing["thingArn"] == f"{ARN}:thing/pump-7"
assert iot.create_thing(thingName="pump-7", attributePayload={"attributes": {"hall": "3"}})["thingId"] == thing["thingId"]
refused("ResourceAlreadyExistsException", iot.create_thing, thingName="pump-7")
iot.update_thing(thingName="pump-7", attributePayload={"attributes": {"line": "4"}, "merge": True}, expectedVersion=1)
refused("VersionConflictException", iot.update_thing, thingName="pump-7", expectedVersion=1)
described = iot.describe_thing(thingName="pump-7")
assert (described["attributes"], described["version"]) == ({"hall": "3", "line": "4"}, 2)
for number in range(60):
    iot.create_thing(thingName=f"thing-{number:03}")
names = [t["thingName"] for page in iot.get_paginator("list_things").paginate(PaginationConfig={"PageSize": 25}) for t in page["things"]]
assert len(names) == 61

# Certificates
made = iot.create_keys_and_certificate(setAsActive=True)
assert made["certificatePem"].startswith("-----BEGIN CERTIFICATE-----") and made["certificatePem"].endswith("-----END CERTIFICATE-----\n")
assert made["keyPair"]["PrivateKey"].startswith("-----BEGIN RSA PRIVATE KEY-----")
assert made["keyPair"]["PublicKey"].startswith("-----BEGIN PUBLIC KEY-----")
text = subprocess.run(["openssl", "x509", "-noout", "-text"], input=made["certificatePem"], capture_output=True, text=True, check=True).stdout
assert "Subject: CN = AWS IoT Certificate" in text and "sha256WithRSAEncryption" in text, text
assert "Not After : Dec 31 23:59:59 2049 GMT" in text and "CA:FALSE" in text and "Digital Signature" in text, text
assert "Amazon Web Services O=Amazon.com Inc. L=Seattle ST=Washington C=US" in text.replace("\\", ""), text
der = subprocess.run(["openssl", "x509", "-outform", "der"], input=made["certificatePem"].encode(), capture_output=True, check=True).stdout
import hashlib
assert made["certificateId"] == hashlib.sha256(der).hexdigest()
assert made["certificateArn"] == f"{ARN}:cert/{made['certificateId']}"
described = iot.describe_certificate(certificateId=made["certificateId"])["certificateDescription"]
assert (described["status"], described["customerVersion"]) == ("ACTIVE", 1)
subprocess.run("openssl ecparam -name prime256v1 -genkey -noout -out k.key && openssl req -new -key k.key -subj /CN=x -out k.csr", shell=True, check=True)
csr = open("k.csr").read()
one, two = (iot.create_certificate_from_csr(certificateSigningRequest=csr)["certificateId"] for _ in range(2))
assert one != two
assert iot.describe_certificate(certificateId=one)["certificateDescription"]["status"] == "INACTIVE"
damaged = csr.split("\n")
damaged[3] = damaged[3][::-1]
refused("InvalidRequestException", iot.create_certificate_from_csr, certificateSigningRequest="\n".join(damaged))
subprocess.run("openssl req -new -newkey rsa:1024 -nodes -keyout w.key -subj /CN=x -out w.csr 2>/dev/null", shell=True, check=True)
refused("InvalidRequestException", iot.create_certificate_from_csr, certificateSigningRequest=open("w.csr").read())

# Policies
document = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}]})
iot.create_policy(policyName="all", policyDocument=document)
for _ in range(4):
    iot.create_policy_version(policyName="all", policyDocument=document)
refused("VersionsLimitExceededException", iot.create_policy_version, policyName="all", policyDocument=document)
refused("DeleteConflictException", iot.delete_policy_version, policyName="all", policyVersionId="1")
iot.set_default_policy_version(policyName="all", policyVersionId="5")
assert iot.get_policy(policyName="all")["defaultVersionId"] == "5"
assert len(iot.list_policy_versions(policyName="all")["policyVersions"]) == 5
iot.attach_policy(policyName="all", target=made["certificateArn"])
iot.attach_policy(policyName="all", target=made["certificateArn"])
assert [p["policyName"] for p in iot.list_attached_policies(target=made["certificateArn"])["policies"]] == ["all"]
assert iot.list_targets_for_policy(policyName="all")["targets"] == [made["certificateArn"]]
refused("DeleteConflictException", iot.delete_policy, policyName="all")

# Attachments and the order of cleaning up
iot.attach_thing_principal(thingName="pump-7", principal=made["certificateArn"])
assert iot.list_thing_principals(thingName="pump-7")["principals"] == [made["certificateArn"]]
assert iot.list_principal_things(principal=made["certificateArn"])["things"] == ["pump-7"]
refused("InvalidRequestException", iot.delete_thing, thingName="pump-7")
error = refused("CertificateStateException", iot.delete_certificate, certificateId=made["certificateId"])
assert error["ResponseMetadata"]["HTTPStatusCode"] == 406
iot.update_certificate(certificateId=made["certificateId"], newStatus="REVOKED")
refused("DeleteConflictException", iot.delete_certificate, certificateId=made["certificateId"])
iot.detach_thing_principal(thingName="pump-7", principal=made["certificateArn"])
iot.detach_policy(policyName="all", target=made["certificateArn"])
iot.delete_certificate(certificateId=made["certificateId"])
iot.delete_thing(thingName="pump-7")
refused("ResourceNotFoundException", iot.describe_thing, thingName="pump-7")

# Rules
payload = {"sql": "SELECT * FROM 'a/#'", "actions": [{"firehose": {"deliveryStreamName": "s", "roleArn": "arn:aws:iam::000000000000:role/r"}}]}
iot.create_topic_rule(ruleName="r", topicRulePayload=payload)
refused("ResourceAlreadyExistsException", iot.create_topic_rule, ruleName="r", topicRulePayload=payload)
rule = iot.get_topic_rule(ruleName="r")
assert rule["ruleArn"] == f"{ARN}:rule/r" and rule["rule"]["sql"] == payload["sql"] and rule["rule"]["ruleDisabled"] is False
iot.disable_topic_rule(ruleName="r")
assert iot.list_topic_rules()["rules"][0]["ruleDisabled"] is True
iot.enable_topic_rule(ruleName="r")
bad = dict(payload, sql="SELECT * FROM 'a' WHERE")
message = refused("SqlParseException", iot.replace_topic_rule, ruleName="r", topicRulePayload=bad)["Error"]["Message"]
assert "line 1, column" in message, message
iot.delete_topic_rule(ruleName="r")
refused("UnauthorizedException", iot.get_topic_rule, ruleName="r")

assert iot.describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"] == "localhost"
print("ok")
