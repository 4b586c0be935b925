//! The records of a request, decoded into one buffer while they are read, be it from the body or from a JSON value.
use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sekisho_delivery::RECORD_BYTES_MAX;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Records of one request (model of `firehose`).
const RECORDS_MAX: usize = 500;

/// `Records`, or the one `Record`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Records {
    /// One after the other.
    bytes: Vec<u8>,
    /// Where each ends.
    ends: Vec<usize>,
}

impl Records {
    /// How many.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Bytes of all of them.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// One after the other.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| &self.bytes[start..end])
    }

    /// Whether the model has nothing against them.
    pub(super) fn are_within_bounds(&self) -> bool {
        (1..=RECORDS_MAX).contains(&self.len()) && self.iter().all(|record| record.len() <= RECORD_BYTES_MAX)
    }

    /// `deserialize_with` of a member that is one record.
    pub(super) fn one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut records = Self::default();
        Record(&mut records).deserialize(deserializer)?;
        Ok(records)
    }
}

impl<'de> Deserialize<'de> for Records {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(List)
    }
}

struct List;

impl<'de> Visitor<'de> for List {
    type Value = Records;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Records, A::Error> {
        let mut records = Records::default();
        while items.next_element_seed(Record(&mut records))?.is_some() {}
        Ok(records)
    }
}

/// One record, to be added.
struct Record<'a>(&'a mut Records);

#[derive(Deserialize)]
#[serde(field_identifier)]
enum Field {
    Data,
    #[serde(other)]
    Unknown,
}

impl<'de> DeserializeSeed<'de> for Record<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Record<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let mut found = false;
        while let Some(field) = members.next_key()? {
            match field {
                Field::Data if found => return Err(A::Error::duplicate_field("Data")),
                Field::Data => {
                    members.next_value_seed(Base64(&mut self.0.bytes))?;
                    found = true;
                }
                Field::Unknown => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        if !found {
            return Err(A::Error::missing_field("Data"));
        }
        self.0.ends.push(self.0.bytes.len());
        Ok(())
    }
}

/// Text whose bytes are to be added.
struct Base64<'a>(&'a mut Vec<u8>);

impl<'de> DeserializeSeed<'de> for Base64<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Base64<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("base64")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        BASE64_STANDARD.decode_vec(text, self.0).map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_from_the_body_and_from_a_value_alike() {
        for text in [
            r#"[{"Data":"YQ=="},{"Data":""},{"Data":"YmM="}]"#,
            r#"[{"Data":"\u0059Q=\u003d","More":{"Data":1}}]"#,
            "[]",
            "[{}]",
            r#"[{"Data":null}]"#,
            r#"[{"Data":"YQ"}]"#,
            r#"[{"Data":"!"}]"#,
            r#"[["YQ=="]]"#,
            r#"{"Data":"YQ=="}"#,
        ] {
            let value: serde_json::Value = serde_json::from_str(text).unwrap();
            let (from_text, from_value) =
                (serde_json::from_str::<Records>(text), serde_json::from_value::<Records>(value));
            assert_eq!(from_text.ok(), from_value.ok(), "{text}");
        }
        let records: Records = serde_json::from_str(r#"[{"Data":"YQ=="},{"Data":""},{"Data":"YmM="}]"#).unwrap();
        assert_eq!(records.iter().collect::<Vec<_>>(), [&b"a"[..], b"", b"bc"]);
        assert_eq!((records.len(), records.bytes()), (3, 3));
        assert!(serde_json::from_str::<Records>(r#"[{"Data":"YQ==","Data":"YQ=="}]"#).is_err());
    }
}
