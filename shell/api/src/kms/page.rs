//! `Limit`, `Marker`, `NextMarker`, `Truncated`.
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::ApiError;

/// A page of `items`, which come in the order of their names: at most `limit` behind the marker's, under the member `name`.
pub(super) fn page(
    name: &'static str,
    items: impl Iterator<Item = (String, Value)>,
    marker: Option<&str>,
    limit: usize,
) -> Result<Value, ApiError> {
    let after = marker.map(decode).transpose()?;
    let mut rest = items.filter(|(name, _)| after.as_ref().is_none_or(|after| name > after));
    let (mut taken, mut last) = (Vec::new(), None);
    for (name, item) in rest.by_ref().take(limit) {
        last = Some(name);
        taken.push(item);
    }
    let next = last.filter(|_| rest.next().is_some());
    let mut answer = json!({ name: taken, "Truncated": next.is_some() });
    if let Some(next) = next {
        answer["NextMarker"] = BASE64_URL_SAFE_NO_PAD.encode(next).into();
    }
    Ok(answer)
}

fn decode(marker: &str) -> Result<String, ApiError> {
    let text = BASE64_URL_SAFE_NO_PAD.decode(marker).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    text.ok_or_else(|| ApiError::new(400, "InvalidMarkerException", "Invalid marker"))
}
