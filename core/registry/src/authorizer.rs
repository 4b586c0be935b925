//! Custom authorizers: which function says who somebody is, and who signs what it is shown (iot dev guide: config-custom-auth).
use std::collections::BTreeMap;

use sekisho_authorizer::{TokenKeys, check_token_key};
use sekisho_types::{AuthorizerName, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Event, Registry, RegistryError, Resource};

/// Authorizers of an account (AWS IoT Core quotas: "Maximum number of authorizers").
pub const AUTHORIZERS_MAX: usize = 50;
/// Public keys of one: each may be tried for each token.
pub const TOKEN_KEYS_MAX: usize = 10;

/// Whether an authorizer is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum AuthorizerStatus {
    /// It is.
    Active,
    /// Nobody is let in by it.
    Inactive,
}

/// A custom authorizer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authorizer {
    /// Its name.
    pub authorizer_name: AuthorizerName,
    /// What stands in the place of the function is in the server's settings.
    pub authorizer_function_arn: String,
    /// Under which the token stands.
    pub token_key_name: Option<String>,
    /// Who signs tokens.
    pub token_signing_public_keys: TokenKeys,
    /// Whether it is asked.
    pub status: AuthorizerStatus,
    /// Whether tokens need no signature.
    pub signing_disabled: bool,
    /// Whether an answer is good for more than one request of an HTTP connection.
    pub enable_caching_for_http: bool,
    /// When it was made.
    pub creation_date: Timestamp,
    /// When it was last changed.
    pub last_modified_date: Timestamp,
}

/// What an authorizer is made or changed with; what is absent has its default, or stays.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthorizerSettings {
    /// See [`Authorizer`].
    pub authorizer_function_arn: Option<String>,
    /// The same.
    pub token_key_name: Option<String>,
    /// The same; all of them.
    pub token_signing_public_keys: Option<BTreeMap<String, String>>,
    /// The same.
    pub status: Option<AuthorizerStatus>,
    /// The same.
    pub enable_caching_for_http: Option<bool>,
}

impl Authorizer {
    /// Who has to have signed the token; `None` if nobody has to.
    pub fn signers(&self) -> Option<&TokenKeys> {
        (!self.signing_disabled).then_some(&self.token_signing_public_keys)
    }

    fn change(&mut self, settings: AuthorizerSettings, now: Timestamp) {
        let AuthorizerSettings { authorizer_function_arn, token_key_name, token_signing_public_keys, .. } = settings;
        if let Some(arn) = authorizer_function_arn {
            self.authorizer_function_arn = arn;
        }
        self.token_key_name = token_key_name.or(self.token_key_name.take());
        if let Some(keys) = token_signing_public_keys {
            self.token_signing_public_keys = keys;
        }
        self.status = settings.status.unwrap_or(self.status);
        self.enable_caching_for_http = settings.enable_caching_for_http.unwrap_or(self.enable_caching_for_http);
        self.last_modified_date = now;
    }

    fn check(&self) -> Result<(), RegistryError> {
        let refuse = |message: String| Err(RegistryError::InvalidRequest(message));
        let arn: Vec<&str> = self.authorizer_function_arn.splitn(7, ':').collect();
        if !matches!(arn[..], ["arn", _, "lambda", _, _, "function", name] if !name.is_empty()) {
            return refuse(format!("{} is not the ARN of a Lambda function", self.authorizer_function_arn));
        }
        if self.token_signing_public_keys.len() > TOKEN_KEYS_MAX {
            return refuse(format!("An authorizer can have at most {TOKEN_KEYS_MAX} token signing public keys"));
        }
        for (name, pem) in &self.token_signing_public_keys {
            check_token_key(pem).or_else(|error| refuse(format!("Token signing public key {name} {error}")))?;
        }
        if !self.signing_disabled && (self.token_key_name.is_none() || self.token_signing_public_keys.is_empty()) {
            return refuse("tokenKeyName and tokenSigningPublicKeys are required when signing is enabled".to_owned());
        }
        Ok(())
    }
}

