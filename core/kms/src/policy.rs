//! Key policies: may this caller do this with the key?
//!
//! Explicit deny, then allow of the policy or of a grant, then implicit deny. What cannot be evaluated is denied: with a condition
//! key that is not known here an allow does not apply, and a deny does.
use std::collections::BTreeMap;

use sekisho_iam::{Context, Decision, Request};

use crate::{EncryptionContext, Grant, Key, Kms, KmsError};

/// What is asked, and what is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked<'a> {
    /// Without `kms:`, such as `Decrypt` or `ReEncryptFrom`.
    pub action: &'a str,
    /// Who: an ARN.
    pub principal: String,
    /// The context that goes with the operation.
    pub context: &'a EncryptionContext,
    /// The values of the other condition keys, by their names in lower case.
    pub values: BTreeMap<&'static str, Vec<String>>,
}

/// Condition keys that are known here; one without a value in a request is absent from it.
const KEYS: &[&str] = &[
    "aws:principalaccount",
    "aws:principalarn",
    "aws:requestedregion",
    "kms:calleraccount",
    "kms:encryptionalgorithm",
    "kms:encryptioncontextkeys",
    "kms:grantconstrainttype",
    "kms:granteeprincipal",
    "kms:grantisforawsresource",
    "kms:grantoperations",
    "kms:keyorigin",
    "kms:keyspec",
    "kms:keyusage",
    "kms:macalgorithm",
    "kms:messagetype",
    "kms:requestalias",
    "kms:resourcealiases",
    "kms:retiringprincipal",
    "kms:signingalgorithm",
    "kms:viaservice",
];
/// Followed by the name of a pair.
const CONTEXT_KEY: &str = "kms:encryptioncontext:";

fn is_known(key: &str) -> bool {
    KEYS.contains(&key) || key.starts_with(CONTEXT_KEY)
}

impl Asked<'_> {
    fn known(&self) -> Context {
        let values = self.values.iter().flat_map(|(key, values)| values.iter().map(|value| ((*key).to_owned(), value)));
        let pairs = self.context.iter().map(|(name, value)| (format!("{CONTEXT_KEY}{name}"), value));
        let names = self.context.keys().map(|name| ("kms:encryptioncontextkeys".to_owned(), name));
        Context::new(values.chain(pairs).chain(names), is_known)
    }
}

/// The service through which a key is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// For an object.
    S3,
    /// For a delivery stream's records.
    Firehose,
}

impl Grant {
    fn allows(&self, asked: &Asked<'_>) -> bool {
        let granted = &self.granted;
        let constrained = granted.constraints.as_ref().is_none_or(|constraints| {
            let (subset, equals) = (&constraints.encryption_context_subset, &constraints.encryption_context_equals);
            let has = |(name, value): (&String, &String)| asked.context.get(name) == Some(value);
            subset.as_ref().is_none_or(|pairs| pairs.iter().all(has))
                && equals.as_ref().is_none_or(|pairs| pairs == asked.context)
        });
        let unconstrained = matches!(asked.action, "DescribeKey" | "RetireGrant");
        // A role stands for its sessions.
        let roles = asked.values.get("aws:principalarn");
        let is_grantee = granted.grantee_principal == asked.principal
            || roles.is_some_and(|roles| roles.contains(&granted.grantee_principal));
        is_grantee
            && granted.operations.iter().any(|operation| operation.as_str() == asked.action)
            && (constrained || unconstrained)
    }
}

impl Kms {
    /// What the account's root asks, with what is known of key and account.
    pub fn asked<'a>(&self, action: &'a str, key: &Key, context: &'a EncryptionContext) -> Asked<'a> {
        let account = self.tenant().account.as_str();
        let principal = format!("arn:aws:iam::{account}:root");
        let of_key = self.aliases().filter(|alias| alias.target == key.key_id).map(|alias| alias.name.clone());
        let aliases: Vec<String> = of_key.collect();
        let mut values = BTreeMap::from([
            ("aws:principalaccount", vec![account.to_owned()]),
            ("aws:principalarn", vec![principal.clone()]),
            ("aws:requestedregion", vec![self.tenant().region.as_str().to_owned()]),
            ("kms:calleraccount", vec![account.to_owned()]),
            ("kms:keyorigin", vec![key.origin.to_string()]),
            ("kms:keyspec", vec![key.spec.to_string()]),
            ("kms:keyusage", vec![key.usage.to_string()]),
        ]);
        if !aliases.is_empty() {
            values.insert("kms:resourcealiases", aliases);
        }
        Asked { action, principal, context, values }
    }

    /// That the key's policy, or a grant, lets `asked` be done with `key`.
    ///
    /// # Errors
    /// [`KmsError::AccessDenied`].
    pub fn authorize(&self, key: &Key, asked: &Asked<'_>) -> Result<(), KmsError> {
        let arn = key.arn(self.tenant());
        if allows(key, &arn, self.grants_of(&key.key_id), asked) {
            return Ok(());
        }
        let (principal, action) = (asked.principal.clone(), asked.action.to_owned());
        Err(KmsError::AccessDenied { principal, action, resource: arn })
    }

    /// As [`Kms::authorize`], for a service that encrypts in the account's name.
    ///
    /// S3 passes its caller on. A delivery stream has what is a grant on AWS, made with the stream.
    pub(crate) fn authorize_service(
        &self,
        via: Via,
        key: &Key,
        action: &str,
        context: &EncryptionContext,
    ) -> Result<(), KmsError> {
        let service = match via {
            Via::S3 if key.policy.is_some() => "s3",
            Via::S3 | Via::Firehose => return Ok(()),
        };
        let mut asked = self.asked(action, key, context);
        asked.values.insert("kms:viaservice", vec![format!("{service}.{}.amazonaws.com", self.tenant().region)]);
        asked.values.insert("kms:encryptionalgorithm", vec!["SYMMETRIC_DEFAULT".to_owned()]);
        self.authorize(key, &asked)
    }

    /// That whoever puts this policy can put another.
    pub(crate) fn check_lockout(&self, key: &Key) -> Result<(), KmsError> {
        let none = EncryptionContext::new();
        self.authorize(key, &self.asked("PutKeyPolicy", key, &none)).map_err(|_| {
            let message = "The new key policy will not allow you to update the key policy in the future.";
            KmsError::MalformedPolicy(message.to_owned())
        })
    }
}

/// Whether `asked` may be done with `key`.
///
/// A policy from before policies were judged may be none: then the account can look at it and put another, and no more.
fn allows<'a>(key: &Key, arn: &str, mut grants: impl Iterator<Item = &'a Grant>, asked: &Asked<'_>) -> bool {
    let Some(attached) = &key.policy else { return true };
    let action = format!("kms:{}", asked.action);
    let request = Request { principal: &asked.principal, action: &action, resource: arn };
    match attached.policy().map(|policy| policy.decide(&request, &asked.known())) {
        Ok(Decision::Deny) => false,
        Ok(Decision::Allow) => true,
        Ok(Decision::Silent) => grants.any(|grant| grant.allows(asked)),
        Err(_) => matches!(asked.action, "GetKeyPolicy" | "PutKeyPolicy"),
    }
}
