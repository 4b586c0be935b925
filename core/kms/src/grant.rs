//! Grants: what somebody may do with one key, until it is retired or revoked.
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sekisho_types::{KeyId, Random, Tenant, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::crypto::hex;
use crate::store::Outcome;
use crate::{EncryptionContext, Event, Key, KeySpec, Kms, KmsError, Operation, RootKey};

/// AWS's quota a key.
const GRANTS_MAX: usize = 50_000;
/// AWS's bound on the pairs of a constraint.
const CONSTRAINT_PAIRS_MAX: usize = 8;
/// AWS's bound on a constraint's value.
const CONSTRAINT_CHARS_MAX: usize = 384;
/// What a token is sealed for.
const TOKEN_AAD: &[u8] = b"sekisho kms grant token";

/// `GrantConstraints`: which encryption contexts a grant is for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct GrantConstraints {
    /// These pairs, and others may be there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption_context_subset: Option<EncryptionContext>,
    /// These pairs and no others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption_context_equals: Option<EncryptionContext>,
}

/// What CreateGrant is asked for: who, what, and with which contexts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Granted {
    /// A name that makes asking twice the same as asking once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Who may.
    pub grantee_principal: String,
    /// Who may end it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retiring_principal: Option<String>,
    /// What.
    pub operations: Vec<Operation>,
    /// With which contexts; none are all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub constraints: Option<GrantConstraints>,
}

/// A grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// 64 hexadecimal digits.
    pub id: String,
    /// The key.
    pub key_id: KeyId,
    /// CreationDate.
    pub created_at: Timestamp,
    /// What was asked for.
    #[serde(flatten)]
    pub granted: Granted,
}

impl Grant {
    /// `GrantListEntry`
    pub fn describe(&self, tenant: &Tenant) -> Value {
        let mut entry = json!({
            "KeyId": tenant.arn("kms", format_args!("key/{}", self.key_id)),
            "GrantId": self.id,
            "CreationDate": self.created_at.epoch_seconds(),
            "GranteePrincipal": self.granted.grantee_principal,
            "IssuingAccount": format!("arn:aws:iam::{}:root", tenant.account),
            "Operations": self.granted.operations,
        });
        let optional = [
            ("Name", self.granted.name.as_ref().map(|name| json!(name))),
            ("RetiringPrincipal", self.granted.retiring_principal.as_ref().map(|principal| json!(principal))),
            ("Constraints", self.granted.constraints.as_ref().map(|constraints| json!(constraints))),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                entry[name] = value;
            }
        }
        entry
    }

    /// A token that names this grant, another one each time.
    pub fn token(&self, root_key: &RootKey, random: &mut dyn Random) -> String {
        let named = format!("{} {}", self.key_id, self.id);
        STANDARD.encode(root_key.seal(TOKEN_AAD, named.as_bytes(), random))
    }
}

impl Granted {
    fn check(&mut self, key: &Key) -> Result<(), KmsError> {
        let principals = [Some(&self.grantee_principal), self.retiring_principal.as_ref()];
        if let Some(none) = principals.into_iter().flatten().find(|principal| !is_principal(principal)) {
            return Err(KmsError::Principal(none.clone()));
        }
        if self.operations.is_empty() {
            return Err(KmsError::Validation("a grant is for one operation at least".into()));
        }
        // One order, each once, so that the same grant is the same grant.
        self.operations = Operation::ALL.iter().copied().filter(|each| self.operations.contains(each)).collect();
        if let Some(other) = self.operations.iter().find(|operation| !operation.fits(key)) {
            let message = format!("Operation {other} is not supported by key spec {} for {}.", key.spec, key.usage);
            return Err(KmsError::Validation(message));
        }
        let Some(constraints) = &self.constraints else { return Ok(()) };
        if key.spec != KeySpec::SymmetricDefault {
            let message = "Grant constraints are for symmetric encryption keys only.";
            return Err(KmsError::Validation(message.into()));
        }
        let contexts = [&constraints.encryption_context_subset, &constraints.encryption_context_equals];
        for context in contexts.into_iter().flatten() {
            let long = |value: &String| value.chars().count() > CONSTRAINT_CHARS_MAX;
            if context.len() > CONSTRAINT_PAIRS_MAX || context.values().any(long) {
                let message = format!(
                    "a grant constraint has at most {CONSTRAINT_PAIRS_MAX} pairs, with values of at most {CONSTRAINT_CHARS_MAX} characters"
                );
                return Err(KmsError::Validation(message));
            }
        }
        Ok(())
    }
}

