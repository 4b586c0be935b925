//! The fold: keys and aliases.
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sekisho_iam::AttachedPolicy;
use sekisho_types::{KeyId, Random, Tenant, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Grant, Key, KeyManager, KeyState, KmsError, RootKey};

/// AWS's quota a key.
const TAGS_MAX: usize = 50;
/// AWS's quota a key.
const ALIASES_MAX: usize = 50;
/// AWS's quota a key policy.
const POLICY_BYTES_MAX: usize = 32_768;
pub(crate) const DAY: Duration = Duration::from_secs(24 * 3600);

/// A name for a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alias {
    /// With `alias/`.
    pub name: String,
    /// The key.
    pub target: KeyId,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was pointed elsewhere.
    pub updated_at: Timestamp,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// A key is as it says from now on.
    KeyPut {
        /// All of it.
        key: Box<Key>,
    },
    /// A key is gone, with its aliases: its waiting period is over.
    KeyDeleted {
        /// Which.
        key_id: KeyId,
    },
    /// An alias is as it says from now on.
    AliasPut {
        /// All of it.
        alias: Alias,
    },
    /// An alias is gone.
    AliasDeleted {
        /// Which.
        name: String,
    },
    /// A grant is as it says.
    GrantPut {
        /// All of it.
        grant: Box<Grant>,
    },
    /// A grant is gone: retired or revoked.
    GrantDeleted {
        /// Of which key.
        key_id: KeyId,
        /// Which.
        grant_id: String,
    },
}

/// Every key of the account.
#[derive(Clone, Debug, PartialEq)]
pub struct Kms {
    tenant: Tenant,
    /// Shared, so that a key in use is not a key held.
    keys: BTreeMap<KeyId, Arc<Key>>,
    aliases: BTreeMap<String, Alias>,
    /// By key and id.
    grants: BTreeMap<KeyId, BTreeMap<String, Grant>>,
}

/// What a command yields: what happened, and the answer.
pub(crate) type Outcome<T> = Result<(Vec<Event>, T), KmsError>;

impl Kms {
    /// None yet.
    pub fn new(tenant: Tenant) -> Self {
        Self { tenant, keys: BTreeMap::new(), aliases: BTreeMap::new(), grants: BTreeMap::new() }
    }

