//! The names of policy variables and condition keys (iot dev guide: "AWS IoT Core policy variables").

/// Something a request may have a value for. A name that is none of these cannot be evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Variable {
    /// `iot:ClientId`
    ClientId,
    /// `aws:SourceIp`
    SourceIp,
    /// `iot:Connection.Thing.ThingName`
    ThingName,
    /// `iot:Connection.Thing.ThingTypeName`
    ThingTypeName,
    /// `iot:Connection.Thing.Attributes[name]`
    ThingAttribute(Box<str>),
    /// `iot:Connection.Thing.IsAttached`
    IsAttached,
    /// `iot:ConnectAttributes`: a key with several values, and no variable.
    ConnectAttributes,
    /// `iot:DomainName`
    DomainName,
    /// `aws:CurrentTime`
    CurrentTime,
    /// `aws:EpochTime`
    EpochTime,
    /// `iot:CertificateId`
    CertificateId,
    /// `iot:Certificate.Subject.Organization` and its like
    Certificate(CertificateVariable),
}

/// What a certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CertificateVariable {
    /// `iot:Certificate.SerialNumber`
    SerialNumber,
    /// `iot:Certificate.AvailableKeys`: a key with several values, and no variable.
    AvailableKeys,
    /// A field of the certificate's issuer or subject.
    Field {
        /// The issuer's; otherwise the subject's.
        of_issuer: bool,
        /// Which field, by its place among the fields of [`crate::certificate`].
        field: usize,
        which: Which,
    },
}

/// Which value of a field that may have several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// From 0: the bare name is the first, `.1` the second.
    Nth(usize),
    /// `.List`
    All,
}

impl Variable {
    /// Letter case counts in the attribute's name only (IAM user guide: "Key names are case-insensitive").
    pub fn parse(name: &str) -> Option<Self> {
        const PLAIN: &[(&str, Variable)] = &[
            ("iot:ClientId", Variable::ClientId),
            ("aws:SourceIp", Variable::SourceIp),
            ("iot:Connection.Thing.ThingName", Variable::ThingName),
            ("iot:Connection.Thing.ThingTypeName", Variable::ThingTypeName),
            ("iot:Connection.Thing.IsAttached", Variable::IsAttached),
            ("iot:ConnectAttributes", Variable::ConnectAttributes),
            ("iot:DomainName", Variable::DomainName),
            ("aws:CurrentTime", Variable::CurrentTime),
            ("aws:EpochTime", Variable::EpochTime),
            ("iot:CertificateId", Variable::CertificateId),
        ];
        if let Some((_, variable)) = PLAIN.iter().find(|(plain, _)| plain.eq_ignore_ascii_case(name)) {
            return Some(variable.clone());
        }
        if let Some(rest) = without_prefix(name, "iot:Connection.Thing.Attributes[") {
            return Some(Self::ThingAttribute(rest.strip_suffix(']')?.into()));
        }
        CertificateVariable::parse(without_prefix(name, "iot:Certificate.")?).map(Self::Certificate)
    }
}

impl CertificateVariable {
    /// Parses what follows `iot:Certificate.`
    fn parse(name: &str) -> Option<Self> {
        if name.eq_ignore_ascii_case("SerialNumber") {
            return Some(Self::SerialNumber);
        }
        if name.eq_ignore_ascii_case("AvailableKeys") {
            return Some(Self::AvailableKeys);
        }
        let (of_issuer, rest) = match without_prefix(name, "Issuer.") {
            Some(rest) => (true, rest),
            None => (false, without_prefix(name, "Subject.")?),
        };
        let (field, which) = match rest.rsplit_once('.') {
            Some((field, suffix)) if suffix.eq_ignore_ascii_case("List") => (field, Which::All),
            Some((field, suffix)) if suffix.bytes().all(|byte| byte.is_ascii_digit()) => {
                (field, Which::Nth(suffix.parse().ok().filter(|nth| *nth > 0)?))
            }
            Some(_) | None => (rest, Which::Nth(0)),
        };
        Some(Self::Field { of_issuer, field: crate::certificate::field(field)?, which })
    }
}

fn without_prefix<'a>(name: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = name.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}
