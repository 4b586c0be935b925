//! Whose it is and where: the account and region every resource name carries.
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::InvalidName;

/// A 12-digit AWS account id.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AccountId(Box<str>);

impl AccountId {
    /// Parses exactly twelve decimal digits.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        if text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidName { what: "account id", value: text.into(), rule: "12 digits" })
        }
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An AWS region name, such as `us-east-1`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Region(Box<str>);

impl Region {
    /// Parses lower-case letters, digits and hyphens, 1 to 32 of them.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if (1..=32).contains(&text.len()) && text.bytes().all(fits) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidName { what: "region", value: text.into(), rule: "1 to 32 of a-z, 0-9 and -" })
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The one account and region a server answers for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tenant {
    /// Twelve digits.
    pub account: AccountId,
    /// Such as `us-east-1`.
    pub region: Region,
}

impl Tenant {
    /// `arn:aws:<service>:<region>:<account>:<resource>`.
    pub fn arn(&self, service: &str, resource: impl fmt::Display) -> String {
        format!("arn:aws:{service}:{}:{}:{resource}", self.region, self.account)
    }

    /// The name, without its path, of the role `arn` is of, if that is one of this account's (IAM user guide: "IAM identifiers").
    pub fn role_of<'a>(&self, arn: &'a str) -> Option<&'a str> {
        let path = arn.strip_prefix("arn:aws:iam::")?.strip_prefix(self.account.as_str())?.strip_prefix(":role/")?;
        let fits = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
        let name = path.rsplit('/').next().unwrap_or_default();
        let is_one = (1..=64).contains(&name.len()) && name.chars().all(fits) && path.len() <= 512 && path.is_ascii();
        is_one.then_some(name)
    }

    /// The resource part of `arn` if it is one of this tenant's in `service`.
    pub fn resource_of<'a>(&self, service: &str, arn: &'a str) -> Option<&'a str> {
        let mut parts = arn.splitn(6, ':');
        let ours = parts.next() == Some("arn")
            && parts.next() == Some("aws")
            && parts.next() == Some(service)
            && parts.next() == Some(self.region.as_str())
            && parts.next() == Some(self.account.as_str());
        if ours { parts.next() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_is_taken_apart_as_it_was_put_together() {
        let tenant =
            Tenant { account: AccountId::parse("000000000000").unwrap(), region: Region::parse("eu-north-1").unwrap() };
        let arn = tenant.arn("iot", "topic/a:b/c");
        assert_eq!(arn, "arn:aws:iot:eu-north-1:000000000000:topic/a:b/c");
        assert_eq!(tenant.resource_of("iot", &arn), Some("topic/a:b/c"));
        assert_eq!(tenant.resource_of("kms", &arn), None);
    }

    #[test]
    fn an_account_is_twelve_digits() {
        assert!(AccountId::parse("00000000000").is_err());
        assert!(AccountId::parse("00000000000x").is_err());
    }
}
