//! Just-in-time registration and provisioning as walk-throughs on the web have it since 2017: RSA everywhere, openssl without an
//! extension file (certificates of version 1), the CA's certificate sent along, a template as one escaped line, TLS 1.2.
use conformance::Server;

/// The steps that both ways have in common.
const STEPS: &str = r#"
authority() {
  openssl genrsa -out rootCA.key 2048
  openssl req -x509 -new -nodes -key rootCA.key -sha256 -days 1024 -subj "/C=US/ST=WA/O=Example/CN=Example CA" -out rootCA.pem
  CODE=$(aws iot get-registration-code --query registrationCode --output text)
  openssl genrsa -out verificationCert.key 2048
  openssl req -new -key verificationCert.key -subj "/CN=$CODE" -out verificationCert.csr
  openssl x509 -req -in verificationCert.csr -CA rootCA.pem -CAkey rootCA.key -CAcreateserial -out verificationCert.crt -days 500 -sha256
}
device() {
  openssl genrsa -out deviceCert.key 2048
  openssl req -new -key deviceCert.key -subj "/C=US/CN=device" -out deviceCert.csr
  openssl x509 -req -in deviceCert.csr -CA rootCA.pem -CAkey rootCA.key -CAcreateserial -out deviceCert.crt -days 365 -sha256
  cat deviceCert.crt rootCA.pem > deviceCertAndCACert.crt
}
publish() {
  mosquitto_pub --cafile $CA --cert deviceCertAndCACert.crt --key deviceCert.key -h localhost -p $MQTT_PORT \
    -q 1 -t foo/bar -i anyclientID --tls-version tlsv1.2 -m Hello -d
}
"#;

fn walk(server: &Server, script: &str) -> String {
    server.bash(&format!("{STEPS}\n{script}"))
}

#[test]
fn just_in_time_provisioning_works_as_published() {
    let server = Server::start();
    let printed = walk(
        &server,
        r#"
        authority
        cat > provisioning-template.json <<'JSON'
{ "templateBody": "{ \"Parameters\" : { \"AWS::IoT::Certificate::Country\" : { \"Type\" : \"String\" }, \"AWS::IoT::Certificate::Id\" : { \"Type\" : \"String\" } }, \"Resources\" : { \"thing\" : { \"Type\" : \"AWS::IoT::Thing\", \"Properties\" : { \"ThingName\" : {\"Ref\" : \"AWS::IoT::Certificate::Id\"}, \"AttributePayload\" : { \"version\" : \"v1\", \"country\" : {\"Ref\" : \"AWS::IoT::Certificate::Country\"}} } }, \"certificate\" : { \"Type\" : \"AWS::IoT::Certificate\", \"Properties\" : { \"CertificateId\": {\"Ref\" : \"AWS::IoT::Certificate::Id\"}, \"Status\" : \"ACTIVE\" } }, \"policy\" : {\"Type\" : \"AWS::IoT::Policy\", \"Properties\" : { \"PolicyDocument\" : \"{\\\"Version\\\": \\\"2012-10-17\\\",\\\"Statement\\\": [{\\\"Effect\\\":\\\"Allow\\\",\\\"Action\\\": [\\\"iot:Connect\\\",\\\"iot:Publish\\\"],\\\"Resource\\\" : [\\\"*\\\"]}]}\" } } } }", "roleArn": "arn:aws:iam::000000000000:role/JITPRole" }
JSON
        aws iot register-ca-certificate --ca-certificate file://rootCA.pem --verification-certificate file://verificationCert.crt \
          --set-as-active --allow-auto-registration --registration-config file://provisioning-template.json
        device
        publish || echo "the first attempt is closed"
        publish && echo "the second is let in"
        aws iot list-things --attribute-name country --attribute-value US --query 'things[0].attributes' --output json
        aws iot list-policies --query 'policies[].policyName' --output text
        "#,
    );
    for expected in ["the first attempt is closed", "received PUBACK", "the second is let in", r#""version": "v1""#] {
        assert!(printed.contains(expected), "{expected} is missing in:\n{printed}");
    }
    let policy = printed.lines().last().unwrap_or_default();
    assert!(policy.len() == 40 && policy.bytes().all(|b| b.is_ascii_hexdigit()), "a hash for a name: {policy}");
}

/// The Lambda function of the walk-through is a subscriber and two calls here: it activates and attaches a policy.
#[test]
fn just_in_time_registration_works_as_published() {
    let server = Server::start();
    let printed = walk(
        &server,
        r#"
        authority
        CA_ID=$(aws iot register-ca-certificate --ca-certificate file://rootCA.pem --verification-certificate file://verificationCert.crt \
          --query certificateId --output text)
        aws iot update-ca-certificate --certificate-id $CA_ID --new-status ACTIVE
        aws iot update-ca-certificate --certificate-id $CA_ID --new-auto-registration-status ENABLE
        aws iot create-policy --policy-name any --policy-document '{"Version": "2012-10-17", "Statement": [
          {"Effect": "Allow", "Action": "iot:*", "Resource": "*"}]}' >/dev/null
        LISTENER=$(aws iot create-keys-and-certificate --set-as-active --certificate-pem-outfile listener.crt \
          --private-key-outfile listener.key --query certificateArn --output text)
        aws iot attach-policy --policy-name any --target $LISTENER
        stdbuf -oL mosquitto_sub --cafile $CA --cert listener.crt --key listener.key -h localhost -p $MQTT_PORT -i listener -q 1 -C 1 -W 60 -d \
          -t "\$aws/events/certificates/registered/$CA_ID" > event.log & SUBSCRIBER=$!
        until grep -q Subscribed event.log; do sleep 0.05; done
        device
        publish || echo "the first attempt is closed"
        wait $SUBSCRIBER
        EVENT=$(grep '"certificateStatus"' event.log)
        echo "$EVENT"
        ID=$(echo "$EVENT" | python3 -c 'import json, sys; print(json.load(sys.stdin)["certificateId"])')
        publish || echo "PENDING_ACTIVATION is not let in"
        aws iot attach-policy --policy-name any --target $(aws iot describe-certificate --certificate-id $ID \
          --query certificateDescription.certificateArn --output text)
        aws iot update-certificate --certificate-id $ID --new-status ACTIVE
        publish && echo "activated, it is let in"
        "#,
    );
    for expected in [
        "the first attempt is closed",
        r#""certificateStatus":"PENDING_ACTIVATION""#,
        "PENDING_ACTIVATION is not let in",
        "received PUBACK",
        "activated, it is let in",
    ] {
        assert!(printed.contains(expected), "{expected} is missing in:\n{printed}");
    }
}
