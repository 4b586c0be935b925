//! A table's columns, checked: what a Glue table's `StorageDescriptor.Columns` says. Partition keys are not among them,
//! since they are in the object's key and not in the file.
use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::{HiveType, SchemaError};

/// Columns of a file, those inside of structs included. Each is written into with every record.
pub(crate) const LEAVES_MAX: usize = 2_000;

/// A column as its table has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// `Name`
    pub name: String,
    /// `Type`
    #[serde(rename = "type")]
    pub type_text: String,
}

/// The columns of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schema {
    pub(crate) columns: Vec<(String, HiveType)>,
}

impl Schema {
    /// Reads the columns of a table.
    ///
    /// # Errors
    /// [`SchemaError`].
    pub fn parse(columns: &[Column]) -> Result<Self, SchemaError> {
        let mut names = HashSet::new();
        let mut parsed = Vec::with_capacity(columns.len());
        for Column { name, type_text } in columns {
            if !names.insert(name.to_lowercase()) {
                return Err(SchemaError::Duplicate(name.clone()));
            }
            let (column, given) = (name.clone(), type_text.clone());
            let hive_type =
                HiveType::parse(type_text).map_err(|problem| SchemaError::Type { column, given, problem })?;
            parsed.push((name.clone(), hive_type));
        }
        let found = parsed.iter().map(|(_, hive_type)| hive_type.leaves()).sum();
        match (1..=LEAVES_MAX).contains(&found) {
            true => Ok(Self { columns: parsed }),
            false => Err(SchemaError::Columns { found, max: LEAVES_MAX }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(columns: &[(&str, &str)]) -> Result<Schema, SchemaError> {
        let column = |(name, text): &(&str, &str)| Column { name: (*name).into(), type_text: (*text).into() };
        Schema::parse(&columns.iter().map(column).collect::<Vec<_>>())
    }

    #[test]
    fn columns_have_names_of_their_own_and_are_bounded() {
        assert_eq!(parse(&[("a", "int"), ("b", "string")]).unwrap().columns.len(), 2);
        assert_eq!(parse(&[("a", "int"), ("A", "string")]), Err(SchemaError::Duplicate("A".into())));
        assert_eq!(parse(&[]), Err(SchemaError::Columns { found: 0, max: LEAVES_MAX }));
        let fields: Vec<String> = (0..=LEAVES_MAX).map(|n| format!("f{n}:int")).collect();
        let wide = format!("struct<{}>", fields.join(","));
        assert_eq!(parse(&[("a", &wide)]), Err(SchemaError::Columns { found: LEAVES_MAX + 1, max: LEAVES_MAX }));
        let unknown = parse(&[("a", "interval")]).unwrap_err().to_string();
        assert!(unknown.contains("`a`") && unknown.contains("`interval`"), "{unknown}");
    }
}
