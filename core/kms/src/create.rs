//! CreateKey, and the keys that services make for themselves.
use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sekisho_iam::AttachedPolicy;
use sekisho_types::{KeyId, Random, Secret, Timestamp};

use crate::crypto::{hex, material_aad};
use crate::store::{Outcome, attached, check_tags};
use crate::{
    Alias, Event, Key, KeyManager, KeySpec, KeyState, KeyType, KeyUsage, Kms, KmsError, Material, Origin, RootKey, pair,
};

/// What CreateKey is asked for.
#[derive(Clone, Debug, Default)]
pub struct NewKey {
    /// In the caller's words.
    pub description: String,
    /// The key policy, if it is not to be the account's own.
    pub policy: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// What kind of material.
    pub spec: KeySpec,
    /// What for.
    pub usage: KeyUsage,
    /// Where the material comes from.
    pub origin: Origin,
    /// BypassPolicyLockoutSafetyCheck: the policy may be one that nobody can change again.
    pub bypass_lockout_check: bool,
}

impl NewKey {
    /// What can be said before there is any material: making a key pair takes time.
    ///
    /// # Errors
    /// [`KmsError::Validation`], [`KmsError::Tag`], [`KmsError::MalformedPolicy`].
    pub fn check(&self) -> Result<(), KmsError> {
        if !self.spec.usages().contains(&self.usage) {
            let message = format!("KeyUsage {} is not compatible with KeySpec {}", self.usage, self.spec);
            return Err(KmsError::Validation(message));
        }
        check_tags(&self.tags)?;
        self.policy.clone().map_or(Ok(()), |policy| attached(policy).map(drop))
    }

    /// Whether a private key has to be made for it.
    pub fn needs_private_key(&self) -> bool {
        self.spec.key_type() == KeyType::Asymmetric && self.origin == Origin::AwsKms
    }
}

impl Kms {
    /// CreateKey, for a symmetric encryption key.
    ///
    /// # Errors
    /// [`KmsError::Tag`], [`KmsError::MalformedPolicy`].
    pub fn create_key(
        &self,
        now: Timestamp,
        root_key: &RootKey,
        description: String,
        policy: Option<String>,
        tags: BTreeMap<String, String>,
        random: &mut dyn Random,
    ) -> Outcome<Key> {
        self.create(now, root_key, NewKey { description, policy, tags, ..NewKey::default() }, None, random)
    }

    /// CreateKey. `private_key` is PKCS#8, where [`NewKey::needs_private_key`].
    ///
    /// # Errors
    /// Those of [`NewKey::check`], and [`KmsError::Material`] for a private key that is not of the spec.
    pub fn create(
        &self,
        now: Timestamp,
        root_key: &RootKey,
        new: NewKey,
        private_key: Option<&Secret>,
        random: &mut dyn Random,
    ) -> Outcome<Key> {
        new.check()?;
        let bypass_lockout_check = new.bypass_lockout_check;
        let mut key = blank(now, new, random);
        if !bypass_lockout_check {
            self.check_lockout(&key)?;
        }
        if key.origin == Origin::External {
            key.state = KeyState::PendingImport;
            return Ok((vec![Event::KeyPut { key: Box::new(key.clone()) }], key));
        }
        let secret = match (key.spec.secret_bytes(), private_key) {
            (Some(bytes), _) => {
                let mut secret = vec![0; bytes];
                random.fill(&mut secret);
                Secret::new(secret)
            }
            (None, Some(private_key)) => private_key.clone(),
            (None, None) => return Err(KmsError::Material(key.arn(self.tenant()))),
        };
        let mut id = [0; 32];
        random.fill(&mut id);
        self.add_material(&mut key, root_key, hex(&id), &secret, random)?;
        Ok((vec![Event::KeyPut { key: Box::new(key.clone()) }], key))
    }

    /// The key a service keeps for itself under `alias/aws/…`; made if it is not there. Answers its ARN.
    pub fn ensure_managed(
        &self,
        now: Timestamp,
        root_key: &RootKey,
        alias: &str,
        description: &str,
        random: &mut dyn Random,
    ) -> (Vec<Event>, String) {
        if let Some(key) = self.alias(alias).and_then(|alias| self.key(&alias.target)) {
            return (Vec::new(), key.arn(self.tenant()));
        }
        let new = NewKey { description: description.into(), ..NewKey::default() };
        let made = self.create(now, root_key, new, None, random);
        let (_, key) = made.expect("a symmetric key without tags and policy is never refused");
        let key = Key { manager: KeyManager::Aws, ..key };
        let arn = key.arn(self.tenant());
        let alias = Alias { name: alias.into(), target: key.key_id.clone(), created_at: now, updated_at: now };
        (vec![Event::KeyPut { key: Box::new(key) }, Event::AliasPut { alias }], arn)
    }

    /// Seals `secret` under the root key as the key's current material, and keeps a pair's public half.
    pub(crate) fn add_material(
        &self,
        key: &mut Key,
        root_key: &RootKey,
        id: String,
        secret: &Secret,
        random: &mut dyn Random,
    ) -> Result<(), KmsError> {
        if key.spec.key_type() == KeyType::Asymmetric {
            let public = pair::public_key(key.spec, secret).map_err(|_| KmsError::Material(key.arn(self.tenant())))?;
            key.public_key = Some(STANDARD.encode(public));
        }
        let wrapped = root_key.seal(&material_aad(key.key_id.as_str(), &id), secret.expose(), random);
        key.materials.push(Material { id, wrapped: Some(STANDARD.encode(wrapped)), rotated: None, imported: None });
        Ok(())
    }
}

/// A key without material.
fn blank(now: Timestamp, new: NewKey, random: &mut dyn Random) -> Key {
    let mut id = [0; 16];
    random.fill(&mut id);
    let id = uuid::Builder::from_random_bytes(id).into_uuid().to_string();
    Key {
        key_id: KeyId::parse(&id).expect("a UUID is a key id"),
        created_at: now,
        description: new.description,
        manager: KeyManager::Customer,
        state: KeyState::Enabled,
        spec: new.spec,
        usage: new.usage,
        origin: new.origin,
        materials: Vec::new(),
        pending: None,
        public_key: None,
        rotation: None,
        policy: new.policy.map(AttachedPolicy::new),
        tags: new.tags,
    }
}
