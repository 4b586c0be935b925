//! The unmodified AWS CLI and boto3 against the services: what is offered works, what is refused is refused as AWS does.
use conformance::Server;

#[test]
fn boto3_control_plane() {
    assert!(Server::start().python("boto3_iot.py").contains("ok"));
}

#[test]
fn boto3_types_and_groups() {
    assert!(Server::start().python("boto3_iot_groups.py").contains("ok"));
}

#[test]
fn boto3_identity() {
    assert!(Server::start().python("boto3_identity.py").contains("ok"));
}

#[test]
fn boto3_objects_and_keys() {
    assert!(Server::start().python("boto3_s3_kms.py").contains("ok"));
}

/// Against Python's `cryptography`: what one side makes, the other opens or verifies.
#[test]
fn boto3_keys() {
    assert!(Server::start().python("boto3_kms.py").contains("ok"));
}

#[test]
fn boto3_objects_in_every_mode() {
    assert!(Server::start().python("boto3_s3_modes.py").contains("ok"));
}

#[test]
fn boto3_what_buckets_are_told() {
    assert!(Server::start().python("boto3_s3_buckets.py").contains("ok"));
}

#[test]
fn boto3_at_the_edges() {
    assert!(Server::start().python("boto3_s3_edges.py").contains("ok"));
}

#[test]
fn boto3_forms_that_upload() {
    assert!(Server::start().python("boto3_s3_forms.py").contains("ok"));
}

#[test]
fn boto3_delivery_streams() {
    assert!(Server::start().python("boto3_firehose.py").contains("ok"));
}

#[test]
fn boto3_format_conversion() {
    assert!(Server::start().python("boto3_formats.py").contains("ok"));
}

/// The calls of the Firehose and Glue guides, in the AWS CLI's words.
#[test]
fn a_stream_that_converts_with_the_cli() {
    let text = Server::start().bash(
        r#"
        aws s3 mb s3://lake >/dev/null
        aws glue create-database --database-input '{"Name": "lake"}'
        aws glue create-table --database-name lake --table-input '{"Name": "readings", "StorageDescriptor": {"Columns": [
          {"Name": "device", "Type": "string"}, {"Name": "temperature", "Type": "double"}, {"Name": "at", "Type": "timestamp"}]}}'
        aws firehose create-delivery-stream --delivery-stream-name telemetry --delivery-stream-type DirectPut           --extended-s3-destination-configuration '{
            "RoleARN": "arn:aws:iam::000000000000:role/firehose", "BucketARN": "arn:aws:s3:::lake",
            "Prefix": "readings/day=!{timestamp:yyyy-MM-dd}/", "ErrorOutputPrefix": "errors/!{firehose:error-output-type}/",
            "BufferingHints": {"SizeInMBs": 128, "IntervalInSeconds": 1}, "CompressionFormat": "UNCOMPRESSED",
            "DataFormatConversionConfiguration": {
              "SchemaConfiguration": {"RoleARN": "arn:aws:iam::000000000000:role/firehose", "DatabaseName": "lake",
                "TableName": "readings", "Region": "us-east-1", "VersionId": "LATEST"},
              "InputFormatConfiguration": {"Deserializer": {"OpenXJsonSerDe": {}}},
              "OutputFormatConfiguration": {"Serializer": {"ParquetSerDe": {}}}, "Enabled": true}}' >/dev/null
        aws firehose put-record --delivery-stream-name telemetry --record \
          '{"Data": "{\"device\": \"pump-7\", \"temperature\": 21.5, \"at\": \"2026-07-13 14:04:05\"}"}' >/dev/null
        until KEY=$(aws s3 ls s3://lake --recursive | awk '{print $4}') && [ -n "$KEY" ]; do sleep 0.2; done
        aws s3 cp --quiet "s3://lake/$KEY" found.parquet
        python -c 'import duckdb; print(duckdb.read_parquet("found.parquet").fetchall())'
        echo "$KEY"
        "#,
    );
    assert!(text.starts_with("[('pump-7', 21.5, datetime.datetime(2026, 7, 13, 14, 4, 5))]"), "{text}");
    assert!(text.contains("readings/day=20") && text.trim_end().ends_with(".parquet"), "{text}");
}

#[test]
fn boto3_delivery_streams_bounds_and_refusals() {
    assert!(Server::start().python("boto3_firehose_api.py").contains("ok"));
}

#[test]
fn boto3_transformation() {
    const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:clean";
    let port = conformance::free_port().to_string();
    let server = Server::start_with(&["--function", &format!("{ARN}=http://127.0.0.1:{port}/")]);
    let mut script = server.command("python");
    script.arg(conformance::root().join("conformance/python/boto3_transformation.py"));
    let output = conformance::run(script.env("FUNCTION_ARN", ARN).env("FUNCTION_PORT", port));
    assert!(String::from_utf8_lossy(&output.stdout).contains("ok"));
}

