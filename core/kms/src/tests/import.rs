//! Imported material: in, out, expired, exchanged, and what is none.
use aws_lc_rs::key_wrap::{AES_256, AesKek, KeyWrapPadded};
use sekisho_types::{Secret, Timestamp};

use super::asymmetric::private_key;
use super::{NOW, World, context};
use crate::*;

impl World {
    fn external(&mut self, spec: KeySpec, usage: KeyUsage) -> String {
        let (new, mut random) = (NewKey { spec, usage, origin: Origin::External, ..NewKey::default() }, self.random());
        let made = self.kms.create(NOW, &self.root_key, new, None, &mut random);
        self.apply(made).unwrap().key_id.to_string()
    }

    fn parameters(&mut self, key: &str, algorithm: WrappingAlgorithm, pair: &Secret) -> ImportParameters {
        let (mut random, wrapping) = (self.random(), (algorithm, KeySpec::Rsa2048, pair));
        self.kms.parameters_for_import(NOW, &self.root_key, key, wrapping, &mut random).unwrap()
    }

    /// Wraps as the owner does, under RSAES_OAEP_SHA_256, and imports.
    fn import(&mut self, key: &str, pair: &Secret, material: &[u8], import: &Import) -> Result<String, KmsError> {
        let parameters = self.parameters(key, WrappingAlgorithm::RsaesOaepSha256, pair);
        let wrapped = pair::encrypt(EncryptionAlgorithm::RsaesOaepSha256, &parameters.public_key, material).unwrap();
        self.import_wrapped(key, (&parameters.import_token, &wrapped), import)
    }

    fn import_wrapped(&mut self, key: &str, sent: (&[u8], &[u8]), import: &Import) -> Result<String, KmsError> {
        let mut random = self.random();
        let imported = self.kms.import_material(NOW, &self.root_key, key, sent, import, &mut random);
        self.apply(imported).map(|(_, id)| id)
    }

    fn state(&self, key: &str) -> KeyState {
        self.kms.resolve(key).unwrap().state
    }
}

fn until(valid_to: Timestamp) -> Import {
    Import { imported: Imported { valid_to: Some(valid_to), description: None }, ..Import::default() }
}

fn after_hours(hours: u64) -> Timestamp {
    NOW.plus(std::time::Duration::from_secs(3600 * hours))
}

#[test]
fn a_key_waits_for_its_material_and_for_its_return() {
    let mut world = World::new();
    let (key, pair) =
        (world.external(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt), private_key(KeySpec::Rsa2048));
    let arn = world.kms.resolve(&key).unwrap().arn(world.kms.tenant());
    assert_eq!(world.state(&key), KeyState::PendingImport);
    assert_eq!(world.encrypt(&key, &context(&[]), b"x"), Err(KmsError::PendingImport(arn.clone())));
    let id = world.import(&key, &pair, &[9; 32], &Import::default()).unwrap();
    assert_eq!(world.state(&key), KeyState::Enabled);
    let metadata = world.kms.resolve(&key).unwrap().metadata(world.kms.tenant());
    assert_eq!(metadata["ExpirationModel"], "KEY_MATERIAL_DOES_NOT_EXPIRE");
    assert_eq!((&metadata["Origin"], &metadata["CurrentKeyMaterialId"]), (&"EXTERNAL".into(), &id.clone().into()));
    let blob = world.encrypt(&key, &context(&[]), b"x").unwrap();
    let deleted = world.kms.delete_imported_material(&key, None);
    assert_eq!(world.apply(deleted).unwrap().1, Some(id.clone()));
    assert_eq!(world.state(&key), KeyState::PendingImport);
    let opened = |world: &World| {
        world.kms.decrypt(Via::Firehose, &world.root_key, &blob, &context(&[]), None).map(|d| d.plaintext)
    };
    assert_eq!(opened(&world), Err(KmsError::PendingImport(arn)));
    assert_eq!(world.import(&key, &pair, &[8; 32], &Import::default()), Err(KmsError::IncorrectKeyMaterial));
    let other_id = Import { material_id: Some("0".repeat(64)), ..Import::default() };
    assert_eq!(world.import(&key, &pair, &[9; 32], &other_id), Err(KmsError::IncorrectKeyMaterial));
    assert_eq!(world.import(&key, &pair, &[9; 32], &until(after_hours(1))), Ok(id));
    assert_eq!(opened(&world), Ok(Secret::new(b"x".to_vec())), "the same material opens what it sealed");
    world.kms.due(after_hours(1), &world.root_key, &mut super::zeros()).unwrap().iter().for_each(|event| {
        world.kms.apply(event);
    });
    assert_eq!(world.state(&key), KeyState::PendingImport, "its time is over");
}

