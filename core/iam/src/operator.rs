//! Condition operators (IAM user guide: "IAM JSON policy elements: Condition operators"): one operator over the values a key has
//! in a request and those a policy wants. What cannot be evaluated is neither true nor false.
use std::net::IpAddr;

use crate::pattern::fits;

/// An operator's name, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operator {
    comparison: Comparison,
    negated: bool,
    if_exists: bool,
    set: Option<Set>,
}

/// How one value is compared with one that is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `StringEquals`
    StringEquals,
    /// `StringEqualsIgnoreCase`
    StringEqualsIgnoreCase,
    /// `StringLike`
    StringLike,
    /// `NumericEquals` and kin
    Numeric(Order),
    /// `DateEquals` and kin
    Date(Order),
    /// `Bool`
    Bool,
    /// `Null`: the value is whether the key is absent.
    Null,
    /// `IpAddress`
    IpAddress,
    /// `ArnEquals`, `ArnLike`, which are the same
    Arn,
    /// `BinaryEquals`: no key here has such values.
    Binary,
}

/// What follows `Numeric` or `Date`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// `Equals`
    Equal,
    /// `LessThan`
    Less,
    /// `LessThanEquals`
    LessOrEqual,
    /// `GreaterThan`
    Greater,
    /// `GreaterThanEquals`
    GreaterOrEqual,
}

/// How to compare a key that has several values (IAM user guide: "Multivalued context keys").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    ForAllValues,
    ForAnyValue,
}

#[rustfmt::skip] // name                        comparison                                   negated
const OPERATORS: &[(&str,                       Comparison,                                  bool)] = &[
    ("StringEquals",                            Comparison::StringEquals,                    false),
    ("StringNotEquals",                         Comparison::StringEquals,                    true),
    ("StringEqualsIgnoreCase",                  Comparison::StringEqualsIgnoreCase,          false),
    ("StringNotEqualsIgnoreCase",               Comparison::StringEqualsIgnoreCase,          true),
    ("StringLike",                              Comparison::StringLike,                      false),
    ("StringNotLike",                           Comparison::StringLike,                      true),
    ("NumericEquals",                           Comparison::Numeric(Order::Equal),           false),
    ("NumericNotEquals",                        Comparison::Numeric(Order::Equal),           true),
    ("NumericLessThan",                         Comparison::Numeric(Order::Less),            false),
    ("NumericLessThanEquals",                   Comparison::Numeric(Order::LessOrEqual),     false),
    ("NumericGreaterThan",                      Comparison::Numeric(Order::Greater),         false),
    ("NumericGreaterThanEquals",                Comparison::Numeric(Order::GreaterOrEqual),  false),
    ("DateEquals",                              Comparison::Date(Order::Equal),              false),
    ("DateNotEquals",                           Comparison::Date(Order::Equal),              true),
    ("DateLessThan",                            Comparison::Date(Order::Less),               false),
    ("DateLessThanEquals",                      Comparison::Date(Order::LessOrEqual),        false),
    ("DateGreaterThan",                         Comparison::Date(Order::Greater),            false),
    ("DateGreaterThanEquals",                   Comparison::Date(Order::GreaterOrEqual),     false),
    ("Bool",                                    Comparison::Bool,                            false),
    ("Null",                                    Comparison::Null,                            false),
    ("IpAddress",                               Comparison::IpAddress,                       false),
    ("NotIpAddress",                            Comparison::IpAddress,                       true),
    ("ArnEquals",                               Comparison::Arn,                             false),
    ("ArnLike",                                 Comparison::Arn,                             false),
    ("ArnNotEquals",                            Comparison::Arn,                             true),
    ("ArnNotLike",                              Comparison::Arn,                             true),
    ("BinaryEquals",                            Comparison::Binary,                          false),
];

impl Operator {
    /// Parses a name: a set's before it, `IfExists` behind it.
    pub fn parse(name: &str) -> Option<Self> {
        let (set, bare) = match name.split_once(':') {
            Some(("ForAllValues", bare)) => (Some(Set::ForAllValues), bare),
            Some(("ForAnyValue", bare)) => (Some(Set::ForAnyValue), bare),
            Some(_) => return None,
            None => (None, name),
        };
        let (bare, if_exists) = bare.strip_suffix("IfExists").map_or((bare, false), |bare| (bare, true));
        let (_, comparison, negated) = OPERATORS.iter().find(|(known, ..)| *known == bare)?;
        // IAM user guide: "You can add IfExists to the end of any condition operator name except the Null condition".
        let null_alone = *comparison != Comparison::Null || (!if_exists && set.is_none());
        null_alone.then_some(Self { comparison: *comparison, negated: *negated, if_exists, set })
    }

    /// How it compares.
    pub const fn comparison(&self) -> Comparison {
        self.comparison
    }

