//! What an operator sets up before the first device speaks: a key, a bucket, a delivery stream, a policy and a rule.
use anyhow::{Context, Result};
use bytes::Bytes;
use http::Method;
use sekisho_client::{AwsClient, LocalServer};
use serde_json::{Value, json};

use super::stage::Stage;

/// Where objects go.
pub const BUCKET: &str = "lake";
/// The delivery stream.
pub const STREAM: &str = "telemetry";
/// The policy of every device.
pub const POLICY: &str = "own-topics";
/// The rule's condition is `temperature > HOT`, in degrees.
pub const HOT: i64 = 20;
/// Seconds a record waits for company at most.
const INTERVAL_S: u64 = 3;

/// What the rest of the demo needs to know of it.
pub struct Account {
    /// The key the bucket's objects are sealed under.
    pub key_arn: String,
}

impl Account {
    /// Sets it up.
    pub async fn set_up(stage: &mut Stage, server: &LocalServer, aws: &AwsClient) -> Result<Self> {
        let key = aws.json11("kms", "CreateKey", &json!({"Description": "the lake's"})).await.context("CreateKey")?;
        let key_arn = key["KeyMetadata"]["Arn"].as_str().context("CreateKey returned no ARN")?.to_owned();
        stage.done("kms CreateKey", &key_arn)?;

        bucket(aws, &key_arn).await?;
        stage.done("s3 CreateBucket", &format!("`{BUCKET}`, whose default encryption is aws:kms with that key"))?;

        let role = format!("arn:aws:iam::{}:role/demo", server.endpoints().account);
        aws.json11("firehose", "CreateDeliveryStream", &delivery_stream(&role))
            .await
            .context("CreateDeliveryStream")?;
        let cut = format!("`{STREAM}` → `{BUCKET}`, an object every 1 MiB or {INTERVAL_S} s");
        stage.done("firehose CreateDeliveryStream", &cut)?;

        let endpoints = server.endpoints();
        let document = policy(&format!("arn:aws:iot:{}:{}", endpoints.region, endpoints.account)).to_string();
        let path = format!("/policies/{POLICY}");
        aws.iot(Method::POST, &path, &json!({"policyDocument": document})).await.context("CreatePolicy")?;
        stage.done(
            "iot CreatePolicy",
            &format!("`{POLICY}`: publish to factory/${{iot:ClientId}}/telemetry, nowhere else"),
        )?;

        let (select, condition) = sql();
        let rule = json!({
            "sql": format!("{select} {condition}"),
            "awsIotSqlVersion": "2016-03-23",
            "actions": [{"firehose": {"deliveryStreamName": STREAM, "separator": "\n", "roleArn": role}}],
        });
        aws.iot(Method::POST, "/rules/hot", &rule).await.context("CreateTopicRule")?;
        stage.done("iot CreateTopicRule", &select)?;
        stage.detail("", &format!("{condition}  → `{STREAM}`"))?;
        Ok(Self { key_arn })
    }
}

fn sql() -> (String, String) {
    let select = "SELECT *, topic(2) AS device, timestamp() AS ts".to_owned();
    (select, format!("FROM 'factory/+/telemetry' WHERE temperature > {HOT}"))
}

async fn bucket(aws: &AwsClient, key_arn: &str) -> Result<()> {
    let path = format!("/{BUCKET}");
    aws.s3(Method::PUT, &path, "", &[], Bytes::new()).await.context("CreateBucket")?;
    let encryption = format!(
        "<ServerSideEncryptionConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Rule>\
         <ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID>{key_arn}</KMSMasterKeyID>\
         </ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>"
    );
    aws.s3(Method::PUT, &path, "encryption", &[], encryption.into()).await.context("PutBucketEncryption")?;
    Ok(())
}

fn delivery_stream(role: &str) -> Value {
    json!({
        "DeliveryStreamName": STREAM,
        "DeliveryStreamType": "DirectPut",
        "ExtendedS3DestinationConfiguration": {
            "RoleARN": role,
            "BucketARN": format!("arn:aws:s3:::{BUCKET}"),
            "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": INTERVAL_S},
        },
    })
}

/// A device connects under its thing's name alone, and speaks for itself alone.
fn policy(arn: &str) -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": "iot:Connect",
                "Resource": format!("{arn}:client/${{iot:ClientId}}"),
                "Condition": {"Bool": {"iot:Connection.Thing.IsAttached": "true"}},
            },
            {
                "Effect": "Allow",
                "Action": "iot:Publish",
                "Resource": format!("{arn}:topic/factory/${{iot:ClientId}}/telemetry"),
            },
        ],
    })
}
