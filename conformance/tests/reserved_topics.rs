//! Topics on which the server speaks: a device may listen, and may not answer in its place.
use conformance::Server;

#[test]
fn nobody_but_the_server_speaks_there() {
    let server = Server::start();
    server.bash(
        r#"
        aws iot create-policy --policy-name all --policy-document \
          '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iot:*","Resource":"*"}}' >/dev/null
        CERT=$(aws iot create-keys-and-certificate --set-as-active --certificate-pem-outfile pump-7.pem \
          --private-key-outfile pump-7.key --query certificateArn --output text)
        aws iot attach-policy --policy-name all --target "$CERT""#,
    );
    let client = "-h localhost -p $MQTT_PORT --cafile $CA --cert pump-7.pem --key pump-7.key -V 5 -q 1 -i pump-7";
    for topic in [
        "$aws/events/certificates/registered/ca",
        "$aws/certificates/create/json/accepted",
        "$aws/provisioning-templates/t/provision/cbor/rejected",
    ] {
        let (_, said) = server.bash_may_fail(&format!("timeout 20 mosquitto_pub {client} -t '{topic}' -m x"));
        assert!(said.contains("Not authorized"), "PUBLISH to {topic}: {said}");
        let will = format!("timeout 20 mosquitto_sub {client} -t a --will-topic '{topic}' --will-payload x -W 5");
        let (_, said) = server.bash_may_fail(&will);
        assert!(said.contains("Not authorized"), "a will for {topic}: {said}");
    }
    // Requests of the provisioning API are no topics for wills either: their answer would have nowhere to go.
    let will = format!(
        "timeout 20 mosquitto_sub {client} -t a --will-topic '$aws/certificates/create/json' --will-payload x -W 5"
    );
    assert!(server.bash_may_fail(&will).1.contains("Not authorized"));
    // `$SYS` and the like are nobody's: the connection ends.
    let (_, said) = server.bash_may_fail(&format!("timeout 20 mosquitto_sub {client} -t '$SYS/#' -W 5 2>&1"));
    assert!(!said.contains("Subscribed"), "{said}");
    server.bash_may_fail(&format!("timeout 20 mosquitto_pub {client} -t '$SYS/broker/uptime' -m x"));
    // What AWS would answer and this server does not is published all the same, and told.
    server.bash(&format!("timeout 20 mosquitto_pub {client} -t '$aws/things/pump-7/jobs/get' -m '{{}}'"));
    let why = server.bash("sekisho why pump-7");
    for reason in [
        "is a topic of events",
        "is a topic of answers",
        "is no topic for a will",
        "topic filter `$SYS/#` begins with $",
        "topic name `$SYS/broker/uptime` begins with $",
        "asks AWS IoT Jobs, which this server does not have",
    ] {
        assert!(why.contains(reason), "{reason} is missing in:\n{why}");
    }
}
