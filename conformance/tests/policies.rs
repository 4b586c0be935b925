//! Policies: what a client sees where one says no, what reaches a live connection, what decides.
use conformance::Server;

#[test]
fn what_a_client_sees_where_a_policy_says_no() {
    let server = Server::start();
    assert!(server.python("policy_outcomes.py").contains("ok"));
    let why = server.bash("sekisho why --all");
    for told in [
        "connect client `other`",
        "iot:Connect on `arn:aws:iot:us-east-1:000000000000:client/other` is denied: no statement allows it in `pump-7`",
        "iot:Publish on `arn:aws:iot:us-east-1:000000000000:topic/elsewhere/x` is denied: no statement allows it in `pump-7`",
        "iot:Subscribe on `arn:aws:iot:us-east-1:000000000000:topicfilter/elsewhere/#` is denied",
        "receive client `listener-4`",
        "iot:Receive on `arn:aws:iot:us-east-1:000000000000:topic/shared/secret` is denied: \
         statement 2 (`NotThis`) of policy `listener` denies it",
    ] {
        assert!(why.contains(told), "{told}\n{why}");
    }
}

#[test]
fn a_live_subscriber_loses_and_regains_what_it_may_receive() {
    let server = Server::start();
    assert!(server.python("live_permissions.py").contains("ok"));
    let why = server.bash("sekisho why --all live");
    for told in [
        "without a value: `iot:Connection.Thing.ThingTypeName`",
        "topicfilter/version/#` is denied",
        "receive client `live`",
    ] {
        assert!(why.contains(told), "{told}\n{why}");
    }
}

/// What a certificate says, by which name the device came, and when: `openssl` makes the certificate.
#[test]
fn certificate_domain_and_time_decide() {
    let server = Server::start();
    let told = server.bash(
        r#"
        openssl ecparam -name prime256v1 -genkey -noout -out own.key
        openssl req -x509 -new -key own.key -days 30 -set_serial 4711 -out own.pem -subj '/O=Works, Inc/OU=hall 3/OU=line 1/CN=pump' \
          -addext 'subjectAltName=DNS:pump.example,DNS:pump2.example' -addext basicConstraints=critical,CA:FALSE
        CERT=$(aws iot register-certificate-without-ca --status ACTIVE --certificate-pem file://own.pem --query certificateArn --output text)
        ARN=arn:aws:iot:us-east-1:000000000000
        cat > policy.json <<END
        {"Version": "2012-10-17", "Statement": [
          {"Effect": "Allow", "Action": "iot:Connect", "Resource": "$ARN:client/\${iot:Certificate.SerialNumber}",
           "Condition": {"StringEquals": {"iot:DomainName": "localhost"}}},
          {"Effect": "Allow", "Action": "iot:Publish", "Resource": [
             "$ARN:topic/\${iot:Certificate.Subject.OrganizationalUnit}/\${iot:Certificate.Subject.OrganizationalUnit.1}",
             "$ARN:topic/\${iot:Certificate.Subject.AlternativeName.DNSName.1}", "$ARN:topic/\${iot:CertificateId}"]},
          {"Effect": "Allow", "Action": "iot:Publish", "Resource": "$ARN:topic/by-organization", "Condition": {
             "StringEquals": {"iot:Certificate.Subject.Organization": "Works\\\\, Inc"},
             "ForAllValues:StringEquals": {"iot:Certificate.Subject.OrganizationalUnit.List": ["hall 3", "line 1", "line 2"]},
             "DateGreaterThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}}]}
END
        aws iot create-policy --policy-name own --policy-document file://policy.json >/dev/null
        aws iot attach-policy --policy-name own --target $CERT
        publish() { mosquitto_pub -V 5 -h $1 -p $MQTT_PORT --cafile $CA --cert own.pem --key own.key -q 1 -i $2 -t "$3" -m x 2>&1 && echo "$1 $2 published" || echo "$1 $2 refused"; }
        publish localhost 4711 'hall 3/line 1'
        publish localhost 4711 pump2.example
        publish localhost 4711 ${CERT##*/} | sed s/${CERT##*/}/ID/
        publish localhost 4711 by-organization
        publish localhost 4712 pump2.example | tail -1
        publish 127.0.0.1 4711 pump2.example | tail -1
        # One connection, while the policy's time runs out
        aws iot create-policy --policy-name now --policy-document '{"Statement": {"Effect": "Allow", "Action": "iot:Publish",
          "Resource": "'$ARN':topic/now", "Condition": {"NumericLessThan": {"aws:EpochTime": '$(($(date +%s) + 10))'}}}}' >/dev/null
        aws iot attach-policy --policy-name now --target $CERT
        touch timed.log
        (until grep -q RC:135 timed.log; do echo x; sleep 0.5; done) | timeout 60 stdbuf -oL mosquitto_pub -V 5 -h localhost -p $MQTT_PORT \
          --cafile $CA --cert own.pem --key own.key -q 1 -i 4711 -t now -l -d > timed.log 2>&1 || true
        grep -o 'PUBACK (m*M*id: [0-9]*, RC:[0-9]*)' timed.log | sed 's/.*RC://; s/)//' | uniq
        "#,
    );
    expect_test::expect![[r#"
        localhost 4711 published
        localhost 4711 published
        localhost 4711 published
        localhost 4711 published
        localhost 4712 refused
        127.0.0.1 4711 refused
        0
        135
    "#]]
    .assert_eq(&told);
}
