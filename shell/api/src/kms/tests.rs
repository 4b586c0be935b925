//! KMS as its clients see it.
use serde_json::{Value, json};

use crate::testing::World;

mod asymmetric;
mod grants;
mod import;
mod policies;
mod rotation;

const MISSING: &str = "arn:aws:kms:eu-north-1:000000000000:key/1234abcd-12ab-34cd-56ef-1234567890ab";

impl World {
    async fn kms(&self, operation: &str, input: Value) -> Result<Value, (u16, String, String)> {
        let answer = self.call("kms", &format!("TrentService.{operation}"), &input.to_string()).await;
        if answer.status == 200 {
            return Ok(if answer.body.is_empty() { Value::Null } else { answer.json() });
        }
        let (refusal, text) = (answer.json(), |value: &Value| value.as_str().unwrap_or_default().to_owned());
        Err((answer.status, text(&refusal["__type"]), text(&refusal["message"])))
    }

    async fn key(&self) -> (String, String) {
        let made = self.kms("CreateKey", json!({})).await.unwrap();
        let text = |name: &str| made["KeyMetadata"][name].as_str().unwrap().to_owned();
        (text("KeyId"), text("Arn"))
    }
}

fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(test);
}

#[test]
fn what_is_encrypted_decrypts_under_every_name_of_the_key() {
    run(async {
        let world = World::new();
        let (id, arn) = world.key().await;
        world.kms("CreateAlias", json!({ "AliasName": "alias/lake", "TargetKeyId": id })).await.unwrap();
        let alias_arn = "arn:aws:kms:eu-north-1:000000000000:alias/lake";
        for name in [id.as_str(), &arn, "alias/lake", alias_arn] {
            let input = json!({ "KeyId": name, "Plaintext": "c2VjcmV0", "EncryptionContext": { "a": "b" } });
            let made = world.kms("Encrypt", input).await.unwrap();
            assert_eq!(
                (&made["KeyId"], &made["EncryptionAlgorithm"]),
                (&json!(arn), &json!("SYMMETRIC_DEFAULT")),
                "{name}"
            );
            let blob = &made["CiphertextBlob"];
            assert!(blob.as_str().unwrap().starts_with("AQIC"), "as AWS's do");
            let opened = world
                .kms("Decrypt", json!({ "CiphertextBlob": blob, "EncryptionContext": { "a": "b" } }))
                .await
                .unwrap();
            assert_eq!((&opened["Plaintext"], &opened["KeyId"]), (&json!("c2VjcmV0"), &json!(arn)));
            let refused = world.kms("Decrypt", json!({ "CiphertextBlob": blob })).await;
            assert_eq!(refused, Err((400, "InvalidCiphertextException".into(), String::new())));
        }
    });
}

#[test]
fn a_data_key_has_one_size_and_decrypts() {
    run(async {
        let world = World::new();
        let (id, _) = world.key().await;
        let made = world.kms("GenerateDataKey", json!({ "KeyId": id, "KeySpec": "AES_256" })).await.unwrap();
        let opened = world.kms("Decrypt", json!({ "CiphertextBlob": made["CiphertextBlob"] })).await.unwrap();
        assert_eq!(opened["Plaintext"], made["Plaintext"]);
        assert_eq!(opened["KeyMaterialId"], made["KeyMaterialId"]);
        let input = json!({ "KeyId": id, "NumberOfBytes": 24 });
        let without = world.kms("GenerateDataKeyWithoutPlaintext", input).await.unwrap();
        assert!(without.get("Plaintext").is_none());
        for both_or_none in [json!({ "KeyId": id }), json!({ "KeyId": id, "KeySpec": "AES_128", "NumberOfBytes": 16 })]
        {
            assert_eq!(world.kms("GenerateDataKey", both_or_none).await.unwrap_err().1, "ValidationException");
        }
        let dry = world.kms("GenerateDataKey", json!({ "KeyId": id, "KeySpec": "AES_256", "DryRun": true })).await;
        assert_eq!(dry.unwrap_err().1, "DryRunOperationException");
    });
}

#[test]
fn a_ciphertext_moves_to_another_key_and_context() {
    run(async {
        let world = World::new();
        let ((one, one_arn), (other, other_arn)) = (world.key().await, world.key().await);
        let made = world.kms("Encrypt", json!({ "KeyId": one, "Plaintext": "eA==" })).await.unwrap();
        let mut input = json!({
            "CiphertextBlob": made["CiphertextBlob"],
            "DestinationKeyId": other,
            "DestinationEncryptionContext": { "c": "d" },
        });
        let moved = world.kms("ReEncrypt", input.clone()).await.unwrap();
        assert_eq!((&moved["SourceKeyId"], &moved["KeyId"]), (&json!(one_arn), &json!(other_arn)));
        let context = json!({ "CiphertextBlob": moved["CiphertextBlob"], "EncryptionContext": { "c": "d" } });
        assert_eq!(world.kms("Decrypt", context).await.unwrap()["Plaintext"], "eA==");
        input["SourceKeyId"] = json!(other);
        assert_eq!(world.kms("ReEncrypt", input).await.unwrap_err().1, "IncorrectKeyException");
    });
}

