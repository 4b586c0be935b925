//! Client-side encryption: with the Amazon S3 Encryption Client on the other side, and from a device to who may read it.
use std::process::Command;

use conformance::{Moto, Server, binary, eventually, files, root, run};

const MARKER: &str = "PLANTED-MARKER-0123456789";

#[test]
fn the_s3_encryption_client_and_sekisho_object_read_each_other() {
    let said = Server::start().python("s3_encryption_client.py");
    assert_eq!(said.lines().filter(|line| line.ends_with(" ok")).count(), 6, "{said}");
}

/// Puts and gets with the account that `prelude` and the AWS_… variables name.
fn there_and_back(endpoint: &str, prelude: &str) {
    let directory = tempfile::tempdir().unwrap();
    let script = format!(
        r#"
        {prelude}
        KEY=$(aws kms create-key --query KeyMetadata.Arn --output text)
        aws s3api create-bucket --bucket lake >/dev/null
        printf {MARKER} > plain
        sekisho object put plain 's3://lake/a b/c' --encrypt --kms-key-id "$KEY" --context plant=7
        aws s3 cp --quiet 's3://lake/a b/c' stored
        if grep -q {MARKER} stored; then exit 1; fi
        sekisho object get 's3://lake/a b/c' back --decrypt --context plant=7 --kms-key-id "$KEY"
        cmp plain back
        if sekisho object get 's3://lake/a b/c' --decrypt --context plant=8; then exit 1; fi
        "#
    );
    let bin = binary().parent().map(|folder| folder.display().to_string()).unwrap_or_default();
    let path = format!("{}:{bin}:{}", root().join(".venv/bin").display(), std::env::var("PATH").unwrap_or_default());
    let mut command = Command::new("bash");
    command.args(["-euo", "pipefail", "-c", &script]).current_dir(&directory).env("PATH", path);
    command.env("AWS_ENDPOINT_URL", endpoint).env("AWS_DEFAULT_REGION", "us-east-1").env("HOME", directory.path());
    command.env("AWS_ACCESS_KEY_ID", "any").env("AWS_SECRET_ACCESS_KEY", "any").env_remove("SEKISHO_DATA");
    run(&mut command);
}

#[test]
fn objects_are_encrypted_for_somebody_elses_s3_and_kms_too() {
    there_and_back(&Moto::start().api(), "");
}

#[test]
fn https_is_spoken_to_whom_the_systems_authorities_vouch_for() {
    let port = conformance::free_port();
    let endpoint = format!("https://localhost:{port}");
    let prelude = format!(
        r#"
        openssl req -x509 -newkey rsa:2048 -noenc -keyout key.pem -out cert.pem -days 1 -subj /CN=localhost \
          -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE 2>/dev/null
        moto_server -H 127.0.0.1 -p {port} -s -c cert.pem -k key.pem >moto.log 2>&1 & MOTO=$!
        trap 'kill $MOTO' EXIT
        until curl -sf --cacert cert.pem {endpoint}/moto-api/ >/dev/null; do kill -0 $MOTO; sleep 0.2; done
        if sekisho object get s3://lake/a 2>said; then exit 1; fi
        grep -q certificate said
        export AWS_CA_BUNDLE=cert.pem SSL_CERT_FILE=$PWD/cert.pem
        "#
    );
    there_and_back(&endpoint, &prelude);
}

/// A stream `name` into the bucket `lake`, and a rule that feeds it with what devices publish to `shared/…/<name>`.
fn stream(server: &Server, name: &str) {
    server.bash(&format!(
        r#"
        aws firehose create-delivery-stream --delivery-stream-name {name} --extended-s3-destination-configuration \
          'RoleARN=arn:aws:iam::000000000000:role/d,BucketARN=arn:aws:s3:::lake,Prefix={name}/,BufferingHints={{SizeInMBs=1,IntervalInSeconds=900}}' >/dev/null
        aws iot create-topic-rule --rule-name {name} --topic-rule-payload '{{"sql":
          "SELECT *, topic(2) AS device FROM '"'shared/+/{name}'"'", "awsIotSqlVersion": "2016-03-23", "actions": [{{"firehose":
          {{"deliveryStreamName": "{name}", "separator": "\n", "roleArn": "arn:aws:iam::000000000000:role/r"}}}}]}}'
        "#
    ));
}

/// Nothing the server keeps tells the marker.
fn is_nowhere_on_the_disk(server: &Server) {
    let mut scanned = 0;
    for file in files(&server.data()) {
        let bytes = std::fs::read(&file).expect("readable");
        scanned += bytes.len();
        let found = bytes.windows(MARKER.len()).any(|window| window == MARKER.as_bytes());
        assert!(!found, "{} holds the marker", file.display());
    }
    assert!(scanned > 4096);
}

