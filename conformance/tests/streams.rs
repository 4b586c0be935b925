//! `sekisho stream`: what an operator sees of a stream, and each record with the device it came from.
use std::fs::{self, File};
use std::process::{Child, Stdio};

use conformance::{Server, eventually, http_get};

/// `sekisho stream tail` in the background; what it prints.
struct Tail {
    child: Child,
    out: std::path::PathBuf,
}

impl Tail {
    /// Begins, and returns once nothing that comes now is missed.
    fn begin(server: &Server, name: &str, flags: &[&str]) -> Self {
        let out = server.scratch().join(name);
        let err = server.scratch().join(format!("{name}.err"));
        let mut command = server.command("sekisho");
        command.args(["stream", "tail", "telemetry"]).args(flags);
        command.stdout(File::create(&out).unwrap()).stderr(File::create(&err).unwrap()).stdin(Stdio::null());
        let child = command.spawn().expect("the binary");
        eventually("the stream is watched", || fs::read_to_string(&err).ok().filter(|said| said.contains("watching")));
        Self { child, out }
    }

    fn wait_for(&self, what: &str) -> String {
        eventually(what, || fs::read_to_string(&self.out).ok().filter(|printed| printed.contains(what)))
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn publish(server: &Server, device: &str, payload: &str) {
    server.bash(&format!(
        "mosquitto_pub -h localhost -p $MQTT_PORT --cafile $CA --cert {device}.pem --key {device}.key -i {device} -q 1 \
         -t factory/{device}/telemetry -m '{payload}'"
    ));
}

#[test]
fn an_operator_sees_buffers_figures_and_failures() {
    let server = Server::start();
    server.lake(900);
    server.device("pump-7");
    publish(&server, "pump-7", r#"{"temperature": 21}"#);
    publish(&server, "pump-7", r#"{"temperature": 22}"#);

    let list = server.bash("sekisho stream ls");
    let row: Vec<&str> = list.lines().nth(1).expect("a row").split_whitespace().collect();
    assert_eq!((row[0], row[1], row[2], row.last()), ("telemetry", "1", "2", Some(&"s3://lake/")), "{list}");
    let page = server.bash("sekisho stream show telemetry");
    for part in ["buffered         2 records, ", "next flush in 14m", "1 MiB or 900 s", "undelivered      0 batches"] {
        assert!(page.contains(part), "{part} is missing in:\n{page}");
    }
    let figures = http_get(server.admin(), "/metrics").unwrap();
    assert!(figures.contains("sekisho_stream_buffered_records{stream=\"telemetry\"} 2"), "{figures}");

    // A destination that fails: told with its error, held back, and tried again until it works.
    server.bash("aws s3 rb s3://lake");
    let cut = server.bash("sekisho stream flush telemetry");
    assert!(cut.starts_with("cut: 2 records, ") && cut.contains(" to s3://lake/20"), "{cut}");
    let page = eventually("the failure is told", || {
        Some(server.bash("sekisho stream show telemetry")).filter(|page| page.contains("held back"))
    });
    for part in
        ["undelivered      1 batch with 2 records", "tried again in", "error            ", "bucket does not exist"]
    {
        assert!(page.contains(part), "{part} is missing in:\n{page}");
    }
    server.bash("aws s3 mb s3://lake");
    assert_eq!(server.bash("sekisho stream flush telemetry --wait"), "nothing was buffered, and all is delivered\n");
    assert_eq!(server.lake_lines().len(), 2, "what was waited for is there");
    publish(&server, "pump-7", r#"{"temperature": 23}"#);
    let delivered = server.bash("sekisho stream flush telemetry --wait");
    assert!(delivered.starts_with("delivered: 1 record, "), "{delivered}");
    assert_eq!(server.lake_lines().len(), 3);

    let figures = http_get(server.admin(), "/metrics").unwrap();
    for line in [
        "sekisho_stream_delivered_objects_total{stream=\"telemetry\"} 2",
        "sekisho_stream_delivered_records_total{stream=\"telemetry\"} 3",
        "sekisho_stream_object_bytes_count{stream=\"telemetry\"} 2",
        "sekisho_stream_buffered_bytes{stream=\"telemetry\"} 0",
        "sekisho_stream_undelivered_batches{stream=\"telemetry\"} 0",
        "sekisho_delivered_records_total 3",
    ] {
        assert!(figures.contains(line), "{line} is missing in:\n{figures}");
    }
    let counted = |name: &str| {
        let line = figures.lines().find(|line| line.starts_with(&format!("sekisho_stream_{name}_total{{")));
        line.and_then(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).expect("a figure")
    };
    assert!(counted("failures") >= 1 && counted("retries") >= 1);
}

#[test]
fn a_record_is_shown_with_the_device_it_came_from() {
    let server = Server::start();
    server.lake(900);
    let arn = server.device("pump-7");
    server.bash(&format!(
        "aws iot create-thing --thing-name pump-7 >/dev/null && aws iot attach-thing-principal --thing-name pump-7 --principal {arn}"
    ));
    publish(&server, "pump-7", r#"{"temperature": 21, "note": "before"}"#);

    let tail = Tail::begin(&server, "now", &[]);
    let json = Tail::begin(&server, "json", &["--buffered", "--json"]);
    json.wait_for("before");
    // The rule is replaced, and records say so; a device that is no thing has none.
    let rule = server.aws(&["iot", "get-topic-rule", "--rule-name", "hot", "--query", "rule"]);
    let payload = serde_json::json!({ "sql": rule["sql"], "awsIotSqlVersion": rule["awsIotSqlVersion"], "actions": rule["actions"] });
    server.aws(&["iot", "replace-topic-rule", "--rule-name", "hot", "--topic-rule-payload", &payload.to_string()]);
    publish(&server, "pump-7", r#"{"temperature": 22, "note": "after"}"#);
    server.device("pump-8");
    publish(&server, "pump-8", r#"{"temperature": 23, "note": "no thing"}"#);
    server.bash(
        "aws firehose put-record --delivery-stream-name telemetry --record \"Data=$(printf '\\033[2Jput\\n' | base64)\" >/dev/null \
         || aws firehose put-record --delivery-stream-name telemetry --record Data=put >/dev/null",
    );

    let printed = tail.wait_for("put by the account");
    let id = arn.rsplit('/').next().unwrap();
    let origin = format!(
        "certificate {}… thing `pump-7` client `pump-7` topic `factory/pump-7/telemetry` rule hot@1\n",
        &id[..8]
    );
    assert!(printed.contains(&origin) && !printed.contains("before"), "{origin} is missing in:\n{printed}");
    assert!(printed.contains("… client `pump-8` topic"), "{printed}");
    assert!(!printed.contains('\x1b'));

    json.wait_for("no thing");
    let lines = fs::read_to_string(&json.out).unwrap();
    let records: Vec<serde_json::Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let seen: Vec<_> =
        records[..3].iter().map(|r| (&r["certificateId"], &r["thing"], &r["rule"], &r["ruleVersion"])).collect();
    let (thing, hot) = (serde_json::json!("pump-7"), serde_json::json!("hot"));
    assert_eq!(seen[0], (&serde_json::json!(id), &thing, &hot, &serde_json::json!(0)), "{lines}");
    assert_eq!(seen[1], (&serde_json::json!(id), &thing, &hot, &serde_json::json!(1)), "{lines}");
    assert_eq!((seen[2].1, seen[2].3), (&serde_json::Value::Null, &serde_json::json!(1)), "{lines}");
    assert!(
        records[1]["data"].as_str().unwrap().contains(r#""note":"after""#)
            || records[1]["data"].as_str().unwrap().contains("after")
    );

    // What does not come so far is told with the same names.
    server.bash_may_fail(
        "mosquitto_pub -h localhost -p $MQTT_PORT --cafile $CA --cert pump-7.pem --key pump-7.key -i pump-7 -q 1 -V mqttv5 \
         -t elsewhere -m x",
    );
    let why = server.bash("sekisho why pump-7");
    assert!(why.contains(" publish client `pump-7` thing `pump-7` from ") && why.contains("elsewhere"), "{why}");

    // What was buffered before the watch is there too, after a restart as well.
    drop((tail, json));
    let mut server = server;
    server.kill();
    server.restart();
    let again = Tail::begin(&server, "again", &["--buffered"]);
    let printed = again.wait_for("put by the account");
    assert!(
        ["before", "after", "no thing", "rule hot@0", "rule hot@1"].iter().all(|part| printed.contains(part)),
        "{printed}"
    );
}

#[test]
fn who_may_not_read_a_record_is_not_shown_it() {
    let server = Server::start();
    server.lake(900);
    let ask = |token: &str| {
        let request = format!(
            "POST /stream/tail HTTP/1.1\r\nhost: {}\r\n{token}content-length: 20\r\nconnection: close\r\n\r\n{{\"name\":\"telemetry\"}}",
            server.admin()
        );
        let answer = conformance::exchange(server.admin(), request.as_bytes()).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    };
    assert!(ask("").starts_with("HTTP/1.1 403"));
    assert!(ask("authorization: Bearer nonsense\r\n").starts_with("HTTP/1.1 403"));
    let (code, said) = server.bash_may_fail("sekisho stream show absent");
    assert_eq!((code, said.contains("there is no delivery stream `absent`")), (Some(1), true), "{said}");

    // The key of its objects is taken away: nobody is shown its records, and who was watching is shown no more.
    let tail = Tail::begin(&server, "watched", &[]);
    server.bash(
        "KEY=$(aws s3api get-bucket-encryption --bucket lake --query \
         'ServerSideEncryptionConfiguration.Rules[0].ApplyServerSideEncryptionByDefault.KMSMasterKeyID' --output text)
         aws kms disable-key --key-id $KEY",
    );
    let (code, said) = server.bash_may_fail("sekisho stream tail telemetry");
    assert_eq!((code, said.contains("cannot be used now")), (Some(1), true), "{said}");
    server.bash("aws firehose put-record --delivery-stream-name telemetry --record Data=secret >/dev/null");
    let mut tail = tail;
    let ended = eventually("the tail ends", || tail.child.try_wait().unwrap());
    assert!(!ended.success() && !fs::read_to_string(&tail.out).unwrap().contains("secret"));
}

#[test]
fn a_stream_takes_every_message_on_its_topics_as_it_is() {
    let mut server = Server::start();
    server.lake(900);
    server.device("pump-7");
    let create = |name: &str, arn: &str| {
        format!(
            "aws firehose create-delivery-stream --delivery-stream-name {name} --delivery-stream-type KinesisStreamAsSource \
             --kinesis-stream-source-configuration 'KinesisStreamARN={arn},RoleARN=arn:aws:iam::000000000000:role/s' \
             --extended-s3-destination-configuration \
             'RoleARN=arn:aws:iam::000000000000:role/d,BucketARN=arn:aws:s3:::lake,Prefix={name}/' >/dev/null"
        )
    };
    let filter = "arn:aws:iot:us-east-1:000000000000:topicfilter/factory/+/telemetry";
    let publish_cold =
        |server: &Server, n: u32| publish(server, "pump-7", &format!(r#"{{"temperature": 1, "n": {n}}}"#));
    publish_cold(&server, 0); // before there is a stream
    server.bash(&create("raw", filter));

    // AWS's words, where they fit.
    let described = server.aws(&["firehose", "describe-delivery-stream", "--delivery-stream-name", "raw"]);
    let described = &described["DeliveryStreamDescription"];
    assert_eq!(described["DeliveryStreamType"], "KinesisStreamAsSource");
    let source = &described["Source"]["KinesisStreamSourceDescription"];
    assert_eq!(
        (source["KinesisStreamARN"].as_str(), source["RoleARN"].as_str()),
        (Some(filter), Some("arn:aws:iam::000000000000:role/s"))
    );
    assert!(!source["DeliveryStartTimestamp"].is_null(), "{source}");
    for (kind, names) in [("KinesisStreamAsSource", "raw"), ("DirectPut", "telemetry"), ("MSKAsSource", "")] {
        let list =
            "aws firehose list-delivery-streams --output text --query DeliveryStreamNames --delivery-stream-type";
        assert_eq!(server.bash(&format!("{list} {kind}")).trim(), names);
    }
    for put in ["put-record --record Data=x", "put-record-batch --records Data=x"] {
        let (_, said) = server.bash_may_fail(&format!("aws firehose {put} --delivery-stream-name raw"));
        assert!(
            said.contains("(InvalidArgumentException)") && said.contains("not permitted on KinesisStreamAsSource"),
            "{said}"
        );
    }
    for (arn, reason) in [
        ("arn:aws:kinesis:us-east-1:000000000000:stream/s", "is not offered"),
        ("arn:aws:iot:us-east-1:000000000000:topicfilter/a/#/b", "is not a topic filter"),
        ("arn:aws:iot:us-east-1:000000000000:topic/a", "failed to satisfy constraint"),
        ("arn:aws:iot:us-east-1:111111111111:topicfilter/a", "not the ARN of a topic filter of this account"),
    ] {
        let (_, said) = server.bash_may_fail(&create("other", arn));
        assert!(said.contains(reason), "{arn} should be refused with `{reason}`: {said}");
    }

    // Every message, the rule's choice or not, payload as it is; acknowledged is durable, through a crash too.
    publish_cold(&server, 1);
    server.bash("aws iot-data publish --topic factory/x/telemetry --qos 1 --payload fileb://<(printf '\\377\\000')");
    server.kill();
    server.restart();
    publish_cold(&server, 2);
    let tail = server
        .command("sekisho")
        .args(["stream", "tail", "raw", "--buffered", "--json"])
        .stdout(Stdio::piped())
        .spawn();
    let mut tail = tail.expect("the binary");
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(tail.stdout.take().unwrap()));
    let mut next = || -> serde_json::Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    let (first, operators, last) = (next(), next(), next());
    let _ = tail.kill();
    let _ = tail.wait();
    assert_eq!(first["data"], r#"{"temperature": 1, "n": 1}"#);
    assert_eq!(
        (first["topic"].as_str(), first["clientId"].as_str()),
        (Some("factory/pump-7/telemetry"), Some("pump-7"))
    );
    assert!(first["certificateId"].is_string() && first["rule"].is_null() && first["ruleVersion"].is_null(), "{first}");
    assert_eq!(
        (operators["dataBase64"].as_str(), operators["topic"].as_str()),
        (Some("/wA="), Some("factory/x/telemetry"))
    );
    assert!(operators["certificateId"].is_null());
    assert_eq!(last["data"], r#"{"temperature": 1, "n": 2}"#);
    server.bash("sekisho stream flush raw --wait");
    let object = server
        .bash("aws s3 cp --quiet s3://lake/$(aws s3 ls --recursive s3://lake/raw/ | awk '{print $4}') - | base64 -w0");
    let expected = [br#"{"temperature": 1, "n": 1}"#.as_slice(), &[0xff, 0], br#"{"temperature": 1, "n": 2}"#].concat();
    let encoded = server
        .bash(&format!("printf '{}' | base64 -w0", expected.iter().map(|b| format!("\\x{b:02x}")).collect::<String>()));
    assert_eq!(object, encoded);

    // A stream that is gone takes nothing, and one of the same name begins anew.
    server.bash("aws firehose delete-delivery-stream --delivery-stream-name raw");
    publish_cold(&server, 3);
    server.bash(&create("raw", filter));
    publish_cold(&server, 4);
    let page = server.bash("sekisho stream show raw");
    assert!(
        page.contains("buffered         1 record, ") && page.contains("every message on factory/+/telemetry"),
        "{page}"
    );
}
