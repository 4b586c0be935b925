//! Keys that sign, encrypt with a public key, make codes and agree, as clients see them.
use serde_json::{Value, json};

use super::run;
use crate::testing::World;

impl World {
    async fn key_of(&self, spec: &str, usage: &str) -> Value {
        let made = self.kms("CreateKey", json!({ "KeySpec": spec, "KeyUsage": usage })).await;
        made.unwrap()["KeyMetadata"].take()
    }
}

#[test]
fn every_spec_is_made_and_says_what_it_can_do() {
    run(async {
        let world = World::new();
        #[rustfmt::skip] // Key spec reference      usage                   member                     algorithms
        let table = [
            ("SYMMETRIC_DEFAULT",       "ENCRYPT_DECRYPT",      "EncryptionAlgorithms",    json!(["SYMMETRIC_DEFAULT"])),
            ("RSA_2048",                "ENCRYPT_DECRYPT",      "EncryptionAlgorithms",    json!(["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"])),
            ("RSA_2048",                "SIGN_VERIFY",          "SigningAlgorithms",       json!(["RSASSA_PKCS1_V1_5_SHA_256", "RSASSA_PKCS1_V1_5_SHA_384", "RSASSA_PKCS1_V1_5_SHA_512", "RSASSA_PSS_SHA_256", "RSASSA_PSS_SHA_384", "RSASSA_PSS_SHA_512"])),
            ("ECC_NIST_P256",           "SIGN_VERIFY",          "SigningAlgorithms",       json!(["ECDSA_SHA_256"])),
            ("ECC_NIST_P384",           "SIGN_VERIFY",          "SigningAlgorithms",       json!(["ECDSA_SHA_384"])),
            ("ECC_NIST_P521",           "SIGN_VERIFY",          "SigningAlgorithms",       json!(["ECDSA_SHA_512"])),
            ("ECC_SECG_P256K1",         "SIGN_VERIFY",          "SigningAlgorithms",       json!(["ECDSA_SHA_256"])),
            ("ECC_NIST_P256",           "KEY_AGREEMENT",        "KeyAgreementAlgorithms",  json!(["ECDH"])),
            ("ECC_NIST_EDWARDS25519",   "SIGN_VERIFY",          "SigningAlgorithms",       json!(["ED25519_SHA_512"])),
            ("ML_DSA_44",               "SIGN_VERIFY",          "SigningAlgorithms",       json!(["ML_DSA_SHAKE_256"])),
            ("ML_DSA_65",               "SIGN_VERIFY",          "SigningAlgorithms",       json!(["ML_DSA_SHAKE_256"])),
            ("ML_DSA_87",               "SIGN_VERIFY",          "SigningAlgorithms",       json!(["ML_DSA_SHAKE_256"])),
            ("HMAC_224",                "GENERATE_VERIFY_MAC",  "MacAlgorithms",           json!(["HMAC_SHA_224"])),
            ("HMAC_256",                "GENERATE_VERIFY_MAC",  "MacAlgorithms",           json!(["HMAC_SHA_256"])),
            ("HMAC_384",                "GENERATE_VERIFY_MAC",  "MacAlgorithms",           json!(["HMAC_SHA_384"])),
            ("HMAC_512",                "GENERATE_VERIFY_MAC",  "MacAlgorithms",           json!(["HMAC_SHA_512"])),
        ];
        for (spec, usage, member, algorithms) in table {
            let made = world.key_of(spec, usage).await;
            assert_eq!(made[member], algorithms, "{spec} for {usage}");
            let described = world.kms("DescribeKey", json!({ "KeyId": made["KeyId"] })).await.unwrap();
            assert_eq!(described["KeyMetadata"], made);
            let public = world.kms("GetPublicKey", json!({ "KeyId": made["KeyId"] })).await;
            match public {
                Ok(public) => {
                    assert_eq!((&public["KeyId"], &public["KeySpec"]), (&made["Arn"], &json!(spec)));
                    assert_eq!((&public["KeyUsage"], &public[member]), (&json!(usage), &algorithms));
                }
                Err(refusal) => {
                    assert!(spec == "SYMMETRIC_DEFAULT" || spec.starts_with("HMAC"), "{spec}: {refusal:?}");
                    assert_eq!(refusal, (400, "UnsupportedOperationException".to_owned(), String::new()));
                }
            }
        }
    });
}

