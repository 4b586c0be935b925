//! KMS developer guide, "Key states of KMS keys": each operation in each state.
use std::collections::BTreeMap;

use super::{NOW, World, zeros};
use crate::*;

const POLICY: &str = r#"{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "kms:*", "Resource": "*"}}"#;

type Call = fn(&Kms, &RootKey, &str) -> Result<(), KmsError>;
type Refused = Option<fn(String) -> KmsError>;

fn grant(kms: &Kms, key: &str) -> Result<(), KmsError> {
    let granted = Granted {
        name: None,
        grantee_principal: "arn:aws:iam::111122223333:root".into(),
        retiring_principal: None,
        operations: vec![Operation::DescribeKey],
        constraints: None,
    };
    kms.create_grant(NOW, key, granted, &mut zeros()).map(drop)
}

impl World {
    /// A key of origin EXTERNAL, and so without material.
    fn pending_import(&mut self, spec: KeySpec, usage: KeyUsage) -> String {
        let (new, mut random) = (NewKey { spec, usage, origin: Origin::External, ..NewKey::default() }, self.random());
        let made = self.kms.create(NOW, &self.root_key, new, None, &mut random);
        self.apply(made).unwrap().key_id.to_string()
    }

    fn disabled(&mut self, key: String) -> String {
        let disabled = self.kms.set_enabled(&key, false);
        self.apply(disabled).unwrap();
        key
    }

    fn pending_deletion(&mut self, key: String) -> String {
        let scheduled = self.kms.schedule_deletion(NOW, &key, 7);
        self.apply(scheduled).unwrap();
        key
    }
}

#[test]
fn changes_of_a_key() {
    use KmsError::{Disabled, NotPendingDeletion, PendingDeletion, PendingImport};
    const UNSUPPORTED: Refused = Some(|_| KmsError::Unsupported(String::new()));
    #[rustfmt::skip] // operation                                                                                                Enabled                   Disabled                  PendingDeletion          PendingImport
    let table: &[(&str, Call, [Refused; 4])] = &[
        ("EnableKey",            |kms, _, key| kms.set_enabled(key, true).map(drop),                                           [None,                     None,                     Some(PendingDeletion),   Some(PendingImport)]),
        ("DisableKey",           |kms, _, key| kms.set_enabled(key, false).map(drop),                                          [None,                     None,                     Some(PendingDeletion),   Some(PendingImport)]),
        ("UpdateKeyDescription", |kms, _, key| kms.update_description(key, "d".into()).map(drop),                              [None,                     None,                     Some(PendingDeletion),   None]),
        ("TagResource",          |kms, _, key| kms.tag(key, BTreeMap::new()).map(drop),                                        [None,                     None,                     Some(PendingDeletion),   None]),
        ("UntagResource",        |kms, _, key| kms.untag(key, &[]).map(drop),                                                  [None,                     None,                     Some(PendingDeletion),   None]),
        ("CreateAlias",          |kms, _, key| kms.create_alias(NOW, "alias/new", key).map(drop),                              [None,                     None,                     Some(PendingDeletion),   None]),
        ("UpdateAlias, to it",   |kms, _, key| kms.update_alias(NOW, "alias/old", key).map(drop),                              [None,                     None,                     Some(PendingDeletion),   None]),
        ("ScheduleKeyDeletion",  |kms, _, key| kms.schedule_deletion(NOW, key, 7).map(drop),                                   [None,                     None,                     Some(PendingDeletion),   None]),
        ("CancelKeyDeletion",    |kms, _, key| kms.cancel_deletion(key).map(drop),                                             [Some(NotPendingDeletion), Some(NotPendingDeletion), None,                    Some(NotPendingDeletion)]),
        ("PutKeyPolicy",         |kms, _, key| kms.put_policy(key, POLICY.into(), false).map(drop),                                     [None,                     None,                     None,                    None]),
        ("EnableKeyRotation",    |kms, _, key| kms.enable_rotation(NOW, key, None).map(drop),                                  [None,                     Some(Disabled),           Some(PendingDeletion),   UNSUPPORTED]),
        ("DisableKeyRotation",   |kms, _, key| kms.disable_rotation(key).map(drop),                                            [None,                     Some(Disabled),           Some(PendingDeletion),   UNSUPPORTED]),
        ("RotateKeyOnDemand",    |kms, root, key| kms.rotate_on_demand(NOW, root, key, &mut zeros()).map(drop),                [None,                     Some(Disabled),           Some(PendingDeletion),   Some(PendingImport)]),
        ("CreateGrant",          |kms, _, key| grant(kms, key),                                                                [None,                     Some(Disabled),           Some(PendingDeletion),   Some(PendingImport)]),
        ("ListGrants",           |kms, _, key| kms.list_grants(key, None, None).map(drop),                                     [None,                     None,                     None,                    None]),
        ("DescribeKey",          |kms, _, key| kms.resolve(key).map(drop),                                                     [None,                     None,                     None,                    None]),
    ];
    let mut world = World::new();
    let (enabled, disabled, deleted) = (world.key(), world.key(), world.key());
    let keys = [
        enabled.clone(),
        world.disabled(disabled),
        world.pending_deletion(deleted),
        world.pending_import(KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt),
    ];
    let old = world.kms.create_alias(NOW, "alias/old", &enabled);
    world.apply(old).unwrap();
    for (operation, call, refused) in table {
        for (key, refused) in keys.iter().zip(refused) {
            let known = world.kms.resolve(key).unwrap();
            let expected = refused.map_or(Ok(()), |error| Err(error(known.arn(world.kms.tenant()))));
            assert_eq!(call(&world.kms, &world.root_key, key), expected, "{operation} of a key in {:?}", known.state);
        }
    }
    let cancelled = world.kms.cancel_deletion(&keys[2]);
    assert_eq!(world.apply(cancelled).unwrap().state, KeyState::Disabled);
}

#[test]
fn uses_of_a_key() {
    let mut world = World::new();
    for (spec, usage) in [
        (KeySpec::SymmetricDefault, KeyUsage::EncryptDecrypt),
        (KeySpec::EccNistP256, KeyUsage::SignVerify),
        (KeySpec::EccNistP256, KeyUsage::KeyAgreement),
        (KeySpec::Hmac256, KeyUsage::GenerateVerifyMac),
    ] {
        let (enabled, disabled, deleted) =
            (world.key_of(spec, usage), world.key_of(spec, usage), world.key_of(spec, usage));
        #[rustfmt::skip] // state
        let keys: [(String, Refused); 4] = [
            (enabled,                           None),
            (world.disabled(disabled),          Some(KmsError::Disabled)),
            (world.pending_deletion(deleted),   Some(KmsError::PendingDeletion)),
            (world.pending_import(spec, usage), Some(KmsError::PendingImport)),
        ];
        for (key, refused) in keys {
            let known = world.kms.resolve(&key).unwrap().clone();
            let expected = refused.map(|error| error(known.arn(world.kms.tenant())));
            for operation in Operation::ALL.iter().filter(|operation| operation.fits(&known)) {
                let refusal = world.kms.use_key(*operation, &key).err();
                assert_eq!(refusal, expected, "{operation} of a {spec} key in {:?}", known.state);
            }
        }
    }
}
