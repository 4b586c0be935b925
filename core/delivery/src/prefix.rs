//! Expressions in object keys (Firehose developer guide, "Custom prefixes for S3 objects").
use std::fmt;

use jiff::Zoned;
use jiff::civil::Weekday;
use sekisho_types::Random;

use crate::Partition;

/// Bytes of a prefix before evaluation.
const PREFIX_BYTES_MAX: usize = 1024;

/// Which prefix an expression stands in: not every one may stand in both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Where {
    Prefix,
    ErrorOutputPrefix,
}

/// Why a prefix cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrefixError {
    /// Over 1,024 bytes.
    #[error("more than {PREFIX_BYTES_MAX} characters")]
    TooLong,
    /// `!{` without `}`, or without a namespace.
    #[error("`{0}` is not an expression of the form !{{namespace:value}}")]
    Malformed(String),
    /// A namespace or value AWS does not know here.
    #[error("`{0}` is not known here")]
    Unknown(String),
    /// A letter or construct of Java's DateTimeFormatter that is not one, or that we lack.
    #[error("`{0}` is not a date pattern this server knows")]
    DatePattern(String),
}

/// A parsed prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Time(Vec<Field>),
    RandomString,
    ErrorOutputType,
    PartitionKey(PartitionKey),
}

/// A key of dynamic partitioning, by where its value is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PartitionKey {
    FromQuery(String),
    FromLambda(String),
}

impl PartitionKey {
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::FromQuery(name) | Self::FromLambda(name) => name,
        }
    }
}

/// As the expression spells it.
impl fmt::Display for PartitionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FromQuery(name) => write!(f, "partitionKeyFromQuery:{name}"),
            Self::FromLambda(name) => write!(f, "partitionKeyFromLambda:{name}"),
        }
    }
}

/// A run of one pattern letter, or literal text.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Field {
    Literal(String),
    Letters(char, usize),
}

impl Prefix {
    pub(crate) fn parse(text: &str, place: Where) -> Result<Self, PrefixError> {
        if text.len() > PREFIX_BYTES_MAX {
            return Err(PrefixError::TooLong);
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((literal, behind)) = rest.split_once("!{") {
            if !literal.is_empty() {
                parts.push(Part::Literal(literal.to_owned()));
            }
            let malformed = || PrefixError::Malformed(format!("!{{{behind}"));
            let (expression, after) = behind.split_once('}').ok_or_else(malformed)?;
            let (namespace, value) = expression.split_once(':').ok_or_else(malformed)?;
            let unknown = || PrefixError::Unknown(format!("!{{{expression}}}"));
            parts.push(match (namespace, value, place) {
                ("timestamp", pattern, _) => Part::Time(parse_pattern(pattern)?),
                ("firehose", "random-string", _) => Part::RandomString,
                ("firehose", "error-output-type", Where::ErrorOutputPrefix) => Part::ErrorOutputType,
                ("partitionKeyFromQuery", key, Where::Prefix) if !key.is_empty() => {
                    Part::PartitionKey(PartitionKey::FromQuery(key.to_owned()))
                }
                ("partitionKeyFromLambda", key, Where::Prefix) if !key.is_empty() => {
                    Part::PartitionKey(PartitionKey::FromLambda(key.to_owned()))
                }
                _ => return Err(unknown()),
            });
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Literal(rest.to_owned()));
        }
        Ok(Self(parts))
    }

    pub(crate) fn has_expressions(&self) -> bool {
        self.0.iter().any(|part| !matches!(part, Part::Literal(_)))
    }

    /// The partition keys it names.
    pub(crate) fn partition_keys(&self) -> impl Iterator<Item = &PartitionKey> {
        self.0.iter().filter_map(|part| match part {
            Part::PartitionKey(key) => Some(key),
            Part::Literal(_) | Part::Time(_) | Part::RandomString | Part::ErrorOutputType => None,
        })
    }

    pub(crate) fn has_error_output_type(&self) -> bool {
        self.0.contains(&Part::ErrorOutputType)
    }

    fn has_time(&self) -> bool {
        self.0.iter().any(|part| matches!(part, Part::Time(_)))
    }

    /// The most bytes it evaluates to: on a Wednesday in September nothing is written longer.
    pub(crate) fn longest(&self) -> usize {
        let day = jiff::civil::date(2026, 9, 30).at(23, 59, 59, 999_999_999);
        let longest = day
            .to_zoned(jiff::tz::TimeZone::UTC)
            .map(|time| self.evaluate(&time, &Partition::Whole, &mut |out: &mut [u8]| out.fill(0)));
        longest.map_or(0, |text| text.len())
    }