#[test]
fn boto3_http_endpoint() {
    assert!(Server::start().python("boto3_http_endpoint.py").contains("ok"));
}

#[test]
fn s3_objects_copy_list_and_presign_with_the_cli() {
    let server = Server::start();
    let text = server.bash(
        r#"
        aws s3 mb s3://lake >/dev/null
        head -c 300000 /dev/urandom > body
        aws s3 cp --quiet body s3://lake/a/b/body
        aws s3 cp --quiet s3://lake/a/b/body back
        cmp body back
        aws s3 cp --quiet s3://lake/a/b/body s3://lake/a/copy
        aws s3 ls s3://lake/a/
        aws configure set default.s3.signature_version s3v4
        curl -sf "$(aws s3 presign s3://lake/a/copy)" | cmp - body
        aws s3 rm --quiet --recursive s3://lake
        aws s3 rb s3://lake >/dev/null
        aws s3 ls
        "#,
    );
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert_eq!(lines[0], ["PRE", "b/"]);
    assert_eq!(&lines[1][2..], ["300000", "copy"]);
}

/// All 12 operations of Firehose, as an operator types them.
#[test]
fn delivery_streams_with_the_cli() {
    let server = Server::start();
    let text = server.bash(
        r#"
        key=$(aws kms create-key --query KeyMetadata.Arn --output text)
        aws s3 mb s3://lake >/dev/null
        stream="--delivery-stream-name s"
        aws firehose create-delivery-stream $stream --tags Key=team,Value=ovens --s3-destination-configuration \
          'RoleARN=arn:aws:iam::000000000000:role/d,BucketARN=arn:aws:s3:::lake,BufferingHints={SizeInMBs=1,IntervalInSeconds=900}' \
          --query DeliveryStreamARN --output text
        aws firehose list-delivery-streams --delivery-stream-type DirectPut --query DeliveryStreamNames --output text
        aws firehose tag-delivery-stream $stream --tags Key=line,Value=7
        aws firehose untag-delivery-stream $stream --tag-keys team
        aws firehose list-tags-for-delivery-stream $stream --query 'Tags[].[Key,Value]' --output text
        encryption="aws firehose describe-delivery-stream $stream --output text \
          --query DeliveryStreamDescription.DeliveryStreamEncryptionConfiguration.[Status,KeyARN]"
        aws firehose start-delivery-stream-encryption $stream \
          --delivery-stream-encryption-configuration-input KeyType=CUSTOMER_MANAGED_CMK,KeyARN=$key
        until $encryption | grep -q ENABLED; do sleep 0.1; done
        test "$($encryption)" = "ENABLED	$key"
        aws firehose put-record $stream --record 'Data="one "' --query Encrypted
        aws firehose stop-delivery-stream-encryption $stream
        until $encryption | grep -q DISABLED; do sleep 0.1; done
        aws firehose put-record-batch $stream --records '[{"Data": "two "}, {"Data": "three"}]' \
          --query '[FailedPutCount, Encrypted, length(RequestResponses)]' --output text
        aws firehose update-destination $stream --current-delivery-stream-version-id 1 --destination-id destinationId-000000000001 \
          --extended-s3-destination-update 'BufferingHints={SizeInMBs=1,IntervalInSeconds=0}'
        aws firehose describe-delivery-stream $stream --output text \
          --query 'DeliveryStreamDescription.[DeliveryStreamStatus,VersionId,Destinations[0].S3DestinationDescription.BufferingHints.IntervalInSeconds]'
        until aws s3 ls s3://lake --recursive | grep -q s-2-; do sleep 0.1; done
        aws s3 cp --quiet --recursive s3://lake lake && cat $(find lake -type f) && echo
        aws firehose delete-delivery-stream $stream --allow-force-delete
        aws firehose list-delivery-streams --query 'length(DeliveryStreamNames)' --output text
        "#,
    );
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    assert_eq!(
        lines,
        [
            "arn:aws:firehose:us-east-1:000000000000:deliverystream/s",
            "s",
            "line\t7",
            "true",
            "0\tFalse\t2",
            "ACTIVE\t2\t0",
            "one two three",
            "0",
        ]
    );
}

