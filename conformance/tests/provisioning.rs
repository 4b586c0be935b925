//! The ways in, in detail: fleet provisioning by SDKs, dry runs, and what happens at first
//! connections and at the end of a certificate, with openssl and mosquitto.
use std::path::Path;
use std::process::Child;
use std::time::Instant;

use conformance::{PATIENCE, Server, eventually, root, run};
use serde_json::Value;

/// What the scripts below share. Every device is `NAME.key` and `NAME.pem`.
const WALK: &str = r##"
ca() { # NAME SUBJECT: a self-signed CA
  openssl ecparam -name prime256v1 -genkey -noout -out $1.key
  openssl req -x509 -new -key $1.key -sha256 -days 30 -subj "$2" -out $1.pem
}
sign() { # NAME CA SUBJECT [FLAG…]: a device's certificate
  openssl ecparam -name prime256v1 -genkey -noout -out $1.key
  openssl req -new -key $1.key -subj "$3" -out $1.csr
  openssl x509 -req -in $1.csr -CA $2.pem -CAkey $2.key -CAcreateserial -sha256 -days 30 "${@:4}" -out $1.pem 2>/dev/null
}
register() { # NAME [FLAG…]: registers the CA, active; its id
  sign $1-proof $1 "/CN=$(aws iot get-registration-code --query registrationCode --output text)"
  aws iot register-ca-certificate --ca-certificate file://$1.pem --verification-certificate file://$1-proof.pem --set-as-active \
    --query certificateId --output text "${@:2}"
}
id() { openssl x509 -in $1.pem -outform DER | sha256sum | cut -d' ' -f1; }
publish() { # NAME [FILE]: one message at QoS 1
  mosquitto_pub -h localhost -p $MQTT_PORT --cafile $CA --cert ${2:-$1.pem} --key $1.key -i $1 -q 1 -t factory/$1/x -m 1 2>&1
}
refused() { if publish "$@"; then echo "$1 should have been refused"; exit 1; fi; }
status() { aws iot describe-certificate --certificate-id $(id $1) --query certificateDescription.status --output text; }
absent() { # NAME: it is not registered
  if aws iot describe-certificate --certificate-id $(id $1) 2>absent.log; then exit 1; fi
  grep -q ResourceNotFoundException absent.log
}
policy() {
  aws iot create-policy --policy-name walk --policy-document '{"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": "iot:*", "Resource": "*"}]}' >/dev/null
}
admit() { # NAME: activates and attaches the policy
  aws iot update-certificate --certificate-id $(id $1) --new-status ACTIVE
  aws iot attach-policy --policy-name walk --target arn:aws:iot:us-east-1:000000000000:cert/$(id $1)
}
jitp() { # CA_ID: thing and policy from the subject
  cat > template.json <<'TEMPLATE'
{ "Parameters": { "AWS::IoT::Certificate::CommonName": { "Type": "String" }, "AWS::IoT::Certificate::SerialNumber": { "Type": "String" },
    "AWS::IoT::Certificate::Id": { "Type": "String" } },
  "Resources": {
    "thing": { "Type": "AWS::IoT::Thing", "Properties": { "ThingName": { "Ref": "AWS::IoT::Certificate::CommonName" },
      "AttributePayload": { "serial": { "Ref": "AWS::IoT::Certificate::SerialNumber" } } } },
    "certificate": { "Type": "AWS::IoT::Certificate", "Properties": { "CertificateId": { "Ref": "AWS::IoT::Certificate::Id" } } },
    "policy": { "Type": "AWS::IoT::Policy", "Properties": { "PolicyName": "walk" } } } }
TEMPLATE
  aws iot create-provisioning-template --template-name jit --type JITP --template-body file://template.json --enabled \
    --provisioning-role-arn arn:aws:iam::000000000000:role/provisioning >/dev/null
  aws iot update-ca-certificate --certificate-id $1 --registration-config templateName=jit
}
"##;

/// Runs a script that may use the above.
fn walk(server: &Server, script: &str) -> String {
    server.bash(&format!("{WALK}\n{script}"))
}

