//! AWS IoT SQL, as the messages of devices meet it.
use std::fs;

use conformance::{Server, eventually};

const STATEMENT: &str = "SET @unit = get(get_user_properties('unit'), 0), @celsius = (f - 32) * 5 / 9 \
    SELECT @celsius AS celsius, @unit AS unit, get_mqtt_property('content_type') AS type, \
    get_mqtt_property('format_indicator') AS format, get_mqtt_property('response_topic') AS reply, \
    get_mqtt_property('correlation_data') AS correlation, (SELECT VALUE level FROM alarms WHERE level > 1) AS levels, topic(2) \
    FROM 'factory/+/telemetry' WHERE exists(SELECT * FROM alarms WHERE level >= 2) AND @celsius > 20";

fn rule(server: &Server, sql: &str) -> String {
    let rule = format!(
        r#"{{"sql": "{sql}", "awsIotSqlVersion": "2016-03-23", "actions": [{{"firehose": {{"deliveryStreamName": "telemetry",
            "roleArn": "arn:aws:iam::000000000000:role/r", "separator": "\n"}}}}]}}"#
    );
    fs::write(server.scratch().join("rule.json"), rule).unwrap();
    server.bash("aws iot create-topic-rule --rule-name said --topic-rule-payload file://rule.json 2>&1 || true")
}

fn publish(server: &Server, how: &str, payload: &str) {
    server.bash(&format!(
        "mosquitto_pub -h localhost -p $MQTT_PORT --cafile $CA --cert pump-7.pem --key pump-7.key -i pump-7 -q 1 {how} \
         -t factory/pump-7/telemetry -m '{payload}'"
    ));
}

#[test]
fn a_statement_sees_the_message_and_what_mqtt_5_says_of_it() {
    let server = Server::start();
    server.lake(0);
    server.device("pump-7");
    let refusal = rule(&server, "SELECT machinelearning_predict('m', 'arn', *) AS what FROM 'a'");
    assert!(
        refusal.contains("SqlParseException") && refusal.contains("line 1, column 8: `machinelearning_predict`"),
        "{refusal}"
    );
    assert_eq!(rule(&server, STATEMENT), "");

    let alarms = r#""alarms": [{"level": 1}, {"level": 3}]"#;
    let said = "-V 5 -D publish user-property unit C -D publish user-property line 4 -D publish user-property unit K \
                -D publish content-type application/json -D publish payload-format-indicator 1 \
                -D publish response-topic replies/pump-7 -D publish correlation-data order";
    publish(&server, said, &format!(r#"{{"f": 212, {alarms}}}"#));
    publish(&server, "-V 311", &format!(r#"{{"f": 104, {alarms}}}"#));
    publish(&server, said, &format!(r#"{{"f": 60, {alarms}}}"#)); // 15 degrees
    publish(&server, said, r#"{"f": 212, "alarms": [{"level": 1}]}"#);
    publish(&server, "-V 311", &format!(r#"{{"f": 122, {alarms}}}"#));
    let lines =
        eventually("three messages are selected", || Some(server.lake_lines()).filter(|lines| lines.len() >= 3));
    let mut lines: Vec<_> = lines.iter().map(String::as_str).collect();
    lines.sort_unstable();
    let said = r#"{"celsius":100,"unit":"C","type":"application/json","format":"UTF8_DATA","reply":"replies/pump-7","correlation":"b3JkZXI=","levels":[3],"topic":"pump-7"}"#;
    let plain = |celsius: u32| format!(r#"{{"celsius":{celsius},"levels":[3],"topic":"pump-7"}}"#);
    assert_eq!(lines, [said, &plain(40), &plain(50)]);
}
