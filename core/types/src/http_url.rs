//! Addresses of HTTP endpoints, as rules and their destinations name them.
use std::fmt;

use serde::{Deserialize, Serialize};

/// Bytes of one (iot model: `Url`).
const URL_BYTES_MAX: usize = 2000;

/// `https://host[:port][/path][?query]`, or the same with `http`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HttpUrl(String);

impl HttpUrl {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        let rest = rest.ok_or("it begins with https:// or http://")?;
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
        if text.len() > URL_BYTES_MAX {
            return Err(format!("it is longer than {URL_BYTES_MAX} bytes"));
        }
        if host.is_empty()
            || authority.contains('@')
            || !text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#')
        {
            return Err("it is no address such as https://host/path".into());
        }
        // Whoever is on the way may take them away: what is called would not be what was agreed to.
        let path = rest.split('?').next().unwrap_or_default().to_ascii_lowercase().replace("%2e", ".");
        let has_dots = path.split('/').skip(1).any(|segment| matches!(segment, "." | ".."));
        if has_dots || path.contains('\\') || path.contains("%5c") {
            return Err("its path has segments `.` or `..`, or a backslash".into());
        }
        Ok(Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> &str {
        let begins = self.0.find("://").map_or(0, |at| at + 3);
        let ends = self.0[begins..].find(['/', '?']).map_or(self.0.len(), |at| begins + at);
        &self.0[..ends]
    }

    /// Whether `other` begins with this, and the host, or the level of the path, that this ends with is the same.
    pub fn covers(&self, other: &Self) -> bool {
        let Some(rest) = other.0.strip_prefix(&self.0) else { return false };
        let boundaries: &[char] = if self.0.contains('?') { &['&'] } else { &['/', '?'] };
        rest.is_empty() || rest.starts_with(boundaries) || self.0.ends_with(['/', '?', '&'])
    }
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for HttpUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl From<HttpUrl> for String {
    fn from(url: HttpUrl) -> Self {
        url.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_an_address() {
        for good in ["https://a", "http://127.0.0.1:8080", "https://[::1]:1/a?b=c", "https://a.example/x%20y"] {
            assert_eq!(HttpUrl::parse(good).map(String::from).as_deref(), Ok(good));
        }
        for bad in [
            "",
            "a.example",
            "ftp://a",
            "https://",
            "https://:80",
            "https:///a",
            "https://a b",
            "https://me@a",
            "https://a/\r\nb",
            "https://a#b",
            "https://a/b/../c",
            "https://a/%2E%2e/c",
            "https://a/.",
            "https://a/%2e%2E?x",
            "https://a/b\\c",
        ] {
            assert!(HttpUrl::parse(bad).is_err(), "{bad}");
        }
        assert!(HttpUrl::parse(&format!("https://a/{}", "x".repeat(URL_BYTES_MAX))).is_err());
    }

    #[test]
    fn where_it_is() {
        for (url, origin) in
            [("https://a:1/b?c", "https://a:1"), ("http://a?b/c", "http://a"), ("https://a", "https://a")]
        {
            assert_eq!(HttpUrl::parse(url).unwrap().origin(), origin);
        }
    }

    #[test]
    fn what_an_address_covers() {
        #[rustfmt::skip] // confirmed          called                        covered
        let table = [
            ("https://a.example",              "https://a.example",           true),
            ("https://a.example",              "https://a.example/x?y=z",     true),
            ("https://a.example/in/",          "https://a.example/in/7",      true),
            ("https://a.example/in",           "https://a.example/in?n=7",    true),
            ("https://a.example/in",           "https://a.example/inner",     false),
            ("https://a.example/in?k=1",       "https://a.example/in?k=1&n=7", true),
            ("https://a.example/in?k=1",       "https://a.example/in?k=12",   false),
            ("https://a.example",              "https://a.example.net",       false),
            ("https://a.example",              "https://a.example:8443",      false),
            ("https://a.example",              "http://a.example",            false),
        ];
        for (confirmed, called, covered) in table {
            assert_eq!(
                HttpUrl::parse(confirmed).unwrap().covers(&HttpUrl::parse(called).unwrap()),
                covered,
                "{confirmed} {called}"
            );
        }
    }
}
