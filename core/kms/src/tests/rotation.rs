//! Rotation: by the calendar and on demand, and what it leaves alone.
use std::time::Duration;

use sekisho_types::Timestamp;

use super::{NOW, Outcome, World, context, zeros};
use crate::*;

fn after(days: u32) -> Timestamp {
    NOW.plus(Duration::from_secs(24 * 3600 * u64::from(days)))
}

impl World {
    fn rotate(&mut self, now: Timestamp, key: &str) -> Result<Key, KmsError> {
        let mut random = self.random();
        let rotated = self.kms.rotate_on_demand(now, &self.root_key, key, &mut random);
        self.apply(rotated)
    }

    /// Does what is due; answers how many events that took.
    fn meet_deadlines(&mut self, now: Timestamp) -> usize {
        let mut random = self.random();
        let events = self.kms.due(now, &self.root_key, &mut random).unwrap();
        assert_eq!(events.is_empty(), !self.kms.is_due(now));
        events.iter().for_each(|event| self.kms.apply(event));
        events.len()
    }
}

#[test]
fn what_was_encrypted_before_decrypts_after() {
    let mut world = World::new();
    let key = world.key();
    let mut made = Vec::new();
    for round in 0..3 {
        let blob = world.encrypt(&key, &context(&[]), &[round]).unwrap();
        let opened = world.kms.decrypt(Via::Firehose, &world.root_key, &blob, &context(&[]), None).unwrap();
        made.push((blob, opened.key_material_id));
        world.rotate(NOW, &key).unwrap();
    }
    for (round, (blob, material)) in made.iter().enumerate() {
        let opened = world.kms.decrypt(Via::Firehose, &world.root_key, blob, &context(&[]), None).unwrap();
        assert_eq!(opened.plaintext.expose(), [round as u8]);
        assert_eq!(&opened.key_material_id, material, "the blob names its material");
    }
    assert!(made[0].1 != made[1].1 && made[1].1 != made[2].1, "each rotation is another material");
    let key = world.kms.resolve(&key).unwrap();
    assert_eq!(key.metadata(world.kms.tenant())["CurrentKeyMaterialId"], key.materials[3].id);
    assert_eq!((key.rotations(false).len(), key.rotations(true).len()), (3, 4));
    assert_eq!(key.rotations(false)[2]["KeyMaterialState"], "CURRENT");
    assert_eq!(key.rotations(true)[0].get("RotationType"), None, "the first was not rotated to");
}

#[test]
fn material_is_rotated_when_the_period_is_over() {
    let mut world = World::new();
    let key = world.key();
    let enabled = world.kms.enable_rotation(NOW, &key, Some(90));
    world.apply(enabled).unwrap();
    assert_eq!(world.meet_deadlines(Timestamp::from_millis(after(90).millis() - 1)), 0);
    assert_eq!(world.meet_deadlines(after(90)), 1);
    assert_eq!(world.meet_deadlines(after(90)), 0, "once");
    world.rotate(after(100), &key).unwrap();
    let rotation = world.kms.resolve(&key).unwrap().rotation().unwrap();
    assert_eq!(rotation, Rotation { period_d: 90, next_at: after(180) }, "on demand leaves the schedule alone");
    let disabled = world.kms.set_enabled(&key, false);
    world.apply(disabled).unwrap();
    assert_eq!(world.meet_deadlines(after(400)), 0, "a disabled key is not rotated");
    let enabled = world.kms.set_enabled(&key, true);
    world.apply(enabled).unwrap();
    assert_eq!(world.meet_deadlines(after(400)), 1, "and makes up for it, once");
    let key = world.kms.resolve(&key).unwrap();
    assert_eq!(key.rotation().unwrap().next_at, after(450));
    let kinds: Vec<_> = key.rotations(false).iter().map(|rotation| rotation["RotationType"].clone()).collect();
    assert_eq!(kinds, ["AUTOMATIC", "ON_DEMAND", "AUTOMATIC"]);
}

#[test]
fn a_services_key_rotates_every_year() {
    let mut world = World::new();
    let mut random = world.random();
    let (events, arn) = world.kms.ensure_managed(NOW, &world.root_key, "alias/aws/s3", "for S3", &mut random);
    events.iter().for_each(|event| world.kms.apply(event));
    assert_eq!((world.meet_deadlines(after(364)), world.meet_deadlines(after(365))), (0, 1));
    assert_eq!((world.meet_deadlines(after(729)), world.meet_deadlines(after(730))), (0, 1));
    assert_eq!(world.kms.enable_rotation(NOW, &arn, None).unwrap_err(), KmsError::Managed(arn.clone()));
    assert_eq!(world.rotate(NOW, &arn).unwrap_err(), KmsError::Managed(arn));
}

#[test]
fn rotations_on_demand_are_counted() {
    let mut world = World::new();
    let key = world.key();
    for _ in 0..25 {
        world.rotate(NOW, &key).unwrap();
    }
    let refusal = world.rotate(NOW, &key).unwrap_err();
    assert_eq!(refusal.code(), "LimitExceeded");
    assert!(refusal.to_string().starts_with("The on-demand rotations limit has been reached"), "{refusal}");
}

type Operation = fn(&Kms, &RootKey, &str) -> Outcome<Key>;

#[test]
fn what_cannot_rotate_says_so() {
    #[rustfmt::skip] // API reference
    let table: &[(&str, Operation)] = &[
        ("EnableKeyRotation",  |kms, _, key| kms.enable_rotation(NOW, key, None)),
        ("DisableKeyRotation", |kms, _, key| kms.disable_rotation(key)),
        ("RotateKeyOnDemand",  |kms, root, key| kms.rotate_on_demand(NOW, root, key, &mut zeros())),
    ];
    let mut world = World::new();
    for (operation, call) in table {
        let key = world.key();
        let arn = world.kms.resolve(&key).unwrap().arn(world.kms.tenant());
        let refusal = |world: &World, key: &str| call(&world.kms, &world.root_key, key).err();
        assert_eq!(refusal(&world, &key), None, "{operation}: Enabled");
        let disabled = world.kms.set_enabled(&key, false);
        world.apply(disabled).unwrap();
        assert_eq!(refusal(&world, &key), Some(KmsError::Disabled(arn.clone())), "{operation}: Disabled");
        let scheduled = world.kms.schedule_deletion(NOW, &key, 7);
        world.apply(scheduled).unwrap();
        assert_eq!(refusal(&world, &key), Some(KmsError::PendingDeletion(arn)), "{operation}: PendingDeletion");
        for (spec, usage) in
            [(KeySpec::EccNistP256, KeyUsage::SignVerify), (KeySpec::Hmac256, KeyUsage::GenerateVerifyMac)]
        {
            let key = world.key_of(spec, usage);
            assert_eq!(refusal(&world, &key), Some(KmsError::Unsupported(String::new())), "{operation}: {spec}");
        }
    }
}
