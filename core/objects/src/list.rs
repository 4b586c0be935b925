//! ListObjects: one walk of the index for both versions of the operation.
use std::ops::Bound;

use crate::ObjectRecord;
use crate::store::Bucket;

/// No page is longer, whatever is asked for.
pub const MAX_KEYS: usize = 1000;

/// What to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListingRequest {
    /// Keys that begin with it.
    pub prefix: String,
    /// Keys with this behind the prefix are rolled up.
    pub delimiter: Option<String>,
    /// Keys after this one; a marker, a continuation token's content, or `start-after`.
    pub after: Option<String>,
    /// At most [`MAX_KEYS`].
    pub max_keys: usize,
}

/// One entry of a listing.
#[derive(Clone, Debug, PartialEq)]
pub enum Listed<'a> {
    /// An object.
    Object(&'a str, &'a ObjectRecord),
    /// A rolled-up prefix.
    CommonPrefix(String),
}

/// A page.
#[derive(Clone, Debug, PartialEq)]
pub struct Listing<'a> {
    /// In the order of their bytes.
    pub entries: Vec<Listed<'a>>,
    /// Where the next page goes on, if there is one.
    pub next_after: Option<String>,
}

impl Bucket {
    /// Lists a page.
    pub fn list(&self, request: &ListingRequest) -> Listing<'_> {
        let max_keys = request.max_keys.min(MAX_KEYS);
        let mut listing = Listing { entries: Vec::new(), next_after: None };
        let rolled_up = |key: &str| {
            let delimiter = request.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty())?;
            let at = key.strip_prefix(request.prefix.as_str())?.find(delimiter)?;
            Some(key[..request.prefix.len() + at + delimiter.len()].to_owned())
        };
        let from = |bound: Bound<&str>| self.objects.range::<str, _>((bound, Bound::Unbounded));
        let mut keys = match request.after.as_deref().filter(|after| *after >= request.prefix.as_str()) {
            None => from(Bound::Included(&request.prefix)),
            // A page that ended with a rolled-up prefix goes on behind everything below it.
            Some(after) if rolled_up(after).as_deref() == Some(after) => match behind(after) {
                Some(next) => from(Bound::Included(&next)),
                None => return listing,
            },
            Some(after) => from(Bound::Excluded(after)),
        };
        let mut last = None;
        while let Some((key, record)) = keys.next().filter(|(key, _)| key.as_str().starts_with(&request.prefix)) {
            if listing.entries.len() == max_keys {
                listing.next_after = last;
                break;
            }
            match rolled_up(key.as_str()) {
                Some(prefix) => {
                    let next = behind(&prefix);
                    last = Some(prefix.clone());
                    listing.entries.push(Listed::CommonPrefix(prefix));
                    let Some(next) = next else { break };
                    keys = from(Bound::Included(&next));
                }
                None => {
                    last = Some(key.as_str().to_owned());
                    listing.entries.push(Listed::Object(key.as_str(), record));
                }
            }
        }
        listing
    }
}

/// The least text that is greater than everything that begins with `prefix`, so that what was rolled up is not walked.
fn behind(prefix: &str) -> Option<String> {
    let mut text = prefix.to_owned();
    while let Some(last) = text.pop() {
        if let Some(next) = (u32::from(last) + 1..=u32::from(char::MAX)).find_map(char::from_u32) {
            text.push(next);
            return Some(text);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behind_a_prefix_begins_what_does_not_begin_with_it() {
        let table =
            [("a/", Some("a0")), ("\u{d7ff}", Some("\u{e000}")), ("a\u{10ffff}", Some("b")), ("\u{10ffff}", None)];
        for (prefix, next) in table {
            assert_eq!(behind(prefix).as_deref(), next, "{prefix:?}");
        }
    }
}