#[test]
fn what_is_signed_verifies_and_nothing_else() {
    run(async {
        let world = World::new();
        let key = world.key_of("ECC_NIST_P256", "SIGN_VERIFY").await;
        let input = json!({ "KeyId": key["KeyId"], "Message": "cHVtcA==", "SigningAlgorithm": "ECDSA_SHA_256" });
        let signed = world.kms("Sign", input.clone()).await.unwrap();
        assert_eq!((&signed["KeyId"], &signed["SigningAlgorithm"]), (&key["Arn"], &json!("ECDSA_SHA_256")));
        let mut verify = input.clone();
        verify["Signature"] = signed["Signature"].clone();
        let verified = world.kms("Verify", verify.clone()).await.unwrap();
        assert_eq!(
            verified,
            json!({ "KeyId": key["Arn"], "SignatureValid": true, "SigningAlgorithm": "ECDSA_SHA_256" })
        );
        verify["Message"] = json!("cHVtcQ==");
        let refused = world.kms("Verify", verify).await;
        assert_eq!(refused, Err((400, "KMSInvalidSignatureException".into(), String::new())));
        #[rustfmt::skip] // API reference           changed               to                        code                                message
        let table = [
            ("Sign: MessageType",                   "MessageType",        json!("DIGEST"),          "ValidationException",              "Digest is invalid length for algorithm ECDSA_SHA_256."),
            ("Sign: SigningAlgorithm",              "SigningAlgorithm",   json!("ECDSA_SHA_384"),   "InvalidKeyUsageException",         "Algorithm ECDSA_SHA_384 is incompatible with key spec ECC_NIST_P256."),
            ("Sign: DryRun",                        "DryRun",             json!(true),              "DryRunOperationException",         "The request would have succeeded, but the DryRun option is set."),
            ("Sign: not offered",                   "MessageType",        json!("EXTERNAL_MU"),     "UnsupportedOperationException",    "MessageType EXTERNAL_MU is not offered by this server yet"),
            ("Sign: not offered",                   "SigningAlgorithm",   json!("ED25519_PH_SHA_512"), "UnsupportedOperationException", "SigningAlgorithm ED25519_PH_SHA_512 is not offered by this server yet"),
        ];
        for (source, member, value, code, message) in table {
            let mut input = input.clone();
            input[member] = value;
            assert_eq!(world.kms("Sign", input).await, Err((400, code.into(), message.into())), "{source}");
        }
        world.kms("DisableKey", json!({ "KeyId": key["KeyId"] })).await.unwrap();
        let disabled = format!("{} is disabled.", key["Arn"].as_str().unwrap());
        for operation in ["Sign", "GetPublicKey"] {
            let refused = world.kms(operation, input.clone()).await;
            assert_eq!(refused, Err((400, "DisabledException".into(), disabled.clone())), "{operation}");
        }
    });
}

