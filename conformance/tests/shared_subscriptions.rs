//! Shared subscriptions, by paho in both versions and by mosquitto.
use conformance::Server;

const WORKER: &str = r#"{"Version":"2012-10-17","Statement":[
  {"Effect":"Allow","Action":"iot:Connect","Resource":"arn:aws:iot:us-east-1:000000000000:client/*"},
  {"Effect":"Allow","Action":["iot:Publish","iot:RetainPublish","iot:Receive"],"Resource":"arn:aws:iot:us-east-1:000000000000:topic/shared/*"},
  {"Effect":"Allow","Action":"iot:Subscribe","Resource":"arn:aws:iot:us-east-1:000000000000:topicfilter/$share/*/shared/*"}]}"#;

#[test]
fn each_message_goes_to_one_of_a_group() {
    let server = Server::start();
    server.bash(&format!(
        r#"
        aws iot create-policy --policy-name workers --policy-document '{WORKER}' >/dev/null
        for name in speaker pump-7 pump-8 pump-9; do
          CERT=$(aws iot create-keys-and-certificate --set-as-active --certificate-pem-outfile $name.pem \
            --private-key-outfile $name.key --query certificateArn --output text)
          aws iot attach-policy --policy-name workers --target "$CERT"
        done
        "#
    ));
    server.python("shared_subscriptions.py");
    let told = server.bash(
        r#"
        common="-h localhost -p $MQTT_PORT --cafile $CA -q 1"
        for name in pump-7 pump-8; do
          stdbuf -oL mosquitto_sub $common --cert $name.pem --key $name.key -i $name -t '$share/group/shared/#' > $name.told &
          members="${members:-} $!"
        done
        until curl -sf $ADMIN/metrics | grep -q '^sekisho_connections 2'; do sleep 0.1; done
        sleep 0.5
        seq 10 | mosquitto_pub $common --cert speaker.pem --key speaker.key -i speaker -t shared/numbers -l
        until [ "$(cat pump-7.told pump-8.told | wc -l)" -ge 10 ]; do sleep 0.1; done
        kill $members
        sort -n pump-7.told pump-8.told | tr '\n' ' '
        "#,
    );
    assert_eq!(told.trim(), "1 2 3 4 5 6 7 8 9 10");
}
