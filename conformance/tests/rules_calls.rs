//! Rule actions that call AWS services: against moto, which any client of AWS takes for it, reading back what arrived.
use conformance::{Moto, Server, eventually, free_port, service};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/python/rules_calls.py");
/// More than are under way at once at one service.
const MESSAGES: usize = 80;
const SERVICES: [&str; 10] =
    ["dynamodb", "es", "kinesis", "logs", "monitoring", "secretsmanager", "sns", "sqs", "states", "timestream"];

/// `sekisho.toml` with every service there, and a function that writes `called` beside it.
fn settings(endpoint: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    write(&directory, |_| endpoint.to_owned());
    directory
}

fn write(directory: &tempfile::TempDir, endpoint: impl Fn(&str) -> String) {
    let mut text = "[functions]\n".to_owned();
    let tee = format!("tee {}/called", directory.path().display());
    for (name, command) in [("local", &*tee), ("broken", "false")] {
        text += &format!("\"arn:aws:lambda:eu-west-1:123456789012:function:{name}\" = \"command:{command}\"\n");
    }
    for name in SERVICES {
        text += &service(name, &endpoint(name));
    }
    std::fs::write(directory.path().join("sekisho.toml"), text).expect("a file");
}

#[test]
fn what_a_rule_calls_arrives_and_what_is_refused_is_told() {
    let moto = Moto::start();
    let settings = settings(&moto.api());
    let domain = free_port();
    write(&settings, |name| if name == "es" { format!("http://127.0.0.1:{domain}") } else { moto.api() });
    let server = Server::start_with(&["--config", &settings.path().join("sekisho.toml").display().to_string()]);
    server.device("pump-7");
    server.device("pump-8");
    let (moto, called) = (moto.api(), settings.path().join("called"));
    server.bash(&format!("MOTO={moto} DOMAIN_PORT={domain} CALLED={} python {SCRIPT}", called.display()));
}

/// A queue whose service takes connections and never answers: what is for it waits, over a kill too, and what is for others does not.
#[test]
fn a_silent_service_holds_up_no_other_and_is_called_after_a_kill() {
    let (moto, silent) = (Moto::start(), std::net::TcpListener::bind("127.0.0.1:0").expect("a port"));
    let (settings, nobody) = (settings(&moto.api()), silent.local_addr().expect("an address"));
    write(&settings, |name| if name == "sqs" { format!("http://{nobody}") } else { moto.api() });
    let mut server = Server::start_with(&["--config", &settings.path().join("sekisho.toml").display().to_string()]);
    server.device("pump-7");
    let (there, table) = (moto.aws(), moto.table("t", "n", "N"));
    let url = server.bash(&format!(
        r#"
        {table}
        URL=$({there} sqs create-queue --queue-name q --query QueueUrl --output text)
        echo "$URL"
        R=arn:aws:iam::000000000000:role/r
        aws iot create-topic-rule --rule-name both --topic-rule-payload '{{"sql": "SELECT * FROM '"'shared/+'"'", "awsIotSqlVersion": "2016-03-23",
          "actions": [{{"sqs": {{"queueUrl": "'$URL'", "roleArn": "'$R'"}}}}, {{"dynamoDBv2": {{"putItem": {{"tableName": "t"}}, "roleArn": "'$R'"}}}}]}}'
        for n in $(seq {MESSAGES}); do echo "{{\"n\": $n}}"; done | mosquitto_pub -l -q 1 -h localhost -p $MQTT_PORT \
          --cafile $CA --cert pump-7.pem --key pump-7.key -i pump-7 -t shared/a
        "#
    ));
    eventually("the table has all of it", || {
        let count =
            server.bash(&format!("{there} dynamodb scan --table-name t --select COUNT --query Count --output text"));
        (count.trim() == MESSAGES.to_string()).then_some(())
    });
    server.kill();
    write(&settings, |_| moto.api());
    server.restart();
    let received = format!(
        "{there} sqs receive-message --queue-url {} --max-number-of-messages 10 --query Messages[].Body",
        url.trim()
    );
    let mut seen = std::collections::BTreeSet::new();
    eventually("the queue has all of it", || {
        let bodies: Option<Vec<String>> =
            serde_json::from_str(&server.bash(&format!("{received} --output json"))).unwrap_or_default();
        seen.extend(bodies.into_iter().flatten());
        (seen.len() == MESSAGES).then_some(())
    });
}