    /// Whose they are.
    pub fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// Takes in what happened.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::KeyPut { key } => drop(self.keys.insert(key.key_id.clone(), Arc::new((**key).clone()))),
            Event::KeyDeleted { key_id } => {
                self.keys.remove(key_id);
                self.aliases.retain(|_, alias| alias.target != *key_id);
                self.grants.remove(key_id);
            }
            Event::AliasPut { alias } => drop(self.aliases.insert(alias.name.clone(), alias.clone())),
            Event::AliasDeleted { name } => drop(self.aliases.remove(name)),
            Event::GrantPut { grant } => {
                let grants = self.grants.entry(grant.key_id.clone()).or_default();
                grants.insert(grant.id.clone(), (**grant).clone());
            }
            Event::GrantDeleted { key_id, grant_id } => {
                if let Some(grants) = self.grants.get_mut(key_id) {
                    grants.remove(grant_id);
                    if grants.is_empty() {
                        self.grants.remove(key_id);
                    }
                }
            }
        }
    }

    /// The shortest list of events that folds to this.
    pub fn snapshot(&self) -> Vec<Event> {
        let keys = self.keys.values().map(|key| Event::KeyPut { key: Box::new((**key).clone()) });
        let aliases = self.aliases.values().map(|alias| Event::AliasPut { alias: alias.clone() });
        let grants = self.grants().map(|grant| Event::GrantPut { grant: Box::new(grant.clone()) });
        keys.chain(aliases).chain(grants).collect()
    }

    /// Every key, by id.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.keys.values().map(|key| &**key)
    }

    /// Every alias, by name.
    pub fn aliases(&self) -> impl Iterator<Item = &Alias> {
        self.aliases.values()
    }

    /// Every grant, by key and id.
    pub fn grants(&self) -> impl Iterator<Item = &Grant> {
        self.grants.values().flat_map(BTreeMap::values)
    }

    pub(crate) fn grants_of(&self, key_id: &KeyId) -> impl ExactSizeIterator<Item = &Grant> {
        self.grants.get(key_id).unwrap_or(const { &BTreeMap::new() }).values()
    }

    pub(crate) fn grant(&self, key_id: &KeyId, id: &str) -> Option<&Grant> {
        self.grants.get(key_id)?.get(id)
    }

    /// A key by its id.
    pub fn key(&self, key_id: &KeyId) -> Option<&Key> {
        self.shared(key_id).map(|key| &**key)
    }

    pub(crate) fn shared(&self, key_id: &KeyId) -> Option<&Arc<Key>> {
        self.keys.get(key_id)
    }

    /// An alias by its name, `alias/` included.
    pub fn alias(&self, name: &str) -> Option<&Alias> {
        self.aliases.get(name)
    }

    /// Whether time alone has done something by `now`.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.keys().any(|key| key.is_over(now) || key.rotation_due(now) || key.material_expires(now))
    }

    /// What time alone has done by `now`: keys whose waiting period is over go, material whose period is
    /// over is rotated, imported material that expires is forgotten.
    ///
    /// # Errors
    /// [`KmsError::Material`].
    pub fn due(&self, now: Timestamp, root_key: &RootKey, random: &mut dyn Random) -> Result<Vec<Event>, KmsError> {
        let over = self.keys().filter(|key| key.is_over(now));
        let mut events: Vec<_> = over.map(|key| Event::KeyDeleted { key_id: key.key_id.clone() }).collect();
        events.extend(self.rotations_due(now, root_key, random)?);
        events.extend(self.expirations_due(now));
        Ok(events)
    }

    pub(crate) fn change(&self, key: &str, change: impl FnOnce(&mut Key) -> Result<(), KmsError>) -> Outcome<Key> {
        let known = self.resolve_key(key)?;
        let mut changed = (**known).clone();
        change(&mut changed)?;
        let events =
            if changed == **known { Vec::new() } else { vec![Event::KeyPut { key: Box::new(changed.clone()) }] };
        Ok((events, changed))
    }

    /// EnableKey, DisableKey.
    ///
    /// # Errors
    /// [`KmsError::PendingDeletion`], [`KmsError::PendingImport`], [`KmsError::Managed`], and those of [`Kms::resolve_key`].
    pub fn set_enabled(&self, key: &str, enabled: bool) -> Outcome<Key> {
        self.change(key, |key| {
            key.changeable(&self.tenant)?;
            if key.state == KeyState::PendingImport {
                return Err(KmsError::PendingImport(key.arn(&self.tenant)));
            }
            key.state = if enabled { KeyState::Enabled } else { KeyState::Disabled };
            Ok(())
        })
    }

    /// UpdateKeyDescription.
    ///
    /// # Errors
    /// As [`Kms::set_enabled`].
    pub fn update_description(&self, key: &str, description: String) -> Outcome<Key> {
        self.change(key, |key| {
            key.changeable(&self.tenant)?;
            key.description = description;
            Ok(())
        })
    }

    /// ScheduleKeyDeletion, after 7 to 30 days.
    ///
    /// # Errors
    /// As [`Kms::set_enabled`], and [`KmsError::Validation`].
    pub fn schedule_deletion(&self, now: Timestamp, key: &str, days: u32) -> Outcome<Key> {
        if !(7..=30).contains(&days) {
            return Err(KmsError::Validation("PendingWindowInDays is 7 to 30".into()));
        }
        self.change(key, |key| {
            key.changeable(&self.tenant)?;
            key.state = KeyState::PendingDeletion { at: now.plus(DAY * days) };
            Ok(())
        })
    }

    /// CancelKeyDeletion: the key is disabled then.
    ///
    /// # Errors
    /// [`KmsError::NotPendingDeletion`], and those of [`Kms::resolve_key`].
    pub fn cancel_deletion(&self, key: &str) -> Outcome<Key> {
        self.change(key, |key| match key.state {
            KeyState::PendingDeletion { .. } => {
                key.state = if key.is_complete() { KeyState::Disabled } else { KeyState::PendingImport };
                Ok(())
            }
            KeyState::Enabled | KeyState::Disabled | KeyState::PendingImport => {
                Err(KmsError::NotPendingDeletion(key.arn(&self.tenant)))
            }
        })
    }

    /// PutKeyPolicy, in every state; unless `bypass_lockout_check`, not one that nobody could change again.
    ///
    /// # Errors
    /// [`KmsError::MalformedPolicy`], [`KmsError::Managed`], and those of [`Kms::resolve_key`].
    pub fn put_policy(&self, key: &str, policy: String, bypass_lockout_check: bool) -> Outcome<Key> {
        let policy = attached(policy)?;
        self.change(key, |key| match key.manager {
            KeyManager::Aws => Err(KmsError::Managed(key.arn(&self.tenant))),
            KeyManager::Customer => {
                key.policy = Some(policy);
                if bypass_lockout_check { Ok(()) } else { self.check_lockout(key) }
            }
        })
    }

    /// TagResource.
    ///
    /// # Errors
    /// [`KmsError::Tag`], and as [`Kms::set_enabled`].
    pub fn tag(&self, key: &str, tags: BTreeMap<String, String>) -> Outcome<Key> {
        self.change(key, |key| {
            key.changeable(&self.tenant)?;
            key.tags.extend(tags);
            check_tags(&key.tags)
        })
    }

    /// UntagResource.
    ///
    /// # Errors
    /// As [`Kms::set_enabled`].
    pub fn untag(&self, key: &str, names: &[String]) -> Outcome<Key> {
        self.change(key, |key| {
            key.changeable(&self.tenant)?;
            names.iter().for_each(|name| drop(key.tags.remove(name)));
            Ok(())
        })
    }

    /// CreateAlias.
    ///
    /// # Errors
    /// [`KmsError::Validation`], [`KmsError::AliasReserved`], [`KmsError::AliasExists`], [`KmsError::Limit`], and as [`Kms::set_enabled`].
    pub fn create_alias(&self, now: Timestamp, name: &str, key: &str) -> Outcome<()> {
        check_alias(name)?;
        if self.aliases.contains_key(name) {
            return Err(KmsError::AliasExists(self.tenant.arn("kms", name)));
        }
        let target = self.resolve_key(key)?;
        target.changeable(&self.tenant)?;
        self.check_aliases(target)?;
        let alias = Alias { name: name.into(), target: target.key_id.clone(), created_at: now, updated_at: now };
        Ok((vec![Event::AliasPut { alias }], ()))
    }

    /// UpdateAlias, to a key of the same type and usage.
    ///
    /// # Errors
    /// [`KmsError::AliasNotFound`], and as [`Kms::create_alias`].
    pub fn update_alias(&self, now: Timestamp, name: &str, key: &str) -> Outcome<()> {
        check_alias(name)?;
        let known = self.aliases.get(name).ok_or_else(|| KmsError::AliasNotFound(self.tenant.arn("kms", name)))?;
        let target = self.resolve_key(key)?;
        target.changeable(&self.tenant)?;
        let type_of = |key: &Key| (key.spec.key_type(), key.usage);
        if self.key(&known.target).is_some_and(|before| type_of(before) != type_of(target)) {
            let message = format!("Alias {name} can only be moved to a key of the same type and usage.");
            return Err(KmsError::Validation(message));
        }
        if known.target != target.key_id {
            self.check_aliases(target)?;
        }
        let alias = Alias { target: target.key_id.clone(), updated_at: now, ..known.clone() };
        Ok((vec![Event::AliasPut { alias }], ()))
    }

    fn check_aliases(&self, key: &Key) -> Result<(), KmsError> {
        match self.aliases.values().filter(|alias| alias.target == key.key_id).count() < ALIASES_MAX {
            true => Ok(()),
            false => Err(KmsError::Limit(format!("A key has at most {ALIASES_MAX} aliases."))),
        }
    }

    /// DeleteAlias.
    ///
    /// # Errors
    /// [`KmsError::AliasNotFound`], [`KmsError::Validation`], [`KmsError::AliasReserved`].
    pub fn delete_alias(&self, name: &str) -> Outcome<()> {
        check_alias(name)?;
        match self.aliases.contains_key(name) {
            true => Ok((vec![Event::AliasDeleted { name: name.into() }], ())),
            false => Err(KmsError::AliasNotFound(self.tenant.arn("kms", name))),
        }
    }
}

