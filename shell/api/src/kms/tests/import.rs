//! Imported material as clients see it; `conformance/python/boto3_kms.py` brings some.
use serde_json::json;

use super::run;
use crate::testing::World;

#[test]
fn a_key_waits_for_its_material() {
    run(async {
        let world = World::new();
        let made = world.kms("CreateKey", json!({ "Origin": "EXTERNAL" })).await.unwrap()["KeyMetadata"].take();
        assert_eq!((&made["KeyState"], &made["Enabled"]), (&json!("PendingImport"), &json!(false)));
        assert_eq!((made.get("CurrentKeyMaterialId"), made.get("ExpirationModel")), (None, None));
        let (id, arn) = (made["KeyId"].clone(), made["Arn"].as_str().unwrap());
        let input = json!({ "KeyId": id, "WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048" });
        let parameters = world.kms("GetParametersForImport", input.clone()).await.unwrap();
        assert_eq!(parameters["KeyId"], arn);
        let (own, own_arn) = world.key().await;
        let ours = format!("{own_arn} origin is AWS_KMS which is not valid for this operation.");
        let pending = format!("{arn} is pending import.");
        let token = &parameters["ImportToken"];
        #[rustfmt::skip] // API reference                      operation                     input                                                                   code                             message
        let table = [
            ("GetParametersForImport: Origin",                 "GetParametersForImport",     json!({ "KeyId": own, "WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048" }), "UnsupportedOperationException", ours.as_str()),
            ("GetParametersForImport: deprecated by AWS",      "GetParametersForImport",     json!({ "KeyId": id, "WrappingAlgorithm": "RSAES_PKCS1_V1_5", "WrappingKeySpec": "RSA_2048" }), "UnsupportedOperationException", "WrappingAlgorithm RSAES_PKCS1_V1_5 is not offered by this server yet"),
            ("ImportKeyMaterial: ValidTo is required",         "ImportKeyMaterial",          json!({ "KeyId": id, "ImportToken": token, "EncryptedKeyMaterial": "AA==" }), "ValidationException", "ValidTo goes with ExpirationModel KEY_MATERIAL_EXPIRES, and with no other."),
            ("ImportKeyMaterial: EncryptedKeyMaterial",        "ImportKeyMaterial",          json!({ "KeyId": id, "ImportToken": token, "EncryptedKeyMaterial": "AA==", "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE" }), "InvalidCiphertextException", ""),
            ("ImportKeyMaterial: ImportToken",                 "ImportKeyMaterial",          json!({ "KeyId": id, "ImportToken": "AA==", "EncryptedKeyMaterial": "AA==", "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE" }), "InvalidImportTokenException", "The import token is not valid for this KMS key."),
            ("DeleteImportedKeyMaterial: Origin",              "DeleteImportedKeyMaterial",  json!({ "KeyId": own }),                                                 "UnsupportedOperationException", ours.as_str()),
            ("Key states: PendingImport",                      "Encrypt",                    json!({ "KeyId": id, "Plaintext": "eA==" }),                             "KMSInvalidStateException",      pending.as_str()),
            ("Key states: PendingImport",                      "EnableKey",                  json!({ "KeyId": id }),                                                  "KMSInvalidStateException",      pending.as_str()),
            ("Key states: PendingImport",                      "GetKeyRotationStatus",       json!({ "KeyId": id }),                                                  "UnsupportedOperationException", ""),
        ];
        for (source, operation, input, code, message) in table {
            let refused = world.kms(operation, input).await;
            assert_eq!(refused, Err((400, code.to_owned(), message.to_owned())), "{source}: {operation}");
        }
        let deleted = world.kms("DeleteImportedKeyMaterial", json!({ "KeyId": id })).await.unwrap();
        assert_eq!(deleted, json!({ "KeyId": arn }), "there is nothing yet");
    });
}
