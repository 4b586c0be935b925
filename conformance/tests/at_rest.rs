//! A marker planted in payloads, queued, buffered, stored and delivered is nowhere on the disk in plain.
use conformance::{Server, eventually, files};

const MARKER: &str = "PLANTED-MARKER-0123456789";

#[test]
fn no_plaintext_in_the_data_directory() {
    let server = Server::start();
    server.lake(900); // buffered, not delivered
    let names = server.device("pump-7");
    server.bash(&format!(
        r#"
        mosquitto_pub -h localhost -p $MQTT_PORT --cafile $CA --cert pump-7.pem --key pump-7.key -i pump-7 -q 1 \
          -t factory/pump-7/telemetry -m '{{"temperature": 30, "note": "{MARKER}"}}'
        echo {MARKER} > body
        aws s3 cp --quiet body s3://lake/{MARKER}/by-hand
        aws firehose create-delivery-stream --delivery-stream-name zipped --extended-s3-destination-configuration \
          'RoleARN=arn:aws:iam::000000000000:role/d,BucketARN=arn:aws:s3:::lake,CompressionFormat=GZIP,BufferingHints={{SizeInMBs=1,IntervalInSeconds=0}}'
        printf '{{"Data": "%s"}}' "$(printf {MARKER} | base64)" > record.json
        aws firehose put-record --delivery-stream-name zipped --record file://record.json
        "#
    ));
    eventually("the zipped object", || {
        let keys = server.bash("aws s3 ls s3://lake --recursive");
        keys.contains("zipped-1-").then_some(())
    });
    // Base64 looks different at each of its three alignments; the ends depend on the neighbours.
    let base64 = ["", "x", "xx"].map(|pad| {
        let text = server.bash(&format!("printf {pad}{MARKER} | base64"));
        text.trim()[4..28].to_owned()
    });
    let certificate = names.rsplit('/').next().expect("an id").to_owned();
    let mut forbidden = vec![MARKER.as_bytes(), b"factory/pump-7", certificate.as_bytes()];
    forbidden.extend(base64.iter().map(String::as_bytes));
    let mut scanned = 0;
    for file in files(&server.data()) {
        let bytes = std::fs::read(&file).expect("readable");
        scanned += bytes.len();
        assert!(!file.to_string_lossy().contains(MARKER), "a name tells: {}", file.display());
        for needle in &forbidden {
            let found = bytes.windows(needle.len()).any(|window| window == *needle);
            assert!(!found, "{} holds {:?}", file.display(), String::from_utf8_lossy(needle));
        }
    }
    assert!(scanned > 4096);
}
