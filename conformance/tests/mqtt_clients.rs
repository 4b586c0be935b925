//! Unmodified MQTT clients: mosquitto, paho (3.1.1 and 5), awsiotsdk (3.1.1 and 5).
use conformance::{Server, eventually};

#[test]
fn mosquitto_publishes_and_subscribes_in_both_versions() {
    let server = Server::start();
    server.device("pump-7");
    server.device("pump-8");
    for version in ["311", "5"] {
        let text = server.bash(&format!(
            r#"
            common="-h localhost -p $MQTT_PORT --cafile $CA -V {version} -q 1"
            mosquitto_sub $common --cert pump-7.pem --key pump-7.key -i pump-7 -t 'shared/+/x' -t 'shared/deep/#' -C 3 -F '%t %p' > heard.{version} &
            listener=$!
            until curl -sf http://{admin}/metrics | grep -q '^sekisho_connections 1'; do sleep 0.1; done
            sleep 0.5
            mosquitto_pub $common --cert pump-8.pem --key pump-8.key -i pump-8 -t shared/a/x -m one
            mosquitto_pub $common --cert pump-8.pem --key pump-8.key -i pump-8 -t shared/deep/b/c -m two
            mosquitto_pub $common --cert pump-8.pem --key pump-8.key -i pump-8 -t shared/elsewhere -m three
            mosquitto_pub $common --cert pump-8.pem --key pump-8.key -i pump-8 -t shared/z/x -m four
            wait $listener
            cat heard.{version}
            "#,
            admin = server.admin()
        ));
        assert_eq!(text, "shared/a/x one\nshared/deep/b/c two\nshared/z/x four\n", "MQTT {version}");
    }
}

#[test]
fn a_client_id_taken_over_ends_the_older_connection() {
    let server = Server::start();
    server.device("pump-7");
    let text = server.bash(
        r#"
        common="-h localhost -p $MQTT_PORT --cafile $CA --cert pump-7.pem --key pump-7.key -i pump-7 -V 5"
        timeout 30 stdbuf -oL mosquitto_sub $common -t 'factory/pump-7/x' -d > older.log 2>&1 &
        until grep -q SUBACK older.log; do sleep 0.1; done
        mosquitto_pub $common -t factory/pump-7/y -m 1
        until grep -qi "taken over\|DISCONNECT" older.log; do sleep 0.1; done
        kill $! 2>/dev/null || true
        cat older.log
        "#,
    );
    assert!(text.contains("Received DISCONNECT (142)"), "{text}");
}

#[test]
fn a_revocation_reaches_a_live_connection_within_a_second() {
    let server = Server::start();
    let arn = server.device("pump-7");
    let mut listener = server
        .command("bash")
        .args(["-c", "exec stdbuf -oL mosquitto_sub -h localhost -p $MQTT_PORT --cafile $CA --cert pump-7.pem --key pump-7.key -i pump-7 -t factory/pump-7/x -d > live.log 2>&1"])
        .spawn()
        .unwrap();
    let log = server.scratch().join("live.log");
    let heard = |text: &str| std::fs::read_to_string(&log).is_ok_and(|log| log.contains(text));
    eventually("it listens", || heard("SUBACK").then_some(()));
    let id = arn.rsplit('/').next().unwrap().to_owned();
    server.aws(&["iot", "update-certificate", "--certificate-id", &id, "--new-status", "INACTIVE"]);
    // The call has returned: from here on the connection must end by itself. mosquitto_sub tries again and is refused.
    let began = std::time::Instant::now();
    eventually("the connection ends", || {
        let answer = conformance::http_get(server.admin(), "/metrics")?;
        answer.contains("sekisho_disconnects_total{reason=\"AUTH_ERROR\"}").then_some(())
    });
    eprintln!("gone {} ms after the call returned", began.elapsed().as_millis());
    let _ = listener.kill();
    let _ = listener.wait();
    assert!(server.bash("sekisho why pump-7").contains("is INACTIVE, not ACTIVE"));
}

#[test]
fn a_changed_policy_reaches_a_live_connection() {
    let server = Server::start();
    server.device("pump-7");
    let output = server.python("live_policy.py");
    assert!(output.contains("ok"), "{output}");
}

#[test]
fn paho_in_both_versions() {
    let server = Server::start();
    server.device("pump-7");
    assert!(server.python("paho_clients.py").contains("ok"));
}

#[test]
fn awsiotsdk_in_both_versions() {
    let server = Server::start();
    server.device("pump-7");
    assert!(server.python("awsiotsdk_clients.py").contains("ok"));
}

#[test]
fn devices_publish_over_https() {
    let server = Server::start();
    server.device("pump-7");
    server.aws(&["iot", "create-policy", "--policy-name", "https", "--policy-document",
        r#"{"Statement": {"Effect": "Allow", "Action": "iot:Publish", "Resource": "arn:aws:iot:us-east-1:000000000000:topic/shared/https"}}"#]);
    let text = server.bash(
        r#"
        ARN=$(aws iot list-certificates --query 'certificates[0].certificateArn' --output text)
        aws iot attach-policy --policy-name https --target "$ARN"
        call() { curl -s --cacert $CA --cert pump-7.pem --key pump-7.key -w ' %{http_code}\n' "https://localhost:$HTTPS_PORT/$1" "${@:2}"; }
        call 'topics/shared/https?qos=1' -d hello
        call 'topics/shared%2Fhttps?qos=1' -d hello
        call 'topics/forbidden?qos=1' -d hello
        call 'topics/$aws/events/x' -d hello
        call 'elsewhere' -d hello
        "#,
    );
    let codes: Vec<&str> = text.lines().filter_map(|line| line.rsplit(' ').next()).collect();
    assert_eq!(codes, ["200", "200", "403", "400", "404"], "{text}");
}
