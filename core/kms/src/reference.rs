//! Key ids, key ARNs, alias names and alias ARNs, told apart (KMS developer guide, "Key identifiers").
use std::sync::Arc;

use sekisho_types::{KeyId, Tenant};

use crate::{Key, KeyManager, Kms, KmsError, Operation};

impl Kms {
    /// The key that `text` names in an operation that takes aliases.
    ///
    /// # Errors
    /// As AWS tells the four ways of being wrong apart.
    pub fn resolve(&self, text: &str) -> Result<&Arc<Key>, KmsError> {
        let name = if text.starts_with("alias/") {
            Some(text)
        } else {
            in_region(self.tenant(), text)?.filter(|r| r.starts_with("alias/"))
        };
        match name {
            Some(name) => {
                let alias = self.alias(name);
                let missing = || KmsError::AliasNotFound(self.tenant().arn("kms", name));
                self.shared(&alias.ok_or_else(missing)?.target).ok_or_else(missing)
            }
            None => self.resolve_key(text),
        }
    }

    /// The account's own symmetric key that `text` names, if it may be used now: what a service needs that encrypts in the account's name.
    ///
    /// # Errors
    /// Those of [`Kms::use_key`], and [`KmsError::Managed`].
    pub fn customer_key(&self, text: &str) -> Result<&Key, KmsError> {
        let key = self.resolve(text)?;
        if key.manager == KeyManager::Aws {
            return Err(KmsError::Managed(key.arn(self.tenant())));
        }
        self.in_use(Operation::GenerateDataKey, key)?.check_symmetric()?;
        Ok(key)
    }

    /// The key that `text` names in an operation that takes ids and key ARNs alone.
    ///
    /// # Errors
    /// As [`Kms::resolve`].
    pub fn resolve_key(&self, text: &str) -> Result<&Arc<Key>, KmsError> {
        let id = match in_region(self.tenant(), text)? {
            Some(resource) => resource.strip_prefix("key/").unwrap_or(text),
            None => text,
        };
        let id = KeyId::parse(id).map_err(|_| KmsError::InvalidKeyId(text.to_owned()))?;
        let missing = || KmsError::KeyNotFound(self.tenant().arn("kms", format_args!("key/{id}")));
        self.shared(&id).ok_or_else(missing)
    }
}

/// The resource part of an ARN of ours; `None` if `text` is no ARN.
fn in_region<'a>(tenant: &Tenant, text: &'a str) -> Result<Option<&'a str>, KmsError> {
    if !text.starts_with("arn:") {
        return Ok(None);
    }
    if let Some(resource) = tenant.resource_of("kms", text) {
        return Ok(Some(resource));
    }
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    match parts.as_slice() {
        ["arn", "aws", "kms", region, _, _] if *region != tenant.region.as_str() => {
            Err(KmsError::InvalidArn((*region).to_owned()))
        }
        ["arn", "aws", "kms", _, _, _] => Err(KmsError::KeyNotFound(text.to_owned())),
        _ => Err(KmsError::InvalidKeyId(text.to_owned())),
    }
}
