//! Time zones by name or offset. The database is part of the program: no file is read.
use jiff::tz::{Offset, TimeZone, TimeZoneDatabase};

/// Abbreviations that name a zone in the JDK's American English, and that zone.
const ABBREVIATIONS: &[(&str, &str)] = &[
    ("EST", "America/New_York"),
    ("EDT", "America/New_York"),
    ("CST", "America/Chicago"),
    ("CDT", "America/Chicago"),
    ("MST", "America/Denver"),
    ("MDT", "America/Denver"),
    ("PST", "America/Los_Angeles"),
    ("PDT", "America/Los_Angeles"),
];

/// The zone called `name`: `Z`, an offset, `UTC`, `GMT` or `UT` with or without an offset, or a name of the tz database.
pub(super) fn named(name: &str) -> Option<TimeZone> {
    let rest = ["UTC", "GMT", "UT"].iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name);
    if name == "Z" || (rest.is_empty() && !name.is_empty()) {
        return Some(TimeZone::UTC);
    }
    if rest.starts_with(['+', '-']) {
        return offset(rest).map(TimeZone::fixed);
    }
    TimeZoneDatabase::bundled().get(name).ok()
}

/// The zone of an abbreviation, or else the zone called so.
pub(super) fn abbreviated(name: &str) -> Option<TimeZone> {
    named(ABBREVIATIONS.iter().find(|(short, _)| *short == name).map_or(name, |(_, zone)| zone))
}

/// `+H`, `+HH`, `+HHmm`, `+HH:mm` or these with seconds.
pub(super) fn offset(text: &str) -> Option<Offset> {
    let sign = if text.strip_prefix('-').is_some() { -1 } else { 1 };
    let digits: String = text.get(1..)?.chars().filter(|char| *char != ':').collect();
    if digits.is_empty() || digits.len() > 6 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let part = |range: std::ops::Range<usize>| match digits.get(range.start..range.end.min(digits.len())) {
        None | Some("") => Some(0),
        Some(two) => two.parse::<i32>().ok(),
    };
    let (hours, minutes, seconds) = (part(0..2)?, part(2..4)?, part(4..6)?);
    let fits = hours <= 18 && minutes < 60 && seconds < 60;
    if fits { Offset::from_seconds(sign * (hours * 3600 + minutes * 60 + seconds)).ok() } else { None }
}
