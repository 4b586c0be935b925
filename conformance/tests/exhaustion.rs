//! Who holds on to connections, memory or handshakes takes them from nobody else.
use conformance::Server;

/// Many TLS connections at once, kept open until the script ends; what it prints says how it went.
const HOLD: &str = r#"
import os, socket, ssl, subprocess, time, urllib.request
context = ssl.create_default_context(cafile=os.environ["CA"])
context.load_cert_chain("pump-7.pem", "pump-7.key")
def connect(port):
    stream = socket.create_connection(("127.0.0.1", int(os.environ[port])), timeout=10)
    return context.wrap_socket(stream, server_hostname="localhost")
"#;

fn hold(server: &Server, script: &str) -> String {
    std::fs::write(server.scratch().join("hold.py"), [HOLD, script].concat()).expect("the scratch folder is ours");
    server.bash("python hold.py")
}

#[test]
fn devices_leave_descriptors_to_api_admin_and_journal() {
    let server = Server::start_within(160);
    server.device("pump-7");
    // A body that never ends holds each connection; those who find no room wait in the kernel's backlog.
    let printed = hold(
        &server,
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
