//! A JSON object into the leaves, as it is read: no tree of it is built. What a record has put there can be taken back.
use std::collections::HashSet;
use std::fmt;

use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::layout::{Fields, Kind, Node, normal};
use crate::leaf::{Leaf, Values};
use crate::scalar::{Given, Reading, Unfit, put, put_decimal};
use crate::{Failure, FailureCode, HiveType, JsonOptions};

/// Bytes that one record may take in the leaves. Absent values take some too: a short list of empty objects of a wide struct
/// would fill the memory otherwise. And then: the record fails.
const RECORD_LEAF_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What records are read into.
pub(crate) struct Rows {
    pub leaves: Vec<Leaf>,
    pub json: JsonOptions,
    pub reading: Reading,
    /// Bytes in the leaves.
    pub bytes: usize,
    /// As many bytes may be there at this record's end.
    limit: usize,
    /// Whether the error that follows says that the record is not what it should be, rather than a value of it.
    is_shape: bool,
}

impl Rows {
    pub fn new(leaves: Vec<Leaf>, json: JsonOptions, reading: Reading) -> Self {
        Self { leaves, json, reading, bytes: 0, limit: 0, is_shape: false }
    }

    /// Reads one record: JSON objects, one behind the other. Answers how many; on an error nothing of it is there.
    pub fn push(&mut self, root: &Fields, record: &[u8]) -> Result<u64, Failure> {
        self.leaves.iter_mut().for_each(Leaf::mark);
        let before = self.bytes;
        (self.limit, self.is_shape) = (before + RECORD_LEAF_BYTES_MAX, false);
        let outcome = self.read(root, record);
        outcome.map_err(|error| {
            self.leaves.iter_mut().for_each(Leaf::take_back);
            self.bytes = before;
            let is_value = error.is_data() && !self.is_shape;
            let code = if is_value { FailureCode::MalformedData } else { FailureCode::ParseError };
            Failure { code, message: error.to_string() }
        })
    }

    fn read(&mut self, root: &Fields, record: &[u8]) -> Result<u64, serde_json::Error> {
        let mut input = serde_json::Deserializer::from_slice(record);
        let mut objects = 0;
        while input.end().is_err() {
            Object { fields: root, rows: self, def: 0, rep: 0 }.deserialize(&mut input)?;
            objects += 1;
        }
        if objects == 0 {
            self.is_shape = true;
            return Err(Error::custom("there is no JSON object"));
        }
        Ok(objects)
    }

    /// Nothing at and below `node`, since what is above it ends at `def`.
    fn absent(&mut self, node: &Node, def: i16, rep: i16) {
        for leaf in &mut self.leaves[node.leaves.clone()] {
            self.bytes += leaf.level(def, rep);
        }
    }

    fn scalar(&mut self, leaf: usize, hive_type: &HiveType, given: Given<'_>, def: i16, rep: i16) -> Result<(), Unfit> {
        let leaf = &mut self.leaves[leaf];
        self.bytes += put(&mut leaf.values, hive_type, given, &self.reading)?;
        self.bytes += leaf.level(def, rep);
        Ok(())
    }

    /// A map's key. JSON has them as text only, whatever their type.
    fn key(&mut self, leaf: usize, hive_type: &HiveType, key: &str, def: i16, rep: i16) -> Result<(), Unfit> {
        let leaf = &mut self.leaves[leaf];
        self.bytes += put(&mut leaf.values, hive_type, Given::Text(key), &Reading::OpenX)?;
        self.bytes += leaf.level(def, rep);
        Ok(())
    }

    fn check_room<E: Error>(&self) -> Result<(), E> {
        match self.bytes > self.limit {
            true => Err(E::custom(format!("the record takes more than {RECORD_LEAF_BYTES_MAX} bytes as columns"))),
            false => Ok(()),
        }
    }

    fn twice<E: Error>(&mut self, key: &str) -> E {
        self.is_shape = true;
        E::custom(format!("Duplicate key {key:?}"))
    }
}

/// A JSON object whose fields are known; the record itself is one.
struct Object<'a> {
    fields: &'a Fields,
    rows: &'a mut Rows,
    /// Definition level of a field that is not there.
    def: i16,
    rep: i16,
}

impl<'de> DeserializeSeed<'de> for Object<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<(), D::Error> {
        self.rows.is_shape = true;
        input.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let Self { fields, rows, def, rep } = self;
        rows.is_shape = false;
        let (mut seen, mut expected) = (Seen::default(), 0);
        while let Some(found) = entries.next_key_seed(FieldKey { fields, json: &rows.json, expected })? {
            let Some(at) = found else {
                entries.next_value::<IgnoredAny>()?;
                continue;
            };
            let (key, node) = &fields.nodes[at];
            if !seen.insert(at) {
                return Err(rows.twice(key));
            }
            entries.next_value_seed(Cell { node, rows, rep })?;
            expected = at + 1;
        }
        if seen.count < fields.nodes.len() {
            let absent = fields.nodes.iter().enumerate().filter(|(at, _)| !seen.contains(*at));
            absent.for_each(|(_, (_, node))| rows.absent(node, def, rep));
        }
        rows.check_room()
    }
}

/// Which fields an object had.
#[derive(Default)]
struct Seen {
    count: usize,
    first: u64,
    rest: Vec<u64>,
}

impl Seen {
    fn contains(&self, at: usize) -> bool {
        let word = if at < 64 { self.first } else { self.rest.get(at / 64 - 1).copied().unwrap_or_default() };
        word >> (at % 64) & 1 == 1
    }

    fn insert(&mut self, at: usize) -> bool {
        let word = match at / 64 {
            0 => &mut self.first,
            word => {
                if self.rest.len() < word {
                    self.rest.resize(word, 0);
                }
                &mut self.rest[word - 1]
            }
        };
        let bit = 1 << (at % 64);
        let is_new = *word & bit == 0;
        *word |= bit;
        self.count += usize::from(is_new);
        is_new
    }
}

