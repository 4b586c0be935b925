//! Device shadows, by boto3, the AWS CLI, paho, awsiotsdk and curl with a certificate; in rules; after a restart and a kill.
use std::fmt::Write as _;

use conformance::{Server, eventually};

/// Everything about one's own shadows, over MQTT and over HTTPS; `deaf` may do all that but receive.
const POLICY: &str = r#"{"Version": "2012-10-17", "Statement": [
  {"Effect": "Allow", "Action": "iot:Connect", "Resource": "arn:aws:iot:us-east-1:000000000000:client/${iot:ClientId}"},
  {"Effect": "Allow", "Action": ["iot:Publish", "iot:Receive"],
    "Resource": "arn:aws:iot:us-east-1:000000000000:topic/$aws/things/${iot:ClientId}/shadow/*"},
  {"Effect": "Allow", "Action": "iot:Subscribe",
    "Resource": "arn:aws:iot:us-east-1:000000000000:topicfilter/$aws/things/${iot:ClientId}/shadow/*"},
  {"Effect": "Deny", "Action": "iot:Receive", "Resource": "arn:aws:iot:us-east-1:000000000000:topic/$aws/things/deaf/*"}]}"#;

fn device(server: &Server, name: &str, policy: &str) {
    server.bash(&format!(
        r#"
        CERT=$(aws iot create-keys-and-certificate --set-as-active --certificate-pem-outfile {name}.pem \
          --private-key-outfile {name}.key --query certificateArn --output text)
        aws iot attach-policy --policy-name {policy} --target "$CERT"
        "#
    ));
}

fn start() -> Server {
    let server = Server::start();
    server.aws(&["iot", "create-policy", "--policy-name", "shadows", "--policy-document", POLICY]);
    device(&server, "pump-7", "shadows");
    server
}

fn script(server: &Server, name: &str, argument: &str) {
    let path = conformance::root().join("conformance/python").join(name);
    conformance::run(server.command("python").arg(path).arg(argument));
}

