"""A pre-provisioning hook: keeps what it was asked, refuses the serial number `bad`, and knows better in which hall the device is."""
import json
import pathlib
import sys

event = json.load(sys.stdin)
pathlib.Path(sys.argv[1]).write_text(json.dumps(event))
if event["parameters"]["Serial"] == "bad":
    print(json.dumps({"allowProvisioning": False}))
else:
    print(json.dumps({"allowProvisioning": True, "parameterOverrides": {"Hall": "of-the-hook"}}))
