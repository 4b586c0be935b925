//! Columns as Parquet's tree of optional and repeated nodes (parquet-format, `LogicalTypes.md`: LIST, MAP; Dremel levels).
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use parquet::basic::{ConvertedType, LogicalType, Repetition, Type as Physical};
use parquet::schema::types::{Type, TypePtr};

use crate::leaf::{Leaf, Values};
use crate::{HiveType, JsonOptions, Schema};

/// Name of a file's root, as Hive writes it.
const ROOT: &str = "hive_schema";

/// A column, or what is inside of one. All of them are optional.
pub(crate) struct Node {
    /// For messages: `a.b`.
    pub path: String,
    /// Definition level of a value that is there.
    pub def: i16,
    /// The leaves at and below it.
    pub leaves: Range<usize>,
    pub kind: Kind,
}

pub(crate) enum Kind {
    Scalar(HiveType),
    /// A list. `rep` is the repetition level of elements behind the first; `element.def` is one above the list's own two.
    List {
        rep: i16,
        element: Box<Node>,
    },
    /// A map. A key has the definition level of its entry, `def + 1`.
    Map {
        rep: i16,
        key: HiveType,
        value: Box<Node>,
    },
    Struct(Fields),
}

/// Fields by the keys of a JSON object.
pub(crate) struct Fields {
    /// In the order of the columns: the key each is looked up by, and the column.
    pub nodes: Vec<(String, Node)>,
    index: HashMap<String, usize>,
}

/// A file's columns.
pub(crate) struct Layout {
    pub root: Fields,
    pub file: TypePtr,
    pub leaves: Vec<Leaf>,
}

impl Layout {
    pub fn new(schema: &Schema, json: &JsonOptions) -> Self {
        let mut builder = Builder { json, leaves: Vec::new() };
        let (root, types) = builder.fields(&schema.columns, "", 0, 0);
        let file = Type::group_type_builder(ROOT).with_fields(types).build().expect("a root has a name and columns");
        Self { root, file: Arc::new(file), leaves: builder.leaves }
    }
}

impl Fields {
    /// Which field `key` is. `expected` is tried first: keys mostly come in the order of the columns.
    pub fn find(&self, key: &str, expected: usize, json: &JsonOptions) -> Option<usize> {
        if let Some((name, _)) = self.nodes.get(expected)
            && name == key
        {
            return Some(expected);
        }
        match normal(key, json) {
            Some(normal) => self.index.get(&normal).copied(),
            None => self.index.get(key).copied(),
        }
    }
}

/// The key as it is looked up, if that is another one.
pub(crate) fn normal(key: &str, json: &JsonOptions) -> Option<String> {
    let (lower, dots) = match json {
        JsonOptions::OpenX { case_insensitive, convert_dots, .. } => (*case_insensitive, *convert_dots),
        JsonOptions::Hive { .. } => (true, false),
    };
    let is_other = |byte: u8| lower && (byte.is_ascii_uppercase() || !byte.is_ascii()) || dots && byte == b'.';
    if !key.bytes().any(is_other) {
        return None;
    }
    let key = if lower { key.to_lowercase() } else { key.to_owned() };
    Some(if dots { key.replace('.', "_") } else { key })
}

struct Builder<'a> {
    json: &'a JsonOptions,
    leaves: Vec<Leaf>,
}

