"""What is refused at `/mqtt`, frame by frame: a client of a few lines that says what no client should."""
import os
import socket
import ssl
import struct
import subprocess
import time

from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

API_PORT, HTTPS_PORT = int(os.environ["API_PORT"]), int(os.environ["HTTPS_PORT"])
KEY, SECRET, REGION = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"], os.environ["AWS_REGION"]


def presigned(service="iotdevicegateway", secret=SECRET, expires=300):
    request = AWSRequest("GET", f"https://localhost:{API_PORT}/mqtt", headers={"Host": f"localhost:{API_PORT}"})
    SigV4QueryAuth(Credentials(KEY, secret), service, REGION, expires=expires).add_auth(request)
    return request.url.removeprefix(f"https://localhost:{API_PORT}")


class Socket:
    def __init__(self, path, port=API_PORT, certificate=None, **changed):
        context = ssl.create_default_context(cafile=os.environ["CA"])
        if certificate:
            context.load_cert_chain(f"{certificate}.pem", f"{certificate}.key")
        self.socket = context.wrap_socket(socket.create_connection(("localhost", port)), server_hostname="localhost")
        self.socket.settimeout(30)
        headers = {"Host": f"localhost:{port}", "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
                   "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol": "mqtt"}
        headers.update({name.replace("_", "-"): value for name, value in changed.items()})
        lines = [f"GET {path} HTTP/1.1"] + [f"{name}: {value}" for name, value in headers.items()]
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        self.rest = b""
        while b"\r\n\r\n" not in self.rest:
            self.rest += self.socket.recv(4096)
        head, self.rest = self.rest.split(b"\r\n\r\n", 1)
        self.head = head.decode()
        self.status = int(self.head.split()[1])

    def send(self, opcode, payload, fin=True, masked=True, claims=None):
        length = len(payload) if claims is None else claims
        head = bytes([(0x80 if fin else 0) | opcode])
        bit = 0x80 if masked else 0
        head += bytes([bit | length]) if length < 126 else bytes([bit | 126]) + struct.pack(">H", length) if length < 65536 \
            else bytes([bit | 127]) + struct.pack(">Q", length)
        mask = b"\x01\x02\x03\x04"
        body = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload)) if masked else payload
        self.socket.sendall(head + (mask if masked else b"") + body)

    def take(self, count):
        while len(self.rest) < count:
            more = self.socket.recv(4096)
            if not more:
                raise EOFError
            self.rest += more
        taken, self.rest = self.rest[:count], self.rest[count:]
        return taken

    def frame(self):
        first, second = self.take(2)
        length = second & 0x7F
        if length == 126:
            length = struct.unpack(">H", self.take(2))[0]
        return first & 0x0F, self.take(length)

    def close_code(self):
        opcode, payload = self.frame()
        assert opcode == 8, opcode
        assert self.ended()
        return struct.unpack(">H", payload[:2])[0]

    def ended(self):
        try:
            self.take(1)
        except (EOFError, ConnectionError, ssl.SSLError):
            return True
        return False


CONNECT = b"\x10\x13\x00\x04MQTT\x04\x02\x00\x3c\x00\x07console"
CONNACK = b"\x20\x02\x00\x00"


def why(about):
    return subprocess.run(["sekisho", "why", about], capture_output=True, text=True).stdout


def connected(**how):
    s = Socket(presigned(), **how)
    assert s.status == 101, s.head
    assert "sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=" in s.head.lower() and "sec-websocket-protocol: mqtt" in s.head.lower()
    s.send(2, CONNECT)
    assert s.frame() == (2, CONNACK)
    return s


# The upgrade.
assert Socket(presigned(secret="wrong")).status == 403
assert Socket("/mqtt").status == 403  # not signed
assert Socket(presigned(service="s3")).status == 403
stale = presigned(expires=1)
assert Socket(stale).status == 101
time.sleep(2.5)
assert Socket(stale).status == 403
assert Socket(presigned() + "&X-Amz-Security-Token=none").status == 403  # of nobody's
assert Socket(presigned(), Sec_WebSocket_Protocol="wamp").status == 400
refused = Socket(presigned(), Sec_WebSocket_Version="8")
assert refused.status == 426 and "sec-websocket-version: 13" in refused.head.lower()
assert Socket("/mqtt", port=HTTPS_PORT, certificate="pump-7", Sec_WebSocket_Protocol="wamp").status == 400

# Frames: a packet may cross them, and be in pieces of a message.
s = Socket(presigned())
s.send(2, CONNECT[:5])
s.send(2, CONNECT[5:9], fin=False)
s.send(9, b"are you there?")
s.send(0, CONNECT[9:])
answers = [s.frame(), s.frame()]
assert sorted(answers) == sorted([(10, b"are you there?"), (2, CONNACK)]), answers
s.send(2, b"\xc0\x00\xc0\x00")  # two PINGREQ
told = b""
while len(told) < 4:
    opcode, payload = s.frame()
    told += payload
assert told == b"\xd0\x00\xd0\x00"
s.send(8, b"\x03\xe8")
assert s.frame()[0] == 8 and s.ended()

for code, misuse in [
    (1003, lambda s: s.send(1, b"text")),
    (1009, lambda s: s.send(2, b"", claims=1 << 40)),
    (1009, lambda s: [s.send(opcode, b"\x00" * 90_000, fin=False) for opcode in (2, 0)]),
    (1002, lambda s: s.send(2, b"\xc0\x00", masked=False)),
    (1002, lambda s: s.send(3, b"reserved")),
]:
    s = connected()
    misuse(s)
    found = s.close_code()
    assert found == code, (found, code)
told = why("console")
for reason in "a WebSocket text frame", "a WebSocket message of 1099511627776 bytes", "not as RFC 6455 has it":
    assert reason in told, told
assert f"access key `{KEY}`" in told, told

# Text before CONNECT, and silence behind it, end it too.
s = Socket(presigned())
s.send(1, CONNECT)
assert s.close_code() == 1003
print("ok")
