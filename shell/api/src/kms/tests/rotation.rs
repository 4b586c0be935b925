//! Rotation as clients see it.
use serde_json::json;

use super::run;
use crate::testing::{NOW, World};

#[test]
fn a_key_is_rotated_and_tells_of_it() {
    run(async {
        let world = World::new();
        let (id, arn) = world.key().await;
        let made = world.kms("Encrypt", json!({ "KeyId": id, "Plaintext": "eA==" })).await.unwrap();
        let off = json!({ "KeyId": id, "KeyRotationEnabled": false });
        assert_eq!(world.kms("GetKeyRotationStatus", json!({ "KeyId": arn })).await.unwrap(), off);
        world.kms("EnableKeyRotation", json!({ "KeyId": id, "RotationPeriodInDays": 90 })).await.unwrap();
        let next = NOW.epoch_seconds() + 90.0 * 86_400.0;
        let on = json!({
            "KeyId": id, "KeyRotationEnabled": true, "RotationPeriodInDays": 90, "NextRotationDate": next,
        });
        assert_eq!(world.kms("GetKeyRotationStatus", json!({ "KeyId": id })).await.unwrap(), on);
        let rotated = world.kms("RotateKeyOnDemand", json!({ "KeyId": id })).await.unwrap();
        assert_eq!(rotated, json!({ "KeyId": arn }));
        let opened = world.kms("Decrypt", json!({ "CiphertextBlob": made["CiphertextBlob"] })).await.unwrap();
        assert_eq!(opened["Plaintext"], "eA==");
        let again = world.kms("GenerateDataKey", json!({ "KeyId": id, "KeySpec": "AES_256" })).await.unwrap();
        assert_ne!(again["KeyMaterialId"], opened["KeyMaterialId"], "what is encrypted now has the new material");
        let input = json!({ "KeyId": id, "IncludeKeyMaterial": "ALL_KEY_MATERIAL", "Limit": 1 });
        let page = world.kms("ListKeyRotations", input).await.unwrap();
        let first = json!({ "KeyId": id, "KeyMaterialId": opened["KeyMaterialId"], "KeyMaterialState": "NON_CURRENT" });
        assert_eq!((&page["Rotations"], &page["Truncated"]), (&json!([first]), &json!(true)));
        let rotations = world.kms("ListKeyRotations", json!({ "KeyId": id })).await.unwrap();
        let second = json!({
            "KeyId": id,
            "KeyMaterialId": again["KeyMaterialId"],
            "KeyMaterialState": "CURRENT",
            "RotationDate": NOW.epoch_seconds(),
            "RotationType": "ON_DEMAND",
        });
        assert_eq!(rotations, json!({ "Rotations": [second], "Truncated": false }));
        world.kms("DisableKeyRotation", json!({ "KeyId": id })).await.unwrap();
        assert_eq!(world.kms("GetKeyRotationStatus", json!({ "KeyId": id })).await.unwrap(), off);
        let period = world.kms("EnableKeyRotation", json!({ "KeyId": id, "RotationPeriodInDays": 89 })).await;
        assert_eq!(period.unwrap_err().1, "ValidationException");
        let hmac = json!({ "KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC" });
        let hmac = world.kms("CreateKey", hmac).await.unwrap()["KeyMetadata"]["KeyId"].clone();
        for operation in ["EnableKeyRotation", "DisableKeyRotation", "RotateKeyOnDemand", "ListKeyRotations"] {
            let refused = world.kms(operation, json!({ "KeyId": hmac })).await;
            assert_eq!(refused, Err((400, "UnsupportedOperationException".into(), String::new())), "{operation}");
        }
    });
}
