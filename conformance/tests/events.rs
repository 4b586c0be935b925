//! What the server tells of connections, subscriptions and the registry, to paho and mosquitto; and connections that boto3, curl and
//! `sekisho client` look at and end.
use conformance::Server;

const EVERYTHING: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:*","Resource":"*"}]}"#;

/// A server, devices `pump-7` and `pump-8`, and a `watcher` that may do everything.
fn server() -> Server {
    let server = Server::start();
    server.device("pump-7");
    server.device("pump-8");
    server.bash(&format!(
        r#"
        aws iot create-policy --policy-name everything --policy-document '{EVERYTHING}' >/dev/null
        CERT=$(aws iot create-keys-and-certificate --set-as-active --certificate-pem-outfile watcher.pem \
          --private-key-outfile watcher.key --query certificateArn --output text)
        aws iot attach-policy --policy-name everything --target "$CERT"
        "#
    ));
    server
}

#[test]
fn connections_and_subscriptions_are_told_of() {
    server().python("lifecycle_events.py");
}

#[test]
fn changes_of_the_registry_are_told_of_once_they_are_asked_for() {
    server().python("registry_events.py");
}

#[test]
fn connections_are_looked_at_and_ended() {
    server().python("connections.py");
}

/// Events meet rules as messages do.
#[test]
fn rules_take_events() {
    let server = server();
    let lines = server.bash(
        r#"
        aws s3api create-bucket --bucket presence >/dev/null
        aws firehose create-delivery-stream --delivery-stream-name presence --extended-s3-destination-configuration \
          'RoleARN=arn:aws:iam::000000000000:role/d,BucketARN=arn:aws:s3:::presence,BufferingHints={SizeInMBs=1,IntervalInSeconds=1}' >/dev/null
        aws iot create-topic-rule --rule-name presence --topic-rule-payload '{
          "sql": "SELECT eventType, clientId, disconnectReason, topic(4) AS kind FROM '"'"'$aws/events/presence/#'"'"'",
          "actions": [{"firehose": {"deliveryStreamName": "presence", "separator": "\n", "roleArn": "arn:aws:iam::000000000000:role/r"}}]}'
        mosquitto_pub -h localhost -p $MQTT_PORT --cafile $CA --cert pump-7.pem --key pump-7.key -i pump-7 -t shared/a -m x -q 1
        for _ in $(seq 100); do
          aws s3 cp --quiet --recursive s3://presence got || true
          [ "$(cat $(find got -type f 2>/dev/null) /dev/null | wc -l)" = 2 ] && break
          sleep 0.2
        done
        cat $(find got -type f | sort)
        "#,
    );
    let mut lines: Vec<_> = lines.lines().collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            r#"{"eventType":"connected","clientId":"pump-7","kind":"connected"}"#,
            r#"{"eventType":"disconnected","clientId":"pump-7","disconnectReason":"CLIENT_INITIATED_DISCONNECT","kind":"disconnected"}"#,
        ]
    );
}