fn check_alias(name: &str) -> Result<(), KmsError> {
    let Some(rest) = name.strip_prefix("alias/") else {
        return Err(KmsError::Validation("Alias must start with the prefix \"alias/\".".into()));
    };
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'_' | b'-');
    if rest.is_empty() || name.len() > 256 || !rest.bytes().all(fits) {
        return Err(KmsError::Validation(format!("`{name}` is not an alias name: alias/ and letters, digits, / _ -")));
    }
    if rest.starts_with("aws/") { Err(KmsError::AliasReserved(name.into())) } else { Ok(()) }
}

pub(crate) fn check_tags(tags: &BTreeMap<String, String>) -> Result<(), KmsError> {
    if tags.len() > TAGS_MAX {
        return Err(KmsError::Tag("Too many tags"));
    }
    let reserved = |name: &String| name.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:"));
    if tags.keys().any(reserved) { Err(KmsError::Tag("Tags beginning with aws: are reserved")) } else { Ok(()) }
}

/// Reads a key policy.
pub(crate) fn attached(policy: String) -> Result<AttachedPolicy, KmsError> {
    if policy.len() > POLICY_BYTES_MAX {
        return Err(KmsError::MalformedPolicy(format!("the key policy has more than {POLICY_BYTES_MAX} bytes")));
    }
    let attached = AttachedPolicy::new(policy);
    match attached.policy() {
        Ok(_) => Ok(attached),
        Err(error) => Err(KmsError::MalformedPolicy(error.to_string())),
    }
}