#[test]
fn refusals() {
    run(async {
        let world = World::new();
        let (id, arn) = world.key().await;
        #[rustfmt::skip] // source             operation              input                                                              code                              message
        let table = [
            ("Key identifiers",                "DescribeKey",         json!({ "KeyId": "fake-key-id" }),                                 "NotFoundException",              "Invalid keyId 'fake-key-id'".to_owned()),
            ("Key identifiers",                "DescribeKey",         json!({ "KeyId": MISSING }),                                       "NotFoundException",              format!("Key '{MISSING}' does not exist")),
            ("Key identifiers: region",        "DescribeKey",         json!({ "KeyId": MISSING.replace("eu-north-1", "us-west-2") }),    "NotFoundException",              "Invalid arn us-west-2".into()),
            ("Key identifiers: no alias here", "DisableKey",          json!({ "KeyId": "alias/aws/s3" }),                                "NotFoundException",              "Invalid keyId 'alias/aws/s3'".into()),
            ("CreateKey: KeyUsage",            "CreateKey",           json!({ "KeySpec": "RSA_2048" }),                                  "ValidationException",            "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.".into()),
            ("CreateKey: KeyUsage",            "CreateKey",           json!({ "KeySpec": "HMAC_256", "KeyUsage": "SIGN_VERIFY" }),       "ValidationException",            "KeyUsage SIGN_VERIFY is not compatible with KeySpec HMAC_256".into()),
            ("CreateKey: not offered",         "CreateKey",           json!({ "KeySpec": "SM2", "KeyUsage": "SIGN_VERIFY" }),            "UnsupportedOperationException",  "KeySpec SM2 is not offered by this server yet".into()),
            ("CreateKey: not offered",         "CreateKey",           json!({ "MultiRegion": true }),                                    "UnsupportedOperationException",  "MultiRegion true is not offered by this server yet".into()),
            ("CreateKey: Tags",                "CreateKey",           json!({ "Tags": [{ "TagKey": "a", "TagValue": "1" }, { "TagKey": "a", "TagValue": "2" }] }), "TagException", "Duplicate tag keys".into()),
            ("CreateKey: Tags",                "CreateKey",           json!({ "Tags": [{ "TagKey": "AWS:x", "TagValue": "1" }] }),       "TagException",                   "Tags beginning with aws: are reserved".into()),
            ("Encrypt: EncryptionAlgorithm",   "Encrypt",             json!({ "KeyId": id, "Plaintext": "eA==", "EncryptionAlgorithm": "RSAES_OAEP_SHA_256" }), "InvalidKeyUsageException", "Algorithm RSAES_OAEP_SHA_256 is incompatible with key spec SYMMETRIC_DEFAULT.".into()),
            ("Decrypt: damaged",               "Decrypt",             json!({ "CiphertextBlob": "AQICAHh0" }),                           "InvalidCiphertextException",     String::new()),
            ("GenerateRandom: NumberOfBytes",  "GenerateRandom",      json!({}),                                                         "ValidationException",            "NumberOfBytes is required.".into()),
            ("GenerateRandom: NumberOfBytes",  "GenerateRandom",      json!({ "NumberOfBytes": 1025 }),                                  "ValidationException",            "1 validation error detected: Value '1025' at 'numberOfBytes' failed to satisfy constraint: Member must have value less than or equal to 1024".into()),
            ("CreateAlias: reserved",          "CreateAlias",         json!({ "AliasName": "alias/aws/x", "TargetKeyId": id }),          "NotAuthorizedException",         "Alias alias/aws/x is reserved".into()),
            ("CancelKeyDeletion: not pending", "CancelKeyDeletion",   json!({ "KeyId": id }),                                            "KMSInvalidStateException",       format!("{arn} is not pending deletion.")),
            ("GetKeyPolicy: one name",         "GetKeyPolicy",        json!({ "KeyId": id, "PolicyName": "mine" }),                      "NotFoundException",              "No such policy exists".into()),
            ("ListKeys: Marker",               "ListKeys",            json!({ "Marker": "!" }),                                          "InvalidMarkerException",         "Invalid marker".into()),
            ("not offered by this server",     "ReplicateKey",        json!({}),                                                         "NotImplementedException",        "`ReplicateKey` is not offered by this server yet".into()),
        ];
        for (source, operation, input, code, message) in table {
            let refused = world.kms(operation, input.clone()).await;
            let (status, found, text) = refused.expect_err(source);
            assert_eq!((found.as_str(), text), (code, message), "{source}: {operation} {input}");
            assert_eq!(status, if code == "NotImplementedException" { 501 } else { 400 }, "{source}");
        }
        let big = json!({ "KeyId": id, "Plaintext": "A".repeat(5464) });
        let (_, code, message) = world.kms("Encrypt", big).await.unwrap_err();
        assert_eq!(code, "ValidationException");
        assert!(
            message.ends_with("Member must have length less than or equal to 4096"),
            "Encrypt: 4,098 bytes: {message}"
        );
    });
}

