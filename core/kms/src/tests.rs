//! Keys, aliases and ciphertext, against the KMS developer guide.
use std::collections::BTreeMap;
use std::time::Duration;

use sekisho_types::{AccountId, Region, SecretKey, Tenant, Timestamp};

use crate::*;

mod asymmetric;
mod grants;
mod import;
mod policies;
mod rotation;
mod states;

type Outcome<T> = Result<(Vec<Event>, T), KmsError>;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

struct World {
    kms: Kms,
    root_key: RootKey,
    next: u8,
}

impl World {
    fn new() -> Self {
        let tenant =
            Tenant { account: AccountId::parse("111122223333").unwrap(), region: Region::parse("us-east-1").unwrap() };
        Self { kms: Kms::new(tenant), root_key: RootKey::new(SecretKey::new([1; 32])), next: 0 }
    }

    fn apply<T>(&mut self, outcome: Outcome<T>) -> Result<T, KmsError> {
        let (events, output) = outcome?;
        events.iter().for_each(|event| self.kms.apply(event));
        Ok(output)
    }

    fn random(&mut self) -> impl FnMut(&mut [u8]) + use<> {
        self.next += 1;
        let mut value = self.next;
        move |out: &mut [u8]| {
            out.fill_with(|| {
                value = value.wrapping_mul(31).wrapping_add(7);
                value
            });
        }
    }

    fn key(&mut self) -> String {
        let mut random = self.random();
        let made = self.kms.create_key(NOW, &self.root_key, String::new(), None, BTreeMap::new(), &mut random);
        self.apply(made).unwrap().key_id.to_string()
    }

    /// A key of any spec, its pair made as a shell makes it.
    fn key_of(&mut self, spec: KeySpec, usage: KeyUsage) -> String {
        let pair = (spec.key_type() == KeyType::Asymmetric).then(|| asymmetric::private_key(spec));
        let (new, mut random) = (NewKey { spec, usage, ..NewKey::default() }, self.random());
        let made = self.kms.create(NOW, &self.root_key, new, pair.as_ref(), &mut random);
        self.apply(made).unwrap().key_id.to_string()
    }

    fn encrypt(&mut self, key: &str, context: &EncryptionContext, plaintext: &[u8]) -> Result<Vec<u8>, KmsError> {
        let mut random = self.random();
        let key = self.kms.use_key(Operation::Encrypt, key)?;
        let algorithm = EncryptionAlgorithm::SymmetricDefault;
        Ok(key.encrypt(&self.root_key, algorithm, context, plaintext, &mut random)?.ciphertext_blob)
    }
}

fn zeros() -> impl FnMut(&mut [u8]) {
    |out: &mut [u8]| out.fill(0)
}

