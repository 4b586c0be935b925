//! Conditions a request sets: on the object it reads (RFC 9110 §13), and on what a write replaces.
use sekisho_types::Timestamp;

use crate::{ObjectRecord, ObjectsError};

/// `If-Match` and kin, on a read. Times count in whole seconds, as headers do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// `If-Match`: ETags, comma-separated, or `*`.
    pub if_match: Option<String>,
    /// `If-None-Match`, the same.
    pub if_none_match: Option<String>,
    /// `If-Modified-Since`
    pub if_modified_since: Option<Timestamp>,
    /// `If-Unmodified-Since`
    pub if_unmodified_since: Option<Timestamp>,
}

/// What comes of conditions on a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Go on.
    Met,
    /// 304.
    NotModified,
    /// 412, and the header that failed.
    Failed(&'static str),
}

impl Conditions {
    /// Judges them. `If-Match` makes `If-Unmodified-Since` count no more, `If-None-Match` makes `If-Modified-Since` so
    /// (RFC 9110 §13.2.2; S3: GetObject).
    pub fn judge(&self, record: &ObjectRecord) -> Verdict {
        let modified = record.last_modified.seconds();
        match (&self.if_match, self.if_unmodified_since) {
            (Some(etags), _) if !matches(etags, &record.etag) => return Verdict::Failed("If-Match"),
            (None, Some(time)) if modified > time.seconds() => return Verdict::Failed("If-Unmodified-Since"),
            _ => {}
        }
        match (&self.if_none_match, self.if_modified_since) {
            (Some(etags), _) if matches(etags, &record.etag) => Verdict::NotModified,
            (None, Some(time)) if modified <= time.seconds() => Verdict::NotModified,
            _ => Verdict::Met,
        }
    }
}

fn matches(etags: &str, etag: &str) -> bool {
    etags.split(',').map(str::trim).any(|one| one == "*" || one.trim_start_matches("W/").trim_matches('"') == etag)
}

/// A condition on what a put replaces; judged at the moment the object becomes visible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// `If-None-Match: *`: nothing is there.
    Absent,
    /// `If-Match`: what is there has this ETag.
    Matches(String),
}

impl Precondition {
    pub(crate) fn check(&self, present: Option<&ObjectRecord>) -> Result<(), ObjectsError> {
        match (self, present) {
            (Self::Absent, None) => Ok(()),
            (Self::Absent, Some(_)) => Err(ObjectsError::PreconditionFailed("If-None-Match")),
            (Self::Matches(_), None) => Err(ObjectsError::PreconditionFailed("If-Match")),
            (Self::Matches(etags), Some(record)) if matches(etags, &record.etag) => Ok(()),
            (Self::Matches(_), Some(_)) => Err(ObjectsError::PreconditionFailed("If-Match")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::record;

    #[test]
    fn reads() {
        use Verdict::{Failed, Met, NotModified};
        let at = |seconds| Some(Timestamp::from_seconds(seconds));
        let text = |text: &str| Some(text.to_owned());
        #[rustfmt::skip] // source                                 If-Match      If-None-Match  Modified  Unmodified  (etag "e", modified at 100.5 s)
        let table = [
            ("RFC 9110 §13.1.1",                                   text("\"e\""), None,           None,     None,       Met),
            ("RFC 9110 §13.1.1: any of a list",                    text("x, \"e\""), None,        None,     None,       Met),
            ("RFC 9110 §13.1.1: any at all",                       text("*"),    None,           None,     None,       Met),
            ("RFC 9110 §13.1.1",                                   text("x"),    None,           None,     None,       Failed("If-Match")),
            ("RFC 9110 §13.1.2",                                   None,         text("W/\"e\""), None,    None,       NotModified),
            ("RFC 9110 §13.1.2",                                   None,         text("x"),      None,     None,       Met),
            ("RFC 9110 §13.1.3",                                   None,         None,           at(100),  None,       NotModified),
            ("RFC 9110 §13.1.3",                                   None,         None,           at(99),   None,       Met),
            ("RFC 9110 §13.1.4",                                   None,         None,           None,     at(100),    Met),
            ("RFC 9110 §13.1.4",                                   None,         None,           None,     at(99),     Failed("If-Unmodified-Since")),
            ("GetObject: If-Match true, If-Unmodified-Since not",  text("e"),    None,           None,     at(99),     Met),
            ("GetObject: If-None-Match false, If-Modified-Since not", None,      text("e"),      at(99),   None,       NotModified),
            ("RFC 9110 §13.2.2: If-None-Match beats the time",     None,         text("x"),      at(100),  None,       Met),
        ];
        let object = ObjectRecord { etag: "e".into(), last_modified: Timestamp::from_millis(100_500), ..record(1) };
        for (source, if_match, if_none_match, if_modified_since, if_unmodified_since, verdict) in table {
            let conditions = Conditions { if_match, if_none_match, if_modified_since, if_unmodified_since };
            assert_eq!(conditions.judge(&object), verdict, "{source}: {conditions:?}");
        }
    }

    #[test]
    fn writes() {
        let there = record(1);
        assert!(Precondition::Absent.check(None).is_ok());
        assert!(Precondition::Absent.check(Some(&there)).is_err());
        assert!(Precondition::Matches(format!("\"{}\"", there.etag)).check(Some(&there)).is_ok());
        assert!(Precondition::Matches("x".into()).check(Some(&there)).is_err());
        assert!(Precondition::Matches("x".into()).check(None).is_err());
    }
}
