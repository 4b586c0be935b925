//! What is malformed, oversized or unsigned gets a clear error on the wire and a line for the operator, and harms nobody.
use std::io::{Read, Write};
use std::net::TcpStream;

use conformance::{Server, exchange};

fn healthy(server: &Server) {
    let answer = conformance::http_get(server.admin(), "/healthz").expect("the server answers");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// Sends bytes over mutual TLS and answers what comes back until the server closes.
fn over_tls(server: &Server, bytes: &str) -> Vec<u8> {
    let script = format!(
        r#"(printf '{bytes}'; sleep 2) | timeout 20 openssl s_client -quiet -connect localhost:$MQTT_PORT -CAfile $CA -cert pump-7.pem -key pump-7.key 2>/dev/null || true"#
    );
    server.command("bash").args(["-c", &script]).output().expect("bash is there").stdout
}

#[test]
fn malformed_mqtt() {
    let server = Server::start();
    server.device("pump-7");
    // Each closes the connection; a v5 client is told why once it has said that it is one.
    #[rustfmt::skip] // what                                     bytes as printf takes them
    let table = [
        ("not MQTT at all",                                      r"GET / HTTP/1.1\r\n\r\n"),
        ("CONNECT with a wrong protocol name",                   r"\x10\x0c\x00\x04MQTX\x04\x02\x00\x3c\x00\x00"),
        ("a packet before CONNECT",                              r"\xc0\x00"),
        ("a remaining length of five bytes",                     r"\x10\xff\xff\xff\xff\x7f"),
        ("a packet of 256 MB",                                   r"\x10\xff\xff\xff\x7f"),
        ("reserved flags of CONNECT",                            r"\x11\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00"),
    ];
    for (what, bytes) in table {
        let answer = over_tls(&server, bytes);
        assert!(answer.len() <= 64, "{what}: {answer:?}");
        healthy(&server);
    }
    let told =
        over_tls(&server, r"\x10\x13\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x06pump-7\x36\x07\x00\x01a\x00\x01\x00x");
    assert!(told.starts_with(&[0x20]), "CONNACK: {told:02x?}");
    let why = server.bash("sekisho why pump-7");
    assert!(why.contains("protocol"), "{why}");
    // A whole client goes on as if nothing had been.
    server.bash("mosquitto_pub -h localhost -p $MQTT_PORT --cafile $CA --cert pump-7.pem --key pump-7.key -i pump-7 -q 1 -t factory/pump-7/a -m 1");
}

#[test]
fn oversized_payloads_close_the_connection() {
    let server = Server::start();
    server.device("pump-7");
    let publish = |bytes: u32| {
        server.bash_may_fail(&format!(
            "head -c {bytes} /dev/zero > big && timeout 20 mosquitto_pub -h localhost -p $MQTT_PORT --cafile $CA --cert pump-7.pem \
             --key pump-7.key -i pump-7 -q 1 -t factory/pump-7/a -f big"
        ))
    };
    assert_eq!(publish(131_072).0, Some(0), "128 KiB are taken");
    assert_ne!(publish(131_073).0, Some(0), "one byte more is not");
    assert!(server.bash("sekisho why pump-7").contains("131073 bytes is over 131072"));
    healthy(&server);
}

#[test]
fn malformed_tls() {
    let server = Server::start();
    let address = format!("127.0.0.1:{}", server.mqtt_port());
    for bytes in [&b"hello"[..], &[0x16, 3, 1, 0xff, 0xff], &[0; 4096], &[0x80, 0x2e, 1, 0, 2]] {
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.write_all(bytes).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        healthy(&server);
    }
    assert!(server.bash("sekisho why 127.0.0.1").contains("handshake"));
}

#[test]
fn huge_certificates() {
    let server = Server::start();
    server.bash(
        r#"
        OUS=$(for n in $(seq 370); do printf '/OU=%064d' $n; done)
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout huge.key -out huge.pem -subj "/CN=huge$OUS" -days 9
        "#,
    );
    let (_, printed) = server.bash_may_fail(
        "timeout 20 openssl s_client -connect localhost:$MQTT_PORT -CAfile $CA -cert huge.pem -key huge.key </dev/null; sleep 1",
    );
    assert!(!printed.contains("New Session Ticket arrived"), "{printed}");
    let why = server.bash("sekisho why 127.0.0.1");
    assert!(why.contains("the client's certificate has") && why.contains("bytes, over 16384"), "{why}");
    healthy(&server);
}

#[test]
fn malformed_http_json_xml_and_signatures() {
    let server = Server::start();
    let address = server.api().trim_start_matches("http://").to_owned();
    let status = |bytes: &[u8]| {
        let answer = exchange(&address, bytes).unwrap_or_default();
        String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned()
    };
    assert!(status(b"\x00\x01\x02\r\n\r\n").contains("400"));
    assert!(status(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").contains("403"), "nobody is anonymous");
    let unsigned = b"POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-amz-target: TrentService.ListKeys\r\ncontent-length: 2\r\n\r\n{}";
    assert!(status(unsigned).contains("400"));
    let output = server.python("bad_requests.py");
    assert!(output.contains("ok"), "{output}");
    healthy(&server);
    let log = std::fs::read_to_string(server.scratch().join("server.log")).unwrap();
    assert!(log.contains("SignatureDoesNotMatch") || log.contains("signature"), "a line in the log");
    assert!(!log.contains("panicked"), "{log}");
}
