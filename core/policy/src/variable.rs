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
    /// `iot:Certificate.Subject.Organization` and its like
    Certificate(CertificateVariable),
}

/// A field of the certificate's issuer or subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CertificateVariable {
    /// Which field, by its place among the fields of [`crate::certificate`].
    pub field: usize,
    /// The issuer's; otherwise the subject's.
    pub of_issuer: bool,
    pub which: Which,
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
        ];
        if let Some((_, variable)) = PLAIN.iter().find(|(plain, _)| plain.eq_ignore_ascii_case(name)) {
            return Some(variable.clone());
        }
        if let Some(rest) = without_prefix(name, "iot:Connection.Thing.Attributes[") {
            return Some(Self::ThingAttribute(rest.strip_suffix(']')?.into()));
        }
        let rest = without_prefix(name, "iot:Certificate.")?;
        let (whose, field) = rest.split_once('.')?;
        let of_issuer = match () {
            () if whose.eq_ignore_ascii_case("Issuer") => true,
            () if whose.eq_ignore_ascii_case("Subject") => false,
            () => return None,
        };
        let (field, which) = match field.split_once('.') {
            None => (field, Which::Nth(0)),
            Some((field, suffix)) if suffix.eq_ignore_ascii_case("List") => (field, Which::All),
            Some((field, suffix)) => (field, Which::Nth(suffix.parse().ok().filter(|nth| *nth > 0)?)),
        };
        Some(Self::Certificate(CertificateVariable { field: crate::certificate::field(field)?, of_issuer, which }))
    }
}

fn without_prefix<'a>(name: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = name.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}
