//! What text and numbers say of a moment or a day: the forms of Firehose's two JSON deserializers (developer guide, "Choose
//! the JSON deserializer"), and Joda patterns.
mod joda; // patterns of TimestampFormats

pub(crate) use joda::Format;

const NANOS_A_DAY: i128 = 86_400_000_000_000;
/// The first day of the year 1 and the last of 9999, counted from 1970: what text can say, and no number may exceed.
const DAYS: std::ops::RangeInclusive<i64> = -719_162..=2_932_896;
/// A whole number of as many digits is in milliseconds, a shorter one in seconds (OpenX SerDe).
const MILLIS_DIGITS_MIN: usize = 13;

/// A moment in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Since 1970-01-01.
    pub days: i32,
    /// Of the day.
    pub nanos: u64,
}

impl Moment {
    fn from_nanos(nanos: i128) -> Option<Self> {
        let days = i64::try_from(nanos.div_euclid(NANOS_A_DAY)).ok().filter(|days| DAYS.contains(days))?;
        Some(Self { days: days as i32, nanos: nanos.rem_euclid(NANOS_A_DAY) as u64 })
    }

    /// OpenX: a number is seconds, or milliseconds if it has 13 digits.
    pub fn from_whole(number: i64) -> Option<Self> {
        let is_millis = number.unsigned_abs() >= 10u64.pow(MILLIS_DIGITS_MIN as u32 - 1);
        Self::from_nanos(i128::from(number) * if is_millis { 1_000_000 } else { 1_000_000_000 })
    }

    /// Hive, `millis`.
    pub fn from_millis(millis: i64) -> Option<Self> {
        Self::from_nanos(i128::from(millis) * 1_000_000)
    }

    /// OpenX: seconds with a fraction, of which a double of our century holds the microseconds.
    pub fn from_seconds(seconds: f64) -> Option<Self> {
        let micros = (seconds * 1e6).round();
        (micros.abs() < 1e18).then(|| Self::from_nanos(micros as i128 * 1_000)).flatten()
    }

    /// OpenX: a time of day makes it a date and time, otherwise it is a number.
    pub fn from_openx(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.contains(':') {
            return Self::from_civil(text, true);
        }
        match text.contains('.') {
            true => Self::from_seconds(text.parse().ok()?),
            false => Self::from_whole(text.parse().ok()?),
        }
    }

    /// Hive, without patterns: `java.sql.Timestamp.valueOf`, `yyyy-[m]m-[d]d hh:mm:ss[.f…]`.
    pub fn from_sql(text: &str) -> Option<Self> {
        Self::from_civil(text.trim(), false)
    }

    fn from_civil(text: &str, iso: bool) -> Option<Self> {
        let mut rest = text;
        let day = take_day(&mut rest)?;
        if !(skip(&mut rest, b' ') || iso && skip(&mut rest, b'T')) {
            return None;
        }
        let hour = take_number(&mut rest, 1, 2)?;
        skip(&mut rest, b':').then_some(())?;
        let minute = take_number(&mut rest, 1, 2)?;
        skip(&mut rest, b':').then_some(())?;
        let second = take_number(&mut rest, 1, 2)?;
        let fraction = if skip(&mut rest, b'.') { take_fraction(&mut rest)? } else { 0 };
        let offset = if rest.is_empty() || !iso { 0 } else { take_offset(&mut rest)? };
        rest.is_empty().then_some(())?;
        Self::at(day, hour, minute, second, fraction, offset)
    }

    fn at(day: i64, hour: u32, minute: u32, second: u32, nanos: u32, offset_s: i32) -> Option<Self> {
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let seconds = day * 86_400 + i64::from(hour * 3600 + minute * 60 + second) - i64::from(offset_s);
        Self::from_nanos(i128::from(seconds) * 1_000_000_000 + i128::from(nanos))
    }
}

/// `yyyy-[m]m-[d]d`, in days since 1970.
pub(crate) fn day(text: &str) -> Option<i32> {
    let mut rest = text.trim();
    let day = take_day(&mut rest)?;
    rest.is_empty().then_some(day as i32)
}