/// What `sekisho why` says of a device's certificate, the newest first.
fn why(server: &Server, name: &str) -> Value {
    serde_json::from_str(&walk(server, &format!("sekisho why --json $(id {name})"))).expect("JSON")
}

/// A subscriber in the background; what it prints is in `NAME.log`.
struct Subscriber<'a>(&'a Server, &'static str, Child);

impl<'a> Subscriber<'a> {
    fn start(server: &'a Server, name: &'static str, filter: &str) -> Self {
        let script = format!(
            "exec stdbuf -oL mosquitto_sub -h localhost -p $MQTT_PORT --cafile $CA --cert {name}.pem --key {name}.key -i {name} \
             -q 1 -t '{filter}' -d > {name}.log 2>&1"
        );
        let child = server.command("bash").args(["-c", &script]).spawn().expect("bash is there");
        let subscriber = Self(server, name, child);
        eventually("it listens", || subscriber.log().contains("SUBACK").then_some(()));
        subscriber
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.0.scratch().join(format!("{}.log", self.1))).unwrap_or_default()
    }
}

impl Drop for Subscriber<'_> {
    fn drop(&mut self) {
        let _ = self.2.kill();
        let _ = self.2.wait();
    }
}

/// How many lines of a text are JSON with this certificate's id.
fn events(text: &str, id: &str) -> Vec<Value> {
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|event| event["certificateId"] == id).collect()
}

#[test]
fn a_dry_run_says_what_the_server_would() {
    let script = r#"
        ca root "/CN=Dry Root"
        ca stranger "/CN=Stranger"
        policy
        jitp $(register root --allow-auto-registration)
        sign pump root "/CN=pump/serialNumber=SN-1"
        sign spaced root "/CN=pump 7/serialNumber=SN-1"
        sign other stranger "/CN=pump/serialNumber=SN-1"
        rehearse() { sekisho provision --dry-run --template template.json --data $SEKISHO_DATA --cert $1.pem; }
        refused_with() { if rehearse $1 2>refusal.log; then exit 1; fi; grep -q "$2" refusal.log || { cat refusal.log; exit 1; }; }
        rehearse pump | grep -q "the server would do it"
        absent pump
        refused_with spaced "pump 7"
        refused_with other "no CA with the subject"
        aws iot create-thing --thing-name pump --attribute-payload '{"attributes": {"serial": "another"}}' >/dev/null
        refused_with pump "AttributePayload"
        refused pump
        sekisho why $(id pump) | grep -q "AttributePayload"
        if sekisho provision --dry-run --template template.json --data /nowhere 2>refusal.log; then exit 1; fi
        sed -i 's/AWS::IoT::Certificate::CommonName/AWS::IoT::Certificate::Country/' template.json
        sign german root "/C=DE/serialNumber=SN-1"
        rehearse german | grep -q "of type JITP"
        echo agreed"#;
    assert!(walk(&Server::start(), script).contains("agreed"));
}

/// Functions: `ask` refuses or overrides, `slow` takes longer than a hook may; nothing stands in the place of `nobody`.
fn hooks(event: &Path) -> [String; 4] {
    let hook = root().join("conformance/python/fleet_hook.py");
    let flag =
        |name: &str, command: &str| format!("arn:aws:lambda:us-east-1:000000000000:function:{name}=command:{command}");
    let ask = flag("ask", &format!("python3 {} {}", hook.display(), event.display()));
    ["--function".into(), ask, "--function".into(), flag("slow", "sleep 30")]
}

#[test]
fn the_sdk_provisions_devices_in_both_versions() {
    let folder = tempfile::tempdir().unwrap();
    let event = folder.path().join("event.json");
    let flags = hooks(&event);
    let server = Server::start_with(&flags.each_ref().map(String::as_str));
    let mut script = server.command("python");
    script.arg(root().join("conformance/python/awsiotsdk_fleet.py")).env("HOOK_EVENT", &event);
    let output = run(&mut script);
    assert!(String::from_utf8_lossy(&output.stdout).contains("ok"));
    let why = server.bash("sekisho why --all");
    for reason in [
        "hook `arn:aws:lambda:us-east-1:000000000000:function:ask` refused",
        "took longer than 5 s",
        "`$aws/provisioning-templates/closed/provision/json`: the template is not enabled",
        "parameter `Serial` has no value",
    ] {
        assert!(why.contains(reason), "{reason} is missing in:\n{why}");
    }
}

