"""A command with Lambda's contract for Firehose: every record comes back as it is."""
import json
import sys

event = json.load(sys.stdin)
print(json.dumps({"records": [dict(recordId=one["recordId"], result="Ok", data=one["data"]) for one in event["records"]]}))