#[test]
fn operators_keep_shadows_and_a_restart_keeps_them_too() {
    let mut server = Server::start();
    server.python("boto3_shadows.py");
    // The CLI writes the document to a file, byte for byte.
    let told = server.bash(
        r#"
        printf '{"state":{"desired":{"a":1}}}' > update.json
        aws iot-data update-thing-shadow --thing-name cli --payload fileb://update.json updated.json
        aws iot-data get-thing-shadow --thing-name cli got.json
        aws iot-data delete-thing-shadow --thing-name cli deleted.json
        for file in updated got deleted; do sed -E 's/"timestamp":[0-9]+/"timestamp":0/g' $file.json; echo; done
        aws iot-data get-thing-shadow --thing-name cli none.json 2>&1 || true
        "#,
    );
    expect_test::expect![[r#"
        {"state":{"desired":{"a":1}},"metadata":{"desired":{"a":{"timestamp":0}}},"version":1,"timestamp":0}
        {"state":{"desired":{"a":1},"delta":{"a":1}},"metadata":{"desired":{"a":{"timestamp":0}}},"version":1,"timestamp":0}
        {"version":1,"timestamp":0}

        An error occurred (ResourceNotFoundException) when calling the GetThingShadow operation: No shadow exists with name: 'cli'
    "#]]
    .assert_eq(&told);
    server.kill();
    server.restart();
    script(&server, "boto3_shadows.py", "after-a-restart");
}

#[test]
fn devices_ask_and_are_told_over_mqtt() {
    let mut server = start();
    device(&server, "deaf", "shadows");
    server.python("paho_shadows.py");
    let why = server.bash("sekisho why --all");
    for reason in ["is a topic of answers: only the server publishes there", "is no topic of a shadow"] {
        assert!(why.contains(reason), "{reason} is missing in:\n{why}");
    }
    // What was acknowledged is there after a kill, and its version goes on.
    script(&server, "paho_shadows.py", "before-a-kill");
    server.kill();
    server.restart();
    script(&server, "paho_shadows.py", "after-a-kill");
}

#[test]
fn the_sdk_keeps_shadows_with_both_clients() {
    let server = start();
    assert!(server.python("awsiotsdk_shadows.py").contains("ok"));
}

/// A will is no request (AWS ignores it), and no answer either.
#[test]
fn a_will_is_neither_a_request_nor_an_answer() {
    let server = start();
    let client = "-h localhost -p $MQTT_PORT --cafile $CA --cert pump-7.pem --key pump-7.key -V 5 -q 1 -i pump-7";
    let will = |topic: &str| {
        let topic = format!("$aws/things/pump-7/shadow/{topic}");
        format!(
            "mosquitto_sub {client} -t '$aws/things/pump-7/shadow/get/accepted' --will-topic '{topic}' --will-payload '{{\"state\":{{}}}}' --will-qos 1"
        )
    };
    let (_, said) = server.bash_may_fail(&format!("timeout 20 {} -W 5", will("update/accepted")));
    assert!(said.contains("Not authorized"), "{said}");
    server.bash(&format!(
        r#"{} & lost=$!
        until curl -sf $ADMIN/metrics | grep -q '^sekisho_connections 1'; do sleep 0.1; done
        kill -KILL $lost
        until sekisho why pump-7 | grep -q 'a will there is ignored'; do sleep 0.1; done
        ! aws iot-data get-thing-shadow --thing-name pump-7 none.json 2>/dev/null"#,
        will("update")
    ));
}

#[test]
fn a_rule_selects_from_the_documents_of_every_update() {
    let server = start();
    server.lake(1);
    let rule = r#"{"sql": "SELECT topic(3) AS thing, current.state.desired.speed AS speed, previous.version AS before FROM '$aws/things/+/shadow/update/documents'",
      "awsIotSqlVersion": "2016-03-23", "actions": [{"firehose": {"deliveryStreamName": "telemetry", "separator": "\n",
      "roleArn": "arn:aws:iam::000000000000:role/r"}}]}"#;
    server.aws(&["iot", "create-topic-rule", "--rule-name", "shadows", "--topic-rule-payload", rule]);
    server.bash(
        r#"
        for speed in 1 2; do
          printf '{"state":{"desired":{"speed":%s}}}' $speed > update.json
          aws iot-data update-thing-shadow --thing-name lamp --payload fileb://update.json out.json
        done
        mosquitto_pub -h localhost -p $MQTT_PORT --cafile $CA --cert pump-7.pem --key pump-7.key -i pump-7 -q 1 \
          -t '$aws/things/pump-7/shadow/update' -m '{"state":{"desired":{"speed":3}}}'
        "#,
    );
    let mut lines = eventually("the documents are in the lake", || {
        let lines = server.lake_lines();
        (lines.len() >= 3).then_some(lines)
    });
    lines.sort();
    assert_eq!(
        lines,
        [
            r#"{"thing":"lamp","speed":1}"#,
            r#"{"thing":"lamp","speed":2,"before":1}"#,
            r#"{"thing":"pump-7","speed":3}"#,
        ]
    );
}

/// The resources are those of the developer guide: a thing, or a thing and its shadow; a topic; everything.
const HTTPS: &str = r#"{"Version": "2012-10-17", "Statement": [
  {"Effect": "Allow", "Action": ["iot:GetThingShadow", "iot:UpdateThingShadow"],
    "Resource": ["arn:aws:iot:us-east-1:000000000000:thing/pump-7", "arn:aws:iot:us-east-1:000000000000:thing/pump-7/open"]},
  {"Effect": "Allow", "Action": "iot:DeleteThingShadow", "Resource": "arn:aws:iot:us-east-1:000000000000:thing/pump-7/open"},
  {"Effect": "Allow", "Action": "iot:ListNamedShadowsForThing", "Resource": "arn:aws:iot:us-east-1:000000000000:thing/pump-7"},
  {"Effect": "Allow", "Action": "iot:GetRetainedMessage", "Resource": "arn:aws:iot:us-east-1:000000000000:topic/shared/*"}]}"#;