#[test]
fn paho_provisions_devices_in_cbor() {
    assert!(Server::start().python("paho_fleet_cbor.py").contains("ok"));
}

#[test]
fn a_first_connect_registers_and_tells_subscribers_and_rules() {
    let mut server = Server::start();
    server.lake(1);
    server.aws(&["iot", "create-topic-rule", "--rule-name", "registered", "--topic-rule-payload",
        r#"{"sql": "SELECT * FROM '$aws/events/certificates/registered/+'", "awsIotSqlVersion": "2016-03-23", "actions": [
            {"firehose": {"deliveryStreamName": "telemetry", "separator": "\n", "roleArn": "arn:aws:iam::000000000000:role/r"}}]}"#]);
    server.aws(&["iot", "create-policy", "--policy-name", "watch", "--policy-document",
        r#"{"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": ["iot:Connect", "iot:Receive"], "Resource": "*"}, {"Effect": "Allow", "Action": "iot:Subscribe",
             "Resource": "arn:aws:iot:us-east-1:000000000000:topicfilter/$aws/events/certificates/registered/+"}]}"#]);
    let watcher = server.device("watcher");
    server.aws(&["iot", "attach-policy", "--policy-name", "watch", "--target", &watcher]);
    let ids = walk(&server, "policy; ca root '/O=Example/CN=Root'; sign leaf root /CN=leaf; sign chained root /CN=chained; cat chained.pem root.pem > chain.pem
        sign quiet root /CN=quiet; register root --allow-auto-registration; id leaf; id chained");
    let ids: Vec<&str> = ids.lines().collect();
    let [ca, leaf, chained] = ids[..] else { panic!("{ids:?}") };

    let subscriber = Subscriber::start(&server, "watcher", "$aws/events/certificates/registered/+");
    // A handshake is no CONNECT: closed at once, or held for a while, it registers nothing.
    walk(
        &server,
        r#"
        connect="openssl s_client -connect localhost:$MQTT_PORT -servername localhost -CAfile $CA -verify_return_error -cert quiet.pem -key quiet.key"
        $connect </dev/null >handshake.log 2>&1 || true
        grep -q 'Verify return code: 0' handshake.log
        sleep 1 | $connect >handshake.log 2>&1 || true
        grep -q 'Verify return code: 0' handshake.log
        publish leaf && exit 1
        publish chained chain.pem && exit 1
        [ $(status leaf)$(status chained) = PENDING_ACTIVATIONPENDING_ACTIVATION ]
        absent quiet
        [ $(aws iot list-certificates-by-ca --ca-certificate-id $(id root) --query 'length(certificates)') = 2 ]"#,
    );
    let mut first = Vec::new();
    for id in [leaf, chained] {
        let told = eventually("the subscriber is told", || events(&subscriber.log(), id).pop());
        assert_eq!((&told["caCertificateId"], &told["certificateStatus"]), (&ca.into(), &"PENDING_ACTIVATION".into()));
        assert_eq!(
            (&told["awsAccountId"], &told["certificateRegistrationTimestamp"]),
            (&"000000000000".into(), &Value::Null)
        );
        assert!(told["timestamp"].as_i64().is_some_and(|millis| millis > 1_500_000_000_000), "{told}");
        let stored = eventually("the rule is told", || events(&server.lake_lines().join("\n"), id).pop());
        assert_eq!(stored, told);
        first.push(told);
    }
    assert!(subscriber.log().contains(&format!("'$aws/events/certificates/registered/{ca}'")), "{}", subscriber.log());

    // Again, and it is told again.
    walk(&server, "refused leaf");
    let again = eventually("it is told again", || events(&subscriber.log(), leaf).into_iter().nth(1));
    let registered: i64 = again["certificateRegistrationTimestamp"].as_str().unwrap().parse().unwrap();
    assert!(
        registered <= first[0]["timestamp"].as_i64().unwrap() && registered <= again["timestamp"].as_i64().unwrap()
    );
    let said = why(&server, "leaf");
    assert!(said[0]["step"] == "jitr" && said[0]["ca_certificate_id"] == ca, "{said}");
    drop(subscriber);

    server.kill();
    server.restart();
    walk(
        &server,
        r#"
        [ $(status leaf)$(status chained) = PENDING_ACTIVATIONPENDING_ACTIVATION ]
        refused leaf
        admit leaf; admit chained; publish leaf; publish chained chain.pem; publish chained chained.pem
        publish leaf chain.pem && exit 1
        true"#,
    );
    server.kill();
    server.restart();
    walk(&server, "publish leaf; publish chained chain.pem; refused quiet; [ $(status quiet) = PENDING_ACTIVATION ]");
    eventually("the rule was told each time", || {
        (events(&server.lake_lines().join("\n"), leaf).len() == 3).then_some(())
    });
}

