//! Key policies as clients feel them.
use serde_json::{Value, json};

use super::run;
use crate::testing::World;

/// Everything, but for what `action` and `condition` deny.
fn all_but(action: &str, condition: &Value) -> String {
    let statement =
        |effect: &str, action: &str| json!({ "Effect": effect, "Principal": "*", "Action": action, "Resource": "*" });
    let mut deny = statement("Deny", action);
    if !condition.is_null() {
        deny["Condition"] = condition.clone();
    }
    json!({ "Version": "2012-10-17", "Statement": [statement("Allow", "kms:*"), deny] }).to_string()
}

#[test]
fn what_the_policy_denies_is_refused() {
    run(async {
        let world = World::new();
        let (id, arn) = world.key().await;
        let (other, _) = world.key().await;
        world.kms("CreateAlias", json!({ "AliasName": "alias/lake", "TargetKeyId": id })).await.unwrap();
        let context = json!({ "line": "4" });
        let encrypt = json!({ "KeyId": "alias/lake", "Plaintext": "eA==", "EncryptionContext": context });
        let blob = world.kms("Encrypt", encrypt.clone()).await.unwrap()["CiphertextBlob"].take();
        let decrypt = json!({ "CiphertextBlob": blob, "EncryptionContext": context });
        let re_encrypt =
            json!({ "CiphertextBlob": blob, "SourceEncryptionContext": context, "DestinationKeyId": other });
        let line = |operator: &str, value: &str| json!({ operator: { "kms:EncryptionContext:line": value } });
        #[rustfmt::skip] // KMS permissions         denied                   but for                                                       operation              input                                          refused
        let table = [
            ("of another action",                   "kms:Decrypt",           Value::Null,                                                  "Encrypt",             encrypt.clone(),                               false),
            ("by the blob's key",                   "kms:Decrypt",           Value::Null,                                                  "Decrypt",             decrypt.clone(),                               true),
            ("ReEncryptFrom",                       "kms:ReEncryptFrom",     Value::Null,                                                  "ReEncrypt",           re_encrypt.clone(),                            true),
            ("ReEncryptTo, of the other key",       "kms:ReEncryptTo",       Value::Null,                                                  "ReEncrypt",           re_encrypt.clone(),                            false),
            ("kms:EncryptionContext:, the same",    "kms:Encrypt",           line("StringEquals", "4"),                                    "Encrypt",             encrypt.clone(),                               true),
            ("kms:EncryptionContext:, another",     "kms:Encrypt",           line("StringEquals", "5"),                                    "Encrypt",             encrypt.clone(),                               false),
            ("kms:EncryptionContext:, the source's","kms:ReEncryptFrom",     line("StringEquals", "4"),                                    "ReEncrypt",           re_encrypt.clone(),                            true),
            ("kms:RequestAlias",                    "kms:Encrypt",           json!({ "StringEquals": { "kms:RequestAlias": "alias/lake" } }), "Encrypt",          encrypt.clone(),                               true),
            ("kms:ResourceAliases",                 "kms:DisableKey",        json!({ "ForAnyValue:StringEquals": { "kms:ResourceAliases": "alias/lake" } }), "DisableKey", json!({ "KeyId": id }),             true),
            ("kms:ViaService, directly",            "kms:GenerateDataKey*",  json!({ "StringNotEquals": { "kms:ViaService": "s3.eu-north-1.amazonaws.com" } }), "GenerateDataKey", json!({ "KeyId": id, "KeySpec": "AES_256" }), true),
            ("an alias of the key",                 "kms:DeleteAlias",       Value::Null,                                                  "DeleteAlias",         json!({ "AliasName": "alias/lake" }),          true),
            ("kms:GrantOperations",                 "kms:CreateGrant",       json!({ "ForAnyValue:StringEquals": { "kms:GrantOperations": "Decrypt" } }), "CreateGrant", json!({ "KeyId": id, "GranteePrincipal": "arn:aws:iam::000000000000:root", "Operations": ["Decrypt"] }), true),
        ];
        for (rule, action, condition, operation, input, refused) in table {
            let put = json!({ "KeyId": id, "Policy": all_but(action, &condition) });
            world.kms("PutKeyPolicy", put).await.unwrap();
            match world.kms(operation, input).await {
                Ok(_) => assert!(!refused, "{rule}"),
                Err((status, code, message)) => {
                    assert!(refused && status == 400 && code == "AccessDeniedException", "{rule}: {code} {message}");
                    let text = "User: arn:aws:iam::000000000000:root is not authorized to perform: kms:";
                    assert!(message.starts_with(text) && message.contains(&arn), "{rule}: {message}");
                }
            }
        }
        let locked = json!({ "KeyId": id, "Policy": all_but("kms:PutKeyPolicy", &Value::Null) });
        let refused = world.kms("PutKeyPolicy", locked).await.unwrap_err();
        assert_eq!(refused.1, "MalformedPolicyDocumentException");
    });
}
