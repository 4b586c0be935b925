//! Who holds on to connections, memory or handshakes takes them from nobody else.
use conformance::Server;

/// Many TLS connections at once, kept open until the script ends; what it prints says how it went.
const HOLD: &str = r#"
import os, socket, ssl, subprocess, time, urllib.request
context = ssl.create_default_context(cafile=os.environ["CA"])
context.load_cert_chain(os.environ["CERT"] + ".pem", os.environ["CERT"] + ".key")
def connect(port):
    stream = socket.create_connection(("127.0.0.1", int(os.environ[port])), timeout=10)
    return context.wrap_socket(stream, server_hostname="localhost")
"#;

fn hold(server: &Server, certificate: &str, script: &str) -> String {
    std::fs::write(server.scratch().join("hold.py"), [HOLD, script].concat()).expect("the scratch folder is ours");
    server.bash(&format!("CERT={certificate} python hold.py"))
}

#[test]
fn devices_leave_descriptors_to_api_admin_and_journal() {
    let server = Server::start_within(160);
    server.device("pump-7");
    // A body that never ends holds each connection; those who find no room wait in the kernel's backlog.
    let printed = hold(
        &server,
        "pump-7",
        r#"
held = []
for n in range(160):
    try:
        stream = connect("HTTPS_PORT")
        stream.sendall(b"POST /topics/shared/a?qos=1 HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\n\r\n{")
        held.append(stream)
    except TimeoutError:
        break
print("held", len(held))
print("healthz", urllib.request.urlopen(os.environ["ADMIN"] + "/healthz", timeout=30).status)
subprocess.run(["aws", "iot", "create-thing", "--thing-name", "pump-7"], check=True, stdout=subprocess.DEVNULL)
print("thing made")
for stream in held: stream.close()
held.clear()
print("again", connect("MQTT_PORT").version())
        "#,
    );
    // Half of them, and one of these waits at the MQTT port.
    for expected in ["held 79", "healthz 200", "thing made", "again TLSv1.3"] {
        assert!(printed.contains(expected), "{expected}: {printed}");
    }
}

#[test]
fn a_body_that_does_not_come_is_not_waited_for() {
    let server = Server::start();
    server.device("pump-7");
    let printed = hold(
        &server,
        "pump-7",
        r#"
stream = connect("HTTPS_PORT")
stream.sendall(b"POST /topics/shared/a?qos=1 HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\n\r\n{")
stream.settimeout(1)
answer = b""
for n in range(60):
    try:
        read = stream.recv(4096)
        answer += read
        if not read: break
    except TimeoutError:
        stream.sendall(b" ")
else:
    print("it is still there")
print(answer)
        "#,
    );
    assert!(printed.contains("HTTP/1.1 408"), "{printed}");
    assert!(!printed.contains("still there"), "and the connection is closed: {printed}");
}

#[test]
fn handshakes_that_stall_give_way() {
    let server = Server::start_within(160);
    server.device("pump-7");
    // Of 80 places a quarter is for handshakes of a port. Half of the peers send nothing, half a ClientHello and nothing more.
    let printed = hold(
        &server,
        "pump-7",
        r#"
held = []
for n in range(40):
    stream = socket.create_connection(("127.0.0.1", int(os.environ["MQTT_PORT"])))
    if n % 2:
        outgoing = ssl.MemoryBIO()
        client = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost")
        try: client.do_handshake()
        except ssl.SSLWantReadError: stream.sendall(outgoing.read())
    held.append(stream)
print("device", connect("MQTT_PORT").version())
        "#,
    );
    assert!(printed.contains("device TLSv1.3"), "{printed}");
    let why = server.bash("sekisho why 127.0.0.1");
    assert!(why.contains("the handshake gave way to others that waited"), "{why}");
}

/// Bytes of memory the server holds.
fn resident(server: &Server) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("the server runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line of /proc");
    line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") * 1024
}