#[test]
fn every_refusal_has_its_name() {
    let server = Server::start();
    server.aws(&[
        "iot",
        "create-policy",
        "--policy-name",
        "p",
        "--policy-document",
        r#"{"Statement": {"Effect": "Allow", "Action": "iot:*", "Resource": "*"}}"#,
    ]);
    #[rustfmt::skip] // call                                                                                   AWS's name
    let table: &[(&[&str], &str)] = &[
        (&["iot", "describe-thing", "--thing-name", "absent"],                                                 "ResourceNotFoundException"),
        (&["iot", "create-policy", "--policy-name", "p", "--policy-document", "{}"],                           "ResourceAlreadyExistsException"),
        (&["iot", "create-policy", "--policy-name", "q", "--policy-document", "{}"],                           "MalformedPolicyException"),
        (&["iot", "create-topic-rule", "--rule-name", "r", "--topic-rule-payload", r#"{"sql": "SELEKT", "actions": []}"#], "SqlParseException"),
        (&["iot", "create-topic-rule", "--rule-name", "r", "--topic-rule-payload",
           r#"{"sql": "SELECT * FROM 'a'", "actions": [{"lambda": {"functionArn": "arn:aws:lambda:us-east-1:0:f"}}]}"#],     "needs a [[service]] named `lambda`"),
        (&["iot", "describe-certificate", "--certificate-id", &"0".repeat(64)],                                "ResourceNotFoundException"),
        (&["iot", "create-certificate-from-csr", "--certificate-signing-request", "nonsense"],                 "InvalidRequestException"),
        (&["iot", "create-job", "--job-id", "j", "--targets", "t"],                                            "CreateJob"),
        (&["iot", "list-things", "--region", "eu-west-1"],                                                     "region"),
        (&["firehose", "describe-delivery-stream", "--delivery-stream-name", "absent"],                        "ResourceNotFoundException"),
        (&["kms", "describe-key", "--key-id", "1234abcd-12ab-34cd-56ef-1234567890ab"],                         "NotFoundException"),
        (&["kms", "create-key", "--key-spec", "SM2", "--key-usage", "SIGN_VERIFY"],                            "SM2"),
        (&["kms", "replicate-key", "--key-id", "k", "--replica-region", "eu-west-1"],                          "ReplicateKey"),
        (&["s3api", "get-object", "--bucket", "absent", "--key", "k", "out"],                                  "NoSuchBucket"),
        (&["s3api", "put-bucket-policy", "--bucket", "absent", "--policy", "{}"],                              "PutBucketPolicy"),
        (&["s3api", "create-bucket", "--bucket", "UPPER"],                                                     "InvalidBucketName"),
    ];
    for (call, name) in table {
        let said = server.aws_refused(call);
        assert!(said.contains(name), "{call:?} should say {name}: {said}");
    }
}

#[test]
fn sts_says_who_we_are() {
    let server = Server::start();
    assert_eq!(server.aws(&["sts", "get-caller-identity"])["Account"], "000000000000");
}

#[test]
fn s3cmd_does_what_it_can() {
    let server = Server::start();
    let printed = server.bash(
        r#"
        HOST=${AWS_ENDPOINT_URL#http://}
        printf '[default]\naccess_key = %s\nsecret_key = %s\nhost_base = %s\nhost_bucket = %s/%%(bucket)\nuse_https = False\nbucket_location = us-east-1\n' \
          "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY" "$HOST" "$HOST" > s3cfg
        s3() { python "$(command -v s3cmd)" --no-progress -c s3cfg "$@"; }
        s3 mb s3://cmd
        echo hi > small; head -c 12000000 /dev/urandom > large; mkdir -p tree/a; echo 1 > tree/a/1; echo 2 > tree/2
        s3 put small s3://cmd/dir/small
        s3 put --multipart-chunk-size-mb=5 large s3://cmd/large
        s3 get --force s3://cmd/large got; cmp large got
        s3 info s3://cmd/dir/small
        s3 cp s3://cmd/dir/small s3://cmd/copy; s3 mv s3://cmd/copy s3://cmd/moved
        s3 sync tree/ s3://cmd/tree/; echo 3 > tree/3; s3 sync tree/ s3://cmd/tree/
        s3 --server-side-encryption put small s3://cmd/sealed
        s3 settagging s3://cmd "a=b"; s3 gettagging s3://cmd
        echo '<LifecycleConfiguration><Rule><ID>a</ID><Prefix>tmp/</Prefix><Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule></LifecycleConfiguration>' > rules
        s3 setlifecycle rules s3://cmd; s3 getlifecycle s3://cmd; s3 dellifecycle s3://cmd
        echo '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"s3:DeleteObject","Resource":"arn:aws:s3:::cmd/tree/*"}]}' > policy
        s3 setpolicy policy s3://cmd; s3 del s3://cmd/tree/2 2>&1 || true; s3 delpolicy s3://cmd
        s3 du s3://cmd
        s3 multipart s3://cmd
        s3 del -r --force s3://cmd
        s3 rb s3://cmd
        "#,
    );
    for expected in
        ["SSE:       AES256", "explicit deny", "a:\tb", "<Days>1</Days>", "7 objects", "Bucket 's3://cmd/' removed"]
    {
        assert!(printed.contains(expected), "{expected}: {printed}");
    }
}
