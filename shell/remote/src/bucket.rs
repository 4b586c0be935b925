//! One bucket elsewhere: where it is, and who asks.
use std::time::Duration;

use sekisho_sigv4::Credentials;
use sekisho_types::BucketName;

/// A bucket that another S3 keeps. Its `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct RemoteBucket {
    /// As `BucketARN` names it, and as it is called there.
    pub name: BucketName,
    /// The S3 that keeps it.
    pub endpoint: Endpoint,
    /// As in the credential scope.
    pub region: String,
    /// Who asks.
    pub credentials: Credentials,
    /// Where its name stands.
    pub style: AddressingStyle,
    /// A request with its body, and its answer, takes at most this long. And then: it is tried again.
    pub request_max: Duration,
}

/// `https://host[:port]`, or `http://` where that was allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    scheme: &'static str,
    authority: Box<str>,
}

/// Why a text is no endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// Another scheme, a path, or no host.
    #[error("not an endpoint such as https://s3.eu-central-1.amazonaws.com")]
    Form,
    /// Signed, but readable on the way.
    #[error("plain HTTP shows the records to the network; `allow_http = true` allows it")]
    Plain,
}

impl Endpoint {
    /// Reads one.
    ///
    /// # Errors
    /// [`EndpointError`].
    pub fn parse(text: &str, allow_http: bool) -> Result<Self, EndpointError> {
        let (scheme, rest) = match text.split_once("://") {
            Some(("https", rest)) => ("https", rest),
            Some(("http", rest)) => ("http", rest),
            _ => return Err(EndpointError::Form),
        };
        let authority: http::uri::Authority =
            rest.strip_suffix('/').unwrap_or(rest).parse().map_err(|_| EndpointError::Form)?;
        if authority.host().is_empty() || authority.as_str().contains('@') {
            return Err(EndpointError::Form);
        }
        match scheme {
            "http" if !allow_http => Err(EndpointError::Plain),
            // A port that is the scheme's own is not in the Host header that is signed.
            _ => {
                let own = if scheme == "http" { ":80" } else { ":443" };
                let authority = authority.as_str();
                Ok(Self { scheme, authority: authority.strip_suffix(own).unwrap_or(authority).into() })
            }
        }
    }
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)
    }
}

/// How a request names the bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressingStyle {
    /// `https://host/bucket/key`: MinIO, Garage and most others.
    Path,
    /// `https://bucket.host/key`: AWS.
    Virtual,
}

impl RemoteBucket {
    /// The `Host` header.
    pub(crate) fn host(&self) -> String {
        match self.style {
            AddressingStyle::Path => self.endpoint.authority.to_string(),
            AddressingStyle::Virtual => format!("{}.{}", self.name, self.endpoint.authority),
        }
    }

    /// A key's path, percent-encoded. Nothing is normalised: S3 takes any key.
    pub(crate) fn path(&self, key: &str) -> String {
        let key = key.split('/').map(sekisho_client::encode_segment).collect::<Vec<_>>().join("/");
        match self.style {
            AddressingStyle::Path => format!("/{}/{key}", self.name),
            AddressingStyle::Virtual => format!("/{key}"),
        }
    }

    pub(crate) fn url(&self, path: &str, query: &str) -> String {
        let question = if query.is_empty() { "" } else { "?" };
        format!("{}://{}{path}{question}{query}", self.endpoint.scheme, self.host())
    }
}

#[cfg(test)]
mod tests {
    use sekisho_types::Secret;

    use super::*;

    #[rustfmt::skip] // text                                   allow_http  read as
    const ENDPOINTS: &[(&str, bool, Result<&str, EndpointError>)] = &[
        ("https://s3.eu-central-1.amazonaws.com",              false,      Ok("https://s3.eu-central-1.amazonaws.com")),
        ("https://minio.plant:9000/",                          false,      Ok("https://minio.plant:9000")),
        ("https://minio.plant:443",                            false,      Ok("https://minio.plant")),
        ("http://127.0.0.1:9000",                              true,       Ok("http://127.0.0.1:9000")),
        ("http://[::1]:9000",                                  true,       Ok("http://[::1]:9000")),
        ("http://127.0.0.1:9000",                              false,      Err(EndpointError::Plain)),
        ("ftp://minio.plant",                                  true,       Err(EndpointError::Form)),
        ("minio.plant:9000",                                   true,       Err(EndpointError::Form)),
        ("https://minio.plant/base",                           true,       Err(EndpointError::Form)),
        ("https://me:secret@minio.plant",                      true,       Err(EndpointError::Form)),
        ("https://",                                           true,       Err(EndpointError::Form)),
    ];

    #[test]
    fn endpoints() {
        for (text, allow_http, expected) in ENDPOINTS {
            let read = Endpoint::parse(text, *allow_http).map(|found| found.to_string());
            assert_eq!(read.as_deref().map_err(|error| *error), *expected, "{text}");
        }
    }

    #[test]
    fn a_key_is_named_as_it_is() {
        let bucket = |style| RemoteBucket {
            name: BucketName::parse("lake").unwrap(),
            endpoint: Endpoint::parse("https://s3.example", false).unwrap(),
            region: "eu-central-1".into(),
            credentials: Credentials {
                access_key_id: "AKID".into(),
                secret_access_key: Secret::new(b"wJalr".to_vec()),
                session_token: None,
            },
            style,
            request_max: Duration::from_secs(60),
        };
        #[rustfmt::skip] // key                  path style                                   virtual
        let table = [
            ("a/b c.gz",                         "https://s3.example/lake/a/b%20c.gz",        "https://lake.s3.example/a/b%20c.gz"),
            ("/logs//2026/",                     "https://s3.example/lake//logs//2026/",      "https://lake.s3.example//logs//2026/"),
            ("id=é%/..",                         "https://s3.example/lake/id%3D%C3%A9%25/..", "https://lake.s3.example/id%3D%C3%A9%25/.."),
        ];
        for (key, path_style, virtual_style) in table {
            for (style, expected) in [(AddressingStyle::Path, path_style), (AddressingStyle::Virtual, virtual_style)] {
                let bucket = bucket(style);
                assert_eq!(bucket.url(&bucket.path(key), ""), expected);
            }
        }
        assert!(!format!("{:?}", bucket(AddressingStyle::Path)).contains("wJalr"));
    }
}