/// Who brings more for a service that does not answer waits; who brings something for others does not.
#[test]
fn a_silent_service_holds_up_those_who_call_it() {
    let (moto, silent) = (Moto::start(), std::net::TcpListener::bind("127.0.0.1:0").expect("a port"));
    let (settings, nobody) = (settings(&moto.api()), silent.local_addr().expect("an address"));
    write(&settings, |name| if name == "sqs" { format!("http://{nobody}") } else { moto.api() });
    let file = settings.path().join("sekisho.toml");
    let text = std::fs::read_to_string(&file).expect("a file");
    std::fs::write(&file, format!("{text}[rule_work]\ncomfortable_executions = 10\n")).expect("a file");
    let server = Server::start_with(&["--config", &file.display().to_string()]);
    server.device("pump-7");
    server.device("pump-8");
    let (there, table) = (moto.aws(), moto.table("t", "n", "N"));
    server.bash(&format!(
        r#"
        {table}
        R=arn:aws:iam::000000000000:role/r
        rule() {{ aws iot create-topic-rule --rule-name $1 --topic-rule-payload '{{"sql": "SELECT * FROM '"'shared/$1'"'", "awsIotSqlVersion": "2016-03-23",
          "actions": ['"$2"']}}'; }}
        rule queue '{{"sqs": {{"queueUrl": "https://q", "roleArn": "'$R'"}}}}'
        rule table '{{"dynamoDBv2": {{"putItem": {{"tableName": "t"}}, "roleArn": "'$R'"}}}}'
        "#
    ));
    let publishes = |device: &str, to: &str, count: usize| {
        let mut publishes = server.command("bash");
        publishes.args(["-c", &format!(
            r#"exec mosquitto_pub -l -q 1 -h localhost -p $MQTT_PORT --cafile $CA --cert {device}.pem --key {device}.key -i {device} \
                -t shared/{to} < <(for n in $(seq {count}); do echo "{{\"n\": $n}}"; done)"#
        )]);
        publishes.spawn().expect("bash is there")
    };
    let mut held = publishes("pump-7", "queue", 100);
    let waiting = || {
        let told: serde_json::Value = serde_json::from_str(&server.bash("sekisho rule ls --json")).expect("JSON");
        told["waiting"]["executions"].as_u64().expect("a number")
    };
    eventually("there is enough work for the queue", || (waiting() >= 10).then_some(()));
    assert!(publishes("pump-8", "table", MESSAGES).wait().expect("a child").success());
    eventually("the table has all of it", || {
        let count =
            server.bash(&format!("{there} dynamodb scan --table-name t --select COUNT --query Count --output text"));
        (count.trim() == MESSAGES.to_string()).then_some(())
    });
    assert!(waiting() < 20, "who brings work for the queue waits");
    assert!(held.try_wait().expect("a child").is_none(), "and is not refused");
    let _ = held.kill();
}

/// An endpoint over TLS that only this server's system trusts.
#[test]
fn a_rule_posts_where_somebody_has_agreed_to_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let (cert, key) = (directory.path().join("cert.pem"), directory.path().join("key.pem"));
    conformance::run(
        std::process::Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"])
            .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
            .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout"])
            .args([&key, std::path::Path::new("-out"), &cert]),
    );
    let free = free_port();
    let file = directory.path().join("sekisho.toml");
    let text = format!(
        "[[service]]\nname = \"execute-api\"\nendpoint = \"https://localhost:{free}\"\naccess_key_id = \"AKID\"\n\
         secret_access_key = \"file:{}\"\n",
        cert.display()
    );
    std::fs::write(&file, text).expect("a file");
    let authority = std::fs::read_to_string(&cert).expect("a certificate");
    let server = Server::start_trusting(&authority, &["--config", &file.display().to_string()]);
    server.device("pump-7");
    server.device("pump-8");
    let script = SCRIPT.replace("rules_calls", "rules_http");
    server.bash(&format!("PORT={free} CERT={} KEY={} python {script}", cert.display(), key.display()));
}
