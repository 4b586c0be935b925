//! parse_time, time_to_epoch: times as text, by patterns of letters.
mod format; // Joda-Time's letters, from a time to text
mod pattern; // letters and literals
mod read; // the JDK's letters, from text to a time
mod zone; // names and offsets of time zones

use jiff::Timestamp;

use super::{Arity, Function, Run};
use crate::SqlVersion;
use crate::value::{Value, int};
use pattern::{JDK, JODA, Pattern};

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        name: "parse_time",
        since: SqlVersion::V2016_03_23,
        arity: Arity::between(2, 3),
        doc: "A time in milliseconds since 1970-01-01T00:00:00Z as a text, by a pattern of Joda-Time, in a time zone (UTC unless named).",
        examples: &[
            ("parse_time('yyyy-MM-dd', 1481825251155)", r#""2016-12-15""#),
            ("parse_time(\"yyyy.MM.dd G 'at' HH:mm:ss z\", 1481825251155)", r#""2016.12.15 AD at 18:07:31 UTC""#),
            (
                "parse_time('yyyy-MM-dd HH:mm:ss.SSS Z', 1481825251155, 'America/Los_Angeles')",
                r#""2016-12-15 10:07:31.155 -0800""#,
            ),
            (
                "parse_time('EEE, d MMM yy h:mm a z', 1481825251155, 'America/New_York')",
                r#""Thu, 15 Dec 16 1:07 PM EST""#,
            ),
            ("parse_time('EEEE D MMMM K k ZZ', 1481825251155, '+01:00')", r#""Thursday 350 December 7 19 +01:00""#),
            ("parse_time('yyyy', 1481825251155, 'Mars/Olympus')", "Undefined"),
            ("parse_time('yyyy', 'x')", "Undefined"),
        ],
        run: Run::Values(|_, args| {
            let text = || {
                let pattern = Pattern::parse(&args[0].text()?, JODA).ok()?;
                let time = Timestamp::from_millisecond(args[1].number()?.floor()).ok()?;
                let zone = match args.get(2) {
                    Some(name) => zone::named(&name.text()?)?,
                    None => jiff::tz::TimeZone::UTC,
                };
                format::format(&pattern, &time.to_zoned(zone))
            };
            text().map_or(Value::Undefined, Value::string)
        }),
    },
    Function {
        name: "time_to_epoch",
        since: SqlVersion::V2016_03_23,
        arity: Arity::exactly(2),
        doc: "A time written by a pattern of the JDK, in milliseconds since 1970-01-01T00:00:00Z; in UTC unless it names a zone.",
        examples: &[
            ("time_to_epoch('2020-04-03 09:45:18 UTC+01:00', 'yyyy-MM-dd HH:mm:ss VV')", "1585903518000"),
            ("time_to_epoch('18 December 2015', 'dd MMMM yyyy')", "1450396800000"),
            (
                "time_to_epoch('2007-12-03 10:15:30.592 America/Los_Angeles', 'yyyy-MM-dd HH:mm:ss.SSS z')",
                "1196705730592",
            ),
            ("time_to_epoch('20150101T120000Z', \"yyyyMMdd'T'HHmmssX\")", "1420113600000"),
            ("time_to_epoch('1/2/15 1:05 pm', 'd/M/yy h:mm a')", "Undefined"),
            ("time_to_epoch('1/2/15 1:05 PM', 'd/M/yy h:mm a')", "1422795900000"),
            ("time_to_epoch('2015-02-30', 'yyyy-MM-dd')", "Undefined"),
            ("time_to_epoch(missing, 'yyyy')", "Undefined"),
        ],
        run: Run::Values(|_, args| {
            let time = || read::read(&Pattern::parse(&args[1].text()?, JDK).ok()?, &args[0].text()?);
            time().map_or(Value::Undefined, |millis| int(millis.into()))
        }),
    },
];

/// Whether the pattern in a call's arguments (those that are literals) is one of ours; the letters that are not.
pub(crate) fn check(function: &Function, arguments: &[Option<&str>]) -> Result<(), String> {
    let (at, letters) = match function.name {
        "parse_time" => (0, JODA),
        "time_to_epoch" => (1, JDK),
        _ => return Ok(()),
    };
    match arguments.get(at) {
        Some(Some(pattern)) => Pattern::parse(pattern, letters).map(drop),
        _ => Ok(()),
    }
}
