//! TLS policies by AWS's names (developer guide, "Transport security": security policies).
use rustls::SupportedProtocolVersion;
use rustls::version::{TLS12, TLS13};

/// Which versions of TLS are spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TlsPolicy {
    /// 1.2 and 1.3.
    #[default]
    Tls12And13,
    /// 1.3 alone.
    Tls13,
    /// 1.2 alone.
    Tls12,
}

/// All there are. The older ones once allowed 1.0 and 1.1; their names were kept.
#[rustfmt::skip]
const NAMES: &[(&str, TlsPolicy)] = &[
    ("IoTSecurityPolicy_TLS13_1_2_2022_10", TlsPolicy::Tls12And13),
    ("IoTSecurityPolicy_TLS13_1_3_2022_10", TlsPolicy::Tls13),
    ("IoTSecurityPolicy_TLS12_1_2_2022_10", TlsPolicy::Tls12),
    ("IoTSecurityPolicy_TLS12_1_0_2016_01", TlsPolicy::Tls12),
    ("IoTSecurityPolicy_TLS12_1_0_2015_01", TlsPolicy::Tls12),
    ("IoTSecurityPolicy_TLS13_1_2_2022_01", TlsPolicy::Tls12And13), // GovCloud's
];

impl TlsPolicy {
    /// The policy AWS has under a name.
    pub fn parse(name: &str) -> Option<Self> {
        NAMES.iter().find(|(known, _)| *known == name).map(|(_, policy)| *policy)
    }

    /// The names there are.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(name, _)| *name)
    }

    /// Its versions, as the TLS library takes them.
    pub(crate) fn versions(self) -> Vec<&'static SupportedProtocolVersion> {
        match self {
            Self::Tls12And13 => vec![&TLS13, &TLS12],
            Self::Tls13 => vec![&TLS13],
            Self::Tls12 => vec![&TLS12],
        }
    }
}
