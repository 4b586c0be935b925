//! Key pairs and HMAC keys: which operation goes with which key, and that each undoes its other.
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{self, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256K1_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING,
    ECDSA_P521_SHA512_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, ML_DSA_44_SIGNING, ML_DSA_65_SIGNING,
    ML_DSA_87_SIGNING, PqdsaKeyPair,
};
use sekisho_types::Secret;

use super::{World, context, zeros};
use crate::*;

/// A new private key of `spec` in PKCS#8.
pub(super) fn private_key(spec: KeySpec) -> Secret {
    let rsa = |size| {
        let der: Pkcs8V1Der<'_> = rsa::KeyPair::generate(size).unwrap().as_der().unwrap();
        Secret::new(der.as_ref().to_vec())
    };
    let document = match spec {
        KeySpec::Rsa2048 => return rsa(KeySize::Rsa2048),
        KeySpec::Rsa3072 => return rsa(KeySize::Rsa3072),
        KeySpec::Rsa4096 => return rsa(KeySize::Rsa4096),
        KeySpec::EccNistP256 => EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap().to_pkcs8v1(),
        KeySpec::EccNistP384 => EcdsaKeyPair::generate(&ECDSA_P384_SHA384_ASN1_SIGNING).unwrap().to_pkcs8v1(),
        KeySpec::EccNistP521 => EcdsaKeyPair::generate(&ECDSA_P521_SHA512_ASN1_SIGNING).unwrap().to_pkcs8v1(),
        KeySpec::EccSecgP256k1 => EcdsaKeyPair::generate(&ECDSA_P256K1_SHA256_ASN1_SIGNING).unwrap().to_pkcs8v1(),
        KeySpec::EccNistEdwards25519 => Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new()),
        KeySpec::MlDsa44 => PqdsaKeyPair::generate(&ML_DSA_44_SIGNING).unwrap().to_pkcs8v1(),
        KeySpec::MlDsa65 => PqdsaKeyPair::generate(&ML_DSA_65_SIGNING).unwrap().to_pkcs8v1(),
        KeySpec::MlDsa87 => PqdsaKeyPair::generate(&ML_DSA_87_SIGNING).unwrap().to_pkcs8v1(),
        other => panic!("{other} has no private key"),
    };
    Secret::new(document.unwrap().as_ref().to_vec())
}

/// Every spec that is quick to make; RSA stands for itself with its smallest.
const SPECS: &[KeySpec] = &[
    KeySpec::Rsa2048,
    KeySpec::EccNistP256,
    KeySpec::EccNistP384,
    KeySpec::EccNistP521,
    KeySpec::EccSecgP256k1,
    KeySpec::EccNistEdwards25519,
    KeySpec::MlDsa44,
    KeySpec::MlDsa65,
    KeySpec::MlDsa87,
];

#[test]
fn a_signature_is_of_one_message_by_one_key() {
    let mut world = World::new();
    for spec in SPECS {
        let (key, other) = (world.key_of(*spec, KeyUsage::SignVerify), world.key_of(*spec, KeyUsage::SignVerify));
        let key = world.kms.use_key(Operation::Sign, &key).unwrap();
        let other = world.kms.use_key(Operation::Verify, &other).unwrap();
        for algorithm in spec.signing_algorithms() {
            let message = Message::Raw(b"pump 7");
            let signature = key.sign(&world.root_key, *algorithm, message).unwrap();
            assert_eq!(key.verify(*algorithm, message, &signature), Ok(()), "{spec} {algorithm}");
            let refused = Err(KmsError::InvalidSignature);
            assert_eq!(key.verify(*algorithm, Message::Raw(b"pump 8"), &signature), refused, "{spec} {algorithm}");
            assert_eq!(other.verify(*algorithm, message, &signature), refused, "{spec} {algorithm}");
            let mut flipped = signature.clone();
            flipped[signature.len() / 2] ^= 1;
            assert_eq!(key.verify(*algorithm, message, &flipped), refused, "{spec} {algorithm}");
            let Some(hash) = algorithm.digest() else {
                let refusal = key.sign(&world.root_key, *algorithm, Message::Digest(&[0; 64])).unwrap_err();
                assert!(matches!(refusal, KmsError::Validation(_)), "{spec} {algorithm}");
                continue;
            };
            let digest = aws_lc_rs::digest::digest(hash, b"pump 7");
            assert_eq!(key.verify(*algorithm, Message::Digest(digest.as_ref()), &signature), Ok(()));
            let of_digest = key.sign(&world.root_key, *algorithm, Message::Digest(digest.as_ref())).unwrap();
            assert_eq!(key.verify(*algorithm, message, &of_digest), Ok(()), "{spec} {algorithm}");
            let short = key.sign(&world.root_key, *algorithm, Message::Digest(&digest.as_ref()[1..]));
            let message = format!("Digest is invalid length for algorithm {algorithm}.");
            assert_eq!(short, Err(KmsError::Validation(message)));
        }
    }
}

