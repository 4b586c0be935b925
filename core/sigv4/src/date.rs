//! The time a request says it was signed at.
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use sekisho_types::Timestamp;

/// A time in the form `20130524T000000Z`, kept as text because the text is what is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AmzDate {
    text: Box<str>,
    time: Timestamp,
}

impl AmzDate {
    /// Parses `YYYYMMDDTHHMMSSZ`.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_suffix('Z')?;
        let shaped = digits.len() == 15
            && digits.bytes().enumerate().all(|(at, b)| if at == 8 { b == b'T' } else { b.is_ascii_digit() });
        if !shaped {
            return None;
        }
        let number = |from: usize, to: usize| digits.get(from..to)?.parse::<i16>().ok();
        let small = |from: usize, to: usize| number(from, to).and_then(|n| i8::try_from(n).ok());
        let civil =
            DateTime::new(number(0, 4)?, small(4, 6)?, small(6, 8)?, small(9, 11)?, small(11, 13)?, small(13, 15)?, 0);
        let seconds = TimeZone::UTC.to_timestamp(civil.ok()?).ok()?.as_second();
        Some(Self { text: text.into(), time: Timestamp::from_seconds(seconds) })
    }

    /// Parses the value of a `Date` header: an HTTP date, or the same form as `X-Amz-Date`.
    pub fn parse_http(text: &str) -> Option<Self> {
        if let Some(date) = Self::parse(text) {
            return Some(date);
        }
        let time = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
        Some(Self::at(Timestamp::from_seconds(time.as_second())))
    }

    /// The second that holds `time`. A time outside the years jiff knows becomes the epoch.
    pub fn at(time: Timestamp) -> Self {
        let at = jiff::Timestamp::from_second(time.seconds()).unwrap_or_default();
        Self { text: at.strftime("%Y%m%dT%H%M%SZ").to_string().into(), time: Timestamp::from_seconds(at.as_second()) }
    }

    /// `20130524T000000Z`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// `20130524`.
    pub fn day(&self) -> &str {
        &self.text[..8]
    }

    /// As a time.
    pub fn time(&self) -> Timestamp {
        self.time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_one_time() {
        let date = AmzDate::parse("20130524T000000Z").unwrap();
        assert_eq!(date.time().seconds(), 1_369_353_600);
        assert_eq!(AmzDate::at(date.time()), date);
        assert_eq!(AmzDate::parse_http("Fri, 24 May 2013 00:00:00 GMT"), Some(date));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "Z",
            "20130524T000000",
            "20131324T000000Z",
            "2013-05-24T00:00Z",
            "20130524T0000é0Z",
            "+0130524T000000Z",
        ] {
            assert_eq!(AmzDate::parse(text), None, "{text}");
        }
    }
}
