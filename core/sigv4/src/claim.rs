//! What a request says about its signature, before anything is believed.
use crate::verify::PRESIGNED_SECONDS_MAX;
use crate::{AmzDate, RequestParts, Scope, SigV4Error};

/// How long a presigned upgrade to MQTT over WebSocket is good that does not say: as long as the connection.
const UPGRADE_EXPIRES_S: &str = "86400";

/// The only algorithm offered.
pub(crate) const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// An unverified claim. Good for choosing the service, the region and the secret; nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Who is said to have signed.
    pub access_key_id: Box<str>,
    /// For which day, region and service.
    pub scope: Scope,
    pub(crate) date: AmzDate,
    /// Lower case, in the order given.
    pub(crate) signed_headers: Vec<Box<str>>,
    pub(crate) signature: Box<str>,
    /// `X-Amz-Expires` if the signature stands in the query.
    pub(crate) expires_s: Option<u32>,
}

impl Claim {
    /// Reads the `Authorization` header, or the query of a presigned request.
    pub fn parse(request: &RequestParts<'_>) -> Result<Self, SigV4Error> {
        Self::read(request, None)
    }

    /// The same of the upgrade to MQTT over WebSocket, whose query need not say how long it is good.
    pub fn parse_upgrade(request: &RequestParts<'_>) -> Result<Self, SigV4Error> {
        Self::read(request, Some(UPGRADE_EXPIRES_S))
    }

    fn read(request: &RequestParts<'_>, expires: Option<&str>) -> Result<Self, SigV4Error> {
        // One that is empty is none.
        let authorization = request.header("authorization").filter(|text| !text.trim().is_empty());
        let presigned = request.query_pairs().any(|(name, _)| name.starts_with("X-Amz-Algorithm"));
        match (authorization, presigned) {
            (Some(_), true) => Err(SigV4Error::TwoAuthentications),
            (Some(authorization), false) => Self::from_header(request, authorization),
            (None, _) if PARAMETERS.iter().any(|name| request.query(name).is_some()) => {
                Self::from_query(request, expires)
            }
            // Version 2: what some tools still presign with unless told otherwise.
            (None, _) if request.query("AWSAccessKeyId").is_some() => {
                Err(SigV4Error::UnsupportedAlgorithm { found: "AWS".to_owned() })
            }
            (None, _) => Err(SigV4Error::MissingAuthentication),
        }
    }

    /// Whether the signature stands in the query.
    pub fn is_presigned(&self) -> bool {
        self.expires_s.is_some()
    }

    fn from_header(request: &RequestParts<'_>, authorization: &str) -> Result<Self, SigV4Error> {
        let (algorithm, rest) = authorization.split_once(' ').unwrap_or((authorization, ""));
        if algorithm != ALGORITHM {
            return Err(SigV4Error::UnsupportedAlgorithm { found: clip(algorithm) });
        }
        let part = |name: &str| {
            let mut parts = rest.split(',').filter_map(|part| part.trim().split_once('='));
            parts.find(|(n, _)| *n == name).map(|(_, value)| value)
        };
        let date_header = request.header("x-amz-date").or_else(|| request.header("date"));
        let parts = (part("Credential"), part("SignedHeaders"), part("Signature"), date_header);
        let (Some(credential), Some(signed_headers), Some(signature), Some(date)) = parts else {
            let found = [parts.0, parts.1, parts.2, parts.3];
            let names = ["Credential", "SignedHeaders", "Signature", "X-Amz-Date"];
            let missing = names.into_iter().zip(found).filter(|(_, found)| found.is_none()).map(|(name, _)| name);
            return Err(SigV4Error::IncompleteAuthorization {
                missing: missing.collect(),
                authorization: clip(authorization),
            });
        };
        let parsed = match request.header("x-amz-date") {
            Some(text) => AmzDate::parse(text),
            None => AmzDate::parse_http(date),
        };
        let date = parsed.ok_or_else(|| SigV4Error::MalformedDate { found: clip(date), presigned: false })?;
        Self::new(credential, date, signed_headers, signature, None)
    }

    fn from_query(request: &RequestParts<'_>, expires: Option<&str>) -> Result<Self, SigV4Error> {
        let unless_sent = |name| expires.filter(|_| name == "X-Amz-Expires").map(str::to_owned);
        let sent = |name| request.query(name).or_else(|| unless_sent(name));
        let parameter = |name| sent(name).ok_or(SigV4Error::MissingQueryParameter { missing: name });
        let [algorithm, credential, date, expires, signed_headers, signature] = PARAMETERS.map(parameter);
        let (algorithm, credential, date, expires) = (algorithm?, credential?, date?, expires?);
        let (signed_headers, signature) = (signed_headers?, signature?);
        if algorithm != ALGORITHM {
            return Err(SigV4Error::UnsupportedAlgorithm { found: clip(&algorithm) });
        }
        let date =
            AmzDate::parse(&date).ok_or_else(|| SigV4Error::MalformedDate { found: clip(&date), presigned: true })?;
        let expires_s = match expires.parse::<i64>() {
            Err(_) => return Err(SigV4Error::ExpiresNotANumber { found: clip(&expires) }),
            Ok(seconds) if seconds < 0 => return Err(SigV4Error::ExpiresNegative),
            Ok(seconds) => match u32::try_from(seconds) {
                Ok(seconds) if seconds <= PRESIGNED_SECONDS_MAX => seconds,
                _ => return Err(SigV4Error::ExpiresTooLong),
            },
        };
        Self::new(&credential, date, &signed_headers, &signature, Some(expires_s))
    }

    fn new(
        credential: &str,
        date: AmzDate,
        signed_headers: &str,
        signature: &str,
        expires_s: Option<u32>,
    ) -> Result<Self, SigV4Error> {
        let presigned = expires_s.is_some();
        let malformed = || SigV4Error::MalformedCredential { found: clip(credential), presigned };
        let (access_key_id, scope) = Scope::parse_credential(credential).ok_or_else(malformed)?;
        let signed_headers = signed_headers.split(';').filter(|name| !name.is_empty());
        let signed_headers = signed_headers.map(|name| name.to_ascii_lowercase().into()).collect();
        Ok(Self { access_key_id, scope, date, signed_headers, signature: signature.into(), expires_s })
    }
}

/// What a presigned request carries, in the order [`Claim::from_query`] takes them.
const PARAMETERS: [&str; 6] =
    ["X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature"];

/// As much of a stranger's text as an answer repeats.
fn clip(text: &str) -> String {
    text.chars().take(300).collect()
}