impl Registry {
    /// An authorizer by its name.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`].
    pub fn authorizer(&self, name: &AuthorizerName) -> Result<&Authorizer, RegistryError> {
        self.authorizers.get(name).ok_or_else(|| RegistryError::not_found(Resource::Authorizer, name))
    }

    /// All of them, by name, ascending.
    pub fn authorizers(&self) -> impl DoubleEndedIterator<Item = &Authorizer> {
        self.authorizers.values()
    }

    /// The one that is asked where none is named.
    pub fn default_authorizer(&self) -> Option<&Authorizer> {
        self.authorizers.get(self.default_authorizer.as_ref()?)
    }

    /// `arn:aws:iot:<region>:<account>:authorizer/<name>`.
    pub fn authorizer_arn(&self, name: &AuthorizerName) -> String {
        self.tenant.arn("iot", format_args!("authorizer/{name}"))
    }

    /// `CreateAuthorizer`. One of which nothing else is said is INACTIVE.
    ///
    /// # Errors
    /// [`RegistryError::AlreadyExists`], [`RegistryError::LimitExceeded`], and [`RegistryError::InvalidRequest`] for what is no function,
    /// no key for tokens, or too little to check signatures with.
    pub fn create_authorizer(
        &self,
        now: Timestamp,
        authorizer_name: AuthorizerName,
        settings: AuthorizerSettings,
        signing_disabled: bool,
    ) -> Result<Vec<Event>, RegistryError> {
        if self.authorizers.contains_key(&authorizer_name) {
            return Err(RegistryError::AlreadyExists {
                message: format!("Authorizer {authorizer_name} already exists"),
                resource_id: authorizer_name.to_string(),
                resource_arn: self.authorizer_arn(&authorizer_name),
            });
        }
        if self.authorizers.len() >= AUTHORIZERS_MAX {
            let message = format!("An account can have at most {AUTHORIZERS_MAX} authorizers");
            return Err(RegistryError::LimitExceeded(message));
        }
        let mut authorizer = Authorizer {
            authorizer_name,
            authorizer_function_arn: String::new(),
            token_key_name: None,
            token_signing_public_keys: TokenKeys::new(),
            status: AuthorizerStatus::Inactive,
            signing_disabled,
            enable_caching_for_http: false,
            creation_date: now,
            last_modified_date: now,
        };
        authorizer.change(settings, now);
        authorizer.check()?;
        Ok(vec![Event::AuthorizerPut { authorizer }])
    }

    /// `UpdateAuthorizer`: what is not named stays as it is.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], and as [`Registry::create_authorizer`].
    pub fn update_authorizer(
        &self,
        now: Timestamp,
        name: &AuthorizerName,
        settings: AuthorizerSettings,
    ) -> Result<(Vec<Event>, ()), RegistryError> {
        let mut authorizer = self.authorizer(name)?.clone();
        authorizer.change(settings, now);
        authorizer.check()?;
        Ok((vec![Event::AuthorizerPut { authorizer }], ()))
    }

    /// `DeleteAuthorizer`.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], and [`RegistryError::DeleteConflict`] for one that is active or the default.
    pub fn delete_authorizer(&self, name: &AuthorizerName) -> Result<(Vec<Event>, ()), RegistryError> {
        if self.authorizer(name)?.status == AuthorizerStatus::Active {
            let message = format!("Authorizer {name} is ACTIVE: set it to INACTIVE before it is deleted");
            return Err(RegistryError::DeleteConflict(message));
        }
        if self.default_authorizer.as_ref() == Some(name) {
            let message = format!("Authorizer {name} is the default: clear that before it is deleted");
            return Err(RegistryError::DeleteConflict(message));
        }
        Ok((vec![Event::AuthorizerDeleted { authorizer_name: name.clone() }], ()))
    }

