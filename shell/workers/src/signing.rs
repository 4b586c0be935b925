//! Requests to endpoints that are signed with a service's credentials: for its endpoint, and no other.
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use sekisho_calls::Signing;
use sekisho_sigv4::{PayloadToSign, RequestParts, sign};
use sekisho_types::{HttpUrl, Timestamp};

use crate::services::Services;

impl Services {
    /// Whether there are credentials for a service.
    pub fn signs(&self, signing: &Signing) -> bool {
        self.by_name.contains_key(&*signing.service_name)
    }

    /// The headers of a request with its signature. `None` if it does not go where the service's credentials are for.
    pub(crate) fn signed(
        &self,
        signing: &Signing,
        url: &HttpUrl,
        headers: &HeaderMap,
        body: &Bytes,
        now: Timestamp,
    ) -> Option<HeaderMap> {
        let origin = without_default_port(url.origin());
        let service = self.by_name.get(&*signing.service_name).filter(|service| service.origin == origin)?;
        let (_, authority) = origin.split_once("://")?;
        let path_and_query = &url.as_str()[url.origin().len()..];
        let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
        let mut all: Vec<(&str, &[u8])> = vec![("host", authority.as_bytes())];
        all.extend(headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())));
        let path = if path.is_empty() { "/" } else { path };
        let parts = RequestParts { method: "POST", raw_path: path, raw_query: query, headers: &all };
        let (region, name) = (&signing.signing_region, &signing.service_name);
        let mut signed = headers.clone();
        for (name, value) in sign(&parts, &service.credentials, region, name, now, PayloadToSign::Body(body)) {
            signed.insert(name, HeaderValue::from_str(&value).ok()?);
        }
        Some(signed)
    }
}

/// As clients send it, and as settings have it.
fn without_default_port(origin: &str) -> &str {
    let stripped = match origin.starts_with("https://") {
        true => origin.strip_suffix(":443"),
        false => origin.strip_suffix(":80"),
    };
    stripped.unwrap_or(origin)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use sekisho_client::Credentials;
    use sekisho_remote::Endpoint;

    use super::*;
    use crate::services::RemoteService;

    /// Credentials sign for the endpoint they are for, and for nobody who only looks like it.
    #[test]
    fn who_is_signed_for() {
        let service = RemoteService {
            name: "execute-api",
            endpoint: Endpoint::parse("https://api.example", false).unwrap(),
            region: "eu-west-1".into(),
            credentials: Credentials {
                access_key_id: "AKID".into(),
                secret_access_key: sekisho_types::Secret::new(b"secret".to_vec()),
                session_token: None,
            },
            request_max: Duration::from_secs(1),
        };
        let services = Services::new(vec![service], Arc::default()).unwrap();
        let signing = |name: &str| Signing {
            signing_region: "eu-west-1".into(),
            service_name: name.into(),
            role_arn: "r".into(),
        };
        #[rustfmt::skip] // service         address                             signed
        let table = [
            ("execute-api",                 "https://api.example/a?b=c",        true),
            ("execute-api",                 "https://api.example:443/a",        true),
            ("execute-api",                 "https://api.example:8443/a",       false),
            ("execute-api",                 "http://api.example/a",             false),
            ("execute-api",                 "https://api.example.net/a",        false),
            ("execute-api",                 "https://other.example/a",          false),
            ("lambda",                      "https://api.example/a",            false),
        ];
        for (name, url, expected) in table {
            let url = HttpUrl::parse(url).unwrap();
            let signed =
                services.signed(&signing(name), &url, &HeaderMap::new(), &Bytes::new(), Timestamp::from_seconds(1));
            assert_eq!(signed.is_some_and(|headers| headers.contains_key("authorization")), expected, "{name} {url}");
        }
    }
}
