//! ListObjects, ListObjectVersions: one walk of the index for all of them.
use std::ops::Bound;

use sekisho_types::ObjectKey;

use crate::store::Bucket;
use crate::{ObjectRecord, Version, VersionId, Versions};

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
    /// With versions: those of the key `after` that come behind this one too.
    pub after_version: Option<VersionId>,
    /// At most [`MAX_KEYS`].
    pub max_keys: usize,
}

/// One entry of a listing.
#[derive(Clone, Debug, PartialEq)]
pub enum Listed<'a> {
    /// An object.
    Object(&'a str, &'a ObjectRecord),
    /// A version, and whether it is the newest.
    Version(&'a str, &'a Version, bool),
    /// A rolled-up prefix.
    CommonPrefix(String),
}

/// A page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listing<'a> {
    /// In the order of their bytes.
    pub entries: Vec<Listed<'a>>,
    /// Where the next page goes on, if there is one.
    pub next_after: Option<String>,
    /// With versions: behind which one of that key.
    pub next_after_version: Option<VersionId>,
}

impl Bucket {
    /// Lists a page of objects: keys whose newest version is one.
    pub fn list(&self, request: &ListingRequest) -> Listing<'_> {
        self.walk(request, |key, versions| {
            versions.object().into_iter().map(move |record| (Listed::Object(key, record), None))
        })
    }

    /// Lists a page of versions, of each key the newest first.
    pub fn list_versions(&self, request: &ListingRequest) -> Listing<'_> {
        // The key where the last page ended may have more versions: it is walked again, without those told already.
        let (after, marker) = (request.after.clone(), request.after_version);
        self.walk(request, move |key, versions| {
            let told = match marker.filter(|_| after.as_deref() == Some(key)) {
                None => 0,
                // One that went meanwhile says nothing: what is left of the key is told again rather than passed over.
                Some(marker) => versions.iter().position(|version| version.id == marker).map_or(0, |at| at + 1),
            };
            let versions = versions.iter().enumerate().skip(told);
            versions.map(move |(at, version)| (Listed::Version(key, version, at == 0), Some(version.id)))
        })
    }

    /// Walks the keys of a page; `entries` gives those of one key, each with its version's id if the page may end behind it.
    fn walk<'a, I: Iterator<Item = (Listed<'a>, Option<VersionId>)>>(
        &'a self,
        request: &ListingRequest,
        entries: impl Fn(&'a str, &'a Versions) -> I,
    ) -> Listing<'a> {
        let max_keys = request.max_keys.min(MAX_KEYS);
        let mut listing = Listing::default();
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
            Some(after) if request.after_version.is_some() => from(Bound::Included(after)),
            Some(after) => from(Bound::Excluded(after)),
        };
        let mut last: (Option<String>, Option<VersionId>) = (None, None);
        while let Some((key, versions)) = keys.next().filter(|(key, _)| key.as_str().starts_with(&request.prefix)) {
            let key: &'a ObjectKey = key;
            let mut of_key = entries(key.as_str(), versions).peekable();
            if of_key.peek().is_none() {
                continue;
            }
            if let Some(prefix) = rolled_up(key.as_str()) {
                if listing.entries.len() == max_keys {
                    (listing.next_after, listing.next_after_version) = last;
                    break;
                }
                let next = behind(&prefix);
                last = (Some(prefix.clone()), None);
                listing.entries.push(Listed::CommonPrefix(prefix));
                let Some(next) = next else { break };
                keys = from(Bound::Included(&next));
                continue;
            }
            for (entry, version) in of_key {
                if listing.entries.len() == max_keys {
                    (listing.next_after, listing.next_after_version) = last;
                    return listing;
                }
                last = (Some(key.as_str().to_owned()), version);
                listing.entries.push(entry);
            }
        }
        listing
    }
}

/// The least text that is greater than everything that begins with `prefix`, so that what was rolled up is not walked.
pub(crate) fn behind(prefix: &str) -> Option<String> {
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
