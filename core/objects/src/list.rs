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
        let mut after = request.after.clone();
        let rolled_up = |key: &str| {
            let delimiter = request.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty())?;
            let at = key.strip_prefix(request.prefix.as_str())?.find(delimiter)?;
            Some(key[..request.prefix.len() + at + delimiter.len()].to_owned())
        };
        // A page that ended with a rolled-up prefix goes on behind everything below it.
        let mut skip = after.as_deref().and_then(rolled_up).filter(|prefix| after.as_deref() == Some(prefix));
        loop {
            let from = match &after {
                Some(after) if *after >= request.prefix => Bound::Excluded(after.as_str()),
                _ => Bound::Included(request.prefix.as_str()),
            };
            let mut keys = self
                .objects
                .range::<str, _>((from, Bound::Unbounded))
                .filter(|(key, _)| skip.as_deref().is_none_or(|skip| !key.as_str().starts_with(skip)));
            let Some((key, record)) = keys.next().filter(|(key, _)| key.as_str().starts_with(&request.prefix)) else {
                return listing;
            };
            if listing.entries.len() == max_keys {
                listing.next_after = after.filter(|_| max_keys > 0);
                return listing;
            }
            match rolled_up(key.as_str()) {
                Some(prefix) => {
                    after = Some(prefix.clone());
                    skip = Some(prefix.clone());
                    listing.entries.push(Listed::CommonPrefix(prefix));
                }
                None => {
                    after = Some(key.as_str().to_owned());
                    skip = None;
                    listing.entries.push(Listed::Object(key.as_str(), record));
                }
            }
        }
    }
}
