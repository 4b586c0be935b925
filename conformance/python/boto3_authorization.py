"""TestAuthorization and GetEffectivePolicies: decisions, the policies that make them, what was not known; refusals."""
import json

import boto3
from botocore.exceptions import ClientError

iot = boto3.client("iot")
arn = "arn:aws:iot:us-east-1:000000000000"


def policy(name, *statements):
    iot.create_policy(policyName=name, policyDocument=json.dumps({"Version": "2012-10-17", "Statement": list(statements)}))


policy("own", {"Effect": "Allow", "Action": "iot:Connect", "Resource": f"{arn}:client/${{iot:ClientId}}"},
       {"Effect": "Allow", "Action": ["iot:Pub*", "iot:RECEIVE"], "Resource": f"{arn}:topic/${{iot:Connection.Thing.ThingName}}/*"})
policy("group", {"Effect": "Allow", "Action": "iot:Subscribe", "Resource": "*",
                 "Condition": {"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}})
policy("company", {"Effect": "Deny", "Action": "*", "Resource": f"{arn}:topic/*/secret"})
cert = iot.create_keys_and_certificate(setAsActive=True)["certificateArn"]
iot.attach_policy(policyName="own", target=cert)
iot.create_thing_group(thingGroupName="all")
iot.create_thing_group(thingGroupName="hall", parentGroupName="all")
iot.attach_policy(policyName="company", target=f"{arn}:thinggroup/all")
iot.attach_policy(policyName="group", target=f"{arn}:thinggroup/hall")
iot.create_thing(thingName="pump-7")
iot.add_thing_to_thing_group(thingGroupName="hall", thingName="pump-7")


def names(policies):
    for one in policies:
        assert one["policyArn"] == f"{arn}:policy/{one['policyName']}", one
    return sorted(one["policyName"] for one in policies)


def ask(action, resource, client_id="pump-7", **more):
    info = {"actionType": action, "resources": [f"{arn}:{resource}"]}
    result, = iot.test_authorization(principal=cert, clientId=client_id, authInfos=[info], **more)["authResults"]
    assert result["authInfo"] == info, result
    denied = result["denied"]
    return (result["authDecision"], names(result["allowed"]["policies"]), names(denied["explicitDeny"]["policies"]),
            names(denied["implicitDeny"]["policies"]), result["missingContextValues"])


thing_name = "iot:Connection.Thing.ThingName"
assert names(iot.get_effective_policies(principal=cert)["effectivePolicies"]) == ["own"]
assert ask("PUBLISH", "topic/pump-7/t") == ("IMPLICIT_DENY", [], [], ["own"], [thing_name])
iot.attach_thing_principal(thingName="pump-7", principal=cert)
assert names(iot.get_effective_policies(principal=cert, thingName="pump-7")["effectivePolicies"]) == ["company", "group", "own"]
assert names(iot.get_effective_policies(thingName="pump-7")["effectivePolicies"]) == ["company", "group"]
assert names(iot.get_effective_policies(principal=f"{arn}:thinggroup/hall")["effectivePolicies"]) == ["company", "group"]
effective = iot.get_effective_policies(principal=f"{arn}:thinggroup/all")["effectivePolicies"]
assert json.loads(effective[0]["policyDocument"])["Statement"][0]["Effect"] == "Deny", effective

assert ask("CONNECT", "client/pump-7") == ("ALLOWED", ["own"], [], ["company", "group"], [])
assert ask("CONNECT", "client/pump-8") == ("IMPLICIT_DENY", [], [], ["company", "group", "own"], [])
assert ask("PUBLISH", "topic/pump-7/t") == ("ALLOWED", ["own"], [], ["company", "group"], [])
assert ask("RECEIVE", "topic/pump-7/t")[0] == "ALLOWED"
assert ask("PUBLISH", "topic/pump-7/secret") == ("EXPLICIT_DENY", ["own"], ["company"], ["group"], [])
assert ask("PUBLISH", "topic/pump-7/t", client_id="pump-8") == ("IMPLICIT_DENY", [], [], ["own"], [thing_name])
assert ask("SUBSCRIBE", "topicfilter/x") == ("IMPLICIT_DENY", [], [], ["company", "group", "own"], ["aws:SourceIp"])
policy("open", {"Effect": "Allow", "Action": "iot:Subscribe", "Resource": "*"})
assert ask("SUBSCRIBE", "topicfilter/x", policyNamesToAdd=["open"])[:2] == ("ALLOWED", ["open"])
assert ask("PUBLISH", "topic/pump-7/secret", policyNamesToSkip=["company"])[0] == "ALLOWED"
assert names(iot.list_attached_policies(target=cert)["policies"]) == ["own"]  # nothing was attached, or detached
several = iot.test_authorization(principal=cert, clientId="pump-7", authInfos=[
    {"actionType": "PUBLISH", "resources": [f"{arn}:topic/pump-7/a", f"{arn}:topic/pump-7/b"]},
    {"actionType": "PUBLISH", "resources": [f"{arn}:topic/pump-7/a", f"{arn}:topic/else"]},
    {"actionType": "PUBLISH", "resources": [f"{arn}:topic/pump-7/a", f"{arn}:topic/pump-7/secret"]}])["authResults"]
assert [one["authDecision"] for one in several] == ["ALLOWED", "IMPLICIT_DENY", "EXPLICIT_DENY"], several

info = [{"actionType": "PUBLISH", "resources": [f"{arn}:topic/a"]}]
for code, call in (
    ("ResourceNotFoundException", lambda: iot.test_authorization(principal=f"{arn}:cert/{'0' * 64}", authInfos=info)),
    ("ResourceNotFoundException", lambda: iot.test_authorization(principal=cert, authInfos=info, policyNamesToAdd=["none"])),
    ("InvalidRequestException", lambda: iot.test_authorization(authInfos=info)),
    ("InvalidRequestException", lambda: iot.test_authorization(principal="us-east-1:identity", authInfos=info)),
    ("InvalidRequestException", lambda: iot.test_authorization(principal=cert, authInfos=[{"resources": [f"{arn}:topic/a"]}])),
    ("InvalidRequestException", lambda: iot.test_authorization(principal=cert, authInfos=info * 11)),
    ("InvalidRequestException", lambda: iot.get_effective_policies()),
    ("InvalidRequestException", lambda: iot.get_effective_policies(principal="nonsense")),
    ("ResourceNotFoundException", lambda: iot.get_effective_policies(thingName="none")),
    ("ResourceNotFoundException", lambda: iot.get_effective_policies(principal=f"{arn}:thinggroup/none")),
    ("MalformedPolicyException", lambda: policy("bad", {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"IpAddress": {"aws:SourceIp": "x"}}})),
    ("MalformedPolicyException", lambda: policy("bad", {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"StringIs": {"iot:ClientId": "x"}}})),
    ("MalformedPolicyException", lambda: policy("bad", {"Effect": "Allow", "Action": "*", "Resource": "*", "Principal": "*"})),
):
    try:
        call()
        raise AssertionError(code)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
print("ok")
