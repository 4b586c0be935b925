//! `openSearch` and `elasticsearch` (OpenSearch REST API: "Index document").
use serde::{Deserialize, Serialize};

use crate::call::{Action, Words};
use crate::request::encoded;
use crate::{Context, Request};

/// `openSearch`. The domain is the one that `[[service]]` names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenSearch {
    role_arn: String,
    endpoint: String,
    index: String,
    #[serde(rename = "type")]
    kind: String,
    id: String,
}

/// `elasticsearch`: the same by its older name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Elasticsearch(OpenSearch);

impl OpenSearch {
    fn document(&self, context: &Context<'_>) -> Result<Request, String> {
        context.object()?; // a document is an object
        let path = [&self.index, &self.kind, &self.id].map(|segment| format!("/{}", encoded(segment))).concat();
        if self.index.is_empty() || self.kind.is_empty() || self.id.is_empty() {
            return Err(format!("`{path}` names no document: index, type and id may not be empty"));
        }
        let headers = vec![("content-type", "application/json".into())];
        Ok(Request { method: "PUT", path, headers, body: context.result.to_vec() })
    }
}

impl Action for OpenSearch {
    const WORDS: Words =
        Words { action: "OpenSearchAction", doing: "index the document", kind: "openSearch", resource_is: "Index" };
    const SERVICE: &'static str = "es";

    fn resource(&self) -> &str {
        &self.index
    }

    fn request(&self, context: &Context<'_>) -> Result<Request, String> {
        self.document(context)
    }
}

impl Action for Elasticsearch {
    const WORDS: Words =
        Words { action: "ElasticsearchAction", kind: "elasticsearch", ..<OpenSearch as Action>::WORDS };
    const SERVICE: &'static str = "es";

    fn resource(&self) -> &str {
        &self.0.index
    }

    fn request(&self, context: &Context<'_>) -> Result<Request, String> {
        self.0.document(context)
    }
}