fn take_day(rest: &mut &str) -> Option<i64> {
    let year = take_number(rest, 4, 4)?;
    skip(rest, b'-').then_some(())?;
    let month = take_number(rest, 1, 2)?;
    skip(rest, b'-').then_some(())?;
    let day = take_number(rest, 1, 2)?;
    days_of(i64::from(year), month, day)
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar.
fn days_of(year: i64, month: u32, day: u32) -> Option<i64> {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    if day == 0 || day > last || !(1..=9999).contains(&year) {
        return None;
    }
    // Years begin in March here, so that the leap day is the last.
    let shifted = if month > 2 { year } else { year - 1 };
    let of_year = (153 * (i64::from(month) + if month > 2 { -3 } else { 9 }) + 2) / 5 + i64::from(day) - 1;
    let (era, of_era) = (shifted.div_euclid(400), shifted.rem_euclid(400));
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

fn skip(rest: &mut &str, wanted: u8) -> bool {
    let found = rest.as_bytes().first() == Some(&wanted);
    if found {
        *rest = &rest[1..];
    }
    found
}

fn take_number(rest: &mut &str, digits_min: usize, digits_max: usize) -> Option<u32> {
    let digits = rest.bytes().take(digits_max).take_while(u8::is_ascii_digit).count();
    if digits < digits_min {
        return None;
    }
    let (number, after) = rest.split_at(digits);
    *rest = after;
    number.parse().ok()
}

/// One to nine digits behind the point, in nanoseconds.
fn take_fraction(rest: &mut &str) -> Option<u32> {
    let before = rest.len();
    let number = take_number(rest, 1, 9)?;
    Some(number * 10u32.pow(9 - (before - rest.len()) as u32))
}

/// `Z`, `+hh`, `+hhmm` or `+hh:mm`, in seconds.
fn take_offset(rest: &mut &str) -> Option<i32> {
    if skip(rest, b'Z') {
        return Some(0);
    }
    let sign = match (skip(rest, b'+'), rest.starts_with('-')) {
        (true, _) => 1,
        (false, true) => {
            *rest = &rest[1..];
            -1
        }
        (false, false) => return None,
    };
    let hours = take_number(rest, 2, 2)?;
    let minutes = match skip(rest, b':') {
        true => take_number(rest, 2, 2)?,
        false => take_number(rest, 2, 2).unwrap_or(0),
    };
    (hours <= 18 && minutes <= 59).then_some(sign * (hours * 3600 + minutes * 60) as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `seconds.nanoseconds` since 1970.
    fn shown(moment: Option<Moment>) -> String {
        moment.map_or("-".into(), |moment| {
            let nanos = i128::from(moment.days) * NANOS_A_DAY + i128::from(moment.nanos);
            format!("{}.{:09}", nanos.div_euclid(1_000_000_000), nanos.rem_euclid(1_000_000_000))
        })
    }

    #[test]
    fn openx_and_sql() {
        #[rustfmt::skip] // source                                         text                              OpenX                      Hive without patterns
        let table = [
            ("Firehose: ISO, fraction of up to 9 digits",                  "2017-02-07T15:13:01.39256Z",     "1486480381.392560000",    "-"),
            ("Firehose: ISO, fraction of up to 9 digits",                  "2017-02-07T15:13:01.123456789Z", "1486480381.123456789",    "-"),
            ("Firehose: yyyy-[M]M-[d]d HH:mm:ss[.S]",                      "2017-02-07 15:13:01.14",         "1486480381.140000000",    "1486480381.140000000"),
            ("Firehose: yyyy-[M]M-[d]d HH:mm:ss[.S]",                      "2017-2-7 15:13:01",              "1486480381.000000000",    "1486480381.000000000"),
            ("Firehose: epoch seconds",                                    "1518033528",                     "1518033528.000000000",    "-"),
            ("Firehose: epoch milliseconds",                               "1518033528123",                  "1518033528.123000000",    "-"),
            ("Firehose: floating point epoch seconds",                     "1518033528.123",                 "1518033528.123000000",    "-"),
            ("an offset is taken off",                                     "2017-02-07T17:13:01+02:00",      "1486480381.000000000",    "-"),
            ("before 1970",                                                "1969-12-31 23:59:59.5",          "-1.500000000",            "-1.500000000"),
            ("a leap day",                                                 "2024-02-29 00:00:00",            "1709164800.000000000",    "1709164800.000000000"),
            ("no leap day",                                                "2023-02-29 00:00:00",            "-",                       "-"),
            ("ten digits are one too many",                                "2017-02-07T15:13:01.1234567890Z","-",                       "-"),
            ("no day has 25 hours",                                        "2017-02-07 24:00:00",            "-",                       "-"),
            ("a day is no moment",                                         "2017-02-07",                     "-",                       "-"),
            ("text",                                                       "yesterday",                      "-",                       "-"),
            ("nothing",                                                    "",                               "-",                       "-"),
        ];
        for (source, text, openx, sql) in table {
            assert_eq!(shown(Moment::from_openx(text)), openx, "{source}: {text}");
            assert_eq!(shown(Moment::from_sql(text)), sql, "{source}: {text}");
        }
        assert_eq!(shown(Moment::from_whole(i64::MAX)), "-");
        assert_eq!(shown(Moment::from_seconds(f64::MAX)), "-");
        assert_eq!(day("1970-1-2"), Some(1));
        assert_eq!((day("0001-01-01"), day("9999-12-31")), (Some(*DAYS.start() as i32), Some(*DAYS.end() as i32)));
        assert_eq!((day("2017-02-30"), day("2017-02-07 x")), (None, None));
    }

    #[test]
    fn patterns() {
        #[rustfmt::skip] // source                              pattern                             text                                  moment
        let table = [
            ("Firehose: `millis`",                              "millis",                           "1518033528123",                      "1518033528.123000000"),
            ("Joda: literals in quotes",                        "yyyy-MM-dd'T'HH:mm:ss.SSS'Z'",     "2017-02-07T15:13:01.392Z",           "1486480381.392000000"),
            ("Joda: Z is an offset",                            "yyyy-MM-dd'T'HH:mm:ssZ",           "2017-02-07T17:13:01+0200",           "1486480381.000000000"),
            ("Joda: ZZ is an offset with a colon",              "yyyy-MM-dd HH:mm:ss ZZ",           "2017-02-07 17:13:01 +02:00",         "1486480381.000000000"),
            ("Joda: numbers that touch have their digits",      "yyyyMMddHHmmss",                   "20170207151301",                     "1486480381.000000000"),
            ("Joda: names of months and days, half days",       "EEE, d MMM yyyy hh:mm:ss a",       "Tue, 7 Feb 2017 03:13:01 PM",        "1486480381.000000000"),
            ("Joda: MMMM is the whole name",                    "d MMMM yyyy",                      "7 February 2017",                    "1486425600.000000000"),
            ("Joda: yy is of 1970 to 2069",                     "MM/dd/yy",                         "02/07/17",                           "1486425600.000000000"),
            ("Joda: two quotes are one",                        "yyyy ''MM''dd",                    "2017 '02'07",                        "1486425600.000000000"),
            ("what is left over does not fit",                  "yyyy-MM-dd",                       "2017-02-07 15",                      "-"),
            ("nor does a month 13",                             "yyyy-MM-dd",                       "2017-13-07",                         "-"),
            ("nor a half day at 13",                            "yyyy-MM-dd hh a",                  "2017-02-07 13 PM",                   "-"),
        ];
        for (source, pattern, text, expected) in table {
            let format = Format::parse(pattern).unwrap_or_else(|| panic!("{pattern}"));
            assert_eq!(shown(format.read(text)), expected, "{source}: {pattern}: {text}");
        }
        for refused in ["yyyy-ww", "HH:mm z", "yyyy-MM-dd'T", "QQ", "", "[yyyy]", &"y".repeat(200)] {
            assert_eq!(Format::parse(refused), None, "{refused}");
        }
    }

    #[test]
    fn no_text_and_no_pattern_panics() {
        bolero::check!().with_type::<(String, String)>().for_each(|(pattern, text)| {
            let _ = (Moment::from_openx(text), Moment::from_sql(text), day(text));
            for pattern in [pattern.as_str(), "yyyy-MM-dd'T'HH:mm:ss.SSSZ", "millis"] {
                let _ = Format::parse(pattern).map(|format| format.read(text));
            }
        });
    }
}