#[test]
fn what_no_active_ca_vouches_for_is_refused_and_why_says_so() {
    let mut server = Server::start();
    walk(
        &server,
        r#"
        ca root '/O=Example/CN=Root'; ca idle '/O=Example/CN=Idle'; ca manual /CN=Manual; ca stranger /CN=Stranger; ca self /CN=self; ca forger '/O=Example/CN=Root'
        register root --allow-auto-registration; register manual; register idle --allow-auto-registration
        aws iot update-ca-certificate --certificate-id $(id idle) --new-status INACTIVE
        sign inactive idle /CN=inactive; sign unknown stranger /CN=unknown; sign expired root /CN=expired -days -1; sign forged forger /CN=forged
        sign disabled manual /CN=disabled"#,
    );
    for restarted in [false, true] {
        if restarted {
            server.kill();
            server.restart();
        }
        let ids = walk(&server, "id root; id idle; id manual");
        let ids: Vec<&str> = ids.lines().collect();
        // device, what its certificate says of its issuer, why
        let table = [
            ("inactive", "CN=Idle,O=Example", format!("CA `{}` is INACTIVE", ids[1])),
            ("unknown", "CN=Stranger", "no CA with the subject `CN=Stranger` is registered".to_owned()),
            ("self", "CN=self", "no CA with the subject `CN=self` is registered".to_owned()),
            ("expired", "CN=Root,O=Example", "the certificate expired".to_owned()),
            ("forged", "CN=Root,O=Example", format!("the certificate is not signed by the key of CA `{}`", ids[0])),
            (
                "disabled",
                "CN=Manual",
                format!("CA `{}` does not register certificates at their first connection", ids[2]),
            ),
        ];
        let began = Instant::now();
        walk(&server, "for name in inactive unknown self expired forged disabled; do refused $name; done");
        assert!(began.elapsed() < PATIENCE, "six refusals that wait for no deadline: {:?}", began.elapsed());
        let said: Value = serde_json::from_str(&walk(&server, "sekisho why --json")).expect("JSON");
        let text = walk(&server, "sekisho why --all");
        for (name, issuer, reason) in table {
            let said = said.as_array().unwrap().iter().find(|said| said["client_id"] == name).expect(name);
            assert_eq!(said["step"], "identity", "{said}");
            assert_eq!((&said["subject"], &said["issuer"]), (&format!("CN={name}").into(), &issuer.into()), "{said}");
            assert!(said["reason"].as_str().unwrap().contains(&reason), "{said}");
            for part in [format!("subject `CN={name}`, issuer `{issuer}`"), reason] {
                assert!(text.contains(&part), "{part} is missing in:\n{text}");
            }
        }
    }
    assert_eq!(walk(&server, "aws iot list-certificates --query 'length(certificates)'").trim(), "0");
}

#[test]
fn what_is_pending_is_said_to_be_pending() {
    let server = Server::start();
    walk(
        &server,
        r#"
        ca root /CN=Root; register root --allow-auto-registration; sign leaf root /CN=leaf; refused leaf
        aws iot update-ca-certificate --certificate-id $(id root) --new-auto-registration-status DISABLE
        refused leaf; [ $(status leaf) = PENDING_ACTIVATION ]"#,
    );
    let said = &why(&server, "leaf")[0];
    let reason = said["reason"].as_str().unwrap();
    assert!(reason.contains(" is PENDING_ACTIVATION, and CA `") && reason.ends_with("is DISABLE"), "{said}");
}

