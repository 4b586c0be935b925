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

/// CONNECT as `pump-7`, and then silence.
const CONNECT: &str = "printf '\\x10\\x12\\x00\\x04MQTT\\x04\\x02\\x00\\x3c\\x00\\x06pump-7'; sleep";

/// A resumed session keeps the certificate it began with, and nobody looks at its signature again: the registry is asked all the same.
#[test]
fn sessions_resume_and_a_revocation_outlives_them() {
    // TLS 1.2 resumes one session again and again; 1.3 gives a new ticket each time, good for once.
    for (version, named, [first_out, second_out, third_out]) in
        [("-tls1_2", "TLSv1.2", ["1", "1", "1"]), ("-tls1_3", "TLSv1.3", ["1", "2", "3"])]
    {
        let server = Server::start_with(&["--log", "info,sekisho_listeners=debug"]);
        let arn = server.device("pump-7");
        let revoke =
            format!("aws iot update-certificate --certificate-id {} --new-status", arn.rsplit('/').next().unwrap());
        let first = handshake(&server, &format!("{version} -sess_out {first_out} -ign_eof"));
        assert!(first.contains(&format!("New, {named}")), "{first}");
        let second = handshake(&server, &format!("{version} -sess_in {first_out} -sess_out {second_out} -ign_eof"));
        assert!(second.contains(&format!("Reused, {named}")), "{second}");
        let log = std::fs::read_to_string(server.scratch().join("server.log")).unwrap();
        let said: Vec<&str> = log.lines().filter(|line| line.contains("handshake done")).collect();
        assert!(said.len() == 2 && said[0].contains(named) && !said[0].contains("resumed"), "{said:?}");
        assert!(said[1].contains("resumed"), "{said:?}");

        // A live connection that was resumed is cut, as any.
        let connect = |wait: &str, flags: &str| {
            format!(
                "({CONNECT} {wait}) | timeout 60 openssl s_client -connect localhost:$MQTT_PORT -servername localhost -CAfile $CA -cert pump-7.pem \
                 -key pump-7.key {version} {flags} > said 2>&1 || true"
            )
        };
        let text = server.bash(&format!(
            r#"
            {live} &
            for try in $(seq 100); do curl -sf $ADMIN/metrics | grep -q '^sekisho_connections 1' && break; sleep 0.1; done
            {revoke} REVOKED
            for try in $(seq 10); do curl -sf $ADMIN/metrics | grep -q '^sekisho_connections 0' && echo cut && break; sleep 0.1; done
            for try in $(seq 50); do grep -a Reused said && break; sleep 0.1; done
            "#,
            live = connect("20", &format!("-sess_in {second_out} -sess_out {third_out}")),
        ));
        let said = server.bash("cat -v said");
        assert!(text.starts_with("cut") && text.contains(&format!("Reused, {named}")), "{text} {said}");
        // And after it: the session resumes, which proves nothing, and CONNECT is closed without an answer.
        let text = server.bash(&format!(
            "{}; grep -a Reused said; grep -c -a $'\x20\x02' said || true",
            connect("2", &format!("-sess_in {third_out}"))
        ));
        assert!(text.starts_with(&format!("Reused, {named}")) && text.ends_with("\n0\n"), "{text}");
        assert!(server.bash("sekisho why pump-7").contains("is REVOKED"));
    }
}
