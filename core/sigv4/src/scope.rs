//! For which day, region and service a signature is good.
use std::fmt;

/// The last element of every scope.
pub(crate) const TERMINATION: &str = "aws4_request";

/// `20130524/us-east-1/s3/aws4_request`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// `YYYYMMDD`.
    pub day: Box<str>,
    /// Such as `us-east-1`.
    pub region: Box<str>,
    /// The signing name, such as `s3` or `iotdata`.
    pub service: Box<str>,
}

impl Scope {
    /// Takes apart `AKID/20130524/us-east-1/s3/aws4_request`.
    pub(crate) fn parse_credential(text: &str) -> Option<(Box<str>, Self)> {
        // An access key id may hold a slash; the four parts behind it may not.
        let mut parts = text.rsplitn(5, '/');
        let (termination, service, region, day, id) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let whole = termination == TERMINATION
            && day.len() == 8
            && day.bytes().all(|b| b.is_ascii_digit())
            && !id.is_empty()
            && !region.is_empty()
            && !service.is_empty();
        whole.then(|| (id.into(), Self { day: day.into(), region: region.into(), service: service.into() }))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/{TERMINATION}", self.day, self.region, self.service)
    }
}
