//! Topic rules: their API by boto3; what they republish, put and report, by paho and mosquitto; after a kill; by command.
use conformance::{Server, eventually};

#[test]
fn rules_are_made_listed_and_refused_as_aws_does() {
    let server = Server::start();
    server.python("boto3_rules.py");
}

#[test]
fn a_rule_republishes_puts_objects_and_reports_what_failed() {
    let server = Server::start();
    server.device("pump-7");
    server.device("pump-8");
    server.python("rules_actions.py");
    let told = server.bash("sekisho rule show circle; sekisho rule show broken");
    for says in [
        "RepublishAction shared/circle: 10 done, 1 failed, 0 late",
        "the message has been republished 10 times already",
        "S3Action nowhere: 0 done, 1 failed, 0 late",
        "The specified bucket does not exist",
        "error action  RepublishAction shared/errors: 1 done, 0 failed, 0 late",
        "to be done    nothing",
    ] {
        assert!(told.contains(says), "{says}\n{told}");
    }
    let listed =
        server.bash("sekisho rule ls; curl -sf $ADMIN/metrics | grep -E '^sekisho_(error_)?action.*\"broken\"' | sort");
    for says in [
        "sekisho_action_failures_total{rule=\"broken\",action=\"S3Action\"} 1",
        "sekisho_error_action_successes_total{rule=\"broken\",action=\"RepublishAction\"} 1",
    ] {
        assert!(listed.contains(says), "{says}\n{listed}");
    }
}

/// `SEKISHO_KILLS`; few by default, so that the suite stays short.
fn kills() -> u32 {
    std::env::var("SEKISHO_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(3)
}

/// What was acknowledged is durable in all three: an object, a record, and a stored session's queue.
#[test]
fn what_was_acknowledged_is_done_after_a_kill() {
    let mut server = Server::start();
    server.device("pump-7");
    server.device("pump-8");
    server.lake(1);
    let script = conformance::root().join("conformance/python/rules_kill.py");
    server.bash(&format!("python {} prepare", script.display()));
    for round in 0..kills() {
        let mut load =
            server.command("python").arg(&script).args(["load", &round.to_string()]).spawn().expect("python");
        let acknowledged = server.scratch().join("acknowledged");
        let count = || std::fs::read_to_string(&acknowledged).map_or(0, |text| text.lines().count());
        let before = count();
        eventually("the load is under way", || (count() > before + 50).then_some(()));
        server.kill();
        let _ = load.kill();
        let _ = load.wait();
        server.restart();
    }
    let told = server.bash(&format!("python {} check", script.display()));
    eprint!("{told}");
}

/// Who brings more than is done waits, loses nothing, and holds up nobody else.
#[test]
fn a_publisher_that_brings_too_much_waits() {
    let config = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(config.path(), "[rule_work]\ncomfortable_executions = 20\nexecutions = 100\n").expect("a file");
    let server = Server::start_with(&["--config", &config.path().display().to_string()]);
    server.device("pump-7");
    server.device("pump-8");
    server.bash(
        r#"
        aws s3api create-bucket --bucket each >/dev/null
        aws iot create-topic-rule --rule-name object --topic-rule-payload '{"sql": "SELECT id FROM '"'shared/+'"'", "awsIotSqlVersion":
          "2016-03-23", "actions": [{"s3": {"bucketName": "each", "key": "${id}", "roleArn": "arn:aws:iam::000000000000:role/r"}}]}'
        "#,
    );
    let mut many = server.command("bash");
    many.args([
        "-c",
        r#"for n in $(seq 1500); do echo "{\"id\": $n}"; done | mosquitto_pub -l -q 1 -h localhost -p $MQTT_PORT \
        --cafile $CA --cert pump-7.pem --key pump-7.key -i pump-7 -t shared/a"#,
    ]);
    let mut many = many.spawn().expect("bash is there");
    let (mut most, mut others) = (0, 0);
    while many.try_wait().expect("a child").is_none() {
        let told: serde_json::Value = serde_json::from_str(&server.bash("sekisho rule ls --json")).expect("JSON");
        most = most.max(told["waiting"]["executions"].as_u64().expect("a number"));
        server.bash("timeout 20 mosquitto_pub -q 1 -h localhost -p $MQTT_PORT --cafile $CA --cert pump-8.pem --key pump-8.key -i pump-8 -t factory/pump-8/b -m x");
        others += 1;
    }
    assert!((10..=100).contains(&most) && others > 0, "{most} waited at once, another was heard {others} times");
    eventually("every object is there", || {
        let count = server.bash("aws s3 ls s3://each/ | wc -l");
        (count.trim() == "1500").then_some(())
    });
}

