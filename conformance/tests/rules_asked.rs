//! Functions of statements that ask others: DynamoDB and Secrets Manager as moto has them, functions, descriptions in a bucket.
use conformance::{Moto, Server, eventually, free_port, service};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/python/rules_asked.py");
const MESSAGES: usize = 40;

/// `sekisho.toml` with two services there, and functions.
fn settings(directory: &tempfile::TempDir, endpoint: &str, port: u16) -> String {
    let mut text = "[functions]\n".to_owned();
    text += &format!("\"arn:aws:lambda:eu-west-1:123456789012:function:flaky\" = \"http://127.0.0.1:{port}/\"\n");
    for (name, command) in [("echo", "cat"), ("broken", "false"), ("slow", "sleep 600")] {
        text += &format!("\"arn:aws:lambda:eu-west-1:123456789012:function:{name}\" = \"command:{command}\"\n");
    }
    for name in ["dynamodb", "secretsmanager"] {
        text += &service(name, endpoint);
        text += "timeout_s = 2\n";
    }
    let file = directory.path().join("sekisho.toml");
    std::fs::write(&file, text).expect("a file");
    file.display().to_string()
}

#[test]
fn what_statements_ask_is_answered_or_undefined() {
    let (moto, directory) = (Moto::start(), tempfile::tempdir().expect("a directory"));
    let free = free_port();
    let server = Server::start_with(&["--config", &settings(&directory, &moto.api(), free)]);
    server.device("pump-7");
    server.device("pump-8");
    server.bash(&format!("MOTO={} PORT={free} python {SCRIPT}", moto.api()));
}

/// A table whose service takes connections and never answers, before a kill, and answers after it: each message that was acknowledged comes
/// to the bucket with what the table says of it, whatever it waited for.
#[test]
fn who_is_not_answered_is_asked_again_over_a_kill() {
    let (moto, silent) = (Moto::start(), std::net::TcpListener::bind("127.0.0.1:0").expect("a port"));
    let directory = tempfile::tempdir().expect("a directory");
    let config = settings(&directory, &format!("http://{}", silent.local_addr().expect("an address")), 1);
    let mut server = Server::start_with(&["--config", &config]);
    server.device("pump-7");
    let (there, table) = (moto.aws(), moto.table("ovens", "id", "S"));
    server.bash(&format!(
        r#"
        {table}
        {there} dynamodb put-item --table-name ovens --item '{{"id": {{"S": "pump-7"}}, "site": {{"S": "north"}}}}'
        aws s3 mb s3://lake >/dev/null
        R=arn:aws:iam::000000000000:role/r
        aws iot create-topic-rule --rule-name located --topic-rule-payload '{{"awsIotSqlVersion": "2016-03-23",
          "sql": "SELECT n, get_dynamodb('"'ovens', 'id', clientid(), '$R'"').site AS site, get_mqtt_property('"'content_type'"') AS kind FROM '"'shared/+'"'",
          "actions": [{{"s3": {{"bucketName": "lake", "key": "${{n}}", "roleArn": "'$R'"}}}}]}}'
        for n in $(seq {MESSAGES}); do echo "{{\"n\": $n}}"; done | mosquitto_pub -V 5 -D PUBLISH content-type text/x -l -q 1 -h localhost -p $MQTT_PORT \
          --cafile $CA --cert pump-7.pem --key pump-7.key -i pump-7 -t shared/a
        "#
    ));
    let told = || -> serde_json::Value {
        serde_json::from_str(&server.bash("sekisho rule show located --json")).expect("JSON")
    };
    eventually("somebody was asked", || told()["last_error"].is_object().then_some(()));
    assert_eq!(told()["waiting"]["executions"], MESSAGES, "each waits, acknowledged as it is");
    server.bash("aws iot disable-topic-rule --rule-name located");
    server.kill();
    settings(&directory, &moto.api(), 1);
    server.restart();
    let told = server.bash("sekisho rule ls --json; aws iot enable-topic-rule --rule-name located");
    let told: serde_json::Value = serde_json::from_str(told.trim()).expect("JSON");
    assert_eq!(told["waiting"]["executions"], MESSAGES, "a rule that is disabled loses nothing");
    eventually("the bucket has all of it", || {
        let count =
            server.bash("aws s3api list-objects-v2 --bucket lake --query 'length(Contents || `[]`)' --output text");
        (count.trim() == MESSAGES.to_string()).then_some(())
    });
    let last = server.bash(&format!("aws s3 cp s3://lake/{MESSAGES} -"));
    assert_eq!(last, format!(r#"{{"n":{MESSAGES},"site":"north","kind":"text/x"}}"#));
}