#[test]
fn devices_use_the_data_api_with_their_certificate() {
    let server = start();
    server.aws(&["iot", "create-policy", "--policy-name", "https", "--policy-document", HTTPS]);
    server.aws(&[
        "iot",
        "create-policy",
        "--policy-name",
        "list",
        "--policy-document",
        r#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "iot:List*", "Resource": "*"}}"#,
    ]);
    device(&server, "tool", "https");
    device(&server, "lister", "list");
    server.bash("aws iot-data publish --topic shared/a --retain --payload fileb://<(printf kept); aws iot-data publish --topic other/a --retain --payload fileb://<(printf x)");
    #[rustfmt::skip] // who    method    path                                                          body                            status, what is said
    let table: &[(&str, &str, &str, &str, u16, &str)] = &[
        ("tool",   "GET",    "/things/pump-7/shadow",                                      "",                             404, r#""message":"No shadow exists with name: 'pump-7'""#),
        ("tool",   "POST",   "/things/pump-7/shadow",                                      r#"{"state":{"desired":{"a":1}}}"#, 200, r#"{"state":{"desired":{"a":1}},"metadata""#),
        ("tool",   "POST",   "/things/pump-7/shadow?name=open",                            r#"{"state":{"reported":{"b":1}}}"#, 200, r#""version":1,"#),
        ("tool",   "POST",   "/things/pump-7/shadow?name=open",                            r#"{"state":{},"version":7}"#,  409, "Version conflict"),
        ("tool",   "POST",   "/things/pump-7/shadow?name=open",                            "{",                            400, "Invalid JSON"),
        ("tool",   "POST",   "/things/pump-7/shadow?name=a.b",                             r#"{"state":{}}"#,              400, "is not a valid shadow name"),
        ("tool",   "GET",    "/things/pump%207/shadow",                                    "",                             400, "is not a valid thing name"),
        ("tool",   "POST",   "/things/pump-7/shadow?name=closed",                          r#"{"state":{}}"#,              403, "Forbidden"),
        ("tool",   "POST",   "/things/pump-8/shadow",                                      r#"{"state":{}}"#,              403, "Forbidden"),
        ("tool",   "GET",    "/things/pump%2D7/shadow?name=open",                          "",                             200, r#"{"state":{"reported":{"b":1}}"#),
        ("tool",   "PUT",    "/things/pump-7/shadow",                                      "",                             405, "Method Not Allowed"),
        ("tool",   "DELETE", "/things/pump-7/shadow",                                      "",                             403, "Forbidden"),
        ("tool",   "GET",    "/api/things/shadow/ListNamedShadowsForThing/pump-7?pageSize=1", "",                          200, r#"{"results":["open"],"timestamp":"#),
        ("tool",   "GET",    "/api/things/shadow/ListNamedShadowsForThing/pump-7?pageSize=0", "",                          400, "pageSize is a number from 1 to 100"),
        ("tool",   "GET",    "/api/things/shadow/ListNamedShadowsForThing/pump-8",         "",                             403, "Forbidden"),
        ("tool",   "DELETE", "/things/pump-7/shadow?name=open",                            "",                             200, r#"{"version":1,"timestamp":"#),
        ("tool",   "DELETE", "/things/pump-7/shadow?name=open",                            "",                             404, "No shadow exists with name: 'open'"),
        ("tool",   "GET",    "/retainedMessage/shared%2Fa",                                "",                             200, r#"{"topic":"shared/a","payload":"a2VwdA==","qos":0,"#),
        ("tool",   "GET",    "/retainedMessage/shared/b",                                  "",                             404, "No retained message exists for topic: shared/b"),
        ("tool",   "GET",    "/retainedMessage/other/a",                                   "",                             403, "Forbidden"),
        ("tool",   "GET",    "/retainedMessage",                                           "",                             403, "Forbidden"),
        ("tool",   "POST",   "/topics/$aws/things/pump-7/shadow/update?qos=1",             r#"{"state":{}}"#,              400, "reserved topic"),
        ("lister", "GET",    "/retainedMessage?maxResults=1",                              "",                             200, r#"{"retainedTopics":[{"topic":"other/a","payloadSize":1,"qos":0,"#),
        ("lister", "GET",    "/retainedMessage?nextToken=!",                               "",                             400, "The token is not one this list gave out"),
        ("lister", "GET",    "/things/pump-7/shadow",                                      "",                             403, "Forbidden"),
        ("pump-7", "GET",    "/things/pump-7/shadow",                                      "",                             403, "Forbidden"), // MQTT's permissions are none for HTTPS
    ];
    let mut script = String::new();
    for (who, method, path, body, ..) in table {
        let body = if body.is_empty() { String::new() } else { format!("--data-binary '{body}'") };
        let _ = writeln!(
            script,
            "curl -s --cacert $CA --cert {who}.pem --key {who}.key -X {method} {body} -w ' %{{http_code}}\\n' \"https://localhost:$HTTPS_PORT\"'{path}'"
        );
    }
    let told = server.bash(&script);
    for ((who, method, path, _, status, says), answer) in table.iter().zip(told.lines()) {
        assert!(answer.ends_with(&format!(" {status}")) && answer.contains(says), "{who} {method} {path}: {answer}");
    }
    assert_eq!(told.lines().count(), table.len());
    // 413, of a state and of a body; the second page of the list; the errors' names are AWS's.
    let told = server.bash(
        r#"
        call() { curl -s --cacert $CA --cert $1.pem --key $1.key -o body -D - "https://localhost:$HTTPS_PORT$2" "${@:3}" | tr -d '\r' | grep -iE '^(HTTP|x-amzn-errortype)'; }
        printf '{"state":{"desired":{"a":"%8192s"}}}' x > large.json
        head -c 140000 /dev/zero > huge
        call tool /things/pump-7/shadow --data-binary @large.json
        call tool /things/pump-7/shadow --data-binary @huge
        call tool /things/pump-7/shadow --data-binary '{"state":{},"version":9}'
        next=$(curl -s --cacert $CA --cert lister.pem --key lister.key "https://localhost:$HTTPS_PORT/retainedMessage?maxResults=1" | python -c 'import json,sys; print(json.load(sys.stdin)["nextToken"])')
        curl -s --cacert $CA --cert lister.pem --key lister.key "https://localhost:$HTTPS_PORT/retainedMessage?maxResults=1&nextToken=$next" | sed -E 's/,"lastModifiedTime":[0-9]+//'
        "#,
    );
    expect_test::expect![[r#"
        HTTP/1.1 413 Payload Too Large
        x-amzn-errortype: RequestEntityTooLargeException:
        HTTP/1.1 413 Payload Too Large
        x-amzn-errortype: RequestEntityTooLargeException:
        HTTP/1.1 409 Conflict
        x-amzn-errortype: ConflictException:
        {"retainedTopics":[{"topic":"shared/a","payloadSize":4,"qos":0}]}"#]]
    .assert_eq(&told);
    let why = server.bash("sekisho why --all");
    assert!(why.contains("iot:UpdateThingShadow") && why.contains("thing/pump-7/closed"), "{why}");
}

#[test]
fn an_update_is_asked_of_the_policies_again_once_its_document_is_there() {
    let server = start();
    device(&server, "pump-8", "shadows");
    device(&server, "pump-9", "shadows");
    server.aws(&[
        "iot",
        "create-policy",
        "--policy-name",
        "all",
        "--policy-document",
        r#"{"Statement": {"Effect": "Allow", "Action": "iot:*", "Resource": "*"}}"#,
    ]);
    let script = r#"
import hashlib, os, socket, ssl
import boto3
iot, data = boto3.client("iot"), boto3.client("iot-data")
def principal(name):
    der = ssl.PEM_cert_to_DER_cert(open(f"{name}.pem").read())
    return f"arn:aws:iot:us-east-1:000000000000:cert/{hashlib.sha256(der).hexdigest()}"
def begin(name):
    """An update whose last byte is held back."""
    context = ssl.create_default_context(cafile=os.environ["CA"])
    context.load_cert_chain(f"{name}.pem", f"{name}.key")
    stream = context.wrap_socket(socket.create_connection(("localhost", int(os.environ["HTTPS_PORT"])), timeout=30), server_hostname="localhost")
    body = b'{"state":{"reported":{"a":1}}}'
    head = f"POST /things/{name}/shadow HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: {len(body)}\r\n\r\n"
    stream.sendall(head.encode())
    # The body is waited for: who asks has been asked of the policies.
    assert stream.recv(4096).startswith(b"HTTP/1.1 100 Continue")
    stream.sendall(body[:-1])
    return stream
def end(stream):
    stream.sendall(b"}")
    return stream.recv(4096).split(b"\r\n")[0].decode()
arns = {name: principal(name) for name in ["pump-7", "pump-8", "pump-9"]}
for arn in arns.values(): iot.attach_policy(policyName="all", target=arn)
streams = {name: begin(name) for name in arns}
iot.update_certificate(certificateId=arns["pump-7"].rsplit("/", 1)[1], newStatus="REVOKED")
iot.detach_policy(policyName="all", target=arns["pump-8"])
for name, stream in streams.items(): print(name, end(stream))
for name in arns:
    try: print(name, data.get_thing_shadow(thingName=name)["payload"].read())
    except data.exceptions.ResourceNotFoundException: print(name, "has none")
"#;
    std::fs::write(server.scratch().join("hold_back.py"), script).expect("the scratch folder is ours");
    let printed = server.bash("python hold_back.py");
    for told in [
        "pump-7 HTTP/1.1 403 Forbidden",
        "pump-8 HTTP/1.1 403 Forbidden",
        "pump-9 HTTP/1.1 200 OK",
        "pump-7 has none",
        "pump-8 has none",
    ] {
        assert!(printed.contains(told), "{told}: {printed}");
    }
}
