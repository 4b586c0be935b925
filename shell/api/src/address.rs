//! Bucket and key from host and path (S3: virtual hosting of buckets).
use percent_encoding::percent_decode_str;

use crate::ApiError;

/// What a request to S3 names. Key and bucket are decoded once and not yet checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) bucket: Option<String>,
    pub(crate) key: Option<String>,
}

impl Address {
    /// Reads host and path; `hostnames` are this server's own.
    pub(crate) fn parse(host: &str, raw_path: &str, hostnames: &[String]) -> Result<Self, ApiError> {
        let path = raw_path.strip_prefix('/').unwrap_or(raw_path);
        let (bucket, key) = match bucket_in_host(host, hostnames) {
            Some(bucket) => (bucket.to_owned(), path),
            None => match path.split_once('/') {
                Some((bucket, key)) => (decode(bucket)?, key),
                None => (decode(path)?, ""),
            },
        };
        let present = |text: String| (!text.is_empty()).then_some(text);
        Ok(Self { bucket: present(bucket), key: present(decode(key)?) })
    }
}

/// `lake` of `lake.s3.us-east-1.amazonaws.com`, `lake.localhost` and `lake.<hostname>`.
fn bucket_in_host<'a>(host: &'a str, hostnames: &[String]) -> Option<&'a str> {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    if hostnames.iter().any(|own| own == name) || name.parse::<std::net::IpAddr>().is_ok() {
        return None;
    }
    let own = hostnames.iter().map(String::as_str).chain(["localhost"]);
    let under_own = own.filter_map(|own| name.strip_suffix(own)?.strip_suffix('.')).next();
    match (name.rfind(".s3."), name.rfind(".s3-")) {
        (Some(at), _) | (None, Some(at)) => Some(&name[..at]),
        (None, None) => under_own.filter(|bucket| *bucket != "s3"),
    }
}

fn decode(raw: &str) -> Result<String, ApiError> {
    let text = percent_decode_str(raw).decode_utf8();
    let text = text.map_err(|_| ApiError::new(400, "InvalidURI", "Couldn't parse the specified URI."))?;
    Ok(text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    type Row = (&'static str, &'static str, &'static str, Option<&'static str>, Option<&'static str>);

    #[rustfmt::skip] // rule                        host                              path            bucket           key
    const ADDRESSES: &[Row] = &[
        ("path style",                              "127.0.0.1:4566",                 "/lake/a/b",    Some("lake"),    Some("a/b")),
        ("path style, bucket alone",                "localhost:4566",                 "/lake",        Some("lake"),    None),
        ("path style, bucket with a slash",         "s3.us-east-1.amazonaws.com",     "/lake/",       Some("lake"),    None),
        ("the service itself",                      "localhost",                      "/",            None,            None),
        ("virtual host at AWS",                     "lake.s3.us-east-1.amazonaws.com", "/a",          Some("lake"),    Some("a")),
        ("virtual host, bucket with dots",          "a.s3.b.s3.amazonaws.com",        "/a",           Some("a.s3.b"),  Some("a")),
        ("virtual host, old style",                 "lake.s3-us-west-2.amazonaws.com", "/",           Some("lake"),    None),
        ("virtual host of localhost",               "lake.localhost:4566",            "/a//b",        Some("lake"),    Some("a//b")),
        ("virtual host of a configured name",       "lake.iot.plant.example",         "/a",           Some("lake"),    Some("a")),
        ("a configured name",                       "iot.plant.example:4566",         "/lake/a",      Some("lake"),    Some("a")),
        ("the service under localhost",             "s3.localhost",                   "/lake/a",      Some("lake"),    Some("a")),
        ("a key is decoded once",                   "localhost",                      "/b/a%2520%2Fc+d", Some("b"),    Some("a%20/c+d")),
        ("a key may begin with a slash",            "localhost",                      "/b//a",        Some("b"),       Some("/a")),
    ];

    #[test]
    fn addresses() {
        for (statement, host, path, bucket, key) in ADDRESSES {
            let address = Address::parse(host, path, &["iot.plant.example".to_owned()]).unwrap();
            assert_eq!((address.bucket.as_deref(), address.key.as_deref()), (*bucket, *key), "{statement}");
        }
        assert_eq!(Address::parse("localhost", "/b/%ff", &[]).unwrap_err().code, "InvalidURI");
    }

    #[test]
    fn no_host_and_path_panics() {
        bolero::check!().with_type::<(String, String)>().for_each(|(host, path)| {
            let _ = Address::parse(host, path, &["iot.plant.example".to_owned()]);
            let _ = Address::parse(&format!("{host}.s3.{host}"), path, &[]);
        });
    }
}
