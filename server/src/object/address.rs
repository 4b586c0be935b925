//! `s3://bucket/key`
use std::fmt;

use sekisho_client::encode_segment;
use sekisho_types::{BucketName, ObjectKey};

/// An object's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    bucket: BucketName,
    key: ObjectKey,
}

impl Address {
    /// Reads it, or says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let rest = text.strip_prefix("s3://").and_then(|rest| rest.split_once('/'));
        let (bucket, key) = rest.ok_or("expected s3://bucket/key")?;
        let bucket = BucketName::parse(bucket).map_err(|error| error.to_string())?;
        Ok(Self { bucket, key: ObjectKey::parse(key).map_err(|error| error.to_string())? })
    }

    /// The object beside it, whose key goes on with `suffix`.
    pub fn beside(&self, suffix: &str) -> anyhow::Result<Self> {
        let key = ObjectKey::parse(&format!("{}{suffix}", self.key))?;
        Ok(Self { bucket: self.bucket.clone(), key })
    }

    /// The path of a request, in wire form. Slashes of a key stay.
    pub fn path(&self) -> String {
        let segments: Vec<String> = self.key.as_str().split('/').map(encode_segment).collect();
        format!("/{}/{}", self.bucket, segments.join("/"))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.key.as_str().escape_debug())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rustfmt::skip] // address                path
    const ADDRESSES: &[(&str, Option<&str>)] = &[
        ("s3://lake/a/b c/é?#",                Some("/lake/a/b%20c/%C3%A9%3F%23")),
        ("s3://lake//a//b/",                   Some("/lake//a//b/")),
        ("s3://lake/",                         None),
        ("s3://lake",                          None),
        ("s3://L/a",                           None),
        ("lake/a",                             None),
        ("https://lake/a",                     None),
    ];

    #[test]
    fn an_address_is_a_bucket_and_a_key() {
        for (text, expected) in ADDRESSES {
            assert_eq!(Address::parse(text).ok().map(|address| address.path()).as_deref(), *expected, "{text}");
        }
        let beside = Address::parse("s3://lake/a").unwrap().beside(".instruction").unwrap();
        assert_eq!(beside.to_string(), "s3://lake/a.instruction");
    }
}