struct FieldKey<'a> {
    fields: &'a Fields,
    json: &'a JsonOptions,
    expected: usize,
}

impl<'de> DeserializeSeed<'de> for FieldKey<'_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Option<usize>, D::Error> {
        input.deserialize_str(self)
    }
}

impl Visitor<'_> for FieldKey<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Option<usize>, E> {
        Ok(self.fields.find(key, self.expected, self.json))
    }
}

/// A value of a column, or of what is inside of one.
struct Cell<'a> {
    node: &'a Node,
    rows: &'a mut Rows,
    rep: i16,
}

impl Cell<'_> {
    fn scalar<E: Error>(self, given: Given<'_>) -> Result<(), E> {
        let node = self.node;
        let Kind::Scalar(hive_type) = &node.kind else { return Err(self.unfit(&given)) };
        let outcome = self.rows.scalar(node.leaves.start, hive_type, given, node.def, self.rep);
        outcome.map_err(|Unfit| self.unfit(&given))
    }

    fn unfit<E: Error>(&self, given: &dyn fmt::Display) -> E {
        let what = match &self.node.kind {
            Kind::Scalar(hive_type) => format!("{hive_type:?}").to_lowercase(),
            Kind::List { .. } => "array".into(),
            Kind::Map { .. } => "map".into(),
            Kind::Struct(_) => "struct".into(),
        };
        E::custom(format!("column `{}`: {given} is no value of type {what}", self.node.path))
    }

    /// The OpenX SerDe gives an object or a list to a column of text as its JSON.
    fn json_text<E: Error>(self, value: Result<Value, E>, what: &str) -> Result<(), E> {
        let is_text = matches!(self.node.kind, Kind::Scalar(HiveType::String));
        if !is_text || matches!(self.rows.reading, Reading::Hive { .. }) {
            return Err(self.unfit(&what));
        }
        let text = value?.to_string();
        self.scalar(Given::Text(&text))
    }

    fn decimal<E: Error>(self, raw: &str, precision: u8, scale: u8) -> Result<(), E> {
        let (node, rep) = (self.node, self.rep);
        if raw == "null" {
            self.rows.absent(node, node.def - 1, rep);
            return Ok(());
        }
        if !raw.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
            // A text, or what is no decimal at all.
            let text: Option<String> = serde_json::from_str(raw).ok();
            return match &text {
                Some(text) => self.scalar(Given::Text(text)),
                None => Err(self.unfit(&"this")),
            };
        }
        let leaf = &mut self.rows.leaves[node.leaves.start];
        let Values::Fixed(data, width) = &mut leaf.values else { return Err(self.unfit(&raw)) };
        let width = *width;
        if put_decimal(data, width, raw, precision, scale).is_err() {
            return Err(self.unfit(&raw.chars().take(60).collect::<String>()));
        }
        self.rows.bytes += width + leaf.level(node.def, rep);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Cell<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<(), D::Error> {
        match &self.node.kind {
            // A double would lose digits: the number is read as it stands.
            Kind::Scalar(HiveType::Decimal { precision, scale }) => {
                let raw = <&RawValue>::deserialize(input)?;
                self.decimal(raw.get(), *precision, *scale)
            }
            _ => input.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Cell<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a value of column `{}`", self.node.path)
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.rows.absent(self.node, self.node.def - 1, self.rep);
        Ok(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.scalar(Given::Boolean(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.scalar(Given::Signed(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.scalar(Given::Unsigned(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.scalar(Given::Float(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.scalar(Given::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let Self { node, rows, rep: outer } = self;
        let Kind::List { rep, element } = &node.kind else {
            let cell = Cell { node, rows, rep: outer };
            return cell.json_text(Value::deserialize(SeqAccessDeserializer::new(elements)), "a list");
        };
        // The first element begins where the list does, those behind it repeat at the list's own level.
        let (mut here, mut is_empty) = (outer, true);
        while elements.next_element_seed(Cell { node: element, rows, rep: here })?.is_some() {
            (here, is_empty) = (*rep, false);
            rows.check_room()?;
        }
        if is_empty {
            rows.absent(node, node.def, outer);
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let Self { node, rows, rep: outer } = self;
        let (rep, key_type, value) = match &node.kind {
            Kind::Struct(fields) => return Object { fields, rows, def: node.def, rep: outer }.visit_map(entries),
            Kind::Map { rep, key, value } => (*rep, key, value),
            Kind::Scalar(_) | Kind::List { .. } => {
                let cell = Cell { node, rows, rep: outer };
                return cell.json_text(Value::deserialize(MapAccessDeserializer::new(entries)), "an object");
            }
        };
        let (mut here, mut keys) = (outer, HashSet::new());
        while let Some(key) = entries.next_key::<String>()? {
            // Keys of a map are keys of JSON too: the OpenX SerDe lower-cases them with all others.
            let key = match &rows.json {
                JsonOptions::OpenX { .. } => normal(&key, &rows.json).unwrap_or(key),
                JsonOptions::Hive { .. } => key,
            };
            if rows.key(node.leaves.start, key_type, &key, node.def + 1, here).is_err() {
                return Err(Cell { node, rows, rep: outer }.unfit(&format_args!("key {:?}", key)));
            }
            if keys.contains(&key) {
                return Err(rows.twice(&key));
            }
            keys.insert(key);
            entries.next_value_seed(Cell { node: value, rows, rep: here })?;
            here = rep;
            rows.check_room()?;
        }
        if keys.is_empty() {
            rows.absent(node, node.def, outer);
        }
        Ok(())
    }
}
