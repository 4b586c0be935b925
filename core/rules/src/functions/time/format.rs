//! From a time to text, by the letters of Joda-Time.
use std::fmt::Write;

use jiff::Zoned;

use super::pattern::{MONTHS, Part, Pattern, WEEKDAYS};

/// The text of a time; `None` for a field that is not supported.
pub(super) fn format(pattern: &Pattern, time: &Zoned) -> Option<String> {
    let mut out = String::new();
    for part in &pattern.0 {
        match part {
            Part::Text(char) => out.push(*char),
            Part::Field(letter, count) => field(*letter, *count, time, &mut out)?,
            Part::Optional(_) => return None,
        }
    }
    Some(out)
}

fn field(letter: char, count: usize, time: &Zoned, out: &mut String) -> Option<()> {
    let hour = i32::from(time.hour());
    let number = match letter {
        'y' | 'Y' if count == 2 => i32::from(time.year()).rem_euclid(100),
        'y' | 'Y' => i32::from(time.year()),
        'M' if count >= 3 => {
            out.push_str(text(MONTHS.get(time.month().unsigned_abs() as usize - 1)?, count));
            return Some(());
        }
        'M' => time.month().into(),
        'C' => i32::from(time.year()).div_euclid(100),
        'x' if count == 2 => i32::from(time.date().iso_week_date().year()).rem_euclid(100),
        'x' => time.date().iso_week_date().year().into(),
        'w' => time.date().iso_week_date().week().into(),
        'e' => i32::from(time.weekday().to_monday_one_offset()),
        'D' => time.day_of_year().into(),
        'd' => time.day().into(),
        'E' => {
            out.push_str(text(
                WEEKDAYS.get(time.weekday().to_monday_zero_offset().unsigned_abs() as usize)?,
                count.max(3),
            ));
            return Some(());
        }
        'H' => hour,
        'k' => (hour + 23) % 24 + 1,
        'K' => hour % 12,
        'h' => (hour + 11) % 12 + 1,
        'm' => time.minute().into(),
        's' => time.second().into(),
        'S' => {
            let nanoseconds = format!("{:09}", time.subsec_nanosecond());
            out.push_str(nanoseconds.get(..count)?);
            return Some(());
        }
        'a' => {
            out.push_str(if hour < 12 { "AM" } else { "PM" });
            return Some(());
        }
        'G' => {
            out.push_str(if time.year() > 0 { "AD" } else { "BC" });
            return Some(());
        }
        'z' => {
            match time.time_zone().to_offset_info(time.timestamp()).abbreviation() {
                name if name.starts_with(['+', '-']) => offset(time, ":", out),
                name => out.push_str(name),
            }
            return Some(());
        }
        'Z' => {
            match count {
                1 => offset(time, "", out),
                2 => offset(time, ":", out),
                _ => match time.time_zone().iana_name() {
                    Some(name) => out.push_str(name),
                    None => offset(time, ":", out),
                },
            }
            return Some(());
        }
        _ => return None,
    };
    let _ = write!(out, "{number:0count$}"); // writing to a String does not fail
    Some(())
}

/// In full from four letters on, else its first three.
fn text(name: &'static str, count: usize) -> &'static str {
    if count >= 4 { name } else { &name[..3] }
}

fn offset(time: &Zoned, colon: &str, out: &mut String) {
    let seconds = time.offset().seconds();
    let (sign, minutes) = (if seconds < 0 { '-' } else { '+' }, seconds.unsigned_abs() / 60);
    let _ = write!(out, "{sign}{:02}{colon}{:02}", minutes / 60, minutes % 60); // writing to a String does not fail
}
