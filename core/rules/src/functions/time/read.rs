//! From text to a time, by the letters of the JDK's `DateTimeFormatter`.
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

use super::pattern::{MONTHS, Part, Pattern, WEEKDAYS};
use super::zone;

/// What has been read so far.
#[derive(Clone, Default)]
struct Fields {
    year: Option<i16>,
    month: Option<i8>,
    day: Option<i8>,
    day_of_year: Option<i16>,
    hour: Option<i8>,
    /// Whether `hour` is one of a half day's twelve.
    half: bool,
    afternoon: Option<bool>,
    minute: i8,
    second: i8,
    nanosecond: i32,
    weekday: Option<usize>,
    zone: Option<TimeZone>,
}

/// Milliseconds since the epoch; `None` if the text is not of the pattern, or names no time.
pub(super) fn read(pattern: &Pattern, text: &str) -> Option<i64> {
    let mut fields = Fields::default();
    let rest = read_parts(&pattern.0, &mut fields, text)?;
    if rest.is_empty() { fields.time() } else { None }
}

/// Reads parts one after the other from the beginning of `text` and returns what is left.
fn read_parts<'t>(parts: &[Part], fields: &mut Fields, text: &'t str) -> Option<&'t str> {
    let mut rest = text;
    for (at, part) in parts.iter().enumerate() {
        match part {
            Part::Text(char) => rest = rest.strip_prefix(*char)?,
            Part::Field(letter, count) => {
                let exact = matches!(parts.get(at + 1), Some(Part::Field(next, _)) if !"VzXxZaE".contains(*next));
                rest = fields.read(*letter, *count, exact, rest)?;
            }
            Part::Optional(parts) => {
                let mut tried = fields.clone();
                if let Some(after) = read_parts(parts, &mut tried, rest) {
                    (*fields, rest) = (tried, after);
                }
            }
        }
    }
    Some(rest)
}

impl Fields {
    /// Reads one field from the beginning of `text` and returns what is left. Before another number, a number is `exact`ly as
    /// long as its letters.
    fn read<'t>(&mut self, letter: char, count: usize, exact: bool, text: &'t str) -> Option<&'t str> {
        let most = match (letter, count) {
            _ if exact => count,
            ('y' | 'u', 1 | 4..) => 9,
            ('S', _) => count,
            (_, 1) => 9,
            _ => count,
        };
        let number = || number(text, count, most);
        match letter {
            'y' | 'u' => {
                let (year, rest) = number()?;
                self.year = Some(i16::try_from(if count == 2 { 2000 + year } else { year }).ok()?);
                Some(rest)
            }
            'M' | 'L' if count >= 3 => {
                let (month, rest) = name(text, &MONTHS, count)?;
                self.month = Some(month as i8 + 1);
                Some(rest)
            }
            'E' => {
                let (weekday, rest) = name(text, &WEEKDAYS, count)?;
                self.weekday = Some(weekday);
                Some(rest)
            }
            'a' => {
                self.afternoon = Some(text.starts_with("PM"));
                text.strip_prefix("AM").or_else(|| text.strip_prefix("PM"))
            }
            'S' => {
                let (fraction, rest) = number()?;
                self.nanosecond = fraction * 10i32.checked_pow(9 - count as u32)?;
                Some(rest)
            }
            'V' | 'z' => {
                let end = text.find(|c: char| !c.is_ascii_alphanumeric() && !"_/+-:".contains(c)).unwrap_or(text.len());
                let (name, rest) = text.split_at(end);
                self.zone = Some(if letter == 'z' { zone::abbreviated(name)? } else { zone::named(name)? });
                Some(rest)
            }
            'X' | 'x' | 'Z' => {
                if let (true, Some(rest)) = (letter == 'X', text.strip_prefix('Z')) {
                    self.zone = Some(TimeZone::UTC);
                    return Some(rest);
                }
                let length = if letter != 'Z' && count == 3 {
                    6
                } else if letter != 'Z' && count == 1 && text.len() < 5 {
                    3
                } else {
                    5
                };
                let offset = text.get(..length).filter(|offset| offset.starts_with(['+', '-']))?;
                self.zone = Some(TimeZone::fixed(zone::offset(offset)?));
                text.get(length..)
            }
            'D' => {
                let (number, rest) = number()?;
                self.day_of_year = Some(i16::try_from(number).ok()?);
                Some(rest)
            }
            _ => {
                let (number, rest) = number()?;
                let small = i8::try_from(number).ok()?;
                match letter {
                    'M' | 'L' => self.month = Some(small),
                    'd' => self.day = Some(small),
                    'H' => self.hour = Some(small),
                    'k' => self.hour = Some(small % 24),
                    'h' | 'K' => (self.hour, self.half) = (Some(small), true),
                    'm' => self.minute = small,
                    's' => self.second = small,
                    _ => return None,
                }
                Some(rest)
            }
        }
    }

    fn time(self) -> Option<i64> {
        let hour = match (self.half, self.hour, self.afternoon) {
            (true, Some(hour @ 0..=12), Some(afternoon)) => hour % 12 + if afternoon { 12 } else { 0 },
            (true, ..) => return None,
            (false, hour, _) => hour.unwrap_or(0),
        };
        let date = match self.day_of_year {
            Some(day) => Date::new(self.year?, 1, 1).ok()?.with().day_of_year(day).build().ok()?,
            None => Date::new(self.year?, self.month?, self.day?).ok()?,
        };
        let time = date.to_datetime(Time::new(hour, self.minute, self.second, self.nanosecond).ok()?);
        if self.weekday.is_some_and(|weekday| time.weekday().to_monday_zero_offset().unsigned_abs() as usize != weekday)
        {
            return None;
        }
        Some(time.to_zoned(self.zone.unwrap_or(TimeZone::UTC)).ok()?.timestamp().as_millisecond())
    }
}

/// A number of `least` to `most` digits.
fn number(text: &str, least: usize, most: usize) -> Option<(i32, &str)> {
    let digits = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    if digits < least {
        return None;
    }
    Some((text[..digits].parse().ok()?, &text[digits..]))
}

/// Which of the names the text begins with: in full from four letters on, else with the first three.
fn name<'t>(text: &'t str, names: &[&str], count: usize) -> Option<(usize, &'t str)> {
    names
        .iter()
        .enumerate()
        .find_map(|(at, name)| Some((at, text.strip_prefix(if count >= 4 { name } else { &name[..3] })?)))
}
