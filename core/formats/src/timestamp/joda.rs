//! Patterns of `TimestampFormats`: Joda-Time's letters for reading, as far as they say a moment without a time zone's name.
use super::{Moment, days_of, take_fraction, take_number, take_offset};

/// Characters of a pattern. Longer ones say nothing more.
const PATTERN_BYTES_MAX: usize = 100;
const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// One of `TimestampFormats`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// `millis`: milliseconds since 1970.
    Millis,
    /// A pattern.
    Pattern(Vec<Item>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    Literal(char),
    Field {
        letter: char,
        count: usize,
        /// Another number follows at once, so this one has exactly its digits.
        exact: bool,
    },
}

impl Format {
    /// Reads a pattern; nothing if it has letters that are not offered.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "millis" {
            return Some(Self::Millis);
        }
        if text.is_empty() || text.len() > PATTERN_BYTES_MAX {
            return None;
        }
        let mut items = Vec::new();
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\'' if chars.next_if_eq(&'\'').is_some() => items.push(Item::Literal('\'')),
                '\'' => loop {
                    match chars.next()? {
                        '\'' if chars.next_if_eq(&'\'').is_none() => break,
                        literal => items.push(Item::Literal(literal)),
                    }
                },
                letter if letter.is_ascii_alphabetic() => {
                    let mut count = 1;
                    while chars.next_if_eq(&letter).is_some() {
                        count += 1;
                    }
                    let fits = match letter {
                        'y' | 'Y' | 'u' | 'E' => count <= 9,
                        'M' => count <= 4,
                        'd' | 'H' | 'h' | 'm' | 's' | 'a' | 'Z' => count <= 2,
                        'S' => count <= 9,
                        _ => false,
                    };
                    if !fits {
                        return None;
                    }
                    items.push(Item::Field { letter, count, exact: false });
                }
                '[' | ']' | '{' | '}' | '#' => return None,
                literal => items.push(Item::Literal(literal)),
            }
        }
        for at in 1..items.len() {
            if items[at].is_number()
                && let Item::Field { exact, .. } = &mut items[at - 1]
            {
                *exact = true;
            }
        }
        Some(Self::Pattern(items))
    }

    /// The moment that `text` says, in UTC unless it has an offset.
    pub fn read(&self, text: &str) -> Option<Moment> {
        match self {
            Self::Millis => Moment::from_millis(text.trim().parse().ok()?),
            Self::Pattern(items) => {
                let (mut rest, mut parts) = (text, Parts::default());
                items.iter().try_for_each(|item| parts.take(item, &mut rest))?;
                if rest.is_empty() { parts.moment() } else { None }
            }
        }
    }
}

impl Item {
    fn is_number(&self) -> bool {
        match self {
            Self::Literal(_) => false,
            Self::Field { letter, count, .. } => match letter {
                'M' => *count <= 2,
                'E' | 'a' | 'Z' => false,
                _ => true,
            },
        }
    }
}

struct Parts {
    year: u32,
    month: u32,
    day: u32,
    hour: u32,
    minute: u32,
    second: u32,
    nanos: u32,
    /// Whether `a` said that it is afternoon; none if it was not asked.
    afternoon: Option<bool>,
    offset_s: i32,
}

impl Default for Parts {
    fn default() -> Self {
        let (year, month, day) = (1970, 1, 1);
        Self { year, month, day, hour: 0, minute: 0, second: 0, nanos: 0, afternoon: None, offset_s: 0 }
    }
}

impl Parts {
    fn take(&mut self, item: &Item, rest: &mut &str) -> Option<()> {
        let (letter, count, exact) = match item {
            Item::Literal(literal) => {
                *rest = rest.strip_prefix(*literal)?;
                return Some(());
            }
            Item::Field { letter, count, exact } => (*letter, *count, *exact),
        };
        let number = |rest: &mut &str, digits_max: usize| match exact {
            true => take_number(rest, count.min(digits_max), count.min(digits_max)),
            false => take_number(rest, 1, digits_max),
        };
        match letter {
            'y' | 'Y' | 'u' if count == 2 => {
                let year = number(rest, 2)?;
                self.year = if year < 70 { 2000 + year } else { 1900 + year };
            }
            'y' | 'Y' | 'u' => self.year = number(rest, if exact { 9 } else { 4 })?,
            'M' if count <= 2 => self.month = number(rest, 2)?,
            'M' => self.month = take_name(rest, &MONTHS)? + 1,
            'E' => drop(take_name(rest, &DAYS)?),
            'd' => self.day = number(rest, 2)?,
            'H' => self.hour = number(rest, 2)?,
            'h' => self.hour = number(rest, 2).filter(|hour| (1..=12).contains(hour))? % 12,
            'm' => self.minute = number(rest, 2)?,
            's' => self.second = number(rest, 2)?,
            'S' if exact => self.nanos = take_number(rest, count, count)? * 10u32.pow(9 - count as u32),
            'S' => self.nanos = take_fraction(rest)?,
            'a' => {
                let half = rest.get(..2)?;
                self.afternoon = Some(half.eq_ignore_ascii_case("pm"));
                (half.eq_ignore_ascii_case("pm") || half.eq_ignore_ascii_case("am")).then_some(())?;
                *rest = &rest[2..];
            }
            'Z' => self.offset_s = take_offset(rest)?,
            _ => return None,
        }
        Some(())
    }

    fn moment(&self) -> Option<Moment> {
        let day = days_of(i64::from(self.year), self.month, self.day)?;
        let hour = match self.afternoon {
            Some(true) if self.hour < 12 => self.hour + 12,
            _ => self.hour,
        };
        Moment::at(day, hour, self.minute, self.second, self.nanos, self.offset_s)
    }
}

/// Which of `names` stands here, whole or its first three letters.
fn take_name(rest: &mut &str, names: &[&str]) -> Option<u32> {
    let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
    let found = rest[..letters].to_ascii_lowercase();
    let at = names.iter().position(|name| found == *name || found == name[..3])?;
    *rest = &rest[letters..];
    Some(at as u32)
}
