//! openssl against the device ports: versions, ALPN, who we say we are.
use conformance::Server;

fn handshake(server: &Server, flags: &str) -> String {
    let script = format!(
        "echo | timeout 20 openssl s_client -connect localhost:$MQTT_PORT -servername localhost -verify_hostname localhost \
         -CAfile $CA -cert pump-7.pem -key pump-7.key {flags} 2>&1 || true"
    );
    server.bash(&script)
}

#[test]
fn versions_names_and_protocols() {
    let server = Server::start();
    server.device("pump-7");
    let text = handshake(&server, "-tls1_3");
    assert!(text.contains("TLSv1.3") && text.contains("Verify return code: 0 (ok)"), "{text}");
    let text = handshake(&server, "-tls1_2");
    assert!(text.contains("TLSv1.2") && text.contains("Verify return code: 0 (ok)"), "{text}");
    let (code, text) = server
        .bash_may_fail("echo | timeout 20 openssl s_client -connect localhost:$MQTT_PORT -CAfile $CA -tls1_1 2>&1");
    assert_ne!(code, Some(0), "{text}");
    let text = handshake(&server, "-alpn x-amzn-mqtt-ca");
    assert!(text.contains("ALPN protocol: x-amzn-mqtt-ca"), "{text}");
}

#[test]
fn without_a_certificate_there_is_no_connection() {
    let server = Server::start();
    let (_, text) = server.bash_may_fail(
        "(printf '\\x10\\x0c\\x00\\x04MQTT\\x04\\x02\\x00\\x3c\\x00\\x00'; sleep 1) | timeout 20 openssl s_client -connect localhost:$MQTT_PORT -CAfile $CA 2>&1",
    );
    assert!(
        text.contains("alert certificate required") || text.contains("handshake failure") || text.contains("alert"),
        "{text}"
    );
}

#[test]
fn mutual_tls_resumes_and_a_revocation_outlives_the_ticket() {
    let server = Server::start();
    let arn = server.device("pump-7");
    let first = handshake(&server, "-tls1_3 -sess_out session -ign_eof");
    assert!(first.contains("New, TLSv1.3"), "{first}");
    let id = arn.rsplit('/').next().unwrap().to_owned();
    server.aws(&["iot", "update-certificate", "--certificate-id", &id, "--new-status", "REVOKED"]);
    // Resumed or not: the CONNECT of a revoked certificate is closed without an answer.
    let answer = server.bash(
        "(printf '\\x10\\x12\\x00\\x04MQTT\\x04\\x02\\x00\\x3c\\x00\\x06pump-7'; sleep 2) | timeout 20 openssl s_client -quiet \
         -connect localhost:$MQTT_PORT -CAfile $CA -cert pump-7.pem -key pump-7.key -sess_in session 2>/dev/null | wc -c || true",
    );
    assert_eq!(answer.trim(), "0");
    assert!(server.bash("sekisho why pump-7").contains("is REVOKED"));
}
