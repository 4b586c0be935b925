//! The three versions of AWS IoT SQL.
use std::fmt;

/// A version of the language (`awsIotSqlVersion` of a rule). Later versions are greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SqlVersion {
    /// `2015-10-08`, what a rule without a version gets.
    #[default]
    V2015_10_08,
    /// `2016-03-23`: literals, nested SELECT, top-level arrays; a whole Decimal is an Int.
    V2016_03_23,
    /// `beta`: here the same as `2016-03-23`.
    Beta,
}

impl SqlVersion {
    /// The version called `text`, if there is one.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::V2015_10_08, Self::V2016_03_23, Self::Beta].into_iter().find(|version| version.as_str() == text)
    }

    /// As AWS spells it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V2015_10_08 => "2015-10-08",
            Self::V2016_03_23 => "2016-03-23",
            Self::Beta => "beta",
        }
    }
}

impl fmt::Display for SqlVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