#[test]
fn new_material_waits_for_a_rotation() {
    let mut world = World::new();
    let (key, pair) =
        (world.external(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt), private_key(KeySpec::Rsa2048));
    let first = world.import(&key, &pair, &[9; 32], &Import::default()).unwrap();
    let blob = world.encrypt(&key, &context(&[]), b"x").unwrap();
    let mut random = world.random();
    let early = world.kms.rotate_on_demand(NOW, &world.root_key, &key, &mut random).unwrap_err();
    assert!(early.to_string().starts_with("No available key material pending rotation for the key: "), "{early}");
    let new = Import { import_type: Some(ImportType::New), ..Import::default() };
    let second = world.import(&key, &pair, &[8; 32], &new).unwrap();
    let states = |world: &World| -> Vec<_> {
        let all = world.kms.resolve(&key).unwrap().rotations(true);
        all.iter().map(|entry| entry["KeyMaterialState"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(states(&world), ["CURRENT", "PENDING_ROTATION"]);
    let rotated = world.kms.rotate_on_demand(NOW, &world.root_key, &key, &mut random);
    world.apply(rotated).unwrap();
    assert_eq!(states(&world), ["NON_CURRENT", "CURRENT"]);
    let opened = world.kms.decrypt(Via::Firehose, &world.root_key, &blob, &context(&[]), None).unwrap();
    assert_eq!(opened.key_material_id, Some(first.clone()));
    let blob = world.encrypt(&key, &context(&[]), b"y").unwrap();
    assert_eq!(
        world.kms.decrypt(Via::Firehose, &world.root_key, &blob, &context(&[]), None).unwrap().key_material_id,
        Some(second)
    );
    let deleted = world.kms.delete_imported_material(&key, Some(&first));
    world.apply(deleted).unwrap();
    assert_eq!(world.state(&key), KeyState::PendingImport, "all of it has to be there");
}

#[test]
fn what_may_be_imported_into_which_key() {
    let (pair, ec, other_ec) = (
        private_key(KeySpec::Rsa2048),
        private_key(KeySpec::EccNistP256).expose().to_vec(),
        private_key(KeySpec::EccNistP384).expose().to_vec(),
    );
    #[rustfmt::skip] // Key material requirements      spec                        usage                        material        taken?
    let table: &[(KeySpec, KeyUsage, &[u8], bool)] = &[
        (KeySpec::SymmetricDefault,  KeyUsage::EncryptDecrypt,    &[9; 32],    true),
        (KeySpec::SymmetricDefault,  KeyUsage::EncryptDecrypt,    &[9; 31],    false),
        (KeySpec::Hmac224,           KeyUsage::GenerateVerifyMac, &[9; 28],    true),
        (KeySpec::Hmac512,           KeyUsage::GenerateVerifyMac, &[9; 64],    true),
        (KeySpec::Hmac512,           KeyUsage::GenerateVerifyMac, &[9; 63],    false),
        (KeySpec::EccNistP256,       KeyUsage::SignVerify,        &ec,         true),
        (KeySpec::EccNistP256,       KeyUsage::SignVerify,        &other_ec,   false),
        (KeySpec::EccNistP256,       KeyUsage::SignVerify,        &[9; 32],    false),
    ];
    let mut world = World::new();
    for (spec, usage, material, taken) in table {
        let key = world.external(*spec, *usage);
        // Private keys are longer than what RSA wraps: an AES key between the two.
        let parameters = world.parameters(&key, WrappingAlgorithm::RsaAesKeyWrapSha256, &pair);
        let oaep = EncryptionAlgorithm::RsaesOaepSha256;
        let mut sent = pair::encrypt(oaep, &parameters.public_key, &[5; 32]).unwrap();
        let mut wrapped = vec![0; material.len() + 15];
        let kek = AesKek::new(&AES_256, &[5; 32]).unwrap();
        sent.extend_from_slice(kek.wrap_with_padding(material, &mut wrapped).unwrap());
        let outcome = world.import_wrapped(&key, (&parameters.import_token, &sent), &Import::default());
        match taken {
            true => assert!(outcome.is_ok() && world.state(&key) == KeyState::Enabled, "{spec}: {outcome:?}"),
            false => assert_eq!(outcome, Err(KmsError::IncorrectKeyMaterial), "{spec}"),
        }
    }
}

#[test]
fn tokens_are_for_one_key_and_one_day() {
    let mut world = World::new();
    let pair = private_key(KeySpec::Rsa2048);
    let [one, other] = [(); 2].map(|()| world.external(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt));
    let parameters = world.parameters(&one, WrappingAlgorithm::RsaesOaepSha256, &pair);
    let wrapped = pair::encrypt(EncryptionAlgorithm::RsaesOaepSha256, &parameters.public_key, &[9; 32]).unwrap();
    let (token, none) = (parameters.import_token.as_slice(), Import::default());
    assert_eq!(world.import_wrapped(&other, (token, &wrapped), &none), Err(KmsError::InvalidImportToken));
    assert_eq!(world.import_wrapped(&one, (&token[1..], &wrapped), &none), Err(KmsError::InvalidImportToken));
    assert_eq!(world.import_wrapped(&one, (token, &wrapped[1..]), &none), Err(KmsError::InvalidCiphertext));
    for valid_to in [NOW, after_hours(24 * 365 + 1)] {
        let refused = world.import_wrapped(&one, (token, &wrapped), &until(valid_to));
        assert!(matches!(refused, Err(KmsError::Validation(_))), "ValidTo {valid_to}");
    }
    let late = world.kms.import_material(
        parameters.valid_to,
        &world.root_key,
        &one,
        (token, &wrapped),
        &none,
        &mut super::zeros(),
    );
    assert_eq!(late, Err(KmsError::ExpiredImportToken));
    let own = world.key();
    let refused = world.kms.delete_imported_material(&own, None).unwrap_err();
    assert!(refused.to_string().ends_with("origin is AWS_KMS which is not valid for this operation."), "{refused}");
}

#[test]
fn foreign_tokens_and_material_are_refused_and_never_panic() {
    let mut world = World::new();
    let (key, pair) =
        (world.external(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt), private_key(KeySpec::Rsa2048));
    let parameters = world.parameters(&key, WrappingAlgorithm::RsaAesKeyWrapSha256, &pair);
    bolero::check!(name = "imported_material").for_each(|bytes: &[u8]| {
        for sent in [(bytes, bytes), (parameters.import_token.as_slice(), bytes)] {
            let none = Import::default();
            let outcome = world.kms.import_material(NOW, &world.root_key, &key, sent, &none, &mut super::zeros());
            assert!(matches!(outcome, Err(KmsError::InvalidImportToken | KmsError::InvalidCiphertext)));
        }
    });
}
