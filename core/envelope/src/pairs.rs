//! Text by name, as JSON objects: encryption contexts, material descriptions, instruction files.
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Names and values. Their order does not matter, their letter case does.
pub type Pairs = BTreeMap<String, String>;

/// Not an object whose members are text, each once.
#[derive(Debug, thiserror::Error)]
#[error("not a JSON object of text")]
pub struct PairsError(#[from] serde_json::Error);

/// Reads a JSON object. Two readers could read two things where a name is given twice, so that is refused.
pub(crate) fn parse(json: &[u8]) -> Result<Pairs, PairsError> {
    Ok(serde_json::from_slice::<Unique>(json)?.0)
}

/// Writes a JSON object in ASCII: S3 and HTTP each have ways of their own with other letters in metadata.
pub(crate) fn to_json(pairs: &Pairs) -> String {
    let json = serde_json::to_string(pairs).expect("text by text is JSON");
    let mut ascii = String::with_capacity(json.len());
    for letter in json.chars() {
        if letter.is_ascii() && letter != '\x7f' {
            ascii.push(letter);
        } else {
            let mut units = [0; 2];
            ascii.extend(letter.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    ascii
}

/// Pairs that came with each name once.
pub(crate) struct Unique(pub(crate) Pairs);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Unique;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of text")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Unique, A::Error> {
                let mut pairs = Pairs::new();
                while let Some((name, value)) = members.next_entry::<String, String>()? {
                    if pairs.insert(name, value).is_some() {
                        return Err(A::Error::custom("a name is given twice"));
                    }
                }
                Ok(Unique(pairs))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Row = (&'static str, &'static str, Option<&'static [(&'static str, &'static str)]>);
    #[rustfmt::skip] // source                              text                                      pairs
    const TEXTS: &[Row] = &[
        ("S3EC: absent description is {}",                  "{}",                                     Some(&[])),
        ("json.dumps, amazon-s3-encryption-client-python",  r#"{"a": "b", "c": "d"}"#,                Some(&[("a", "b"), ("c", "d")])),
        ("RFC 8259 §7: escapes",                            r#"{"k\u00fc": "\ud83d\ude00\n"}"#,       Some(&[("kü", "😀\n")])),
        ("RFC 8259 §4: names should be unique",             r#"{"a": "b", "a": "c"}"#,                None),
        ("the same after unescaping",                       r#"{"a": "b", "\u0061": "b"}"#,           None),
        ("KMS: values are text",                            r#"{"a": 1}"#,                            None),
        ("KMS: values are text",                            r#"{"a": null}"#,                         None),
        ("not an object",                                   r#"["a"]"#,                               None),
        ("more than one value",                             "{}{}",                                   None),
        ("nothing",                                         "",                                       None),
    ];

    #[test]
    fn objects_of_text_are_read_and_written_in_ascii() {
        for (source, text, expected) in TEXTS {
            let expected =
                expected.map(|pairs| pairs.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect::<Pairs>());
            let found = parse(text.as_bytes()).ok();
            assert_eq!(found, expected, "{source}: {text}");
            if let Some(pairs) = found {
                let json = to_json(&pairs);
                assert!(json.bytes().all(|byte| (b' '..b'\x7f').contains(&byte)), "{json}");
                assert_eq!(parse(json.as_bytes()).unwrap(), pairs);
            }
        }
    }
}
