//! The record of calls and key uses, through its commands: whole after a kill under load, and what was changed is found.
use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::Command;

use conformance::Server;
use serde_json::Value;

fn record(server: &Server) -> Vec<Value> {
    let printed = server.bash("sekisho audit log --data $SEKISHO_DATA");
    printed.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

/// The last entry, as `verify` prints it; what it says must be right.
fn noted(server: &Server) -> String {
    let printed = server.bash("sekisho audit verify --data $SEKISHO_DATA");
    printed.lines().find_map(|line| line.strip_prefix("the last: ")).expect("a last entry").to_owned()
}

fn segments(server: &Server) -> Vec<PathBuf> {
    let found = fs::read_dir(server.data().join("audit")).expect("a record").map(|entry| entry.unwrap().path());
    let mut found: Vec<_> =
        found.filter(|path| path.extension().is_some_and(|extension| extension == "segment")).collect();
    found.sort();
    found
}

#[test]
fn every_answered_call_is_recorded_though_the_server_is_killed() {
    let mut server = Server::start();
    server.bash("aws s3 mb s3://lake >/dev/null");
    let mut answered: HashSet<String> = HashSet::new();
    for run in 0..3 {
        // Keys that were answered, told on standard output as they are; the server is killed in the middle.
        let script = format!(
            r#"
import boto3, sys
from botocore.config import Config
s3 = boto3.client("s3", config=Config(retries={{"max_attempts": 0}}, connect_timeout=5, read_timeout=5))
for at in range(10_000):
    s3.put_object(Bucket="lake", Key=f"{run}-{{at}}", Body=b"x")
    print(f"{run}-{{at}}", flush=True)
"#
        );
        fs::write(server.scratch().join("load.py"), script).expect("writable");
        let mut load = server
            .command("bash")
            .args(["-c", &format!("python load.py > told-{run} 2>/dev/null")])
            .spawn()
            .expect("bash is there");
        conformance::eventually("some calls are answered", || {
            let told = fs::read_to_string(server.scratch().join(format!("told-{run}"))).ok()?;
            (told.lines().count() >= 50).then_some(())
        });
        server.kill();
        let _ = load.wait();
        let told = fs::read_to_string(server.scratch().join(format!("told-{run}"))).expect("told");
        answered.extend(told.lines().map(str::to_owned));
        server.restart();
    }
    let calls = record(&server);
    let recorded: HashSet<&str> = calls
        .iter()
        .filter(|call| call["operation"] == "PutObject" && call["status"] == 200)
        .filter_map(|call| call["resource"].as_str()?.strip_prefix("arn:aws:s3:::lake/"))
        .collect();
    let missing: Vec<_> = answered.iter().filter(|key| !recorded.contains(key.as_str())).collect();
    assert!(answered.len() >= 150 && missing.is_empty(), "{} answered, not recorded: {missing:?}", answered.len());
    let numbers: Vec<u64> = calls.iter().map(|call| call["number"].as_u64().expect("a number")).collect();
    assert!(numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]), "numbers have no gaps");
}

