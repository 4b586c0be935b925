//! Retained messages, by mosquitto, paho and boto3; over HTTPS; after a kill.
use conformance::Server;

const READER: &str = r#"{"Version":"2012-10-17","Statement":[
  {"Effect":"Allow","Action":["iot:Connect","iot:Subscribe","iot:Receive"],"Resource":"*"},
  {"Effect":"Allow","Action":"iot:Publish","Resource":"*"}]}"#;

#[test]
fn the_last_message_of_a_topic_waits_for_who_comes_later() {
    let mut server = Server::start();
    server.device("pump-7");
    server.device("pump-8");
    server.bash(&format!(
        r#"
        aws iot create-policy --policy-name reader --policy-document '{READER}' >/dev/null
        CERT=$(aws iot create-keys-and-certificate --set-as-active --certificate-pem-outfile reader.pem \
          --private-key-outfile reader.key --query certificateArn --output text)
        aws iot attach-policy --policy-name reader --target "$CERT"
        "#
    ));
    server.python("retained_messages.py");
    let told = server.bash(
        r#"
        common="-h localhost -p $MQTT_PORT --cafile $CA -q 1"
        mosquitto_pub $common --cert pump-8.pem --key pump-8.key -i pump-8 -t shared/said -m old -r
        mosquitto_pub $common --cert pump-8.pem --key pump-8.key -i pump-8 -t shared/said -m new -r
        for version in 311 5; do
          mosquitto_sub $common -V $version --cert pump-7.pem --key pump-7.key -i pump-7 -t shared/said -C 1 -F '%t %p %r'
        done
        https() { curl -s --cacert $CA --cert pump-7.pem --key pump-7.key -d "$1" "https://localhost:$HTTPS_PORT/topics/$2" | sed 's/,"traceId".*//; s/$/}/'; }
        https over-https 'shared/https?qos=1&retain=true'
        https over-https 'shared/https?retain=yes'
        curl -s --cacert $CA --cert reader.pem --key reader.key -d no "https://localhost:$HTTPS_PORT/topics/shared/none?retain=true" | sed 's/,"traceId".*//; s/$/}/'
        mosquitto_sub $common --cert pump-7.pem --key pump-7.key -i pump-7 -t shared/https -C 1 -F '%t %p %r'
        "#,
    );
    expect_test::expect![[r#"
        shared/said new 1
        shared/said new 1
        {"message":"OK"}{"message":"retain is true or false"}{"message":"Forbidden"}shared/https over-https 1
    "#]]
    .assert_eq(&told);
    server.kill();
    server.restart();
    server.bash("python $0 after-a-restart".replace("$0", &script()).as_str());
}

/// A will is no way to say one thing more after the certificate was taken away, and for good.
#[test]
fn a_revoked_device_leaves_no_will() {
    let server = Server::start();
    let arn = server.device("pump-7");
    server.device("pump-8");
    let told = server.bash(&format!(
        r#"
        sub() {{ exec mosquitto_sub -h localhost -p $MQTT_PORT --cafile $CA --cert $1.pem --key $1.key -i $1 -t shared/none -q 1 -k 60 \
          --will-topic shared/last-of-$1 --will-payload gone --will-qos 1 --will-retain >/dev/null 2>&1; }}
        connections() {{ curl -sf $ADMIN/metrics | grep -q "^sekisho_connections $1"; }}
        sub pump-7 & revoked=$!
        sub pump-8 & lost=$!
        until connections 2; do sleep 0.1; done
        aws iot update-certificate --certificate-id {id} --new-status REVOKED
        until connections 1; do sleep 0.1; done
        kill -KILL $lost
        until aws iot-data get-retained-message --topic shared/last-of-pump-8 >/dev/null 2>&1; do sleep 0.1; done
        aws iot-data list-retained-messages --query 'retainedTopics[].topic' --output text
        kill $revoked
        "#,
        id = arn.rsplit('/').next().expect("an id")
    ));
    assert_eq!(told.trim(), "shared/last-of-pump-8");
}

fn script() -> String {
    conformance::root().join("conformance/python/retained_messages.py").display().to_string()
}
