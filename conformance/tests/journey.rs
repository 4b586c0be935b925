//! The road as one test: a device with a certificate of its own, and what it sends ends, sealed, where it is analysed.
use conformance::{Server, eventually, files};

#[test]
fn from_a_device_to_an_encrypted_object_and_through_a_restart() {
    let mut server = Server::start();

    // An operator prepares the lake: a KMS key, a bucket under it, a delivery stream, a rule.
    server.lake(1);

    // Two devices get certificates: one whose key we make, one whose key never leaves it.
    server.device("pump-7");
    server.bash(
        r#"
        openssl ecparam -name prime256v1 -genkey -noout -out pump-8.key
        openssl req -new -key pump-8.key -subj /CN=pump-8 -out pump-8.csr
        CERT=$(aws iot create-certificate-from-csr --set-as-active --certificate-signing-request file://pump-8.csr \
          --certificate-pem-outfile pump-8.pem --query certificateArn --output text)
        aws iot attach-policy --policy-name devices --target "$CERT"
        "#,
    );

    // They publish; the rule lets the hot readings through.
    let publish = |server: &Server, device: &str, temperature: i32| {
        server.bash(&format!(
            r#"mosquitto_pub -h localhost -p $MQTT_PORT --cafile $CA --cert {device}.pem --key {device}.key -i {device} -q 1 \
               -t factory/{device}/telemetry -m '{{"temperature": {temperature}, "note": "planted-marker"}}'"#
        ));
    };
    for temperature in [19, 20, 21] {
        publish(&server, "pump-7", temperature);
        publish(&server, "pump-8", temperature + 10);
    }

    // The object holds exactly what the rule selected, each once, with what the rule added.
    let expected = [("pump-7", 21), ("pump-8", 29), ("pump-8", 30), ("pump-8", 31)];
    let selected = |server: &Server| {
        let mut readings: Vec<(String, i64)> = server
            .lake_lines()
            .iter()
            .map(|line| {
                let record: serde_json::Value = serde_json::from_str(line).expect("one record a line");
                assert!(record["ts"].is_i64() && record["note"] == "planted-marker", "{line}");
                (
                    record["device"].as_str().expect("topic(2)").to_owned(),
                    record["temperature"].as_i64().expect("a number"),
                )
            })
            .collect();
        readings.sort();
        readings
    };
    let arrived = |server: &Server, count: usize| {
        eventually("the records arrive", || Some(selected(server)).filter(|found| found.len() >= count))
    };
    let found = arrived(&server, expected.len());
    assert!(
        found
            .iter()
            .map(|(device, temperature)| (device.as_str(), *temperature))
            .eq(expected.map(|(d, t)| (d, i64::from(t))))
    );

    // On the disk there is none of it.
    for file in files(&server.data()) {
        let bytes = std::fs::read(&file).expect("readable");
        assert!(!bytes.windows(14).any(|window| window == b"planted-marker"), "{} holds plaintext", file.display());
    }

    // After a crash everything is as it was, and goes on.
    server.kill();
    server.restart();
    assert_eq!(selected(&server).len(), expected.len());
    publish(&server, "pump-7", 99);
    assert!(arrived(&server, expected.len() + 1).contains(&("pump-7".to_owned(), 99)));

    // A stranger, a device outside its policy, and a revoked one are refused, and the operator can read why.
    server.bash("openssl req -x509 -newkey rsa:2048 -nodes -keyout stranger.key -out stranger.pem -subj /CN=stranger -days 1 2>/dev/null");
    let attempt = |server: &Server, device: &str, topic: &str| {
        server.bash_may_fail(&format!(
            "timeout 20 mosquitto_pub -h localhost -p $MQTT_PORT --cafile $CA --cert {device}.pem --key {device}.key -i {device} -q 1 -t {topic} -m 1"
        ))
    };
    assert_ne!(attempt(&server, "stranger", "factory/stranger/telemetry").0, Some(0));
    assert!(server.bash("sekisho why stranger").contains("is not registered"));
    assert_ne!(attempt(&server, "pump-7", "factory/pump-8/telemetry").0, Some(0));
    assert!(
        server
            .bash("sekisho why pump-7")
            .contains("iot:Publish on `arn:aws:iot:us-east-1:000000000000:topic/factory/pump-8/telemetry` is denied")
    );
    server.bash(
        r#"
        for arn in $(aws iot list-certificates --query 'certificates[].certificateId' --output text); do
          aws iot update-certificate --certificate-id "$arn" --new-status REVOKED
        done
        "#,
    );
    assert_ne!(attempt(&server, "pump-7", "factory/pump-7/telemetry").0, Some(0));
    assert!(server.bash("sekisho why pump-7").contains("is REVOKED, not ACTIVE"));
}
