//! Grants as clients see them.
use serde_json::{Value, json};

use super::run;
use crate::testing::{NOW, World};

const WHO: &str = "arn:aws:iam::000000000000:role/oven";

#[test]
fn a_grant_is_made_found_and_ended() {
    run(async {
        let world = World::new();
        let (id, arn) = world.key().await;
        let input = json!({
            "KeyId": id,
            "GranteePrincipal": WHO,
            "RetiringPrincipal": WHO,
            "Operations": ["Encrypt", "Decrypt"],
            "Constraints": { "EncryptionContextSubset": { "line": "4" } },
            "Name": "lake",
        });
        let made = world.kms("CreateGrant", input.clone()).await.unwrap();
        let again = world.kms("CreateGrant", input.clone()).await.unwrap();
        assert_eq!(made["GrantId"], again["GrantId"], "the same under the same name");
        assert_ne!(made["GrantToken"], again["GrantToken"]);
        let listed = world.kms("ListGrants", json!({ "KeyId": id })).await.unwrap();
        let grant = json!({
            "KeyId": arn,
            "GrantId": made["GrantId"],
            "CreationDate": NOW.epoch_seconds(),
            "GranteePrincipal": WHO,
            "IssuingAccount": "arn:aws:iam::000000000000:root",
            "Operations": ["Encrypt", "Decrypt"],
            "Name": "lake",
            "RetiringPrincipal": WHO,
            "Constraints": { "EncryptionContextSubset": { "line": "4" } },
        });
        let expected = json!({ "Grants": [grant], "Truncated": false });
        assert_eq!(listed, expected);
        assert_eq!(world.kms("ListRetirableGrants", json!({ "RetiringPrincipal": WHO })).await.unwrap(), expected);
        let with = |token: &Value| json!({ "KeyId": id, "Plaintext": "eA==", "GrantTokens": [token] });
        world.kms("Encrypt", with(&made["GrantToken"])).await.unwrap();
        let forged = world.kms("Encrypt", with(&json!("AAAA"))).await.unwrap_err();
        assert_eq!(forged.1, "InvalidGrantTokenException");
        let dry = json!({ "KeyId": id, "GrantId": made["GrantId"], "DryRun": true });
        for operation in ["RevokeGrant", "RetireGrant"] {
            assert_eq!(world.kms(operation, dry.clone()).await.unwrap_err().1, "DryRunOperationException");
        }
        world.kms("RetireGrant", json!({ "GrantToken": made["GrantToken"] })).await.unwrap();
        let gone = json!({ "KeyId": id, "GrantId": made["GrantId"] });
        assert_eq!(world.kms("RevokeGrant", gone).await.unwrap_err().1, "NotFoundException");
        let after = world.kms("Encrypt", with(&made["GrantToken"])).await.unwrap_err();
        assert_eq!(after.1, "InvalidGrantTokenException");
        #[rustfmt::skip] // API reference                       member                 to                              code
        let table = [
            ("CreateGrant: GranteePrincipal",                   "GranteePrincipal",    json!("oven"),                  "InvalidArnException"),
            ("CreateGrant: Operations, of the model",           "Operations",          json!(["Paint"]),               "ValidationException"),
            ("CreateGrant: Operations, of a symmetric key",     "Operations",          json!(["Sign"]),                "ValidationException"),
            ("CreateGrant: KeyId, no alias",                    "KeyId",               json!("alias/aws/s3"),          "NotFoundException"),
            ("CreateGrant: DryRun",                             "DryRun",              json!(true),                    "DryRunOperationException"),
        ];
        for (source, member, value, code) in table {
            let mut input = input.clone();
            input[member] = value;
            assert_eq!(world.kms("CreateGrant", input).await.expect_err(source).1, code, "{source}");
        }
        assert_eq!(world.kms("RetireGrant", json!({ "KeyId": id })).await.unwrap_err().1, "ValidationException");
    });
}