#[test]
fn a_key_is_disabled_deleted_and_kept() {
    run(async {
        let world = World::new();
        let (id, arn) = world.key().await;
        let encrypt = || world.kms("Encrypt", json!({ "KeyId": id, "Plaintext": "eA==" }));
        world.kms("DisableKey", json!({ "KeyId": id })).await.unwrap();
        assert_eq!(encrypt().await, Err((400, "DisabledException".into(), format!("{arn} is disabled."))));
        world.kms("EnableKey", json!({ "KeyId": arn })).await.unwrap();
        encrypt().await.unwrap();
        let input = json!({ "KeyId": id, "PendingWindowInDays": 7 });
        let scheduled = world.kms("ScheduleKeyDeletion", input).await.unwrap();
        assert_eq!((&scheduled["KeyId"], &scheduled["KeyState"]), (&json!(arn), &json!("PendingDeletion")));
        let pending = format!("{arn} is pending deletion.");
        assert_eq!(encrypt().await, Err((400, "KMSInvalidStateException".into(), pending)));
        let described = world.kms("DescribeKey", json!({ "KeyId": id })).await.unwrap();
        assert_eq!(described["KeyMetadata"]["DeletionDate"], scheduled["DeletionDate"]);
        world.kms("CancelKeyDeletion", json!({ "KeyId": id })).await.unwrap();
        let described = world.kms("DescribeKey", json!({ "KeyId": id })).await.unwrap();
        assert_eq!(described["KeyMetadata"]["KeyState"], "Disabled");
    });
}

#[test]
fn lists_come_in_pages() {
    run(async {
        let world = World::new();
        let mut made: Vec<String> = Vec::new();
        for number in 0..5 {
            let (id, _) = world.key().await;
            let alias = json!({ "AliasName": format!("alias/{number}"), "TargetKeyId": id });
            world.kms("CreateAlias", alias).await.unwrap();
            made.push(id);
        }
        made.sort_unstable();
        let (mut found, mut marker) = (Vec::new(), Value::Null);
        loop {
            let page = world.kms("ListKeys", json!({ "Limit": 2, "Marker": marker })).await.unwrap();
            found.extend(page["Keys"].as_array().unwrap().iter().map(|key| key["KeyId"].as_str().unwrap().to_owned()));
            marker = page.get("NextMarker").cloned().unwrap_or_default();
            assert_eq!(page["Truncated"], json!(!marker.is_null()));
            if marker.is_null() {
                break;
            }
        }
        assert_eq!(found, made);
        let of_one = world.kms("ListAliases", json!({ "KeyId": made[0] })).await.unwrap();
        assert_eq!(of_one["Aliases"].as_array().unwrap().len(), 1);
        assert_eq!(of_one["Aliases"][0]["TargetKeyId"], json!(made[0]));
    });
}

#[test]
fn tags_and_policies_are_kept() {
    run(async {
        let world = World::new();
        let tags = json!({ "Tags": [{ "TagKey": "a", "TagValue": "1" }, { "TagKey": "b", "TagValue": "2" }] });
        let made = world.kms("CreateKey", tags).await.unwrap();
        let key = made["KeyMetadata"]["KeyId"].clone();
        let again = json!({ "KeyId": key, "Tags": [{ "TagKey": "a", "TagValue": "3" }] });
        world.kms("TagResource", again).await.unwrap();
        world.kms("UntagResource", json!({ "KeyId": key, "TagKeys": ["b", "absent"] })).await.unwrap();
        let listed = world.kms("ListResourceTags", json!({ "KeyId": key })).await.unwrap();
        assert_eq!(listed, json!({ "Tags": [{ "TagKey": "a", "TagValue": "3" }], "Truncated": false }));
        let own = world.kms("GetKeyPolicy", json!({ "KeyId": key })).await.unwrap();
        assert!(own["Policy"].as_str().unwrap().contains("arn:aws:iam::000000000000:root"));
        let policy = r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*"}}"#;
        world.kms("PutKeyPolicy", json!({ "KeyId": key, "Policy": policy })).await.unwrap();
        let put = world.kms("GetKeyPolicy", json!({ "KeyId": key, "PolicyName": "default" })).await.unwrap();
        assert_eq!(put["Policy"], policy);
        let rotation = world.kms("GetKeyRotationStatus", json!({ "KeyId": key })).await.unwrap();
        assert_eq!(rotation, json!({ "KeyId": key, "KeyRotationEnabled": false }));
    });
}

#[test]
fn the_managed_key_appears_when_it_is_asked_for() {
    run(async {
        let world = World::new();
        let first = world.kms("DescribeKey", json!({ "KeyId": "alias/aws/s3" })).await.unwrap();
        let second = world.kms("DescribeKey", json!({ "KeyId": "alias/aws/s3" })).await.unwrap();
        assert_eq!(first, second);
        assert_eq!(first["KeyMetadata"]["KeyManager"], "AWS");
        let key = first["KeyMetadata"]["KeyId"].clone();
        assert_eq!(world.kms("DisableKey", json!({ "KeyId": key })).await.unwrap_err().1, "AccessDeniedException");
    });
}