    /// The prefix of an object whose oldest record came at `oldest`. Without a `timestamp` expression, `yyyy/MM/dd/HH/`
    /// follows, directly.
    pub(crate) fn evaluate(&self, oldest: &Zoned, partition: &Partition, random: &mut dyn Random) -> String {
        let mut out = String::new();
        let keys = partition.keys();
        for part in &self.0 {
            match part {
                Part::Literal(text) => out.push_str(text),
                Part::Time(fields) => fields.iter().for_each(|field| format_field(field, oldest, &mut out)),
                Part::RandomString => out.push_str(&random_string(random)),
                Part::ErrorOutputType => {
                    if let Partition::Errors(output_type) = partition {
                        out.push_str(output_type);
                    }
                }
                Part::PartitionKey(key) => {
                    out.push_str(keys.get(&key.to_string()).map_or("", String::as_str));
                }
            }
        }
        if !self.has_time() {
            out.push_str(&oldest.strftime("%Y/%m/%d/%H/").to_string());
        }
        out
    }
}

/// Eleven letters and digits.
fn random_string(random: &mut dyn Random) -> String {
    const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut bytes = [0; 11];
    random.fill(&mut bytes);
    bytes.iter().map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()])).collect()
}

fn parse_pattern(pattern: &str) -> Result<Vec<Field>, PrefixError> {
    let bad = || PrefixError::DatePattern(pattern.to_owned());
    let mut fields = Vec::new();
    let mut chars = pattern.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\'' => {
                let mut literal = String::new();
                loop {
                    match chars.next() {
                        None => return Err(bad()),
                        Some('\'') if chars.peek() == Some(&'\'') => {
                            chars.next();
                            literal.push('\'');
                        }
                        Some('\'') => break,
                        Some(other) => literal.push(other),
                    }
                }
                fields.push(Field::Literal(if literal.is_empty() { "'".to_owned() } else { literal }));
            }
            letter if letter.is_ascii_alphabetic() => {
                let mut count = 1;
                while chars.next_if_eq(&letter).is_some() {
                    count += 1;
                }
                let known = match letter {
                    'y' | 'u' => count <= 4,
                    'M' | 'L' | 'E' => count <= 4,
                    'd' | 'H' | 'h' | 'm' | 's' | 'k' | 'K' => count <= 2,
                    'D' => count <= 3,
                    'S' => count <= 9,
                    'a' => count == 1,
                    'V' => count == 2,
                    'Z' | 'X' | 'x' => count <= 3,
                    _ => false,
                };
                if !known {
                    return Err(bad());
                }
                fields.push(Field::Letters(letter, count));
            }
            '{' | '}' | '#' | '[' | ']' => return Err(bad()),
            other => fields.push(Field::Literal(other.to_string())),
        }
    }
    Ok(fields)
}

fn format_field(field: &Field, time: &Zoned, out: &mut String) {
    let (letter, count) = match field {
        Field::Literal(text) => return out.push_str(text),
        Field::Letters(letter, count) => (*letter, *count),
    };
    let number = |value: i64| format!("{value:0count$}");
    let hour = i64::from(time.hour());
    let text = match letter {
        'y' | 'u' if count == 2 => format!("{:02}", time.year().rem_euclid(100)),
        'y' | 'u' => number(i64::from(time.year())),
        'M' | 'L' if count == 3 => time.strftime("%b").to_string(),
        'M' | 'L' if count == 4 => time.strftime("%B").to_string(),
        'M' | 'L' => number(i64::from(time.month())),
        'E' if count == 4 => weekday(time.weekday()).to_owned(),
        'E' => weekday(time.weekday())[..3].to_owned(),
        'd' => number(i64::from(time.day())),
        'D' => number(i64::from(time.day_of_year())),
        'H' => number(hour),
        'k' => number(if hour == 0 { 24 } else { hour }),
        'K' => number(hour % 12),
        'h' => number(if hour % 12 == 0 { 12 } else { hour % 12 }),
        'm' => number(i64::from(time.minute())),
        's' => number(i64::from(time.second())),
        'S' => format!("{:09}", time.subsec_nanosecond())[..count].to_owned(),
        'a' => (if hour < 12 { "AM" } else { "PM" }).to_owned(),
        'V' => time.time_zone().iana_name().unwrap_or("Z").to_owned(),
        _ => offset(letter, count, time),
    };
    out.push_str(&text);
}

/// `Z`, `ZZ`, `ZZZ`, `x`, `X` and their longer forms: `+0900`, `+09:00`, `+09`, or `Z` for UTC with `X`.
fn offset(letter: char, count: usize, time: &Zoned) -> String {
    let seconds = time.offset().seconds();
    if letter == 'X' && seconds == 0 {
        return "Z".into();
    }
    let sign = if seconds < 0 { '-' } else { '+' };
    let (hours, minutes) = (seconds.abs() / 3600, seconds.abs() / 60 % 60);
    match (letter, count) {
        ('x' | 'X', 1) if minutes == 0 => format!("{sign}{hours:02}"),
        ('x' | 'X', 3) => format!("{sign}{hours:02}:{minutes:02}"),
        _ => format!("{sign}{hours:02}{minutes:02}"),
    }
}

fn weekday(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "Monday",
        Weekday::Tuesday => "Tuesday",
        Weekday::Wednesday => "Wednesday",
        Weekday::Thursday => "Thursday",
        Weekday::Friday => "Friday",
        Weekday::Saturday => "Saturday",
        Weekday::Sunday => "Sunday",
    }
}
