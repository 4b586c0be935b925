//! Policies: what a client sees where one says no, what reaches a live connection, what would be decided and why.
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

#[test]
fn authorization_is_tested_by_boto3() {
    assert!(Server::start().python("boto3_authorization.py").contains("ok"));
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

#[test]
fn what_would_be_decided_is_told_beforehand() {
    let server = Server::start();
    let arn = server.device("pump-7");
    let id = arn.rsplit('/').next().expect("an id");
    let ask = |question: &str| {
        let (code, text) = server.bash_may_fail(&format!("sekisho policy test {question}"));
        format!("{question}: {}\n{}", code.unwrap_or(-1), text.replace(id, "ID"))
    };
    let mut told = String::new();
    let whole = format!("--client-id pump-7 --certificate {}", &id[..12]);
    for action in [
        "connect",
        "publish factory/pump-7/t",
        "publish --retain shared/x",
        "publish elsewhere",
        "subscribe 'shared/#'",
        "receive a/+",
    ] {
        told += &ask(&format!("{whole} {action}"));
    }
    told += &ask("--client-id pump-7 connect");
    server.bash(&format!(
        r#"
        aws iot create-policy --policy-name more --policy-document '{{"Version": "2012-10-17", "Statement": [
          {{"Sid": "Hall", "Effect": "Allow", "Action": "iot:Publish", "Resource": "arn:aws:iot:us-east-1:000000000000:topic/${{iot:Connection.Thing.Attributes[hall]}}"}},
          {{"Sid": "Home", "Effect": "Deny", "Action": "iot:Publish", "Resource": "*", "Condition": {{"NotIpAddress": {{"aws:SourceIp": "10.0.0.0/8"}}}}}}]}}' >/dev/null
        aws iot attach-policy --policy-name more --target {arn}
        aws iot create-thing --thing-name oven >/dev/null
        aws iot attach-thing-principal --thing-name oven --principal {arn}
        "#
    ));
    for question in [
        "--thing oven publish hall-3",
        "--thing oven --source-ip 10.1.2.3 publish hall-3",
        "--thing oven --source-ip 10.1.2.3 --client-id pump-7 publish '$aws/events/x'",
        "--thing oven --client-id other --source-ip 192.0.2.1 publish shared/x",
        "--thing none connect",
    ] {
        told += &ask(question);
    }
    server.bash(&format!("aws iot update-certificate --certificate-id {id} --new-status INACTIVE"));
    told += &ask("--thing oven --client-id pump-7 publish shared/x");
    let told = told.replace(&id[..12], "BEGINNING").replace("arn:aws:iot:us-east-1:000000000000:", "ARN:");
    expect_test::expect![[r#"
        --client-id pump-7 --certificate BEGINNING connect: 0
        client `pump-7`, certificate ID, no thing
        ALLOWED iot:Connect on ARN:client/pump-7
          allowed by statement 1 of policy `devices`
        --client-id pump-7 --certificate BEGINNING publish factory/pump-7/t: 0
        client `pump-7`, certificate ID, no thing
        ALLOWED iot:Publish on ARN:topic/factory/pump-7/t
          allowed by statement 2 of policy `devices`
        --client-id pump-7 --certificate BEGINNING publish --retain shared/x: 0
        client `pump-7`, certificate ID, no thing
        ALLOWED iot:Publish on ARN:topic/shared/x
          allowed by statement 2 of policy `devices`
        ALLOWED iot:RetainPublish on ARN:topic/shared/x
          allowed by statement 2 of policy `devices`
        --client-id pump-7 --certificate BEGINNING publish elsewhere: 1
        client `pump-7`, certificate ID, no thing
        DENIED iot:Publish on ARN:topic/elsewhere
          no statement allows it
          without a statement about it: policy `devices`
        --client-id pump-7 --certificate BEGINNING subscribe 'shared/#': 0
        client `pump-7`, certificate ID, no thing
        ALLOWED iot:Subscribe on ARN:topicfilter/shared/#
          allowed by statement 3 of policy `devices`
        --client-id pump-7 --certificate BEGINNING receive a/+: 2
        sekisho: `a/+`: a topic name holds no wildcard
        --client-id pump-7 connect: 2
        sekisho: whose certificate? there is no thing `pump-7`: --certificate ID, or --thing NAME
        --thing oven publish hall-3: 1
        client `oven`, certificate ID, thing `oven`
        DENIED iot:Publish on ARN:topic/hall-3
          denied by statement 2 (`Home`) of policy `more`
          without a statement about it: policy `devices`
          without a value: `iot:Connection.Thing.Attributes[hall]`, `aws:SourceIp`
        --thing oven --source-ip 10.1.2.3 publish hall-3: 1
        client `oven`, certificate ID, thing `oven`
        DENIED iot:Publish on ARN:topic/hall-3
          no statement allows it
          without a statement about it: policy `devices`, policy `more`
          without a value: `iot:Connection.Thing.Attributes[hall]`
        --thing oven --source-ip 10.1.2.3 --client-id pump-7 publish '$aws/events/x': 1
        client `pump-7`, certificate ID, no thing
        DENIED iot:Publish on ARN:topic/$aws/events/x
          no statement allows it
          without a statement about it: policy `devices`, policy `more`
          without a value: `iot:Connection.Thing.Attributes[hall]`
        DENIED all the same: only the server publishes to that topic
        --thing oven --client-id other --source-ip 192.0.2.1 publish shared/x: 1
        client `other`, certificate ID, no thing
        DENIED iot:Publish on ARN:topic/shared/x
          denied by statement 2 (`Home`) of policy `more`
          allowed by statement 2 of policy `devices`
          without a value: `iot:Connection.Thing.Attributes[hall]`
        --thing none connect: 2
        sekisho: whose certificate? there is no thing `none`: --certificate ID, or --thing NAME
        --thing oven --client-id pump-7 publish shared/x: 1
        client `pump-7`, certificate ID, no thing
        DENIED everything: certificate `ID` is INACTIVE, not ACTIVE
    "#]]
    .assert_eq(&told);
}