    /// `SetDefaultAuthorizer`.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`], and [`RegistryError::AlreadyExists`] where another is it.
    pub fn set_default_authorizer(&self, name: &AuthorizerName) -> Result<(Vec<Event>, ()), RegistryError> {
        self.authorizer(name)?;
        match &self.default_authorizer {
            Some(other) if other != name => Err(RegistryError::AlreadyExists {
                message: format!("Authorizer {other} is the default: clear that first"),
                resource_id: other.to_string(),
                resource_arn: self.authorizer_arn(other),
            }),
            Some(_) => Ok((Vec::new(), ())),
            None => Ok((vec![Event::DefaultAuthorizerSet { authorizer_name: Some(name.clone()) }], ())),
        }
    }

    /// `ClearDefaultAuthorizer`.
    ///
    /// # Errors
    /// [`RegistryError::NotFound`] where there is none.
    pub fn clear_default_authorizer(&self) -> Result<(Vec<Event>, ()), RegistryError> {
        match self.default_authorizer {
            Some(_) => Ok((vec![Event::DefaultAuthorizerSet { authorizer_name: None }], ())),
            None => Err(RegistryError::not_found(Resource::Authorizer, "default")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{NOW, tenant};

    const FUNCTION: &str = "arn:aws:lambda:eu-north-1:000000000000:function:who";
    /// openssl genrsa 2048 | openssl rsa -pubout
    const KEY: &str = "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAsau2O8TncYdctieijNR3LvuSuoNxAhwVzdn9ISDDdEukTc5ImN4EbayjQC5aNpDsQepHRCwdBuV1cxeZu9OikzVWGgots/rSKC7e7IEMkqdB8NKhtxrWUKb2a3YcB+Yxkv6RQuwJXnJ58O39G6rJKvPOqCdaBaO8z6t4hLbTAOHB/UHXYbbiwkvpP/m8GzCYPLzHgBW7H345LPtYE61p89yFER5dKZc97uDVAg5XT9nu891oQF2vY5h7N3h2iC7nkVoQB3oHKIGO/4x9RudwL2DLUNhDByHwTCY2wYO+EFb3hDf5JI8BKVvTdyxgRAskvkkZqlsjiHnAIQb4YZczZwIDAQAB\n-----END PUBLIC KEY-----\n";

    fn name(text: &str) -> AuthorizerName {
        AuthorizerName::parse(text).unwrap()
    }

    fn function() -> AuthorizerSettings {
        AuthorizerSettings { authorizer_function_arn: Some(FUNCTION.into()), ..AuthorizerSettings::default() }
    }

    fn signed() -> AuthorizerSettings {
        let keys = BTreeMap::from([("first".to_owned(), KEY.to_owned())]);
        AuthorizerSettings { token_key_name: Some("token".into()), token_signing_public_keys: Some(keys), ..function() }
    }

    fn apply(registry: &mut Registry, command: impl FnOnce(&Registry) -> Vec<Event>) {
        for event in command(registry) {
            let read: Event = serde_json::from_str(&serde_json::to_string(&event).unwrap()).unwrap();
            assert_eq!(read, event);
            registry.apply(&read);
        }
    }

    #[test]
    fn what_an_authorizer_is_made_of() {
        let registry = Registry::new(tenant());
        let create = |settings, unsigned| registry.create_authorizer(NOW, name("a"), settings, unsigned);
        let keyless = AuthorizerSettings { token_signing_public_keys: Some(BTreeMap::new()), ..signed() };
        let nameless = AuthorizerSettings { token_key_name: None, ..signed() };
        let no_function =
            AuthorizerSettings { authorizer_function_arn: Some("arn:aws:iot:a:b:c/d".into()), ..function() };
        let no_key = BTreeMap::from([("first".to_owned(), "key".to_owned())]);
        let no_key = AuthorizerSettings { token_signing_public_keys: Some(no_key), ..signed() };
        let many = (0..=TOKEN_KEYS_MAX).map(|number| (number.to_string(), KEY.to_owned())).collect();
        let many = AuthorizerSettings { token_signing_public_keys: Some(many), ..signed() };
        for refused in [
            (function(), false),
            (keyless, false),
            (nameless, false),
            (no_function, true),
            (no_key, true),
            (many, true),
        ] {
            let what = format!("{refused:?}");
            assert!(matches!(create(refused.0, refused.1), Err(RegistryError::InvalidRequest(_))), "{what}");
        }
        assert!(create(function(), true).is_ok() && create(signed(), false).is_ok());
    }

    #[test]
    fn authorizers_are_made_changed_chosen_and_deleted() {
        let mut registry = Registry::new(tenant());
        apply(&mut registry, |registry| registry.create_authorizer(NOW, name("a"), signed(), false).unwrap());
        apply(&mut registry, |registry| registry.create_authorizer(NOW, name("b"), function(), true).unwrap());
        let again = registry.create_authorizer(NOW, name("a"), signed(), false);
        assert!(matches!(again, Err(RegistryError::AlreadyExists { .. })));
        assert_eq!(registry.authorizer(&name("a")).unwrap().status, AuthorizerStatus::Inactive, "until it is said");
        assert_eq!(registry.authorizer(&name("a")).unwrap().signers().map(BTreeMap::len), Some(1));
        assert_eq!(registry.authorizer(&name("b")).unwrap().signers(), None);

        let later = Timestamp::from_millis(NOW.millis() + 5);
        let active = AuthorizerSettings { status: Some(AuthorizerStatus::Active), ..AuthorizerSettings::default() };
        apply(&mut registry, |registry| registry.update_authorizer(later, &name("a"), active).unwrap().0);
        let found = registry.authorizer(&name("a")).unwrap();
        assert_eq!((found.creation_date, found.last_modified_date), (NOW, later));
        assert_eq!(
            (found.token_key_name.as_deref(), found.token_signing_public_keys.len()),
            (Some("token"), 1),
            "stay"
        );
        let keyless = AuthorizerSettings { token_signing_public_keys: Some(BTreeMap::new()), ..Default::default() };
        assert!(registry.update_authorizer(later, &name("a"), keyless).is_err());
        assert!(registry.update_authorizer(later, &name("c"), function()).is_err());

        assert!(registry.clear_default_authorizer().is_err() && registry.set_default_authorizer(&name("c")).is_err());
        apply(&mut registry, |registry| registry.set_default_authorizer(&name("b")).unwrap().0);
        assert_eq!(registry.set_default_authorizer(&name("b")), Ok((vec![], ())));
        let another = registry.set_default_authorizer(&name("a"));
        assert!(matches!(another, Err(RegistryError::AlreadyExists { .. })), "another is it");
        assert_eq!(registry.default_authorizer().unwrap().authorizer_name, name("b"));

        let mut again = Registry::new(tenant());
        apply(&mut again, |_| registry.snapshot());
        assert!(again.authorizers().eq(registry.authorizers()));
        assert_eq!(again.default_authorizer(), registry.default_authorizer());
        assert_eq!(again.snapshot(), registry.snapshot());

        for kept in ["a", "b"] {
            assert!(matches!(registry.delete_authorizer(&name(kept)), Err(RegistryError::DeleteConflict(_))), "{kept}");
        }
        apply(&mut registry, |registry| registry.clear_default_authorizer().unwrap().0);
        apply(&mut registry, |registry| registry.delete_authorizer(&name("b")).unwrap().0);
        assert!(registry.delete_authorizer(&name("b")).is_err() && registry.default_authorizer().is_none());
        for number in 1..AUTHORIZERS_MAX {
            apply(&mut registry, |registry| {
                registry.create_authorizer(NOW, name(&format!("n{number}")), function(), true).unwrap()
            });
        }
        let one_more = registry.create_authorizer(NOW, name("b"), function(), true);
        assert!(matches!(one_more, Err(RegistryError::LimitExceeded(_))), "AWS IoT Core quotas");
    }
}
