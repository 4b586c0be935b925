//! Rotation: new material to encrypt with, the old kept to decrypt with.
use std::time::Duration;

use sekisho_types::{Random, Secret, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::crypto::hex;
use crate::spec::words;
use crate::store::{DAY, Outcome};
use crate::{Event, Key, KeyManager, KeySpec, KeyState, Kms, KmsError, Material, Origin, RootKey};

/// RotationPeriodInDays, unless it is said; and for AWS managed keys, always.
pub const ROTATION_PERIOD_DEFAULT_D: u32 = 365;
/// AWS's quota a key. And then: the automatic rotation alone goes on.
const ON_DEMAND_ROTATIONS_MAX: usize = 25;

/// When a key's material is replaced by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotation {
    /// RotationPeriodInDays.
    pub period_d: u32,
    /// NextRotationDate.
    pub next_at: Timestamp,
}

words! {
    /// What made a rotation happen.
    RotationType {
        Automatic = "AUTOMATIC",
        OnDemand = "ON_DEMAND",
    }
}

/// How a material became the current one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotated {
    /// RotationDate.
    pub at: Timestamp,
    /// RotationType.
    pub by: RotationType,
}

fn days(days: u32) -> Duration {
    DAY * days
}

impl Key {
    /// When its material is replaced by itself next: as it was set, and every year for the keys of services.
    pub fn rotation(&self) -> Option<Rotation> {
        match self.manager {
            KeyManager::Customer => self.rotation,
            KeyManager::Aws => {
                let period_d = ROTATION_PERIOD_DEFAULT_D;
                let since =
                    self.materials.last().and_then(|material| material.rotated).map_or(self.created_at, |r| r.at);
                Some(Rotation { period_d, next_at: since.plus(days(period_d)) })
            }
        }
    }

    pub(crate) fn rotation_due(&self, now: Timestamp) -> bool {
        // A disabled key is not rotated, and makes up for it when it is enabled again.
        self.state == KeyState::Enabled && self.rotation().is_some_and(|rotation| rotation.next_at <= now)
    }

    /// ListKeyRotations: each rotation, oldest first; with `all`, the first material and one that waits too.
    pub fn rotations(&self, all: bool) -> Vec<Value> {
        let last = self.materials.len().saturating_sub(1);
        let materials = self.materials.iter().chain(&self.pending).enumerate();
        let listed = materials.filter(|(_, material)| all || material.rotated.is_some());
        listed
            .map(|(at, material)| {
                let state = match at {
                    at if at > last || self.materials.is_empty() => "PENDING_ROTATION",
                    at if at == last => "CURRENT",
                    _ => "NON_CURRENT",
                };
                let mut entry =
                    json!({ "KeyId": self.key_id, "KeyMaterialId": material.id, "KeyMaterialState": state });
                if let Some(imported) = &material.imported {
                    imported.describe(material.wrapped.is_some(), &mut entry);
                }
                if let Some(rotated) = material.rotated {
                    entry["RotationDate"] = json!(rotated.at.epoch_seconds());
                    entry["RotationType"] = json!(rotated.by);
                }
                entry
            })
            .collect()
    }
}

impl Kms {
    /// EnableKeyRotation; asked again, it changes the period.
    ///
    /// # Errors
    /// [`KmsError::Unsupported`], [`KmsError::Managed`], those of a key that is not enabled, and those of [`Kms::resolve_key`].
    pub fn enable_rotation(&self, now: Timestamp, key: &str, period_d: Option<u32>) -> Outcome<Key> {
        self.change(key, |key| {
            self.rotates_by_itself(key)?;
            let period_d = period_d.unwrap_or(ROTATION_PERIOD_DEFAULT_D);
            key.rotation = Some(Rotation { period_d, next_at: now.plus(days(period_d)) });
            Ok(())
        })
    }