#[test]
fn rsa_decrypts_what_its_key_is_named_for() {
    run(async {
        let world = World::new();
        let key = world.key_of("RSA_2048", "ENCRYPT_DECRYPT").await;
        let arn = key["Arn"].as_str().unwrap();
        let input = json!({ "KeyId": arn, "Plaintext": "eA==", "EncryptionAlgorithm": "RSAES_OAEP_SHA_256" });
        let made = world.kms("Encrypt", input.clone()).await.unwrap();
        assert_eq!((&made["KeyId"], &made["EncryptionAlgorithm"]), (&key["Arn"], &json!("RSAES_OAEP_SHA_256")));
        let blob = &made["CiphertextBlob"];
        let decrypt = json!({ "CiphertextBlob": blob, "KeyId": arn, "EncryptionAlgorithm": "RSAES_OAEP_SHA_256" });
        let opened = world.kms("Decrypt", decrypt.clone()).await.unwrap();
        let expected = json!({ "KeyId": arn, "Plaintext": "eA==", "EncryptionAlgorithm": "RSAES_OAEP_SHA_256" });
        assert_eq!(opened, expected);
        let signing = world.key_of("ECC_NIST_P256", "SIGN_VERIFY").await;
        #[rustfmt::skip] // API reference                operation   changed                to                           code
        let table = [
            ("Encrypt: EncryptionAlgorithm, required",   "Encrypt",  "EncryptionAlgorithm", Value::Null,                 "InvalidKeyUsageException"),
            ("Encrypt: EncryptionContext",               "Encrypt",  "EncryptionContext",   json!({ "a": "b" }),         "ValidationException"),
            ("Decrypt: KeyId, required",                 "Decrypt",  "KeyId",               Value::Null,                 "ValidationException"),
            ("Decrypt: another padding",                 "Decrypt",  "EncryptionAlgorithm", json!("RSAES_OAEP_SHA_1"),   "InvalidCiphertextException"),
            ("Decrypt: a key of another usage",          "Decrypt",  "KeyId",               signing["KeyId"].clone(),    "IncorrectKeyException"),
        ];
        for (source, operation, member, value, code) in table {
            let mut input = if operation == "Encrypt" { input.clone() } else { decrypt.clone() };
            input[member] = value;
            let refused = world.kms(operation, input).await.expect_err(source);
            assert_eq!((refused.0, refused.1.as_str()), (400, code), "{source}: {}", refused.2);
        }
        let (symmetric, _) = world.key().await;
        let moved = json!({
            "CiphertextBlob": blob,
            "SourceKeyId": arn,
            "SourceEncryptionAlgorithm": "RSAES_OAEP_SHA_256",
            "DestinationKeyId": symmetric,
        });
        let moved = world.kms("ReEncrypt", moved).await.unwrap();
        assert!(moved.get("SourceKeyMaterialId").is_none() && moved["DestinationKeyMaterialId"].is_string());
        let opened = world.kms("Decrypt", json!({ "CiphertextBlob": moved["CiphertextBlob"] })).await.unwrap();
        assert_eq!(opened["Plaintext"], "eA==");
    });
}

#[test]
fn codes_secrets_and_data_key_pairs() {
    run(async {
        let world = World::new();
        let key = world.key_of("HMAC_256", "GENERATE_VERIFY_MAC").await;
        let input = json!({ "KeyId": key["KeyId"], "Message": "cHVtcA==", "MacAlgorithm": "HMAC_SHA_256" });
        let made = world.kms("GenerateMac", input.clone()).await.unwrap();
        let mut verify = input.clone();
        verify["Mac"] = made["Mac"].clone();
        let verified = world.kms("VerifyMac", verify.clone()).await.unwrap();
        assert_eq!(verified, json!({ "KeyId": key["Arn"], "MacValid": true, "MacAlgorithm": "HMAC_SHA_256" }));
        verify["Message"] = json!("cHVtcQ==");
        let refused = world.kms("VerifyMac", verify).await;
        assert_eq!(refused, Err((400, "KMSInvalidMacException".into(), String::new())));

        let (symmetric, arn) = world.key().await;
        let pair = json!({ "KeyId": symmetric, "KeyPairSpec": "ECC_NIST_P256", "EncryptionContext": { "a": "b" } });
        let pair = world.kms("GenerateDataKeyPair", pair).await.unwrap();
        let blob = json!({ "CiphertextBlob": pair["PrivateKeyCiphertextBlob"], "EncryptionContext": { "a": "b" } });
        let opened = world.kms("Decrypt", blob).await.unwrap();
        assert_eq!((&opened["Plaintext"], &pair["KeyId"]), (&pair["PrivateKeyPlaintext"], &json!(arn)));
        let without = json!({ "KeyId": symmetric, "KeyPairSpec": "ECC_NIST_EDWARDS25519" });
        let without = world.kms("GenerateDataKeyPairWithoutPlaintext", without).await.unwrap();
        assert!(without.get("PrivateKeyPlaintext").is_none());

        let agreeing = world.key_of("ECC_NIST_P256", "KEY_AGREEMENT").await;
        let input =
            json!({ "KeyId": agreeing["KeyId"], "KeyAgreementAlgorithm": "ECDH", "PublicKey": pair["PublicKey"] });
        let derived = world.kms("DeriveSharedSecret", input).await.unwrap();
        assert_eq!((&derived["KeyId"], &derived["KeyOrigin"]), (&agreeing["Arn"], &json!("AWS_KMS")));
        assert_eq!(derived["SharedSecret"].as_str().unwrap().len(), 44, "32 bytes in base64");
    });
}
