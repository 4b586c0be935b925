//! What carries MQTT and HTTPS: WebSocket, the port where ALPN chooses, TLS policies, a proxy in front.
use conformance::{Server, eventually};

/// Where ALPN chooses, port 443 if this machine lets us: SDKs offer `x-amzn-mqtt-ca` there alone.
fn server_with_alpn(host: &str, more: &[&str]) -> Server {
    let at = match std::net::TcpListener::bind((host, 443)) {
        Ok(_) => format!("{host}:443"),
        Err(_) => "127.0.0.1:0".to_owned(),
    };
    Server::start_with(&[&["--alpn", &at, "--hostname", "localhost", "--hostname", host], more].concat())
}

#[test]
fn awsiotsdk_over_websocket_and_alpn() {
    let server = server_with_alpn("127.44.3.1", &[]);
    server.device("pump-7");
    assert!(server.python("awsiotsdk_websockets.py").contains("ok"));
}

#[test]
fn paho_over_websocket() {
    let server = Server::start();
    server.device("pump-7");
    assert!(server.python("paho_websockets.py").contains("ok"));
}

#[test]
fn a_roles_session_over_websocket() {
    let server = Server::start();
    server.device("pump-7");
    assert!(server.python("role_websockets.py").contains("ok"));
}

/// [MQTT-6.0.0-1] to [MQTT-6.0.0-4].
#[test]
fn what_is_refused_on_a_websocket() {
    let server = Server::start();
    server.device("pump-7");
    assert!(server.python("websocket_refusals.py").contains("ok"));
}

#[test]
fn what_is_said_of_a_message_over_https() {
    let server = Server::start();
    server.device("pump-7");
    assert!(server.python("https_publish.py").contains("ok"));
}