#[test]
fn a_template_needs_what_it_names_of_the_subject() {
    let mut server = Server::start();
    let ca = walk(&server, "policy; ca root '/O=Example/CN=Root'; register root --allow-auto-registration");
    walk(&server, &format!("jitp {ca}"));
    walk(
        &server,
        r#"
        sign partial root /CN=partial; sign whole root /CN=whole/serialNumber=SN-1
        refused partial; refused partial
        refused whole; publish whole"#,
    );
    for restarted in [false, true] {
        if restarted {
            server.kill();
            server.restart();
        }
        walk(
            &server,
            r#"
            refused partial; [ $(status partial) = PENDING_ACTIVATION ]
            publish whole; [ $(status whole) = ACTIVE ]
            [ "$(aws iot list-things --query 'things[].thingName' --output text)" = whole ]
            [ "$(aws iot describe-thing --thing-name whole --query attributes.serial --output text)" = SN-1 ]"#,
        );
        let said = &why(&server, "partial")[0];
        assert!(said["step"] == "jitp" && said["subject"] == "CN=partial", "{said}");
        assert_eq!(
            said["reason"],
            "parameter `AWS::IoT::Certificate::SerialNumber` has no value; the certificate stays PENDING_ACTIVATION; mend the \
             template (or give a Default) and connect again"
        );
    }
    // The operator may help it by hand, or by a template that asks for less: the next connection runs that one.
    walk(
        &server,
        r#"
        python3 - <<'PY'
import json
template = json.load(open("template.json"))
del template["Parameters"]["AWS::IoT::Certificate::SerialNumber"], template["Resources"]["thing"]["Properties"]["AttributePayload"]
json.dump(template, open("less.json", "w"))
PY
        aws iot create-provisioning-template-version --template-name jit --template-body file://less.json --set-as-default >/dev/null
        refused partial; publish partial; [ $(status partial) = ACTIVE ]"#,
    );
}

#[test]
fn a_first_connection_can_be_let_in() {
    let server = Server::start_with(&["--first-connection", "admit"]);
    let ca = walk(&server, "policy; ca root /CN=Root; register root --allow-auto-registration");
    walk(&server, &format!("jitp {ca}"));
    walk(
        &server,
        r#"
        sign pump-1 root /CN=pump-1/serialNumber=1; sign pump-2 root /CN=pump-2/serialNumber=2; sign partial root /CN=partial
        publish pump-1; [ $(status pump-1) = ACTIVE ]; publish pump-1"#,
    );
    let said = &why(&server, "pump-1")[0];
    assert_eq!((&said["step"], &said["outcome"]), (&"jitp".into(), &"let_in".into()), "{said}");
    assert!(said["reason"].as_str().unwrap().contains("was provisioned as thing `pump-1`"), "{said}");
    let figures = || conformance::http_get(server.admin(), "/metrics").expect("the figures");
    assert!(figures().contains("sekisho_first_connections_total{step=\"jitp\",outcome=\"let_in\"} 1"), "{}", figures());
    assert!(!figures().contains("sekisho_refusals_total{step=\"jitp\"}"), "{}", figures());
    // A client may go on before it has its CONNACK (MQTT 3.1.1 §3.1): what is behind the CONNECT waits with it.
    let hasty = walk(
        &server,
        r#"
        sign hasty root /CN=hasty/serialNumber=3
        python - <<'PY'
import os, socket, ssl
context = ssl.create_default_context(cafile=os.environ["CA"])
context.load_cert_chain("hasty.pem", "hasty.key")
device = context.wrap_socket(socket.create_connection(("localhost", int(os.environ["MQTT_PORT"])), timeout=50), server_hostname="localhost")
device.sendall(b"\x10\x11\0\x04MQTT\x04\x02\0\x1e\0\x05hasty" + b"\x32\x08\0\x03a/b\0\x07x")
answer = b""
while len(answer) < 8 and (more := device.recv(8)):
    answer += more
print(answer.hex())
PY"#,
    );
    assert_eq!(hasty.lines().last(), Some("2002000040020007"));
    let subscriber = Subscriber::start(&server, "pump-2", "factory/#"); // its first connection, too
    walk(&server, "refused partial; publish pump-1");
    eventually("it hears", || subscriber.log().contains("'factory/pump-1/x'").then_some(()));
    // JITR has nothing to let in by: it is closed all the same.
    walk(
        &server,
        "aws iot update-ca-certificate --certificate-id $(id root) --remove-auto-registration; sign pump-3 root /CN=pump-3/serialNumber=4; refused pump-3",
    );
}

