//! A key: its states, its material, and what DescribeKey tells.
use std::collections::BTreeMap;
use std::fmt;

use sekisho_iam::AttachedPolicy;
use sekisho_types::{KeyId, Tenant, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{Imported, KeySpec, KeyUsage, KmsError, Origin, Rotated, Rotation};

/// `KeyState` (KMS developer guide, "Key states").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyState {
    /// In use.
    Enabled,
    /// Kept, and refused. Left by EnableKey or ScheduleKeyDeletion.
    Disabled,
    /// Without all of its imported material. Left by ImportKeyMaterial, to Enabled, or by ScheduleKeyDeletion.
    PendingImport,
    /// Refused until `at`, then gone. Left by CancelKeyDeletion, to Disabled, or PendingImport if its material is not there.
    PendingDeletion {
        /// When it goes.
        at: Timestamp,
    },
}

/// `KeyManager`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyManager {
    /// The account's.
    Customer,
    /// Made by a service for itself, `alias/aws/…`.
    Aws,
}

/// Key material under the root key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Material {
    /// 64 hexadecimal digits.
    pub id: String,
    /// Base64 of what [`crate::RootKey::seal`] gave; nothing while imported material is deleted or expired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wrapped: Option<String>,
    /// How it became the current one; nothing for a key's first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotated: Option<Rotated>,
    /// What is known of it, if it was brought.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported: Option<Imported>,
}

impl fmt::Debug for Material {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Material").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A key of any kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// Its id.
    pub key_id: KeyId,
    /// When it was made.
    pub created_at: Timestamp,
    /// What it is for, in the caller's words.
    pub description: String,
    /// Whose it is.
    pub manager: KeyManager,
    /// Whether it may be used.
    pub state: KeyState,
    /// What kind of material it has.
    #[serde(default, skip_serializing_if = "is_default")]
    pub spec: KeySpec,
    /// What it is for.
    #[serde(default, skip_serializing_if = "is_default")]
    pub usage: KeyUsage,
    /// Where its material comes from.
    #[serde(default, skip_serializing_if = "is_default")]
    pub origin: Origin,
    /// The last one encrypts; all of them decrypt.
    pub materials: Vec<Material>,
    /// Imported, and waiting for RotateKeyOnDemand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<Material>,
    /// The public half of a key pair: SubjectPublicKeyInfo in DER, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
    /// When its material is replaced by itself, if that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<Rotation>,
    /// `default`, where it was put; else the account's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<AttachedPolicy>,
    /// Its tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Key {
    /// `arn:aws:kms:<region>:<account>:key/<id>`
    pub fn arn(&self, tenant: &Tenant) -> String {
        tenant.arn("kms", format_args!("key/{}", self.key_id))
    }

    /// `KeyMetadata`
    pub fn metadata(&self, tenant: &Tenant) -> Value {
        let (state, deletion) = match self.state {
            KeyState::Enabled => ("Enabled", None),
            KeyState::Disabled => ("Disabled", None),
            KeyState::PendingImport => ("PendingImport", None),
            KeyState::PendingDeletion { at } => ("PendingDeletion", Some(at)),
        };
        let mut metadata = json!({
            "AWSAccountId": tenant.account,
            "Arn": self.arn(tenant),
            "CreationDate": self.created_at.epoch_seconds(),
            "CustomerMasterKeySpec": self.spec,
            "Description": self.description,
            "Enabled": self.state == KeyState::Enabled,
            "KeyId": self.key_id,
            "KeyManager": match self.manager { KeyManager::Customer => "CUSTOMER", KeyManager::Aws => "AWS" },
            "KeySpec": self.spec,
            "KeyState": state,
            "KeyUsage": self.usage,
            "MultiRegion": false,
            "Origin": self.origin,
        });
        let (name, algorithms) = self.algorithms();
        metadata[name] = algorithms;
        // The ids of materials tell apart what one key may have many of: only symmetric keys do.
        if let (KeySpec::SymmetricDefault, Some(material)) = (self.spec, self.materials.last()) {
            metadata["CurrentKeyMaterialId"] = json!(material.id);
        }
        if self.origin == Origin::External && self.is_complete() {
            let expiries = self.materials.iter().filter_map(|material| material.imported.as_ref()?.valid_to);
            metadata["ExpirationModel"] = json!("KEY_MATERIAL_DOES_NOT_EXPIRE");
            if let Some(first) = expiries.min() {
                metadata["ExpirationModel"] = json!("KEY_MATERIAL_EXPIRES");
                metadata["ValidTo"] = json!(first.epoch_seconds());
            }
        }
        if let Some(at) = deletion {
            metadata["DeletionDate"] = json!(at.epoch_seconds());
        }
        metadata
    }

    /// What it can do, under the member's name that goes with its usage.
    pub fn algorithms(&self) -> (&'static str, Value) {
        match self.usage {
            KeyUsage::EncryptDecrypt => ("EncryptionAlgorithms", json!(self.spec.encryption_algorithms())),
            KeyUsage::SignVerify => ("SigningAlgorithms", json!(self.spec.signing_algorithms())),
            KeyUsage::GenerateVerifyMac => ("MacAlgorithms", json!(self.spec.mac_algorithms())),
            KeyUsage::KeyAgreement => ("KeyAgreementAlgorithms", json!(["ECDH"])),
        }
    }

    /// The key policy: what was put, else the one that leaves everything to the account.
    pub fn policy_text(&self, tenant: &Tenant) -> String {
        let own = || {
            let root = format!("arn:aws:iam::{}:root", tenant.account);
            json!({
                "Version": "2012-10-17",
                "Id": "key-default-1",
                "Statement": [{
                    "Sid": "Enable IAM User Permissions",
                    "Effect": "Allow",
                    "Principal": {"AWS": root},
                    "Action": "kms:*",
                    "Resource": "*",
                }],
            })
        };
        self.policy.as_ref().map_or_else(|| own().to_string(), |policy| policy.text().to_owned())
    }

    /// Whether its waiting period is over.
    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        matches!(self.state, KeyState::PendingDeletion { at } if at <= now)
    }

    /// That it may be used now.
    pub(crate) fn usable(&self, tenant: &Tenant) -> Result<(), KmsError> {
        match self.state {
            KeyState::Enabled => Ok(()),
            KeyState::Disabled => Err(KmsError::Disabled(self.arn(tenant))),
            KeyState::PendingImport => Err(KmsError::PendingImport(self.arn(tenant))),
            KeyState::PendingDeletion { .. } => Err(KmsError::PendingDeletion(self.arn(tenant))),
        }
    }

    /// That it may be changed now: it is the account's, and not about to go.
    pub(crate) fn changeable(&self, tenant: &Tenant) -> Result<(), KmsError> {
        match (self.manager, self.state) {
            (KeyManager::Aws, _) => Err(KmsError::Managed(self.arn(tenant))),
            (_, KeyState::PendingDeletion { .. }) => Err(KmsError::PendingDeletion(self.arn(tenant))),
            (_, KeyState::Enabled | KeyState::Disabled | KeyState::PendingImport) => Ok(()),
        }
    }
}
