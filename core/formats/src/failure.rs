//! Why a record or a schema is refused.

/// Why one record is not in the file. The others are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Failure {
    /// AWS's name for it.
    pub code: FailureCode,
    /// For people.
    pub message: String,
}

/// `lastErrorCode` of a record that could not be converted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureCode {
    /// It is not one or several JSON objects.
    ParseError,
    /// A value does not fit its column.
    MalformedData,
}

impl FailureCode {
    /// As Firehose writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ParseError => "DataFormatConversion.ParseError",
            Self::MalformedData => "DataFormatConversion.MalformedData",
        }
    }
}

impl std::fmt::Display for FailureCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why no record can be converted: a table's columns or the options are not ones we know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// A type string.
    #[error("column `{column}`: `{given}` is not a type that is offered: {problem}")]
    Type {
        /// Whose.
        column: String,
        /// As the table has it.
        given: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Two columns of one name.
    #[error("column `{0}` is there twice")]
    Duplicate(String),
    /// More leaves than [`crate::schema::LEAVES_MAX`], or none.
    #[error("a table has 1 to {max} columns, those inside of structs included; this one has {found}")]
    Columns {
        /// How many.
        found: usize,
        /// How many may be.
        max: usize,
    },
    /// A pattern of `TimestampFormats`.
    #[error("`{0}` is not a timestamp pattern that is offered")]
    TimestampFormat(String),
}