#[test]
fn the_issuing_ca_can_be_another() {
    let mut server = Server::start();
    server.device("pump-1");
    walk(
        &server,
        r#"
        issue() { # NAME
          aws iot create-keys-and-certificate --set-as-active --certificate-pem-outfile $1.pem --private-key-outfile $1.key >/dev/null
          aws iot attach-policy --policy-name devices --target arn:aws:iot:us-east-1:000000000000:cert/$(id $1)
        }
        sekisho ca rotate > rotated.pem
        issue pump-2
        openssl verify -CAfile rotated.pem pump-2.pem
        openssl verify -CAfile rotated.pem pump-1.pem 2>/dev/null && exit 1
        publish pump-1; publish pump-2

        # An intermediate under a root of the customer's.
        ca root '/O=Example/CN=Root'; ca other '/CN=Other'
        printf 'basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign,cRLSign\n' > ca.ext
        certify() { openssl x509 -req -in ca.csr -CA root.pem -CAkey root.key -CAcreateserial -sha256 -days 30 -extfile ca.ext -out $1 2>/dev/null; }
        sekisho ca csr > old.csr
        sekisho ca csr > ca.csr
        openssl req -in ca.csr -noout -verify
        issue pump-3; openssl verify -CAfile rotated.pem pump-3.pem # it is not in force yet
        certify intermediate.pem; cat intermediate.pem root.pem > chain.pem
        cat intermediate.pem other.pem > wrong-chain.pem
        openssl x509 -req -in old.csr -CA root.pem -CAkey root.key -CAcreateserial -sha256 -days 30 -extfile ca.ext -out old.pem 2>/dev/null
        openssl x509 -req -in ca.csr -CA root.pem -CAkey root.key -CAcreateserial -sha256 -days 30 -out no-ca.pem 2>/dev/null
        for wrong in old.pem no-ca.pem wrong-chain.pem root.pem ca.csr; do
          if sekisho ca install $wrong; then echo "$wrong should have been refused"; exit 1; fi
        done
        issue pump-4; openssl verify -CAfile rotated.pem pump-4.pem
        sekisho ca install chain.pem
        issue pump-5
        openssl ecparam -name prime256v1 -genkey -noout -out pump-6.key
        openssl req -new -key pump-6.key -subj /CN=x -out pump-6.csr
        aws iot create-certificate-from-csr --certificate-signing-request file://pump-6.csr --set-as-active --certificate-pem-outfile pump-6.pem >/dev/null
        aws iot attach-policy --policy-name devices --target arn:aws:iot:us-east-1:000000000000:cert/$(id pump-6)
        openssl verify -CAfile root.pem -untrusted intermediate.pem pump-5.pem pump-6.pem"#,
    );
    server.kill();
    server.restart();
    walk(
        &server,
        r#"
        for n in 1 2 3 4 5 6; do publish pump-$n; done
        aws iot create-keys-and-certificate --certificate-pem-outfile pump-7.pem >/dev/null
        openssl verify -CAfile root.pem -untrusted intermediate.pem pump-7.pem"#,
    );
}

