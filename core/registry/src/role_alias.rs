//! Role aliases: what a device with a certificate calls the role whose credentials it wants.
use sekisho_types::{RoleAliasName, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Event, Registry, RegistryError, Resource};

/// Role aliases of an account (AWS IoT Core quotas: "Maximum number of IoT role aliases per AWS account").
pub const ROLE_ALIASES_MAX: usize = 100;

/// How long credentials are good if nobody says (iot model: credentialDurationSeconds).
pub const CREDENTIAL_DURATION_S: u32 = 3600;

/// A role alias.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleAlias {
    /// Its name.
    pub role_alias: RoleAliasName,
    /// The role it stands for, of this account. Nobody here knows what it may do: see the divergences.
    pub role_arn: String,
    /// How long credentials are good.
    pub credential_duration_s: u32,
    /// When it was made.
    pub creation_date: Timestamp,
    /// When it was last changed.
    pub last_modified_date: Timestamp,
}

impl Registry {
    /// A role alias by its name.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`].
    pub fn role_alias(&self, role_alias: &RoleAliasName) -> Result<&RoleAlias, RegistryError> {
        self.role_aliases.get(role_alias).ok_or_else(|| RegistryError::not_found(Resource::RoleAlias, role_alias))
    }

    /// All of them, by name, ascending.
    pub fn role_aliases(&self) -> impl DoubleEndedIterator<Item = &RoleAlias> {
        self.role_aliases.values()
    }

    /// `arn:aws:iot:<region>:<account>:rolealias/<name>`.
    pub fn role_alias_arn(&self, role_alias: &RoleAliasName) -> String {
        self.tenant.arn("iot", format_args!("rolealias/{role_alias}"))
    }

    /// `CreateRoleAlias`.
    ///
    /// # Errors
    /// [`RegistryError::AlreadyExists`], [`RegistryError::LimitExceeded`], and [`RegistryError::InvalidRequest`] for what is no role of
    /// this account.
    pub fn create_role_alias(
        &self,
        now: Timestamp,
        role_alias: RoleAliasName,
        role_arn: String,
        credential_duration_s: Option<u32>,
    ) -> Result<(Vec<Event>, RoleAlias), RegistryError> {
        if self.role_aliases.contains_key(&role_alias) {
            return Err(RegistryError::AlreadyExists {
                message: format!("Role alias {role_alias} already exists"),
                resource_id: role_alias.to_string(),
                resource_arn: self.role_alias_arn(&role_alias),
            });
        }
        if self.role_aliases.len() >= ROLE_ALIASES_MAX {
            let message = format!("An account can have at most {ROLE_ALIASES_MAX} role aliases");
            return Err(RegistryError::LimitExceeded(message));
        }
        self.check_role(&role_arn)?;
        let made = RoleAlias {
            role_alias,
            role_arn,
            credential_duration_s: credential_duration_s.unwrap_or(CREDENTIAL_DURATION_S),
            creation_date: now,
            last_modified_date: now,
        };
        Ok((vec![Event::RoleAliasPut { role_alias: made.clone() }], made))
    }

    /// `UpdateRoleAlias`: what is not named stays as it is.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], and as [`Registry::create_role_alias`].
    pub fn update_role_alias(
        &self,
        now: Timestamp,
        role_alias: &RoleAliasName,
        role_arn: Option<String>,
        credential_duration_s: Option<u32>,
    ) -> Result<(Vec<Event>, ()), RegistryError> {
        let mut changed = self.role_alias(role_alias)?.clone();
        if let Some(role_arn) = role_arn {
            self.check_role(&role_arn)?;
            changed.role_arn = role_arn;
        }
        changed.credential_duration_s = credential_duration_s.unwrap_or(changed.credential_duration_s);
        changed.last_modified_date = now;
        Ok((vec![Event::RoleAliasPut { role_alias: changed }], ()))
    }

    /// `DeleteRoleAlias`.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`].
    pub fn delete_role_alias(&self, role_alias: &RoleAliasName) -> Result<(Vec<Event>, ()), RegistryError> {
        self.role_alias(role_alias)?;
        Ok((vec![Event::RoleAliasDeleted { role_alias: role_alias.clone() }], ()))
    }

    fn check_role(&self, role_arn: &str) -> Result<(), RegistryError> {
        if self.tenant.role_of(role_arn).is_some() {
            return Ok(());
        }
        Err(RegistryError::InvalidRequest(format!("{role_arn} is not the ARN of a role of this account")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{NOW, tenant};

    const ROLE: &str = "arn:aws:iam::000000000000:role/devices/reader";

    #[test]
    fn aliases_are_made_changed_and_deleted() {
        let mut registry = Registry::new(tenant());
        let name = |text: &str| RoleAliasName::parse(text).unwrap();
        let apply = |registry: &mut Registry, events: Vec<Event>| events.iter().for_each(|event| registry.apply(event));
        for not_a_role in ["arn:aws:iam::000000000000:user/reader", "arn:aws:iam::111111111111:role/reader", "reader"] {
            let refused = registry.create_role_alias(NOW, name("a"), not_a_role.into(), None);
            assert!(matches!(refused, Err(RegistryError::InvalidRequest(_))), "{not_a_role}");
        }
        let (events, made) = registry.create_role_alias(NOW, name("a"), ROLE.into(), None).unwrap();
        assert_eq!(made.credential_duration_s, 3600, "iot model: the default");
        apply(&mut registry, events);
        let again = registry.create_role_alias(NOW, name("a"), ROLE.into(), None);
        assert!(matches!(again, Err(RegistryError::AlreadyExists { .. })));
        let later = Timestamp::from_millis(NOW.millis() + 5);
        let (events, ()) = registry.update_role_alias(later, &name("a"), None, Some(900)).unwrap();
        apply(&mut registry, events);
        let found = registry.role_alias(&name("a")).unwrap();
        assert_eq!((found.role_arn.as_str(), found.credential_duration_s), (ROLE, 900));
        assert_eq!((found.creation_date, found.last_modified_date), (NOW, later));
        let mut again = Registry::new(tenant());
        apply(&mut again, registry.snapshot());
        assert_eq!(again.role_alias(&name("a")), registry.role_alias(&name("a")));
        let (events, ()) = registry.delete_role_alias(&name("a")).unwrap();
        apply(&mut registry, events);
        assert!(registry.delete_role_alias(&name("a")).is_err() && registry.role_aliases().next().is_none());
        assert!(registry.update_role_alias(NOW, &name("a"), None, None).is_err());
        for number in 0..ROLE_ALIASES_MAX {
            let (events, _) = registry.create_role_alias(NOW, name(&format!("n{number}")), ROLE.into(), None).unwrap();
            apply(&mut registry, events);
        }
        let one_more = registry.create_role_alias(NOW, name("b"), ROLE.into(), None);
        assert!(matches!(one_more, Err(RegistryError::LimitExceeded(_))), "AWS IoT Core quotas");
    }
}
