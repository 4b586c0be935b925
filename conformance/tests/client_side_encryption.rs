//! Client-side encryption: with the Amazon S3 Encryption Client on the other side.
use std::process::Command;

use conformance::{Moto, Server, binary, root, run};

const MARKER: &str = "PLANTED-MARKER-0123456789";

#[test]
fn the_s3_encryption_client_and_sekisho_object_read_each_other() {
    let said = Server::start().python("s3_encryption_client.py");
    assert_eq!(said.lines().filter(|line| line.ends_with(" ok")).count(), 6, "{said}");
}

#[test]
fn objects_are_encrypted_for_somebody_elses_s3_and_kms_too() {
    let (moto, directory) = (Moto::start(), tempfile::tempdir().unwrap());
    let script = format!(
        r#"
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
    command.env("AWS_ENDPOINT_URL", moto.api()).env("AWS_DEFAULT_REGION", "us-east-1").env("HOME", directory.path());
    command.env("AWS_ACCESS_KEY_ID", "any").env("AWS_SECRET_ACCESS_KEY", "any").env_remove("SEKISHO_DATA");
    run(&mut command);
}