#[test]
fn rsa_takes_what_fits_and_no_context() {
    let mut world = World::new();
    let key = world.key_of(KeySpec::Rsa2048, KeyUsage::EncryptDecrypt);
    let key = world.kms.use_key(Operation::Encrypt, &key).unwrap();
    #[rustfmt::skip] // Encrypt: "Plaintext"           bytes
    let table = [
        (EncryptionAlgorithm::RsaesOaepSha1,   214),
        (EncryptionAlgorithm::RsaesOaepSha256, 190),
    ];
    let none = context(&[]);
    for (algorithm, max) in table {
        let plaintext = vec![7; max];
        let made = key.encrypt(&world.root_key, algorithm, &none, &plaintext, &mut zeros()).unwrap();
        assert_eq!((made.ciphertext_blob.len(), made.key_material_id), (256, None));
        let opened = key.decrypt_asymmetric(&world.root_key, algorithm, &none, &made.ciphertext_blob).unwrap();
        assert_eq!(opened.plaintext.expose(), plaintext);
        let message =
            format!("Algorithm {algorithm} and key spec RSA_2048 cannot encrypt data larger than {max} bytes.");
        let refused = key.encrypt(&world.root_key, algorithm, &none, &vec![7; max + 1], &mut zeros());
        assert_eq!(refused, Err(KmsError::Validation(message)));
        for (at, context) in [(0, &none), (255, &none)] {
            let mut flipped = made.ciphertext_blob.clone();
            flipped[at] ^= 1;
            let refused = key.decrypt_asymmetric(&world.root_key, algorithm, context, &flipped);
            assert_eq!(refused, Err(KmsError::InvalidCiphertext), "byte {at}");
        }
        let bound = context(&[("a", "b")]);
        let refused = key.encrypt(&world.root_key, algorithm, &bound, b"x", &mut zeros());
        assert!(matches!(refused, Err(KmsError::Validation(_))), "a context that RSA cannot bind");
    }
}

#[test]
fn a_key_does_what_it_was_made_for() {
    let mut world = World::new();
    #[rustfmt::skip] // API reference: KeyUsage              AWS's message, after the ARN
    let table: &[(KeySpec, KeyUsage, Operation, &str)] = &[
        (KeySpec::EccNistP256,      KeyUsage::SignVerify,        Operation::Encrypt,            " key usage is SIGN_VERIFY which is not valid for Encrypt."),
        (KeySpec::EccNistP256,      KeyUsage::SignVerify,        Operation::ReEncryptTo,        " key usage is SIGN_VERIFY which is not valid for ReEncrypt."),
        (KeySpec::EccNistP256,      KeyUsage::KeyAgreement,      Operation::Sign,               " key usage is KEY_AGREEMENT which is not valid for Sign."),
        (KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt,    Operation::Verify,             " key usage is ENCRYPT_DECRYPT which is not valid for Verify."),
        (KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt,    Operation::GenerateMac,        " key usage is ENCRYPT_DECRYPT which is not valid for GenerateMac."),
        (KeySpec::Hmac256,          KeyUsage::GenerateVerifyMac, Operation::GenerateDataKey,    " key usage is GENERATE_VERIFY_MAC which is not valid for GenerateDataKey."),
        (KeySpec::Hmac256,          KeyUsage::GenerateVerifyMac, Operation::DeriveSharedSecret, " key usage is GENERATE_VERIFY_MAC which is not valid for DeriveSharedSecret."),
    ];
    for (spec, usage, operation, message) in table {
        let key = world.key_of(*spec, *usage);
        let refusal = world.kms.use_key(*operation, &key).unwrap_err();
        assert_eq!(refusal.code(), "InvalidKeyUsage");
        assert!(refusal.to_string().ends_with(&format!("{key}{message}")), "{refusal}");
    }
    let key = world.key_of(KeySpec::EccNistP256, KeyUsage::SignVerify);
    assert_eq!(world.kms.use_key(Operation::Decrypt, &key).unwrap_err(), KmsError::IncorrectKey);
    let key = world.kms.use_key(Operation::Sign, &key).unwrap();
    let refusal = key.sign(&world.root_key, SigningAlgorithm::EcdsaSha384, Message::Raw(b"x")).unwrap_err();
    assert_eq!(refusal.to_string(), "Algorithm ECDSA_SHA_384 is incompatible with key spec ECC_NIST_P256.");
    for (spec, usage) in [(KeySpec::EccNistP256, KeyUsage::SignVerify), (KeySpec::Rsa2048, KeyUsage::EncryptDecrypt)] {
        let key = world.key_of(spec, usage);
        let refused = world.kms.customer_key(&key).unwrap_err();
        assert_eq!(refused.code(), "InvalidKeyUsage", "a service encrypts with symmetric keys alone: {spec}");
    }
    let key = world.key();
    let key = world.kms.use_key(Operation::GetPublicKey, &key).unwrap();
    assert_eq!(key.public_key(), Err(KmsError::Unsupported(String::new())), "GetPublicKey of a symmetric key");
}