impl Builder<'_> {
    fn fields(&mut self, columns: &[(String, HiveType)], path: &str, def: i16, rep: i16) -> (Fields, Vec<TypePtr>) {
        let (mut nodes, mut types, mut index) = (Vec::new(), Vec::new(), HashMap::new());
        for (name, hive_type) in columns {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            let (node, file_type) = self.node(name, hive_type, path, def, rep);
            let mapped = match self.json {
                JsonOptions::OpenX { column_to_json_key, .. } => column_to_json_key.get(name),
                JsonOptions::Hive { .. } => None,
            };
            let key = mapped.unwrap_or(name);
            let key = normal(key, self.json).unwrap_or_else(|| key.clone());
            index.entry(key.clone()).or_insert(nodes.len());
            nodes.push((key, node));
            types.push(file_type);
        }
        (Fields { nodes, index }, types)
    }

    fn node(&mut self, name: &str, hive_type: &HiveType, path: String, def: i16, rep: i16) -> (Node, TypePtr) {
        let (first, def) = (self.leaves.len(), def + 1);
        let group = |fields: Vec<TypePtr>, logical: Option<LogicalType>| {
            let group = Type::group_type_builder(name).with_repetition(Repetition::OPTIONAL);
            group.with_fields(fields).with_logical_type(logical).build().expect("a group has a name and fields")
        };
        let (kind, file_type) = match hive_type {
            HiveType::Struct(columns) => {
                let (fields, types) = self.fields(columns, &path, def, rep);
                (Kind::Struct(fields), group(types, None))
            }
            HiveType::Array(element) => {
                let (element, element_type) = self.node("element", element, path.clone(), def + 1, rep + 1);
                let list = repeated("list", vec![element_type]);
                let kind = Kind::List { rep: rep + 1, element: Box::new(element) };
                (kind, group(vec![list], Some(LogicalType::List)))
            }
            HiveType::Map(key, value) => {
                self.leaves.push(Leaf::new(Values::of(key), def + 1, true));
                let key_type = Arc::new(primitive("key", key, Repetition::REQUIRED));
                let (value, value_type) = self.node("value", value, path.clone(), def + 1, rep + 1);
                let entries = repeated("key_value", vec![key_type, value_type]);
                let kind = Kind::Map { rep: rep + 1, key: (**key).clone(), value: Box::new(value) };
                (kind, group(vec![entries], Some(LogicalType::Map)))
            }
            scalar => {
                self.leaves.push(Leaf::new(Values::of(scalar), def, rep > 0));
                (Kind::Scalar(scalar.clone()), primitive(name, scalar, Repetition::OPTIONAL))
            }
        };
        (Node { path, def, leaves: first..self.leaves.len(), kind }, Arc::new(file_type))
    }
}

fn repeated(name: &str, fields: Vec<TypePtr>) -> TypePtr {
    let group = Type::group_type_builder(name).with_repetition(Repetition::REPEATED).with_fields(fields);
    Arc::new(group.build().expect("a group has a name and fields"))
}

/// A scalar's physical and logical type. A timestamp is an INT96 without a logical type, as Hive writes it and so does
/// Firehose.
fn primitive(name: &str, hive_type: &HiveType, repetition: Repetition) -> Type {
    let integer = |bit_width| Some(LogicalType::integer(bit_width, true));
    let (physical, logical) = match hive_type {
        HiveType::TinyInt => (Physical::INT32, integer(8)),
        HiveType::SmallInt => (Physical::INT32, integer(16)),
        HiveType::Int => (Physical::INT32, None),
        HiveType::BigInt => (Physical::INT64, None),
        HiveType::Float => (Physical::FLOAT, None),
        HiveType::Double => (Physical::DOUBLE, None),
        HiveType::Boolean => (Physical::BOOLEAN, None),
        HiveType::String | HiveType::Varchar(_) | HiveType::Char(_) => {
            (Physical::BYTE_ARRAY, Some(LogicalType::String))
        }
        HiveType::Binary => (Physical::BYTE_ARRAY, None),
        HiveType::Date => (Physical::INT32, Some(LogicalType::Date)),
        HiveType::Timestamp => (Physical::INT96, None),
        HiveType::Decimal { precision, scale } => {
            (Physical::FIXED_LEN_BYTE_ARRAY, Some(LogicalType::decimal(i32::from(*scale), i32::from(*precision))))
        }
        HiveType::Array(_) | HiveType::Map(..) | HiveType::Struct(_) => unreachable!("a scalar has no types inside"),
    };
    let mut builder = Type::primitive_type_builder(name, physical).with_repetition(repetition);
    builder = builder.with_logical_type(logical).with_converted_type(ConvertedType::NONE);
    if let HiveType::Decimal { precision, scale } = hive_type {
        builder = builder.with_length(decimal_bytes(*precision) as i32);
        builder = builder.with_precision(i32::from(*precision)).with_scale(i32::from(*scale));
    }
    builder.build().expect("every scalar has a physical type that its logical one allows")
}

/// The fewest bytes that hold any number of as many digits, and a sign.
pub(crate) fn decimal_bytes(precision: u8) -> usize {
    let largest = 10u128.pow(u32::from(precision)) - 1;
    let bits = 128 - largest.leading_zeros() as usize + 1;
    bits.div_ceil(8)
}