    /// Whether it holds of the values a key has, `present`, and those that are wanted; `compare` compares one with one.
    pub fn holds<P: AsRef<str>, W>(
        &self,
        present: &[P],
        wanted: &[W],
        compare: impl Fn(Comparison, &str, &W) -> Option<bool>,
    ) -> Option<bool> {
        // Whether it is any of those wanted; not known as soon as of one it is not.
        let any = |value: &str| {
            wanted.iter().try_fold(false, |any, wanted| Some(any | compare(self.comparison, value, wanted)?))
        };
        if self.comparison == Comparison::Null {
            return any(if present.is_empty() { "true" } else { "false" });
        }
        if present.is_empty() {
            // A missing key: every negated operator and every ForAllValues holds, all others do not.
            return Some(self.if_exists || self.set == Some(Set::ForAllValues) || (self.negated && self.set.is_none()));
        }
        let mut matches = present.iter().map(|value| Some(any(value.as_ref())? != self.negated));
        match self.set {
            Some(Set::ForAnyValue) => matches.try_fold(false, |any, one| Some(any | one?)),
            Some(Set::ForAllValues) => matches.try_fold(true, |all, one| Some(all & one?)),
            // IAM leaves open what several values mean to an operator without a set's name.
            None if present.len() > 1 => None,
            None => matches.next()?,
        }
    }
}

impl Comparison {
    /// Compares a value with one that is wanted, of which `*` and `?` are wildcards where the operator says so.
    pub fn compare(self, value: &str, wanted: &str) -> Option<bool> {
        let numbers = || Some((value.parse::<f64>().ok()?, wanted.parse::<f64>().ok()?));
        match self {
            Self::StringEquals | Self::Null => Some(value == wanted),
            Self::StringEqualsIgnoreCase | Self::Bool => Some(value.eq_ignore_ascii_case(wanted)),
            Self::StringLike | Self::Arn => Some(fits(wanted, value)),
            Self::Numeric(order) => numbers().map(|(value, wanted)| order.holds(value, wanted)),
            Self::Date(order) => Some(order.holds(instant(value)?, instant(wanted)?)),
            Self::IpAddress => in_network(value.parse().ok()?, wanted),
            Self::Binary => None,
        }
    }

    /// Whether a policy may want this value.
    pub fn accepts(self, wanted: &str) -> bool {
        match self {
            Self::Null => wanted == "true" || wanted == "false",
            Self::Numeric(_) => wanted.parse::<f64>().is_ok(),
            Self::Date(_) => instant(wanted).is_some(),
            Self::IpAddress => in_network(IpAddr::from([0, 0, 0, 0]), wanted).is_some(),
            _ => true,
        }
    }
}

impl Order {
    fn holds(self, value: f64, wanted: f64) -> bool {
        match self {
            Self::Equal => value == wanted,
            Self::Less => value < wanted,
            Self::LessOrEqual => value <= wanted,
            Self::Greater => value > wanted,
            Self::GreaterOrEqual => value >= wanted,
        }
    }
}

/// Seconds since 1970, from an ISO 8601 time or date, or from the number itself.
fn instant(text: &str) -> Option<f64> {
    let time = || text.parse::<jiff::Timestamp>().ok();
    let date = || Some(text.parse::<jiff::civil::Date>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp());
    text.parse::<f64>().ok().or_else(|| Some(time().or_else(date)?.as_second() as f64))
}

/// Whether `address` is in `network`, written `10.0.0.0/8`, `2001:db8::/32` or as one address; `None` if that is no network.
fn in_network(address: IpAddr, network: &str) -> Option<bool> {
    let (base, length) = network.split_once('/').map_or((network, None), |(base, length)| (base, Some(length)));
    let bits = |address: IpAddr| match address {
        IpAddr::V4(address) => (u128::from(u32::from(address)), 32),
        IpAddr::V6(address) => (u128::from(address), 128),
    };
    let ((address, address_width), (base, width)) = (bits(address), bits(base.parse().ok()?));
    let length: u32 = length.map_or(Some(width), |length| length.parse().ok())?;
    let host_bits = width.checked_sub(length)?;
    let network_of = |bits: u128| bits.checked_shr(host_bits).unwrap_or(0);
    Some(address_width == width && network_of(address) == network_of(base))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants() {
        for (text, expected) in [
            ("1970-01-01", 0.0),
            ("2000-02-29T00:00:01Z", 951_782_401.0),
            ("2026-11-28T12:00:00Z", 1_795_867_200.0),
            ("2026-11-28T14:00:00+02:00", 1_795_867_200.0),
            ("2026-11-28T07:30-04:30", 1_795_867_200.0),
            ("17", 17.0),
        ] {
            assert_eq!(instant(text), Some(expected), "{text}");
        }
        assert_eq!((instant("yesterday"), instant("2026-11-28T12:00:00+x")), (None, None));
    }
}