#[test]
fn it_says_who_did_what_and_which_key_was_used_for_what() {
    let server = Server::start();
    server.bash(
        r#"
        KEY=$(aws kms create-key --query KeyMetadata.Arn --output text)
        aws s3 mb s3://lake >/dev/null
        echo SECRET-BODY > body
        aws s3 cp --quiet body s3://lake/a --sse aws:kms --sse-kms-key-id $KEY
        aws s3 cp --quiet s3://lake/a copy
        aws kms disable-key --key-id $KEY
        ! aws s3 cp --quiet s3://lake/a copy 2>/dev/null
        ! aws s3 ls s3://nowhere 2>/dev/null
        ! AWS_SECRET_ACCESS_KEY=wrong aws s3 ls s3://lake 2>/dev/null
        ! aws kms encrypt --key-id $KEY --plaintext U0VDUkVULVRFWFQ= --encryption-context for=test 2>/dev/null
        aws firehose create-delivery-stream --delivery-stream-name told --s3-destination-configuration \
          RoleARN=arn:aws:iam::000000000000:role/d,BucketARN=arn:aws:s3:::lake >/dev/null
        aws firehose put-record --delivery-stream-name told --record Data=U0VDUkVULVJFQ09SRA== >/dev/null
        sekisho stream flush --data $SEKISHO_DATA told >/dev/null
        "#,
    );
    let text = server.bash("sekisho audit log --data $SEKISHO_DATA");
    for secret in ["SECRET", "U0VDUkV"] {
        assert!(!text.contains(secret), "{text}");
    }
    let told: Vec<String> = record(&server)
        .iter()
        .map(|entry| {
            let word = |name: &str| entry[name].as_str().unwrap_or("-").to_owned();
            let about = match entry["kind"].as_str() {
                Some("key_use") => format!("{} with KEY", word("operation")),
                _ => format!("{} {} {} {}", word("service"), word("operation"), word("resource"), entry["status"]),
            };
            let key = about.find(":key/").map(|at| about[at + 5..at + 41].to_owned());
            let about = key.map_or(about.clone(), |key| about.replace(&key, "KEY"));
            format!("{about} {} {}", word("error"), entry["context"]).replace(" - ", " ").replace(" null", "")
        })
        .collect();
    let told = told.join("\n");
    expect_test::expect![[r#"
        kms CreateKey arn:aws:kms:us-east-1:000000000000:key/KEY 200
        s3 CreateBucket arn:aws:s3:::lake 200
        GenerateDataKey with KEY {"aws:s3:arn":"arn:aws:s3:::lake/a"}
        s3 PutObject arn:aws:s3:::lake/a 200
        s3 HeadObject arn:aws:s3:::lake/a 200
        Decrypt with KEY {"aws:s3:arn":"arn:aws:s3:::lake/a"}
        s3 GetObject arn:aws:s3:::lake/a 200
        kms DisableKey arn:aws:kms:us-east-1:000000000000:key/KEY 200
        s3 HeadObject arn:aws:s3:::lake/a 200
        Decrypt with KEY Disabled {"aws:s3:arn":"arn:aws:s3:::lake/a"}
        s3 GetObject arn:aws:s3:::lake/a 400 KMS.DisabledException
        s3 ListObjectsV2 arn:aws:s3:::nowhere 404 NoSuchBucket
        kms Encrypt arn:aws:kms:us-east-1:000000000000:key/KEY 400 DisabledException {"for":"test"}
        firehose CreateDeliveryStream told 200
        firehose PutRecord told 200
        admin /stream/flush 200"#]]
    .assert_eq(&told);
}

#[test]
fn what_was_changed_or_cut_off_is_found() {
    let mut server = Server::start();
    for at in 0..3 {
        server.bash(&format!("for i in 1 2 3; do aws s3 mb s3://bucket-{at}-$i >/dev/null; done"));
        let (code, _) = server.terminate();
        assert_eq!(code, Some(0));
        server.restart();
    }
    let early = noted(&server);
    server.bash("aws s3 mb s3://late >/dev/null");
    server.terminate();
    let verify = |server: &Server, more: &str| {
        let mut command = Command::new(conformance::binary());
        command.args(["audit", "verify", "--data"]).arg(server.data()).args(more.split_whitespace());
        let output = command.output().expect("the binary");
        (output.status.code(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    };
    let (code, told) = verify(&server, &format!("--noted {early}"));
    assert!(code == Some(0) && told.contains("10 entries, from number 1 on"), "{told}");
    let (code, told) = verify(&server, &format!("--noted {}", early.replacen(':', ":00", 1).split_at(early.len()).0));
    assert!(code == Some(1) && told.contains("is not what was noted"), "{told}");

    // A byte of each part of the middle file: its header, its key, a block's header, its ciphertext.
    let all = segments(&server);
    let file = fs::OpenOptions::new().read(true).write(true).open(&all[1]).expect("a segment");
    for at in [0, 40, 4096, 4096 + 20, 4096 + 40, 4096 + 200] {
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).expect("readable");
        file.write_all_at(&[byte[0] ^ 0x10], at).expect("writable");
        let (code, told) = verify(&server, "");
        assert_eq!(code, Some(1), "byte {at}: {told}");
        file.write_all_at(&byte, at).expect("writable");
    }
    assert_eq!(verify(&server, "").0, Some(0));
    // The end is gone: only who noted it down knows.
    let last = all.last().expect("a segment");
    let late = verify(&server, "")
        .1
        .lines()
        .find_map(|line| line.strip_prefix("the last: ").map(str::to_owned))
        .expect("a last entry");
    fs::remove_file(last).expect("removable");
    assert_eq!(verify(&server, "").0, Some(0));
    let (code, told) = verify(&server, &format!("--noted {late}"));
    assert!(code == Some(1) && told.contains("the end of the record is missing"), "{told}");
}

#[test]
fn who_hangs_up_is_recorded_all_the_same() {
    let server = Server::start();
    let script = r#"
import boto3, os, socket
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
url = os.environ["AWS_ENDPOINT_URL"]
host, port = url.removeprefix("http://").split(":")
session = boto3.Session()
for number in range(60):
    request = AWSRequest("POST", url + "/", data=b"{}", headers={"x-amz-target": "TrentService.CreateKey", "content-type": "application/x-amz-json-1.1"})
    SigV4Auth(session.get_credentials(), "kms", session.region_name).add_auth(request)
    head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    with socket.create_connection((host, int(port))) as s:
        s.sendall(f"POST / HTTP/1.1\r\nhost: {host}:{port}\r\ncontent-length: 2\r\n{head}\r\n{{}}".encode())
"#;
    fs::write(server.scratch().join("hang_up.py"), script).expect("writable");
    server.bash("python hang_up.py");
    conformance::eventually("every key that was made is accounted for", || {
        let keys = server.aws(&["kms", "list-keys"])["Keys"].as_array().expect("keys").len();
        let recorded = record(&server).iter().filter(|call| call["operation"] == "CreateKey").count();
        (keys > 0 && keys <= recorded).then_some(())
    });
}
