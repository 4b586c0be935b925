//! `MaxResults`, `NextToken`.
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sekisho_catalog::CatalogError;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::ApiError;

/// Glue's default page, and its largest.
const RESULTS_MAX: usize = 100;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Page {
    max_results: Option<usize>,
    next_token: Option<String>,
}

impl Page {
    /// A page of `items`, which come in the order of their names, under the member `member`.
    pub fn of(&self, member: &'static str, items: impl Iterator<Item = (String, Value)>) -> Result<Value, ApiError> {
        let after = self.next_token.as_deref().map(decode).transpose()?;
        let mut rest = items.filter(|(name, _)| after.as_ref().is_none_or(|after| name > after));
        let (mut taken, mut last) = (Vec::new(), None);
        for (name, item) in rest.by_ref().take(self.max_results.unwrap_or(RESULTS_MAX)) {
            last = Some(name);
            taken.push(item);
        }
        let next = last.filter(|_| rest.next().is_some());
        let mut answer = json!({ member: taken });
        if let Some(next) = next {
            answer["NextToken"] = BASE64_URL_SAFE_NO_PAD.encode(next).into();
        }
        Ok(answer)
    }
}

fn decode(token: &str) -> Result<String, ApiError> {
    let text = BASE64_URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    text.ok_or_else(|| CatalogError::InvalidInput("Invalid NextToken".into()).into())
}