#[test]
fn nothing_is_kept_of_what_a_stranger_sends() {
    let server = Server::start();
    server.bash("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout stranger.key -out stranger.pem -subj /CN=stranger -days 9 2>/dev/null");
    // All but the last byte of the largest payload, on many connections; then the last byte: the answer is what it was.
    let script = r#"
def post(size):
    stream = connect("HTTPS_PORT")
    head = f"POST /topics/shared/a?qos=1 HTTP/1.1\r\nhost: localhost\r\ncontent-length: {size}\r\n\r\n"
    stream.sendall(head.encode() + b"x" * (size - 1))
    return stream
def answer(stream):
    answer = b""
    while read := stream.recv(4096): answer += read
    return answer
held = [post(131072) for n in range(200)]
time.sleep(1)
pid = int(os.environ["PID"])
resident = [line for line in open(f"/proc/{pid}/status") if line.startswith("VmRSS")][0].split()[1]
print("resident", resident)
for stream in held: stream.sendall(b"x")
for stream in held: print("answer", answer(stream).split(b"\r\n")[0], "closed")
held = None
large = post(131073)
large.sendall(b"x")
print("large", large.recv(4096).split(b"\r\n")[0])
        "#;
    let before = resident(&server);
    let printed = hold(&server, &format!("stranger PID={}", server.pid()), script);
    let field =
        |name: &str| printed.lines().find_map(|line| line.strip_prefix(name)).expect("it is printed").trim().to_owned();
    let grown = (field("resident").parse::<usize>().expect("a number") * 1024).saturating_sub(before);
    assert!(grown < 200 * 100_000, "{grown} bytes for 200 payloads of 131,072");
    assert_eq!(printed.matches("answer b'HTTP/1.1 403 Forbidden' closed").count(), 200, "{printed}");
    assert_eq!(field("large"), "b'HTTP/1.1 413 Payload Too Large'", "{printed}");
    assert!(server.bash("sekisho why 127.0.0.1").contains("is not registered"));
}

#[test]
fn who_shows_nothing_makes_room_on_the_devices_port() {
    let server = Server::start_with(&["--alpn", "127.0.0.1:0"]);
    server.device("pump-7");
    let printed = hold(
        &server,
        "pump-7",
        r#"
def nobody():
    stream = socket.create_connection(("127.0.0.1", int(os.environ["ALPN"].rsplit(":")[-1])), timeout=30)
    return ssl.create_default_context(cafile=os.environ["CA"]).wrap_socket(stream, server_hostname="localhost")
def rest(stream):
    answer = b""
    try:
        while read := stream.recv(4096): answer += read
    except TimeoutError:
        return "open"
    return answer.split(b"\r\n")[0]
silent = nobody()
unsigned, preflight, second = nobody(), nobody(), nobody()
unsigned.sendall(b"GET /x HTTP/1.1\r\nhost: localhost\r\n\r\n")
preflight.sendall(b"OPTIONS /x HTTP/1.1\r\nhost: localhost\r\norigin: http://x\r\n\r\n")
second.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0")
print("unsigned", rest(unsigned))
print("preflight", rest(preflight))
print("HTTP/2", rest(second))
print("silent", rest(silent))
        "#,
    );
    assert!(printed.contains("unsigned b'HTTP/1.1 403 Forbidden'"), "{printed}");
    for left in ["preflight b'HTTP/1.1 40", "HTTP/2 b'", "silent b''"] {
        assert!(printed.contains(left), "{left}: {printed}");
    }
    assert!(!printed.contains("open"), "{printed}");
    // Whoever signs keeps the connection.
    let kept = server.bash(
        r#"
        for n in 1 2; do echo "https://$ALPN/topics/a?qos=1"; done > urls
        curl -sv --http1.1 --cacert $CA --aws-sigv4 "aws:amz:$AWS_REGION:iotdata" --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" \
          -d x $(cat urls) 2>&1
        "#,
    );
    assert_eq!(kept.matches("HTTP/1.1 200").count(), 2, "{kept}");
    assert!(kept.contains("Re-using existing"), "{kept}");
}

