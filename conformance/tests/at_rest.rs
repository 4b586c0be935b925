//! A marker planted in payloads, queued, buffered, stored and delivered is nowhere on the disk in plain.
use std::fs;
use std::process::Output;

use conformance::{Server, binary, eventually, files};

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

#[test]
fn every_mode_is_sealed_and_every_byte_counts() {
    let printed = Server::start().python("tamper.py");
    assert_eq!(printed.matches("each change noticed").count(), 4, "{printed}");
}

#[test]
fn an_audit_proves_it_and_finds_what_is_wrong() {
    let mut server = Server::start();
    let arn = server.bash(
        r#"
        KEY=$(aws kms create-key --query KeyMetadata.Arn --output text)
        aws s3api create-bucket --bucket lake >/dev/null
        head -c 200000 /dev/urandom > body
        aws s3 cp --quiet body s3://lake/plain
        aws s3 cp --quiet --sse aws:kms --sse-kms-key-id $KEY body s3://lake/sealed
        aws s3api create-multipart-upload --bucket lake --key parts --query UploadId --output text > upload
        aws s3api upload-part --bucket lake --key parts --upload-id $(cat upload) --part-number 1 --body body >/dev/null
        echo $KEY
        "#,
    );
    let audit = |server: &Server, what: &str| -> Output {
        let mut command = std::process::Command::new(binary());
        command.args(["audit", what, "--data"]).arg(server.data()).output().expect("it runs")
    };
    let running = audit(&server, "at-rest");
    assert!(!running.status.success() && String::from_utf8_lossy(&running.stderr).contains("in use"), "{running:?}");
    assert_eq!(server.terminate().0, Some(0));
    let clean = audit(&server, "at-rest");
    let printed = String::from_utf8_lossy(&clean.stdout).into_owned();
    assert!(clean.status.success() && printed.contains("2 bodies of 400000 bytes, SSE-S3"), "{clean:?}");
    let keys = audit(&server, "keys");
    let expected = format!("{}: opens 1 bodies of 200000 bytes", arn.trim());
    assert!(String::from_utf8_lossy(&keys.stdout).contains(&expected), "{keys:?}");

    let bodies = files(&server.data().join("objects"));
    let whole = fs::read(&bodies[0]).expect("readable");
    let mut changed = whole.clone();
    changed[150_000] ^= 1;
    fs::write(&bodies[0], changed).expect("writable");
    fs::write(server.data().join("objects/notes.txt"), "somebody's").expect("writable");
    let found = audit(&server, "at-rest");
    let printed = String::from_utf8_lossy(&found.stdout).into_owned();
    assert!(!found.status.success(), "{found:?}");
    assert!(printed.contains("a chunk does not open") && printed.contains("notes.txt"), "{printed}");
    assert_eq!(printed.matches("WRONG").count(), 2, "{printed}");
}

#[test]
fn a_bucket_goes_under_another_key() {
    let server = Server::start();
    let keys = server.bash(
        r#"
        ONE=$(aws kms create-key --query KeyMetadata.Arn --output text); TWO=$(aws kms create-key --query KeyMetadata.Arn --output text)
        aws s3api create-bucket --bucket lake >/dev/null
        aws s3api put-bucket-versioning --bucket lake --versioning-configuration Status=Enabled
        for n in 1 2 3; do echo body $n > body; aws s3 cp --quiet body s3://lake/same; aws s3 cp --quiet --sse aws:kms --sse-kms-key-id $ONE body s3://lake/$n; done
        aws s3 cp --quiet --sse aws:kms --sse-kms-key-id $TWO body s3://lake/already
        echo $ONE $TWO
        "#,
    );
    let (one, two) = keys.trim().split_once(' ').expect("two keys");
    let printed = server.bash(&format!("sekisho bucket reseal lake --kms-key-id {two}"));
    assert!(printed.ends_with("done: 6 versions resealed, 1 were so already\n"), "{printed}");
    let printed = server.bash(&format!("sekisho bucket reseal lake --kms-key-id {two}"));
    assert!(printed.ends_with("done: 0 versions resealed, 7 were so already\n"), "{printed}");
    // Nothing needs the old key any more, and nothing else has changed.
    server.aws(&["kms", "disable-key", "--key-id", one]);
    let read = server.bash(
        r#"
        for key in 1 2 3 same already; do aws s3 cp --quiet s3://lake/$key -; done
        aws s3api list-object-versions --bucket lake --prefix same --query 'length(Versions)'
        "#,
    );
    assert_eq!(read, "body 1\nbody 2\nbody 3\nbody 3\nbody 3\n3\n");
    server.aws(&["kms", "disable-key", "--key-id", two]);
    let (code, printed) = server.bash_may_fail(&format!("sekisho bucket reseal lake --kms-key-id {one}"));
    assert!(code == Some(1) && printed.contains("stopped: 0 versions resealed"), "{printed}");
}
