//! The parts of an HTTP request that a signature covers, as they go over the wire.

/// A request as it was, or will be, sent. Nothing is decoded: a signature covers what was sent.
#[derive(Clone, Copy, Debug)]
pub struct RequestParts<'a> {
    /// `GET`, `PUT` and so on.
    pub method: &'a str,
    /// The path of the request line, percent-encoded as sent, without the query.
    pub raw_path: &'a str,
    /// What follows the first `?`, percent-encoded as sent; empty if there is none.
    pub raw_query: &'a str,
    /// Every header field, names in any case, repeated names in the order sent. `host` must be among them.
    pub headers: &'a [(&'a str, &'a [u8])],
}

impl<'a> RequestParts<'a> {
    /// The values of the header `name` (lower case).
    pub(crate) fn header_values(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.headers.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }

    /// The first value of the header `name` if it is text.
    pub(crate) fn header(&self, name: &str) -> Option<&'a str> {
        self.header_values(name).next().and_then(|value| std::str::from_utf8(value).ok()).map(str::trim)
    }

    /// The pairs of the query, still encoded; a name without `=` has an empty value.
    pub(crate) fn query_pairs(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let parts = self.raw_query.split('&').filter(|part| !part.is_empty());
        parts.map(|part| part.split_once('=').unwrap_or((part, "")))
    }

    /// The first query parameter `name`, decoded once; the name is compared as sent, as AWS does.
    pub(crate) fn query(&self, name: &str) -> Option<String> {
        let (_, value) = self.query_pairs().find(|(n, _)| *n == name)?;
        Some(percent_encoding::percent_decode_str(value).decode_utf8_lossy().into_owned())
    }
}
