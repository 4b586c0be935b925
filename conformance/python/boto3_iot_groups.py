"""boto3 iot: thing types, thing groups, billing groups, searches, and the lists SDKs know by older and newer names."""
import json

import boto3
from peers import refused

iot = boto3.client("iot")
ARN = "arn:aws:iot:us-east-1:000000000000"


def pages(operation, member, **arguments):
    return [item for page in iot.get_paginator(operation).paginate(**arguments) for item in page[member]]


# Thing types
properties = {"thingTypeDescription": "Pumps (all)", "searchableAttributes": ["site"]}
kind = iot.create_thing_type(thingTypeName="pump", thingTypeProperties=properties, tags=[{"Key": "team", "Value": "blue"}])
assert kind["thingTypeArn"] == f"{ARN}:thingtype/pump"
assert iot.create_thing_type(thingTypeName="pump", thingTypeProperties=properties)["thingTypeId"] == kind["thingTypeId"]
refused("ResourceAlreadyExistsException", iot.create_thing_type, thingTypeName="pump")
assert iot.list_tags_for_resource(resourceArn=kind["thingTypeArn"])["tags"] == [{"Key": "team", "Value": "blue"}]
described = iot.describe_thing_type(thingTypeName="pump")
assert described["thingTypeProperties"] == properties and not described["thingTypeMetadata"]["deprecated"], described
many = {f"a{number}": "1" for number in range(50)}
iot.create_thing(thingName="pump-7", thingTypeName="pump", attributePayload={"attributes": many})
refused("InvalidRequestException", iot.create_thing, thingName="pump-8", attributePayload={"attributes": many})
refused("ResourceNotFoundException", iot.create_thing, thingName="pump-8", thingTypeName="valve")
assert [t["thingName"] for t in pages("list_things", "things", thingTypeName="pump")] == ["pump-7"]
iot.deprecate_thing_type(thingTypeName="pump")
assert [t["thingTypeMetadata"]["deprecated"] for t in pages("list_thing_types", "thingTypes")] == [True]
refused("InvalidRequestException", iot.create_thing, thingName="pump-8", thingTypeName="pump")
refused("InvalidRequestException", iot.delete_thing_type, thingTypeName="pump")
iot.deprecate_thing_type(thingTypeName="pump", undoDeprecate=True)
iot.update_thing_type(thingTypeName="pump", thingTypeProperties={"thingTypeDescription": "Pumps"})

# Thing groups
attributes = {"attributes": {"site": "a"}}
iot.create_thing_group(thingGroupName="plant", thingGroupProperties={"thingGroupDescription": "All", "attributePayload": attributes})
iot.create_thing_group(thingGroupName="hall", parentGroupName="plant")
iot.create_thing_group(thingGroupName="line", parentGroupName="hall")
above = iot.describe_thing_group(thingGroupName="line")["thingGroupMetadata"]
assert above["parentGroupName"] == "hall"
assert [group["groupName"] for group in above["rootToParentThingGroups"]] == ["plant", "hall"]
assert iot.update_thing_group(thingGroupName="plant", thingGroupProperties={}, expectedVersion=1)["version"] == 2
refused("VersionConflictException", iot.update_thing_group, thingGroupName="plant", thingGroupProperties={}, expectedVersion=1)
assert [g["groupName"] for g in pages("list_thing_groups", "thingGroups")] == ["hall", "line", "plant"]
assert [g["groupName"] for g in pages("list_thing_groups", "thingGroups", recursive=False)] == ["plant"]
iot.add_thing_to_thing_group(thingGroupName="line", thingName="pump-7")
refused("InvalidRequestException", iot.add_thing_to_thing_group, thingGroupName="plant", thingName="pump-7")
assert pages("list_things_in_thing_group", "things", thingGroupName="plant", recursive=True) == ["pump-7"]
iot.update_thing_groups_for_thing(thingName="pump-7", thingGroupsToAdd=["hall"], thingGroupsToRemove=["line"])
assert [g["groupName"] for g in pages("list_thing_groups_for_thing", "thingGroups", thingName="pump-7")] == ["hall"]
document = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}]})
for name in ("one", "two", "three"):
    iot.create_policy(policyName=name, policyDocument=document)
for name in ("one", "two"):
    iot.attach_policy(policyName=name, target=f"{ARN}:thinggroup/plant")
refused("LimitExceededException", iot.attach_policy, policyName="three", target=f"{ARN}:thinggroup/plant")
inherited = iot.list_attached_policies(target=f"{ARN}:thinggroup/hall", recursive=True)["policies"]
assert [policy["policyName"] for policy in inherited] == ["one", "two"]
assert iot.list_targets_for_policy(policyName="one")["targets"] == [f"{ARN}:thinggroup/plant"]
refused("InvalidRequestException", iot.delete_thing_group, thingGroupName="hall")

# Billing groups
iot.create_billing_group(billingGroupName="payer", billingGroupProperties={"billingGroupDescription": "Pays"})
iot.create_billing_group(billingGroupName="other")
iot.add_thing_to_billing_group(billingGroupName="payer", thingName="pump-7")
iot.add_thing_to_billing_group(billingGroupName="other", thingName="pump-7")
assert iot.describe_thing(thingName="pump-7")["billingGroupName"] == "other"
assert pages("list_things_in_billing_group", "things", billingGroupName="payer") == []
assert iot.update_billing_group(billingGroupName="payer", billingGroupProperties={}, expectedVersion=1)["version"] == 2
assert iot.describe_billing_group(billingGroupName="payer")["billingGroupProperties"] == {"billingGroupDescription": "Pays"}
assert [g["groupName"] for g in pages("list_billing_groups", "billingGroups", namePrefixFilter="p")] == ["payer"]

# Searches
found = iot.search_index(queryString="thingName:pump* AND attributes.a7:1 AND thingGroupNames:hall")["things"]
assert [thing["thingName"] for thing in found] == ["pump-7"]
assert (found[0]["thingTypeName"], found[0]["thingGroupNames"]) == ("pump", ["hall", "other"])
refused("InvalidQueryException", iot.search_index, queryString="thingName:a OR thingName:b")

# Other names
made = iot.create_keys_and_certificate(setAsActive=True)["certificateArn"]
iot.attach_thing_principal(thingName="pump-7", principal=made, thingPrincipalType="EXCLUSIVE_THING")
iot.attach_policy(policyName="three", target=made)
assert [policy["policyName"] for policy in iot.list_principal_policies(principal=made)["policies"]] == ["three"]
assert iot.list_policy_principals(policyName="three")["principals"] == [made]
objects = [{"principal": made, "thingPrincipalType": "EXCLUSIVE_THING"}]
assert iot.list_thing_principals_v2(thingName="pump-7")["thingPrincipalObjects"] == objects
objects = [{"thingName": "pump-7", "thingPrincipalType": "EXCLUSIVE_THING"}]
assert iot.list_principal_things_v2(principal=made)["principalThingObjects"] == objects

# Things and groups go, and what they were in knows
iot.detach_thing_principal(thingName="pump-7", principal=made)
iot.delete_thing(thingName="pump-7")
assert pages("list_things_in_thing_group", "things", thingGroupName="plant", recursive=True) == []
for name in ("line", "hall", "plant", "plant"):
    iot.delete_thing_group(thingGroupName=name)
assert iot.list_targets_for_policy(policyName="one")["targets"] == []
iot.delete_policy(policyName="one")
iot.delete_billing_group(billingGroupName="payer")
print("ok")