#[test]
fn alpn_chooses() {
    let server = server_with_alpn("127.44.3.2", &[]);
    server.device("pump-7");
    let arn = server.device("pump-8");
    server.aws(&["iot", "create-policy", "--policy-name", "https", "--policy-document",
        r#"{"Statement": {"Effect": "Allow", "Action": "iot:Publish", "Resource": "arn:aws:iot:us-east-1:000000000000:topic/shared/https"}}"#]);
    server.aws(&["iot", "attach-policy", "--policy-name", "https", "--target", &arn]);
    let text = server.bash(
        r#"
        HOST=${ALPN%:*} PORT=${ALPN##*:}
        device="-h $HOST -p $PORT --cafile $CA --cert pump-7.pem --key pump-7.key -i pump-7 -q 1"
        timeout 30 mosquitto_sub $device --tls-alpn x-amzn-mqtt-ca -t 'shared/#' -C 3 -F '%t %p' > heard &
        listener=$!
        until curl -sf $ADMIN/metrics | grep -q '^sekisho_connections 1'; do sleep 0.1; done
        sleep 0.5
        # HTTPS with a certificate: curl offers what it is built with, so openssl makes the connection.
        body() { printf 'POST /topics/shared/https?qos=1 HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello'; sleep 1; }
        body | timeout 20 openssl s_client -quiet -connect $ALPN -CAfile $CA -cert pump-8.pem -key pump-8.key -alpn x-amzn-http-ca 2>/dev/null \
          | head -1 | tr -d '\r'
        # Signed, without a certificate: by http/1.1, and by nothing.
        signed() { curl -s --cacert $CA --aws-sigv4 "aws:amz:$AWS_REGION:$1" --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" -w ' %{http_code}\n' "https://$ALPN/$2" "${@:3}"; }
        signed iotdevicegateway 'topics/shared/signed?qos=1' --http1.1 -d one
        signed iotdata 'topics/shared/signed?qos=1' --no-alpn -d two
        signed iotdata 'things/oven/shadow' -d '{"state":{"reported":{"lit":true}}}' | grep -o '"version":1.* 200'
        # What is the operator's is not there, nor is it for who does not sign.
        signed iot 'things' | grep -o ' [0-9]*$'
        signed s3 '' | grep -o ' [0-9]*$'
        curl -s --cacert $CA -o /dev/null -w '%{http_code}\n' "https://$ALPN/topics/shared/x" -d x
        wait $listener
        cat heard
        "#,
    );
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let codes: Vec<&str> = lines[..7].iter().filter_map(|line| line.rsplit(' ').next()).collect();
    assert_eq!(lines[0], "HTTP/1.1 200 OK", "{text}");
    assert_eq!(codes[1..], ["200", "200", "200", "403", "403", "403"], "{text}");
    assert_eq!(lines[7..], ["shared/https hello", "shared/signed one", "shared/signed two"], "{text}");
}

#[test]
fn alpn_refuses() {
    let server = Server::start_with(&["--alpn", "127.0.0.1:0"]);
    server.device("pump-7");
    let connect = r"printf '\x10\x12\x00\x04MQTT\x04\x02\x00\x3c\x00\x06pump-7'; sleep 2";
    let speak = |flags: &str| {
        let script =
            format!("({connect}) | timeout 20 openssl s_client -connect $ALPN -CAfile $CA {flags} 2>&1 | tr -d '\\0'");
        server.bash_may_fail(&script).1
    };
    // A certificate is required, and asked for, where it is said to come.
    for protocol in ["x-amzn-mqtt-ca", "x-amzn-http-ca"] {
        let text = speak(&format!("-alpn {protocol}"));
        assert!(text.contains("certificate required") || text.contains("alert"), "{text}");
    }
    let why = server.bash("sekisho why handshake");
    assert!(why.contains("peer sent no certificates"), "{why}");
    // And nowhere else.
    let text = speak("-alpn http/1.1");
    assert!(text.contains("ALPN protocol: http/1.1") && text.contains("No client certificate CA names sent"), "{text}");
    // Nothing that is spoken here (RFC 7301 §3.2).
    let text = speak("-alpn h2");
    assert!(text.contains("no application protocol"), "{text}");
    // Custom authentication: the handshake is done, CONNECT is refused, and the operator is told why.
    let answer = server.bash(&format!(
        "({connect}) | timeout 20 openssl s_client -quiet -connect $ALPN -CAfile $CA -alpn mqtt 2>/dev/null | wc -c || true"
    ));
    assert_eq!(answer.trim(), "0", "no CONNACK");
    let why = server.bash("sekisho why pump-7");
    assert!(why.contains("custom authentication: no authorizer is named, and there is no default one"), "{why}");
}

#[test]
fn tls_policies_are_aws_names() {
    let versions = |policy: &str| {
        let server = Server::start_with(&["--alpn", "127.0.0.1:0", "--tls-policy", policy]);
        server.device("pump-7");
        ["-tls1_2", "-tls1_3"].map(|version| {
            let ports = ["localhost:$MQTT_PORT", "localhost:$HTTPS_PORT", "$ALPN"].map(|at| {
                let (code, _) = server.bash_may_fail(&format!(
                    "echo | timeout 20 openssl s_client -connect {at} -CAfile $CA -cert pump-7.pem -key pump-7.key {version} >/dev/null 2>&1"
                ));
                code == Some(0)
            });
            assert!(ports.iter().all(|spoken| *spoken == ports[0]), "{policy} {version}: {ports:?}");
            ports[0]
        })
    };
    #[rustfmt::skip] // developer guide, "Transport security"   1.2   1.3
    let table = [
        ("IoTSecurityPolicy_TLS13_1_2_2022_10",                 [true,  true]),
        ("IoTSecurityPolicy_TLS13_1_3_2022_10",                 [false, true]),
        ("IoTSecurityPolicy_TLS12_1_2_2022_10",                 [true,  false]),
        ("IoTSecurityPolicy_TLS12_1_0_2016_01",                 [true,  false]),
    ];
    for (policy, spoken) in table {
        assert_eq!(versions(policy), spoken, "{policy}");
    }
    let mut server = Server::start();
    server.terminate();
    let (code, said) = server.refuses_to_start(&["--tls-policy", "IoTSecurityPolicy_TLS11"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("`tls_policy` = `IoTSecurityPolicy_TLS11`") && said.trim().lines().count() == 1, "{said}");
}

/// A load balancer of a few lines: it says for whom it speaks, and then passes bytes both ways.
fn balancer(header: Vec<u8>, to: String) -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            use std::io::Write;
            let mut server = std::net::TcpStream::connect(&to).expect("the server");
            let _ = server.write_all(&header);
            let (mut from_client, mut to_client) = (client.try_clone().expect("a socket"), client);
            let mut from_server = server.try_clone().expect("a socket");
            std::thread::spawn(move || std::io::copy(&mut from_client, &mut server));
            std::thread::spawn(move || std::io::copy(&mut from_server, &mut to_client));
        }
    });
    port
}

#[test]
fn a_proxy_says_whom_it_speaks_for() {
    let server = Server::start_with(&["--proxy-protocol", "mqtt,https"]);
    let arn = server.device("pump-7");
    server.aws(&["iot", "create-policy", "--policy-name", "elsewhere", "--policy-document",
        r#"{"Statement": {"Effect": "Deny", "Action": "iot:Publish", "Resource": "*", "Condition": {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}}}"#]);
    server.aws(&["iot", "attach-policy", "--policy-name", "elsewhere", "--target", &arn]);
    let publish = |port: u16, message: &str| {
        server.bash_may_fail(&format!(
            "timeout 20 mosquitto_pub -h localhost -p {port} --cafile $CA --cert pump-7.pem --key pump-7.key -i pump-7 -V 5 -q 1 -t factory/pump-7/a -m {message} 2>&1"
        ))
    };
    let to = format!("127.0.0.1:{}", server.mqtt_port());
    let version_2 = |source: [u8; 4]| {
        let addresses = [&source[..], &[127, 0, 0, 1], &40_000_u16.to_be_bytes(), &8883_u16.to_be_bytes()].concat();
        [b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".as_slice(), &addresses].concat()
    };
    // Version 2, and version 1; the policy sees who is behind the proxy.
    let near = balancer(version_2([198, 51, 100, 7]), to.clone());
    assert_eq!(publish(near, "near"), (Some(0), String::new()));
    let near = balancer(b"PROXY TCP4 198.51.100.7 127.0.0.1 40000 8883\r\n".to_vec(), to.clone());
    assert_eq!(publish(near, "near"), (Some(0), String::new()));
    let far = balancer(version_2([203, 0, 113, 7]), to.clone());
    let (_, said) = publish(far, "far");
    assert!(said.contains("not authorized") || said.contains("Not authorized"), "{said}");
    let why = server.bash("sekisho why 203.0.113.7:40000");
    assert!(why.contains("statement 1 of policy `elsewhere`"), "the address is the client's: {why}");
    // Nobody else.
    assert_ne!(publish(server.mqtt_port(), "alone").0, Some(0));
    let no_version_2 = balancer(b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\0".to_vec(), to);
    assert_ne!(publish(no_version_2, "malformed").0, Some(0));
    let why = eventually("both are told of", || {
        let why = server.bash("sekisho why handshake");
        why.contains("its version is not 2").then_some(why)
    });
    assert!(why.contains("no header of the PROXY protocol"), "{why}");
    // A port that was not named is as it was.
    let https = balancer(version_2([203, 0, 113, 7]), format!("127.0.0.1:{}", server.https_port()));
    let answer = server.bash(&format!(
        "curl -s --cacert $CA --cert pump-7.pem --key pump-7.key -o /dev/null -w '%{{http_code}}' https://localhost:{https}/topics/factory/pump-7/a -d x"
    ));
    assert_eq!(answer, "403", "by HTTPS too");
}