/// `arn:aws:iam::<account>:…` or `arn:aws:sts::<account>:…`
fn is_principal(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let digits = |text: &str| text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit());
    matches!(parts.as_slice(), ["arn", "aws", "iam" | "sts", "", account, name] if digits(account) && !name.is_empty())
}

fn check_id(id: &str) -> Result<(), KmsError> {
    match id.len() == 64 && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        true => Ok(()),
        false => Err(KmsError::InvalidGrantId(id.to_owned())),
    }
}

impl Kms {
    /// CreateGrant. The same under the same name is the grant that is there already.
    ///
    /// # Errors
    /// [`KmsError::Principal`], [`KmsError::Validation`], [`KmsError::Limit`], and those of a key that is not enabled.
    pub fn create_grant(
        &self,
        now: Timestamp,
        key: &str,
        mut granted: Granted,
        random: &mut dyn Random,
    ) -> Outcome<Grant> {
        let key = self.resolve_key(key)?;
        key.usable(self.tenant())?;
        granted.check(key)?;
        if granted.name.is_some()
            && let Some(grant) = self.grants_of(&key.key_id).find(|grant| grant.granted == granted)
        {
            return Ok((Vec::new(), grant.clone()));
        }
        if self.grants_of(&key.key_id).count() >= GRANTS_MAX {
            return Err(KmsError::Limit(format!("A key has at most {GRANTS_MAX} grants.")));
        }
        let mut id = [0; 32];
        random.fill(&mut id);
        let grant = Grant { id: hex(&id), key_id: key.key_id.clone(), created_at: now, granted };
        Ok((vec![Event::GrantPut { grant: Box::new(grant.clone()) }], grant))
    }

    /// ListGrants.
    ///
    /// # Errors
    /// [`KmsError::InvalidGrantId`], and those of [`Kms::resolve_key`].
    pub fn list_grants<'a>(
        &'a self,
        key: &str,
        id: Option<&'a str>,
        grantee: Option<&'a str>,
    ) -> Result<impl Iterator<Item = &'a Grant>, KmsError> {
        id.map_or(Ok(()), check_id)?;
        let grants = self.grants_of(&self.resolve_key(key)?.key_id);
        Ok(grants.filter(move |grant| {
            id.is_none_or(|id| grant.id == id) && grantee.is_none_or(|who| grant.granted.grantee_principal == who)
        }))
    }

    /// RevokeGrant, or RetireGrant by the key and the id.
    ///
    /// # Errors
    /// [`KmsError::InvalidGrantId`], [`KmsError::GrantNotFound`], and those of [`Kms::resolve_key`].
    pub fn delete_grant(&self, key: &str, id: &str) -> Outcome<()> {
        check_id(id)?;
        let key_id = &self.resolve_key(key)?.key_id;
        match self.grant(key_id, id) {
            Some(_) => Ok((vec![Event::GrantDeleted { key_id: key_id.clone(), grant_id: id.to_owned() }], ())),
            None => Err(KmsError::GrantNotFound(id.to_owned())),
        }
    }

    /// RetireGrant by a token.
    ///
    /// # Errors
    /// [`KmsError::InvalidGrantToken`].
    pub fn retire_grant(&self, root_key: &RootKey, token: &str) -> Outcome<()> {
        let grant = self.grant_of_token(root_key, token)?;
        Ok((vec![Event::GrantDeleted { key_id: grant.key_id.clone(), grant_id: grant.id.clone() }], ()))
    }

    /// The grant that a token names. Grants are effective at once, so a token adds nothing to one; but it has to be true.
    ///
    /// # Errors
    /// [`KmsError::InvalidGrantToken`].
    pub fn grant_of_token(&self, root_key: &RootKey, token: &str) -> Result<&Grant, KmsError> {
        let sealed = STANDARD.decode(token).map_err(|_| KmsError::InvalidGrantToken)?;
        let opened = root_key.open(TOKEN_AAD, &sealed).map_err(|_| KmsError::InvalidGrantToken)?;
        let named = std::str::from_utf8(opened.expose()).ok().and_then(|text| text.split_once(' '));
        let (key_id, id) = named.ok_or(KmsError::InvalidGrantToken)?;
        let key_id = KeyId::parse(key_id).map_err(|_| KmsError::InvalidGrantToken)?;
        self.grant(&key_id, id).ok_or(KmsError::InvalidGrantToken)
    }
}