fn context(pairs: &[(&str, &str)]) -> EncryptionContext {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn what_is_encrypted_decrypts_with_the_same_context_alone() {
    let mut world = World::new();
    let key = world.key();
    let blob = world.encrypt(&key, &context(&[("a", "b"), ("c", "d")]), b"secret").unwrap();
    assert!(blob.starts_with(&[1, 2, 2]));
    let decrypt = |pairs: &[(&str, &str)], blob: &[u8]| {
        world
            .kms
            .decrypt(Via::Firehose, &world.root_key, blob, &context(pairs), None)
            .map(|d| d.plaintext.expose().to_vec())
    };
    assert_eq!(decrypt(&[("c", "d"), ("a", "b")], &blob), Ok(b"secret".to_vec()), "order does not matter");
    for other in [&[][..], &[("A", "b"), ("c", "d")], &[("a", "bc"), ("", "d")], &[("a", "b")]] {
        assert_eq!(decrypt(other, &blob), Err(KmsError::InvalidCiphertext), "{other:?}");
    }
    for at in 0..blob.len() {
        let mut flipped = blob.clone();
        flipped[at] ^= 1;
        assert_eq!(decrypt(&[("a", "b"), ("c", "d")], &flipped), Err(KmsError::InvalidCiphertext), "byte {at}");
    }
}

#[test]
fn keys_are_named_four_ways_and_told_apart_when_absent() {
    let mut world = World::new();
    let key = world.key();
    let made = world.kms.create_alias(NOW, "alias/lake", &key);
    world.apply(made).unwrap();
    let arn = format!("arn:aws:kms:us-east-1:111122223333:key/{key}");
    for name in [key.as_str(), &arn, "alias/lake", "arn:aws:kms:us-east-1:111122223333:alias/lake"] {
        assert_eq!(world.kms.resolve(name).map(|key| key.arn(world.kms.tenant())), Ok(arn.clone()), "{name}");
    }
    #[rustfmt::skip] // name                                                                message
    let absent = [
        ("fake-key-id",                                                                     "Invalid keyId 'fake-key-id'"),
        ("1234abcd12ab34cd56ef1234567890ab",                                                "Invalid keyId '1234abcd12ab34cd56ef1234567890ab'"),
        ("1234abcd-12ab-34cd-56ef-1234567890ab",                                            "Key 'arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab' does not exist"),
        ("arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",     "Invalid arn eu-west-1"),
        ("alias/nothing",                                                                   "Alias arn:aws:kms:us-east-1:111122223333:alias/nothing is not found."),
    ];
    for (name, message) in absent {
        assert_eq!(world.kms.resolve(name).unwrap_err().to_string(), message);
    }
    assert!(world.kms.resolve_key("alias/lake").is_err(), "management operations take no alias");
}

#[test]
fn a_key_goes_with_its_aliases_when_its_window_is_over() {
    let mut world = World::new();
    let key = world.key();
    let made = world.kms.create_alias(NOW, "alias/a", &key);
    world.apply(made).unwrap();
    for (days, fits) in [(6, false), (7, true), (30, true), (31, false)] {
        assert_eq!(world.kms.schedule_deletion(NOW, &key, days).is_ok(), fits, "ScheduleKeyDeletion: {days} days");
    }
    let scheduled = world.kms.schedule_deletion(NOW, &key, 7);
    world.apply(scheduled).unwrap();
    let end = NOW.plus(Duration::from_secs(7 * 24 * 3600));
    let due = |world: &World, at| world.kms.due(at, &world.root_key, &mut zeros()).unwrap();
    assert_eq!(due(&world, Timestamp::from_millis(end.millis() - 1)), vec![]);
    due(&world, end).iter().for_each(|event| world.kms.apply(event));
    assert!(matches!(world.kms.resolve(&key), Err(KmsError::KeyNotFound(_))));
    assert!(matches!(world.kms.resolve("alias/a"), Err(KmsError::AliasNotFound(_))));
}

#[test]
fn aliases() {
    type Is = fn(&KmsError) -> bool;
    let mut world = World::new();
    let (one, other) = (world.key(), world.key());
    #[rustfmt::skip] // kms: CreateAlias                       name                 refused with
    let table: &[(&str, &str, Option<Is>)] = &[
        ("the prefix is required",                             "lake",              Some(|e| matches!(e, KmsError::Validation(_)))),
        ("something has to follow it",                         "alias/",            Some(|e| matches!(e, KmsError::Validation(_)))),
        ("letters, digits, / _ -",                             "alias/a b",         Some(|e| matches!(e, KmsError::Validation(_)))),
        ("alias/aws/ is AWS's",                                "alias/aws/mine",    Some(|e| matches!(e, KmsError::AliasReserved(_)))),
        ("a name like that",                                   "alias/a/B_1-2",     None),
        ("once in an account and region",                      "alias/a/B_1-2",     Some(|e| matches!(e, KmsError::AliasExists(_)))),
    ];
    for (rule, name, refused) in table {
        let made = world.kms.create_alias(NOW, name, &one);
        match (world.apply(made), refused) {
            (Ok(()), None) => {}
            (Err(error), Some(expected)) => assert!(expected(&error), "{rule}: {error:?}"),
            (outcome, _) => panic!("{rule}: {outcome:?}"),
        }
    }
    let updated = world.kms.update_alias(NOW, "alias/a/B_1-2", &other);
    world.apply(updated).unwrap();
    assert_eq!(world.kms.resolve("alias/a/B_1-2").unwrap().key_id.as_str(), other);
    let deleted = world.kms.delete_alias("alias/a/B_1-2");
    world.apply(deleted).unwrap();
    assert!(matches!(world.kms.delete_alias("alias/a/B_1-2"), Err(KmsError::AliasNotFound(_))));
}

#[test]
fn an_alias_stays_with_keys_of_one_type() {
    let mut world = World::new();
    let (symmetric, other) = (world.key(), world.key());
    let (signing, agreeing) = (
        world.key_of(KeySpec::EccNistP256, KeyUsage::SignVerify),
        world.key_of(KeySpec::EccNistP256, KeyUsage::KeyAgreement),
    );
    let other_curve = world.key_of(KeySpec::EccNistP384, KeyUsage::SignVerify);
    let hmac = world.key_of(KeySpec::Hmac256, KeyUsage::GenerateVerifyMac);
    for (name, key) in [("alias/symmetric", &symmetric), ("alias/signing", &signing)] {
        let made = world.kms.create_alias(NOW, name, key);
        world.apply(made).unwrap();
    }
    #[rustfmt::skip] // UpdateAlias
    let table = [
        ("alias/symmetric", &other,       true),
        ("alias/symmetric", &hmac,        false),
        ("alias/symmetric", &signing,     false),
        ("alias/signing",   &other_curve, true), // type and usage, not spec
        ("alias/signing",   &agreeing,    false),
        ("alias/signing",   &symmetric,   false),
    ];
    for (name, key, taken) in table {
        match world.kms.update_alias(NOW, name, key) {
            Ok(_) => assert!(taken, "{name}"),
            Err(error) => assert!(!taken && matches!(error, KmsError::Validation(_)), "{name}: {error:?}"),
        }
    }
    for number in 1..50 {
        let made = world.kms.create_alias(NOW, &format!("alias/{number}"), &symmetric);
        world.apply(made).unwrap();
    }
    let limit = Err(KmsError::Limit("A key has at most 50 aliases.".into()));
    assert_eq!(world.kms.create_alias(NOW, "alias/50", &symmetric).map(drop), limit, "resource quotas");
    let made = world.kms.create_alias(NOW, "alias/50", &other);
    world.apply(made).unwrap();
    assert_eq!(world.kms.update_alias(NOW, "alias/50", &symmetric).map(drop), limit);
    assert!(world.kms.update_alias(NOW, "alias/1", &symmetric).is_ok(), "where it is already");
}

#[test]
fn a_data_key_is_what_its_blob_decrypts_to() {
    let mut world = World::new();
    let (key, mut random) = (world.key(), world.random());
    let made = world
        .kms
        .generate_data_key(Via::Firehose, &world.root_key, (&key, &context(&[("a", "b")])), 16, &mut random)
        .unwrap();
    let decrypted = world
        .kms
        .decrypt(Via::Firehose, &world.root_key, &made.ciphertext_blob, &context(&[("a", "b")]), Some(&key))
        .unwrap();
    assert_eq!(
        (decrypted.plaintext, decrypted.key_arn, decrypted.key_material_id),
        (made.plaintext, made.key_arn, Some(made.key_material_id))
    );
}

#[test]
fn another_keys_ciphertext_is_refused_by_the_key_asked() {
    let mut world = World::new();
    let (one, other) = (world.key(), world.key());
    let blob = world.encrypt(&one, &context(&[]), b"x").unwrap();
    assert_eq!(
        world.kms.decrypt(Via::Firehose, &world.root_key, &blob, &context(&[]), Some(&other)),
        Err(KmsError::IncorrectKey)
    );
    let wrong = RootKey::new(SecretKey::new([2; 32]));
    assert!(matches!(world.kms.decrypt(Via::Firehose, &wrong, &blob, &context(&[]), None), Err(KmsError::Material(_))));
}

#[test]
fn managed_keys_are_made_once_and_left_alone() {
    let mut world = World::new();
    let mut random = world.random();
    let (events, arn) = world.kms.ensure_managed(NOW, &world.root_key, "alias/aws/s3", "for S3", &mut random);
    events.iter().for_each(|event| world.kms.apply(event));
    assert_eq!(
        world.kms.ensure_managed(NOW, &world.root_key, "alias/aws/s3", "for S3", &mut random),
        (vec![], arn.clone())
    );
    assert_eq!(world.kms.set_enabled(&arn, false).unwrap_err(), KmsError::Managed(arn.clone()));
    assert_eq!(world.kms.resolve(&arn).unwrap().metadata(world.kms.tenant())["KeyManager"], "AWS");
    assert!(matches!(world.kms.create_alias(NOW, "alias/aws/mine", &arn), Err(KmsError::AliasReserved(_))));
}

#[test]
fn a_snapshot_folds_to_the_same() {
    let mut world = World::new();
    let key = world.key();
    let made = world.kms.create_alias(NOW, "alias/a", &key);
    world.apply(made).unwrap();
    let mut again = Kms::new(world.kms.tenant().clone());
    for event in world.kms.snapshot() {
        again.apply(&serde_json::from_str(&serde_json::to_string(&event).unwrap()).unwrap());
    }
    assert_eq!(again, world.kms);
}

#[test]
fn metadata_has_aws_members() {
    const ALWAYS: &[&str] = &[
        "AWSAccountId",
        "Arn",
        "CreationDate",
        "CustomerMasterKeySpec",
        "Description",
        "Enabled",
        "KeyId",
        "KeyManager",
        "KeySpec",
        "KeyState",
        "KeyUsage",
        "MultiRegion",
        "Origin",
    ];
    #[rustfmt::skip] // API reference: KeyMetadata            beside those that are always there
    let table: &[(KeySpec, KeyUsage, &[&str])] = &[
        (KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt,      &["CurrentKeyMaterialId", "EncryptionAlgorithms"]),
        (KeySpec::EccNistP256,      KeyUsage::SignVerify,          &["SigningAlgorithms"]),
        (KeySpec::EccNistP256,      KeyUsage::KeyAgreement,        &["KeyAgreementAlgorithms"]),
        (KeySpec::Hmac256,          KeyUsage::GenerateVerifyMac,   &["MacAlgorithms"]),
    ];
    let mut world = World::new();
    for (spec, usage, beside) in table {
        let key = world.key_of(*spec, *usage);
        let metadata = world.kms.resolve(&key).unwrap().metadata(world.kms.tenant());
        let mut names: Vec<&str> = metadata.as_object().unwrap().keys().map(String::as_str).collect();
        names.sort_unstable();
        let mut expected = [ALWAYS, beside].concat();
        expected.sort_unstable();
        assert_eq!(names, expected, "{spec} for {usage}");
        assert_eq!(metadata["KeySpec"], spec.as_str());
        assert_eq!(metadata["KeyUsage"], usage.as_str());
    }
}

/// As the first version wrote keys: without spec, usage, origin and public key.
#[test]
fn a_key_of_the_first_version_is_a_symmetric_one() {
    let text = r#"{"KeyPut":{"key":{"key_id":"1234abcd-12ab-34cd-56ef-1234567890ab","created_at":1800000000000,
        "description":"lake","manager":"Customer","state":"Enabled","materials":[{"id":"00","wrapped":"AA=="}]}}}"#;
    let Event::KeyPut { key } = serde_json::from_str(text).unwrap() else { panic!("a KeyPut") };
    assert_eq!((key.spec, key.usage, key.origin), Default::default());
    let again = serde_json::to_value(Event::KeyPut { key }).unwrap();
    assert_eq!(again, serde_json::from_str::<serde_json::Value>(text).unwrap(), "and is written as it was");
}
