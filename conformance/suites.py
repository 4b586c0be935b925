"""Public MQTT suites, unmodified, against `profile = "mqtt"`: `make suites`. They are fetched from the registries into target/suites.

paho-python  Eclipse Paho's suite for MQTT 5, which comes with its Python client (tests/test_mqttv5.py of its source distribution)
paho-c       the tests of Eclipse Paho's C client, MQTT 3.1.1 and 5 (in the crate paho-mqtt-sys), over plain TCP

Prints what each test came to; what fails and is not in KNOWN makes it fail. Needs cmake, and takes ten minutes.
"""
import importlib.metadata
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import boto3

REPOSITORY = Path(__file__).resolve().parents[1]
WORK = REPOSITORY / "target/suites"
SEKISHO = os.environ.get("SEKISHO_BIN", REPOSITORY / "target/debug/sekisho")
PAHO_C = "0.11.0"  # of the crate; the client is 1.3.16

# What they want of a server and no specification does.
KNOWN = {
    "paho-c": {
        "test10-5-error_handling": "SUBACK and UNSUBACK are to carry the request's user properties",
        "test45-1-basic-connect-subscribe-receive": "the same",
        "test45-4-send-receive-big-messages": "the same",
        "test10-6-qos_1_2_errors": "topics with names that only the suite's own broker refuses",
    },
}

# The suites know no users. Paho's C client buffers 100 messages, and its suite wants to see it held up by the server's Receive Maximum.
SETTINGS = "[limits]\nreceive_maximum = 10\n"
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "iot:*", "Resource": "*"},
        {"Effect": "Deny", "Action": "iot:Subscribe", "Resource": "arn:aws:iot:*:*:topicfilter/*nosubscribe"},
    ],
}


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Server:
    """A server that lets anybody on this machine in, as one device."""

    def __init__(self):
        self.port, api = free_port(), free_port()
        data = WORK / "data"
        shutil.rmtree(data, ignore_errors=True)
        (WORK / "sekisho.toml").write_text(SETTINGS)
        listeners = [f"--{name}=127.0.0.1:0" for name in ("mqtt", "https", "admin")]
        plain = [f"--plain-mqtt=127.0.0.1:{self.port}", "--plain-mqtt-as=lab"]
        command = [SEKISHO, "serve", f"--data={data}", f"--config={WORK / 'sekisho.toml'}", "--profile=mqtt", f"--api=127.0.0.1:{api}"]
        self.process = subprocess.Popen([*command, *listeners, *plain], stdout=open(WORK / "sekisho.log", "w"), stderr=subprocess.STDOUT)
        for _ in range(100):
            described = subprocess.run([SEKISHO, "env", f"--data={data}"], capture_output=True, text=True)
            if described.returncode == 0:
                break
            time.sleep(0.1)
        environment = dict(re.findall(r"export (\w+)='?([^'\n]*)'?", described.stdout))
        iot = boto3.client(
            "iot",
            endpoint_url=environment["AWS_ENDPOINT_URL"],
            region_name=environment["AWS_REGION"],
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        )
        iot.create_policy(policyName="lab", policyDocument=json.dumps(POLICY))
        certificate = iot.create_keys_and_certificate(setAsActive=True)["certificateArn"]
        iot.attach_policy(policyName="lab", target=certificate)
        iot.create_thing(thingName="lab")
        iot.attach_thing_principal(thingName="lab", principal=certificate)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


# The suite starts a broker in its own process. This one is there already.
BROKER = '''
import sys, types, unittest
server = types.SimpleNamespace(socket=types.SimpleNamespace(getsockname=lambda: ("127.0.0.1", {port})), shutdown=lambda: None)
brokers = types.ModuleType("mqtt.brokers")
brokers.run = lambda config: None
brokers.listeners = types.SimpleNamespace(TCPListeners=types.SimpleNamespace(server=server))
package = types.ModuleType("mqtt")
package.brokers = brokers
sys.modules.update({{"mqtt": package, "mqtt.brokers": brokers}})
unittest.main(module="tests.test_mqttv5", argv=["suite", "-v"])
'''


def paho_python(port):
    version = importlib.metadata.version("paho-mqtt")
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", "-d", WORK]
    subprocess.run([*pip, f"paho-mqtt=={version}"], check=True)
    tarfile.open(WORK / f"paho_mqtt-{version}.tar.gz").extractall(WORK, filter="data")
    suite = WORK / f"paho_mqtt-{version}"
    ran = subprocess.run([sys.executable, "-c", BROKER.format(port=port)], cwd=suite, capture_output=True, text=True)
    (WORK / "paho-python.log").write_text(ran.stdout + ran.stderr)
    return {name: outcome == "ok" for name, outcome in re.findall(r"^(test_\w+) .*?\.\.\. .*?(ok|ERROR|FAIL)$", ran.stderr, re.M | re.S)}


def paho_c(port):
    manifest = '[package]\nname = "suite"\nversion = "0.0.0"\nedition = "2021"\n[lib]\npath = "lib.rs"\n[workspace]\n'
    crate = WORK / "paho-c"
    crate.mkdir(exist_ok=True)
    (crate / "Cargo.toml").write_text(f'{manifest}[dependencies]\npaho-mqtt-sys = "={PAHO_C}"\n')
    (crate / "lib.rs").write_text("")
    subprocess.run(["cargo", "vendor", "-q", "vendor"], cwd=crate, check=True, stdout=subprocess.DEVNULL)
    source, build, proxy_port = crate / "vendor/paho-mqtt-sys/paho.mqtt.c", crate / "build", free_port()
    options = {
        "PAHO_WITH_SSL": "OFF",
        "PAHO_BUILD_SHARED": "TRUE",
        "PAHO_ENABLE_TESTING": "TRUE",
        "MQTT_TEST_BROKER": f"tcp://localhost:{port}",
        "MQTT_TEST_PROXY": f"tcp://localhost:{proxy_port}",
    }
    configure = ["cmake", "-S", source, "-B", build, *(f"-D{name}={value}" for name, value in options.items())]
    with open(WORK / "paho-c.log", "w") as log:
        subprocess.run(configure, check=True, stdout=log, stderr=log)
        subprocess.run(["cmake", "--build", build, "-j2"], check=True, stdout=log, stderr=log)
        proxy = [sys.executable, "mqttsas.py", "localhost", str(port), str(proxy_port)]
        proxy = subprocess.Popen(proxy, cwd=source / "test", stdout=log, stderr=log)
    try:
        # Not the tests over WebSocket: there are none here without a certificate or a signature.
        ran = subprocess.run(["ctest", "--timeout", "200", "-E", "ws-?"], cwd=build, capture_output=True, text=True)
    finally:
        proxy.kill()
    return {name: outcome == "Passed" for name, outcome in re.findall(r"Test +#\d+: (\S+) [ .*]*(\w+)", ran.stdout)}


def main():
    WORK.mkdir(parents=True, exist_ok=True)
    suites = {"paho-python": paho_python, "paho-c": paho_c}
    unexpected = 0
    with Server() as server:
        for suite in sys.argv[1:] or suites:
            outcomes, known = suites[suite](server.port), KNOWN.get(suite, {})
            for name, passed in outcomes.items():
                print(f"{suite}: {name}: {'passed' if passed else 'FAILED: ' + known.get(name, 'nobody knows why')}")
            failed = {name for name, passed in outcomes.items() if not passed}
            unexpected += len(failed - known.keys()) + (not outcomes)
            print(f"{suite}: {len(outcomes) - len(failed)} of {len(outcomes)} passed, {len(failed & known.keys())} want what no specification does")
    sys.exit(unexpected > 0)


main()