#[test]
fn a_ca_can_be_deactivated_with_its_certificates() {
    let mut server = Server::start();
    walk(
        &server,
        r#"
        policy; ca root /CN=Root; register root; ca other /CN=Other; register other
        for name in pump-1 pump-2; do
          sign $name root /CN=$name; aws iot register-certificate --certificate-pem file://$name.pem >/dev/null; admit $name
        done
        for name in pump-3 pump-4; do
          sign $name other /CN=$name; aws iot register-certificate --certificate-pem file://$name.pem >/dev/null; admit $name
        done"#,
    );
    let gone = Subscriber::start(&server, "pump-1", "factory/#");
    let stays = Subscriber::start(&server, "pump-3", "factory/#");
    // Without its certificates first: nobody is disconnected, nothing new is registered.
    walk(
        &server,
        r#"
        sekisho ca deactivate $(id root) | grep 'its certificates are as they were'
        sign late root /CN=late
        if aws iot register-certificate --certificate-pem file://late.pem 2>late.log; then exit 1; fi
        grep -q CertificateStateException late.log
        publish pump-2"#,
    );
    eventually("both hear", || {
        (gone.log().contains("'factory/pump-2/x'") && stays.log().contains("'factory/pump-2/x'")).then_some(())
    });
    assert!(
        walk(&server, "sekisho ca deactivate $(id root) --with-certificates").contains("and 2 of its certificates")
    );
    // mosquitto_sub connects again by itself, and is refused.
    eventually("it is disconnected", || {
        server.bash_may_fail("sekisho why pump-1").1.contains("is INACTIVE, not ACTIVE").then_some(())
    });
    walk(&server, "refused pump-1; refused pump-2; publish pump-4; [ $(status pump-2) = INACTIVE ]");
    eventually("the other CA's device still hears", || stays.log().contains("'factory/pump-4/x'").then_some(()));
    assert!(!gone.log().contains("'factory/pump-4/x'"), "{}", gone.log());
    let (code, said) = server.bash_may_fail(&format!("sekisho ca deactivate {}", "0".repeat(64)));
    assert!(code != Some(0) && said.contains("not found"), "{said}");
    drop((gone, stays));
    server.kill();
    server.restart();
    walk(&server, "refused pump-1; refused pump-2; publish pump-3; refused late");
}

#[test]
fn a_watched_revocation_list_revokes() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("crl.pem");
    let mut server = Server::start_with(&["--crl", list.to_str().unwrap()]);
    walk(
        &server,
        r#"
        policy; ca root /CN=Root; register root --allow-auto-registration; ca forger /CN=Root
        for name in pump-1 pump-2; do
          sign $name root /CN=$name; aws iot register-certificate --certificate-pem file://$name.pem >/dev/null; admit $name
        done
        sign unseen root /CN=unseen
        printf '[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\ndefault_md=sha256\ndefault_crl_days=30\n' > crl.cnf"#,
    );
    let subscriber = Subscriber::start(&server, "pump-1", "factory/#");
    // By somebody else of the same name: it is not taken.
    let make = |ca: &str, names: &str| {
        walk(
            &server,
            &format!(
                r#"
            rm -f index.txt*; touch index.txt
            for name in {names}; do openssl ca -config crl.cnf -keyfile {ca}.key -cert {ca}.pem -revoke $name.pem 2>/dev/null; done
            openssl ca -config crl.cnf -keyfile {ca}.key -cert {ca}.pem -gencrl -out new.pem 2>/dev/null
            mv new.pem {}"#,
                list.display()
            ),
        );
    };
    make("forger", "pump-1 pump-2");
    let log = || std::fs::read_to_string(server.scratch().join("server.log")).unwrap();
    eventually("the forged list is looked at", || log().contains("a revocation list is not taken").then_some(()));
    walk(&server, "publish pump-2");
    eventually("it hears", || subscriber.log().contains("'factory/pump-2/x'").then_some(()));
    make("root", "pump-1 unseen");
    eventually("it is revoked", || (walk(&server, "status pump-1").trim() == "REVOKED").then_some(()));
    eventually("it is disconnected", || {
        server.bash_may_fail("sekisho why pump-1").1.contains("is REVOKED, not ACTIVE").then_some(())
    });
    let again = "refused pump-1; publish pump-2; refused unseen
        absent unseen";
    walk(&server, again);
    let said = &why(&server, "unseen")[0];
    assert!(said["reason"].as_str().unwrap().contains("has revoked the certificate"), "{said}");
    drop(subscriber);
    server.kill();
    std::fs::remove_file(&list).unwrap();
    server.restart();
    walk(&server, again);
}