    /// DisableKeyRotation.
    ///
    /// # Errors
    /// As [`Kms::enable_rotation`].
    pub fn disable_rotation(&self, key: &str) -> Outcome<Key> {
        self.change(key, |key| {
            self.rotates_by_itself(key)?;
            key.rotation = None;
            Ok(())
        })
    }

    /// RotateKeyOnDemand: at once, whatever the schedule says, and the schedule stays.
    ///
    /// # Errors
    /// [`KmsError::Limit`], [`KmsError::InvalidState`], and as [`Kms::enable_rotation`].
    pub fn rotate_on_demand(
        &self,
        now: Timestamp,
        root_key: &RootKey,
        key: &str,
        random: &mut dyn Random,
    ) -> Outcome<Key> {
        self.change(key, |key| {
            let arn = key.arn(self.tenant());
            self.rotates(key)?;
            key.usable(self.tenant())?;
            let on_demand = |r: crate::Rotated| r.by == RotationType::OnDemand;
            let made = key.materials.iter().filter(|material| material.rotated.is_some_and(on_demand)).count();
            if made >= ON_DEMAND_ROTATIONS_MAX {
                return Err(KmsError::Limit(format!(
                    "The on-demand rotations limit has been reached for the given keyId. No more on-demand rotations can be performed for this key: {arn}"
                )));
            }
            let rotated = Rotated { at: now, by: RotationType::OnDemand };
            if key.origin == Origin::AwsKms {
                return self.rotate(key, root_key, rotated, random);
            }
            let pending = key.pending.take().ok_or_else(|| {
                KmsError::InvalidState(format!("No available key material pending rotation for the key: {arn}"))
            })?;
            key.materials.push(Material { rotated: Some(rotated), ..pending });
            Ok(())
        })
    }

    /// The rotations that are due at `now`.
    pub(crate) fn rotations_due(
        &self,
        now: Timestamp,
        root_key: &RootKey,
        random: &mut dyn Random,
    ) -> Result<Vec<Event>, KmsError> {
        let mut events = Vec::new();
        for key in self.keys().filter(|key| key.rotation_due(now)) {
            let mut key = key.clone();
            self.rotate(&mut key, root_key, Rotated { at: now, by: RotationType::Automatic }, random)?;
            if let Some(rotation) = &mut key.rotation {
                // Once, however many times it was missed.
                while rotation.next_at <= now {
                    rotation.next_at = rotation.next_at.plus(days(rotation.period_d.max(1)));
                }
            }
            events.push(Event::KeyPut { key: Box::new(key) });
        }
        Ok(events)
    }

    fn rotate(
        &self,
        key: &mut Key,
        root_key: &RootKey,
        rotated: Rotated,
        random: &mut dyn Random,
    ) -> Result<(), KmsError> {
        let (mut id, mut secret) = ([0; 32], vec![0; 32]);
        random.fill(&mut id);
        random.fill(&mut secret);
        self.add_material(key, root_key, hex(&id), &Secret::new(secret), random)?;
        let material = key.materials.last_mut().expect("one was just added");
        material.rotated = Some(rotated);
        Ok(())
    }

    /// That a key's material can be another tomorrow: only symmetric ciphertext says which one made it.
    fn rotates(&self, key: &Key) -> Result<(), KmsError> {
        match (key.spec, key.manager) {
            (KeySpec::SymmetricDefault, KeyManager::Customer) => Ok(()),
            (KeySpec::SymmetricDefault, KeyManager::Aws) => Err(KmsError::Managed(key.arn(self.tenant()))),
            _ => Err(KmsError::Unsupported(String::new())),
        }
    }

    fn rotates_by_itself(&self, key: &Key) -> Result<(), KmsError> {
        self.rotates(key)?;
        if key.state == KeyState::PendingImport {
            return Err(KmsError::Unsupported(String::new()));
        }
        if key.origin == Origin::External {
            let message =
                format!("{} origin is EXTERNAL which is not valid for this operation.", key.arn(self.tenant()));
            return Err(KmsError::Unsupported(message));
        }
        key.usable(self.tenant())
    }
}
