"""Registry events: off, then on by boto3's UpdateEventConfigurations, as paho hears them (iot dev guide: registry-events)."""
import re
import time

import boto3
from listening import Watcher
from peers import refused

iot = boto3.client("iot")
KINDS = ["THING", "THING_GROUP", "THING_TYPE", "THING_GROUP_MEMBERSHIP", "THING_GROUP_HIERARCHY", "THING_TYPE_ASSOCIATION", "JOB", "JOB_EXECUTION",
         "POLICY", "CERTIFICATE", "CA_CERTIFICATE"]
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
E = "$aws/events"

described = iot.describe_event_configurations()
assert described["eventConfigurations"] == {kind: {"Enabled": False} for kind in KINDS} and "creationDate" not in described, described
watcher = Watcher(f"{E}/thing/#", f"{E}/thingType/#", f"{E}/thingGroup/#", f"{E}/thingGroupMembership/#", f"{E}/thingGroupHierarchy/#",
                  f"{E}/thingTypeAssociation/#")
iot.create_thing(thingName="before")
iot.update_event_configurations(eventConfigurations={"THING": {"Enabled": True}, "JOB": {"Enabled": True}})
described = iot.describe_event_configurations()
assert [kind for kind, c in described["eventConfigurations"].items() if c["Enabled"]] == ["JOB", "THING"] or \
    {kind for kind, c in described["eventConfigurations"].items() if c["Enabled"]} == {"JOB", "THING"}
assert abs(described["creationDate"].timestamp() - time.time()) < 300
refused("InvalidRequestException", iot.update_event_configurations, eventConfigurations={"WEATHER": {"Enabled": True}})

made = iot.create_thing(thingName="t1", attributePayload={"attributes": {"site": "x"}})
told = watcher.told(f"{E}/thing/t1/created")
assert re.fullmatch(UUID, told.pop("eventId")) and abs(told.pop("timestamp") / 1000 - time.time()) < 300
assert told == {"eventType": "THING_EVENT", "operation": "CREATED", "accountId": "000000000000", "thingId": made["thingId"], "thingName": "t1",
                "versionNumber": 1, "thingTypeName": None, "attributes": {"site": "x"}}, told
iot.create_thing_type(thingTypeName="silent")
iot.update_thing(thingName="t1", attributePayload={"attributes": {"site": "y"}})
told = watcher.told(f"{E}/thing/t1/updated")
assert (told["versionNumber"], told["attributes"], told["operation"]) == (2, {"site": "y"}, "UPDATED")

iot.update_event_configurations(eventConfigurations={kind: {"Enabled": True} for kind in KINDS})
kind = iot.create_thing_type(thingTypeName="pump", thingTypeProperties={"thingTypeDescription": "d", "searchableAttributes": ["site"]})
told = watcher.told(f"{E}/thingType/pump/created")
assert (told["thingTypeId"], told["isDeprecated"], told["deprecationDate"], told["searchableAttributes"], told["description"]) == \
    (kind["thingTypeId"], False, None, ["site"], "d"), told
iot.update_thing(thingName="t1", thingTypeName="pump")
told = watcher.told(f"{E}/thingTypeAssociation/thing/t1/thingType/pump/added")
assert (told["eventType"], told["operation"], told["thingId"]) == ("THING_TYPE_ASSOCIATION_EVENT", "ADDED", made["thingId"])
plant = iot.create_thing_group(thingGroupName="plant")
hall = iot.create_thing_group(thingGroupName="hall", parentGroupName="plant")
assert watcher.told(f"{E}/thingGroup/plant/created")["parentGroupName"] is None
told = watcher.told(f"{E}/thingGroup/hall/created")
assert told["rootToParentThingGroups"] == [{"groupArn": plant["thingGroupArn"], "groupId": plant["thingGroupId"]}] and told["parentGroupId"] == plant["thingGroupId"]
told = watcher.told(f"{E}/thingGroupHierarchy/thingGroup/plant/childThingGroup/hall/added")
assert (told["thingGroupId"], told["childGroupId"], told["operation"]) == (plant["thingGroupId"], hall["thingGroupId"], "ADDED")
iot.add_thing_to_thing_group(thingName="t1", thingGroupName="hall")
added = watcher.told(f"{E}/thingGroupMembership/thingGroup/hall/thing/t1/added")
assert (added["groupArn"], added["groupId"], added["thingArn"], added["thingId"]) == (hall["thingGroupArn"], hall["thingGroupId"], made["thingArn"], made["thingId"])
iot.remove_thing_from_thing_group(thingName="t1", thingGroupName="hall")
removed = watcher.told(f"{E}/thingGroupMembership/thingGroup/hall/thing/t1/removed")
assert removed["membershipId"] == added["membershipId"] and removed["operation"] == "REMOVED" and removed["eventId"] != added["eventId"]
iot.delete_thing_group(thingGroupName="hall")
assert watcher.told(f"{E}/thingGroup/hall/deleted")["thingGroupId"] == hall["thingGroupId"]
iot.delete_thing(thingName="t1")
told = watcher.told(f"{E}/thing/t1/deleted")
assert (told["thingId"], told["versionNumber"], told["attributes"], told["thingTypeName"]) == (made["thingId"], 3, {"site": "y"}, "pump"), told
rest = {topic for topic, _ in watcher.rest()}
assert not any("/before/" in topic or "/silent/" in topic for topic in rest), rest

# Off again
iot.update_event_configurations(eventConfigurations={"THING": {"Enabled": False}})
iot.create_thing(thingName="t2")
iot.create_thing_type(thingTypeName="last")
watcher.told(f"{E}/thingType/last/created")
assert not any("/t2/" in topic for topic, _ in watcher.rest())
