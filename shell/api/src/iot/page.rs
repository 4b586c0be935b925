//! Lists, a page at a time.
//!
//! A token names the last item of its page, so that what is made or deleted meanwhile moves no other item to another page.
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::ApiError;

/// Items on a page where the caller says nothing (iot model: markers).
pub(super) const MARKER_PAGE: usize = 25;
/// Items on a page where the caller says nothing, in lists with `maxResults`; also the most there are.
pub(super) const TOKEN_PAGE: usize = 250;

/// How a list by markers is asked for: the last first, unless asked otherwise (iot model: `ascendingOrder`).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ByMarker {
    marker: Option<String>,
    page_size: Option<usize>,
    #[serde(default)]
    ascending_order: bool,
}

impl ByMarker {
    /// The page of `ascending`, which are in the order of their keys, as the list `name`.
    pub(super) fn answer<T>(
        &self,
        name: &str,
        ascending: impl DoubleEndedIterator<Item = T>,
        key: impl Fn(&T) -> String,
        show: impl Fn(T) -> Value,
    ) -> Result<Value, ApiError> {
        let (size, marker) = (self.page_size.unwrap_or(MARKER_PAGE), self.marker.as_deref());
        let (found, next) = match self.ascending_order {
            true => page(ascending, key, false, marker, size)?,
            false => page(ascending.rev(), key, true, marker, size)?,
        };
        let mut output = json!({ name: found.into_iter().map(show).collect::<Vec<_>>() });
        if let Some(next) = next {
            output["nextMarker"] = json!(next);
        }
        Ok(output)
    }
}

/// The page after `token` of `items`, which are in the order of their keys, and the token of the next page if there is one.
pub(super) fn page<T>(
    items: impl Iterator<Item = T>,
    key: impl Fn(&T) -> String,
    descending: bool,
    token: Option<&str>,
    size: usize,
) -> Result<(Vec<T>, Option<String>), ApiError> {
    let last = token.map(decode).transpose()?;
    let seen = |item: &T| match &last {
        None => false,
        Some(last) if descending => key(item) >= *last,
        Some(last) => key(item) <= *last,
    };
    let mut rest = items.skip_while(seen);
    let page: Vec<T> = rest.by_ref().take(size.max(1)).collect();
    let next = match (page.last(), rest.next()) {
        (Some(last), Some(_)) => Some(BASE64_URL_SAFE_NO_PAD.encode(key(last))),
        _ => None,
    };
    Ok((page, next))
}

fn decode(token: &str) -> Result<String, ApiError> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    bytes.ok_or_else(|| ApiError::new(400, "InvalidRequestException", "The token is not one this list gave out"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(items: &[&str], descending: bool, size: usize) -> Vec<Vec<String>> {
        let (mut pages, mut token) = (Vec::new(), None);
        loop {
            let all = items.iter().map(|item| (*item).to_owned());
            let (found, next) = page(all, String::clone, descending, token.as_deref(), size).unwrap();
            pages.push(found);
            token = next;
            if token.is_none() {
                return pages;
            }
        }
    }

    #[test]
    fn every_item_is_on_one_page_and_the_last_page_has_no_token() {
        assert_eq!(walk(&["a", "b", "c", "d"], false, 2), [["a", "b"], ["c", "d"]]);
        assert_eq!(walk(&["c", "b", "a"], true, 2), [vec!["c", "b"], vec!["a"]]);
        assert_eq!(walk(&[], false, 2), [Vec::<String>::new()]);
    }

    #[test]
    fn a_token_outlives_the_item_it_names() {
        let token = page(["a", "b", "c"].into_iter(), |item| (*item).to_owned(), false, None, 2).unwrap().1;
        let rest = page(["a", "c"].into_iter(), |item| (*item).to_owned(), false, token.as_deref(), 2).unwrap();
        assert_eq!(rest, (vec!["c"], None));
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let refused = page(["a"].into_iter(), |item| (*item).to_owned(), false, Some("%"), 2).unwrap_err();
        assert_eq!(refused.code, "InvalidRequestException");
    }
}