#[test]
fn a_code_is_of_one_message_under_one_key() {
    let mut world = World::new();
    for spec in [KeySpec::Hmac224, KeySpec::Hmac256, KeySpec::Hmac384, KeySpec::Hmac512] {
        let key = world.key_of(spec, KeyUsage::GenerateVerifyMac);
        let key = world.kms.use_key(Operation::GenerateMac, &key).unwrap();
        let algorithm = spec.mac_algorithms()[0];
        let code = key.generate_mac(&world.root_key, algorithm, b"pump 7").unwrap();
        assert_eq!(key.verify_mac(&world.root_key, algorithm, b"pump 7", &code), Ok(()));
        assert_eq!(key.verify_mac(&world.root_key, algorithm, b"pump 8", &code), Err(KmsError::InvalidMac));
        let other = if spec == KeySpec::Hmac256 { MacAlgorithm::HmacSha512 } else { MacAlgorithm::HmacSha256 };
        let refusal = key.generate_mac(&world.root_key, other, b"pump 7").unwrap_err();
        assert_eq!(refusal.to_string(), format!("Algorithm {other} is incompatible with key spec {spec}."));
    }
}

#[test]
fn both_sides_derive_one_secret() {
    let mut world = World::new();
    for spec in [KeySpec::EccNistP256, KeySpec::EccNistP384, KeySpec::EccNistP521] {
        let [one, other] = [(); 2].map(|()| world.key_of(spec, KeyUsage::KeyAgreement));
        let one = world.kms.use_key(Operation::DeriveSharedSecret, &one).unwrap();
        let other = world.kms.use_key(Operation::DeriveSharedSecret, &other).unwrap();
        let secret = one.derive_shared_secret(&world.root_key, &other.public_key().unwrap());
        assert_eq!(secret, other.derive_shared_secret(&world.root_key, &one.public_key().unwrap()), "{spec}");
        assert!(secret.is_ok_and(|secret| secret.expose().len() >= 32));
    }
    let [one, other] = [KeySpec::EccNistP256, KeySpec::EccNistP384].map(|s| world.key_of(s, KeyUsage::KeyAgreement));
    let one = world.kms.use_key(Operation::DeriveSharedSecret, &one).unwrap();
    let other = world.kms.use_key(Operation::DeriveSharedSecret, &other).unwrap();
    let other_curve = one.derive_shared_secret(&world.root_key, &other.public_key().unwrap());
    assert!(matches!(other_curve, Err(KmsError::Validation(_))));
}

#[test]
fn a_private_key_is_of_the_spec_or_refused() {
    let world = World::new();
    let made = |spec, usage, private: &Secret| {
        let new = NewKey { spec, usage, ..NewKey::default() };
        world.kms.create(super::NOW, &world.root_key, new, Some(private), &mut zeros()).map(drop)
    };
    let pair = private_key(KeySpec::EccNistP256);
    assert_eq!(made(KeySpec::EccNistP256, KeyUsage::SignVerify, &pair), Ok(()));
    for spec in [KeySpec::EccNistP384, KeySpec::Rsa2048, KeySpec::EccNistEdwards25519, KeySpec::MlDsa44] {
        assert!(matches!(made(spec, KeyUsage::SignVerify, &pair), Err(KmsError::Material(_))), "{spec}");
    }
    let usage = made(KeySpec::EccSecgP256k1, KeyUsage::KeyAgreement, &pair);
    let message = "KeyUsage KEY_AGREEMENT is not compatible with KeySpec ECC_SECG_P256K1";
    assert_eq!(usage, Err(KmsError::Validation(message.into())));
}

/// Public keys of peers, signatures, ciphertext and private keys come from outside.
#[test]
fn foreign_bytes_are_refused_and_never_panic() {
    let mut world = World::new();
    let agreeing = world.key_of(KeySpec::EccNistP256, KeyUsage::KeyAgreement);
    let signing = world.key_of(KeySpec::EccNistP256, KeyUsage::SignVerify);
    let agreeing = world.kms.use_key(Operation::DeriveSharedSecret, &agreeing).unwrap();
    let signing = world.kms.use_key(Operation::Verify, &signing).unwrap();
    bolero::check!(name = "foreign_keys").for_each(|bytes: &[u8]| {
        if agreeing.derive_shared_secret(&world.root_key, bytes).is_ok() {
            assert!(bytes.len() >= 33, "a point on the curve, at least");
        }
        let _ = signing.verify(SigningAlgorithm::EcdsaSha256, Message::Raw(b"x"), bytes);
        for spec in SPECS {
            let _ = pair::public_key(*spec, &Secret::new(bytes.to_vec()));
        }
    });
}