/// A server with a device `pump-7` and a bucket `far` that another one keeps; and that one.
fn with_a_far_bucket(settings: &str) -> (Server, Server, tempfile::TempDir) {
    let far = Server::start_at_one_address();
    far.bash("aws s3api create-bucket --bucket far >/dev/null");
    let (access_key_id, secret) = far.credentials();
    let directory = tempfile::tempdir().expect("a directory");
    let (config, secret_file) = (directory.path().join("sekisho.toml"), directory.path().join("secret"));
    std::fs::write(&secret_file, secret).expect("a file");
    let text = format!(
        "{settings}[[bucket]]\nname = \"far\"\nendpoint = \"{}\"\nregion = \"us-east-1\"\naccess_key_id = \"{access_key_id}\"\n\
         secret_access_key = \"file:{}\"\nallow_http = true\ntimeout_s = 2\n",
        far.api(),
        secret_file.display()
    );
    std::fs::write(&config, text).expect("a file");
    let server = Server::start_with(&["--config", &config.display().to_string()]);
    server.device("pump-7");
    (far, server, directory)
}

/// A rule with a record for a stream and an object: while there is no room for the object's work, a message that is refused leaves no record
/// either, however often it is sent again.
#[test]
fn a_message_that_finds_no_room_does_nothing() {
    let (mut far, server, _directory) = with_a_far_bucket("[rule_work]\nexecutions = 1\ncomfortable_executions = 1\n");
    server.lake(1);
    server.bash(
        r#"
        aws iot create-topic-rule --rule-name both --topic-rule-payload '{"sql": "SELECT id FROM '"'shared/+'"'", "awsIotSqlVersion":
          "2016-03-23", "actions": [{"firehose": {"deliveryStreamName": "telemetry", "separator": "\n", "roleArn": "arn:aws:iam::000000000000:role/r"}},
          {"s3": {"bucketName": "far", "key": "k/${id}", "roleArn": "arn:aws:iam::000000000000:role/r"}}]}'
        "#,
    );
    let publish = |id: u32| {
        let script = format!(
            r#"curl -s -o /dev/null -w '%{{http_code}}' --cacert $CA --cert pump-7.pem --key pump-7.key -d '{{"id":{id}}}' "https://localhost:$HTTPS_PORT/topics/shared/a?qos=1""#
        );
        server.bash(&script)
    };
    far.kill();
    assert_eq!(publish(1), "200");
    let answers: Vec<String> = (0..10).map(|_| publish(2)).collect();
    assert!(answers.iter().all(|answer| answer == "503"), "{answers:?}");
    far.restart();
    eventually("there is room again", || (publish(2) == "200").then_some(()));
    eventually("and once more", || (publish(3) == "200").then_some(()));
    let mut lines = eventually("the last record is in the lake", || {
        let lines = server.lake_lines();
        lines.iter().any(|line| line.contains("3")).then_some(lines)
    });
    lines.sort();
    assert_eq!(lines, [r#"{"id":1}"#, r#"{"id":2}"#, r#"{"id":3}"#]);
}

/// A bucket that another S3 keeps: while that is away what was acknowledged waits, across a kill too.
#[test]
fn what_cannot_be_done_now_is_done_later() {
    let (mut far, mut server, _directory) = with_a_far_bucket("");
    server.bash(
        r#"
        aws iot create-topic-rule --rule-name far --topic-rule-payload '{"sql": "SELECT id FROM '"'shared/+'"'", "awsIotSqlVersion":
          "2016-03-23", "actions": [{"s3": {"bucketName": "far", "key": "k/${id}", "roleArn": "arn:aws:iam::000000000000:role/r"}}]}'
        "#,
    );
    let publish = |server: &Server, id: u32| {
        server.bash(&format!(
            "mosquitto_pub -q 1 -h localhost -p $MQTT_PORT --cafile $CA --cert pump-7.pem --key pump-7.key -i pump-7 -t shared/a -m '{{\"id\":{id}}}'"
        ));
    };
    let arrived = |far: &Server, id: u32| {
        eventually("the object is there", || {
            far.bash(&format!("aws s3 cp --quiet s3://far/k/{id} - 2>/dev/null || true")).contains("id").then_some(())
        });
    };
    publish(&server, 1);
    arrived(&far, 1);
    far.kill();
    publish(&server, 2);
    publish(&server, 3);
    eventually("somebody sees that it is late", || {
        let told: serde_json::Value = serde_json::from_str(&server.bash("sekisho rule show far --json")).ok()?;
        let late = told["actions"][0]["late"].as_u64()? > 0 && told["actions"][0]["last_error"].is_object();
        (late && told["waiting"]["executions"] == 2).then_some(())
    });
    server.kill();
    server.restart();
    publish(&server, 4);
    far.restart();
    (2..=4).for_each(|id| arrived(&far, id));
    eventually("nothing waits", || {
        let told: serde_json::Value = serde_json::from_str(&server.bash("sekisho rule ls --json")).ok()?;
        (told["waiting"]["executions"] == 0).then_some(())
    });
}

