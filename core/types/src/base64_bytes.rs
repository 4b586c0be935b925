//! Bytes as base64 in JSON.
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};

/// To base64.
pub fn serialize<S: Serializer>(bytes: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&BASE64_STANDARD.encode(bytes))
}

/// From base64.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
    decode(String::deserialize(deserializer)?)
}

fn decode<E: Error>(text: String) -> Result<Bytes, E> {
    BASE64_STANDARD.decode(text).map(Bytes::from).map_err(E::custom)
}

pub mod option {
    //! The same for bytes that may be missing.
    use bytes::Bytes;
    use serde::{Deserialize, Deserializer, Serializer};

    /// To base64, or null.
    pub fn serialize<S: Serializer>(bytes: &Option<Bytes>, serializer: S) -> Result<S::Ok, S::Error> {
        match bytes {
            Some(bytes) => super::serialize(bytes, serializer),
            None => serializer.serialize_none(),
        }
    }

    /// From base64, or null.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Bytes>, D::Error> {
        Option::<String>::deserialize(deserializer)?.map(super::decode).transpose()
    }
}
