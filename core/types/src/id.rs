//! Names as AWS and X.509 spell them, each a type of its own so that one cannot pass for another.
use std::borrow::Borrow;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A name that breaks its rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{value}` is not a valid {what}: {rule}")]
pub struct InvalidName {
    /// What was expected, such as `thing name`.
    pub what: &'static str,
    /// What came instead.
    pub value: Box<str>,
    /// The rule it breaks.
    pub rule: &'static str,
}

macro_rules! names {
    ($($(#[$doc:meta])* $type:ident, $what:literal, $rule:literal, $valid:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(Box<str>);

        impl $type {
            /// Parses the text, or says which rule it breaks.
            pub fn parse(text: &str) -> Result<Self, InvalidName> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(InvalidName { what: $what, value: text.chars().take(300).collect::<String>().into(), rule: $rule })
                }
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Borrow<str> for $type {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    )*};
}

fn within(text: &str, min: usize, max: usize, fits: fn(char) -> bool) -> bool {
    (min..=max).contains(&text.chars().count()) && text.chars().all(fits)
}

names! {
    /// A thing in the registry.
    ThingName, "thing name", "1 to 128 of a-z A-Z 0-9 : _ -",
        |t| within(t, 1, 128, |c| c.is_ascii_alphanumeric() || matches!(c, ':' | '_' | '-'));
    /// A named shadow of a thing.
    ShadowName, "shadow name", "1 to 64 of $ a-z A-Z 0-9 : _ -",
        |t| within(t, 1, 64, |c| c.is_ascii_alphanumeric() || matches!(c, '$' | ':' | '_' | '-'));
    /// A thing type.
    ThingTypeName, "thing type name", "1 to 128 of a-z A-Z 0-9 : _ -",
        |t| within(t, 1, 128, |c| c.is_ascii_alphanumeric() || matches!(c, ':' | '_' | '-'));
    /// A thing group.
    ThingGroupName, "thing group name", "1 to 128 of a-z A-Z 0-9 : _ -",
        |t| within(t, 1, 128, |c| c.is_ascii_alphanumeric() || matches!(c, ':' | '_' | '-'));
    /// A billing group.
    BillingGroupName, "billing group name", "1 to 128 of a-z A-Z 0-9 : _ -",
        |t| within(t, 1, 128, |c| c.is_ascii_alphanumeric() || matches!(c, ':' | '_' | '-'));
    /// An IoT policy.
    PolicyName, "policy name", "1 to 128 of a-z A-Z 0-9 _ + = , . @ -",
        |t| within(t, 1, 128, |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '+' | '=' | ',' | '.' | '@' | '-'));
    /// A topic rule.
    RuleName, "rule name", "1 to 128 of a-z A-Z 0-9 _",
        |t| within(t, 1, 128, |c| c.is_ascii_alphanumeric() || c == '_');
    /// A role alias (iot model: RoleAlias).
    RoleAliasName, "role alias", "1 to 128 of a-z A-Z 0-9 _ = , @ -",
        |t| within(t, 1, 128, |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '=' | ',' | '@' | '-'));
    /// A custom authorizer (iot model: AuthorizerName).
    AuthorizerName, "authorizer name", "1 to 128 of a-z A-Z 0-9 _ = , @ -",
        |t| within(t, 1, 128, |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '=' | ',' | '@' | '-'));
    /// Whom a custom authorizer has recognized (iot model: PrincipalId).
    PrincipalId, "principal id", "1 to 128 of a-z A-Z 0-9", |t| within(t, 1, 128, |c| c.is_ascii_alphanumeric());
    /// A delivery stream.
    DeliveryStreamName, "delivery stream name", "1 to 64 of a-z A-Z 0-9 _ . -",
        |t| within(t, 1, 64, |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'));
    /// An MQTT client identifier as AWS IoT takes it: 1 to 128 bytes, not starting with `$`.
    ClientId, "client id", "1 to 128 bytes of UTF-8 without NUL, not starting with $",
        |t| (1..=128).contains(&t.len()) && !t.starts_with('$') && !t.contains('\0');
    /// A bucket (S3 user guide: bucket naming rules).
    BucketName, "bucket name", "3 to 63 of a-z 0-9 . -, beginning and ending with a letter or digit, not an IP address",
        |t| within(t, 3, 63, |c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-'))
            && t.starts_with(|c: char| c.is_ascii_alphanumeric())
            && t.ends_with(|c: char| c.is_ascii_alphanumeric())
            && !t.contains("..")
            && t.parse::<std::net::Ipv4Addr>().is_err();
    /// An object's key: 1 to 1,024 bytes of UTF-8.
    ObjectKey, "object key", "1 to 1024 bytes of UTF-8", |t| (1..=1024).contains(&t.len());
    /// A KMS key's id: a UUID, or `mrk-` and 32 hexadecimal digits.
    KeyId, "key id", "a UUID, or mrk- and 32 hexadecimal digits", |t| {
        let hex = |t: &str| t.bytes().all(|b| b.is_ascii_hexdigit());
        if let Some(rest) = t.strip_prefix("mrk-") {
            return rest.len() == 32 && hex(rest);
        }
        let groups: Vec<&str> = t.split('-').collect();
        groups.iter().map(|g| g.len()).eq([8, 4, 4, 4, 12]) && groups.iter().all(|g| hex(g))
    };
}

/// SHA-256 of a certificate's DER, printed as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CertificateId([u8; 32]);

impl CertificateId {
    /// From the digest.
    pub const fn new(sha256_of_der: [u8; 32]) -> Self {
        Self(sha256_of_der)
    }

    /// Parses 64 hexadecimal digits, in either case.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let mut id = [0u8; 32];
        let digits = text.as_bytes();
        let ok = digits.len() == 64
            && id.iter_mut().zip(digits.chunks_exact(2)).all(|(byte, pair)| {
                match ((pair[0] as char).to_digit(16), (pair[1] as char).to_digit(16)) {
                    (Some(high), Some(low)) => {
                        *byte = (high * 16 + low) as u8;
                        true
                    }
                    _ => false,
                }
            });
        if ok {
            Ok(Self(id))
        } else {
            Err(InvalidName {
                what: "certificate id",
                value: text.chars().take(300).collect::<String>().into(),
                rule: "64 hexadecimal digits",
            })
        }
    }

    /// The digest.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for CertificateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for CertificateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for CertificateId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for CertificateId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a name of one kind parses.
    type Parses = fn(&str) -> bool;

    #[rustfmt::skip] // rule                           accepted  text
    const NAMES: &[(&str, Parses, bool, &str)] = &[
        ("iot: ThingName pattern",         |t| ThingName::parse(t).is_ok(),  true,  "pump:7_a-b"),
        ("iot: ThingName pattern",         |t| ThingName::parse(t).is_ok(),  false, "pump 7"),
        ("iot: ThingName min",             |t| ThingName::parse(t).is_ok(),  false, ""),
        ("iot-data: ShadowName pattern",   |t| ShadowName::parse(t).is_ok(), true,  "$a:b_c-1"),
        ("iot-data: ShadowName pattern",   |t| ShadowName::parse(t).is_ok(), false, "a/b"),
        ("iot: ThingTypeName pattern",     |t| ThingTypeName::parse(t).is_ok(),    true,  "pump:7_a-b"),
        ("iot: ThingTypeName pattern",     |t| ThingTypeName::parse(t).is_ok(),    false, "pump.7"),
        ("iot: ThingGroupName pattern",    |t| ThingGroupName::parse(t).is_ok(),   false, "a/b"),
        ("iot: BillingGroupName pattern",  |t| BillingGroupName::parse(t).is_ok(), false, ""),
        ("iot: PolicyName pattern",        |t| PolicyName::parse(t).is_ok(), true,  "a+=,.@-_b"),
        ("iot: PolicyName pattern",        |t| PolicyName::parse(t).is_ok(), false, "a/b"),
        ("iot: RoleAlias pattern",         |t| RoleAliasName::parse(t).is_ok(), true, "a=,@-_b"),
        ("iot: RoleAlias pattern",         |t| RoleAliasName::parse(t).is_ok(), false, "a.b"),
        ("iot: AuthorizerName pattern",    |t| AuthorizerName::parse(t).is_ok(), true, "a=,@-_b"),
        ("iot: AuthorizerName pattern",    |t| AuthorizerName::parse(t).is_ok(), false, "a.b"),
        ("iot: PrincipalId pattern",       |t| PrincipalId::parse(t).is_ok(), true,  "pump7"),
        ("iot: PrincipalId pattern",       |t| PrincipalId::parse(t).is_ok(), false, "pump-7"),
        ("iot: RuleName pattern",          |t| RuleName::parse(t).is_ok(),   false, "a-b"),
        ("iot quotas: client id",          |t| ClientId::parse(t).is_ok(),   false, "$me"),
        ("iot quotas: client id",          |t| ClientId::parse(t).is_ok(),   true,  "ポンプ"),
        ("s3: bucket names, length",       |t| BucketName::parse(t).is_ok(), false, "ab"),
        ("s3: bucket names, letters",      |t| BucketName::parse(t).is_ok(), false, "Abc"),
        ("s3: bucket names, IP address",   |t| BucketName::parse(t).is_ok(), false, "192.168.5.4"),
        ("s3: bucket names, two periods",  |t| BucketName::parse(t).is_ok(), false, "a..b"),
        ("s3: bucket names",               |t| BucketName::parse(t).is_ok(), true,  "lake.one-2"),
        ("kms: key id",                    |t| KeyId::parse(t).is_ok(),      true,  "1234abcd-12ab-34cd-56ef-1234567890ab"),
        ("kms: key id, dashes required",   |t| KeyId::parse(t).is_ok(),      false, "1234abcd12ab34cd56ef1234567890ab"),
    ];

    #[test]
    fn names_follow_their_rules() {
        for (rule, parses, accepted, text) in NAMES {
            assert_eq!(parses(text), *accepted, "{rule}: `{text}`");
        }
    }

    #[test]
    fn a_certificate_id_prints_as_it_parses() {
        let text = "00ff".repeat(16);
        assert_eq!(CertificateId::parse(&text).unwrap().to_string(), text);
        assert!(CertificateId::parse(&text[1..]).is_err());
        assert!(CertificateId::parse(&"zz".repeat(32)).is_err());
    }
}
