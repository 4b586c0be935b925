//! The canonical request: what both sides hash.
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};

use crate::RequestParts;
use crate::key::sha256_hex;
use crate::{AmzDate, Scope};

/// Everything but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// How a path enters the canonical request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PathRule {
    /// S3: encoded once, nothing removed; a key may hold `//` and `..`.
    Once,
    /// Everybody else: `.`, `..` and empty segments removed, then what was sent encoded again.
    Twice,
}

/// The canonical request and its digest in hexadecimal.
pub(crate) struct CanonicalRequest {
    pub(crate) text: Vec<u8>,
    pub(crate) sha256: String,
}

/// Puts it together. `signed_headers` are lower case, in the order the signature names them; `skip_query` is left out.
pub(crate) fn canonical_request(
    request: &RequestParts<'_>,
    rule: PathRule,
    skip_query: impl Fn(&str) -> bool,
    signed_headers: &[impl AsRef<str>],
    payload_sha256: &str,
) -> CanonicalRequest {
    let mut text = Vec::with_capacity(512);
    text.extend_from_slice(request.method.as_bytes());
    text.push(b'\n');
    text.extend_from_slice(path(request.raw_path, rule).as_bytes());
    text.push(b'\n');
    text.extend_from_slice(query(request, skip_query).as_bytes());
    text.push(b'\n');
    for name in signed_headers {
        text.extend_from_slice(name.as_ref().as_bytes());
        text.push(b':');
        for (at, value) in request.header_values(name.as_ref()).enumerate() {
            if at > 0 {
                text.push(b',');
            }
            push_collapsed(&mut text, value);
        }
        text.push(b'\n');
    }
    text.push(b'\n');
    for (at, name) in signed_headers.iter().enumerate() {
        if at > 0 {
            text.push(b';');
        }
        text.extend_from_slice(name.as_ref().as_bytes());
    }
    text.push(b'\n');
    text.extend_from_slice(payload_sha256.as_bytes());
    let sha256 = sha256_hex(&text);
    CanonicalRequest { text, sha256 }
}

/// The four lines that are signed for a whole request.
pub(crate) fn string_to_sign(date: &AmzDate, scope: &Scope, canonical: &CanonicalRequest) -> String {
    format!("AWS4-HMAC-SHA256\n{}\n{scope}\n{}", date.as_str(), canonical.sha256)
}

fn path(raw: &str, rule: PathRule) -> String {
    let raw = if raw.is_empty() { "/" } else { raw };
    match rule {
        PathRule::Once => encode_segments(raw.split('/'), |segment| percent_decode_str(segment).collect()),
        PathRule::Twice => {
            let mut kept: Vec<&str> = Vec::new();
            for segment in raw.split('/') {
                match segment {
                    "" | "." => {}
                    ".." => drop(kept.pop()),
                    other => kept.push(other),
                }
            }
            let mut out = String::from("/");
            out.push_str(&encode_segments(kept.iter().copied(), |segment| segment.as_bytes().to_vec()));
            if raw.ends_with('/') && !kept.is_empty() {
                out.push('/');
            }
            out
        }
    }
}

fn encode_segments<'a>(segments: impl Iterator<Item = &'a str>, bytes: impl Fn(&str) -> Vec<u8>) -> String {
    let encoded = segments.map(|segment| percent_encode(&bytes(segment), RESERVED).to_string());
    encoded.collect::<Vec<_>>().join("/")
}

/// Encodes one name or value of a query.
pub(crate) fn encode(text: &str) -> String {
    percent_encode(text.as_bytes(), RESERVED).to_string()
}

fn query(request: &RequestParts<'_>, skip: impl Fn(&str) -> bool) -> String {
    let again = |text: &str| percent_encode(&percent_decode_str(text).collect::<Vec<u8>>(), RESERVED).to_string();
    let kept = request.query_pairs().filter(|(name, _)| !skip(name));
    let mut pairs: Vec<(String, String)> = kept.map(|(name, value)| (again(name), again(value))).collect();
    pairs.sort_unstable();
    let pairs: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

/// Appends `value` trimmed, its inner runs of spaces one space each.
fn push_collapsed(out: &mut Vec<u8>, value: &[u8]) {
    let mut space = false;
    for &byte in value.trim_ascii() {
        let is_space = byte == b' ';
        if !(is_space && space) {
            out.push(byte);
        }
        space = is_space;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rustfmt::skip] // rule                                            path rule        sent                      canonical
    const PATHS: &[(&str, PathRule, &str, &str)] = &[
        ("sigv4: an empty path is /",                                   PathRule::Twice, "",                       "/"),
        ("sigv4: everybody but s3 encodes the wire path again",         PathRule::Twice, "/things/a%3Ab%20c/principals", "/things/a%253Ab%2520c/principals"),
        ("sigv4 test suite: get-relative, get-slash-dot-slash",         PathRule::Twice, "/example/../x//./y",     "/x/y"),
        ("sigv4 test suite: get-relative-relative",                     PathRule::Twice, "/a/b/../..",             "/"),
        ("sigv4 test suite: get-slashes",                               PathRule::Twice, "//example//",            "/example/"),
        ("s3: the path is not normalised",                              PathRule::Once,  "/b/a//../c%20d",         "/b/a//../c%20d"),
        ("s3: a slash inside a segment stays encoded",                  PathRule::Once,  "/b/a%2Fb",               "/b/a%2Fb"),
        ("s3: what a client left bare is encoded",                      PathRule::Once,  "/b/a+b(c)%7E%e3%81%82",  "/b/a%2Bb%28c%29~%E3%81%82"),
    ];

    #[test]
    fn paths() {
        for (statement, rule, sent, canonical) in PATHS {
            assert_eq!(path(sent, *rule), *canonical, "{statement}");
        }
    }

    #[rustfmt::skip] // rule                                        sent                     canonical
    const QUERIES: &[(&str, &str, &str)] = &[
        ("sigv4: sorted by encoded name, then value",               "b=2&a=2&a=1&A=0",       "A=0&a=1&a=2&b=2"),
        ("sigv4: a name without = counts as name=",                 "acl",                   "acl="),
        ("sigv4: + is no space",                                    "a=b+c%20d",             "a=b%2Bc%20d"),
        ("sigv4: unreserved characters stay plain",                 "a=%7E-._~%41",          "a=~-._~A"),
        ("sigv4: empty parts are nothing",                          "&&a=1&",                "a=1"),
        ("sigv4: a value may hold =",                               "a=b=c",                 "a=b%3Dc"),
        ("sigv4: the signature itself is left out",                 "a=1&X-Amz-Signature=0", "a=1"),
    ];

    #[test]
    fn queries() {
        for (statement, sent, canonical) in QUERIES {
            let request = RequestParts { method: "GET", raw_path: "/", raw_query: sent, headers: &[] };
            assert_eq!(query(&request, |name| name == "X-Amz-Signature"), *canonical, "{statement}");
        }
    }

    #[test]
    fn header_values_are_trimmed_joined_and_collapsed() {
        let headers: &[(&str, &[u8])] = &[("My-Header1", b" a   b  c "), ("my-header1", b"d"), ("host", b"h")];
        let request = RequestParts { method: "GET", raw_path: "/", raw_query: "", headers };
        let canonical = canonical_request(&request, PathRule::Twice, |_| false, &["host", "my-header1"], "hash");
        assert_eq!(
            String::from_utf8(canonical.text).unwrap(),
            "GET\n/\n\nhost:h\nmy-header1:a b c,d\n\nhost;my-header1\nhash"
        );
    }
}