#[test]
fn a_statement_is_tried_without_a_server() {
    let directory = tempfile::tempdir().expect("a directory");
    let run = |arguments: &[&str]| {
        let mut command = std::process::Command::new(conformance::binary());
        let output = command.arg("rule").args(arguments).current_dir(directory.path()).output().expect("the binary");
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        (output.status.code(), said)
    };
    std::fs::write(directory.path().join("payload"), r#"{"temperature": 60}"#).expect("a file");
    let sql = "SELECT temperature AS t, topic(2) AS oven FROM 'plant/+' WHERE temperature > 50";
    let test = |topic: &str, payload: &[&str]| run(&[&["test", "--sql", sql, "--topic", topic], payload].concat());
    assert_eq!(test("plant/7", &["--payload-file", "payload"]), (Some(0), "{\"t\":60,\"oven\":\"7\"}\n".into()));
    let template = ["--payload", r#"{"temperature": 51}"#, "--template", "${topic()}/${temperature}"];
    assert_eq!(test("plant/7", &template), (Some(0), "{\"t\":51,\"oven\":\"7\"}\nplant/7/51\n".into()));
    assert_eq!(test("plant/7", &["--payload", "{}"]), (Some(1), "not selected: WHERE is not true\n".into()));
    let elsewhere = test("other", &["--payload", "{}"]);
    assert_eq!(elsewhere, (Some(1), "not selected: FROM does not match the topic\n".into()));
    let (code, said) = test("plant/7", &["--payload", "no json"]);
    assert!(code == Some(2) && said.starts_with("sekisho: the rule fails: the payload is not JSON"), "{said}");
    let (code, said) = run(&["test", "--sql", "SELECT", "--topic", "a", "--payload", ""]);
    assert!(code == Some(2) && said.contains("line 1, column 7: expected"), "{said}");
    let (code, said) = run(&["explain", "--sql", sql]);
    assert_eq!(
        (code, said.as_str()),
        (Some(0), "selects from  plant/+\nreads         temperature\nSQL version   2016-03-23\n")
    );
}

/// What a stream still holds, and lines of an object, through a rule: what it would have done, and nothing is done.
#[test]
fn a_rule_is_replayed_over_what_is_still_there() {
    let server = Server::start();
    server.device("pump-7");
    let told = server.bash(
        r#"
        R=arn:aws:iam::000000000000:role/r
        aws firehose create-delivery-stream --delivery-stream-name raw --extended-s3-destination-configuration \
          "RoleARN=$R,BucketARN=arn:aws:s3:::none-yet,BufferingHints={SizeInMBs=5,IntervalInSeconds=900}" >/dev/null
        aws iot create-topic-rule --rule-name keeps --topic-rule-payload '{"sql": "SELECT * FROM '"'factory/+/telemetry'"'", "actions": [{"firehose":
          {"deliveryStreamName": "raw", "roleArn": "'$R'"}}]}'
        for n in 1 2 3; do mosquitto_pub -q 1 -h localhost -p $MQTT_PORT --cafile $CA --cert pump-7.pem --key pump-7.key -i pump-7 \
          -t factory/pump-7/telemetry -m "{\"n\": $n}"; done
        aws iot create-topic-rule --rule-name alarms --topic-rule-payload '{"ruleDisabled": true, "awsIotSqlVersion": "2016-03-23",
          "sql": "SELECT n, clientid() AS who FROM '"'factory/#'"' WHERE n > 1", "actions": [{"s3": {"bucketName": "lake", "key": "${topic(2)}/${n}", "roleArn": "'$R'"}}]}'
        sekisho rule replay alarms --stream raw
        sekisho rule replay --sql "SELECT n FROM 'a/#' WHERE n = 2" --lines <(printf '{"n":1}\n{"n":2}\n') --topic a/b
        "#,
    );
    for says in [
        "factory/pump-7/telemetry\n  result        {\"n\":2,\"who\":\"pump-7\"}\n  S3            lake/pump-7/2\n",
        "  S3            lake/pump-7/3\n3 messages, 2 selected, 0 could not be evaluated\n",
        "a/b\n  result        {\"n\":2}\n2 messages, 1 selected, 0 could not be evaluated\n",
    ] {
        assert!(told.contains(says), "{says}\n{told}");
    }
    let (code, said) =
        server.bash_may_fail("sekisho rule replay none --stream raw; sekisho rule replay alarms --stream none");
    assert!(
        code != Some(0) && said.contains("not found") && said.contains("there is no delivery stream `none`"),
        "{said}"
    );
}