fn the_object(server: &Server, stream: &str) -> String {
    server.bash(&format!("sekisho stream flush {stream} --wait"));
    eventually("an object", || {
        let key = server.bash(&format!("aws s3 ls s3://lake/{stream}/ --recursive | awk '{{print $4}}'"));
        Some(key.trim().to_owned()).filter(|key| !key.is_empty())
    })
}

#[test]
fn what_a_device_seals_is_opened_at_the_end_and_nowhere_before() {
    let server = Server::start();
    server.bash(
        "KEY=$(aws kms create-key --query KeyMetadata.Arn --output text)
         aws kms create-alias --alias-name alias/readings --target-key-id $KEY
         aws s3api create-bucket --bucket lake >/dev/null
         openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa.pem
         openssl pkey -in rsa.pem -pubout -out rsa.pub",
    );
    server.device("pump-7");
    for name in ["sealed", "bykey"] {
        stream(&server, name);
    }
    // Whoever subscribes gets what the broker has.
    let mut listener = server
        .command("mosquitto_sub")
        .args(["-h", "localhost", "-p", &server.mqtt_port().to_string(), "--cafile"])
        .arg(server.ca())
        .args([
            "--cert",
            "pump-7.pem",
            "--key",
            "pump-7.key",
            "-q",
            "1",
            "-i",
            "listener",
            "-t",
            "shared/#",
            "-C",
            "3",
            "-W",
            "60",
        ])
        .stdout(std::fs::File::create(server.scratch().join("heard")).unwrap())
        .spawn()
        .unwrap();
    let device = "sekisho device publish --endpoint localhost:$MQTT_PORT --ca $CA --cert pump-7.pem --key pump-7.key \
                  --client-id pump-7";
    server.bash(&format!(
        r#"
        sleep 1 # until the listener listens
        printf '{{"n": 1, "note": "{MARKER}"}}\nnot JSON: {MARKER}\n' | {device} --topic shared/pump-7/sealed --message - \
          --encrypt alias/readings --context plant=7
        # A device without any right at KMS, and without the server's files
        env -u SEKISHO_DATA -u AWS_ENDPOINT_URL -u AWS_ACCESS_KEY_ID -u AWS_SECRET_ACCESS_KEY \
          {device} --topic shared/pump-7/bykey --message '{{"n": 2, "note": "{MARKER}"}}' --encrypt rsa.pub
        "#
    ));
    assert!(listener.wait().unwrap().success());
    let heard = std::fs::read_to_string(server.scratch().join("heard")).unwrap();
    assert!(heard.lines().count() == 3 && heard.lines().all(|line| line.starts_with(r#"{"sealed":1,"#)), "{heard}");
    assert!(!heard.contains(MARKER), "{heard}");

    // Topic and sealed document, and no more: in what the journal holds, opened; on the disk, where it is sealed once more;
    // and in the object.
    let buffered = server.bash("timeout 3 sekisho stream tail sealed --buffered --json || true");
    assert_eq!(buffered.matches(r#"{\"sealed\":1,"#).count(), 2, "{buffered}");
    assert!(buffered.contains("shared/pump-7/sealed") && !buffered.contains(MARKER), "{buffered}");
    is_nowhere_on_the_disk(&server);
    for (name, flags) in [("sealed", "--context plant=7"), ("bykey", "--rsa-key rsa.pem")] {
        let key = the_object(&server, name);
        let stored = server.bash(&format!("aws s3 cp s3://lake/{key} -"));
        assert!(stored.contains(r#""sealed":1"#) && stored.contains(r#""device":"pump-7""#), "{stored}");
        assert!(!stored.contains(MARKER), "{stored}");
        let opened = server.bash(&format!("sekisho object get s3://lake/{key} --decrypt {flags}"));
        let expected = if name == "sealed" {
            format!("{{\"n\": 1, \"note\": \"{MARKER}\"}}\nnot JSON: {MARKER}\n")
        } else {
            format!("{{\"n\": 2, \"note\": \"{MARKER}\"}}\n")
        };
        assert_eq!(opened, expected);
        let (code, said) = server.bash_may_fail(&format!("sekisho object get s3://lake/{key} out --decrypt"));
        assert!(code == Some(1) && said.contains("record 1") && !said.contains(MARKER), "{said}");
        assert!(!server.scratch().join("out").exists());
    }
    is_nowhere_on_the_disk(&server);
    // The grant ends with the key.
    let key = the_object(&server, "sealed");
    let (code, said) = server.bash_may_fail(&format!(
        "aws kms disable-key --key-id $(aws kms describe-key --key-id alias/readings --query KeyMetadata.KeyId --output text)
         sekisho object get s3://lake/{key} --decrypt --context plant=7"
    ));
    assert!(code == Some(1) && said.contains("DisabledException") && !said.contains(MARKER), "{said}");
}
