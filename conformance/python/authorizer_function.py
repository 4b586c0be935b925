"""A custom authorizer's function: `FOLDER/<token, or user name>.json` is what it answers, `FOLDER/events` what it was asked."""
import base64
import json
import pathlib
import sys

folder, event = pathlib.Path(sys.argv[1]), json.load(sys.stdin)
with open(folder / "events", "a") as asked:
    asked.write(json.dumps(event) + "\n")
mqtt = event["protocolData"].get("mqtt", {})
who = event.get("token") or mqtt.get("username", "nobody").split("?")[0]
answer = folder / f"{who}.json"
known = answer.exists() and ("token" in event or base64.b64decode(mqtt.get("password", "")) == b"open sesame")
print(answer.read_text() if known else json.dumps({"isAuthenticated": False}))