#[test]
fn who_does_not_read_is_not_waited_for_and_who_reads_slowly_is() {
    let server = Server::start_with(&["--alpn", "127.0.0.1:0"]);
    server.device("pump-7");
    let script = r#"
import select, threading
import boto3, botocore.config
def pipelining(port, tls, request):
    """Requests and nothing read, until nothing more is taken."""
    stream = socket.socket()
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    stream.connect(("127.0.0.1", int(port)))
    if tls: stream = tls.wrap_socket(stream, server_hostname="localhost")
    stream.settimeout(5)
    try:
        while True: stream.sendall(request * 50)
    except TimeoutError:
        return stream
def ended(name, stream):
    poll = select.poll()
    poll.register(stream.fileno(), 0)
    print(name, "ended" if poll.poll(60_000) else "is still there", flush=True)
s3 = boto3.client("s3", config=botocore.config.Config(signature_version="s3v4"))
large = os.urandom(1 << 20) * 24
s3.create_bucket(Bucket="large")
s3.put_object(Bucket="large", Key="large", Body=large)
body, began = s3.get_object(Bucket="large", Key="large")["Body"], time.monotonic()
url = s3.generate_presigned_url("get_object", {"Bucket": "large", "Key": "large"}).split("/", 3)
get = lambda host, path: f"GET /{path} HTTP/1.1\r\nhost: {host}\r\n\r\n".encode()
threads = [threading.Thread(target=lambda name, *at: ended(name, pipelining(*at)), args=at) for at in
           [("https", os.environ["HTTPS_PORT"], context, get("localhost", "x")), ("api", os.environ["API_PORT"], None, get(*url[2:]))]]
for thread in threads: thread.start()
read = b""
while any(thread.is_alive() for thread in threads) or time.monotonic() - began < 33:
    read += body.read(65536)
    time.sleep(1)
print("read", read + body.read() == large)
"#;
    let printed = hold(&server, "pump-7", script);
    for told in ["https ended", "api ended", "read True"] {
        assert!(printed.contains(told), "{told}: {printed}");
    }
}

#[test]
fn bodies_that_are_not_verified_yet_have_so_much_room() {
    let server = Server::start();
    server.device("pump-7");
    let before = resident(&server);
    // All but the last byte of the largest body, signed by nobody, with an access key's id that everybody may know.
    let script = r#"
import datetime, select
now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
scope, size = f"{os.environ['AWS_ACCESS_KEY_ID']}/{now[:8]}/us-east-1/firehose/aws4_request", 8 << 20
head = f"""POST / HTTP/1.1
Host: localhost
X-Amz-Date: {now}
X-Amz-Target: Firehose_20150804.PutRecord
Content-Type: application/x-amz-json-1.1
Authorization: AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host;x-amz-date, Signature={"0" * 64}
Content-Length: {size}

""".replace("\n", "\r\n").encode()
held = []
for n in range(40):
    stream = socket.create_connection(("127.0.0.1", int(os.environ["API_PORT"])))
    stream.sendall(head)
    stream.setblocking(False)
    held.append((stream, memoryview(b"{" * (size - 1))))
answers, until, most = [], time.monotonic() + 60, 0
while len(answers) < 32 and time.monotonic() < until:
    reads, writes, _ = select.select([stream for stream, _ in held], [stream for stream, rest in held if rest], [], 1)
    for n, (stream, rest) in enumerate(held):
        try:
            if stream in reads: held[n] = None; answers.append(stream.recv(4096))
            elif stream in writes: held[n] = (stream, rest[stream.send(rest[:65536]):])
        except OSError: held[n] = None; answers.append(b"")  # closed, and the answer lost with what was on its way
    held = [entry for entry in held if entry]
    status = open(f"/proc/{os.environ['PID']}/status").read()
    most = max(most, int(status.split("VmRSS:")[1].split()[0]))
    if len(answers) == 0: subprocess.run(["aws", "iot", "list-things"], check=True, stdout=subprocess.DEVNULL)
print("most", most)
print("ended", len(answers))
print("refused", sum(answer.startswith(b"HTTP/1.1 503") and b"ServiceUnavailableException" in answer for answer in answers))
"#;
    let printed = hold(&server, &format!("pump-7 PID={}", server.pid()), script);
    let field = |name: &str| -> usize {
        let line = printed.lines().find_map(|line| line.strip_prefix(name)).expect("it is printed");
        line.trim().parse().expect("a number")
    };
    assert!(field("ended") >= 32 && field("refused") >= 8, "{printed}");
    let grown = (field("most") * 1024).saturating_sub(before);
    assert!(grown < 200 << 20, "{grown} bytes for 40 bodies of 8 MiB");
}
